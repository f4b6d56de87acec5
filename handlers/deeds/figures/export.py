"""Who is praised, as a file: one row a group, level, place or month; columns fixed by contract.

`FORMAT` names the contract. A column is never removed, renamed or given another meaning under the
same number. JSON holds codes under the keys of COLUMNS, XLSX and CSV the same in words; each says
its period, when it was made and what is counted. It is for the office: small counts stand in it.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import xlsxwriter  # it ships no types

from bot.clock import VIETNAM
from bot.replies import Arg, Word
from bot.workbook import clean, inert
from handlers.deeds.figures.praised import Figures, Row

FORMAT = "neuguong-praised/1"
Say = Callable[..., str]
FileFormat = Literal["xlsx", "csv", "json"]
COLUMNS = (
    ("by", "praised-column-by", 16),
    ("code", "praised-column-code", 20),
    ("name", "praised-column-name", 48),
    ("shown", "praised-column-shown", 14),
    ("percent", "praised-column-share", 12),
    ("asked", "praised-column-asked", 16),
    ("proposed", "praised-column-proposed", 16),
)
"""Key, heading, width."""


def rows(found: Figures) -> Iterator[tuple[str, Row]]:
    """Each with what it is counted by: all, group, level, place or month."""
    yield "all", Row("", Word("praised-all"), found.shown, found.proposed)
    for by, part in (
        ("group", found.groups),
        ("level", found.levels),
        ("place", found.places),
        ("month", found.months),
    ):
        yield from ((by, row) for row in part)


def write(found: Figures, office: str, file_format: FileFormat, path: Path, say: Say) -> None:
    """The file whole or not at all. CPU work: run it in a thread."""
    unfinished = path.with_name(f".{path.name}.part")
    try:
        if file_format == "json":
            text = json.dumps(as_codes(found), ensure_ascii=False, indent=1)
            unfinished.write_text(text + "\n", encoding="utf-8", newline="\n")
        elif file_format == "csv":
            _write_csv(found, unfinished, say)
        else:
            _write_xlsx(found, office, unfinished, say)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def as_codes(found: Figures) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "first": found.period.first.isoformat(),
        "last": found.period.last.isoformat(),
        "made_at": found.made_at.astimezone(VIETNAM).isoformat(timespec="seconds"),
        "rows": [
            {
                "by": by, "code": row.code, "shown": row.shown, "percent": row.percent,
                "asked": row.asked, "proposed": row.proposed,
            }
            for by, row in rows(found)
        ],
    }  # fmt: skip


def as_words(found: Figures, say: Say) -> Iterator[list[str | int | None]]:
    for by, row in rows(found):
        yield [
            say(f"praised-by-{by}"), row.code, _name(row.name, say), row.shown, row.percent,
            row.asked, row.proposed,
        ]  # fmt: skip


def _name(name: Arg, say: Say) -> str:
    return clean(say(name.key) if isinstance(name, Word) else str(name))


def about(found: Figures, office: str, say: Say) -> list[str]:
    """Period, time made, what is counted: below every figure."""
    made = found.made_at.astimezone(VIETNAM).strftime("%H:%M %d/%m/%Y")
    period = {"first": found.period.first, "last": found.period.last}
    return [
        say("praised-title"), clean(office), say("praised-period-of", **period),
        say("praised-file-made", made=made), say("praised-counted"), say("praised-several"),
        say("praised-file-small"),
    ]  # fmt: skip


def _write_csv(found: Figures, path: Path, say: Say) -> None:
    """RFC 4180; the byte order mark is what makes Excel read it as UTF-8."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([say(heading) for _, heading, _ in COLUMNS])
        for cells in as_words(found, say):
            writer.writerow([inert(one) if isinstance(one, str) else one for one in cells])


def _write_xlsx(found: Figures, office: str, path: Path, say: Say) -> None:
    options = {"strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"title": say("praised-title"), "comments": FORMAT})
        base = {"font_name": "Times New Roman", "font_size": 12, "valign": "top"}
        text = book.add_format({**base, "text_wrap": True, "quote_prefix": True})
        head = book.add_format(
            {**base, "bold": True, "text_wrap": True, "bg_color": "#7C1219", "font_color": "white"}
        )
        sheet = book.add_worksheet(say("praised-sheet"))
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        sheet.freeze_panes(1, 0)
        for column, (_, heading, width) in enumerate(COLUMNS):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, say(heading), head)
        last = 0
        for last, cells in enumerate(as_words(found, say), 1):
            for column, cell in enumerate(cells):
                if isinstance(cell, int):
                    sheet.write_number(last, column, cell)
                elif cell:
                    sheet.write_string(last, column, cell, text)
        sheet.autofilter(0, 0, max(last, 1), len(COLUMNS) - 1)
        told = book.add_worksheet(say("praised-sheet-about"))
        told.set_column(0, 0, 90)
        for number, line in enumerate(about(found, office, say)):
            told.write_string(number, 0, line, text)
