"""What a sheet says of the notice itself: label and value rows, and the title block of a list."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from bot.workbook import Sheet, Value, cell_text, letter
from handlers.consultations.papers import wording
from handlers.consultations.papers.draft import (
    Candidate,
    DayUnit,
    LegalBasis,
    Notice,
    Problem,
    Severity,
    made_up_code,
    notice_code,
    plain,
)
from handlers.consultations.papers.headings import REPEATED, is_hint_heading, label_of

_T = TypeVar("_T")

_LIMITS = {"title": 500, "url": 500, "email": 120, "telephone": 40}
"""Characters; 300 for every other detail of one line."""
_TITLE = re.compile(r"^(danh sach|thong bao|bieu tong hop|tong hop danh sach)\b")
_TITLE_ENDS = re.compile(r"^(kem theo|ban hanh kem|dinh kem|don vi tinh|ngay|so \d)\b")
_MOTTO = re.compile(r"^(cong hoa xa hoi|doc lap tu do|mau so|bieu so|phu luc)\b")


@dataclass(frozen=True)
class Found:
    """One detail as written, and where."""

    value: Value
    label: str
    sheet: str
    row: int
    column: int

    @property
    def text(self) -> str:
        return " ".join(cell_text(self.value).split())

    @property
    def lines(self) -> list[str]:
        lines = (line.strip(" -+•\t") for line in cell_text(self.value).splitlines())
        return [line for line in lines if line]


@dataclass
class Details:
    """Gathers the rows of one sheet that stand outside its table of candidates."""

    sheet: Sheet
    found: dict[str, list[Found]] = field(default_factory=dict)
    block: list[str] = field(default_factory=list)
    """Lines without a label: the agency, DANH SÁCH …, (Kèm theo …)."""
    _hints: int = 10_000

    def take(self, row: int, cells: dict[int, Value]) -> None:
        used = 0
        for column, value in sorted(cells.items()):
            text = cell_text(value)
            if is_hint_heading(text):
                self._hints = column
            if column <= used or column >= self._hints:
                continue
            if plain(text).startswith("can cu ") and not label_of(text):
                self._add("legal_basis", Found(value, "", self.sheet.name, row, column))
            elif label := label_of(text):
                used = self._take_labelled(label, row, column, cells)
            else:
                lines = (line.strip() for line in text.splitlines())
                self.block.extend(line for line in lines if line not in self.block[-1:])

    def _take_labelled(
        self, label: tuple[str, str], row: int, column: int, cells: dict[int, Value]
    ) -> int:
        """Returns the column of the value, so that it is not read as a label itself."""
        name, rest = label
        words = cell_text(cells[column]).partition(":")[0]
        if rest:
            self._add(name, Found(rest, words, self.sheet.name, row, column))
            return column
        beside = column + self.sheet.span(row, column)
        ahead = [beside] if self._hints < 10_000 else range(beside, beside + 4)
        at = next((c for c in ahead if c in cells), None)
        if at is None:
            return column
        self._add(name, Found(cells[at], words, self.sheet.name, row, at))
        return at

    def _add(self, name: str, found: Found) -> None:
        self.found.setdefault(name, []).append(found)

    def identity(self) -> str:
        """What tells one notice from another in a workbook that holds several; "" when nothing."""
        for name in ("code", "document", "title"):
            if name in self.found:
                return plain(self.found[name][0].text)
        return plain(self.notice_number())

    def notice_number(self) -> str:
        """From "(Kèm theo Thông báo số 12/TB-SNV …)", or from the notice's own "Số: 12/TB-SNV"."""
        numbers = [_number_after(line, "thong bao so") for line in self.block]
        numbers += [_number_after(line, "so") for line in self.block if "/" in line[:12]]
        return next((number for number in numbers if number), "")

    def submission_number(self) -> str:
        numbers = (_number_after(line, "to trinh so") for line in self.block)
        return next((number for number in numbers if number), "")

    def title_block(self) -> str:
        start = next((i for i, t in enumerate(self.block) if _TITLE.match(plain(t))), None)
        if start is None:
            return ""
        lines = [self.block[start]]
        for line in self.block[start + 1 :]:
            if line.startswith("(") or not line or _TITLE_ENDS.match(plain(line)):
                break
            lines.append(line)
        return " ".join(lines)

    def agency_block(self) -> str:
        lines: list[str] = []
        for line in self.block:
            if _TITLE.match(plain(line)):
                return " – ".join(lines)
            has_words = len(plain(line)) > 4 and "/" not in line
            if has_words and not _MOTTO.match(plain(line)):
                lines.append(line)
        return ""

    def fill(self, from_others: Details) -> None:
        """What this sheet does not say itself is taken from the notice sheet."""
        for name, found in from_others.found.items():
            self.found.setdefault(name, found)
        self.block.extend(from_others.block)


