"""A stage for what units and their people do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.deadlines.cast import MONDAY
from tests.world import World


@pytest.fixture
async def stage(sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The whole service on a Monday morning that does not pass."""
    async with World(sqlite_url, tmp_path) as made:
        made.stopped_at = MONDAY
        yield made
