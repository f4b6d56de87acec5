"""What became of messages: stored together, soon, because many share one commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from bot.background import Background, heard
from bot.outbox.owing import COLUMN, TABLE
from storage.db import Database
from storage.models.traffic import OutboxState

log = structlog.get_logger()
RECORD_SECONDS = 0.05
"""How long an outcome may wait for company; what a crash finds unrecorded is sent again."""
PUT_OFF = "put off"
"""Stands as the error of what waits for another try."""


class Outcomes:
    """Kept in memory until nothing else is on its way, for RECORD_SECONDS at most; then written
    in one transaction."""

    def __init__(
        self,
        db: Database,
        background: Background,
        calm: asyncio.Event,
        clock: Callable[[], datetime],
    ) -> None:
        self._db, self._background, self._calm, self._clock = db, background, calm, clock
        self._records: list[dict[str, Any]] = []
        self._recorder: asyncio.Task[None] | None = None

    def record(
        self,
        one: Any,
        state: OutboxState,
        *,
        sent_id: str | None = None,
        error: str | None = None,
        due_at: datetime | None = None,
    ) -> None:
        """Of an Owed or of a row. Outcomes are stored together, soon: many share one commit."""
        now = self._clock()
        self._records.append(
            {
                "b_id": one.id, "b_state": state, "b_sent_id": sent_id,
                "b_error": error and error[:300], "b_due_at": due_at, "b_now": now,
                "b_strays": one.strays, "b_keeps": due_at is not None,
            }
        )  # fmt: skip
        if self._recorder is None:
            self._recorder = self._background.start(self._store(), "record")

    async def written(self) -> None:
        """Returns when nothing waits to be written."""
        if self._recorder is not None:
            await asyncio.wait([self._recorder])

    async def _store(self) -> None:
        try:
            while self._records:
                await heard(self._calm, RECORD_SECONDS)
                await self._store_batch()
        except asyncio.CancelledError:
            # An orderly stop: what went out must not go again after the next start.
            await self._store_batch()
            raise
        finally:
            self._recorder = None

    async def _store_batch(self) -> None:
        batch, self._records = self._records, []
        done = [record for record in batch if not record["b_keeps"]]
        later = [record for record in batch if record["b_keeps"]]
        try:
            async with self._db.transaction() as session:
                if done:
                    await session.execute(_FINISHED, done)
                if later:
                    await session.execute(_LATER, later)
                put_off = [one for one in later if one["b_state"] == OutboxState.QUEUED]
                if put_off:
                    await session.execute(_NOT_BEFORE, put_off)
        except (SQLAlchemyError, OSError) as error:
            log.error("outcomes wait for the database", error=type(error).__name__)
            self._records = batch + self._records
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            self._records = batch + self._records
            raise


_FINISHED = (
    update(TABLE)
    .where(
        COLUMN.id == bindparam("b_id"),
        or_(COLUMN.state == OutboxState.SENDING, COLUMN.state == OutboxState.IN_DOUBT),
    )
    .values(
        state=bindparam("b_state"),
        sent_id=bindparam("b_sent_id"),
        error=bindparam("b_error"),
        sent_at=bindparam("b_now"),
        strays=bindparam("b_strays"),
        reply=None,
        lease_until=None,
    )
)
_LATER = (
    update(TABLE)
    .where(COLUMN.id == bindparam("b_id"), COLUMN.state == OutboxState.SENDING)
    .values(
        state=bindparam("b_state"), due_at=bindparam("b_due_at"), error=bindparam("b_error"),
        strays=bindparam("b_strays"), lease_until=None,
    )
)  # fmt: skip
_PUT_OFF = TABLE.alias()
_NOT_BEFORE = (
    update(TABLE)
    .where(
        COLUMN.state == OutboxState.QUEUED,
        COLUMN.due_at < bindparam("b_due_at"),
        COLUMN.contact_id
        == select(_PUT_OFF.c.contact_id)
        .where(_PUT_OFF.c.id == bindparam("b_id"))
        .scalar_subquery(),
    )
    .values(due_at=bindparam("b_due_at"), error=PUT_OFF)
)
"""What was put off takes along whatever else waits for that contact: its order is kept."""
