"""A cluster's table: its members before each deadline, and a nudge for those who are behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts
from bot.clock import (
    Calendar,
    OutsideCoverage,
    QuietHours,
    closing_day,
    load_calendar,
    local_day,
    next_allowed,
)
from bot.pictures import Mark
from handlers.deadlines import duties, people
from handlers.deadlines.desk.standing import AHEAD, BEHIND, mark
from handlers.deadlines.reminders import recipients
from handlers.deadlines.reminders.ladder import NUDGE
from handlers.deadlines.reminders.recipients import Chosen, Seat
from storage.db import insert_ignoring
from storage.models.deadlines import OPEN_DUTIES, Audience, Deadline, DeadlineState, Duty
from storage.models.reminders import Reminder, ReminderState
from storage.models.units import Cluster, Unit

NUDGED_AHEAD = timedelta(days=3)
"""Whoever has more days left than this is not behind yet: the ladder's last steps begin here."""
MOST_DEADLINES = 5
"""Columns of the table: those nearest to now."""


@dataclass(frozen=True)
class Headed:
    """A cluster, and the years whose deadlines somebody sees to as its head."""

    cluster: Cluster
    years: Set[int]


async def headed(
    session: AsyncSession, unit_ids: Sequence[str], now: datetime
) -> Sequence[Headed]:
    """What these units head this year, and in another as long as something of that year runs."""
    this_year = local_day(now).year
    seen: dict[str, Headed] = {}
    for one, year in await people.headships(session, unit_ids):
        if year == this_year or await _runs(session, one, year, now):
            before = seen.get(one.id, Headed(one, frozenset()))
            seen[one.id] = Headed(one, before.years | {year})
    return list(seen.values())


async def _runs(session: AsyncSession, cluster: Cluster, year: int, now: datetime) -> bool:
    units = await people.cluster_units(session, cluster.id, year)
    asked = _owed(units, year, now).where(Duty.state.in_(OPEN_DUTIES)).limit(1)
    return (await session.execute(asked)).first() is not None


def _owed(units: Sequence[Unit], year: int, now: datetime) -> Select[Deadline, Duty]:
    """What units seated in a year owe of that year: the ladder climbs to the same heads."""
    return (
        select(Deadline, Duty)
        .join(Duty, Duty.deadline_id == Deadline.id)
        .where(
            Deadline.state == DeadlineState.ARMED,
            Deadline.year == year,
            Deadline.due_at.between(now - BEHIND, now + AHEAD),
            Duty.unit_id.in_([unit.id for unit in units]),
        )
    )


@dataclass(frozen=True)
class Table:
    cluster: Cluster
    deadlines: Sequence[Deadline]
    units: Sequence[Unit]
    """The head first."""
    duties: Mapping[tuple[str, str], Duty]
    """(deadline, unit) → the duty, where the unit owes one."""
    nudged: Set[str]
    """Units whose nudge came today or is still to come."""
    now: datetime

    def mark(self, deadline: Deadline, unit: Unit) -> Mark:
        duty = self.duties.get((deadline.id, unit.id))
        if duty is None:
            return Mark.FREE
        return mark(duty.state, duties.due_at(deadline, duty), self.now)

    def missing(self, deadline: Deadline) -> list[Unit]:
        """The members that still owe it."""
        return [unit for unit in self.units if self._is_open(deadline, unit)]

    def behind(self, deadline: Deadline) -> list[Unit]:
        """Those of them whose date is near or past."""
        last = local_day(self.now) + NUDGED_AHEAD
        return [
            unit
            for unit in self.missing(deadline)
            if closing_day(duties.due_at(deadline, self.duties[deadline.id, unit.id])) <= last
        ]

    def _is_open(self, deadline: Deadline, unit: Unit) -> bool:
        duty = self.duties.get((deadline.id, unit.id))
        return duty is not None and duty.state in OPEN_DUTIES


