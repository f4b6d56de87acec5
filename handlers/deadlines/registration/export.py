"""What units handed in for a deadline, as a file: one row a unit, columns fixed by contract.

`FORMAT` names the contract. A column is never removed, renamed or given another meaning under the
same number. JSON holds codes and ISO times under the keys of COLUMNS, with `titles` and `targets`
as objects by code; XLSX and CSV hold the same in words, with a column for each title and each
movement of the form after the fixed ones. No name of a person is in any of them.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from pathlib import Path
from typing import Any, Literal

import xlsxwriter  # it ships no types
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import VIETNAM, closing_day
from bot.output import whole
from bot.replies import UserError
from bot.vault import Vault
from bot.workbook import clean, inert
from handlers.deadlines import duties
from handlers.deadlines.registration import forms, service
from handlers.deadlines.registration.forms import Form
from storage.models.deadlines import Deadline, DeadlineState, Duty, DutyState, Submission
from storage.models.units import Unit, UnitKind

FORMAT = "neuguong-registrations/1"
Say = Callable[..., str]
FileFormat = Literal["xlsx", "csv", "json"]
COLUMNS = (
    ("deadline", "registration_command-column-deadline", 16),
    ("unit_code", "registration_command-column-unit-code", 14),
    ("unit", "registration_command-column-unit", 40),
    ("kind", "registration_command-column-kind", 16),
    ("state", "registration_command-column-state", 20),
    ("reason", "registration_command-column-reason", 40),
    ("late", "registration_command-column-late", 10),
    ("due_at", "registration_command-column-due", 20),
    ("submitted_at", "registration_command-column-submitted", 20),
    ("version", "registration_command-column-version", 10),
    ("version_at", "registration_command-column-version-at", 20),
    ("form_hash", "registration_command-column-form", 16),
    ("files", "registration_command-column-files", 8),
    ("named", "registration_command-column-named", 12),
    ("papers", "registration_command-column-papers", 40),
    ("report", "registration_command-column-report", 60),
)
"""Key, heading, width."""


@dataclass(frozen=True)
class UnitRow:
    """One unit, whether it handed in or not."""

    deadline: str
    unit_code: str
    unit: str
    kind: str
    state: DutyState
    reason: str
    late: bool
    due_at: datetime
    submitted_at: datetime | None
    version: int
    version_at: datetime | None = None
    form_hash: str = ""
    files: int = 0
    named: int = 0
    """People named, of all titles together."""
    papers: Sequence[str] = ()
    report: str = ""
    titles: dict[str, int] = field(default_factory=dict)
    """How many of each title; 1 for one of the collective's own."""
    targets: dict[str, str] = field(default_factory=dict)


async def by_code(session: AsyncSession, office_id: str, code: str) -> Deadline:
    """Raises UserError when the office has none of that code."""
    found: Deadline | None = await session.scalar(
        select(Deadline).where(Deadline.office_id == office_id, Deadline.code == code)
    )
    if found is None:
        raise UserError("registration_command-no-such-deadline", code=code)
    return found


async def rows(session: AsyncSession, vault: Vault, deadline: Deadline) -> list[UnitRow]:
    """Every unit that owes it or did, by name; a cancelled duty is left out."""
    found = await session.execute(
        select(Duty, Unit, Submission)
        .join(Unit, Unit.id == Duty.unit_id)
        .outerjoin(
            Submission, (Submission.duty_id == Duty.id) & (Submission.version == Duty.version)
        )
        .where(Duty.deadline_id == deadline.id, Duty.state != DutyState.CANCELLED)
        .order_by(Unit.name, Unit.code)
    )
    return [_row(vault, deadline, duty, unit, handed) for duty, unit, handed in found]


def _row(
    vault: Vault, deadline: Deadline, duty: Duty, unit: Unit, submission: Submission | None
) -> UnitRow:
    said: dict[str, Any] = {}
    if submission is not None:
        answers = service.opened(vault, submission).answers
        titles = dict.fromkeys(answers.collective, 1)
        titles |= {code: one.count for code, one in answers.individual.items()}
        said = {
            "version_at": submission.at, "form_hash": submission.form_hash,
            "files": len(answers.files), "papers": answers.papers, "report": answers.words,
            "named": sum(len(one.names) for one in answers.individual.values()),
            "titles": titles, "targets": answers.targets,
        }  # fmt: skip
    return UnitRow(
        deadline.code, unit.code, unit.name, unit.kind, DutyState(duty.state), duty.reason,
        duty.late, duties.due_at(deadline, duty), duty.submitted_at, duty.version, **said,
    )  # fmt: skip


async def form_now(session: AsyncSession, deadline: Deadline) -> Form:
    if deadline.state == DeadlineState.CANCELLED:
        raise UserError("registration_command-no-such-deadline", code=deadline.code)
    return await forms.form_of(session, deadline)


# Writing


