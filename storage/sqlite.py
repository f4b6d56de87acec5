"""The writer's connection to SQLite: only what waits for the disk leaves the event loop.

A statement of a turn takes microseconds here, the way to a thread and back some hundred: aiosqlite
goes it four times for each SELECT. So statements run where they are, the write lock that another
process may hold is waited for here, and only a commit goes to a thread. Whatever reads much has
the readers' connections, which are aiosqlite's.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

BUSY_PAUSE = 0.01
"""Seconds between two tries for a lock that another process holds."""


class Cursor:
    """What SQLAlchemy asks of an asyncio driver's cursor."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cursor = connection.held.cursor()

    async def __aenter__(self) -> Self:
        return self

    @property
    def description(self) -> Any:
        return self._cursor.description

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    @property
    def lastrowid(self) -> int | None:
        return self._cursor.lastrowid

    async def execute(self, operation: str, parameters: Sequence[Any] = ()) -> None:
        await self._connection.idle()
        if operation.startswith("BEGIN"):
            await self._connection.begin(self._cursor, operation)
        else:
            self._cursor.execute(operation, parameters)

    async def executemany(self, operation: str, parameters: Sequence[Any]) -> None:
        await self._connection.idle()
        self._cursor.executemany(operation, parameters)

    async def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()

    async def close(self) -> None:
        self._cursor.close()


class Connection:
    """What SQLAlchemy asks of an asyncio driver's connection."""

    def __init__(self, held: sqlite3.Connection, busy_seconds: float) -> None:
        self.held = held
        self._connection: sqlite3.Connection | None = held
        """None once closed: the dialect looks at it by this name."""
        self._busy_seconds = busy_seconds
        self._away: asyncio.Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, "sqlite")
        """Its own: a commit must not queue behind pictures."""

    async def begin(self, cursor: sqlite3.Cursor, operation: str) -> None:
        """Waits for another process as long as SQLite would, without holding up this one."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._busy_seconds
        while True:
            try:
                cursor.execute(operation)
                return
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or loop.time() > until:
                    raise
                await asyncio.sleep(BUSY_PAUSE)

    async def away(self, work: Callable[[], None]) -> None:
        """In a thread. One who is cancelled meanwhile leaves it running; the next one waits."""
        await self.idle()
        self._away = asyncio.get_running_loop().run_in_executor(self._thread, work)
        await asyncio.shield(self._away)

    async def idle(self) -> None:
        if self._away is not None and not self._away.done():
            await asyncio.wait([self._away])

    def cursor(self) -> Cursor:
        return Cursor(self)

    async def execute(self, operation: str, parameters: Sequence[Any] = ()) -> None:
        await self.cursor().execute(operation, parameters)

    async def create_function(self, *given: Any, **named: Any) -> None:
        self.held.create_function(*given, **named)

    async def commit(self) -> None:
        await self.away(self.held.commit)

    async def rollback(self) -> None:
        if self.held.in_transaction:
            await self.away(self.held.rollback)

    async def close(self) -> None:
        await self.idle()
        self.stop()

    def stop(self) -> None:
        self._connection = None
        self._thread.shutdown(wait=False)
        self.held.close()


async def connect(path: str, busy_seconds: float) -> Connection:
    """Transactions are begun and ended by their statements alone."""
    held = await asyncio.to_thread(
        sqlite3.connect, path, busy_seconds, isolation_level=None, check_same_thread=False
    )
    return Connection(held, busy_seconds)
