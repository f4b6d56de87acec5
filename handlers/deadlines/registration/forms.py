"""What is asked for a deadline, what was answered, and when the answers are whole.

The titles and the movements are rows of the catalogue, the papers stand in the deadline: so a
form is made when it is needed, and its hash says which questions somebody answered.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import i18n
from bot.replies import UserError
from bot.text import tidy
from storage.models.consultations import Award
from storage.models.deadlines import Deadline, Movement, Work

EMULATION = "emulation_title"
"""The group of awards that are registered for at the beginning of a year."""
MOST_FILES = 20
MOST_PEOPLE = 100_000
MOST_NAMES = 2_000
LONGEST_NAME = 120
LONGEST_TARGET = 1_000
LONGEST_REPORT = 8_000
NAMES_READ_BACK = 10
"""Of each title; the whole list is on the page and in the file."""


@dataclass(frozen=True)
class Option:
    """A title or a movement that may be chosen."""

    code: str
    name_vi: str
    name_en: str

    def name(self, locale: str) -> str:
        return self.name_en if locale == "en" else self.name_vi


@dataclass(frozen=True)
class Form:
    work: Work
    collective: tuple[Option, ...] = ()
    individual: tuple[Option, ...] = ()
    movements: tuple[Option, ...] = ()
    papers: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        return hashlib.sha256(_canonical(asdict(self))).hexdigest()

    @property
    def wants_files(self) -> bool:
        return self.work is not Work.OTHER

    def options(self) -> Iterator[Option]:
        yield from self.collective
        yield from self.individual
        yield from self.movements


@dataclass
class Individuals:
    """How many are registered for a title, and those of them who are named."""

    count: int = 0
    names: list[str] = field(default_factory=list)


@dataclass
class Answers:
    collective: list[str] = field(default_factory=list)
    individual: dict[str, Individuals] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)
    papers: list[str] = field(default_factory=list)
    words: str = ""
    files: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return self == Answers()


async def form_of(session: AsyncSession, deadline: Deadline) -> Form:
    """As it would be asked now."""
    work = Work(deadline.work)
    if work is Work.DOSSIER:
        return Form(work, papers=tuple(deadline.checklist))
    if work is not Work.REGISTRATION:
        return Form(work)
    titles = await session.scalars(select(Award).where(Award.group == EMULATION))
    awards = sorted(titles, key=lambda one: (_LEVELS.get(one.level, 0), one.code))
    movements = await session.scalars(
        select(Movement).where(Movement.ended.is_(False)).order_by(Movement.code)
    )
    return Form(
        work,
        tuple(_option(one) for one in awards if "collective" in one.for_kinds),
        tuple(_option(one) for one in awards if "person" in one.for_kinds),
        tuple(_option(one) for one in movements),
    )


_LEVELS = {"grassroots": -3, "commune": -2, "ministry_or_province": -1}
"""What most units register for comes first."""


def _option(row: Award | Movement) -> Option:
    return Option(row.code, row.name_vi, row.name_en)


# Kept


def dump(form: Form, answers: Answers) -> bytes:
    """Both, so that an old version is read in the words in which it was asked."""
    return _canonical({"form": asdict(form), "answers": asdict(answers)})


def load(raw: bytes) -> tuple[Form, Answers]:
    plain = json.loads(raw)
    return _form(plain["form"]), answers_of(plain["answers"])


def dump_answers(answers: Answers) -> dict[str, Any]:
    return asdict(answers)


def answers_of(plain: dict[str, Any]) -> Answers:
    individual = {code: Individuals(**one) for code, one in plain["individual"].items()}
    return Answers(**{**plain, "individual": individual})


def _form(plain: dict[str, Any]) -> Form:
    options = {
        name: tuple(Option(**one) for one in plain[name])
        for name in ("collective", "individual", "movements")
    }
    return Form(Work(plain["work"]), papers=tuple(plain["papers"]), **options)


def _canonical(plain: dict[str, Any]) -> bytes:
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


# Checked


def checked_names(text: str) -> list[str]:
    """One name a line, numbering left out. Raises UserError."""
    names = []
    for line in tidy(text).split("\n"):
        name = " ".join(line.split()).strip(" .,;-•").lstrip("0123456789").strip(" .,;)-")
        if len(name) > LONGEST_NAME:
            raise UserError("registration-name-too-long", longest=LONGEST_NAME, name=name[:40])
        if name:
            names.append(name)
    return list(dict.fromkeys(names))


def checked_words(text: str, longest: int) -> str:
    """Raises UserError when there are too many."""
    words = tidy(text)
    if len(words) > longest:
        raise UserError("registration-words-too-long", longest=longest, length=len(words))
    return words


def fitting(form: Form, answers: Answers) -> Answers:
    """Without what the form no longer asks, and in the form's own order."""
    return replace(
        answers,
        collective=[one.code for one in form.collective if one.code in answers.collective],
        individual={
            one.code: answers.individual[one.code]
            for one in form.individual
            if one.code in answers.individual
        },
        targets={
            one.code: answers.targets[one.code]
            for one in form.movements
            if one.code in answers.targets
        },
        papers=[paper for paper in form.papers if paper in answers.papers],
        files=list(dict.fromkeys(answers.files)),
    )


