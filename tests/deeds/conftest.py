"""A stage for good deeds: the whole service, or its rows alone on either database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from storage.db import Database
from storage.seed import load_catalogue
from tests.deadlines.ground import Ground
from tests.deeds.ground import Deeds


@pytest.fixture
async def deeds(database_url: str) -> AsyncIterator[Deeds]:
    db = Database(database_url)
    async with db.transaction() as session:
        await load_catalogue(session)
        yield await Deeds(Ground(session)).begin()
    await db.close()
