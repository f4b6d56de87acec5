"""From a list of units to units, clusters and seats in the database: made, mended, or left.

    draft = spreadsheet.read(path)
    plan = await import_units(session, draft, office, now)
    for line in describe(plan, say): print(line)      # then commit, or roll back a dry run

The same file a second time gives a plan that changes nothing. What the file leaves out stays: no
unit is closed, and nobody loses a seat, because a row is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts, intake
from bot.clock import local_day
from bot.intake import Action, Problem, Say
from bot.text import plain
from handlers.deadlines import duties
from handlers.deadlines.units.papers import headings
from handlers.deadlines.units.papers.draft import Cell, ClusterName, Draft, UnitRow
from storage.models.base import new_id
from storage.models.office import Office
from storage.models.units import Cluster, ClusterSeat, SeatRank, Unit, UnitKind

_WORDS = {"create": "intake-create", "update": "intake-update"}
_LABELS = {
    "name": "units_import-column-name",
    "kind": "units_import-column-kind",
    "parent_id": "units_import-column-parent",
    "province": "units_import-column-province",
    "commune": "units_import-column-commune",
    "aliases": "units_import-column-aliases",
    "rank": "units_import-column-seat",
}


@dataclass(frozen=True)
class Line:
    """What happens, or would happen, to one unit, one cluster or one seat."""

    action: Action
    what: str
    changed: tuple[str, ...] = ()
    """Names of the columns that differ."""


Plan = intake.Plan[Line]


@dataclass
class _Making:
    session: AsyncSession
    office: Office
    now: datetime
    by_code: dict[str, Unit]
    by_name: dict[str, list[Unit]]
    clusters: dict[str, Cluster]
    seats: dict[tuple[str, str, int], ClusterSeat]
    heads: dict[tuple[str, int], ClusterSeat]
    """By cluster and year."""
    lines: list[Line] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    lines_of: dict[str, int] = field(default_factory=dict)
    """Where the line of a unit stands, by its id."""

    def add(self, unit: Unit) -> None:
        self.by_code[unit.code.upper()] = unit
        self.by_name.setdefault(plain(unit.name), []).append(unit)

    def differs(self, unit: Unit, *columns: str) -> None:
        """The unit's line says that these columns change, unless the unit is new."""
        at = self.lines_of[unit.id]
        line = self.lines[at]
        if line.action != "create":
            changed = tuple(dict.fromkeys((*line.changed, *columns)))
            self.lines[at] = Line("update", line.what, changed)


async def import_units(
    session: AsyncSession, draft: Draft, office: Office, now: datetime, *, actor: str = "command"
) -> Plan:
    """Writes the draft into the session and says what that changed; the caller commits or not.

    A plan with errors must be rolled back. All of them are named at once: those of the file and
    those that only the database or the other rows tell. New units owe what is armed.
    """
    if not draft.rows:
        return Plan(problems=draft.problems)
    making = await _begin(session, office, now)
    making.problems.extend([*draft.problems, *_heads(draft.rows, local_day(now).year)])
    units = [_take(making, row) for row in draft.rows]
    await session.flush()
    _place_under_parents(making, draft, units)
    _refuse_circles(making, draft.rows, units)
    for row, unit in zip(draft.rows, units, strict=True):
        _seat(making, row, unit)
    problems = tuple(sorted(making.problems, key=intake.reading_order))
    # Of a file with errors the lines would be those of its other rows alone.
    plan = Plan(tuple(making.lines) if draft.can_be_imported else (), problems)
    if not plan.has_errors and not plan.changes_nothing:
        await session.flush()
        await duties.ensure_for_unit(session, units[0], now)
        acts.note(session, now, actor, "import units", "office", office.id)
    return plan


async def _begin(session: AsyncSession, office: Office, now: datetime) -> _Making:
    clusters = await session.scalars(select(Cluster).where(Cluster.office_id == office.id))
    by_code = {cluster.code: cluster for cluster in clusters}
    ids = [cluster.id for cluster in by_code.values()]
    seats = await session.scalars(select(ClusterSeat).where(ClusterSeat.cluster_id.in_(ids)))
    known = {(seat.cluster_id, seat.unit_id, seat.year): seat for seat in seats}
    heads = {(c, year): one for (c, _, year), one in known.items() if one.rank == SeatRank.HEAD}
    making = _Making(session, office, now, {}, {}, by_code, known, heads)
    units = await session.scalars(
        select(Unit).where(Unit.office_id == office.id, Unit.kind != UnitKind.OFFICE)
    )
    for unit in units:
        making.add(unit)
    return making


