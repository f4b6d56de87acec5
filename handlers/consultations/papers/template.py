"""The spreadsheet that an office fills in when it has none of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot import workbook_form
from handlers.consultations.papers import sheets
from handlers.consultations.papers.draft import AwardName

Say = Callable[..., str]

_LAST_ROW = 1_000
"""Drop-down lists reach this far; more rows may still be filled in."""


@dataclass(frozen=True)
class _Entry:
    """One line of the notice sheet."""

    label: str
    hint: str
    choices: tuple[str, ...] = ()
    holds: str = "text"
    """text, date or number."""


_NOTICE = (
    _Entry("papers-label-code", "papers-hint-code"),
    _Entry("papers-label-title", "papers-hint-title"),
    _Entry("papers-label-document", "papers-hint-document"),
    _Entry("papers-label-submission", "papers-hint-submission"),
    _Entry("papers-label-publisher", "papers-hint-publisher"),
    _Entry(
        "papers-label-layer",
        "papers-hint-layer",
        ("papers-choice-layer-submitter", "papers-choice-layer-centre"),
    ),
    _Entry("papers-label-days", "papers-hint-days", holds="number"),
    _Entry(
        "papers-label-day-unit",
        "papers-hint-day-unit",
        ("papers-choice-working-days", "papers-choice-calendar-days"),
    ),
    _Entry(
        "papers-label-counting",
        "papers-hint-counting",
        ("papers-choice-next-day", "papers-choice-posting-day"),
    ),
    _Entry("papers-label-posted-on", "papers-hint-posted-on", holds="date"),
    _Entry("papers-label-announced-end", "papers-hint-announced-end", holds="date"),
    _Entry("papers-label-legal-basis", "papers-hint-legal-basis"),
    _Entry("papers-label-legal-basis", "papers-hint-legal-basis-more"),
    _Entry("papers-label-media", "papers-hint-media"),
    _Entry("papers-label-media", "papers-hint-media-more"),
    _Entry("papers-label-url", "papers-hint-url"),
    _Entry("papers-label-office", "papers-hint-office"),
    _Entry("papers-label-address", "papers-hint-address"),
    _Entry("papers-label-address", "papers-hint-address-more"),
    _Entry("papers-label-telephone", "papers-hint-telephone"),
    _Entry("papers-label-email", "papers-hint-email"),
    _Entry(
        "papers-label-signed-writing",
        "papers-hint-signed-writing",
        ("papers-choice-yes", "papers-choice-no"),
    ),
)

_KINDS = (
    "papers-kind-person",
    "papers-kind-collective",
    "papers-kind-household",
    "papers-kind-posthumous",
    "papers-kind-foreign",
)

# Heading, width in characters, what the cell says when it is chosen.
_COLUMNS = (
    ("papers-column-number", 6, ""),
    ("papers-column-code", 12, "papers-tip-code"),
    ("papers-column-kind", 16, "papers-tip-kind"),
    ("papers-column-name", 34, "papers-tip-name"),
    ("papers-column-position", 24, ""),
    ("papers-column-unit", 34, "papers-tip-unit"),
    ("papers-column-award", 34, "papers-tip-award"),
    ("papers-column-summary", 60, "papers-tip-summary"),
    ("papers-column-document", 30, "papers-tip-document"),
)
_KIND_COLUMN, _AWARD_COLUMN = 2, 6

_GUIDE = (
    "papers-guide-title",
    "papers-guide-notice",
    "papers-guide-candidates",
    "papers-guide-awards",
    "papers-guide-own-list",
    "papers-guide-check",
    "papers-guide-again",
    "papers-guide-privacy",
)


def write_template(path: Path, say: Say, awards: Sequence[AwardName] = ()) -> None:
    """In the language of `say`; `read` understands it filled in, in Vietnamese and in English."""
    options = {"strings_to_formulas": False, "strings_to_urls": False}
    with sheets.writing(path, options) as book:
        book.set_properties({"title": say("papers-guide-title")})
        pens, guide = workbook_form.pens(book), book.add_worksheet(say("papers-sheet-guide"))
        workbook_form.guide(guide, [say(key) for key in _GUIDE], pens)
        _notice(book.add_worksheet(say("papers-sheet-notice")), say, pens)
        listing = book.add_worksheet(say("papers-sheet-candidates"))
        name = say("papers-sheet-awards")
        _awards(book.add_worksheet(name), say, pens, awards)
        _candidates(listing, say, pens, f"='{name}'!$A$2:$A${len(awards) + 1}" if awards else "")


def _notice(sheet: Any, say: Say, pens: dict[str, Any]) -> None:
    workbook_form.page(sheet)
    sheet.set_column(0, 0, 34, pens["plain"])
    sheet.set_column(1, 1, 60, pens["plain"])
    sheet.set_column(2, 2, 70, pens["plain"])
    sheet.freeze_panes(1, 0)
    headings = ("papers-notice-item", "papers-notice-entry", "papers-notice-hint")
    sheet.set_row(0, 24)
    for column, key in enumerate(headings):
        sheet.write_string(0, column, say(key), pens["heading"])
    for row, entry in enumerate(_NOTICE, start=1):
        hint = say(entry.hint)
        sheet.set_row(row, 22 if len(hint) < 68 else 38)
        sheet.write_string(row, 0, say(entry.label), pens["label"])
        pen = {"date": "date", "number": "number"}.get(entry.holds, "entry")
        sheet.write_blank(row, 1, None, pens[pen])
        sheet.write_string(row, 2, hint, pens["hint"])
        if entry.choices:
            choices = [say(key) for key in entry.choices]
            sheet.data_validation(row, 1, row, 1, workbook_form.one_of(choices, say))
        elif entry.holds == "number":
            sheet.data_validation(row, 1, row, 1, _days(say))


def _days(say: Say) -> dict[str, object]:
    return {
        "validate": "integer",
        "criteria": "between",
        "minimum": 1,
        "maximum": 365,
        "error_title": say("papers-tip-choose-title"),
        "error_message": say("papers-tip-days"),
    }


def _candidates(sheet: Any, say: Say, pens: dict[str, Any], awards: str) -> None:
    workbook_form.page(sheet)
    sheet.freeze_panes(1, 0)
    sheet.repeat_rows(0)
    sheet.set_row(0, 36)
    for column, (heading, width, tip) in enumerate(_COLUMNS):
        sheet.set_column(column, column, width, pens["cell"])
        sheet.write_string(0, column, say(heading), pens["heading"])
        rule: dict[str, object] = {"validate": "any"}
        if column == _KIND_COLUMN:
            rule = workbook_form.one_of([say(key) for key in _KINDS], say)
        elif column == _AWARD_COLUMN and awards:
            # An office may write the award in its own words; the list only helps.
            rule = {**workbook_form.one_of(awards, say), "error_type": "information"}
        if tip:
            rule |= {"input_title": say(heading)[:32], "input_message": say(tip)}
        if len(rule) > 1:
            sheet.data_validation(1, column, _LAST_ROW, column, rule)


def _awards(sheet: Any, say: Say, pens: dict[str, Any], awards: Sequence[AwardName]) -> None:
    workbook_form.page(sheet)
    sheet.freeze_panes(1, 0)
    widths = (60, 50)
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width, pens["plain"])
    sheet.write_string(0, 0, say("papers-awards-name"), pens["heading"])
    sheet.write_string(0, 1, say("papers-awards-aliases"), pens["heading"])
    for row, award in enumerate(awards, start=1):
        words = (award.name_vi, "; ".join(award.aliases))
        sheet.set_row(row, sheets.height(zip(words, widths, strict=True)))
        for column, text in enumerate(words):
            sheet.write_string(row, column, text, pens["cell"])
