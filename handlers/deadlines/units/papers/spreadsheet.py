"""An office's own list of units and clusters, read with every problem named.

    draft = read(path)                   # never raises for what is in the file
    for problem in draft.problems:
        print(explain(problem, say))     # sheet, row, column, value, what is wrong, what to do

Reading needs no database; the same file always gives the same draft.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bot import places
from bot.intake import Problem, Severity, reading_order
from bot.text import plain
from bot.workbook import MAX_ROWS, Sheet, Unreadable, Value, cell_text, letter, read_sheets
from handlers.deadlines.units.papers import headings
from handlers.deadlines.units.papers.draft import Cell, ClusterName, Draft, UnitRow
from storage.models.units import MemberRank, SeatRank, UnitKind

LONGEST = {
    "name": 300, "code": 32, "parent": 300, "aliases": 1_000, "cluster": 300,
    "head": 120, "focal": 120, "deputy": 120,
}  # fmt: skip
_PEOPLE = {"head": MemberRank.HEAD, "focal": MemberRank.FOCAL, "deputy": MemberRank.DEPUTY}
_LONGEST_KIND = 32
_MOST_NAMED = 3


def read(path: Path) -> Draft:
    """The units in an .xlsx, hidden sheets left out. Some seconds for a big file: use a thread.

    Raises OSError only.
    """
    try:
        sheets = read_sheets(path)
    except Unreadable as refusal:
        return Draft(problems=(Problem(refusal.key, "error", args=refusal.details),))
    tables = [_table(sheet) for sheet in sheets if not sheet.hidden]
    rows = [row for table in tables for row in table.rows]
    problems = [problem for table in tables for problem in table.problems]
    problems += [
        Problem("papers-sheet-hidden", "warning", sheet.name) for sheet in sheets if sheet.hidden
    ]
    if not any(table.columns for table in tables):
        problems.append(Problem("units_import-no-table", "error"))
    elif not rows and not problems:
        problems.append(Problem("units_import-no-rows", "error"))
    refused = [row for table in tables for row in table.refused]
    rows, twice, repeated = _once_each(rows)
    problems += repeated
    return Draft(tuple(rows), (*refused, *twice), tuple(sorted(problems, key=reading_order)))


def _table(sheet: Sheet) -> _Table:
    table, merged = _Table(sheet), sheet.merged_down()
    for number in sorted(sheet.rows):
        own = {c: cell_text(v) for c, v in sheet.rows[number].items() if cell_text(v)}
        below: dict[int, Value] = merged.get(number, {})
        full = {**{c: cell_text(v) for c, v in below.items()}, **own}
        if columns := _heading(full):
            table.begin(number, columns, _seats(full))
        elif table.columns and own:
            table.take(number, own, full)
    table.report_uncalculated()
    if sheet.has_too_many_rows:
        limit = {"limit": MAX_ROWS}
        table.problems.append(
            Problem("papers-sheet-too-many-rows", "error", sheet.name, args=limit)
        )
    return table


def _heading(texts: dict[int, str]) -> dict[str, int] | None:
    """Field → column when the row is the heading of a list of units."""
    if any(text.isdigit() for text in texts.values()):
        return None
    named = {column: headings.COLUMNS.field_of(text) for column, text in texts.items()}
    if 2 * sum(name is not None for name in named.values()) < len(texts):
        return None
    found: dict[str, int] = {}
    for column, name in named.items():
        if name:
            found.setdefault(name, column)
    return found if "name" in found and len(found) > 1 else None


def _seats(texts: dict[int, str]) -> list[int]:
    """Every column that says who heads a cluster: lists have one for the head, one for the
    deputy."""
    return [column for column, text in texts.items() if headings.COLUMNS.field_of(text) == "seat"]


@dataclass
class _Table:
    """Takes the rows of one sheet below a heading, one after another."""

    sheet: Sheet
    columns: dict[str, int] = field(default_factory=dict)
    seats: list[int] = field(default_factory=list)
    rows: list[UnitRow] = field(default_factory=list)
    refused: list[UnitRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _begun: int = 0
    _ended: bool = False
    _section: ClusterName | None = None

    def begin(self, row: int, columns: dict[str, int], seats: list[int]) -> None:
        """A heading; two directly below one another are one heading of two lines."""
        goes_on = self._begun == row - 1
        self.columns = {**columns, **self.columns} if goes_on else columns
        self.seats = sorted({*seats, *self.seats}) if goes_on else seats
        self._begun, self._ended = row, False

    def take(self, row: int, own: dict[int, str], full: dict[int, str]) -> None:
        said = {name: full[c] for name, c in self.columns.items() if c in full}
        numbered = said.get("number", "").rstrip(".").isdigit()
        first = plain(next((text for text in own.values() if len(plain(text)) > 3), ""))
        if not numbered and headings.SUBTOTAL.match(first):
            return
        self._ended = self._ended or (not numbered and bool(headings.FOOTER.match(first)))
        if self._ended or all(re.fullmatch(r"\(?(\d{1,2}|[A-M])\)?", t) for t in own.values()):
            return
        if not numbered and self._opens_section(own):
            return
        if said.get("name") or numbered or said.get("code"):
            self._take_unit(row, said, full)

    def _opens_section(self, own: dict[int, str]) -> bool:
        """ "II. KHỐI THI ĐUA SỐ 2" alone in its row speaks for the rows below it."""
        number = self.columns.get("number", 0)
        rest = {column: text for column, text in own.items() if column != number or len(text) > 6}
        if len(rest) != 1:
            return False
        ((column, text),) = rest.items()
        marked = bool(own.get(number)) or bool(re.match(r"\s*[IVX]{1,5}\s*[.):/-]", text))
        if headings.is_cluster_section(text):
            self._section = headings.cluster_named(text)
            return True
        return marked or column != self.columns["name"]

    def _take_unit(self, row: int, written: dict[str, str], full: dict[int, str]) -> None:
        """Every cell is read, so that one round names all that is wrong."""
        wrong = set(self._unsound(row, written))
        said = {name: text for name, text in written.items() if name not in wrong}
        if not written.get("name"):
            self._report("units_import-row-no-name", "error", row, "name")
        cell = self._cell(row, "name", " ".join(written.get("name", "").split()))
        province, commune = self._place(row, said)
        seat, seat_cell = self._seat(row, said, full)
        taken = UnitRow(
            cell.value, cell, self._code(row, said), self._kind(row, said),
            self._cell(row, "parent", said["parent"]) if said.get("parent") else None,
            province, commune, self._aliases(said), self._cluster(said),
            seat, seat_cell, self._year(row, said),
            tuple(
                (rank, " ".join(said[name].split()))
                for name, rank in _PEOPLE.items() if said.get(name)
            ),
        )  # fmt: skip
        (self.refused if wrong or not said.get("name") else self.rows).append(taken)

    def _unsound(self, row: int, said: dict[str, str]) -> Iterator[str]:
        """Fields whose cell holds nothing that could be read."""
        for name, text in said.items():
            longest = LONGEST.get(name, 2_000)
            if re.fullmatch(r"#(REF|N/A|NAME|VALUE|DIV/0|NULL|NUM)[!?]?", text):
                self._report("papers-cell-formula-error", "error", row, name, text)
            elif len(text) > longest:
                args = {"limit": longest, "length": len(text)}
                self._report("papers-cell-too-long", "error", row, name, text[:60] + "…", **args)
            else:
                continue
            yield name

    def _code(self, row: int, said: dict[str, str]) -> str:
        written = said.get("code", "")
        code = headings.code_from(written)
        if written and not code:
            self._report("units_import-code-unusable", "error", row, "code", written)
        return code

    def _kind(self, row: int, said: dict[str, str]) -> str | None:
        written = said.get("kind", "")
        if not written:
            return None
        kind = headings.kind_said(written)
        if kind is UnitKind.OFFICE or len(written) > _LONGEST_KIND:
            self._report("units_import-kind-unknown", "error", row, "kind", written)
        elif kind is None:
            self._report("units_import-kind-own", "warning", row, "kind", written)
        return str(kind or written[:_LONGEST_KIND])

    def _place(self, row: int, said: dict[str, str]) -> tuple[str | None, str | None]:
        """Codes; a commune without a province is looked for in all of them."""
        province = self._one_place(row, "province", said, None)
        inside = province or ""
        commune = self._one_place(row, "commune", said, inside)
        if commune and not province and (found := places.by_code(commune)):
            province = found.province
        return province, commune

    def _one_place(
        self, row: int, name: str, said: dict[str, str], inside: str | None
    ) -> str | None:
        written = said.get(name, "")
        if not written:
            return None
        found = places.exact(written, inside)
        if len(found) == 1:
            return found[0].code
        if found:
            self._report(
                "units_import-place-several", "error", row, name, written, names=_named(found)
            )
            return None
        near = [one for one in places.find(written, inside or "") if _is_tier(one, inside)]
        key = "units_import-place-near" if near else "units_import-place-unknown"
        self._report(key, "error", row, name, written, names=_named(near))
        return None

    def _aliases(self, said: dict[str, str]) -> tuple[str, ...] | None:
        parts = (" ".join(part.split()) for part in re.split(r"[;\n]", said.get("aliases", "")))
        return tuple(dict.fromkeys(part for part in parts if part)) or None

    def _cluster(self, said: dict[str, str]) -> ClusterName | None:
        written = said.get("cluster", "")
        return headings.cluster_named(written) if written else self._section

    def _seat(
        self, row: int, said: dict[str, str], full: dict[int, str]
    ) -> tuple[SeatRank | None, Cell | None]:
        """Two columns that say two things of one unit are an error."""
        found: list[tuple[SeatRank, Cell]] = []
        for column in self.seats:
            if column == self.columns.get("seat") and "seat" not in said:
                continue
            cell = Cell(self.sheet.name, row, letter(column), full.get(column, ""))
            rank = headings.seat_said(cell.value) if cell.value else None
            if cell.value and rank is None:
                self.problems.append(cell.problem("units_import-seat-unknown"))
            elif rank and self._cluster(said) is None:
                self.problems.append(cell.problem("units_import-seat-nowhere"))
            elif rank and found and found[0][0] is not rank:
                first = found[0][1]
                self.problems.append(
                    cell.problem(
                        "units_import-seat-twice", first=first.value, first_column=first.column
                    )
                )
            elif rank:
                found.append((rank, cell))
        return found[0] if found else (None, None)

    def _year(self, row: int, said: dict[str, str]) -> int | None:
        written = said.get("year", "")
        found = re.search(r"\b(20\d\d)\b", written)
        if written and not found:
            self._report("units_import-year-wrong", "error", row, "year", written)
        return int(found[1]) if found else None

    def report_uncalculated(self) -> None:
        """Formulas whose result was never saved read as empty: say so instead of losing them."""
        used = {c: f for f, c in self.columns.items() if f != "number"}
        for row, column in self.sheet.uncalculated:
            if row > self._begun and column in used:
                self._report("papers-cell-formula-empty", "error", row, used[column])

    def _cell(self, row: int, name: str, value: str) -> Cell:
        return Cell(self.sheet.name, row, letter(self.columns[name]), value)

    def _report(
        self,
        key: str,
        severity: Severity,
        row: int,
        name: str,
        value: str = "",
        **args: str | int,
    ) -> None:
        place = letter(self.columns[name])
        self.problems.append(Problem(key, severity, self.sheet.name, row, place, value, args))


def _named(found: list[places.Place]) -> str:
    shown = (
        one.name if one.is_province else f"{one.name} ({one.code}, {places.name_of(one.province)})"
        for one in found[:_MOST_NAMED]
    )
    return "; ".join(shown)


def _is_tier(place: places.Place, inside: str | None) -> bool:
    return place.is_province == (inside is None)


def _once_each(rows: list[UnitRow]) -> tuple[list[UnitRow], list[UnitRow], list[Problem]]:
    """A unit that stands twice is kept once; one code for two units is an error, and the second
    is refused.

    A row for another year or another cluster says something more of the same unit, and stays.
    """
    kept: list[UnitRow] = []
    refused: list[UnitRow] = []
    first: dict[str, UnitRow] = {}
    seen: set[tuple[str, str, int | None]] = set()
    problems = []
    for row in rows:
        key = row.code or f"name:{plain(row.name)}"
        earlier = first.setdefault(key, row)
        if plain(earlier.name) != plain(row.name):
            problems.append(_twice("units_import-code-twice", "error", row, earlier))
            refused.append(row)
        elif (seat := (key, row.cluster.code if row.cluster else "", row.year)) in seen:
            problems.append(_twice("units_import-row-twice", "warning", row, earlier))
        else:
            seen.add(seat)
            kept.append(row)
    return kept, refused, problems


def _twice(key: str, severity: Severity, row: UnitRow, earlier: UnitRow) -> Problem:
    args: dict[str, str | int] = {
        "first_sheet": earlier.cell.sheet, "first_row": earlier.cell.row, "code": row.code,
    }  # fmt: skip
    cell = row.cell
    return Problem(key, severity, cell.sheet, cell.row, cell.column, cell.value, args)
