"""What the tests of papers share: words that must exist, the award catalogue, sample workbooks."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet

from bot.i18n import say
from handlers.consultations.papers.spreadsheet import AwardName

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = json.loads((ROOT / "storage/catalogue/awards.json").read_text(encoding="utf-8"))
AWARDS = tuple(
    AwardName(a["code"], a["name_vi"], tuple(a["aliases"]), tuple(a["for"])) for a in CATALOGUE
)


def strict(locale: str) -> Callable[..., str]:
    """The real catalogue, where a missing sentence or variable fails the test."""

    def say_it(key: str, **args: str | int) -> str:
        words = say(locale, key, **args)
        assert words != key, f"no words for {key}"
        return words

    return say_it


VI, EN = strict("vi"), strict("en")

Cell = str | int | datetime | date | None
Cells = Sequence[Cell]
Rows = Sequence[Cells]


def workbook(
    path: Path, rows: Rows, merges: Sequence[str] = (), sheet: str = "Trang tính1"
) -> Path:
    book = openpyxl.Workbook()
    page = book.active
    assert isinstance(page, Worksheet)
    page.title = sheet
    fill(page, rows, merges)
    book.save(path)
    return path


def fill(page: Worksheet, rows: Rows, merges: Sequence[str] = ()) -> None:
    for row, cells in enumerate(rows, start=1):
        for column, value in enumerate(cells, start=1):
            if value is not None:
                page.cell(row, column).value = value
    for area in merges:
        page.merge_cells(area)
