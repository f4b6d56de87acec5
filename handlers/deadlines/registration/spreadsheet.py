"""The spreadsheet of a deadline: written for a unit to fill in, and read back cell by cell.

    write_template(out, form, about, say)       one sheet for each part of the form
    filled = read(path, form, deadline.code)    never raises for what is in the file
    for problem in filled.problems:
        print(explain(problem, locale))         sheet, row, column, value, what to do

Sheets are known by their headings, in either language, whatever they are called. Reading the same
file again gives the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import xlsxwriter  # it ships no types

from bot import i18n
from bot.replies import Until, UserError
from bot.text import fold
from bot.workbook import Sheet, Unreadable, Value, cell_text, clean, letter, read_sheets
from handlers.deadlines.registration import forms
from handlers.deadlines.registration.forms import Answers, Form, Individuals, Option
from storage.models.deadlines import Work

Say = Callable[..., str]
PROBLEMS_SHOWN = 8
MOST_MEGABYTES = 1
"""Ten times what a template with every name holds: it is read while others wait their turn."""
_LAST_ROW = 1_000
"""Drop-down lists reach this far; more rows may still be filled in."""
_FONT = "Times New Roman"


@dataclass(frozen=True)
class Part:
    """One table of the workbook: its sheet, its two headings, and what stands in it already."""

    name: str
    sheet: str
    first: str
    second: str
    tip: str


_COLLECTIVE = Part(
    "collective", "registration-sheet-collective", "registration-column-collective",
    "registration-column-tick", "registration-tip-tick",
)  # fmt: skip
_COUNTS = Part(
    "counts", "registration-sheet-counts", "registration-column-individual",
    "registration-column-count", "registration-tip-count",
)  # fmt: skip
_NAMES = Part(
    "names", "registration-sheet-names", "registration-column-individual",
    "registration-column-name", "registration-tip-name",
)  # fmt: skip
_TARGETS = Part(
    "targets", "registration-sheet-targets", "registration-column-movement",
    "registration-column-target", "registration-tip-target",
)  # fmt: skip
_PAPERS = Part(
    "papers", "registration-sheet-papers", "registration-column-paper",
    "registration-column-has", "registration-tip-tick",
)  # fmt: skip
_PARTS = (_COLLECTIVE, _COUNTS, _NAMES, _TARGETS, _PAPERS)


# Writing


@dataclass(frozen=True)
class About:
    """What the first sheet says."""

    code: str
    title: str
    due_at: datetime


def write_template(
    out: Path | IO[bytes],
    form: Form,
    about: About,
    say: Say,
    locale: str,
    answers: Answers | None = None,
) -> None:
    """In the language of `say`, with what was answered before. Raises UserError for work that has
    no table to fill in."""
    if form.work not in (Work.REGISTRATION, Work.DOSSIER):
        raise UserError("registration-no-template", title=about.title)
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    with xlsxwriter.Workbook(out if not isinstance(out, Path) else str(out), options) as book:
        book.set_properties({"title": clean(about.title)})
        pens = _pens(book)
        _guide(book.add_worksheet(say("registration-sheet-guide")), form, about, say, pens)
        for part in _parts_of(form):
            sheet = book.add_worksheet(say(part.sheet))
            rows = _rows(part, form, answers or Answers(), locale)
            _table(sheet, part, rows, say, pens)
            if part is _NAMES:
                _drop_down(sheet, say, len(form.individual))


def _parts_of(form: Form) -> tuple[Part, ...]:
    if form.work is Work.DOSSIER:
        return (_PAPERS,)
    return (_COLLECTIVE, _COUNTS, _NAMES, *((_TARGETS,) if form.movements else ()))


Row = tuple[str, str | int | None]


def _rows(part: Part, form: Form, answers: Answers, locale: str) -> list[Row]:
    """What both columns hold before anybody fills in: what may be answered, and what was."""
    if part is _PAPERS:
        return [(one, "x" if one in answers.papers else None) for one in form.papers]
    if part is _COLLECTIVE:
        ticked = answers.collective
        return [(one.name(locale), "x" if one.code in ticked else None) for one in form.collective]
    if part is _TARGETS:
        return [(one.name(locale), answers.targets.get(one.code)) for one in form.movements]
    people = [(one, answers.individual.get(one.code, Individuals())) for one in form.individual]
    if part is _COUNTS:
        return [(one.name(locale), held.count or None) for one, held in people]
    return [(one.name(locale), name) for one, held in people for name in held.names]


def _pens(book: Any) -> dict[str, Any]:
    base = {"font_name": _FONT, "font_size": 12, "text_wrap": True, "valign": "top"}
    boxed = {**base, "border": 1, "border_color": "#BFBFBF"}
    return {
        "title": book.add_format({**base, "font_size": 15, "bold": True, "font_color": "#7C1219"}),
        "plain": book.add_format({**base, "quote_prefix": True}),
        "head": book.add_format(
            {**boxed, "bold": True, "bg_color": "#7C1219", "font_color": "white"}
        ),
        "known": book.add_format({**boxed, "bg_color": "#F3ECE3", "quote_prefix": True}),
        "entry": book.add_format({**boxed, "num_format": "@"}),
        "number": book.add_format({**boxed, "align": "center", "num_format": "0"}),
    }


def _guide(sheet: Any, form: Form, about: About, say: Say, pens: dict[str, Any]) -> None:
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 1, 90)
    sheet.write_string(0, 0, say("registration-sheet-title"), pens["title"])
    rows = [
        (say("registration-sheet-code"), about.code),
        (say("registration-sheet-for"), about.title),
        (say("registration-sheet-due"), say("registration-sheet-until", due=Until(about.due_at))),
    ]
    steps = ["registration-guide-fill", "registration-guide-leave", "registration-guide-send"]
    if form.work is Work.REGISTRATION:
        steps.insert(1, "registration-guide-names")
    rows += [(f"{number}.", say(key)) for number, key in enumerate(steps, 1)]
    for row, (label, words) in enumerate(rows, 2):
        sheet.write_string(row, 0, label, pens["plain"])
        sheet.write_string(row, 1, clean(words), pens["plain"])


def _table(sheet: Any, part: Part, rows: Sequence[Row], say: Say, pens: dict[str, Any]) -> None:
    known = rows if part is not _NAMES else ()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.freeze_panes(1, 0)
    entry = pens["number" if part is _COUNTS else "entry"]
    sheet.set_column(0, 0, 60, None if known else pens["entry"])
    sheet.set_column(1, 1, 50 if part in (_NAMES, _TARGETS) else 16, entry)
    sheet.write_string(0, 0, say(part.first), pens["head"])
    sheet.write_string(0, 1, say(part.second), pens["head"])
    for row, (words, held) in enumerate(rows, 1):
        sheet.write_string(row, 0, clean(words), pens["known" if known else "entry"])
        if isinstance(held, int):
            sheet.write_number(row, 1, held, entry)
        elif held:
            sheet.write_string(row, 1, clean(held), entry)
        else:
            sheet.write_blank(row, 1, None, entry)
    tip = {"input_title": say(part.second)[:32], "input_message": say(part.tip)[:255]}
    rule: dict[str, object] = {"validate": "any", **tip}
    if part is _COUNTS:
        rule = {
            **tip, "validate": "integer", "criteria": "between", "minimum": 0,
            "maximum": forms.MOST_PEOPLE, "error_message": say(part.tip)[:255],
        }  # fmt: skip
    sheet.data_validation(1, 1, max(len(known), 1) if known else _LAST_ROW, 1, rule)


def _drop_down(sheet: Any, say: Say, titles: int) -> None:
    """The titles stand on the sheet of counts, in its first column."""
    source = f"='{say(_COUNTS.sheet)}'!$A$2:$A${titles + 1}"
    sheet.data_validation(1, 0, _LAST_ROW, 0, {"validate": "list", "source": source})


# Reading


@dataclass(frozen=True)
class Problem:
    """One place in the file that cannot be taken as it is."""

    key: str
    sheet: str = ""
    row: int = 0
    column: str = ""
    value: str = ""
    args: tuple[tuple[str, str | int], ...] = ()


@dataclass
class Filled:
    """What a file says. With problems nothing of it is used."""

    answers: Answers = field(default_factory=Answers)
    problems: list[Problem] = field(default_factory=list)
    is_ours: bool = True
    """False for a workbook without one of our tables: it may be a paper of a dossier."""


def explain(problem: Problem, locale: str) -> str:
    """One line for a person: the place, the value there, what is wrong and what to do."""
    words = i18n.say(locale, problem.key, value=problem.value, **dict(problem.args))
    if not problem.sheet:
        return words
    value = " ".join(problem.value.split())
    value = value if len(value) <= 60 else value[:59] + "…"
    place: dict[str, Any] = {"sheet": problem.sheet, "row": problem.row, "column": problem.column}
    if not value:
        return i18n.say(locale, "registration-place", problem=words, **place)
    return i18n.say(locale, "registration-place-value", problem=words, value=value, **place)


def read(path: Path, form: Form, code: str) -> Filled:
    """CPU work of up to a second for a big file: run it in a thread. Raises OSError only."""
    if path.stat().st_size > MOST_MEGABYTES << 20:
        return Filled(
            problems=[Problem("papers-file-too-large", args=(("limit", MOST_MEGABYTES),))]
        )
    try:
        sheets = [sheet for sheet in read_sheets(path) if not sheet.hidden]
    except Unreadable as refusal:
        return Filled(problems=[Problem(refusal.key, args=tuple(refusal.details.items()))])
    reader = _Reader(form)
    tables = [table for sheet in sheets for table in _tables(sheet, form)]
    if not tables:
        problem = Problem("registration-file-not-ours")
        return Filled(problems=[problem], is_ours=False)
    reader.check_code(sheets, code)
    for part, sheet, row, columns in tables:
        reader.take(part, sheet, row, columns)
    reader.settle()
    return Filled(reader.answers, reader.problems)


def _tables(sheet: Sheet, form: Form) -> Iterator[tuple[Part, Sheet, int, tuple[int, int]]]:
    """Where each table's headings stand."""
    wanted = _parts_of(form)
    for row, cells in sheet.rows.items():
        said = {_plain(cell_text(value)): column for column, value in cells.items()}
        for part in wanted:
            first = next((said[one] for one in _spellings(part.first) if one in said), None)
            second = next((said[one] for one in _spellings(part.second) if one in said), None)
            if first and second:
                yield part, sheet, row, (first, second)
                break


