"""The planner: steps of the ladder that have come become rows of the ledger.

Whatever was due since the last time is written, so it does not matter when that was, nor how many
planners there are, nor whether the clock was set back.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import (
    Calendar,
    OutsideCoverage,
    QuietHours,
    end_of_day,
    load_calendar,
    next_allowed,
)
from handlers.deadlines.reminders import ladder, recipients
from handlers.deadlines.reminders.ladder import Occurrence
from handlers.deadlines.reminders.recipients import Chosen, Directory, Seat
from storage.db import insert_ignoring
from storage.models.deadlines import OPEN_DUTIES, Audience, Deadline, DeadlineState, Duty
from storage.models.reminders import Reminder, ReminderState
from storage.models.units import Unit

log = structlog.get_logger()
LATE = timedelta(hours=1)
"""A step that goes this long after its time is marked so."""
LONGEST_AFTER = timedelta(days=400)
"""How long after its date a deadline is still looked at."""
BATCH = 4_000


@dataclass(frozen=True)
class Step:
    """A step that has come, for the duties that fall due at `due_at`."""

    deadline: Deadline
    due_at: datetime
    occurrence: Occurrence
    every: Sequence[Occurrence]
    state: ReminderState
    reason: str


async def plan(session: AsyncSession, now: datetime) -> int:
    """Writes what has come due since the last time; returns how many rows that came to."""
    armed = await _hold_armed(session, now)
    if not armed:
        return 0
    calendar = await load_calendar(session)
    own = await _own_dates(session, armed)
    steps: list[Step] = []
    reached: dict[datetime, list[str]] = defaultdict(list)
    for deadline in armed:
        come, missing = _come(deadline, own[deadline.id], calendar, now)
        steps += come
        if missing:
            log.error("steps wait for the holiday table", deadline=deadline.code, day=min(missing))
        reached[_until(missing, calendar, now)].append(deadline.id)
    written = await _write(session, steps, calendar, now) if steps else 0
    for until, ids in reached.items():
        await _reach(session, ids, until)
    return written


def _until(missing: Sequence[date], calendar: Calendar, now: datetime) -> datetime:
    """How far it was planned: what the table does not reach comes once the table is mended."""
    if any(day > calendar.covered_until for day in missing):
        return min(now, end_of_day(calendar.covered_until))
    return now


async def _hold_armed(session: AsyncSession, now: datetime) -> Sequence[Deadline]:
    """Each is planned by one planner at a time, and not while somebody moves it."""
    found = await session.scalars(
        select(Deadline)
        .where(
            Deadline.state == DeadlineState.ARMED,
            Deadline.armed_at.is_not(None),
            Deadline.due_at > now - LONGEST_AFTER,
        )
        .order_by(Deadline.due_at, Deadline.id)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return found.all()


async def _own_dates(session: AsyncSession, armed: Sequence[Deadline]) -> dict[str, set[datetime]]:
    found = await session.execute(
        select(Duty.deadline_id, Duty.own_due_at)
        .where(
            Duty.deadline_id.in_([one.id for one in armed]),
            Duty.own_due_at.is_not(None),
            Duty.state.in_(OPEN_DUTIES),
        )
        .distinct()
    )
    dates: dict[str, set[datetime]] = defaultdict(set)
    for deadline_id, due_at in found:
        if due_at is not None:
            dates[deadline_id].add(due_at)
    return dates


async def _reach(session: AsyncSession, reached: Sequence[str], until: datetime) -> None:
    """Never back: a clock that was set back plans nothing twice."""
    await session.execute(
        update(Deadline)
        .where(
            Deadline.id.in_(reached),
            or_(Deadline.planned_until.is_(None), Deadline.planned_until < until),
        )
        .values(planned_until=until)
        .execution_options(synchronize_session=False)
    )


# Which steps have come


def _come(
    deadline: Deadline, own: set[datetime], calendar: Calendar, now: datetime
) -> tuple[list[Step], list[date]]:
    """And the days of its steps that the holiday table does not hold."""
    since = deadline.planned_until or deadline.armed_at
    assert since is not None
    steps: list[Step] = []
    missing: list[date] = []
    for due_at in sorted({deadline.due_at} | {one for one in own if one > deadline.due_at}):
        every, beyond = ladder.reckoned(ladder.terms(deadline, due_at), calendar)
        missing += beyond
        came = [one for one in every if since < one.send_at <= now]
        newest = {one.to: one.send_at for one in came}
        steps += [Step(deadline, due_at, one, every, *_standing(one, newest)) for one in came]
    return steps, missing


def _standing(one: Occurrence, newest: dict[Audience, datetime]) -> tuple[ReminderState, str]:
    if one.send_at < newest[one.to]:
        return ReminderState.EXPIRED, "outage"
    if one.merged_into:
        return ReminderState.MERGED, "merged"
    return ReminderState.PLANNED, one.reason


# What is written


async def _write(
    session: AsyncSession, steps: Sequence[Step], calendar: Calendar, now: datetime
) -> int:
    bearers = await _bearers(session, steps)
    years = {one.deadline.year for one in steps if one.occurrence.to == Audience.CLUSTER}
    units = {unit for found in bearers.values() for unit in found}
    if not units:
        return 0
    directory = await recipients.load(session, years, units)
    moments = Moments(calendar, now)
    rows: list[dict[str, Any]] = []
    written = 0
    for step in steps:
        rows += _rows(step, bearers[step.deadline.id, step.due_at], directory, moments)
        if len(rows) >= BATCH:
            written += await _insert(session, rows)
            rows = []
    return written + await _insert(session, rows)


async def _bearers(
    session: AsyncSession, steps: Sequence[Step]
) -> dict[tuple[str, datetime], list[str]]:
    """(deadline, date) → the units whose duty is open."""
    deadlines = {one.deadline.id: one.deadline for one in steps}
    found = await session.execute(
        select(Duty.deadline_id, Duty.unit_id, Duty.own_due_at)
        .join(Unit, Unit.id == Duty.unit_id)
        .where(
            Duty.deadline_id.in_(deadlines),
            Duty.state.in_(OPEN_DUTIES),
            Unit.closed_at.is_(None),
        )
    )
    bearers: dict[tuple[str, datetime], list[str]] = defaultdict(list)
    for deadline_id, unit_id, own in found:
        due = deadlines[deadline_id].due_at
        bearers[deadline_id, due if own is None else max(due, own)].append(unit_id)
    return bearers


def _rows(
    step: Step, units: Sequence[str], directory: Directory, moments: Moments
) -> Iterator[dict[str, Any]]:
    deadline, one = step.deadline, step.occurrence
    seat = Seat(one.to, deadline.office_id, deadline.year, deadline.mandatory)
    told: dict[QuietHours, dict[str, Any]] = {}
    for unit_id in units:
        for chosen in directory.choose(unit_id, seat):
            if chosen.chat is None:
                outcome = _without_recipient(step, chosen, moments)
                yield {**outcome, "unit_id": unit_id, "recipient": chosen.recipient}
                continue
            outcome = told.get(chosen.chat.quiet) or told.setdefault(
                chosen.chat.quiet, _outcome(step, chosen.chat.quiet, moments)
            )
            yield {
                **outcome, "unit_id": unit_id, "recipient": chosen.recipient,
                "contact_id": chosen.chat.contact_id,
                "reason": _reason(outcome, chosen),
            }  # fmt: skip


def _reason(outcome: dict[str, Any], chosen: Chosen) -> str:
    """Of what goes now, why this person hears it; of the rest, why it does not go."""
    own = str(outcome["reason"])
    return (chosen.reason or own) if outcome["state"] == ReminderState.PLANNED else own


def _outcome(step: Step, quiet: QuietHours, moments: Moments) -> dict[str, Any]:
    """What the step comes to for those with these quiet hours."""
    one, state, reason = step.occurrence, step.state, step.reason
    due = one.send_at
    if state == ReminderState.PLANNED:
        try:
            due = moments.may_go(one.send_at, quiet, step.deadline.urgent)
        except OutsideCoverage:
            # The feed asks again: it goes when the table is mended.
            return _row(step, moments.now, due, ReminderState.DEFERRED, "no_calendar")
        if ladder.too_late(one, step.every, step.due_at, max(due, moments.now)):
            state, reason = ReminderState.EXPIRED, "too_late"
        elif due > moments.now:
            state, reason = ReminderState.DEFERRED, "quiet_hours"
        elif moments.now - one.send_at > LATE:
            reason = "late"
    return _row(step, moments.now, due, state, reason)


def _without_recipient(step: Step, chosen: Chosen, moments: Moments) -> dict[str, Any]:
    state, reason = step.state, step.reason
    if state == ReminderState.PLANNED:
        state, reason = chosen.state, chosen.reason
    return _row(step, moments.now, step.occurrence.send_at, state, reason)


def _row(
    step: Step, now: datetime, due: datetime, state: ReminderState, reason: str
) -> dict[str, Any]:
    return {
        "deadline_id": step.deadline.id, "step": step.occurrence.step, "contact_id": None,
        "planned_at": step.occurrence.planned_at, "due_at": due, "state": state.value,
        "reason": reason, "at": now,
    }  # fmt: skip


class Moments:
    """When people with given quiet hours may be told; the same answer is worked out once."""

    def __init__(self, calendar: Calendar, now: datetime) -> None:
        self.now = now
        self._calendar = calendar
        self.may_go = lru_cache(maxsize=None)(self._may_go)

    def _may_go(self, wanted: datetime, quiet: QuietHours, urgent: bool) -> datetime:
        """From `wanted` on; where that is past and now is no time for it, later than now.

        Raises OutsideCoverage.
        """
        if urgent:
            return wanted
        due = next_allowed(self._calendar, wanted, quiet, working_days_only=True)
        if due < self.now:
            due_now = next_allowed(self._calendar, self.now, quiet, working_days_only=True)
            return due_now if due_now > self.now else due
        return due


async def _insert(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> int:
    if rows:
        await session.execute(insert_ignoring(session, Reminder), rows)
        await asyncio.sleep(0)  # on SQLite a long statement holds everybody up
    return len(rows)
