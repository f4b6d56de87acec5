"""Why a reminder was sent, or was not: every step of one unit's ladder for one deadline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import OutsideCoverage, load_calendar, local_day
from bot.replies import UserError
from handlers.deadlines import duties
from handlers.deadlines.reminders import ladder, passing
from handlers.deadlines.reminders.ladder import Occurrence
from storage.models.deadlines import (
    OPEN_DUTIES,
    Audience,
    Deadline,
    DeadlineMove,
    DeadlineState,
    Duty,
    Rung,
)
from storage.models.office import Officer
from storage.models.people import Contact
from storage.models.reminders import Reminder
from storage.models.units import Member, Unit, UnitKind

TO_COME = "to_come"
UNPLANNED = "unplanned"


@dataclass(frozen=True)
class Line:
    """One row of the ledger, or one step that has none. `state` is a ReminderState, TO_COME or
    UNPLANNED; `reason` a code whose words are `reminders-reason-CODE`."""

    step: str
    to: str
    """An Audience."""
    planned_at: datetime
    due_at: datetime
    """When it might go."""
    state: str
    reason: str
    at: datetime | None = None
    """When it came to this state."""
    name: str = ""
    """Of the member or officer; empty for nobody."""
    rank: str = ""
    """A MemberRank, or "officer"."""
    channel: str = ""
    spared: bool = False
    """An officer hears it for people who want no reminders, whatever the reason tells by now."""

    def is_on(self, day: date) -> bool:
        moments = (self.planned_at, self.due_at, self.at)
        return any(moment is not None and local_day(moment) == day for moment in moments)


@dataclass(frozen=True)
class Account:
    """All there is to say of one unit and one deadline."""

    unit: Unit
    deadline: Deadline
    duty: Duty | None
    lines: Sequence[Line]


async def explain(session: AsyncSession, office_id: str, unit: str, deadline: str) -> Account:
    """By the codes of both in one office, in order of time.

    Raises UserError where there is no such code.
    """
    found, owed = await _find(session, office_id, unit, deadline)
    duty = await session.scalar(
        select(Duty).where(Duty.unit_id == found.id, Duty.deadline_id == owed.id)
    )
    told = await _ledger(session, found, owed)
    known = {line.step for line in told}
    others = await _without_rows(session, owed, duty)
    lines = [*told, *(line for line in others if line.step not in known)]
    return Account(found, owed, duty, sorted(lines, key=lambda one: (one.planned_at, one.due_at)))


async def _find(
    session: AsyncSession, office_id: str, unit: str, deadline: str
) -> tuple[Unit, Deadline]:
    """In whatever case they are typed."""
    found = await session.scalar(
        select(Unit).where(
            Unit.office_id == office_id, func.lower(Unit.code) == unit.strip().lower()
        )
    )
    if found is None:
        raise UserError("reminder_command-no-unit", code=unit)
    owed = await session.scalar(
        select(Deadline).where(
            Deadline.office_id == office_id,
            func.lower(Deadline.code) == deadline.strip().lower(),
        )
    )
    if owed is None:
        raise UserError("reminder_command-no-deadline", code=deadline)
    return found, owed


# What stands in the ledger


async def _ledger(session: AsyncSession, unit: Unit, deadline: Deadline) -> list[Line]:
    rows = await session.execute(
        select(Reminder, Member.name, Member.rank, Officer.name, Contact.channel)
        .outerjoin(Member, Member.id == Reminder.recipient)
        .outerjoin(Officer, Officer.id == Reminder.recipient)
        .outerjoin(Contact, Contact.id == Reminder.contact_id)
        .where(Reminder.unit_id == unit.id, Reminder.deadline_id == deadline.id)
        .order_by(Reminder.id)
    )
    lines = []
    for row, member, rank, officer, channel in rows:
        to = passing.audience(deadline, row.step)
        meant_for_others = to != Audience.OFFICE and unit.kind != UnitKind.OFFICE
        lines.append(
            Line(
                row.step, str(to), row.planned_at, row.due_at,
                str(row.state), row.reason, row.at, member or officer or "",
                str(rank) if member else "officer" if officer else "", channel or "",
                spared=bool(officer) and meant_for_others,
            )
        )  # fmt: skip
    return lines


# What does not


async def _without_rows(
    session: AsyncSession, deadline: Deadline, duty: Duty | None
) -> list[Line]:
    """Every step of the ladder as it stands: still to come, or why it will not or did not."""
    due_at = duties.due_at(deadline, duty) if duty else deadline.due_at
    given, calendar = ladder.terms(deadline, due_at), await load_calendar(session)
    try:
        every = ladder.occurrences(given, calendar)
    except OutsideCoverage:
        return [_beyond(rung, due_at) for rung in deadline.ladder or ladder.DEFAULT_LADDER]
    moved_at = await session.scalar(
        select(func.max(DeadlineMove.at)).where(DeadlineMove.deadline_id == deadline.id)
    )
    return [_unwritten(one, deadline, duty, moved_at) for one in every]


def _beyond(rung: Rung, due_at: datetime) -> Line:
    return Line(rung["step"], rung["to"], due_at, due_at, UNPLANNED, "no_calendar")


def _unwritten(
    one: Occurrence, deadline: Deadline, duty: Duty | None, moved_at: datetime | None
) -> Line:
    reason = _hindrance(one, deadline, duty, moved_at)
    since = deadline.planned_until or deadline.armed_at
    if not reason and since is not None and one.send_at > since:
        state, reason = TO_COME, one.reason
    else:
        state, reason = UNPLANNED, reason or "unknown"
    return Line(one.step, str(one.to), one.planned_at, one.send_at, state, reason)


def _hindrance(
    one: Occurrence, deadline: Deadline, duty: Duty | None, moved_at: datetime | None
) -> str:
    """Why a step has no row and would not get one, or ""."""
    if deadline.state == DeadlineState.DRAFT:
        return "draft"
    if deadline.state != DeadlineState.ARMED or deadline.armed_at is None:
        return "not_armed"
    if duty is None:
        return "no_duty"
    if one.send_at <= deadline.armed_at:
        return "before_armed"
    if moved_at is not None and one.send_at <= moved_at:
        return "before_move"
    closed = duty.state not in OPEN_DUTIES
    changed_before = duty.state_at <= one.send_at
    return str(duty.state) if closed is changed_before else ""
