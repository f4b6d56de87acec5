"""What was read from an office's spreadsheet, as values: nothing here touches a database."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

from bot.intake import Problem as Problem
from bot.intake import Severity as Severity
from bot.text import fold
from bot.text import plain as plain

Kind = Literal["person", "collective", "household", "posthumous", "foreign"]
Layer = Literal["submitter", "centre"]
DayUnit = Literal["working", "calendar"]
Counting = Literal["civil_code", "posting_day"]
"""From the day after the posting (Civil Code, article 147), or the posting day is day one."""


@dataclass(frozen=True)
class AwardName:
    """How one award of the catalogue may be written. `kinds` empty means it does not say whom."""

    code: str
    name_vi: str
    aliases: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class LegalBasis:
    """One line of the notice's legal grounds; `document` and `article` only where recognised,
    for finding it again: what is shown is the text."""

    text: str
    document: str = ""
    article: str = ""


@dataclass(frozen=True)
class Candidate:
    natural_key: str
    """The same for the same candidate in a later file; see `candidate_key`."""
    sheet: str
    row: int
    number: int
    """Its place in the notice, from 1."""
    name: str
    kind: Kind
    award: str
    """Code in the catalogue, "" when the office's words were not recognised (an error)."""
    award_text: str
    code: str = ""
    kind_guessed: bool = False
    position: str = ""
    unit: str = ""
    summary: str = ""
    document_url: str = ""


@dataclass(frozen=True)
class Notice:
    """One consultation. What the office did not write is "", None or empty; nothing is made up
    but `code`, which then comes from the number of the notice or from its title."""

    code: str
    """At most 32 of A-Z, 0-9 and the hyphen: it stands in links."""
    title: str
    document: str = ""
    """Number of the notice as issued, such as 12/TB-SNV, and its date where it is said."""
    publisher: str = ""
    layer: Layer | None = None
    days: int | None = None
    day_unit: DayUnit | None = None
    counting: Counting | None = None
    posted_on: date | None = None
    announced_end: date | None = None
    """The last day that counts: "trước ngày 20/10" gives 19/10."""
    announced_end_text: str = ""
    office: str = ""
    addresses: tuple[str, ...] = ()
    telephone: str = ""
    email: str = ""
    signed_writing: bool | None = None
    legal_bases: tuple[LegalBasis, ...] = ()
    media: tuple[str, ...] = ()
    url: str = ""
    submission: str = ""
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True)
class Draft:
    notices: tuple[Notice, ...]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if p.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if p.severity == "warning")

    @property
    def can_be_imported(self) -> bool:
        return bool(self.notices) and not self.errors


_ADDRESSED_AS = re.compile(r"^(?:(?:ong|ba|co|anh|chi|dong chi|liet si|me)\b\s*)+(?=\w+ \w)")


def candidate_key(code: str, name: str, unit: str, award: str) -> str:
    """Its code where the office gives one; else name, unit and award, however they are typed.

    At most 200 characters. Titles before a name ("Ông", "Liệt sĩ") do not count.
    """
    if code:
        return f"code:{plain(code)}"[:200]
    parts = (_ADDRESSED_AS.sub("", plain(name)), plain(unit), award)
    digest = hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]
    return f"name:{parts[0][:120]}:{digest}"


def notice_code(text: str) -> str:
    """Letters, digits and hyphens that may stand in a link: "12/TB-BTĐKT" is 12-TB-BTDKT."""
    return "-".join(re.findall(r"[A-Z0-9]+", fold(text).upper()))[:32].strip("-")


def made_up_code(title: str) -> str:
    """For a notice without number: the same title always gives the same code."""
    return "LYK-" + hashlib.sha256(plain(title).encode()).hexdigest()[:8].upper()
