"""Whoever told a good deed is told, unasked, of each public step and of the end."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import outbox
from bot.clock import OutsideCoverage, load_calendar, local_day, office_hours_open
from bot.replies import Reply, choice, link, reply
from bot.vault import Vault
from handlers.deeds import people, service
from storage.models.deeds import Deed, DeedState
from storage.models.people import Contact
from storage.models.traffic import OutboxMessage
from storage.models.units import Unit

log = structlog.get_logger()
WAITING = (DeedState.RECEIVED, DeedState.UNCHECKABLE)
"""What an officer must decide on next."""
PUBLIC_STEPS = (
    DeedState.CHECKING, DeedState.CONFIRMED, DeedState.NOT_CONFIRMED, DeedState.UNCHECKABLE,
    DeedState.NURTURED, DeedState.PROPOSED, DeedState.PUBLISHED, DeedState.UNPUBLISHED,
    DeedState.REJECTED,
)  # fmt: skip
"""What witnesses hear of; the office's own papers are not among it."""


async def tell_tellers(
    session: AsyncSession, vault: Vault, deed: Deed, now: datetime, *, page: str = ""
) -> int:
    """Once for each version of the deed. Returns how many were told: those who still stand by it
    and left a chat. Answering is not asked of them, so nothing is sent to who blocked us. `page`
    is where the public reads of it."""
    if deed.state not in PUBLIC_STEPS:
        return 0
    told, public = 0, (link("deed_news-page-button", page),) if page else ()
    for row in await service.reports_of(session, deed):
        contact = await session.get(Contact, row.contact_id) if row.contact_id else None
        if contact is None or contact.blocked:
            continue
        step = (await _step(session, vault, deed, row.id)).offering(*public)
        outbox.tell(
            session, vault, contact.id, step, due_at=now,
            dedupe_key=f"deed:{row.id}:{deed.version}",
        )  # fmt: skip
        told += 1
    return told


async def _step(session: AsyncSession, vault: Vault, deed: Deed, report_id: str) -> Reply:
    unit = await session.get(Unit, deed.unit_id) if deed.unit_id else None
    reason = await service.reason_of(session, vault, deed)
    news = reply(
        f"deed_news-{DeedState(deed.state)}", unit=unit.name if unit else "—", reason=reason or "—"
    )
    return news.offering(choice("tell-see-button", f"vr:o:{report_id}"))


async def tell_waiting(session: AsyncSession, vault: Vault, now: datetime) -> int:
    """Once each working day, in office hours, officers hear how many deeds wait for them. Returns
    how many officers were told; those of an office where nothing waits are not."""
    try:
        if not office_hours_open(await load_calendar(session), now):
            return 0
    except OutsideCoverage:
        log.error("officers are not told of deeds: the holiday table ends before today")
        return 0
    waiting = await session.execute(
        select(Deed.office_id, func.count())
        .where(Deed.state.in_(WAITING))
        .group_by(Deed.office_id)
    )
    told = 0
    for office_id, count in waiting.all():
        for officer in await people.officers_of(session, office_id):
            key = f"deeds-wait:{officer.id}:{local_day(now)}"
            asked = select(OutboxMessage.id).where(OutboxMessage.dedupe_key == f"{key}:0")
            if await session.scalar(asked) is None:
                message = reply("deed_news-waiting", n=count).offering(
                    choice("deed_review-list-button", "vd:list")
                )
                outbox.tell(
                    session, vault, officer.contact_id, message, due_at=now, dedupe_key=key
                )
                told += 1
    return told
