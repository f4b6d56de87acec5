"""Who is praised (ai được khen): counted by group, level, place and month, with what is asked for.

Praised is a deed that the office shows to the public now, on the day on which it was shown first.
Deeds proposed for a commendation and not yet shown are counted beside it, for officers alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import case, delete, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from bot import places
from bot.clock import end_of_day, local_day
from bot.replies import Arg, UserError, Word
from storage.models.consultations import Award
from storage.models.deeds import (
    Deed,
    DeedGroup,
    DeedInGroup,
    DeedPublication,
    DeedState,
    DeedSummary,
)
from storage.models.figures import AskedShare
from storage.models.office import Act
from storage.models.units import Unit

SMALL = 3
"""The public reads no smaller count than this of a group, a level or a place."""
LEVELS = ("president", "prime_minister", "ministry_or_province", "grassroots", "commune")
NO_LEVEL = "none"


@dataclass(frozen=True)
class Period:
    """Local days, both counted."""

    first: date
    last: date

    @property
    def months(self) -> list[date]:
        """The first days of its months; the first may be the middle of one."""
        found = [self.first]
        while (following := _next_month(found[-1])) <= self.last:
            found.append(following)
        return found


def year(number: int) -> Period:
    return Period(date(number, 1, 1), date(number, 12, 31))


def _start(day: date) -> datetime:
    return end_of_day(day - timedelta(days=1))


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


@dataclass(frozen=True)
class Row:
    code: str
    name: Arg
    shown: int
    """Praised, as above."""
    proposed: int = 0
    percent: int | None = None
    """Of all praised; None where there are none, or where the count is not told."""
    asked: int | None = None
    """The share the council asks for, in percent."""
    small: bool = False
    """More than none and fewer than SMALL, on a public surface: `shown` is 0 then."""

    @property
    def is_behind(self) -> bool:
        return self.asked is not None and self.percent is not None and self.percent < self.asked


@dataclass(frozen=True)
class Figures:
    period: Period
    made_at: datetime
    shown: int
    proposed: int
    groups: Sequence[Row]
    """A deed may belong to several: they add up to more than all."""
    levels: Sequence[Row]
    places: Sequence[Row]
    months: Sequence[Row]


async def figures(
    session: AsyncSession, office_id: str, period: Period, locale: str, now: datetime
) -> Figures:
    """For officers: nothing is left out."""
    counted = _counted(office_id, period)
    months = await _months(session, counted, period, local_day(now))
    shown, proposed = sum(one.shown for one in months), sum(one.proposed for one in months)
    levels = await _tally(
        session,
        select(Award.level, counted.c.shown, func.count())
        .select_from(counted)
        .outerjoin(DeedSummary, DeedSummary.deed_id == counted.c.id)
        .outerjoin(Award, Award.code == DeedSummary.award_code)
        .group_by(Award.level, counted.c.shown),
    )
    where = case((Deed.commune != "", Deed.commune), else_=func.coalesce(Unit.name, ""))
    communes = await _tally(
        session,
        select(where, counted.c.shown, func.count())
        .select_from(Deed)
        .join(counted, counted.c.id == Deed.id)
        .outerjoin(Unit, Unit.id == Deed.unit_id)
        .group_by(where, counted.c.shown),
    )
    return Figures(
        period, now, shown, proposed,
        _shared(await _groups(session, office_id, counted, locale), shown),
        _shared(_levels(levels), shown), _shared(_places(communes), shown), months,
    )  # fmt: skip


def _counted(office_id: str, period: Period) -> Any:
    """(id, at, shown): one row a deed; `shown` is 1 when the public reads of it."""
    public = (
        select(
            Deed.id.label("id"), func.min(DeedPublication.published_at).label("at"),
            literal(1).label("shown"),
        )
        .join(DeedPublication, DeedPublication.deed_id == Deed.id)
        .where(Deed.office_id == office_id, Deed.state == DeedState.PUBLISHED)
        .group_by(Deed.id)
    )  # fmt: skip
    proposed = select(
        Deed.id.label("id"), Deed.state_at.label("at"), literal(0).label("shown")
    ).where(Deed.office_id == office_id, Deed.state == DeedState.PROPOSED)
    both = union_all(public, proposed).subquery()
    return (
        select(both.c.id, both.c.at, both.c.shown)
        .where(
            both.c.at >= _start(period.first),
            both.c.at < _start(period.last + timedelta(days=1)),
        )
        .subquery()
    )


_Tally = dict[str, Counter[bool]]
"""Code → how many of those shown (True) and of those proposed (False)."""


async def _tally(session: AsyncSession, query: Any) -> _Tally:
    found: _Tally = {}
    for code, shown, count in await session.execute(query):
        found.setdefault(code or "", Counter())[bool(shown)] += count
    return found


async def _groups(session: AsyncSession, office_id: str, counted: Any, locale: str) -> list[Row]:
    """Every group that has somebody or of which the council asks a share; the asked ones first."""
    tally = await _tally(
        session,
        select(DeedInGroup.group_code, counted.c.shown, func.count())
        .join(counted, counted.c.id == DeedInGroup.deed_id)
        .group_by(DeedInGroup.group_code, counted.c.shown),
    )
    asked = {one.group_code: one.percent for one in await asked_shares(session, office_id)}
    rows = [
        _row(one.code, one.name_en if locale == "en" else one.name_vi, tally, asked)
        for one in await session.scalars(select(DeedGroup).order_by(DeedGroup.code))
        if one.code in tally or one.code in asked
    ]
    return sorted(rows, key=lambda one: (one.asked is None, -one.shown, -one.proposed, one.code))


def _row(code: str, name: Arg, tally: _Tally, asked: Mapping[str, int] | None = None) -> Row:
    counts = tally.get(code, Counter())
    return Row(code, name, counts[True], counts[False], asked=(asked or {}).get(code))


def _levels(tally: _Tally) -> list[Row]:
    """By the commendation that the summary names, the highest first; the last names none."""
    rows = [_row(one, Word(f"praised-level-{one}"), tally) for one in LEVELS if one in tally]
    rows += [_row(one, one, tally) for one in sorted(tally) if one and one not in LEVELS]
    if "" in tally:
        rows.append(replace(_row("", Word(f"praised-level-{NO_LEVEL}"), tally), code=NO_LEVEL))
    return rows


def _places(tally: _Tally) -> list[Row]:
    """Communes, or the unit in charge where no commune was named; the most first, unknown last."""
    rows = [
        _row(code, _place_name(code) if code else Word("praised-place-unknown"), tally)
        for code in tally
    ]
    return sorted(rows, key=lambda one: (not one.code, -one.shown, -one.proposed, str(one.name)))


def _place_name(code: str) -> str:
    return places.name_of(code) if places.by_code(code) else code


async def _months(session: AsyncSession, counted: Any, period: Period, today: date) -> list[Row]:
    """Of the period, those that have begun; the first of it always."""
    begins = [one for one in period.months if one <= max(today, period.first)]
    ends = [*(_next_month(one) for one in begins[:-1]), period.last + timedelta(days=1)]
    sums = [
        func.sum(
            case(
                (
                    (counted.c.at >= _start(first))
                    & (counted.c.at < _start(end))
                    & (counted.c.shown == shown),
                    1,
                ),
                else_=0,
            )
        )
        for first, end in zip(begins, ends, strict=True)
        for shown in (1, 0)
    ]
    found = [int(one or 0) for one in (await session.execute(select(*sums))).one()]
    return [
        Row(f"{first:%Y-%m}", f"{first:%m/%Y}", found[2 * at], found[2 * at + 1])
        for at, first in enumerate(begins)
    ]


def _shared(rows: Iterable[Row], all_shown: int) -> list[Row]:
    """With the share of all that are shown, rounded half up."""
    if not all_shown:
        return list(rows)
    return [replace(one, percent=(200 * one.shown + all_shown) // (2 * all_shown)) for one in rows]


# What the public may read of it


def for_the_public(found: Figures) -> Figures:
    """Without what is only proposed, and without counts that point at somebody.

    Of a group fewer than SMALL are told as "fewer than". Levels and places add up to all, where
    one that is left out could be reckoned: small ones are told together instead.
    """
    return replace(
        found,
        proposed=0,
        groups=[_told_small(one) for one in found.groups if one.shown or one.asked is not None],
        levels=_together(found.levels, found.shown),
        places=_together(found.places, found.shown),
        months=[replace(one, proposed=0) for one in found.months],
    )


def _told_small(row: Row) -> Row:
    row = replace(row, proposed=0)
    if 0 < row.shown < SMALL:
        return replace(row, shown=0, percent=None, small=True)
    return row


def _together(rows: Sequence[Row], all_shown: int) -> list[Row]:
    shown = [replace(one, proposed=0) for one in rows if one.shown]
    small = [one for one in shown if one.shown < SMALL]
    large = [one for one in shown if one.shown >= SMALL]
    if small and sum(one.shown for one in small) < SMALL and large:
        smallest = min(large, key=lambda one: one.shown)
        large.remove(smallest)
        small.append(smallest)
    if not small:
        return large
    rest = Row("rest", Word("praised-rest"), sum(one.shown for one in small))
    return [*large, *(_told_small(one) for one in _shared([rest], all_shown))]


# What the council asks for


async def asked_shares(session: AsyncSession, office_id: str) -> Sequence[AskedShare]:
    found = await session.scalars(
        select(AskedShare).where(AskedShare.office_id == office_id).order_by(AskedShare.group_code)
    )
    return found.all()


async def ask_share(
    session: AsyncSession,
    office_id: str,
    group_code: str,
    percent: int,
    basis: str,
    actor: str,
    now: datetime,
) -> None:
    """0 percent: nothing is asked for any more. Raises UserError."""
    group = await session.get(DeedGroup, group_code)
    if group is None:
        codes = await session.scalars(select(DeedGroup.code).order_by(DeedGroup.code))
        raise UserError("praised-unknown-group", code=group_code, codes=", ".join(codes))
    if not 0 <= percent <= 100:
        raise UserError("praised-bad-percent")
    if percent and not basis.strip():
        raise UserError("praised-needs-basis")
    await session.execute(
        delete(AskedShare).where(
            AskedShare.office_id == office_id, AskedShare.group_code == group_code
        )
    )
    if percent:
        session.add(
            AskedShare(
                office_id=office_id, group_code=group_code, percent=percent, basis=basis.strip(),
                set_by=actor, set_at=now,
            )
        )  # fmt: skip
    session.add(
        Act(
            at=now, actor=actor, verb="ask share", object_kind="group", object_id=group_code,
            reason=f"{percent} %: {basis.strip()}"[:1000],
        )
    )  # fmt: skip
    await session.flush()


def note_export(
    session: AsyncSession, office_id: str, period: Period, actor: str, now: datetime
) -> None:
    """A file for the office was made: small counts stand in it."""
    session.add(
        Act(
            at=now, actor=actor, verb="export praised", object_kind="office",
            object_id=office_id, reason=f"{period.first} {period.last}",
        )
    )  # fmt: skip
