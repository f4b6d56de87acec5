"""The fields of the page: filled in, checked, and carried signed from page to page."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace

from bot.replies import Reply, UserError
from bot.text import tidy
from bot.vault import Vault
from bot.web.posted import Posted
from handlers.deadlines.registration import forms
from handlers.deadlines.registration.forms import Answers, Form, Individuals, Option
from storage.models.deadlines import Work

KEPT_SECONDS = 24 * 3600
"""How long a page that was read back may wait to be sent."""
_PURPOSE = "registration-form"
Errors = dict[str, Reply]
"""By the name of the field."""


@dataclass(frozen=True)
class Filled:
    """What was filled in, on its way through the pages: it is nowhere but in its own page."""

    duty_id: str
    seen: int
    answers: Answers = field(default_factory=Answers)
    files: tuple[tuple[str, str], ...] = ()
    """(id, name) of each file already taken in."""
    counts: dict[str, str] = field(default_factory=dict)
    """Numbers as they were typed, right or not."""

    def with_files(self, files: tuple[tuple[str, str], ...]) -> Filled:
        answers = replace(self.answers, files=[file_id for file_id, _ in files])
        return replace(self, files=files, answers=answers)


def sign(vault: Vault, filled: Filled) -> str:
    return vault.sign(_PURPOSE, json.dumps(asdict(filled), ensure_ascii=False))


def unsign(vault: Vault, signed: str, duty_id: str) -> Filled | None:
    """None when it is not ours, of another duty, or older than a day."""
    held = vault.unsign(_PURPOSE, signed, KEPT_SECONDS)
    if held is None:
        return None
    plain = json.loads(held)
    filled = Filled(
        **{
            **plain,
            "answers": forms.answers_of(plain["answers"]),
            "files": tuple((file_id, name) for file_id, name in plain["files"]),
        }
    )
    return filled if filled.duty_id == duty_id else None


def read(form: Form, filled: Filled, posted: Posted) -> tuple[Filled, Errors]:
    """As it was just posted, and what must be mended in it."""
    errors: Errors = {}
    counts = {one.code: posted[f"n-{one.code}"].strip() for one in form.individual}
    answers = Answers(
        collective=[one.code for one in form.collective if posted[f"c-{one.code}"]],
        targets={one.code: tidy(posted[f"t-{one.code}"]) for one in form.movements},
        papers=[paper for number, paper in enumerate(form.papers) if posted[f"p-{number}"]],
        words=tidy(posted["words"]) if form.work is Work.REPORT else "",
    )
    for one in form.individual:
        people = _people(one, counts[one.code], posted[f"names-{one.code}"], errors)
        if people.count or people.names or counts[one.code]:
            answers.individual[one.code] = people
    answers.targets = {code: words for code, words in answers.targets.items() if words}
    _limit(errors, "words", answers.words, forms.LONGEST_REPORT)
    for code, words in answers.targets.items():
        _limit(errors, f"t-{code}", words, forms.LONGEST_TARGET)
    kept = tuple(file for file in filled.files if file[0] in posted.kept)
    return replace(filled, answers=answers, counts=counts).with_files(kept), errors


def _people(title: Option, typed: str, lines: str, errors: Errors) -> Individuals:
    people, place = Individuals(), f"n-{title.code}"
    try:
        people.names = forms.checked_names(lines)
    except UserError as error:
        errors[f"names-{title.code}"] = error.reply
    digits = typed.replace(".", "")
    if not digits:
        people.count = len(people.names)
    elif not digits.isdecimal() or not 0 <= int(digits[:9]) <= forms.MOST_PEOPLE:
        errors[place] = Reply("registration_pages-bad-count", {"most": forms.MOST_PEOPLE})
    else:
        people.count = int(digits)
    if place not in errors and len(people.names) > people.count:
        told = {"n": len(people.names), "count": people.count}
        errors[place] = Reply("registration_pages-fewer", told)
    return people


def _limit(errors: Errors, name: str, words: str, longest: int) -> None:
    try:
        forms.checked_words(words, longest)
    except UserError as error:
        errors[name] = error.reply
