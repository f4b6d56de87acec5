"""The schema of a database: which it has, which it must have, and the way from one to the other.

A new revision, after the models were changed (then name it at the end of REVISIONS):

    .venv/bin/python -m storage.schema 0002_short_name "What it brings"
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.db import Database, Refusal

if TYPE_CHECKING:
    from alembic.config import Config

REVISIONS = (
    "0001_foundation",
    "0002_acts_are_final",
    "0003_units_and_deadlines",
    "0004_papers_of_a_notice",
    "0005_good_deeds",
    "0006_awards_nobody_compared",
    "0007_publications",
    "0008_movements",
)
"""Every revision in order. Kept here too, so that a start does not pay for importing alembic."""
HEAD = REVISIONS[-1]
_LOCK = 0x6E67
"""Of two processes that migrate one PostgreSQL database at once, the second waits."""


class SchemaError(Refusal):
    """Its schema is not the one this version works with."""


async def version(db: Database) -> str | None:
    """The revision the database is at; None when it holds no schema yet."""
    async with db.engine.connect() as connection:
        try:
            found = await connection.execute(text("SELECT version_num FROM alembic_version"))
        except DBAPIError as error:
            if _says_no_such_table(error):
                return None
            raise
        return found.scalar_one_or_none()


async def is_current(db: Database) -> bool:
    """One small query, and no import of alembic."""
    return await version(db) == HEAD


async def refuse_unless_current(db: Database) -> None:
    """Raises SchemaError."""
    found = await version(db)
    _refuse_newer(found)
    if found != HEAD:
        raise SchemaError("starting-schema-older")


async def migrate(db: Database, to: str = HEAD) -> Path | None:
    """Brings the schema up to date in one transaction: all of it or nothing.

    Returns the copy that was made first of an SQLite file that was behind, if any.
    Raises SchemaError for a database of a newer version.
    """
    found = await version(db)
    _refuse_newer(found)
    if found == to:
        return None
    kept = await _copy_first(db, found)
    await _run(db, _upgrade, to)
    return kept


async def downgrade(db: Database, to: str = "base") -> None:
    """For tests and for undoing a failed release: what the schema loses, the data loses too."""
    await _run(db, _downgrade, to)


async def differences(url: str = "") -> list[str]:
    """What the revisions make of an empty database that the models do not say, and the reverse.

    `url` names a database to spoil; an SQLite file that is thrown away when none is given.
    """
    with TemporaryDirectory() as folder:
        db = Database(url or f"sqlite+aiosqlite:///{folder}/empty.db")
        try:
            await migrate(db)
            async with db.engine.connect() as connection:
                return await connection.run_sync(_compare)
        finally:
            await db.close()


def _refuse_newer(found: str | None) -> None:
    if found is not None and found not in REVISIONS:
        raise SchemaError("starting-schema-newer", found=found, known=HEAD)


def _says_no_such_table(error: DBAPIError) -> bool:
    words = str(error.orig)
    return "no such table" in words or 'relation "alembic_version" does not exist' in words


async def _copy_first(db: Database, found: str | None) -> Path | None:
    if not db.sqlite or found is None or not db.url.database:
        return None
    path = Path(db.url.database)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    copy = path.with_name(f"{path.name}.before-{HEAD}-{stamp}")
    await asyncio.to_thread(copy_sqlite, path, copy)
    return copy


def copy_sqlite(source: Path, target: Path) -> None:
    """A consistent copy of a database that may be in use, for its owner only. Blocking."""
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
        target.chmod(0o600)
        live.backup(copy)


async def _run(db: Database, step: Any, to: str) -> None:
    async with db.engine.connect() as connection:
        if not db.sqlite:
            async with connection.begin():
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
                await connection.run_sync(step, to)
            return
        # A table that is rebuilt is dropped first: with foreign keys on, its rows would take
        # others with them. The pragma is deaf inside a transaction, so it goes before it.
        await _pragma(connection, "foreign_keys=OFF")
        try:
            async with connection.begin():
                await connection.run_sync(step, to)
                await _refuse_orphans(connection)
        finally:
            await _pragma(connection, "foreign_keys=ON")


async def _pragma(connection: AsyncConnection, words: str) -> None:
    raw = await connection.get_raw_connection()
    assert raw.driver_connection is not None
    await raw.driver_connection.execute(f"PRAGMA {words}")


async def _refuse_orphans(connection: AsyncConnection) -> None:
    orphans = (await connection.execute(text("PRAGMA foreign_key_check"))).all()
    if orphans:
        count, table = str(len(orphans)), str(orphans[0][0])
        raise SchemaError("starting-migration-orphans", count=count, table=table)


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("file_template", "%%(rev)s")
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection, to: str) -> None:
    from alembic import command

    command.upgrade(_config(connection), to)


def _downgrade(connection: Connection, to: str) -> None:
    from alembic import command

    command.downgrade(_config(connection), to)


def _compare(connection: Connection) -> list[str]:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from storage.models import Base

    seen = MigrationContext.configure(connection, opts={"compare_type": True})
    return [_line(change) for change in compare_metadata(seen, Base.metadata)]


def _line(change: Any) -> str:
    """Alembic gives tuples, and lists of them for one column."""
    return (
        "; ".join(map(_line, change)) if isinstance(change, list) else " ".join(map(str, change))
    )


async def _write_revision(revision: str, message: str) -> None:
    from alembic import command

    def write(connection: Connection) -> None:
        command.revision(_config(connection), message, autogenerate=True, rev_id=revision)

    with TemporaryDirectory() as folder:
        db = Database(f"sqlite+aiosqlite:///{folder}/empty.db")
        try:
            await migrate(db)
            async with db.engine.connect() as connection:
                await connection.run_sync(write)
        finally:
            await db.close()


if __name__ == "__main__":
    asyncio.run(_write_revision(sys.argv[1], sys.argv[2]))
