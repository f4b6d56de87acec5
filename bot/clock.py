"""The statutory clock: working days, windows, quiet and office hours.

Pure functions of (instant, calendar), but for `load_calendar` at the end. An instant is any aware
datetime and comes back in UTC; a day is a date in Vietnam. A window is two things: its last day,
and the instant that day ends at 24:00, which is the next midnight and no longer inside it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from types import MappingProxyType
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models.calendar import CalendarCoverage, CalendarDay
from storage.models.calendar import DayKind as DayKind

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
COVERAGE_WARNING_DAYS = 90
LONGEST_WINDOW = 366
"""Days. No notice asks for a tenth of it; more is a slip of the pen."""

_ONE_DAY = timedelta(days=1)
_SATURDAY = 5
_DAYS_OFF = frozenset({DayKind.HOLIDAY, DayKind.IN_LIEU})


# The calendar


@dataclass(frozen=True)
class SpecialDay:
    """A day that is not what its weekday says, and who says so."""

    on: date
    kind: DayKind
    title: str
    source: str
    verified: bool

    @property
    def changes_count(self) -> bool:
        """False for a holiday that falls on a weekend: that day was off already."""
        return self.kind not in _DAYS_OFF or self.on.weekday() < _SATURDAY


class OutsideCoverage(Exception):
    """The calendar does not reach this day; that never means that it is no holiday."""

    def __init__(self, day: date, covered_from: date, covered_until: date) -> None:
        super().__init__(
            f"{day} is outside the holiday table, which covers {covered_from} to {covered_until}:"
            " add the official days and move its end."
        )
        self.day = day
        self.covered_from = covered_from
        self.covered_until = covered_until


@dataclass(frozen=True)
class Calendar:
    """Immutable. Covers its first and its last day both."""

    covered_from: date
    covered_until: date
    days: Mapping[date, SpecialDay] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.covered_until < self.covered_from:
            raise ValueError(f"coverage ends {self.covered_until}, before {self.covered_from}")
        object.__setattr__(self, "days", MappingProxyType(dict(self.days)))

    def require(self, *days: date) -> None:
        """Raises OutsideCoverage for the first of these days that the calendar does not reach."""
        for day in days:
            if not self.covered_from <= day <= self.covered_until:
                raise OutsideCoverage(day, self.covered_from, self.covered_until)

    def is_working_day(self, day: date) -> bool:
        """Monday to Friday, unless the table says otherwise. Raises OutsideCoverage."""
        self.require(day)
        special = self.days.get(day)
        if special is None or special.kind is DayKind.WORKDAY:
            return day.weekday() < _SATURDAY
        return special.kind is DayKind.WORKED_WEEKEND

    def special(self, first: date, last: date) -> list[SpecialDay]:
        """Days of the table that change the count, in order, both ends included."""
        if last < first:
            return []
        self.require(first, last)
        return [
            s for day, s in sorted(self.days.items()) if first <= day <= last and s.changes_count
        ]

    def unverified(self, first: date, last: date) -> list[SpecialDay]:
        """Those of `special` that nobody has compared with an official notice."""
        return [special for special in self.special(first, last) if not special.verified]


# Days and instants


def local_day(instant: datetime) -> date:
    """The date in Vietnam at that instant."""
    return _local(instant).date()


def end_of_day(day: date) -> datetime:
    """24:00 in Vietnam, the first instant that is no longer that day (Civil Code art. 148.6)."""
    return datetime.combine(day + _ONE_DAY, time.min, VIETNAM).astimezone(UTC)


def closing_day(ends_at: datetime) -> date:
    """The day to name beside an end: midnight is 24:00 of the day before it."""
    return local_day(ends_at - timedelta(microseconds=1))


def add_working_days(calendar: Calendar, start: date, n: int) -> date:
    """The n-th working day after `start`, or before it for a negative n; `start` itself for 0."""
    day, step = start, _ONE_DAY if n > 0 else -_ONE_DAY
    for _ in range(abs(n)):
        day += step
        while not calendar.is_working_day(day):
            day += step
    return day


def count_working_days(calendar: Calendar, first: date, last: date) -> int:
    """Both ends included; 0 where `last` is before `first`."""
    span = (last - first).days + 1
    return sum(calendar.is_working_day(first + timedelta(days=i)) for i in range(span))


def working_days_between(calendar: Calendar, start: datetime, end: datetime) -> int:
    """Working days of a term that began at `start` and ended at `end`, as the Civil Code counts.

    The day of `start` is left out, the day of `end` counts however early in it the end is: this
    number describes a term; whether an end is too early is told by comparing it with `window_end`.
    """
    return count_working_days(calendar, local_day(start) + _ONE_DAY, closing_day(end))


# Windows


class Counting(StrEnum):
    CIVIL_CODE = "civil_code"
    """The day of posting is not counted (Civil Code art. 147.2): the longer reading."""
    POSTING_DAY = "posting_day"
    """The day of posting is day one, where it is a working day; some notices count so."""


class DayUnit(StrEnum):
    WORKING = "working"
    CALENDAR = "calendar"


@dataclass(frozen=True)
class Window:
    n: int
    unit: DayUnit
    counting: Counting

    def __post_init__(self) -> None:
        if not 1 <= self.n <= LONGEST_WINDOW:
            raise ValueError(f"a window is 1 to {LONGEST_WINDOW} days long, not {self.n}")


def first_counted_day(posted_at: datetime, window: Window) -> date:
    """Day one, or the day off just before day one."""
    posted_on = local_day(posted_at)
    return posted_on if window.counting is Counting.POSTING_DAY else posted_on + _ONE_DAY


def last_day(calendar: Calendar, posted_at: datetime, window: Window) -> date:
    """Never a day off: that rolls to the next working day under either convention, in calendar
    days too (Civil Code art. 148.5). The conventions differ in the first day only.

    Raises OutsideCoverage.
    """
    calendar.require(local_day(posted_at))
    if window.unit is DayUnit.CALENDAR:
        return _next_working_day(calendar, _nominal_end(posted_at, window))
    return add_working_days(calendar, first_counted_day(posted_at, window) - _ONE_DAY, window.n)


def window_end(calendar: Calendar, posted_at: datetime, window: Window) -> datetime:
    """The instant of 24:00 of `last_day`; open is `posted_at <= now < window_end(...)`."""
    return end_of_day(last_day(calendar, posted_at, window))


def day_number(
    calendar: Calendar, posted_at: datetime, window: Window, now: datetime
) -> tuple[int, int] | None:
    """(4, 10) for "day 4 of 10"; (0, 10) before day one; None before posting and after the end.

    On a day off the number stays what it was on the last day counted.
    """
    last, today = last_day(calendar, posted_at, window), local_day(now)
    if now < posted_at or today > last:
        return None
    first = first_counted_day(posted_at, window)
    if window.unit is DayUnit.WORKING:
        return count_working_days(calendar, first, today), window.n
    return min((today - first).days + 1, window.n), window.n


def skipped_days(calendar: Calendar, posted_at: datetime, window: Window) -> list[SpecialDay]:
    """The weekdays off that pushed the end out, to show the working; weekends go without saying.

    In calendar days nothing is skipped but what the last day rolled over.
    """
    return [day for day in _counted_over(calendar, posted_at, window) if day.kind in _DAYS_OFF]


def worked_weekends(calendar: Calendar, posted_at: datetime, window: Window) -> list[SpecialDay]:
    """The swapped Saturdays that were counted, for the same purpose as `skipped_days`."""
    counted = _counted_over(calendar, posted_at, window)
    return [day for day in counted if day.kind is DayKind.WORKED_WEEKEND]


def _counted_over(calendar: Calendar, posted_at: datetime, window: Window) -> list[SpecialDay]:
    if window.unit is DayUnit.CALENDAR:
        first = _nominal_end(posted_at, window)
    else:
        first = first_counted_day(posted_at, window)
    return calendar.special(first, last_day(calendar, posted_at, window))


def _nominal_end(posted_at: datetime, window: Window) -> date:
    return first_counted_day(posted_at, window) + timedelta(days=window.n - 1)


def _next_working_day(calendar: Calendar, day: date) -> date:
    return day if calendar.is_working_day(day) else add_working_days(calendar, day, 1)


# Hours


@dataclass(frozen=True)
class QuietHours:
    """From `start`, included, to `end`, not included, in Vietnam; equal ends mean none at all."""

    start: time = time(21, 0)
    end: time = time(7, 0)

    def covers(self, at: time) -> bool:
        if self.start <= self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end


def quiet_hours(start: time | None, end: time | None) -> QuietHours:
    """A person's own, where they are set."""
    usual = QuietHours()
    return QuietHours(usual.start if start is None else start, usual.end if end is None else end)


