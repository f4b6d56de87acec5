"""The database goes away and comes back: nothing stored is lost and everybody is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from structlog.testing import capture_logs

from tests.databases import Postgres
from tests.world import World


@pytest.fixture
async def world(postgres: Postgres, tmp_path: Path) -> AsyncIterator[World]:
    async with World(postgres.new(), tmp_path) as made:
        yield made


async def shut(connection: AsyncConnection, name: str, *, away: bool) -> None:
    """As in a restart of the server: nobody is let in, and those who are in are thrown out."""
    await connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {not away}"))
    if away:
        await connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
            {"name": name},
        )


async def test_a_database_that_comes_back_finds_everybody_still_waiting(world: World) -> None:
    url = make_url(world.settings.database)
    server = create_async_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    person = world.telegram.person()
    await person.says("/start")
    await person.hears("Xin chào")
    with capture_logs() as lines:
        async with server.connect() as connection:
            await shut(connection, str(url.database), away=True)
            await person.says("/trogiup")
            await asyncio.sleep(1.5)
            await shut(connection, str(url.database), away=False)
        await person.hears("Anh/chị làm được", timeout=10)
    await server.dispose()
    assert "background work failed" not in [line["event"] for line in lines]
