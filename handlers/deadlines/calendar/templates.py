"""The templates that are shipped, and the dates they come to in a year.

Each says what it rests on: most are the habit of offices, which no law demands. An office sets
its own dates over them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from bot.clock import Calendar, add_working_days, end_of_day
from bot.replies import Reply, UserError, reply
from handlers.deadlines.calendar import fighter, ladders
from handlers.deadlines.calendar.fighter import Rule
from storage.models.deadlines import Rung, Work
from storage.models.units import UnitKind
from storage.seed import shipped

OWN = [UnitKind.OFFICE.value]
"""For whom a date is that the office itself keeps."""


@dataclass(frozen=True)
class PublicStep:
    """The public is asked before the council meets: the dates are planned back."""

    working_days: int
    council_working_days_before: int
    check_working_days: int
    publish_title: str
    council_title: str


@dataclass(frozen=True)
class Template:
    code: str
    title: str
    work: Work
    month: int
    day: int
    for_kinds: tuple[str, ...]
    school_year: bool
    checklist: tuple[str, ...]
    in_working_days: bool
    mandatory: bool
    basis: str
    source: str
    verified: bool
    variant_of: str = ""
    """The template this one is for the school year."""
    optional: bool = False
    """Copied only when it is asked for by name."""
    ladder: str = ""
    units_days_before: int = 0
    """The date is the office's own towards the ministry; units hand in so many days before."""
    office_title: str = ""
    consultation: PublicStep | None = None

    @property
    def rule(self) -> Rule | None:
        """None where nothing has to be published before."""
        if self.consultation is None:
            return None
        asked = self.consultation
        return Rule(
            asked.working_days, asked.council_working_days_before, asked.check_working_days,
            self.units_days_before,
        )  # fmt: skip


@dataclass(frozen=True)
class Planned:
    """A deadline that a template brings to a year."""

    code: str
    template: Template
    title: str
    work: Work
    due_at: datetime
    for_kinds: list[str]
    ladder: list[Rung]
    checklist: list[str]
    working: tuple[Reply, ...] = ()
    """How its day was found, where it was not simply named."""


@lru_cache
def templates() -> Mapping[str, Template]:
    return {row["code"]: _template(row) for row in shipped("deadlines_vn.json")}


def _template(row: dict[str, Any]) -> Template:
    lists = {name: tuple(row[name]) for name in ("for_kinds", "checklist")}
    asked = row.get("consultation")
    given = {**row, **lists, "work": Work(row["work"])}
    return Template(**{**given, "consultation": PublicStep(**asked) if asked else None})


def template(code: str) -> Template:
    """Raises UserError with the codes there are."""
    found = templates().get(code.upper())
    if found is None:
        raise UserError("calendar-no-template", code=code[:40], known=", ".join(templates()))
    return found


def suggested(one: Template, year: int) -> date:
    return date(year, one.month, one.day)


def plan(one: Template, year: int, calendar: Calendar, on: date | None = None) -> list[Planned]:
    """What a template comes to when its own date is `on`. Raises OutsideCoverage."""
    day = on or suggested(one, year)
    calendar.require(day)
    code = f"{one.code}-{year}"
    if one.rule is not None:
        return from_back_plan(one, code, fighter.plan(calendar, one.rule, day))
    if not one.units_days_before:
        return [_for_units(one, code, day)]
    units, working = _some_days_before(one, day, calendar)
    return [
        _for_units(one, code, units, working),
        _for_office(one, f"{code}-BNV", one.office_title, day),
    ]


def from_back_plan(one: Template, code: str, back: fighter.BackPlan) -> list[Planned]:
    """Four dates: the units', the publication, the council, the ministry's."""
    assert one.consultation is not None
    return [
        _for_units(one, code, back.units, tuple(back.working())),
        _for_office(one, f"{code}-CB", one.consultation.publish_title, back.publish),
        _for_office(one, f"{code}-HD", one.consultation.council_title, back.council),
        _for_office(one, f"{code}-BNV", one.office_title, back.ministry),
    ]


def _some_days_before(
    one: Template, day: date, calendar: Calendar
) -> tuple[date, tuple[Reply, ...]]:
    """Never a day off: those who hand in would find nobody."""
    wanted = day - timedelta(days=one.units_days_before)
    found = wanted if calendar.is_working_day(wanted) else add_working_days(calendar, wanted, -1)
    shown = reply("calendar-days-before", n=one.units_days_before, day=day, units=found)
    return found, (shown,)


def _for_units(one: Template, code: str, day: date, working: tuple[Reply, ...] = ()) -> Planned:
    ladder = ladders.parse(one.ladder or "default")
    return Planned(
        code, one, one.title, one.work, end_of_day(day), list(one.for_kinds), ladder,
        list(one.checklist), working,
    )  # fmt: skip


def _for_office(one: Template, code: str, title: str, day: date) -> Planned:
    ladder = ladders.parse(OFFICE_LADDER)
    return Planned(code, one, title, Work.OTHER, end_of_day(day), OWN, ladder, [])


OFFICE_LADDER = "T-15:office,T-7:office,T-3:office,T-1:office,T0:office,T+1:office"
"""Of the office's own dates: there is nobody above to escalate to."""
