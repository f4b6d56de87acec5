"""What was read from a list of units, as values: nothing here touches a database."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.intake import Problem
from storage.models.units import ClusterKind, MemberRank, SeatRank


@dataclass(frozen=True)
class Cell:
    """Where a value stood, for naming it later."""

    sheet: str
    row: int
    column: str
    value: str

    def problem(self, key: str, **args: str | int) -> Problem:
        return Problem(key, "error", self.sheet, self.row, self.column, self.value, args)


@dataclass(frozen=True)
class ClusterName:
    code: str
    name: str
    kind: ClusterKind


@dataclass(frozen=True)
class UnitRow:
    """One unit. None where the file says nothing: what is known then stays."""

    name: str
    cell: Cell
    """Of the name."""
    code: str = ""
    """"" where the office gives none: then the unit is known by its name."""
    kind: str | None = None
    parent: Cell | None = None
    province: str | None = None
    commune: str | None = None
    aliases: tuple[str, ...] | None = None
    cluster: ClusterName | None = None
    seat: SeatRank | None = None
    seat_cell: Cell | None = None
    year: int | None = None
    people: tuple[tuple[MemberRank, str], ...] = ()


@dataclass(frozen=True)
class Draft:
    rows: tuple[UnitRow, ...] = ()
    refused: tuple[UnitRow, ...] = ()
    """Rows too wrong to be taken: what refers to them is no further error."""
    problems: tuple[Problem, ...] = field(default=())

    @property
    def can_be_imported(self) -> bool:
        return bool(self.rows) and not any(p.severity == "error" for p in self.problems)
