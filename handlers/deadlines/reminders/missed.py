"""Which reminders did not come, or perhaps did not, and whom the office may call instead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import i18n
from bot.replies import Until, Word
from handlers.deadlines import duties
from handlers.deadlines.reminders import passing, step_words
from storage.models.deadlines import Audience, Deadline, Duty
from storage.models.reminders import Reminder, ReminderState
from storage.models.units import Member, MemberRank, Unit

STATES = (ReminderState.EXPIRED, ReminderState.FAILED, ReminderState.IN_DOUBT)
MOST_PEOPLE = 2


def opening(since: datetime, until: datetime, page: int = 0) -> str:
    """The press that opens the list of what was missed in (since, until]."""
    return f"dg:missed:{int(since.timestamp())}:{int(until.timestamp()) + 1}:{page}"


@dataclass(frozen=True)
class Missed:
    """One row of the ledger."""

    unit: Unit
    deadline: Deadline
    due_at: datetime
    step: str
    to: Audience
    state: ReminderState
    reason: str
    at: datetime
    people: Sequence[Member]
    """Of the unit: the one it was meant for first, then who does the work."""


async def count(
    session: AsyncSession, office_id: str, since: datetime, until: datetime | None = None
) -> int:
    asked = select(func.count()).select_from(Reminder).join(Deadline)
    return await session.scalar(asked.where(*_which(office_id, since, until))) or 0


async def missed(
    session: AsyncSession,
    office_id: str,
    since: datetime,
    until: datetime | None = None,
    *,
    first: int = 0,
    most: int | None = None,
) -> list[Missed]:
    """In (since, until], unit by unit; until now without an end."""
    found = await session.execute(
        select(Reminder, Unit, Deadline, Duty)
        .join(Unit, Unit.id == Reminder.unit_id)
        .join(Deadline, Deadline.id == Reminder.deadline_id)
        .join(Duty, (Duty.unit_id == Unit.id) & (Duty.deadline_id == Deadline.id))
        .where(*_which(office_id, since, until))
        .order_by(Unit.name, Unit.id, Reminder.at, Reminder.id)
        .offset(first)
        .limit(most)
    )
    rows = found.all()
    people = await _people(session, {unit.id for _, unit, _, _ in rows})
    return [
        Missed(
            unit, deadline, duties.due_at(deadline, duty), row.step,
            passing.audience(deadline, row.step), ReminderState(row.state), row.reason, row.at,
            sorted(people[unit.id], key=lambda one: one.id != row.recipient),
        )
        for row, unit, deadline, duty in rows
    ]  # fmt: skip


def _which(
    office_id: str, since: datetime, until: datetime | None
) -> tuple[ColumnElement[bool], ...]:
    chosen = (
        Deadline.office_id == office_id, Reminder.state.in_(STATES), Reminder.at > since,
    )  # fmt: skip
    return chosen if until is None else (*chosen, Reminder.at <= until)


async def _people(session: AsyncSession, units: Collection[str]) -> dict[str, list[Member]]:
    found = await session.scalars(
        select(Member).where(Member.unit_id.in_(units), Member.left_at.is_(None))
    )
    order = list(MemberRank)
    people: dict[str, list[Member]] = defaultdict(list)
    for one in sorted(found, key=lambda one: (order.index(MemberRank(one.rank)), one.name)):
        people[one.unit_id].append(one)
    return people


# In words


def written(found: Sequence[Missed], locale: str) -> Iterator[str]:
    """A few lines for each; the same for the chat and for the command line."""
    for one in found:
        yield i18n.say(
            locale, "missed-line", unit=one.unit.name, title=one.deadline.title,
            due=Until(one.due_at), step=step_words.step(locale, one.step),
            to=Word(f"calendar-to-{one.to}"), state=Word(f"reminders-state-{one.state}"),
            reason=Word(f"reminders-reason-{one.reason or 'unknown'}"), at=one.at,
            people=_called(one.people, locale),
        )  # fmt: skip


def _called(people: Sequence[Member], locale: str) -> str | Word:
    named = [
        f"{one.name} ({i18n.say(locale, f'remind-rank-{MemberRank(one.rank)}')})"
        for one in people[:MOST_PEOPLE]
    ]
    return "; ".join(named) or Word("missed-nobody")
