"""The ladder: which reminders a deadline wants, and when each of them may go. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from bot.clock import VIETNAM, Calendar, OutsideCoverage, add_working_days, closing_day
from storage.models.deadlines import Audience, Deadline, Rung

SEND_HOUR = time(8)
"""In Vietnam."""
LONGEST_STEP = 8
"""Characters of a rung's name, so that it fits the ledger with its revision and own date."""


def rung(days: int, to: Audience) -> Rung:
    return Rung(step=f"T{days:+d}" if days else "T0", days=days, to=str(to))


DEFAULT_LADDER: list[Rung] = [
    *(rung(days, Audience.FOCAL) for days in (-30, -15, -7, -3, -1, 0, 1)),
    rung(2, Audience.HEAD),
    rung(4, Audience.CLUSTER),
    rung(6, Audience.OFFICE),
]


AGAIN, NUDGE = "again ", "nudge "
"""How the steps begin that are on no ladder: what somebody asked for, and what the head of the
cluster asked of them."""
_SUFFIX = re.compile(r"( \(\d+\))?( \d{4}-\d\d-\d\d)?$")


@dataclass(frozen=True)
class Terms:
    """What the ladder needs to know of a deadline."""

    due_at: datetime
    ladder: Sequence[Rung] = ()
    """The default one when empty."""
    in_working_days: bool = False
    urgent: bool = False
    revision: int = 0
    own: bool = False
    """The date was granted to one unit alone."""


def terms(deadline: Deadline, due_at: datetime | None = None) -> Terms:
    """`due_at` is the unit's own date where it has one (see `duties.due_at`)."""
    due = due_at or deadline.due_at
    return Terms(
        due, deadline.ladder, deadline.in_working_days, deadline.urgent, deadline.revision,
        own=due != deadline.due_at,
    )  # fmt: skip


@dataclass(frozen=True)
class Occurrence:
    """One rung at its time."""

    step: str
    """As the ledger names it: "T-7", "T-7 (1)" after the date was moved, "T-7 2027-04-09" before
    a date that one unit alone was granted."""
    to: Audience
    days: int
    planned_at: datetime
    """When the ladder wants it."""
    send_at: datetime
    """When it goes: never on a day off, unless the deadline is urgent."""
    reason: str = ""
    """Why `send_at` is another moment: "day_off", "brought_forward"; "merged" when a later step to
    the same people stands at the same moment and says it all."""
    merged_into: str = ""
    """That later step."""

    @property
    def is_before(self) -> bool:
        """Meant to come while there is still time."""
        return self.days <= 0


def occurrences(given: Terms, calendar: Calendar) -> list[Occurrence]:
    """Every rung once, in order of `send_at`. Steps up to the last day go before `due_at`.

    Of two rungs of one name to the same people the first counts. Raises OutsideCoverage.
    """
    return _in_order(_place(given, one, calendar) for one in _rungs(given))


def reckoned(given: Terms, calendar: Calendar) -> tuple[list[Occurrence], list[date]]:
    """As `occurrences`, of those rungs alone whose days the holiday table holds; and the days that
    it does not."""
    found, missing = [], []
    for one in _rungs(given):
        try:
            found.append(_place(given, one, calendar))
        except OutsideCoverage as error:
            missing.append(error.day)
    return _in_order(found), missing


def names(given: Terms) -> set[str]:
    """The steps as the ledger names them, wherever the holiday table ends."""
    last = closing_day(given.due_at)
    return {_name(given, one["step"], last) for one in _rungs(given)}


def _rungs(given: Terms) -> Iterable[Rung]:
    rungs = {(one["step"], one["to"]): one for one in reversed(given.ladder or DEFAULT_LADDER)}
    return rungs.values()


def _in_order(found: Iterable[Occurrence]) -> list[Occurrence]:
    return list(_merge(sorted(found, key=lambda one: (one.send_at, one.days, one.to))))


def too_late(one: Occurrence, every: Iterable[Occurrence], due_at: datetime, at: datetime) -> bool:
    """Whether at `at` this step says less than another one still to come will say.

    A step from before `due_at` helps nobody afterwards, as long as a later one follows.
    """
    return (
        one.is_before
        and at >= due_at
        and any(later.to == one.to and later.days > one.days for later in every)
    )


def rung_name(step: str) -> str:
    """The rung that a step of the ledger goes back to."""
    return _SUFFIX.sub("", step)


def was_asked_for(step: str) -> bool:
    return step.startswith(AGAIN)


def is_on_ladder(step: str) -> bool:
    return not step.startswith((AGAIN, NUDGE))


def _place(given: Terms, one: Rung, calendar: Calendar) -> Occurrence:
    last = closing_day(given.due_at)
    if given.in_working_days:
        day = add_working_days(calendar, last, one["days"])
    else:
        day = last + timedelta(days=one["days"])
    planned_at = _at_send_hour(day)
    placed = Occurrence(
        _name(given, one["step"], last), Audience(one["to"]), one["days"], planned_at, planned_at
    )
    if not given.urgent and not calendar.is_working_day(day):
        next_day = add_working_days(calendar, day, 1)
        placed = replace(placed, send_at=_at_send_hour(next_day), reason="day_off")
    if placed.is_before and placed.send_at >= given.due_at:
        earlier = day - timedelta(days=1) if given.urgent else add_working_days(calendar, day, -1)
        placed = replace(placed, send_at=_at_send_hour(earlier), reason="brought_forward")
    return placed


def _merge(found: Sequence[Occurrence]) -> Iterable[Occurrence]:
    last = {(one.to, one.send_at): one for one in found}
    for one in found:
        stands = last[one.to, one.send_at]
        if one is stands:
            yield one
        else:
            yield replace(one, reason="merged", merged_into=stands.step)


def _name(given: Terms, step: str, last: date) -> str:
    revised = f"{step} ({given.revision})" if given.revision else step
    return f"{revised} {last.isoformat()}" if given.own else revised


def _at_send_hour(day: date) -> datetime:
    return datetime.combine(day, SEND_HOUR, VIETNAM).astimezone(UTC)
