"""A unit tells of many at once: a spreadsheet to fill in, read back cell by cell, then filed.

    write_template(out, form, say)
    filled = read(path, form, unit, now)      never raises for what is in the file
    for problem in filled.problems:
        print(explain(problem, say))          sheet, row, column, value, what to do

Its columns are known by their headings, in either language. With problems nothing is filed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

import xlsxwriter  # it ships no types
from sqlalchemy.ext.asyncio import AsyncSession

from bot import i18n, places, workbook_form
from bot.clock import local_day
from bot.intake import Problem, Say
from bot.replies import UserError
from bot.text import plain
from bot.vault import Vault
from bot.workbook import Sheet, Unreadable, Value, cell_text, clean, letter, read_sheets
from handlers.deeds import forms, service, similar
from handlers.deeds.days import day_gone_by
from handlers.deeds.forms import Form, Option, Told
from handlers.deeds.service import Author
from storage.models.deeds import Relation, SubjectKind
from storage.models.units import Unit

TEMPLATE = "/viectot/danh-sach.xlsx"
"""Where the list to fill in is given out."""
MOST_ROWS = 50
"""In one file; more come in another."""
PROBLEMS_SHOWN = 8
MOST_MEGABYTES = 1
_LAST_ROW = 200
_SHORTEST = 20
_COLUMNS = (
    ("kind", 16), ("name", 28), ("place", 30), ("what", 60), ("day", 16), ("field", 34),
    ("groups", 34), ("outcome", 40),
)  # fmt: skip
"""Field, and width in characters."""
_GUIDE = ("title", "rows", "place", "groups", "names", "again")


def write_template(out: Path | IO[bytes], form: Form, say: Say, locale: str) -> None:
    """In the language of `say`."""
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    with xlsxwriter.Workbook(out if not isinstance(out, Path) else str(out), options) as book:
        pens = workbook_form.pens(book)
        guide = book.add_worksheet(say("papers-sheet-guide"))
        workbook_form.guide(guide, [say(f"series-guide-{one}") for one in _GUIDE], pens)
        sheet, name = book.add_worksheet(say("series-sheet")), say("series-sheet-lists")
        lists = book.add_worksheet(name)
        for column, options_of in enumerate((form.fields, form.groups)):
            heading = say(f"series-column-{('field', 'groups')[column]}")
            lists.set_column(column, column, 50, pens["plain"])
            lists.write_string(0, column, heading, pens["heading"])
            for row, one in enumerate(options_of, 1):
                lists.write_string(row, column, clean(one.name(locale)), pens["cell"])
        fields = f"='{name}'!$A$2:$A${len(form.fields) + 1}"
        _table(sheet, say, pens, fields)


def _table(sheet: Any, say: Say, pens: dict[str, Any], fields: str) -> None:
    workbook_form.page(sheet)
    sheet.freeze_panes(1, 0)
    drop_down: dict[str, object] = {
        "kind": [say(f"tell-kind-{kind}") for kind in SubjectKind], "field": fields,
    }  # fmt: skip
    for column, (name, width) in enumerate(_COLUMNS):
        sheet.set_column(column, column, width, pens["date" if name == "day" else "entry"])
        sheet.write_string(0, column, say(f"series-column-{name}"), pens["heading"])
        tip = {
            "input_title": say(f"series-column-{name}")[:32],
            "input_message": say(f"series-tip-{name}")[:255],
        }
        rule: dict[str, object] = {"validate": "any"}
        if name in drop_down:
            rule = workbook_form.one_of(drop_down[name], say)
        sheet.data_validation(1, column, _LAST_ROW, column, {**rule, **tip})


# Reading


@dataclass
class Filled:
    rows: list[tuple[int, Told]] = field(default_factory=list)
    """With the number of the row in the sheet."""
    problems: list[Problem] = field(default_factory=list)


def read(path: Path, form: Form, unit: Unit, now: datetime) -> Filled:
    """CPU work: run it in a thread. Raises OSError only."""
    if path.stat().st_size > MOST_MEGABYTES << 20:
        limit = {"limit": MOST_MEGABYTES}
        return Filled(problems=[Problem("papers-file-too-large", "error", args=limit)])
    try:
        sheets = [sheet for sheet in read_sheets(path) if not sheet.hidden]
    except Unreadable as refusal:
        return Filled(problems=[Problem(refusal.key, "error", args=refusal.details)])
    for sheet in sheets:
        for heading, columns in _headings(sheet):
            return _Reader(form, unit, now, sheet, columns).read(heading)
    return Filled(problems=[Problem("series-not-ours", "error")])


def _headings(sheet: Sheet) -> Iterator[tuple[int, dict[str, int]]]:
    """The row in which the headings stand, and which column is which."""
    for row, cells in sheet.rows.items():
        said = {_bare(cell_text(value)): column for column, value in cells.items()}
        found = {
            name: said[one] for name, _ in _COLUMNS for one in _spelled(f"series-column-{name}")
            if one in said
        }  # fmt: skip
        if "name" in found and "what" in found:
            yield row, found


def _spelled(key: str) -> set[str]:
    return {_bare(i18n.say(locale, key)) for locale in i18n.LOCALES}


def _bare(text: str) -> str:
    return plain(re.sub(r"\([^)]*\)", " ", text))


class _Reader:
    def __init__(
        self, form: Form, unit: Unit, now: datetime, sheet: Sheet, columns: Mapping[str, int]
    ) -> None:
        self.form, self.unit, self.now = form, unit, now
        self.sheet, self.columns = sheet, columns
        self.filled = Filled()
        self._seen: dict[str, int] = {}

    def read(self, heading: int) -> Filled:
        for row, column in self.sheet.uncalculated:
            if row > heading and column in self.columns.values():
                self._report("registration-sheet-formula", row, column, "")
        rows = sorted(row for row in self.sheet.rows if row > heading and self._has_words(row))
        if len(rows) > MOST_ROWS:
            problem = Problem("series-too-many", "error", args={"most": MOST_ROWS})
            self.filled.problems.append(problem)
            rows = rows[:MOST_ROWS]
        if not rows and not self.filled.problems:
            self.filled.problems.append(Problem("series-empty", "error"))
        for row in rows:
            self.filled.rows.append((row, self._told(row)))
        return self.filled

    def _has_words(self, row: int) -> bool:
        return any(self._text(row, name) for name in self.columns)

    def _text(self, row: int, name: str) -> str:
        return cell_text(self._value(row, name)).strip()

    def _value(self, row: int, name: str) -> Value | None:
        return self.sheet.rows[row].get(self.columns.get(name, 0))

    def _told(self, row: int) -> Told:
        told = Told(
            kind=self._kind(row), name=self._name(row), what=self._what(row),
            outcome=self._text(row, "outcome"), relation=Relation.OWN_UNIT,
            province=self.unit.province, commune=self.unit.commune,
        )  # fmt: skip
        self._take_place(row, told)
        self._take_day(row, told)
        told.field_code = "".join(self._options(row, "field", self.form.fields)[:1])
        told.groups = self._options(row, "groups", self.form.groups)
        key = plain(f"{told.name} {told.what}")
        if key in self._seen:
            first = self._seen[key]
            self._report("series-twice", row, self.columns["name"], told.name, first=first)
        self._seen.setdefault(key, row)
        return told

    def _kind(self, row: int) -> str:
        said = _bare(self._text(row, "kind"))
        for kind in SubjectKind:
            if said in _spelled(f"tell-kind-{kind}"):
                return kind
        if said:
            self._refuse("kind", row)
        return SubjectKind.PERSON

    def _name(self, row: int) -> str:
        try:
            return forms.checked_subject(self._text(row, "name"))
        except UserError:
            self._refuse("name", row)
            return ""

    def _what(self, row: int) -> str:
        words = self._text(row, "what")
        if not _SHORTEST <= len(words) <= forms.LONGEST_WORDS:
            self._refuse("what", row, shortest=_SHORTEST, longest=forms.LONGEST_WORDS)
        return words

    def _take_place(self, row: int, told: Told) -> None:
        """Any part of a name that means one place; without one it is the unit's own."""
        said = self._text(row, "place")
        if not said:
            return
        found = places.find(said)
        communes = [one for one in found if not one.is_province]
        exact = communes if len(communes) == 1 else found
        if len(exact) != 1:
            self._refuse("place", row)
            return
        told.province = exact[0].province
        told.commune = "" if exact[0].is_province else exact[0].code

    def _take_day(self, row: int, told: Told) -> None:
        """What is no day is kept as it was written."""
        value, said = self._value(row, "day"), self._text(row, "day")
        day = value.date() if isinstance(value, datetime) else value
        try:
            if not isinstance(day, date):
                day = day_gone_by(said, self.now) if said else None
        except UserError:
            self._refuse("day", row)
            return
        if day is not None and day > local_day(self.now):
            self._refuse("day", row)
            return
        told.happened_on = day.isoformat() if day else ""
        told.when = said[: forms.LONGEST_SHORT]

    def _options(self, row: int, name: str, options: Sequence[Option]) -> list[str]:
        known = {
            word: one.code for one in options
            for word in (_bare(one.name_vi), _bare(one.name_en), _bare(one.code))
        }  # fmt: skip
        said = re.split(r"[;\n]", self._text(row, name)) if name == "groups" else [
            self._text(row, name)
        ]  # fmt: skip
        wanted = [_bare(part) for part in said if part.strip()]
        if any(one not in known for one in wanted):
            self._refuse(name, row)
        return list(dict.fromkeys(known[one] for one in wanted if one in known))

    def _refuse(self, name: str, row: int, **args: str | int) -> None:
        column = self.columns.get(name, 0)
        self._report(f"series-wrong-{name}", row, column, self._text(row, name), **args)

    def _report(self, key: str, row: int, column: int, value: str, **args: str | int) -> None:
        self.filled.problems.append(
            Problem(
                key, "error", self.sheet.name, row, letter(column) if column else "", value, args
            )
        )


# Filing


async def told_already(
    session: AsyncSession, vault: Vault, rows: Sequence[tuple[int, Told]]
) -> list[int]:
    """Rows that may be of deeds somebody has told already: named, never left out."""
    return [row for row, told in rows if await similar.find(session, vault, told)]


async def file(
    session: AsyncSession,
    vault: Vault,
    unit: Unit,
    author: Author,
    rows: Sequence[tuple[int, Told]],
    now: datetime,
) -> int:
    """Each a report of its own, marked as the unit's own word. Raises UserError."""
    for _, told in rows:
        await service.report(session, vault, told, author, now, office_id=unit.office_id)
    return len(rows)
