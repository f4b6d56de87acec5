"""Everything that time does, and how often it is looked at."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.limits import forget_old
from bot.media import FileStore
from bot.scheduler import Job, Scheduler
from handlers.consultations import drafts, lifecycle
from handlers.consultations.review import jobs as review_jobs
from handlers.deadlines.calendar import consultation_dates
from handlers.deadlines.desk import digest
from handlers.deadlines.reminders import planner, settle
from handlers.deeds import checking, morning
from handlers.officers import jobs as officer_jobs
from storage.models.traffic import (
    ChatLine,
    InboxEvent,
    Incident,
    OutboxMessage,
    OutboxState,
    SpentChallenge,
    StoredFile,
)

if TYPE_CHECKING:
    from bot.app import Foundation

KEEP_EVENTS = timedelta(days=7)
"""How long an event's id is remembered, so that it is not taken twice."""
KEEP_SENT = timedelta(days=30)
KEEP_CHATS = timedelta(days=180)
KEEP_INCIDENTS = timedelta(days=180)


def make_scheduler(base: Foundation) -> Scheduler:
    async def tell_officers(session: AsyncSession, now: datetime) -> None:
        await review_jobs.tell_officers(session, base.vault, now)

    async def tell_admins(session: AsyncSession, now: datetime) -> None:
        await officer_jobs.tell_admins(session, base.vault, now)

    async def follow_consultations(session: AsyncSession, now: datetime) -> None:
        await consultation_dates.follow(session, base.settings.default_locale, now)

    async def tell_of_the_unreachable(session: AsyncSession, now: datetime) -> None:
        await settle.tell_officers(session, base.vault, now)

    async def tell_offices(session: AsyncSession, now: datetime) -> None:
        await digest.tell_offices(session, base.vault, now)

    async def escalate_checks(session: AsyncSession, now: datetime) -> None:
        await checking.escalate(session, base.vault, now)

    async def tell_of_deeds(session: AsyncSession, now: datetime) -> None:
        await morning.tell_offices(session, base.vault, now)
        await morning.tell_units(session, base.vault, now)

    return Scheduler(
        base.db,
        [
            Job("close consultations", 30, lifecycle.close_due),
            Job("dates of consultations", 60, follow_consultations),
            Job("tell officers", 60, tell_officers),
            Job("tell admins", 60, tell_admins),
            Job("tell offices how the deadlines stand", 30, tell_offices),
            Job("plan reminders", 60, planner.plan),
            Job("settle reminders", 5, settle.settle),
            Job("tell of the unreachable", 300, tell_of_the_unreachable),
            Job("checks of good deeds that are late", 300, escalate_checks),
            Job("tell officers of good deeds", 300, tell_of_deeds),
            Job("forget old traffic", 3600, forget_traffic),
            Job("forget drafts", 3600, drafts.forget_drafts),
            Job("sweep files", 3600, partial(sweep_files, base.store)),
        ],
        base.clock,
    )


async def forget_traffic(session: AsyncSession, now: datetime) -> None:
    await forget_old(session, now)
    await session.execute(delete(InboxEvent).where(InboxEvent.done_at < now - KEEP_EVENTS))
    open_states = (OutboxState.QUEUED, OutboxState.SENDING, OutboxState.IN_DOUBT)
    ended = OutboxMessage.state.not_in(open_states)
    await session.execute(
        delete(OutboxMessage).where(ended, OutboxMessage.sent_at < now - KEEP_SENT)
    )
    await session.execute(delete(ChatLine).where(ChatLine.at < now - KEEP_CHATS))
    await session.execute(delete(Incident).where(Incident.at < now - KEEP_INCIDENTS))
    await session.execute(delete(SpentChallenge).where(SpentChallenge.expires_at < now))


async def sweep_files(store: FileStore, session: AsyncSession, now: datetime) -> int:
    """Deletes from the disk what no row names any more; returns how many."""
    known = set(await session.scalars(select(StoredFile.sha256)))
    known |= set(await session.scalars(select(StoredFile.original_sha256)))
    return store.sweep(known, older_than=now - timedelta(hours=1))