def next_allowed(
    calendar: Calendar, instant: datetime, quiet: QuietHours, working_days_only: bool
) -> datetime:
    """The first moment from `instant` on when a person may be disturbed; `instant` if that is now.

    Raises OutsideCoverage, but only where working days are asked for.
    """
    moment = _local(instant)
    while True:
        if working_days_only and not calendar.is_working_day(moment.date()):
            moment = _local(end_of_day(moment.date()))
        elif quiet.covers(moment.time()):
            moment = _wakes(moment, quiet)
        else:
            return moment.astimezone(UTC)


def after_quiet(instant: datetime, quiet: QuietHours) -> datetime:
    """As `next_allowed`, on whatever day it is."""
    moment = _local(instant)
    return _wakes(moment, quiet).astimezone(UTC) if quiet.covers(moment.time()) else instant


def _wakes(moment: datetime, quiet: QuietHours) -> datetime:
    day = moment.date() + (_ONE_DAY if moment.time() >= quiet.end else timedelta())
    return datetime.combine(day, quiet.end, VIETNAM)


OFFICE_OPENS = time(7, 30)
OFFICE_CLOSES = time(17, 0)


def office_hours_open(
    calendar: Calendar,
    instant: datetime,
    opens: time = OFFICE_OPENS,
    closes: time = OFFICE_CLOSES,
) -> bool:
    """A working day, from `opens` to just before `closes`; the midday break is not a closing."""
    moment = _local(instant)
    return opens <= moment.time() < closes and calendar.is_working_day(moment.date())