# Units


def _take(making: _Making, row: UnitRow) -> Unit:
    unit = making.by_code.get(row.code) if row.code else _by_name(making, row)
    if unit is None:
        return _create(making, row)
    if unit.closed_at is not None:
        making.problems.append(_about(row, "units_import-closed", "warning", code=unit.code))
    wanted = _wanted(row)
    changed = tuple(name for name, value in wanted.items() if getattr(unit, name) != value)
    for name in changed:
        setattr(unit, name, wanted[name])
    if unit.id not in making.lines_of:
        making.lines_of[unit.id] = len(making.lines)
        making.lines.append(Line("unchanged", _what(unit)))
    if changed:
        making.differs(unit, *changed)
    return unit


def _by_name(making: _Making, row: UnitRow) -> Unit | None:
    """A unit without a code in the file is known by its name, where one alone bears it."""
    found = making.by_name.get(plain(row.name), [])
    if len(found) > 1:
        codes = ", ".join(unit.code for unit in found)
        making.problems.append(_about(row, "units_import-name-several", "error", codes=codes))
    return found[0] if found else None


def _create(making: _Making, row: UnitRow) -> Unit:
    code = row.code or _free_code(making, row)
    same = making.by_name.get(plain(row.name), [])
    if same:
        other = same[0].code
        making.problems.append(_about(row, "units_import-same-name", "warning", code=other))
    unit = Unit(
        id=new_id(), office_id=making.office.id, code=code, province="", commune="", aliases=[],
        kind=headings.kind_of_name(row.name),
    )  # fmt: skip
    for name, value in _wanted(row).items():
        setattr(unit, name, value)
    making.session.add(unit)
    making.add(unit)
    making.lines_of[unit.id] = len(making.lines)
    making.lines.append(Line("create", _what(unit)))
    return unit


def _free_code(making: _Making, row: UnitRow) -> str:
    made = headings.code_from(headings.initials(row.name)) or "DV"
    code, number = made, 1
    while code in making.by_code:
        number += 1
        code = f"{made}-{number}"
    making.problems.append(_about(row, "units_import-code-made", "warning", code=code))
    return code


def _wanted(row: UnitRow) -> dict[str, Any]:
    """What the file says, column by column; what it leaves empty is left out."""
    said: dict[str, Any] = {
        "name": row.name, "kind": row.kind, "province": row.province, "commune": row.commune,
        "aliases": None if row.aliases is None else list(row.aliases),
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not None}


def _what(unit: Unit) -> str:
    return f"{unit.code} · {unit.name}"


def _about(row: UnitRow, key: str, severity: intake.Severity, **args: str | int) -> Problem:
    cell = row.cell
    return Problem(key, severity, cell.sheet, cell.row, cell.column, cell.value, args)


def _place_under_parents(making: _Making, draft: Draft, units: Sequence[Unit]) -> None:
    """What is wrong with a parent is told once, where it stands first; the other rows refer
    to it."""
    refused = {name: row for row in reversed(draft.refused) for name in _names(row)}
    unknown: dict[str, Cell] = {}
    for row, unit in zip(draft.rows, units, strict=True):
        if row.parent is None:
            continue
        parent = _parent(making, row.parent)
        if parent is unit:
            making.problems.append(row.parent.problem("units_import-parent-itself"))
        elif parent is not None:
            if unit.parent_id != parent.id:
                unit.parent_id = parent.id
                making.differs(unit, "parent_id")
        elif wrong := next((refused[one] for one in _asked(row.parent) if one in refused), None):
            told = row.parent.problem("units_import-parent-refused", **_where(wrong.cell))
            making.problems.append(replace(told, severity="warning"))
        else:
            first = unknown.setdefault(plain(row.parent.value), row.parent)
            again = "units_import-parent-unknown-again"
            key = "units_import-parent-unknown" if first is row.parent else again
            making.problems.append(row.parent.problem(key, **_where(first)))


def _parent(making: _Making, written: Cell) -> Unit | None:
    code, name = headings.code_from(written.value), plain(written.value)
    named = making.by_name.get(name, [])
    return making.by_code.get(code) or (named[0] if len(named) == 1 else None)


