"""The stage: a real database, a real dispatcher, a real web application, and a cast of people."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.databases import Postgres, new_database
from tests.world import World


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> None:
    """A developer's own settings must not steer the tests."""
    for name in [name for name in os.environ if name.startswith("NEUGUONG_")]:
        if name != "NEUGUONG_CHROMIUM":
            del os.environ[name]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A real PostgreSQL server, started once."""
    server = Postgres(tmp_path_factory.mktemp("postgres"))
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind: the same test runs on both."""
    return new_database(request, tmp_path)


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The whole service over one database, with an office and an open consultation."""
    async with World(database_url, tmp_path) as made:
        yield made
