"""A cluster's table: its members before each deadline, and a nudge for those who are behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Calendar, load_calendar, local_day, next_allowed
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

NUDGED_AHEAD = timedelta(days=15)
"""Whoever has more time left than this is not behind yet."""
MOST_DEADLINES = 5
"""Columns of the table: those nearest to now."""


@dataclass(frozen=True)
class Table:
    cluster: Cluster
    deadlines: Sequence[Deadline]
    units: Sequence[Unit]
    """The head first."""
    duties: Mapping[tuple[str, str], Duty]
    """(deadline, unit) → the duty, where the unit owes one."""
    nudged: Set[str]
    """Units that were nudged today already."""
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
        return [
            unit
            for unit in self.missing(deadline)
            if duties.due_at(deadline, self.duties[deadline.id, unit.id])
            <= self.now + NUDGED_AHEAD
        ]

    def _is_open(self, deadline: Deadline, unit: Unit) -> bool:
        duty = self.duties.get((deadline.id, unit.id))
        return duty is not None and duty.state in OPEN_DUTIES


async def table(session: AsyncSession, cluster: Cluster, now: datetime) -> Table:
    units = await people.cluster_units(session, cluster.id, local_day(now).year)
    found = await session.execute(
        select(Deadline, Duty)
        .join(Duty, Duty.deadline_id == Deadline.id)
        .where(
            Deadline.state == DeadlineState.ARMED,
            Deadline.due_at.between(now - BEHIND, now + AHEAD),
            Duty.unit_id.in_([unit.id for unit in units]),
        )
    )
    rows = [(row.Deadline, row.Duty) for row in found]
    nearest = sorted(
        {deadline.id: deadline for deadline, _ in rows}.values(),
        key=lambda one: abs(one.due_at - now),
    )[:MOST_DEADLINES]
    owed = {(deadline.id, duty.unit_id): duty for deadline, duty in rows}
    in_order = sorted(nearest, key=lambda one: one.due_at)
    return Table(cluster, in_order, units, owed, await _nudged(session, units, now), now)


# The nudge


@dataclass(frozen=True)
class Nudged:
    """Of the units that are behind, how many each thing happened to."""

    told: int
    again_tomorrow: int
    """Nudged today already."""
    unreached: Sequence[str]
    """Names of those nobody can be reached in, or wants no reminders."""


async def nudge(
    session: AsyncSession, shown: Table, by_units: Sequence[str], actor: str, now: datetime
) -> Nudged:
    """Plans one reminder for each unit behind, today at most; `by_units` nudge others only."""
    calendar = await load_calendar(session)
    directory = await recipients.load(session, (), {unit.id for unit in shown.units})
    step = _step(now)
    rows: list[dict[str, Any]] = []
    told, again, unreached = set(), set(), {}
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
                told.add(unit.id)
                rows.append(_row(deadline, unit, step, chosen, calendar, now))
    if rows:
        await session.execute(insert_ignoring(session, Reminder), rows)
        duties.note(session, now, actor, "nudge", "cluster", shown.cluster.id, f"{len(told)}")
    return Nudged(len(told), len(again), sorted(unreached.values()))


def _step(now: datetime) -> str:
    return f"{NUDGE}{local_day(now).isoformat()}"


async def _nudged(session: AsyncSession, units: Sequence[Unit], now: datetime) -> set[str]:
    found = await session.scalars(
        select(Reminder.unit_id).where(
            Reminder.unit_id.in_([unit.id for unit in units]), Reminder.step == _step(now)
        )
    )
    return set(found)


def _row(
    deadline: Deadline,
    unit: Unit,
    step: str,
    chosen: Chosen,
    calendar: Calendar,
    now: datetime,
) -> dict[str, Any]:
    assert chosen.chat is not None
    due = next_allowed(calendar, now, chosen.chat.quiet, working_days_only=True)
    waits = due > now
    return {
        "unit_id": unit.id, "deadline_id": deadline.id, "step": step,
        "recipient": chosen.recipient, "contact_id": chosen.chat.contact_id, "planned_at": now,
        "due_at": due, "state": ReminderState.DEFERRED if waits else ReminderState.PLANNED,
        "reason": "quiet_hours" if waits else "", "at": now,
    }  # fmt: skip