def write(
    found: Sequence[UnitRow],
    form: Form,
    title: str,
    file_format: FileFormat,
    path: Path,
    say: Say,
    made_at: datetime,
) -> None:
    """The file whole or not at all. CPU work: run it in a thread."""
    with whole(path) as unfinished:
        if file_format == "json":
            text = json.dumps([as_codes(one) for one in found], ensure_ascii=False, indent=1)
            unfinished.write_text(text + "\n", encoding="utf-8", newline="\n")
        elif file_format == "csv":
            _write_csv(found, form, unfinished, say)
        else:
            _write_xlsx(found, form, title, unfinished, say, made_at)


def as_codes(row: UnitRow) -> dict[str, object]:
    """The row as JSON holds it."""
    plain = {key: _code(getattr(row, key)) for key, _, _ in COLUMNS}
    return {**plain, "titles": row.titles, "targets": row.targets}


def _code(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(VIETNAM).isoformat(timespec="seconds")
    if isinstance(value, bool | int) or value is None:
        return value
    return list(value) if isinstance(value, list | tuple) else clean(str(value))


def headings(found: Sequence[UnitRow], form: Form, say: Say) -> list[str]:
    fixed = [say(heading) for _, heading, _ in COLUMNS]
    names = {one.code: one.name_vi for one in form.options()}
    return fixed + [clean(names.get(code, code)) for code in _codes(found, form)]


def _codes(found: Sequence[UnitRow], form: Form) -> list[str]:
    """The titles of the form, then its movements, then what only an older form asked."""
    known = [one.code for one in form.options()]
    held = {code for one in found for code in (*one.titles, *one.targets)}
    return known + sorted(held - set(known))


def as_words(row: UnitRow, codes: Sequence[str], say: Say) -> list[str | int]:
    """The row as XLSX and CSV hold it."""
    fixed = [_cell(key, getattr(row, key), say) for key, _, _ in COLUMNS]
    return fixed + [row.titles.get(code) or clean(row.targets.get(code, "")) for code in codes]


def _cell(key: str, value: object, say: Say) -> str | int:
    if key == "state":
        return say(f"duty-{DutyState(str(value))}")
    if key == "kind" and value in set(UnitKind):
        return say(f"calendar-kind-{UnitKind(str(value))}")
    if key == "reason" and value == duties.ON_PAPER:
        return say("duties-on-paper")
    if key == "due_at" and isinstance(value, datetime):
        return _until(value)
    if isinstance(value, bool):
        return say("registration_command-late") if value else ""
    if isinstance(value, int):
        return value
    if isinstance(value, datetime):
        return value.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M")
    if isinstance(value, list | tuple):
        return clean("; ".join(value))
    return clean(str(value or ""))


def _until(due_at: datetime) -> str:
    """A local midnight is 24:00 of the day before, as the office writes it."""
    local = due_at.astimezone(VIETNAM)
    hour = "24:00" if local.time() == time() else f"{local:%H:%M}"
    return f"{closing_day(due_at):%d/%m/%Y} {hour}"


def _write_csv(found: Sequence[UnitRow], form: Form, path: Path, say: Say) -> None:
    """RFC 4180; the byte order mark is what makes Excel read it as UTF-8."""
    codes = _codes(found, form)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([inert(heading) for heading in headings(found, form, say)])
        for row in found:
            cells = as_words(row, codes, say)
            writer.writerow([inert(one) if isinstance(one, str) else one for one in cells])


def _write_xlsx(
    found: Sequence[UnitRow], form: Form, title: str, path: Path, say: Say, made_at: datetime
) -> None:
    options = {"strings_to_formulas": False, "strings_to_urls": False}
    codes = _codes(found, form)
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"title": clean(title), "comments": FORMAT})
        base = {"font_name": "Times New Roman", "font_size": 12, "valign": "top"}
        text = book.add_format({**base, "text_wrap": True, "quote_prefix": True})
        head = book.add_format(
            {**base, "bold": True, "text_wrap": True, "bg_color": "#7C1219", "font_color": "white"}
        )
        sheet = book.add_worksheet(say("registration_command-sheet"))
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        sheet.freeze_panes(1, 3)
        for column, (_, _, width) in enumerate(COLUMNS):
            sheet.set_column(column, column, width)
        for column, heading in enumerate(headings(found, form, say)):
            sheet.write_string(0, column, heading, head)
        for number, row in enumerate(found, 1):
            for column, cell in enumerate(as_words(row, codes, say)):
                if isinstance(cell, int):
                    sheet.write_number(number, column, cell)
                elif cell:
                    sheet.write_string(number, column, cell, text)
        sheet.autofilter(0, 0, max(len(found), 1), len(COLUMNS) + len(codes) - 1)
        about = book.add_worksheet(say("registration_command-sheet-about"))
        about.set_column(0, 0, 90)
        made = made_at.astimezone(VIETNAM).strftime("%H:%M %d/%m/%Y")
        for number, line in enumerate(
            (title, say("registration_command-made", made=made), say("registration_command-how"))
        ):
            about.write_string(number, 0, clean(line), text)