def next_office_opening(
    calendar: Calendar,
    instant: datetime,
    opens: time = OFFICE_OPENS,
    closes: time = OFFICE_CLOSES,
) -> datetime:
    """`instant` itself while the office is open."""
    moment = _local(instant)
    if office_hours_open(calendar, instant, opens, closes):
        return moment.astimezone(UTC)
    first = moment.date() + (_ONE_DAY if moment.time() >= opens else timedelta())
    day = _next_working_day(calendar, first)
    return datetime.combine(day, opens, VIETNAM).astimezone(UTC)


def _local(instant: datetime) -> datetime:
    if instant.utcoffset() is None:
        raise ValueError(f"{instant!r} has no time zone: give an aware instant, kept in UTC")
    return instant.astimezone(VIETNAM)


# What the table lacks


def coverage_warning(calendar: Calendar, today: date) -> int | None:
    """Days left from 90 down, negative when past the end; None while there is time."""
    left = (calendar.covered_until - today).days
    return left if left <= COVERAGE_WARNING_DAYS else None


def unverified_ahead(calendar: Calendar, today: date, days: int = 365) -> list[SpecialDay]:
    """What the coming year still rests on without an official notice. Raises OutsideCoverage."""
    until = today + timedelta(days=days)
    return calendar.unverified(today, max(today, min(until, calendar.covered_until)))


# Where the days come from


@dataclass(frozen=True)
class Shipped:
    """The official notices known when this version was released."""

    covered_from: date
    covered_until: date
    days: tuple[SpecialDay, ...]


@lru_cache
def shipped() -> Shipped:
    text = (files("storage") / "catalogue" / "calendar_vn.json").read_text(encoding="utf-8")
    table = json.loads(text)
    return Shipped(
        covered_from=date.fromisoformat(table["covered_from"]),
        covered_until=date.fromisoformat(table["covered_until"]),
        days=tuple(
            SpecialDay(
                on=date.fromisoformat(row["day"]),
                kind=DayKind(row["kind"]),
                title=row["title"],
                source=row["source"],
                verified=row["verified"],
            )
            for row in table["days"]
        ),
    )


def build_calendar(
    rows: Iterable[SpecialDay], covered_from: date, covered_until: date
) -> Calendar:
    """The holidays package, corrected by `rows`; of two rows for one day the later wins.

    What only the package says is a guess from the statute and stays unverified. The first call
    costs about half a second.
    """
    days = {day.on: day for day in _package_days(covered_from.year, covered_until.year)}
    days.update((row.on, row) for row in rows)
    covered = {on: day for on, day in days.items() if covered_from <= on <= covered_until}
    return Calendar(covered_from, covered_until, covered)


@lru_cache
def _package_days(first_year: int, last_year: int) -> tuple[SpecialDay, ...]:
    # Imported here because it is slow to load and most commands never count a day.
    import holidays

    years = range(first_year, last_year + 1)
    named = holidays.country_holidays("VN", years=years, language="vi")
    as_written = holidays.country_holidays("VN", years=years, language="vi", observed=False)
    source = f"holidays {version('holidays')}"
    off = [
        SpecialDay(
            on, DayKind.HOLIDAY if on in as_written else DayKind.IN_LIEU, title, source, False
        )
        for on, title in named.items()
    ]
    worked = [
        SpecialDay(on, DayKind.WORKED_WEEKEND, "", source, False) for on in named.weekend_workdays
    ]
    return (*off, *worked)


async def load_calendar(session: AsyncSession) -> Calendar:
    """The office's rows over the shipped notices over the package.

    Without a coverage row the shipped coverage holds: an empty table is never an empty calendar.
    """
    rows = [
        SpecialDay(row.day, DayKind(row.kind), row.title, row.source, row.verified)
        for row in await session.scalars(select(CalendarDay))
    ]
    coverage = await session.scalar(select(CalendarCoverage)) or shipped()
    return await asyncio.to_thread(
        build_calendar,
        [*shipped().days, *rows],
        coverage.covered_from,
        coverage.covered_until,
    )