async def table(session: AsyncSession, given: Headed, now: datetime) -> Table:
    units: dict[str, Unit] = {}
    rows: list[tuple[Deadline, Duty]] = []
    for year in sorted(given.years):
        seated = await people.cluster_units(session, given.cluster.id, year)
        units |= {unit.id: unit for unit in seated}
        found = await session.execute(_owed(seated, year, now))
        rows += [(row.Deadline, row.Duty) for row in found]
    nearest = sorted(
        {deadline.id: deadline for deadline, _ in rows}.values(),
        key=lambda one: abs(one.due_at - now),
    )[:MOST_DEADLINES]
    owed = {(deadline.id, duty.unit_id): duty for deadline, duty in rows}
    in_order, every = sorted(nearest, key=lambda one: one.due_at), list(units.values())
    nudged = await _nudged(session, every, now)
    return Table(given.cluster, in_order, every, owed, nudged, now)


# The nudge


@dataclass(frozen=True)
class Nudged:
    """Of the units that are behind, how many each thing happened to."""

    told: Mapping[datetime, int]
    """When their people hear it → how many."""
    nudged_already: int
    """Today, or on the next day that they may be told."""
    unreached: Sequence[str]
    """Names of those nobody can be reached in, or wants no reminders."""


async def nudge(
    session: AsyncSession, shown: Table, by_units: Sequence[str], actor: str, now: datetime
) -> Nudged:
    """Plans one reminder for each unit behind, today at most; `by_units` nudge others only."""
    calendar = await load_calendar(session)
    directory = await recipients.load(session, (), {unit.id for unit in shown.units})
    rows: list[dict[str, Any]] = []
    told: dict[str, datetime] = {}
    again, unreached = set(), {}
    for deadline in shown.deadlines:
        for unit in shown.behind(deadline):
            if unit.id in by_units:
                continue
            if unit.id in shown.nudged:
                again.add(unit.id)
                continue
            seat = Seat(Audience.FOCAL, deadline.office_id, deadline.year, mandatory=False)
            for chosen in directory.choose(unit.id, seat):
                if chosen.chat is None:
                    unreached[unit.id] = unit.name
                    continue
                row = _row(deadline, unit, chosen, calendar, now)
                told[unit.id] = row["due_at"]
                rows.append(row)
    if rows:
        await session.execute(insert_ignoring(session, Reminder), rows)
        acts.note(session, now, actor, "nudge", "cluster", shown.cluster.id, f"{len(told)}")
    return Nudged(Counter(told.values()), len(again), sorted(unreached.values()))


async def _nudged(session: AsyncSession, units: Sequence[Unit], now: datetime) -> set[str]:
    found = await session.scalars(
        select(Reminder.unit_id).where(
            Reminder.unit_id.in_([unit.id for unit in units]),
            Reminder.step.between(_step(now), f"{NUDGE}9"),
        )
    )
    return set(found)


def _step(at: datetime) -> str:
    """Of the day on which it is told: one nudge a day, whenever it was asked for."""
    return f"{NUDGE}{local_day(at).isoformat()}"


def _row(
    deadline: Deadline,
    unit: Unit,
    chosen: Chosen,
    calendar: Calendar,
    now: datetime,
) -> dict[str, Any]:
    assert chosen.chat is not None
    due = _may_go(calendar, chosen.chat.quiet, now)
    waits = due > now
    return {
        "unit_id": unit.id, "deadline_id": deadline.id, "step": _step(due),
        "recipient": chosen.recipient, "contact_id": chosen.chat.contact_id, "planned_at": now,
        "due_at": due, "state": ReminderState.DEFERRED if waits else ReminderState.PLANNED,
        "reason": "quiet_hours" if waits else "", "at": now,
    }  # fmt: skip


def _may_go(calendar: Calendar, quiet: QuietHours, now: datetime) -> datetime:
    """Beyond the holiday table every day counts as a working day: the feed asks again."""
    try:
        return next_allowed(calendar, now, quiet, working_days_only=True)
    except OutsideCoverage:
        return next_allowed(calendar, now, quiet, working_days_only=False)
