"""An office's own spreadsheet: read into a draft with every problem named, and its template.

    draft = read(path, awards)           # never raises for what is in the file
    for problem in draft.problems:
        print(explain(problem, say))     # sheet, row, column, value, what is wrong, what to do

Reading needs no database; the same file always gives the same draft, and the same candidate the
same `natural_key`, so a second import changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.intake import explain, reading_order
from bot.workbook import MAX_BYTES, MAX_ROWS, Sheet, Unreadable, cell_text, read_sheets
from handlers.consultations.papers.award_names import AwardFinder
from handlers.consultations.papers.candidate_table import (
    CandidateTable,
    number_candidates,
    table_heading,
)
from handlers.consultations.papers.draft import (
    AwardName,
    Candidate,
    Draft,
    LegalBasis,
    Notice,
    Problem,
)
from handlers.consultations.papers.notice_details import Details, NoticeMaker
from handlers.consultations.papers.template import write_template

__all__ = [
    "MAX_BYTES",
    "MAX_ROWS",
    "AwardName",
    "Candidate",
    "Draft",
    "LegalBasis",
    "Notice",
    "Problem",
    "explain",
    "read",
    "write_template",
]


def read(path: Path, awards: Sequence[AwardName]) -> Draft:
    """The notices in an .xlsx of at most MAX_BYTES, hidden sheets left out.

    CPU work of up to some seconds for a big file: run it in a thread. Raises OSError only.
    """
    try:
        sheets = read_sheets(path)
    except Unreadable as refusal:
        return Draft((), (Problem(refusal.key, "error", args=refusal.details),))
    finder = AwardFinder(awards)
    pages = [_page(sheet, finder) for sheet in sheets if not sheet.hidden]
    problems = [p for page in pages for p in page.problems]
    problems += [_hidden(sheet) for sheet in sheets if sheet.hidden]
    if not any(page.table for page in pages):
        return Draft((), (*problems, Problem("papers-file-no-table", "error")))
    notices = []
    for group in _by_notice(pages):
        notice, found = _notice(group)
        notices.append(notice)
        problems += found
    return Draft(tuple(notices), tuple(sorted(problems, key=reading_order)))


@dataclass
class _Page:
    """One visible sheet, read."""

    details: Details
    table: CandidateTable | None
    problems: list[Problem]


def _page(sheet: Sheet, finder: AwardFinder) -> _Page:
    details, table = Details(sheet), None
    merged = sheet.merged_down()
    for row in sorted(sheet.rows):
        own = {c: v for c, v in sheet.rows[row].items() if cell_text(v)}
        full = {**merged.get(row, {}), **own}
        if columns := table_heading(full):
            table = table or CandidateTable(sheet, finder, columns)
            table.begin(row, columns, cell_text(full[columns["name"]]))
        elif table is None:
            details.take(row, full)
        elif own:
            table.take(row, own, full)
    problems = []
    if table:
        table.report_uncalculated()
        problems = table.problems
    if sheet.has_too_many_rows:
        problems.append(Problem("papers-sheet-too-many-rows", "error", sheet.name, args=_ROWS))
    return _Page(details, table, problems)


_ROWS = {"limit": MAX_ROWS}


def _by_notice(pages: list[_Page]) -> list[list[_Page]]:
    """Sheets of one notice together; a sheet without a number, code or title goes with the first.

    The sheet that only describes the notice is one of them.
    """
    groups: dict[str, list[_Page]] = {}
    described = [p for p in pages if p.table or len(p.details.found) > 1]
    nameless = [p for p in described if not p.details.identity()]
    for page in described:
        if identity := page.details.identity():
            groups.setdefault(identity, []).append(page)
    if not groups:
        return [nameless]
    first = next(iter(groups.values()))
    first.extend(nameless)
    return list(groups.values())


def _notice(group: list[_Page]) -> tuple[Notice, list[Problem]]:
    describing = sorted(group, key=lambda page: len(page.details.found), reverse=True)
    details = describing[0].details
    for page in describing[1:]:
        details.fill(page.details)
    tables = [page.table for page in group if page.table]
    candidates, problems = number_candidates(c for t in tables for c in t.candidates)
    maker = NoticeMaker(details, candidates)
    notice = maker.make()
    return notice, problems + maker.problems


def _hidden(sheet: Sheet) -> Problem:
    return Problem("papers-sheet-hidden", "warning", sheet.name)