def _spellings(key: str) -> list[str]:
    return [_plain(i18n.say(locale, key)) for locale in i18n.LOCALES]


def _plain(text: str) -> str:
    return " ".join(fold(text).replace("*", " ").split()).strip(" :.")


_YES = {"x", "co", "yes", "v", "1", "✓", "✔", "dang ky", "da co"}
_NO = {"", "khong", "no", "0", "-", "chua"}


class _Reader:
    def __init__(self, form: Form) -> None:
        self.form = form
        self.answers, self.problems = Answers(), list[Problem]()
        self._counted: dict[str, tuple[Sheet, int, int, str]] = {}

    def check_code(self, sheets: Sequence[Sheet], code: str) -> None:
        """A file for another date is not taken for this one."""
        for sheet in sheets:
            for row, cells in sheet.rows.items():
                if _plain(cell_text(cells.get(1))) in _spellings("registration-sheet-code"):
                    found = cell_text(cells.get(2))
                    if found and fold(found) != fold(code):
                        self._report("registration-sheet-other", sheet, row, 2, found, code=code)
                    return

    def take(self, part: Part, sheet: Sheet, heading: int, columns: tuple[int, int]) -> None:
        self._report_formulas(sheet, heading, columns)
        if sheet.has_too_many_rows:
            self._report("registration-sheet-too-long", sheet, heading, columns[0], "")
        for row in sorted(number for number in sheet.rows if number > heading):
            cells = sheet.rows[row]
            label, value = (cell_text(cells.get(column)) for column in columns)
            if label or value:
                self._take_row(part, sheet, row, columns, label, value, cells.get(columns[1]))

    def _report_formulas(self, sheet: Sheet, heading: int, columns: tuple[int, int]) -> None:
        """Some programs save a formula without its result: the cell reads as empty."""
        for row, column in sheet.uncalculated:
            if row > heading and column in columns:
                self._report("registration-sheet-formula", sheet, row, column, "")

    def _take_row(
        self,
        part: Part,
        sheet: Sheet,
        row: int,
        columns: tuple[int, int],
        label: str,
        value: str,
        raw: Value | None,
    ) -> None:
        if part is _PAPERS:
            self._take_paper(sheet, row, columns, label, value)
            return
        if not value and part is not _NAMES:
            return
        options = {
            _COLLECTIVE: self.form.collective, _TARGETS: self.form.movements,
        }.get(part, self.form.individual)  # fmt: skip
        found = _find(options, label)
        if found is None:
            key = "registration-sheet-unknown" if label else "registration-sheet-no-label"
            self._report(key, sheet, row, columns[0], label)
        elif part is _COLLECTIVE:
            if self._ticked(sheet, row, columns[1], value):
                self.answers.collective.append(found.code)
        elif part is _COUNTS:
            self._take_count(found, sheet, row, columns[1], value, raw)
        elif part is _NAMES:
            self._take_name(found, sheet, row, columns[1], value)
        elif len(value) > forms.LONGEST_TARGET:
            self._report(
                "registration-sheet-target-long", sheet, row, columns[1], value,
                longest=forms.LONGEST_TARGET,
            )  # fmt: skip
        else:
            self.answers.targets[found.code] = value

    def _take_paper(
        self, sheet: Sheet, row: int, columns: tuple[int, int], label: str, value: str
    ) -> None:
        paper = next((one for one in self.form.papers if _plain(one) == _plain(label)), None)
        if paper is None:
            if value:
                self._report("registration-sheet-unknown", sheet, row, columns[0], label)
        elif self._ticked(sheet, row, columns[1], value):
            self.answers.papers.append(paper)

    def _ticked(self, sheet: Sheet, row: int, column: int, value: str) -> bool:
        said = fold(value).strip(" .")
        if said not in _YES | _NO:
            self._report("registration-sheet-tick", sheet, row, column, value)
        return said in _YES

    def _take_count(
        self, title: Option, sheet: Sheet, row: int, column: int, value: str, raw: Value | None
    ) -> None:
        digits = value.replace(".", "") if isinstance(raw, str) else value
        if not digits.isdecimal() or len(digits) > 6 or int(digits) > forms.MOST_PEOPLE:
            most = forms.MOST_PEOPLE
            self._report("registration-sheet-count", sheet, row, column, value, most=most)
        elif int(digits):
            self._counted[title.code] = (sheet, row, column, value)
            self._people(title).count = int(digits)

    def _take_name(self, title: Option, sheet: Sheet, row: int, column: int, value: str) -> None:
        name = " ".join(value.split())
        if not name:
            return
        if len(name) > forms.LONGEST_NAME or name.isdecimal():
            self._report(
                "registration-sheet-name", sheet, row, column, value, longest=forms.LONGEST_NAME
            )
        elif name in self._people(title).names:
            self._report("registration-sheet-twice", sheet, row, column, value)
        else:
            self._people(title).names.append(name)

    def _people(self, title: Option) -> Individuals:
        return self.answers.individual.setdefault(title.code, Individuals())

    def settle(self) -> None:
        """Without a number, the names are counted; more names than the number is a slip."""
        for code, people in self.answers.individual.items():
            if not people.count:
                people.count = len(people.names)
            elif len(people.names) > people.count:
                sheet, row, column, value = self._counted[code]
                n = len(people.names)
                self._report("registration-sheet-fewer", sheet, row, column, value, n=n)
        self.answers = forms.fitting(self.form, self.answers)
        self.answers.individual = {
            code: one for code, one in self.answers.individual.items() if one.count
        }

    def _report(
        self, key: str, sheet: Sheet, row: int, column: int, value: str, **args: str | int
    ) -> None:
        place = (sheet.name, row, letter(column), value)
        self.problems.append(Problem(key, *place, args=tuple(args.items())))


def _find(options: Sequence[Option], label: str) -> Option | None:
    said = _plain(label)
    for one in options:
        if said in (_plain(one.name_vi), _plain(one.name_en), one.code.casefold()):
            return one
    return None
