"""What is asked of a good deed, and what was answered. The form is known by its hash [C5].

Fields and groups are rows of the catalogue, so the form is made when it is needed; each version
that was ever answered is kept whole in `deed_forms`, and every report names its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.replies import UserError
from bot.text import tidy
from storage.db import insert_ignoring
from storage.models.deeds import DeedField, DeedForm, DeedGroup, Known, Relation, SubjectKind

LONGEST_WORDS = 8_000
LONGEST_NAME = 200
LONGEST_SHORT = 300
MOST_FILES = 10

QUESTIONS = ("who", "where", "what", "when", "field", "outcome", "evidence", "teller")
"""The eight, in the order in which they are asked; then whether the praised has agreed, is a
child, and was rewarded already."""


@dataclass(frozen=True)
class Option:
    code: str
    name_vi: str
    name_en: str

    def name(self, locale: str) -> str:
        return self.name_en if locale == "en" else self.name_vi


@dataclass(frozen=True)
class Form:
    fields: tuple[Option, ...]
    groups: tuple[Option, ...]
    urgent: tuple[str, ...]
    """Codes of the fields of which officers are told at once."""
    questions: tuple[str, ...] = QUESTIONS

    @property
    def hash(self) -> str:
        return hashlib.sha256(_canonical(asdict(self))).hexdigest()


@dataclass
class Told:
    """One person's answers. `name` is that of the praised; who tells it is not in here."""

    kind: str = SubjectKind.PERSON
    name: str = ""
    province: str = ""
    commune: str = ""
    place: str = ""
    """The place in words, or on a map."""
    what: str = ""
    when: str = ""
    """As it was typed."""
    happened_on: str = ""
    """ISO, where the words were understood."""
    lasting: bool = False
    field_code: str = ""
    groups: list[str] = field(default_factory=list)
    outcome: str = ""
    links: str = ""
    files: list[str] = field(default_factory=list)
    voices: dict[str, str] = field(default_factory=dict)
    """Question → the voice note that answers it."""
    relation: str = Relation.SAW
    may_show_name: bool = False
    agreed: str = Known.UNKNOWN
    """What the teller says of the consent of the praised: a hint, no consent."""
    child: str = Known.UNKNOWN
    rewarded: str = Known.UNKNOWN

    @property
    def day(self) -> date | None:
        return date.fromisoformat(self.happened_on) if self.happened_on else None

    @property
    def all_files(self) -> list[str]:
        return list(dict.fromkeys([*self.files, *self.voices.values()]))


async def form_of(session: AsyncSession) -> Form:
    """As it is asked now."""
    in_fields = (await session.scalars(select(DeedField).order_by(DeedField.code))).all()
    in_groups = (await session.scalars(select(DeedGroup).order_by(DeedGroup.code))).all()
    return Form(
        tuple(_option(one) for one in sorted(in_fields, key=lambda one: not one.urgent)),
        tuple(_option(one) for one in in_groups),
        tuple(one.code for one in in_fields if one.urgent),
    )


def _option(row: DeedField | DeedGroup) -> Option:
    return Option(row.code, row.name_vi, row.name_en)


async def keep(session: AsyncSession, form: Form, now: datetime) -> str:
    """Its hash; the form itself is stored the first time it is answered."""
    await session.execute(
        insert_ignoring(session, DeedForm).values(
            hash=form.hash, questions=asdict(form), first_used_at=now
        )
    )
    return form.hash


def load_form(row: DeedForm) -> Form:
    plain = row.questions
    return Form(
        tuple(Option(**one) for one in plain["fields"]),
        tuple(Option(**one) for one in plain["groups"]),
        tuple(plain["urgent"]),
        tuple(plain["questions"]),
    )


def dump(told: Told) -> str:
    return _canonical(asdict(told)).decode()


def load(raw: str) -> Told:
    """What a later version added is left at its default, what it dropped is left out."""
    known = {one.name for one in fields(Told)}
    return Told(**{name: value for name, value in json.loads(raw).items() if name in known})


def _canonical(plain: dict[str, Any]) -> bytes:
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


# Checked


def checked_words(text: str, longest: int = LONGEST_WORDS) -> str:
    """Raises UserError when there are too many, saying by how much."""
    words = tidy(text)
    if len(words) > longest:
        raise UserError("deeds-too-long", longest=longest, length=len(words))
    return words


def checked_subject(text: str) -> str:
    """A name of the praised, or how people call them. Raises UserError."""
    name = " ".join(checked_words(text, LONGEST_NAME).split())
    if len(name) < 2:
        raise UserError("deeds-name-too-short")
    return name


def check(form: Form, told: Told) -> None:
    """Raises UserError for the first thing that keeps it from being sent."""
    for text, longest in (
        (told.what, LONGEST_WORDS),
        (told.outcome, LONGEST_WORDS),
        (told.name, LONGEST_NAME),
        (told.place, LONGEST_SHORT),
        (told.when, LONGEST_SHORT),
        (told.links, LONGEST_WORDS),
    ):
        checked_words(text, longest)
    if not told.what and "what" not in told.voices:
        raise UserError("deeds-needs-words")
    if len(told.all_files) > MOST_FILES:
        raise UserError("deeds-too-many-files", most=MOST_FILES)


def fitting(form: Form, told: Told) -> Told:
    """Without what the form does not offer."""
    told.field_code = told.field_code if told.field_code in _codes(form.fields) else ""
    told.groups = [one.code for one in form.groups if one.code in told.groups]
    return told


def _codes(options: Sequence[Option]) -> set[str]:
    return {one.code for one in options}
