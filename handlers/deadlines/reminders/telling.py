"""What a reminder must know beside its own row: for whom an officer hears it, and whom to call."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from handlers.deadlines import people
from handlers.deadlines.reminders import ladder
from handlers.deadlines.reminders.wording import Told
from storage.models.base import table
from storage.models.deadlines import Audience, DutyState, Work
from storage.models.reminders import Reminder, ReminderState
from storage.models.units import Member, UnitKind

if TYPE_CHECKING:
    from handlers.deadlines.reminders.feed import Sorting

Key = tuple[str, str]
"""A unit and a deadline."""
BATCH = 1_000
_TABLE = table(Reminder)


@dataclass(frozen=True)
class Around:
    """What stands around the rows that go to officers; nothing where none does."""

    people: Mapping[str, Sequence[Member]] = field(default_factory=dict)
    """Of the units whose people want no reminders."""
    reached: Collection[Key] = ()
    """Where a reminder has come to somebody of the unit."""


async def look(session: AsyncSession, rows: Iterable[Any], sorting: Sorting) -> Around:
    by_officers = [row for row in rows if sorting.is_officer(row)]
    spared = {row.unit_id for row in by_officers if sorting.is_spared(row)}
    keys = {(row.unit_id, row.deadline_id) for row in by_officers if not _is_own(row)}
    called = await people.members(session, spared) if spared else {}
    return Around(called, await _reached(session, sorted(keys)))


async def _reached(session: AsyncSession, keys: Sequence[Key]) -> set[Key]:
    reached: set[Key] = set()
    for start in range(0, len(keys), BATCH):
        found = await session.execute(
            select(_TABLE.c.unit_id, _TABLE.c.deadline_id)
            .join(Member, (Member.id == _TABLE.c.recipient) & (Member.unit_id == _TABLE.c.unit_id))
            .where(
                tuple_(_TABLE.c.unit_id, _TABLE.c.deadline_id).in_(keys[start : start + BATCH]),
                (_TABLE.c.state == ReminderState.SENT)
                | ((_TABLE.c.state == ReminderState.MERGED) & _TABLE.c.told_in.is_not(None)),
            )
            .distinct()
        )
        reached |= {(unit_id, deadline_id) for unit_id, deadline_id in found}
    return reached


def told(row: Any, sorting: Sorting, around: Around) -> Told:
    deadline = sorting.deadlines[row.deadline_id]
    to, own, spared = sorting.audience(row), _is_own(row), sorting.is_spared(row)
    is_told_office = to == Audience.OFFICE and not own
    return Told(
        reminder_id=row.id, unit_id=row.unit_id, unit=row.name, deadline_id=row.deadline_id,
        title=deadline.title, work=Work(deadline.work), due_at=sorting.due_at(row),
        state=DutyState(row.duty_state), to=to, mandatory=deadline.mandatory,
        nudged=row.step.startswith(ladder.NUDGE), own=own, spared=spared,
        of_consultation=deadline.consultation_id is not None,
        reached=(row.unit_id, row.deadline_id) in around.reached if is_told_office else None,
        people=[(one.name, one.rank) for one in around.people.get(row.unit_id, ())]
        if spared else (),
    )  # fmt: skip


def _is_own(row: Any) -> bool:
    """The office's own date, which nobody but the office itself keeps."""
    return bool(row.kind == UnitKind.OFFICE)
