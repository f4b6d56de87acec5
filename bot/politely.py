"""When somebody may hear what can wait: not in their quiet hours, and not on a day off."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import (
    Calendar,
    OutsideCoverage,
    QuietHours,
    load_calendar,
    next_allowed,
    quiet_hours,
)
from storage.models.people import Contact


def moment(calendar: Calendar, quiet: QuietHours, now: datetime) -> datetime:
    """`now` if that is none of them. Beyond the holiday table every day is a working day."""
    try:
        return next_allowed(calendar, now, quiet, working_days_only=True)
    except OutsideCoverage:
        return next_allowed(calendar, now, quiet, working_days_only=False)


async def moments(
    session: AsyncSession, contacts: Collection[int], now: datetime
) -> dict[int, datetime]:
    """Of each contact, by its own hours."""
    calendar = await load_calendar(session)
    found = await session.execute(
        select(Contact.id, Contact.quiet_from, Contact.quiet_until).where(Contact.id.in_(contacts))
    )
    return {
        row.id: moment(calendar, quiet_hours(row.quiet_from, row.quiet_until), now)
        for row in found
    }
