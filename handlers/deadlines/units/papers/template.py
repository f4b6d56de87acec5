"""The spreadsheets we write: the empty list of units, and the invitations to hand out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import xlsxwriter  # it ships no types

from bot import places, workbook_form
from bot.intake import Say
from bot.workbook import clean
from handlers.deadlines.units import service
from storage.models.units import MemberRank, SeatRank

_LAST_ROW = 4_000
"""Drop-down lists reach this far; more rows may still be filled in."""
_OPTIONS = {"strings_to_formulas": False, "strings_to_urls": False}

# Heading, width in characters, what the cell says when it is chosen.
_COLUMNS = (
    ("units_import-column-number", 6, ""),
    ("units_import-column-code", 14, "units_import-tip-code"),
    ("units_import-column-name", 44, "units_import-tip-name"),
    ("units_import-column-kind", 22, "units_import-tip-kind"),
    ("units_import-column-parent", 30, "units_import-tip-parent"),
    ("units_import-column-province", 24, "units_import-tip-province"),
    ("units_import-column-commune", 24, "units_import-tip-commune"),
    ("units_import-column-aliases", 30, "units_import-tip-aliases"),
    ("units_import-column-cluster", 28, "units_import-tip-cluster"),
    ("units_import-column-seat", 18, "units_import-tip-seat"),
    ("units_import-column-year", 10, "units_import-tip-year"),
    ("units_import-column-head", 26, "units_import-tip-people"),
    ("units_import-column-focal", 26, "units_import-tip-people"),
    ("units_import-column-deputy", 26, "units_import-tip-people"),
)
_GUIDE = (
    "units_import-guide-title",
    "units_import-guide-rows",
    "units_import-guide-codes",
    "units_import-guide-places",
    "units_import-guide-clusters",
    "units_import-guide-people",
    "units_import-guide-own-list",
    "units_import-guide-again",
)


def write_template(path: Path, say: Say) -> None:
    """In the language of `say`; `read` understands it filled in, in Vietnamese and in English."""
    with xlsxwriter.Workbook(str(path), _OPTIONS) as book:
        book.set_properties({"title": say("units_import-guide-title")})
        pens, guide = workbook_form.pens(book), book.add_worksheet(say("papers-sheet-guide"))
        workbook_form.guide(guide, [say(key) for key in _GUIDE], pens)
        listing = book.add_worksheet(say("units_import-sheet-units"))
        name = say("units_import-sheet-provinces")
        provinces = [place.name for place in places.places().provinces]
        _provinces(book.add_worksheet(name), say, provinces, pens)
        _units(listing, say, pens, f"='{name}'!$A$2:$A${len(provinces) + 1}")


def _units(sheet: Any, say: Say, pens: dict[str, Any], provinces: str) -> None:
    workbook_form.page(sheet)
    sheet.freeze_panes(1, 0)
    sheet.repeat_rows(0)
    sheet.set_row(0, 36)
    lists: dict[str, object] = {
        "units_import-column-kind": [say(f"units-kind-{kind}") for kind in service.KINDS],
        "units_import-column-seat": [say(f"units-seat-{rank}") for rank in SeatRank],
        "units_import-column-province": provinces,
    }
    for column, (heading, width, tip) in enumerate(_COLUMNS):
        sheet.set_column(column, column, width, pens["cell"])
        sheet.write_string(0, column, say(heading), pens["heading"])
        rule: dict[str, object] = {"validate": "any"}
        if heading in lists:
            # An office may write it in its own words; the list only helps.
            rule = {**workbook_form.one_of(lists[heading], say), "error_type": "information"}
        if tip:
            rule |= {"input_title": say(heading)[:32], "input_message": say(tip)}
        sheet.data_validation(1, column, _LAST_ROW, column, rule)


def _provinces(sheet: Any, say: Say, names: Sequence[str], pens: dict[str, Any]) -> None:
    workbook_form.page(sheet)
    sheet.set_column(0, 0, 40, pens["plain"])
    sheet.write_string(0, 0, say("units_import-sheet-provinces"), pens["heading"])
    for row, name in enumerate(names, start=1):
        sheet.write_string(row, 0, name, pens["cell"])


@dataclass(frozen=True)
class Invited:
    """One line of the list that an office hands out; whoever holds it may come in."""

    unit_code: str
    unit: str
    rank: MemberRank
    name: str
    code: str
    web: str
    telegram: str
    until: date


_INVITED = (
    ("units_import-column-code", 14),
    ("units_import-column-name", 40),
    ("units_import-column-rank", 16),
    ("units_import-column-person", 26),
    ("units_import-column-invitation", 28),
    ("units_import-column-web", 60),
    ("units_import-column-telegram", 50),
    ("units_import-column-until", 14),
)


def write_invitations(path: Path, rows: Sequence[Invited], say: Say) -> None:
    with xlsxwriter.Workbook(str(path), _OPTIONS) as book:
        pens, sheet = (
            workbook_form.pens(book),
            book.add_worksheet(say("units_import-sheet-invited")),
        )
        workbook_form.page(sheet)
        sheet.freeze_panes(1, 0)
        for column, (heading, width) in enumerate(_INVITED):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, say(heading), pens["heading"])
        for row, one in enumerate(rows, start=1):
            words = (
                one.unit_code, one.unit, say(f"units-rank-{one.rank}"), one.name, one.code,
                one.web, one.telegram, one.until.strftime("%d/%m/%Y"),
            )  # fmt: skip
            for column, text in enumerate(words):
                sheet.write_string(row, column, clean(text), pens["cell"])
