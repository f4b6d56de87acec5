"""The opinions of a consultation as a file: one row per opinion, columns fixed by contract.

`FORMAT` names the contract. A column is never removed, renamed or given another meaning under the
same number. JSON holds codes and ISO times under the keys of COLUMNS; XLSX and CSV hold the same
in words under headings, in the language of `say`. The receipt of an opinion is in none of them.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

from bot.output import whole
from bot.text import split, utf16_length
from bot.workbook import clean, inert
from handlers.consultations.papers import sheets

FORMAT = "neuguong-opinions/2"

Say = Callable[..., str]
FileFormat = Literal["xlsx", "csv", "json"]
Progress = Callable[[int], None]
"""Called with the number of rows written so far."""

_STEP = 1_000
_CELL = 32_767
"""Excel's limit for one cell, in UTF-16 units."""
_XLSX_ROWS = 1_048_575


@dataclass(frozen=True, slots=True)
class OpinionRow:
    """One opinion as it is handed out. Name, telephone and address only with a right to them."""

    consultation: str
    candidate_number: int
    candidate: str
    award: str
    opinion_id: str
    version: int
    received_at: datetime
    """In local time, with its offset."""
    in_window: bool
    channel: str
    stance: str
    """agree, remark, object, inform."""
    text: str
    attachments: int
    identity_level: str
    """anonymous, to_office, signed."""
    name: str = ""
    telephone: str = ""
    address: str = ""
    state: str = "filed"
    decision_reason: str = ""
    decided_at: datetime | None = None
    handling: str = ""
    """What the office checked and found, of an objection or information."""
    handled_at: datetime | None = None


@dataclass(frozen=True)
class ExportScope:
    """What every figure in the file is about: shown on the first sheet of an XLSX."""

    code: str
    title: str
    office: str
    period_from: datetime | None
    period_to: datetime | None
    made_at: datetime
    filter_words: str = ""
    """What was chosen on the screen; "" means every opinion."""


@dataclass(frozen=True)
class Column:
    key: str
    heading: str
    """Key of the heading's words."""
    holds: str
    """Key of the sentence that says what stands in it."""
    width: int
    words: Mapping[str, str] | None = None
    """For codes: the key of the words of each."""


_STANCES = {
    "agree": "papers-stance-agree",
    "remark": "papers-stance-remark",
    "object": "papers-stance-object",
    "inform": "papers-stance-inform",
}
_IDENTITIES = {
    "anonymous": "papers-identity-anonymous",
    "to_office": "papers-identity-to-office",
    "signed": "papers-identity-signed",
}
_STATES = {
    "filed": "papers-state-filed",
    "accepted": "papers-state-accepted",
    "set_aside": "papers-state-set-aside",
    "restricted": "papers-state-restricted",
    "withdrawn": "papers-state-withdrawn",
    "erased": "papers-state-erased",
}
CHANNELS = {
    "web": "papers-channel-web",
    "webchat": "papers-channel-webchat",
    "form": "papers-channel-form",
    "page": "papers-channel-form",
    "telegram": "papers-channel-telegram",
    "zalo": "papers-channel-zalo",
    "zalo_oa": "papers-channel-zalo",
    "zalo_bot": "papers-channel-zalo",
    "paper": "papers-channel-paper",
}
_WINDOW = {"true": "papers-in-window", "false": "papers-outside-window"}

