"""The table of candidates on one sheet: from its heading row to the signatures below it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from bot.workbook import Sheet, Value, cell_text, letter
from handlers.consultations.papers import wording
from handlers.consultations.papers.award_names import AwardFinder
from handlers.consultations.papers.draft import (
    Candidate,
    Kind,
    Problem,
    Severity,
    candidate_key,
    plain,
)
from handlers.consultations.papers.headings import also_in, column_of

LIMITS = {"name": 300, "position": 300, "unit": 300, "code": 60, "summary": 20_000}

_SECTION_MARK = re.compile(
    r"^\s*([A-Za-z\u0110\u0111]|[IVX]{1,5}|\d{1,2}(?:\.\d{1,2})*)\s*(?:[.):/-]|$)\s*"
)
_DITTO = ("nt", "nhu tren")
_SUBTOTAL = re.compile(r"^(tong( cong| so)?|cong)\b")
_FOOTER = re.compile(
    r"^(an dinh danh sach|danh sach (nay|tren|gom|co)|noi nhan|nguoi (lap|ky|tong hop)|tm |kt |tl "
    r"|tuq |thu truong don vi|xac nhan (cua|don vi)|ky ten|chu tich$|giam doc$|truong ban$"
    r"|.{0,40}ngay( \d{1,2})? thang( \d{1,2})? nam)"
)
_AN_AWARD = re.compile(
    r"\b(huan chuong|huy chuong|danh hieu|bang khen|giay khen|anh hung|co thi dua)\b"
)
_SAID_IN_SECTION = re.compile(r"\b(tap the|ca nhan|ho gia dinh)\b")
_KIND_WORDS: dict[str, Kind] = {
    "tap the": "collective",
    "ca nhan": "person",
    "ho gia dinh": "household",
}


def table_heading(cells: dict[int, Value]) -> dict[str, int] | None:
    """Field -> column when the row is the heading of a candidate table."""
    texts = {column: cell_text(value) for column, value in cells.items()}
    if any(text.isdigit() for text in texts.values()):
        return None
    named = {column: column_of(text) for column, text in texts.items()}
    if 2 * sum(name is not None for name in named.values()) < len(cells):
        return None
    found: dict[str, int] = {}
    for column, name in named.items():
        if name and not name.startswith("_"):
            found.setdefault(name, column)
    if "name" not in found and {"unit", "award", "number"} <= found.keys():
        found["name"] = found.pop("unit")
    return found if "name" in found and len(found) > 1 else None


@dataclass(frozen=True)
class _Section:
    """A row that speaks for the rows below it: "I. Huân chương Lao động hạng Ba"."""

    style: str
    """How it is marked: letter, roman, number, 1.1 or not at all."""
    award: str = ""
    award_text: str = ""
    kind: Kind | None = None
    unit: str = ""

    def replaces(self, old: _Section) -> bool:
        """A section ends the one marked like it and all below that; without marks, one that
        speaks of the same thing."""
        if self.style or old.style:
            return self.style == old.style
        speaks = (self.award_text and old.award_text, self.kind and old.kind)
        return any(speaks) or bool(self.unit and old.unit)


@dataclass
class CandidateTable:
    """Takes the rows of one sheet below a heading, one after another."""

    sheet: Sheet
    finder: AwardFinder
    columns: dict[str, int]
    also: tuple[str, ...] = ()
    ended: bool = False
    candidates: list[Candidate] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _sections: list[_Section] = field(default_factory=list)
    _last: dict[str, str] = field(default_factory=dict)
    _heading_row: int = 0

    def begin(self, row: int, columns: dict[str, int], heading: str) -> None:
        """A heading row; two of them directly below one another are one heading of two lines."""
        both = self._heading_row == row - 1
        self.columns = {**columns, **self.columns} if both else columns
        self.also = also_in(heading)
        self._heading_row, self.ended = row, False

    def take(self, row: int, own: dict[int, Value], full: dict[int, Value]) -> None:
        """`own`: the cells written in this row; `full`: with those merged down from above."""
        texts = {c: cell_text(v) for c, v in own.items()}
        first = next((t for t in texts.values() if len(plain(t)) > 3), "")
        numbered = cell_text(own.get(self.columns.get("number", 0))).isdigit()
        if not numbered and _SUBTOTAL.match(plain(first)):
            return
        if not numbered and _FOOTER.match(plain(first)):
            self.ended = True
        if self.ended or self._is_numbering(texts):
            return
        if section := self._section(row, texts):
            self._open(section)
            return
        self._take_candidate(row, {c: cell_text(v) for c, v in full.items()}, texts)

    def _is_numbering(self, texts: dict[int, str]) -> bool:
        """The row "(1) (2) (3)" or "A B 1 2" under a heading."""
        return all(re.fullmatch(r"\(?(\d{1,2}|[A-E])\)?", t) for t in texts.values()) and bool(
            texts.get(self.columns["name"])
        )

    def _section(self, row: int, texts: dict[int, str]) -> _Section | None:
        mark = texts.get(self.columns.get("number", 0), "")
        rest = {c: t for c, t in texts.items() if c != self.columns.get("number") or len(t) > 6}
        if len(rest) != 1:
            return None
        ((column, text),) = rest.items()
        inner = _SECTION_MARK.match(text)
        words = text[inner.end() :] if inner else text
        award = self.finder.find(words)
        kind = _section_kind(words)
        wide = self.sheet.span(row, column) > 1
        marked = bool(inner) or bool(mark and not mark.isdigit())
        speaks = bool(award.code or kind) and not mark.isdigit()
        exact = bool(award.code) and self.finder.is_name(words)
        if not (wide or marked or speaks or exact):
            return None
        style = _style((inner[1] if inner else mark).strip(". )"))
        if award.code or kind:
            return _Section(style, award.code, words if award.code else "", kind)
        if _AN_AWARD.search(plain(words)):
            self._award_problem(row, column, words)
            return _Section(style, award_text=words)
        return _Section(style, unit=_line(words))

    def _open(self, section: _Section) -> None:
        """Offices number levels as they like (A, I, 1 or I, A, 1): what came first is above."""
        ended = (i for i, old in enumerate(self._sections) if section.replaces(old))
        self._sections = [*self._sections[: next(ended, len(self._sections))], section]

    def _take_candidate(self, row: int, texts: dict[int, str], own: dict[int, str]) -> None:
        said = {f: texts.get(c, "") for f, c in self.columns.items()}
        self._check_cells(row, said)
        for name in ("award", "unit", "kind", "position"):
            if plain(said.get(name, "")) in _DITTO or said.get(name, "") in ('"', "″", "''", "”"):
                said[name] = self._last.get(name, "")
        if not said["name"]:
            others = {f for f in said if said[f] and f not in ("number", "note")}
            if others & {f for f, c in self.columns.items() if c in own}:
                self._report("papers-row-no-name", "error", row, "name")
            return
        self._last = said
        self._split_name(said)
        candidate = self._candidate(row, said)
        continues = self.columns["name"] not in own
        if not (continues and self._continue(candidate)):
            self.candidates.append(candidate)

    def _split_name(self, said: dict[str, str]) -> None:
        """ "Ông Trần Văn Mẫu, Giám đốc, Sở Y tế" in a column headed "Họ tên, chức vụ, đơn vị"."""
        if not self.also:
            return
        parts = [p.strip() for p in re.split(r"[\n,;]|\s[-–]\s", said["name"]) if p.strip()]
        said["name"], rest = parts[0], parts[1:]
        for i, name in enumerate(self.also):
            last = i == len(self.also) - 1
            text = ", ".join(rest[i:] if last else rest[i : i + 1])
            said[name] = said.get(name) or text

    def _continue(self, new: Candidate) -> bool:
        """A name merged over several rows with one award is one candidate with more to say."""
        for i, old in enumerate(self.candidates):
            if old.natural_key == new.natural_key:
                lines = dict.fromkeys(t for t in (old.summary, new.summary) if t)
                self.candidates[i] = replace(old, summary="\n".join(lines))
                return True
        return False

    def _candidate(self, row: int, said: dict[str, str]) -> Candidate:
        name, code = _line(said["name"]), _line(said.get("code", ""))
        unit = _line(said.get("unit") or said.get("address") or self._from_section("unit"))
        award, award_text = self._award(row, said)
        kind, guessed = self._kind(row, said, award, award_text)
        return Candidate(
            natural_key=candidate_key(code, name, unit, award or plain(award_text)),
            sheet=self.sheet.name,
            row=row,
            number=0,
            name=name,
            kind=kind,
            award=award,
            award_text=_line(award_text),
            code=code,
            kind_guessed=guessed,
            position=_line(said.get("position", "")),
            unit=unit,
            summary=said.get("summary", ""),
            document_url=self._link(row, said.get("document_url", "")),
        )

    def _award(self, row: int, said: dict[str, str]) -> tuple[str, str]:
        text = said.get("award", "")
        if not text:
            section = next((s for s in reversed(self._sections) if s.award_text), None)
            if section is None:
                self._report("papers-row-no-award", "error", row, "award", said["name"])
                return "", ""
            return section.award, section.award_text
        match = self.finder.find(text)
        if not match.code:
            self._award_problem(row, self.columns["award"], text)
        return match.code, text

    def _award_problem(self, row: int, column: int, text: str) -> None:
        match = self.finder.find(text)
        if match.several:
            key, names = "papers-award-several", match.several
        elif match.nearest:
            key, names = "papers-award-unknown-nearest", match.nearest
        else:
            key, names = "papers-award-unknown", ()
        args = {"names": "; ".join(names)} if names else {}
        place = letter(column)
        self.problems.append(Problem(key, "error", self.sheet.name, row, place, text, args))

    def _kind(
        self, row: int, said: dict[str, str], award: str, award_text: str
    ) -> tuple[Kind, bool]:
        written = said.get("kind", "")
        named = wording.said_kind(written)
        overrides = (wording.said_kind(t) for t in (award_text, said.get("note", "")))
        if "posthumous" in overrides and named in (None, "person"):
            return "posthumous", False
        if named:
            return named, False
        if written:
            self._report("papers-row-kind-unknown", "warning", row, "kind", written)
        if plain(said.get("nationality", "")) not in ("", "viet nam", "vn"):
            return "foreign", False
        kind, unsure = self._likely_kind(said, award)
        if unsure:
            key = _GUESSED[kind]
            self._report(key, "warning", row, "name", said["name"])
        return kind, unsure

    def _likely_kind(self, said: dict[str, str], award: str) -> tuple[Kind, bool]:
        if spoken := next((s.kind for s in reversed(self._sections) if s.kind), None):
            guess, unsure = wording.guess_kind(said["name"])
            agree = guess == spoken or "collective" not in (guess, spoken)
            return spoken, not (unsure or agree) and spoken in _GUESSED
        guess, unsure = wording.guess_kind(said["name"])
        personal = said.get("born") or said.get("position")
        if unsure and (personal or self.finder.kinds(award) == ("person",)):
            return "person", False
        return guess, unsure

    def _from_section(self, name: str) -> str:
        return next((s.unit for s in reversed(self._sections) if name == "unit" and s.unit), "")

    def _link(self, row: int, text: str) -> str:
        if text and not re.match(r"https?://\S+$", text):
            self._report("papers-row-link", "warning", row, "document_url", text)
            return ""
        return text

    def _check_cells(self, row: int, said: dict[str, str]) -> None:
        for name, text in said.items():
            if name != "number" and re.fullmatch(
                r"#(REF|N/A|NAME|VALUE|DIV/0|NULL|NUM)[!?]?", text
            ):
                self._report("papers-cell-formula-error", "error", row, name, text)
            limit = LIMITS.get(name, 2_000)
            if len(text) > limit:
                args = {"limit": limit, "length": len(text)}
                self._report("papers-cell-too-long", "error", row, name, text[:60] + "…", args)

    def report_uncalculated(self) -> None:
        """Formulas whose result was never saved read as empty: say so instead of losing them."""
        used = {c: f for f, c in self.columns.items() if f != "number"}
        for row, column in self.sheet.uncalculated:
            if row > self._heading_row and column in used:
                self._report("papers-cell-formula-empty", "error", row, used[column])

    def _report(
        self,
        key: str,
        severity: Severity,
        row: int,
        name: str,
        value: str = "",
        args: Mapping[str, str | int] | None = None,
    ) -> None:
        place = letter(self.columns[name]) if name in self.columns else ""
        found = Problem(key, severity, self.sheet.name, row, place, value, args or {})
        self.problems.append(found)


_GUESSED: dict[Kind, str] = {
    "person": "papers-row-kind-guessed-person",
    "collective": "papers-row-kind-guessed-collective",
}


def number_candidates(
    candidates: Iterable[Candidate],
) -> tuple[tuple[Candidate, ...], list[Problem]]:
    """In the order of the file, from 1; a candidate who stands twice is kept once."""
    kept: dict[str, Candidate] = {}
    problems = []
    for candidate in candidates:
        first = kept.get(candidate.natural_key)
        if first is None:
            kept[candidate.natural_key] = replace(candidate, number=len(kept) + 1)
            continue
        same = plain(first.name) == plain(candidate.name)
        problems.append(
            Problem(
                "papers-row-twice" if same else "papers-row-code-twice",
                "warning" if same else "error",
                candidate.sheet,
                candidate.row,
                value=candidate.name if same else candidate.code,
                args={"first_sheet": first.sheet, "first_row": first.row},
            )
        )
    return tuple(kept.values()), problems


def _line(text: str) -> str:
    return " ".join(text.split())


def _section_kind(words: str) -> Kind | None:
    if said := wording.said_kind(words):
        return said
    found = {m[1] for m in _SAID_IN_SECTION.finditer(plain(words))}
    return _KIND_WORDS[found.pop()] if len(found) == 1 else None


def _style(mark: str) -> str:
    if re.fullmatch(r"[IVX]+", mark):
        return "roman"
    if mark[:1].isdigit():
        return "1" + ".1" * mark.count(".")
    return ("lower" if mark.islower() else "capital") if mark else ""
