"""Officers are told what waits: one message for however many, in office hours, not every hour."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import outbox
from bot.clock import OutsideCoverage, load_calendar, office_hours_open
from bot.contacts import WILLING
from bot.replies import Reply, choice, reply
from bot.vault import Vault
from handlers.consultations.review import matters, waiting
from handlers.consultations.review.presses import press
from storage.models.office import Officer, Role
from storage.models.people import Contact

log = structlog.get_logger()
ROUND = timedelta(hours=1)


async def tell_officers(session: AsyncSession, vault: Vault, now: datetime) -> int:
    """Returns how many were told. What came in outside office hours waits for the next ones."""
    if not await _office_is_open(session, now):
        return 0
    officers = await session.scalars(
        select(Officer)
        .where(
            Officer.revoked_at.is_(None),
            Officer.contact_id.in_(select(Contact.id).where(WILLING)),
            Officer.role.in_((Role.OFFICER, Role.RESTRICTED)),
            (Officer.told_at.is_(None)) | (Officer.told_at <= now - ROUND),
        )
        .with_for_update(skip_locked=True)
    )
    told = 0
    for officer in officers.all():
        message = await _news(session, officer)
        if message is not None:
            outbox.tell(session, vault, officer.contact_id, message, due_at=now)
            officer.told_at = now
            told += 1
    return told


async def _office_is_open(session: AsyncSession, now: datetime) -> bool:
    try:
        return office_hours_open(await load_calendar(session), now)
    except OutsideCoverage:
        log.error("officers are not told: the holiday table ends before today")
        return False


async def _news(session: AsyncSession, officer: Officer) -> Reply | None:
    """None while nothing has come in since the officer was last told."""
    if officer.role == Role.RESTRICTED:
        return await _restricted_news(session, officer)
    groups = await waiting.groups(session, officer)
    if not groups or not _is_new(officer, max(group.newest for group in groups)):
        return None
    count = sum(group.count for group in groups)
    return reply("review-news", n=count, candidates=len(groups)).offering(
        choice("review-list-button", press("list"))
    )


async def _restricted_news(session: AsyncSession, officer: Officer) -> Reply | None:
    """Says that there is work, not what: a telephone lies about."""
    found = await matters.matters(session, officer)
    latest = await matters.handed_over_at(session, found)
    if latest is None or not _is_new(officer, latest):
        return None
    return reply("review-matters-news").offering(choice("review-matters-button", press("matters")))


def _is_new(officer: Officer, at: datetime) -> bool:
    return officer.told_at is None or at > officer.told_at
