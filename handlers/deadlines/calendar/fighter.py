"""Planning back for the national emulation fighter: the ministry's date, the council, the public.

The list must be public for ten working days before the council meets (Decree 152/2025, article
44; read in secondary sources). Two ways of counting those days are in use: both are shown, and
the longer is the default.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from bot.clock import (
    VIETNAM,
    Calendar,
    Counting,
    DayUnit,
    Window,
    add_working_days,
    end_of_day,
    last_day,
)
from bot.replies import Reply, Until, UserError, reply


@dataclass(frozen=True)
class Rule:
    """Numbers of days, from the template."""

    working_days: int
    """The list is public before the council meets."""
    council_before: int
    """Working days between the council and the ministry's date, for the papers."""
    check: int
    """Working days between what units hand in and the publication."""
    units_before: int
    """Calendar days between what units hand in and the ministry's date, at least."""


@dataclass(frozen=True)
class BackPlan:
    calendar: Calendar
    rule: Rule
    counting: Counting
    ministry: date
    council: date
    publish: date
    units: date

    def ends(self, counting: Counting) -> datetime:
        return end_of_day(_last(self.calendar, self.rule, self.publish, counting))

    def earliest_council(self, counting: Counting) -> date:
        return earliest_council(self.calendar, self.rule, self.publish, counting)

    def working(self) -> Iterator[Reply]:
        """Line by line, latest date first."""
        n = self.rule.working_days
        yield reply("calendar-working-ministry", day=self.ministry)
        yield reply("calendar-working-council", day=self.council)
        yield reply("calendar-working-publish", day=self.publish, n=n)
        for counting, key in _COUNTINGS.items():
            yield reply(
                key, n=n, ends=Until(self.ends(counting)), council=self.earliest_council(counting)
            )
        yield reply("calendar-working-units", day=self.units)


_COUNTINGS = {
    Counting.CIVIL_CODE: "calendar-working-civil",
    Counting.POSTING_DAY: "calendar-working-posting",
}


def plan(
    calendar: Calendar,
    rule: Rule,
    ministry: date,
    council: date | None = None,
    publish: date | None = None,
    units: date | None = None,
    counting: Counting = Counting.CIVIL_CODE,
) -> BackPlan:
    """What is not given is the latest that still holds, but for a council after a given
    publication: that is the earliest.

    Raises UserError where the dates do not fit, and OutsideCoverage.
    """
    calendar.require(ministry)
    if council is None:
        council = add_working_days(calendar, ministry, -rule.council_before)
        if publish is not None:
            council = max(council, earliest_council(calendar, rule, publish, counting))
    if publish is None:
        publish = latest_publication(calendar, rule, council, counting)
    _refuse_unless_in_order(calendar, rule, counting, publish, council, ministry)
    if units is None:
        units = _units(calendar, rule, publish, ministry)
    if units >= publish:
        raise UserError("calendar-units-too-late", units=units, publish=publish)
    return BackPlan(calendar, rule, counting, ministry, council, publish, units)


def earliest_council(calendar: Calendar, rule: Rule, publish: date, counting: Counting) -> date:
    """The first working day after the window: on its last day the public may still speak."""
    return add_working_days(calendar, _last(calendar, rule, publish, counting), 1)


def latest_publication(calendar: Calendar, rule: Rule, council: date, counting: Counting) -> date:
    """The last working day from which the window ends before the council meets."""
    days = rule.working_days + (counting is Counting.CIVIL_CODE)
    return add_working_days(calendar, council, -days)


def _last(calendar: Calendar, rule: Rule, publish: date, counting: Counting) -> date:
    posted_at = datetime.combine(publish, time(), VIETNAM)
    return last_day(calendar, posted_at, Window(rule.working_days, DayUnit.WORKING, counting))


def _refuse_unless_in_order(
    calendar: Calendar, rule: Rule, counting: Counting, publish: date, council: date,
    ministry: date,
) -> None:  # fmt: skip
    if council >= ministry:
        raise UserError("calendar-council-too-late", council=council, ministry=ministry)
    ends = _last(calendar, rule, publish, counting)
    if council <= ends:
        raise UserError(
            "calendar-council-too-early", council=council, n=rule.working_days, publish=publish,
            ends=Until(end_of_day(ends)),
            earliest=earliest_council(calendar, rule, publish, counting),
            latest=latest_publication(calendar, rule, council, counting),
        )  # fmt: skip


def _units(calendar: Calendar, rule: Rule, publish: date, ministry: date) -> date:
    wanted = ministry - timedelta(days=rule.units_before)
    if not calendar.is_working_day(wanted):
        wanted = add_working_days(calendar, wanted, -1)
    return min(wanted, add_working_days(calendar, publish, -rule.check))
