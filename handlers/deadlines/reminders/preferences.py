"""What a person wants of reminders: quiet hours, and none at all."""

from __future__ import annotations

import re
from datetime import datetime, time

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import OutsideCoverage, QuietHours, load_calendar, next_allowed
from bot.replies import UserError
from bot.text import fold
from storage.models.deadlines import Deadline
from storage.models.people import Contact
from storage.models.reminders import WAITING, Reminder, ReminderState

_HOUR = r"(\d{1,2})\s*(?:(?:h|gio|:|g)\s*(\d{2})?)?\s*(sang|trua|chieu|toi|dem|am|pm)?"
_HOURS = re.compile(rf"(?:tu |from )?{_HOUR}\s*(?:-|–|den|toi|to|until|,|\s)\s*{_HOUR}")
_NONE = {"khong", "khong co", "0", "tat", "none", "no", "off"}
LEAST = 60
"""Minutes: whoever leaves less wants no reminders."""
ALL_DAY = "mine-quiet-all-day"
_AFTERNOON = {"chieu", "toi", "dem", "pm"}


def read_quiet_hours(typed: str) -> QuietHours:
    """ "21h-7h", "từ 22:00 đến 6h30", "9 giờ tối đến 7 giờ sáng", "không".

    Raises UserError, `ALL_DAY` for hours that leave no time to be reminded in.
    """
    words = fold(typed).strip(" .!")
    if words in _NONE:
        return QuietHours(time(0), time(0))
    found = _HOURS.fullmatch(words)
    if found is None:
        raise UserError("mine-quiet-not-understood")
    quiet = QuietHours(_hour(*found.groups()[:3]), _hour(*found.groups()[3:]))
    if _minutes_left(quiet) < LEAST:
        raise UserError(ALL_DAY)
    return quiet


def _minutes_left(quiet: QuietHours) -> int:
    """Of a day, to be reminded in. Hours typed from one moment to the same are the whole day."""
    start, end = (60 * one.hour + one.minute for one in (quiet.start, quiet.end))
    return (start - end) % (24 * 60)


def _hour(hour: str, minute: str | None, part: str | None) -> time:
    number = int(hour)
    if part in _AFTERNOON and number < 12 and not (part == "dem" and number < 6):
        number += 12
    try:
        return time(number % 24 if number == 24 else number, int(minute or 0))
    except ValueError:
        raise UserError("mine-quiet-not-understood") from None


async def set_quiet_hours(
    session: AsyncSession, contact_id: int, quiet: QuietHours, now: datetime
) -> None:
    """Holds for what already waits, too."""
    await session.execute(
        update(Contact)
        .where(Contact.id == contact_id)
        .values(quiet_from=quiet.start, quiet_until=quiet.end)
    )
    waiting = await session.execute(
        select(Reminder, Deadline.urgent)
        .join(Deadline, Deadline.id == Reminder.deadline_id)
        .where(Reminder.contact_id == contact_id, Reminder.state.in_(WAITING))
    )
    rows = [row.Reminder for row in waiting if not row.urgent]
    if not rows:
        return
    calendar = await load_calendar(session)
    for one in rows:
        try:
            due_at = next_allowed(calendar, max(one.planned_at, now), quiet, True)
        except OutsideCoverage:
            due_at = next_allowed(calendar, max(one.planned_at, now), quiet, False)
        if due_at != one.due_at:
            one.due_at, one.at = due_at, now
            one.state, one.reason = ReminderState.DEFERRED, "quiet_hours"


async def opted_out_at(session: AsyncSession, contact_id: int) -> datetime | None:
    found: datetime | None = await session.scalar(
        select(Contact.opted_out_at).where(Contact.id == contact_id)
    )
    return found
