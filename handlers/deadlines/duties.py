"""What a unit owes for a deadline, and the one gate through which its state changes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Select, case, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts
from bot.replies import UserError, Word
from handlers.deadlines.reminders.ladder import AGAIN
from storage.models.base import new_id
from storage.models.deadlines import (
    DUTY_TRANSITIONS,
    OPEN_DUTIES,
    Deadline,
    DeadlineState,
    Duty,
    DutyState,
)
from storage.models.reminders import WAITING, Reminder, ReminderState
from storage.models.units import Unit, UnitKind

ON_PAPER = "paper"
"""The reason of what was handed in beside this service; told by `told_reason`."""


def told_reason(duty: Duty) -> str | Word:
    """As people read it."""
    return Word("duties-on-paper") if duty.reason == ON_PAPER else duty.reason


def due_at(deadline: Deadline, duty: Duty) -> datetime:
    """The unit's own date where the office granted a later one than the deadline's."""
    if duty.own_due_at is None:
        return deadline.due_at
    return max(deadline.due_at, duty.own_due_at)


DUE_AT: ColumnElement[datetime] = case(
    (Duty.own_due_at > Deadline.due_at, Duty.own_due_at), else_=Deadline.due_at
)
"""`due_at`, for a query that joins the two."""


async def become(
    session: AsyncSession,
    duty: Duty,
    state: DutyState,
    actor: str,
    now: datetime,
    reason: str = "",
) -> None:
    """Raises UserError when the closed table does not know the way.

    Whoever is not reminded any more is not reminded by what was planned already either.
    """
    if state not in DUTY_TRANSITIONS[DutyState(duty.state)]:
        raise UserError("duties-cannot-become", state=Word(f"duty-{DutyState(duty.state)}"))
    duty.state, duty.state_at, duty.reason = state, now, reason
    if state is DutyState.SUBMITTED and duty.submitted_at is None:
        duty.submitted_at = now
        deadline = await session.get_one(Deadline, duty.deadline_id)
        duty.late = now >= due_at(deadline, duty)
    if state not in OPEN_DUTIES:
        await silence(session, duty, state, now)
    acts.note(session, now, actor, f"duty {state}", "duty", duty.id, reason)


async def silence(session: AsyncSession, duty: Duty, reason: str, now: datetime) -> None:
    """Skips every reminder of the duty that still waits. `reason` is a code of the ledger."""
    await skip_waiting(session, _of(duty), reason, now)


async def leave_date(session: AsyncSession, one: Deadline | Duty, now: datetime) -> None:
    """Skips what waits for a date that has moved; what a person asked for still comes."""
    theirs = _of(one) if isinstance(one, Duty) else Reminder.deadline_id == one.id
    asked_for = Reminder.step.startswith(AGAIN, autoescape=True)
    await skip_waiting(session, theirs & ~asked_for, "moved", now)


def _of(duty: Duty) -> ColumnElement[bool]:
    return (Reminder.unit_id == duty.unit_id) & (Reminder.deadline_id == duty.deadline_id)


async def skip_waiting(
    session: AsyncSession, which: ColumnElement[bool], reason: str, now: datetime
) -> None:
    await session.execute(
        update(Reminder)
        .where(which, Reminder.state.in_(WAITING))
        .values(state=ReminderState.SKIPPED, reason=str(reason), at=now)
        .execution_options(synchronize_session="fetch")
    )


def bearers(deadline: Deadline) -> Select[Unit]:
    """The units that owe this deadline, were it armed now."""
    chosen = select(Unit).where(Unit.office_id == deadline.office_id, Unit.closed_at.is_(None))
    if deadline.consultation_id or UnitKind.OFFICE in deadline.for_kinds:
        return chosen.where(Unit.kind == UnitKind.OFFICE)
    chosen = chosen.where(Unit.kind != UnitKind.OFFICE)
    return chosen.where(Unit.kind.in_(deadline.for_kinds)) if deadline.for_kinds else chosen


async def ensure(session: AsyncSession, deadline: Deadline, now: datetime) -> int:
    """Gives every bearer of an armed deadline its duty; returns how many were new."""
    if deadline.state != DeadlineState.ARMED:
        return 0
    have = select(Duty.unit_id).where(Duty.deadline_id == deadline.id)
    missing = await session.scalars(
        bearers(deadline).with_only_columns(Unit.id).where(Unit.id.not_in(have))
    )
    rows = [
        {
            "id": new_id(), "deadline_id": deadline.id, "unit_id": unit_id,
            "state": DutyState.NOT_STARTED, "state_at": now,
        }
        for unit_id in missing
    ]  # fmt: skip
    if rows:
        await session.execute(insert(Duty), rows)
    return len(rows)


async def ensure_for_unit(session: AsyncSession, unit: Unit, now: datetime) -> None:
    """A new unit owes what is armed and not yet past."""
    armed = await session.scalars(
        select(Deadline).where(
            Deadline.office_id == unit.office_id,
            Deadline.state == DeadlineState.ARMED,
            Deadline.due_at > literal(now, Deadline.due_at.type),
        )
    )
    for deadline in armed.all():
        await ensure(session, deadline, now)
