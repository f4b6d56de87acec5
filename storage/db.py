"""The one place that opens connections and transactions, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from storage.sqlite import connect

BUSY_SECONDS = 10
_PRESENCE = 0x6E68


class Refusal(Exception):
    """The database cannot be used as it is: the key of a sentence that says what to do."""

    def __init__(self, key: str, /, **args: str) -> None:
        super().__init__(key, args)
        self.told = ((key, args),)


class UnsafeStorage(Refusal):
    """It would lose acknowledged work when the power goes; we refuse to start on it."""


class Database:
    """`transaction()` writes, `reading()` only reads; neither is ever opened anywhere else.

    On SQLite there is one writer connection (BEGIN IMMEDIATE, so a read never has to become a
    write half-way) and separate readers. On PostgreSQL both come from one pool.
    """

    def __init__(self, url: str, *, pool_size: int = 5) -> None:
        self.url = make_url(url)
        self.sqlite = self.url.get_backend_name() == "sqlite"
        self._turnstile = asyncio.Lock()
        self._presence: AsyncConnection | None = None
        if self.sqlite:
            self._writer = _sqlite_engine(self.url, writes=True, pool_size=1)
            self._reader = _sqlite_engine(self.url, writes=False, pool_size=pool_size)
        else:
            self._writer = self._reader = create_async_engine(
                self.url, pool_size=pool_size, max_overflow=pool_size, hide_parameters=True
            )
        _note_writes(self._writer)
        self._sessions = async_sessionmaker(self._writer, expire_on_commit=False)

    @property
    def engine(self) -> AsyncEngine:
        return self._writer

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Commits when the block ends, rolls back when it raises. Not re-entrant on SQLite."""
        if not self.sqlite:
            async with self._sessions.begin() as session:
                yield session
            return
        async with self._turnstile, self._sessions.begin() as session:
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A snapshot to read from; whatever it would write is thrown away."""
        async with AsyncSession(self._reader, expire_on_commit=False) as session:
            try:
                yield session
            finally:
                session.expunge_all()
                await session.rollback()

    async def refuse_if_unsafe(self) -> None:
        """Reads the durability settings back. Raises UnsafeStorage."""
        async with self.transaction() as session:
            if self.sqlite:
                level = (await session.execute(text("PRAGMA synchronous"))).scalar_one()
                journal = (await session.execute(text("PRAGMA journal_mode"))).scalar_one()
                if int(level) != 2 or journal != "wal":
                    found = {"synchronous": str(level), "journal": str(journal)}
                    raise UnsafeStorage("starting-unsafe-sqlite", **found)
                return
            for name in ("fsync", "synchronous_commit"):
                value = (await session.execute(text(f"SHOW {name}"))).scalar_one()
                if value == "off":
                    raise UnsafeStorage("starting-unsafe-postgresql", name=name)

    async def join(self) -> bool:
        """Counts this process among those that work here, until `close` or its death.

        True when it is the only one: what others left half done has no owner any more. On SQLite
        there is never a second one.
        """
        if self.sqlite:
            return True
        self._presence = await self._writer.connect()
        await self._presence.execution_options(isolation_level="AUTOCOMMIT")
        alone = await self._presence.scalar(text(f"SELECT pg_try_advisory_lock({_PRESENCE})"))
        await self._presence.execute(text(f"SELECT pg_advisory_lock_shared({_PRESENCE})"))
        if alone:
            await self._presence.execute(text(f"SELECT pg_advisory_unlock({_PRESENCE})"))
        return bool(alone)

    async def close(self) -> None:
        if self._presence is not None:
            await self._presence.close()
        await self._writer.dispose()
        if self._reader is not self._writer:
            await self._reader.dispose()


def wrote(session: AsyncSession) -> bool:
    """Whether this session's connection has changed anything since `forget_writes`."""
    return bool(_connection_notes(session).get("wrote"))


def forget_writes(session: AsyncSession) -> None:
    _connection_notes(session)["wrote"] = False


def _connection_notes(session: AsyncSession) -> dict[Any, Any]:
    return session.sync_session.connection().info


def _note_writes(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if not statement.startswith(("SELECT", "PRAGMA", "SHOW")):
            conn.info["wrote"] = True


def _sqlite_engine(url: URL, *, writes: bool, pool_size: int) -> AsyncEngine:
    given: dict[str, Any] = {"connect_args": {"timeout": BUSY_SECONDS, "isolation_level": None}}
    if writes:
        given = {"async_creator": partial(connect, str(url.database), BUSY_SECONDS)}
    engine = create_async_engine(
        url, pool_size=pool_size, max_overflow=0, hide_parameters=True, **given
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
            "trusted_schema=OFF",
            f"busy_timeout={BUSY_SECONDS * 1000}",
            "journal_size_limit=67108864",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.execute("PRAGMA busy_timeout=0" if writes else "PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def insert_ignoring(db: Database | AsyncSession, model: type[Any]) -> Any:
    """INSERT … ON CONFLICT DO NOTHING into the model's table, in the database's own dialect."""
    engine = db.engine.sync_engine if isinstance(db, Database) else db.get_bind()
    dialect = sqlite if engine.dialect.name == "sqlite" else postgresql
    return dialect.insert(model.__table__).on_conflict_do_nothing()
