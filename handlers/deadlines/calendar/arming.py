"""Arming: from then on units owe, and are reminded. Looked at first, done on purpose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts
from bot.clock import load_calendar
from bot.replies import Until, UserError
from bot.text import fold
from handlers.deadlines import duties
from handlers.deadlines.calendar import office_unit
from handlers.deadlines.reminders import ladder
from storage.models.deadlines import Deadline, DeadlineState
from storage.models.units import UnitKind

SAME_WITHIN = timedelta(hours=12)
"""The same words to the same people within this time are a slip until somebody says otherwise."""


@dataclass(frozen=True)
class Armed:
    deadline: Deadline
    units: int


async def drafts(
    session: AsyncSession, office_id: str, now: datetime, year: int | None = None
) -> Sequence[Deadline]:
    """What may be armed: drafts whose date is still to come, soonest first."""
    asked = select(Deadline).where(
        Deadline.office_id == office_id,
        Deadline.state == DeadlineState.DRAFT,
        Deadline.due_at > now,
    )
    if year is not None:
        asked = asked.where(Deadline.year == year)
    found = await session.scalars(asked.order_by(Deadline.due_at, Deadline.code))
    return found.all()


async def repeats(
    session: AsyncSession, deadlines: Sequence[Deadline], now: datetime
) -> Sequence[tuple[Deadline, Deadline]]:
    """(to be armed, the one it repeats): the same title for the same kinds of unit, armed within
    the last twelve hours or in this very batch."""
    if not deadlines:
        return []
    lately = await session.scalars(
        select(Deadline).where(
            Deadline.office_id == deadlines[0].office_id,
            Deadline.armed_at > now - SAME_WITHIN,
        )
    )
    seen = {_words(one): one for one in lately.all()}
    found = []
    for one in deadlines:
        earlier = seen.get(_words(one))
        if earlier is not None and earlier is not one:
            found.append((one, earlier))
        seen.setdefault(_words(one), one)
    return found


def _words(deadline: Deadline) -> tuple[str, frozenset[str]]:
    return fold(deadline.title), frozenset(deadline.for_kinds)


async def arm(
    session: AsyncSession,
    deadlines: Sequence[Deadline],
    actor: str,
    now: datetime,
    *,
    again: bool = False,
) -> Sequence[Armed]:
    """Steps of the ladder that are past already are never sent.

    Raises UserError for what cannot be armed, and for a repetition unless `again`; OutsideCoverage
    where the ladder leaves the holiday table. Nothing is armed when one of them cannot be.
    """
    calendar = await load_calendar(session)
    for deadline in deadlines:
        _refuse_unless_ready(deadline, now)
        ladder.occurrences(ladder.terms(deadline), calendar)
    repeated = await repeats(session, deadlines, now)
    if repeated and not again:
        one, earlier = repeated[0]
        raise UserError("calendar-arm-again", code=one.code, earlier=earlier.code)
    return [await _arm(session, one, actor, now) for one in deadlines]


def _refuse_unless_ready(deadline: Deadline, now: datetime) -> None:
    if deadline.state == DeadlineState.ARMED:
        raise UserError("calendar-armed-already", code=deadline.code)
    if deadline.state == DeadlineState.CANCELLED:
        raise UserError("calendar-is-cancelled", code=deadline.code)
    if deadline.due_at <= now:
        raise UserError("calendar-arm-past", code=deadline.code, due=Until(deadline.due_at))


async def _arm(session: AsyncSession, deadline: Deadline, actor: str, now: datetime) -> Armed:
    if UnitKind.OFFICE in deadline.for_kinds:
        await office_unit.ensure(session, deadline.office_id)
    deadline.state, deadline.armed_at = DeadlineState.ARMED, now
    await session.flush()
    units = await duties.ensure(session, deadline, now)
    acts.note(session, now, actor, "arm deadline", "deadline", deadline.id, f"{units} units")
    return Armed(deadline, units)
