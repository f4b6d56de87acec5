"""The door: an event is stored, and only then acknowledged. No network, no work, no aiogram."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bot.background import Background
from bot.vault import Vault
from storage.db import Database, insert_ignoring
from storage.models.traffic import InboxEvent

log = structlog.get_logger()
BATCH = 256


@dataclass(frozen=True)
class Arrival:
    """One raw event. `event_id` is unique within (channel, account); `lane` hashes the sender."""

    channel: str
    account: str
    event_id: str
    lane: bytes
    body: bytes
    ready: bool = True
    """False when files must be fetched before its turn."""
    files: tuple[dict[str, Any], ...] = ()
    """Files already taken in: {id, kind, name} each."""
    place: int | None = None
    """A message's number in the account's one order of messages, where it has one."""


class CannotStore(Exception):
    """Nothing was kept; the sender must try again later (HTTP 503)."""


class Door:
    """Stores many arrivals in one commit: throughput comes from committing together."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        background: Background,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._db, self._vault, self._background, self._clock = db, vault, background, clock
        self._waiting: list[tuple[Arrival, asyncio.Future[None]]] = []
        self._storing = False
        self.arrived = asyncio.Event()
        """Set when something new lies in the inbox."""

    async def store(self, arrival: Arrival) -> None:
        """Returns when the event is durably stored, the second time too. Raises CannotStore."""
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, stored))
        if not self._storing:
            self._storing = True
            self._background.start(self._store_waiting(), "door")
        await stored

    async def store_all(self, arrivals: list[Arrival]) -> None:
        """As `store`, for a batch that is acknowledged as one (polling)."""
        await asyncio.gather(*(self.store(arrival) for arrival in arrivals))

    async def _store_waiting(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                await self._commit(batch)
        finally:
            self._storing = False
            for _, stored in self._waiting:
                stored.cancel()
            self._waiting = []

    async def _commit(self, batch: list[tuple[Arrival, asyncio.Future[None]]]) -> None:
        now = self._clock()
        rows = [self._row(arrival, now) for arrival, _ in batch]
        try:
            async with self._db.transaction() as session:
                await session.execute(insert_ignoring(self._db, InboxEvent), rows)
        except (SQLAlchemyError, OSError) as error:
            log.error("cannot store events", events=len(batch), error=type(error).__name__)
            outcome: Exception | None = CannotStore()
        else:
            outcome = None
            self.arrived.set()
        for _, stored in batch:
            if stored.done():
                continue
            if outcome:
                stored.set_exception(outcome)
            else:
                stored.set_result(None)

    def _row(self, arrival: Arrival, now: datetime) -> dict[str, object]:
        return {
            "channel": arrival.channel,
            "account": arrival.account,
            "event_id": arrival.event_id,
            "lane": arrival.lane,
            "body": self._vault.seal_system(arrival.body, "inbox"),
            "received_at": now,
            "ready": arrival.ready,
            "files": list(arrival.files),
            "place": arrival.place,
            "attempts": 0,
        }