COLUMNS = (
    Column("consultation", "papers-export-consultation", "papers-holds-consultation", 18),
    Column("candidate_number", "papers-export-number", "papers-holds-number", 8),
    Column("candidate", "papers-export-candidate", "papers-holds-candidate", 30),
    Column("award", "papers-export-award", "papers-holds-award", 30),
    Column("opinion_id", "papers-export-opinion", "papers-holds-opinion", 24),
    Column("version", "papers-export-version", "papers-holds-version", 8),
    Column("received_at", "papers-export-received", "papers-holds-received", 18),
    Column("in_window", "papers-export-window", "papers-holds-window", 14, _WINDOW),
    Column("channel", "papers-export-channel", "papers-holds-channel", 14, CHANNELS),
    Column("stance", "papers-export-stance", "papers-holds-stance", 18, _STANCES),
    Column("text", "papers-export-text", "papers-holds-text", 70),
    Column("attachments", "papers-export-attachments", "papers-holds-attachments", 10),
    Column("identity_level", "papers-export-identity", "papers-holds-identity", 22, _IDENTITIES),
    Column("name", "papers-export-name", "papers-holds-name", 24),
    Column("telephone", "papers-export-telephone", "papers-holds-telephone", 16),
    Column("address", "papers-export-address", "papers-holds-address", 30),
    Column("state", "papers-export-state", "papers-holds-state", 18, _STATES),
    Column("decision_reason", "papers-export-reason", "papers-holds-reason", 40),
    Column("decided_at", "papers-export-decided", "papers-holds-decided", 18),
    Column("handling", "papers-export-handling", "papers-holds-handling", 40),
    Column("handled_at", "papers-export-handled", "papers-holds-handled", 18),
)

STORED: Mapping[str, tuple[str, ...]] = {
    "id": ("opinion_id",),
    "consultation_id": ("consultation",),
    "candidate_id": ("candidate", "candidate_number", "award"),
    "contact_id": (),
    "person_id": ("name", "telephone", "address"),
    "channel": ("channel",),
    "locale": (),
    "stance": ("stance",),
    "text": ("text",),
    "identity": ("identity_level",),
    "in_window": ("in_window",),
    "received_at": ("received_at",),
    "version": ("version",),
    "state": ("state",),
    "reason": ("decision_reason",),
    "decided_by": (),
    "decided_at": ("decided_at",),
    "handling": ("handling",),
    "handled_by": (),
    "handled_at": ("handled_at",),
}
"""What becomes of each stored column of an opinion; () is the decision to leave it out."""


def write(
    rows: Iterable[OpinionRow],
    file_format: FileFormat,
    path: Path,
    say: Say,
    *,
    consultation: ExportScope,
    progress: Progress | None = None,
) -> int:
    """Writes the file whole or not at all, and says how many rows it holds.

    100,000 rows take some 20 seconds of CPU: run it in a thread. `rows` is read once and never
    held. Raises ValueError for more rows than an XLSX sheet can hold.
    """
    counted = _Counted(rows, progress)
    say = cache(say)
    with whole(path) as unfinished:
        if file_format == "xlsx":
            _write_xlsx(counted, unfinished, say, consultation)
        elif file_format == "csv":
            _write_csv(counted, unfinished, say)
        else:
            _write_json(counted, unfinished)
    return counted.count


class _Counted:
    """Rows on their way to the file, counted; JSON and CSV and XLSX alike."""

    def __init__(self, rows: Iterable[OpinionRow], progress: Progress | None) -> None:
        self._rows, self._progress = rows, progress
        self.count = 0

    def __iter__(self) -> Iterator[OpinionRow]:
        for row in self._rows:
            self.count += 1
            yield row
            if self._progress and self.count % _STEP == 0:
                self._progress(self.count)
        if self._progress and self.count % _STEP:
            self._progress(self.count)


def as_codes(row: OpinionRow) -> dict[str, str | int | bool | None]:
    """The row as JSON holds it."""
    return {column.key: _code(getattr(row, column.key)) for column in COLUMNS}


def _code(value: object) -> str | int | bool | None:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, int) or value is None:
        return value
    return clean(str(value))


def as_words(row: OpinionRow, say: Say) -> list[str | int]:
    """The row as XLSX and CSV hold it, in the order of COLUMNS. Unknown codes stay codes."""
    return [_cell(getattr(row, column.key), column.words, say) for column in COLUMNS]


