"""Administrators are told that the machine is unwell: one message an hour at most, of counts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import outbox
from bot.clock import OutsideCoverage, QuietHours, load_calendar, next_allowed, office_hours_open
from bot.contacts import WILLING
from bot.replies import Reply, reply
from bot.vault import Vault
from storage.models.office import Officer, Role
from storage.models.people import Contact
from storage.models.traffic import Incident, OutboxMessage, OutboxState

log = structlog.get_logger()
ROUND = timedelta(hours=1)
BURST_SPAN = timedelta(minutes=10)
BURST = 10
"""More incidents than this in BURST_SPAN wake an administrator at any hour."""


async def tell_admins(session: AsyncSession, vault: Vault, now: datetime) -> int:
    """Returns how many were told. What is not urgent waits for office hours."""
    admins = await session.scalars(
        select(Officer)
        .where(
            Officer.revoked_at.is_(None),
            Officer.contact_id.in_(select(Contact.id).where(WILLING)),
            Officer.role == Role.ADMIN,
            (Officer.told_at.is_(None)) | (Officer.told_at <= now - ROUND),
        )
        .with_for_update(skip_locked=True)
    )
    due = admins.all()
    if not due or not await _may_be_told(session, now):
        return 0
    told = 0
    for admin in due:
        message = await _news(session, admin.told_at or admin.joined_at, now)
        if message is not None:
            outbox.tell(session, vault, admin.contact_id, message, due_at=now)
            admin.told_at = now
            told += 1
    return told


async def _may_be_told(session: AsyncSession, now: datetime) -> bool:
    lately = await _count(session, Incident.id, Incident.at > now - BURST_SPAN)
    if lately > BURST:
        return True
    calendar = await load_calendar(session)
    try:
        return office_hours_open(calendar, now)
    except OutsideCoverage:
        # A table that has run out is itself something to tell: by day, then.
        log.error("the holiday table ends before today")
        return next_allowed(calendar, now, QuietHours(), working_days_only=False) == now


async def _news(session: AsyncSession, since: datetime, now: datetime) -> Reply | None:
    """None when nothing has gone wrong since."""
    incidents = await _count(session, Incident.id, Incident.at > since, Incident.at <= now)
    aside = await _count(
        session,
        OutboxMessage.id,
        OutboxMessage.state == OutboxState.SET_ASIDE,
        _set_aside_at() > since,
    )
    if not incidents and not aside:
        return None
    latest = await session.scalar(select(Incident.id).order_by(Incident.at.desc()).limit(1))
    return reply("officers-unwell", incidents=incidents, aside=aside, latest=latest or "-")


def _set_aside_at() -> Any:
    """When its sending ended, or its sender's lease, or else when it was to be sent."""
    return func.coalesce(OutboxMessage.sent_at, OutboxMessage.lease_until, OutboxMessage.due_at)


async def _count(session: AsyncSession, column: Any, *conditions: Any) -> int:
    return await session.scalar(select(func.count(column)).where(*conditions)) or 0