def check(form: Form, answers: Answers) -> None:
    """Raises UserError for the first thing that keeps it from being handed in."""
    _check_limits(answers)
    match form.work:
        case Work.REGISTRATION:
            _check_titles(form, answers)
            chosen = answers.collective or answers.individual or answers.targets
            if not chosen and not answers.files:
                raise UserError("registration-nothing-chosen")
        case Work.COMPACT:
            if not answers.files:
                raise UserError("registration-needs-signed")
        case Work.DOSSIER:
            if not answers.papers and not answers.files:
                raise UserError("registration-nothing-ticked")
        case Work.REPORT:
            if not answers.words and not answers.files:
                raise UserError("registration-needs-words")


def _check_limits(answers: Answers) -> None:
    if len(answers.files) > MOST_FILES:
        raise UserError("registration-too-many-files", most=MOST_FILES)
    checked_words(answers.words, LONGEST_REPORT)
    for target in answers.targets.values():
        checked_words(target, LONGEST_TARGET)


def _check_titles(form: Form, answers: Answers) -> None:
    for one in form.individual:
        chosen = answers.individual.get(one.code)
        if chosen is None:
            continue
        if not 1 <= chosen.count <= MOST_PEOPLE:
            raise UserError("registration-bad-count", title=one.name_vi, most=MOST_PEOPLE)
        if len(chosen.names) > min(chosen.count, MOST_NAMES):
            raise UserError(
                "registration-too-many-names", title=one.name_vi, n=len(chosen.names),
                count=min(chosen.count, MOST_NAMES),
            )  # fmt: skip
    for movement in form.movements:
        if answers.targets.get(movement.code) == "":
            raise UserError("registration-no-target", movement=movement.name_vi)


# Left out


MOST_LOST = 12


def lost(form: Form, before: Answers, after: Answers, locale: str) -> list[str]:
    """What stood there before and does not any more, a line each: titles, people, targets, papers.

    Fewer people than before are named as well; another target in place of one is no loss.
    """
    told = [
        one.name(locale)
        for one in form.collective
        if one.code in before.collective and one.code not in after.collective
    ]
    for one in form.individual:
        told += _lost_people(one, before, after, locale)
    told += [
        f"{one.name(locale)}: {before.targets[one.code]}"
        for one in form.movements
        if before.targets.get(one.code) and not after.targets.get(one.code)
    ]
    return told + [one for one in before.papers if one not in after.papers]


def _lost_people(title: Option, before: Answers, after: Answers, locale: str) -> list[str]:
    old, new = (one.individual.get(title.code, Individuals()) for one in (before, after))
    name = title.name(locale)
    fewer = i18n.say(locale, "registration-fewer", title=name, old=old.count, new=new.count)
    gone = [one for one in old.names if one not in new.names]
    return [fewer] * (new.count < old.count) + [f"{name}: {one}" for one in gone]


# Told


@dataclass(frozen=True)
class Line:
    """One answer in words: what it is about, and what was said."""

    label: str
    value: str
    names: Sequence[str] = ()


def lines(form: Form, answers: Answers, locale: str) -> list[Line]:
    """In the order of the form; names beside the title they are registered for."""
    told = [
        Line(one.name(locale), i18n.say(locale, "registration-yes"))
        for one in form.collective
        if one.code in answers.collective
    ]
    for one in form.individual:
        if chosen := answers.individual.get(one.code):
            said = i18n.say(locale, "registration-people", n=chosen.count)
            told.append(Line(one.name(locale), said, chosen.names))
    told += [
        Line(one.name(locale), answers.targets[one.code])
        for one in form.movements
        if answers.targets.get(one.code)
    ]
    for paper in form.papers:
        has = "registration-has" if paper in answers.papers else "registration-lacks"
        told.append(Line(paper, i18n.say(locale, has)))
    if answers.words:
        told.append(Line(i18n.say(locale, "registration-report"), answers.words))
    return told


def in_words(form: Form, answers: Answers, locale: str, *, names: bool) -> str:
    """For a chat: a line for each answer. Names only for those who gave them."""
    told = []
    for line in lines(form, answers, locale):
        told.append(f"• {line.label}: {line.value}")
        if names and line.names:
            told += [f"   – {name}" for name in line.names[:NAMES_READ_BACK]]
            if (more := len(line.names) - NAMES_READ_BACK) > 0:
                told.append("   " + i18n.say(locale, "registration-more-names", n=more))
    if form.wants_files:
        told.append("• " + i18n.say(locale, "registration-files-count", n=len(answers.files)))
    return "\n".join(told)