def _names(row: UnitRow) -> set[str]:
    """By what other rows may name it."""
    return _keys(row.code, row.name)


def _asked(written: Cell) -> set[str]:
    return _keys(headings.code_from(written.value), written.value)


def _keys(code: str, name: str) -> set[str]:
    both = (("code", code), ("name", plain(name)))
    return {f"{kind}:{value}" for kind, value in both if value}


def _where(cell: Cell) -> dict[str, str | int]:
    return {"first_sheet": cell.sheet, "first_row": cell.row}


def _refuse_circles(making: _Making, rows: Sequence[UnitRow], units: Sequence[Unit]) -> None:
    by_id = {unit.id: unit for unit in making.by_code.values()}
    for row, unit in zip(rows, units, strict=True):
        above, seen = unit.parent_id, {unit.id}
        while above and above not in seen:
            seen.add(above)
            above = by_id[above].parent_id if above in by_id else None
        if above == unit.id and row.parent:
            making.problems.append(row.parent.problem("units_import-parent-circle"))


# Clusters


def _heads(rows: Sequence[UnitRow], this_year: int) -> Iterator[Problem]:
    """A cluster has one head a year; a row without a year speaks of this one."""
    first: dict[tuple[str, int], UnitRow] = {}
    for row in rows:
        if row.cluster is None or row.seat_cell is None or row.seat is not SeatRank.HEAD:
            continue
        year = row.year or this_year
        earlier = first.setdefault((row.cluster.code, year), row)
        if earlier.seat_cell and not _is_same(earlier, row):
            yield row.seat_cell.problem(
                "units_import-two-heads", cluster=row.cluster.name, other=earlier.name,
                year=str(year), first_column=earlier.seat_cell.column,
                **_where(earlier.seat_cell),
            )  # fmt: skip


def _seat(making: _Making, row: UnitRow, unit: Unit) -> None:
    if row.cluster is None:
        return
    cluster = making.clusters.get(row.cluster.code) or _new_cluster(making, row.cluster)
    year = row.year or local_day(making.now).year
    seat = making.seats.get((cluster.id, unit.id, year))
    what = f"{cluster.name} {year} · {unit.name}"
    if seat is None:
        seat = ClusterSeat(
            cluster_id=cluster.id, unit_id=unit.id, year=year, rank=row.seat or SeatRank.MEMBER
        )
        making.session.add(seat)
        making.seats[cluster.id, unit.id, year] = seat
        making.lines.append(Line("create", what))
    elif row.seat and seat.rank != row.seat:
        seat.rank = row.seat
        making.lines.append(Line("update", what, ("rank",)))
    else:
        making.lines.append(Line("unchanged", what))
    if row.seat is SeatRank.HEAD:
        _unseat_other_head(making, seat, cluster)


def _is_same(one: UnitRow, other: UnitRow) -> bool:
    codes = {one.code, other.code} - {""}
    return plain(one.name) == plain(other.name) and len(codes) < 2


def _new_cluster(making: _Making, named: ClusterName) -> Cluster:
    cluster = Cluster(
        id=new_id(), office_id=making.office.id, code=named.code, name=named.name, kind=named.kind
    )
    making.session.add(cluster)
    making.clusters[named.code] = cluster
    making.lines.append(Line("create", f"{named.code} · {named.name}"))
    return cluster


def _unseat_other_head(making: _Making, head: ClusterSeat, cluster: Cluster) -> None:
    other = making.heads.get((cluster.id, head.year))
    if other is not None and other is not head and other.rank == SeatRank.HEAD:
        other.rank = SeatRank.MEMBER
        making.lines.append(Line("update", f"{cluster.name} {head.year}", ("rank",)))
    making.heads[cluster.id, head.year] = head


# In words


def describe(plan: Plan, say: Say) -> Iterator[str]:
    """The plan in words: problems first, then one line for each thing that is not unchanged."""
    yield from intake.describe_problems(plan.problems, say)
    for line in plan.lines:
        if line.action == "unchanged":
            continue
        words = say(_WORDS[line.action], what=line.what)
        if line.changed:
            changed = "; ".join(say(_LABELS[name]) for name in line.changed)
            words = say("intake-columns", line=words, columns=changed)
        yield words