class NoticeMaker:
    """Turns details into a Notice and keeps what is wrong with them."""

    def __init__(self, details: Details, candidates: tuple[Candidate, ...]) -> None:
        self._details, self._candidates = details, candidates
        self.problems: list[Problem] = []

    def make(self) -> Notice:
        title = self._short("title") or self._details.title_block()[: _LIMITS["title"]]
        document = self._short("document") or self._details.notice_number()
        days, unit = self._window()
        from_day, to_day = self._period()
        posted, end = self._date("posted_on") or from_day, self._end() or to_day
        notice = Notice(
            code=self._code(title, document),
            title=title,
            document=document,
            publisher=self._short("publisher") or self._details.agency_block(),
            layer=self._read("layer", wording.layer, "papers-detail-layer"),
            days=days,
            day_unit=unit,
            counting=self._read("counting", wording.counting, "papers-detail-counting"),
            posted_on=posted,
            announced_end=end,
            announced_end_text=self._short("announced_end"),
            office=self._short("office"),
            addresses=self._lines("address"),
            telephone=self._short("telephone"),
            email=self._checked("email", r"[^@\s]+@[^@\s]+\.\w+", "papers-detail-email"),
            signed_writing=self._read(
                "signed_writing", wording.yes_or_no, "papers-detail-yes-or-no"
            ),
            legal_bases=self._bases(),
            media=self._lines("media"),
            url=self._checked("url", r"https?://\S+", "papers-detail-link"),
            submission=self._short("submission") or self._details.submission_number(),
            candidates=self._candidates,
        )
        self._check_whole(notice)
        return notice

    def _check_whole(self, notice: Notice) -> None:
        if not notice.title:
            self._missing("papers-notice-no-title", "error")
        if not notice.candidates:
            self._missing("papers-notice-no-candidates", "error")
        if notice.days is None and "days" not in self._details.found:
            self._missing("papers-notice-no-days", "warning")
        if notice.days is not None and notice.day_unit is None:
            self._missing("papers-notice-no-day-unit", "warning")
        if notice.posted_on is None and "posted_on" not in self._details.found:
            self._missing("papers-notice-no-posting-day", "warning")
        if not notice.legal_bases:
            self._missing("papers-notice-no-legal-basis", "warning")
        end = self._first("announced_end") or self._first("days")
        if end and _ends_before_it_begins(notice):
            self._report("papers-detail-end-before-posting", "error", end)

    def _code(self, title: str, document: str) -> str:
        found = self._first("code")
        if found and (code := notice_code(found.text)):
            if code != found.text:
                self._report("papers-detail-code-changed", "warning", found, code=code)
            return code
        code = notice_code(_number_in(document)) or made_up_code(title)
        key = "papers-notice-no-code"
        self.problems.append(
            Problem(key, "warning", self._details.sheet.name, args={"code": code})
        )
        return code

    def _window(self) -> tuple[int | None, DayUnit | None]:
        found = self._first("days")
        unit: DayUnit | None = self._read("day_unit", wording.day_unit, "papers-detail-day-unit")
        if found is None:
            return None, unit
        days, said_unit = wording.read_days(found.text)
        if days is None or not 1 <= days <= 365:
            self._report("papers-detail-days", "error", found)
            return None, unit or said_unit
        return days, unit or said_unit

    def _period(self) -> tuple[date | None, date | None]:
        """The dates that offices write beside the number of days."""
        found = self._first("days")
        return wording.read_period(found.text) if found else (None, None)

    def _date(self, name: str) -> date | None:
        found = self._first(name)
        if found is None:
            return None
        day = wording.read_date(found.value, self._details.sheet.from_1904)
        if day is None and found.text:
            self._report("papers-detail-date", "error", found)
        return day

    def _end(self) -> date | None:
        found = self._first("announced_end")
        if found is None or self._date("announced_end") is None:
            return None
        return wording.read_end(found.value, found.label, self._details.sheet.from_1904)

    def _read(self, name: str, read: Callable[[str], _T | None], problem: str) -> _T | None:
        found = self._first(name)
        if found is None:
            return None
        value = read(found.text)
        if value is None:
            self._report(problem, "error", found)
        return value

    def _checked(self, name: str, pattern: str, problem: str) -> str:
        found = self._first(name)
        if found is None or re.fullmatch(pattern, found.text):
            return self._short(name)
        self._report(problem, "error", found)
        return ""

    def _bases(self) -> tuple[LegalBasis, ...]:
        bases = (wording.legal_basis(line) for line in self._lines("legal_basis"))
        return tuple(basis for basis in bases if basis.text)

    def _first(self, name: str) -> Found | None:
        return next(iter(self._details.found.get(name, ())), None)

    def _lines(self, name: str) -> tuple[str, ...]:
        assert name in REPEATED
        lines = (line for f in self._details.found.get(name, ()) for line in f.lines)
        return tuple(dict.fromkeys(lines))

    def _short(self, name: str) -> str:
        found = self._first(name)
        if found is None:
            return ""
        limit = _LIMITS.get(name, 300)
        if len(found.text) > limit:
            self._report(
                "papers-cell-too-long", "error", found, limit=limit, length=len(found.text)
            )
        return found.text[:limit]

    def _missing(self, key: str, severity: Severity) -> None:
        self.problems.append(Problem(key, severity, self._details.sheet.name))

    def _report(self, key: str, severity: Severity, found: Found, **args: str | int) -> None:
        self.problems.append(
            Problem(key, severity, found.sheet, found.row, letter(found.column), found.text, args)
        )


def _ends_before_it_begins(notice: Notice) -> bool:
    return bool(
        notice.posted_on and notice.announced_end and notice.announced_end < notice.posted_on
    )


def _number_in(document: str) -> str:
    """ "12/TB-SNV ngày 20/11/2026" without its date."""
    return next((word for word in document.split() if word[0].isdigit()), document)


def _number_after(line: str, phrase: str) -> str:
    """The number that follows the phrase; "" where the office left a gap for it."""
    tokens = line.replace(":", " ").strip(" (").split()
    wanted = phrase.split()
    for at in range(len(tokens) - len(wanted)):
        after = tokens[at + len(wanted)]
        if [plain(t) for t in tokens[at : at + len(wanted)]] == wanted and after[0].isdigit():
            return after.strip(".,;)-/")
    return ""
