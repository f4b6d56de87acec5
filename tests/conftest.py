"""The stage: a real database, a real dispatcher, a real web application, and a cast of people."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import redirect_stdout
from datetime import date, datetime
from functools import cache
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.clock import VIETNAM
from tests.databases import Postgres, migrate, new_sqlite
from tests.desk import Desk, type_verb
from tests.world import World

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")  # how fast the machine is proves nothing of the code


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> None:
    """A developer's own settings must not steer the tests."""
    for name in [name for name in os.environ if name.startswith("NEUGUONG_")]:
        if name != "NEUGUONG_CHROMIUM":
            del os.environ[name]


@pytest.fixture(scope="session", autouse=True)
def _authorities_once() -> Iterator[None]:
    """Every service reads the world's certificate authorities when it starts: a long file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ssl.create_default_context", cache(ssl.create_default_context))
        yield


@pytest.fixture(scope="session", autouse=True)
def _statements_once() -> Iterator[None]:
    """A service has one engine for life, the tests have thousands, each of which would compile
    every statement anew: all of a kind share one dialect, and what was compiled for it."""
    first: dict[str, Engine] = {}

    def engine_like_the_first(url: str, **options: Any) -> AsyncEngine:
        made = create_async_engine(url, **options)
        inner = made.sync_engine
        known = first.setdefault(inner.name, inner)
        inner.dialect = inner.pool._dialect = known.dialect
        inner._compiled_cache = known._compiled_cache
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("storage.db.create_async_engine", engine_like_the_first)
        yield


@pytest.fixture(scope="session", autouse=True)
def _little_work() -> Iterator[None]:
    """The proof of work that opens a web chat is as in life, only smaller."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bot.web.chat.HASHES", (2, 50))
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL server, started once.

    Not under pytest's own folder: another run closes that to the user the server runs as.
    """
    with TemporaryDirectory(prefix="neuguong-postgres-") as folder:
        server = Postgres(Path(folder))
        yield server
        server.stop()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file that holds the schema and nothing else."""
    path = tmp_path_factory.mktemp("template") / "neuguong.db"
    asyncio.run(migrate(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    return new_sqlite(sqlite_template, tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated database without data, of each kind: the same test runs on both."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    url = postgres.new_migrated()
    yield url
    postgres.drop(url)


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The whole service over one database, with an office and an open consultation."""
    async with World(database_url, tmp_path) as made:
        yield made


@pytest.fixture
async def sqlite_world(sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """As `world`, on SQLite alone: for what does not depend on the database."""
    async with World(sqlite_url, tmp_path) as made:
        yield made


@pytest.fixture
async def webhook_world(sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """As `sqlite_world`, with Telegram's updates brought by webhook."""
    async with World(sqlite_url, tmp_path, mode="webhook") as made:
        yield made


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


@pytest.fixture(scope="session")
def demo_folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """A data folder with the invented office as the verb loads it, made once in a day."""

    @cache
    def made(day: date) -> Path:
        folder = tmp_path_factory.mktemp("demo") / "home"
        with redirect_stdout(StringIO()):
            assert type_verb("demo", home=str(folder)) == 0
        return folder

    return lambda: made(datetime.now(VIETNAM).date())


@pytest.fixture
def demo(desk: Desk, demo_folders: Callable[[], Path]) -> Desk:
    """The desk of the invented office."""
    shutil.copytree(demo_folders(), desk.home, dirs_exist_ok=True)
    return desk
