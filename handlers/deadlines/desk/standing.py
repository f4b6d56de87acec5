"""How the deadlines of an office stand: counted in one query, told in words and in a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import i18n, pictures
from bot.clock import VIETNAM, closing_day
from bot.pictures import Bar, Mark
from handlers.deadlines.duties import DUE_AT
from storage.models.deadlines import OPEN_DUTIES, Deadline, DeadlineState, Duty, DutyState

BEHIND = timedelta(days=30)
AHEAD = timedelta(days=45)
"""What lies further away is not looked at every morning."""
MOST = 8
"""Deadlines in one picture."""
MARKS = {
    DutyState.ACCEPTED: Mark.DONE,
    DutyState.SUBMITTED: Mark.HANDED,
    DutyState.IN_PROGRESS: Mark.DOING,
    DutyState.RETURNED: Mark.RETURNED,
    DutyState.NOT_STARTED: Mark.TODO,
    DutyState.NOT_APPLICABLE: Mark.FREE,
    DutyState.CANCELLED: Mark.FREE,
}
DRAWN = (
    Mark.DONE, Mark.HANDED, Mark.DOING, Mark.RETURNED, Mark.LATE, Mark.TODO, Mark.FREE,
)  # fmt: skip


def mark(state: str, due: datetime, now: datetime) -> Mark:
    """How one duty stands: late as long as it is open after its date."""
    kept = DutyState(state)
    return Mark.LATE if kept in OPEN_DUTIES and due <= now else MARKS[kept]


@dataclass(frozen=True)
class Standing:
    deadline: Deadline
    counts: Counter[Mark]

    @property
    def owed(self) -> int:
        """Duties that count: not those that do not apply."""
        return self.counts.total() - self.counts[Mark.FREE]

    @property
    def handed_in(self) -> int:
        return self.counts[Mark.DONE] + self.counts[Mark.HANDED]

    @property
    def missing(self) -> int:
        return self.owed - self.handed_in


async def standings(session: AsyncSession, office_id: str, now: datetime) -> Sequence[Standing]:
    """Armed deadlines from a month ago to six weeks ahead, soonest first."""
    rows = await session.scalars(
        select(Deadline)
        .where(
            Deadline.office_id == office_id,
            Deadline.state == DeadlineState.ARMED,
            Deadline.consultation_id.is_(None),
            Deadline.due_at.between(now - BEHIND, now + AHEAD),
        )
        .order_by(Deadline.due_at, Deadline.code)
    )
    found = {deadline.id: Standing(deadline, Counter()) for deadline in rows}
    past = (now >= DUE_AT).label("past")
    counted = await session.execute(
        select(Duty.deadline_id, Duty.state, past, func.count())
        .join(Deadline, Deadline.id == Duty.deadline_id)
        .where(Duty.deadline_id.in_(list(found)))
        .group_by(Duty.deadline_id, Duty.state, past)
    )
    for deadline_id, state, is_past, n in counted:
        kind = mark(state, now if is_past else now + AHEAD, now)
        found[deadline_id].counts[kind] += n
    return list(found.values())


def drawing(found: Sequence[Standing], locale: str, now: datetime) -> str:
    """Bars of the nearest deadlines, for `Picture("drawing", …)`."""
    bars = [
        Bar(
            one.deadline.title,
            [(mark, one.counts[mark]) for mark in DRAWN if one.counts[mark]],
            i18n.say(
                locale, "desk-bar-told", done=one.handed_in, all=one.owed,
                due=_short(closing_day(one.deadline.due_at)),
            ),
        )
        for one in nearest(found, now)
    ]  # fmt: skip
    made = now.astimezone(VIETNAM)
    return pictures.bars(
        locale, i18n.say(locale, "desk-picture-title"), bars,
        note=i18n.say(locale, "desk-picture-note", at=made),
    )  # fmt: skip


def _short(day: date) -> str:
    return f"{day.day}/{day.month}"


def nearest(found: Sequence[Standing], now: datetime) -> list[Standing]:
    """At most MOST: those with something missing first, then by how near their date is."""
    chosen = sorted(found, key=lambda one: (not one.missing, abs(one.deadline.due_at - now)))
    return sorted(chosen[:MOST], key=lambda one: (one.deadline.due_at, one.deadline.code))
