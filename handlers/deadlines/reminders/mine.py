"""A person's own deadlines: every unit they answer for, and how each duty stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import closing_day, local_day
from bot.pictures import Mark
from handlers.deadlines import duties, people
from storage.models.deadlines import OPEN_DUTIES, Deadline, DeadlineState, Duty, DutyState
from storage.models.units import Unit

SHOWN_AFTERWARDS = timedelta(days=60)
"""How long what is done stays in the list."""
_MARKS = {
    DutyState.NOT_STARTED: Mark.TODO,
    DutyState.IN_PROGRESS: Mark.DOING,
    DutyState.SUBMITTED: Mark.HANDED,
    DutyState.RETURNED: Mark.RETURNED,
    DutyState.ACCEPTED: Mark.DONE,
    DutyState.NOT_APPLICABLE: Mark.FREE,
    DutyState.CANCELLED: Mark.FREE,
}


@dataclass(frozen=True)
class Owed:
    """One duty of one unit."""

    unit: Unit
    deadline: Deadline
    duty: Duty

    @property
    def closes(self) -> datetime:
        return duties.due_at(self.deadline, self.duty)

    @property
    def is_open(self) -> bool:
        return self.duty.state in OPEN_DUTIES

    @property
    def is_cancelled(self) -> bool:
        return (
            self.deadline.state == DeadlineState.CANCELLED
            or self.duty.state == DutyState.CANCELLED
        )

    def is_late(self, now: datetime) -> bool:
        return self.is_open and now >= self.closes

    def days_left(self, now: datetime) -> int:
        """0 on the last day, negative afterwards."""
        return (closing_day(self.closes) - local_day(now)).days

    def mark(self, now: datetime) -> Mark:
        return Mark.LATE if self.is_late(now) else _MARKS[DutyState(self.duty.state)]


async def every(session: AsyncSession, contact_id: int) -> list[Owed]:
    """All duties of all units this contact answers for, cancelled ones too: unit by unit, then
    in order of their dates."""
    units = {unit.id: unit for unit in await answered_for(session, contact_id)}
    found = await session.execute(
        select(Deadline, Duty)
        .join(Duty, Duty.deadline_id == Deadline.id)
        .where(Duty.unit_id.in_(units), Deadline.state != DeadlineState.DRAFT)
    )
    owed = [Owed(units[duty.unit_id], deadline, duty) for deadline, duty in found]
    return sorted(owed, key=lambda one: (one.unit.name, one.closes, one.deadline.code))


async def answered_for(session: AsyncSession, contact_id: int) -> list[Unit]:
    """By a member of a unit; by an officer, the office itself."""
    units = [post.unit for post in await people.posts(session, contact_id)]
    return units + [post.unit for post in await people.office_posts(session, contact_id)]


def listed(owed: Sequence[Owed], now: datetime) -> list[Owed]:
    """As a person reads it: unit by unit, overdue first, then soonest first, then what is done."""
    shown = [
        one
        for one in owed
        if not one.is_cancelled and (one.is_open or now - one.closes < SHOWN_AFTERWARDS)
    ]
    return sorted(shown, key=lambda one: (one.unit.name, one.unit.id, not one.is_open, one.closes))


def soonest(owed: Sequence[Owed]) -> list[Owed]:
    """What is still open, over all units."""
    return sorted((o for o in owed if o.is_open and not o.is_cancelled), key=lambda o: o.closes)