def _cell(value: object, words: Mapping[str, str] | None, say: Say) -> str | int:
    if words is not None:
        code = str(value).lower()
        return say(words[code]) if code in words else clean(code)
    if isinstance(value, int):
        return value
    if isinstance(value, datetime):
        return value.strftime("%d/%m/%Y %H:%M:%S")
    return "" if value is None else clean(str(value))


def _write_json(rows: _Counted, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("[")
        for row in rows:
            file.write("\n" if rows.count == 1 else ",\n")
            file.write(json.dumps(as_codes(row), ensure_ascii=False))
        file.write("\n]\n")


def _write_csv(rows: _Counted, path: Path, say: Say) -> None:
    """RFC 4180; the byte order mark is what makes Excel read it as UTF-8."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([say(column.heading) for column in COLUMNS])
        for row in rows:
            cells = as_words(row, say)
            writer.writerow([inert(c) if isinstance(c, str) else c for c in cells])


def _write_xlsx(rows: _Counted, path: Path, say: Say, scope: ExportScope) -> None:
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with sheets.writing(path, options) as book:
        book.set_properties({"title": clean(scope.title), "comments": FORMAT})
        pens = _pens(book)
        about = book.add_worksheet(say("papers-export-sheet-about"))
        sheet = book.add_worksheet(say("papers-export-sheet-opinions"))
        _open_sheet(sheet, say, pens)
        long_texts = _LongTexts(book, say, pens)
        for row in rows:
            if rows.count > _XLSX_ROWS:
                raise ValueError(f"more than {_XLSX_ROWS} opinions: export them as csv or json")
            _write_row(sheet, rows.count, row, say, pens, long_texts)
        sheet.autofilter(0, 0, max(rows.count, 1), len(COLUMNS) - 1)
        _write_about(about, say, pens, scope, rows.count)


def _pens(book: Any) -> dict[str, Any]:
    base = {"font_name": "Times New Roman", "font_size": 12, "valign": "top", "text_wrap": True}
    head = {"bold": True, "bg_color": "#1F4E79", "font_color": "white", "valign": "vcenter"}
    return {
        "head": book.add_format({**base, **head, "border": 1, "align": "center"}),
        # The quote prefix keeps "=1+1" a text even after somebody edits the cell.
        "text": book.add_format({**base, "quote_prefix": True}),
        "instant": book.add_format({**base, "num_format": "dd/mm/yyyy hh:mm:ss"}),
        "number": book.add_format({**base, "align": "center"}),
        "title": book.add_format({**base, "bold": True, "font_size": 15, "text_wrap": False}),
        "label": book.add_format({**base, "bold": True}),
    }


def _open_sheet(sheet: Any, say: Say, pens: dict[str, Any]) -> None:
    sheet.set_paper(8)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.freeze_panes(1, 3)
    for index, column in enumerate(COLUMNS):
        sheet.set_column(index, index, column.width)
    sheet.set_row(0, 34)
    for index, column in enumerate(COLUMNS):
        sheet.write_string(0, index, say(column.heading), pens["head"])


def _write_row(
    sheet: Any, at: int, row: OpinionRow, say: Say, pens: dict[str, Any], long_texts: _LongTexts
) -> None:
    words = as_words(row, say)
    widths = [column.width for column in COLUMNS]
    sheet.set_row(at, sheets.height(zip(map(str, words), widths, strict=True)))
    for index, value in enumerate(words):
        instant = getattr(row, COLUMNS[index].key)
        if isinstance(instant, datetime):
            sheet.write_datetime(at, index, instant.replace(tzinfo=None), pens["instant"])
        elif isinstance(value, int):
            sheet.write_number(at, index, value, pens["number"])
        elif value:
            fitting = long_texts.cut(value, row.opinion_id, COLUMNS[index].heading)
            sheet.write_string(at, index, fitting, pens["text"])


_LONG_WIDTHS = (24, 18, 8, 120)


class _LongTexts:
    """The sheet that holds whole what does not fit into one cell; made only when needed."""

    def __init__(self, book: Any, say: Say, pens: dict[str, Any]) -> None:
        self._book, self._say, self._pens = book, say, pens
        self._sheet: Any = None
        self._at = 0

    def cut(self, text: str, opinion_id: str, heading: str) -> str:
        """The text, or as much as fits with a mark that says where the whole stands."""
        if utf16_length(text) <= _CELL:
            return text
        mark = " " + self._say(
            "papers-export-continued", sheet=self._say("papers-export-sheet-long")
        )
        pieces = split(text, _CELL - utf16_length(mark), utf16_length)
        for number, piece in enumerate(pieces, start=1):
            self._add(opinion_id, self._say(heading), number, piece)
        return pieces[0] + mark

    def _add(self, opinion_id: str, heading: str, number: int, piece: str) -> None:
        if self._sheet is None:
            self._begin()
        self._at += 1
        self._sheet.set_row(self._at, sheets.height([(piece, _LONG_WIDTHS[3])]))
        self._sheet.write_string(self._at, 0, opinion_id, self._pens["text"])
        self._sheet.write_string(self._at, 1, heading, self._pens["text"])
        self._sheet.write_number(self._at, 2, number, self._pens["number"])
        self._sheet.write_string(self._at, 3, piece, self._pens["text"])

    def _begin(self) -> None:
        self._sheet = self._book.add_worksheet(self._say("papers-export-sheet-long"))
        for index, width in enumerate(_LONG_WIDTHS):
            self._sheet.set_column(index, index, width)
        heads = (
            "papers-export-opinion",
            "papers-export-long-column",
            "papers-export-long-part",
            "papers-export-long-text",
        )
        for index, key in enumerate(heads):
            self._sheet.write_string(0, index, self._say(key), self._pens["head"])


def _write_about(
    sheet: Any, say: Say, pens: dict[str, Any], scope: ExportScope, count: int
) -> None:
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    for index, width in enumerate(_ABOUT_WIDTHS):
        sheet.set_column(index, index, width)
    everything = say("papers-about-everything")
    lines = (
        (say("papers-about-title"), scope.title),
        (say("papers-about-code"), scope.code),
        (say("papers-about-office"), scope.office),
        (say("papers-about-period"), _period(scope, say)),
        (say("papers-about-made"), scope.made_at.strftime("%H:%M %d/%m/%Y")),
        (say("papers-about-counted"), scope.filter_words or everything),
        (say("papers-about-rows"), str(count)),
        (say("papers-about-format"), FORMAT),
        (say("papers-about-handling"), say("papers-about-handling-words")),
    )
    sheet.write_string(0, 0, say("papers-about-heading"), pens["title"])
    for at, (label, words) in enumerate(lines, start=2):
        _about(sheet, at, label, clean(words), pens)
    at = len(lines) + 3
    sheet.write_string(at, 0, say("papers-about-column"), pens["head"])
    sheet.write_string(at, 1, say("papers-about-holds"), pens["head"])
    for column in COLUMNS:
        at += 1
        _about(sheet, at, say(column.heading), say(column.holds), pens)


_ABOUT_WIDTHS = (30, 100)


def _about(sheet: Any, at: int, label: str, words: str, pens: dict[str, Any]) -> None:
    sheet.set_row(at, sheets.height(zip((label, words), _ABOUT_WIDTHS, strict=True)))
    sheet.write_string(at, 0, label, pens["label"])
    sheet.write_string(at, 1, words, pens["text"])


def _period(scope: ExportScope, say: Say) -> str:
    if scope.period_from is None or scope.period_to is None:
        return say("papers-about-no-period")
    start = scope.period_from.strftime("%H:%M %d/%m/%Y")
    return say("papers-about-period-words", start=start, end=_ends(scope.period_to))


def _ends(instant: datetime) -> str:
    """An end at midnight is the 24th hour of the day before it."""
    if (instant.hour, instant.minute) != (0, 0):
        return instant.strftime("%H:%M %d/%m/%Y")
    return (instant - timedelta(days=1)).strftime("24:00 %d/%m/%Y")
