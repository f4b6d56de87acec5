"""The tick: APScheduler says when, a query says what, each job has its own transaction."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.incidents import new_incident
from storage.db import Database
from storage.models.traffic import Incident

log = structlog.get_logger()
WATCH_SECONDS = 10


@dataclass(frozen=True)
class Job:
    """What time does. Doing it twice, or in two processes at once, must be harmless."""

    name: str
    seconds: int
    work: Callable[[AsyncSession, datetime], Awaitable[object]]


class Scheduler:
    """Its memory is the database: nothing is lost when a tick is missed."""

    def __init__(
        self,
        db: Database,
        jobs: Sequence[Job],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._db, self._clock = db, clock
        self._ticks = AsyncIOScheduler(timezone="Asia/Ho_Chi_Minh")
        for job in jobs:
            self._ticks.add_job(
                self.do, "interval", seconds=job.seconds, args=[job], name=job.name,
                coalesce=True, max_instances=1, misfire_grace_time=None,
                next_run_time=datetime.now(UTC),
            )  # fmt: skip

    def start(self) -> None:
        self._ticks.start()

    async def watch(self) -> None:
        """For ever: a machine's clock that is set back would leave the ticks waiting for a time
        that was once; then all of them are due at once, which does no harm."""
        ahead = time.time() - time.monotonic()
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            now = time.time() - time.monotonic()
            if now < ahead - 1:
                log.warning("the clock was set back", seconds=round(ahead - now))
                for tick in self._ticks.get_jobs():
                    tick.modify(next_run_time=datetime.now(UTC))
            ahead = now

    def stop(self) -> None:
        if self._ticks.running:
            self._ticks.shutdown(wait=False)

    async def do(self, job: Job) -> None:
        try:
            async with self._db.transaction() as session:
                await job.work(session, self._clock())
        except Exception as error:  # the top of the job
            incident = new_incident(f"job:{job.name}", error, self._clock())
            log.error("job failed", job=job.name, incident=incident.id, error=type(error).__name__)
            await self._keep(incident)

    async def _keep(self, incident: Incident) -> None:
        try:
            async with self._db.transaction() as session:
                session.add(incident)
        except (SQLAlchemyError, OSError):
            log.error("the incident could not be stored", incident=incident.id)
