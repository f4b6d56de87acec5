"""Every word is in the catalogues: each key used exists in each language, none lies idle."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import date, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from bot import i18n
from bot.pictures import Mark
from handlers.deadlines.calendar.service import Terms
from handlers.deeds.consent import Age, Whose
from handlers.deeds.figures.praised import LEVELS
from handlers.deeds.news import PUBLIC_STEPS
from handlers.deeds.steps import CHANGED
from storage.models.consultations import (
    CandidateKind,
    ConsultationState,
    IdentityLevel,
    Openness,
    OpinionState,
    Stance,
)
from storage.models.deadlines import Audience, DeadlineState, DutyState, Work
from storage.models.deeds import (
    CheckAnswer,
    DeedState,
    EnteredAs,
    Known,
    Relation,
    Stage,
    SubjectKind,
)
from storage.models.reminders import ReminderState
from storage.models.units import MemberRank, SeatRank, UnitKind

ROOT = Path(__file__).resolve().parent.parent
FEATURES = sorted(path.stem for path in (ROOT / "locales/vi/LC_MESSAGES").glob("*.po"))
KEY = re.compile(r"[a-z][a-z0-9_]*(-[a-z0-9_]+)+")
VARIABLE = re.compile(r"{(\w+)}")
DATE = re.compile(
    r"\b\d{1,2}[/.]\d{1,2}[/.](19|20)\d\d\b|\b(19|20)\d\d-\d\d-\d\d\b|ngày \d+ tháng",
    re.IGNORECASE,
)

KEYED = {
    "choice": 0, "link": 0, "reply": 0, "UserError": 0, "Word": 0, "Reply": 0, "Choice": 0,
    "BackupError": 0, "Refused": 0, "MediaRefused": 0, "Picture": 2, "say": 0, "_say": 0,
    "mistyped": 0, "said": 0, "ConfigError": 0, "_Wrong": 0, "SchemaError": 0, "UnsafeStorage": 0,
    "read_back": 2,
}  # fmt: skip
"""Calls that take a key, and at which place. `i18n.say` has the language before it."""

FILLED = {
    "choice", "link", "reply", "UserError", "Word", "say", "mistyped", "said", "ConfigError",
    "SchemaError", "UnsafeStorage",
}  # fmt: skip
"""Those of them that are given every variable at once."""


def _but(kind: type[StrEnum], *left_out: StrEnum) -> list[str]:
    return [one.value for one in kind if one not in left_out]


REMINDERS = [
    f"{phase}-{listener}"
    for phase in ("before", "today", "overdue")
    for listener in (*_but(Audience), "nudge", "own", "spared")
]

REASONS = [
    *_but(DutyState),
    "day_off", "brought_forward", "quiet_hours", "late", "reaches_office", "instead", "next_chat",
    "merged", "told_together", "outage", "too_late", "no_contact", "unreachable", "opted_out",
    "left", "no_cluster", "unit_closed", "not_armed", "moved", "rejected", "in_doubt",
    "before_armed", "before_move", "draft", "no_duty", "no_calendar", "unknown", "after_the_end",
    "worded_anew",
]  # fmt: skip

SERIES = ["kind", "name", "place", "what", "day", "field", "groups", "outcome"]

DYNAMIC = {
    "deeds-state-{}": _but(DeedState),
    "deeds-ways-{}": _but(DeedState),
    "deed_news-{}": [str(one) for one in PUBLIC_STEPS],
    "deed_check-{}-button": _but(CheckAnswer),
    "deed_check-ask-{}": _but(CheckAnswer),
    "deed_check-said-{}": _but(CheckAnswer),
    "deed_check-news-{}": _but(CheckAnswer),
    "deed_consent-said-{}": _but(Known),
    "deed_consent-age-{}-button": _but(Age),
    "deed_consent-ask-{}": ["ground", "guardian", "again"],
    "deed_consent-{}-no-button": _but(Whose),
    "deed_consent-{}-again-button": _but(Whose),
    "deed_consent-read-back-{}": _but(Whose),
    "series-guide-{}": ["title", "rows", "place", "groups", "names", "again"],
    "series-column-{}": SERIES,
    "series-tip-{}": SERIES,
    "series-wrong-{}": [one for one in SERIES if one != "outcome"],
    "enter-how-{}": _but(EnteredAs),
    "enter-{}-button": _but(EnteredAs),
    "deeds-stage-{}": _but(Stage),
    "tell-standing-unit-{}": ["checking", "nurtured", "proposed"],
    "deed_nurture-ask-{}": ["plan", "note"],
    "deed_review-same-{}": ["source", "words", "invitation"],
    "help-movement-{}": ["add", "edit"],
    "movements-stage-{}": _but(Stage),
    "praised-by-{}": ["all", "group", "level", "place", "month"],
    "praised-level-{}": [*LEVELS, "none"],
    "tell-ask-name-{}": _but(SubjectKind),
    "exemplar-ask-{}": [
        "correction",
        "title",
        "lead",
        "text",
        "quote",
        "ground",
        "returning",
        "unpublishing",
    ],
    "exemplar-consent-{}": _but(Known),
    "exemplar-channel-{}": ["none", "waiting", "sent", "failed"],
    "tell-kind-{}": _but(SubjectKind),
    "tell-kind-{}-button": _but(SubjectKind),
    "tell-relation-{}": _but(Relation),
    "tell-relation-{}-button": _but(Relation),
    "tell-known-{}": _but(Known),
    "tell-change-{}-button": list(CHANGED),
    "tell-shares-{}": [
        "words",
        "name",
        "place",
        "day",
        "name-place",
        "name-day",
        "place-day",
        "name-place-day",
    ],
    "consultations-state-{}": _but(ConsultationState),
    "consultations-ways-{}": _but(ConsultationState),
    "duty-{}": _but(DutyState),
    "calendar-state-{}": _but(DeadlineState),
    "calendar-kind-{}": _but(UnitKind),
    "calendar-work-{}": _but(Work),
    "calendar-to-{}": _but(Audience),
    "deadline_command-copied-{}": ["added", "changed", "kept", "armed"],
    "deadline_command-term-{}": [*Terms.__annotations__],
    "calendar-step-{}": ["day_off", "brought_forward"],
    "pictures-mark-{}": _but(Mark),
    "remind-rank-{}": _but(MemberRank),
    "remind-work-{}": _but(Work),
    "remind-why-{}": ["none", "day_off", "quiet_hours", "brought_forward"],
    "reminders-{}": [*REMINDERS, "several", "behind"],
    "reminders-{}-more": ["several", "behind", "unreachable"],
    "reminders-state-{}": [*_but(ReminderState), "to_come", "unplanned"],
    "reminders-reason-{}": REASONS,
    "reminder_command-rank-{}": [*_but(MemberRank), "officer"],
    "reminder_command-to-{}": _but(Audience),
    "reminders-line-{}": ["before", "today", "overdue"],
    "reminders-todo-{}": _but(Work),
    "units-kind-{}": _but(UnitKind, UnitKind.OFFICE),
    "units-rank-{}": _but(MemberRank),
    "units-seat-{}": _but(SeatRank),
    "registration-work-{}": _but(Work),
    "registration_review-to-do-{}": ["waiting", "more_time", "not_ours", "missing"],
    "registration-help-{}": [
        "card",
        "collective",
        "individual",
        "count",
        "names",
        "movements",
        "target",
        "papers",
        "words",
        "files",
        "reading_back",
        "changing",
        "not_ours",
        "more_time",
    ],
    "stance-{}": _but(Stance),
    "stance-{}-button": _but(Stance),
    "identity-{}": _but(IdentityLevel),
    "identity-needs-{}": ["name", "telephone", "postal_address"],
    "candidate-kind-{}": _but(CandidateKind),
    "case-{}": _but(OpinionState, OpinionState.ERASED),
    "consultations-about-{}": _but(Openness, Openness.UNPUBLISHED),
    "consultations-{}-button": ["earlier", "more"],
    "opinion-ask-words-{}": _but(Stance),
    "pages-stance-{}": _but(Stance),
    "pages-stance-hint-{}": _but(Stance),
    "pages-identity-{}": _but(IdentityLevel),
    "pages-identity-hint-{}": _but(IdentityLevel),
    "pages-kind-{}": _but(CandidateKind),
    "pages-case-{}": _but(OpinionState, OpinionState.ERASED),
    "pages-openness-{}": _but(Openness, Openness.UNPUBLISHED),
}
"""Keys made up of a fixed part and a value: every value must have its words."""

LONG = {
    "common-incident",
}
"""Messages that may be longer than 600 characters."""

DATED = {
    "papers-detail-date", "papers-hint-document", "papers-hint-posted-on",
    "papers-hint-submission", "help-wrong-day", "help-wrong-code-day",
}  # fmt: skip
"""Examples of how a date is written in the office's own spreadsheet and on the command line."""

WORDS_IN_CODE = {
    "handlers/consultations/papers/award_names.py",
    "handlers/consultations/demo.py",
    "handlers/consultations/papers/headings.py",
    "handlers/deadlines/units/papers/headings.py",
}
"""Data: how offices write headings, and the invented office. Read or recognised, never said."""


@cache
def messages(locale: str, feature: str) -> dict[str, Message]:
    with (ROOT / "locales" / locale / "LC_MESSAGES" / f"{feature}.po").open("rb") as file:
        return {_id(one): one for one in read_po(file, locale=locale) if one.id}


def _id(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def forms(message: Message) -> tuple[str, ...]:
    found = message.string
    return (found,) if isinstance(found, str) else tuple(found or ())


def variables(message: Message) -> set[str]:
    return {name for form in forms(message) for name in VARIABLE.findall(form)}


@cache
def known() -> dict[str, Message]:
    return {key: one for feature in FEATURES for key, one in messages("vi", feature).items()}


@pytest.mark.parametrize("words", ["giờ yên tĩnh", "lịch được bật", "lịch chưa được bật"])
def test_one_thing_has_one_name(words: str) -> None:
    """ "giờ nghỉ" and "kích hoạt" are the names; these stood beside them once."""
    kept = [*(ROOT / "locales/vi").rglob("*.po"), *(ROOT / "docs").glob("*.vi.md")]
    assert kept
    assert not [path for path in kept if words in path.read_text(encoding="utf-8")]


# What the code says


@cache
def modules() -> dict[str, ast.Module]:
    paths = (
        path for folder in ("bot", "handlers", "storage") for path in (ROOT / folder).rglob("*.py")
    )
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(paths)
    }


@cache
def templates() -> dict[str, str]:
    paths = (
        path
        for folder in ("bot", "handlers")
        for kind in ("*.html", "*.js")
        for path in (ROOT / folder).rglob(kind)
    )
    return {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in sorted(paths)
    }


def strings(node: ast.AST) -> Iterator[str]:
    """Literal strings that an expression may come to; "{}" stands for what is filled in."""
    match node:
        case ast.Constant(value=str() as text):
            yield text
        case ast.IfExp(body=one, orelse=other):
            yield from strings(one)
            yield from strings(other)
        case ast.JoinedStr(values=parts):
            yield "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in parts)


def keyed_calls() -> Iterator[tuple[str, ast.Call, str, ast.expr]]:
    """(file, call, the function's name, the expression that is its key)."""
    for path, module in modules().items():
        for node in ast.walk(module):
            if not isinstance(node, ast.Call):
                continue
            function = node.func
            name = (
                function.attr
                if isinstance(function, ast.Attribute)
                else getattr(function, "id", "")
            )
            place = KEYED.get(name)
            if place is None:
                continue
            if ast.unparse(function) == "i18n.say":
                place = 1
            if len(node.args) > place:
                yield path, node, name, node.args[place]


def keys_of_code() -> Iterator[tuple[str, str]]:
    """(where, key or pattern) that must exist."""
    for path, call, _, expression in keyed_calls():
        for text in strings(expression):
            if KEY.fullmatch(text.replace("{}", "x")):
                yield f"{path}:{call.lineno}", text
    for path, module in modules().items():
        for node in ast.walk(module):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "key":
                yield from (
                    (f"{path}:{node.lineno}", text)
                    for text in strings(node.value)
                    if KEY.fullmatch(text)
                )


SAID = re.compile(r"""\bsay\(\s*(["'])(?P<key>[^"']+)\1\s*(?P<after>.)""")


def keys_of_templates() -> Iterator[tuple[str, str, bool]]:
    """(where, key, whether it is said without any variable)."""
    for path, text in templates().items():
        for found in SAID.finditer(text):
            yield path, found["key"], found["after"] == ")"


def expanded(pattern: str) -> list[str]:
    if "{}" not in pattern:
        return [pattern]
    return [pattern.replace("{}", value) for value in DYNAMIC.get(pattern, [])]


# The tests


@pytest.mark.parametrize("feature", FEATURES)
def test_both_languages_say_the_same_things_with_the_same_variables(feature: str) -> None:
    vietnamese, english = messages("vi", feature), messages("en", feature)
    assert set(vietnamese) == set(english)
    for key, message in vietnamese.items():
        assert all(forms(message)), f"{key} is empty in Vietnamese"
        assert all(forms(english[key])), f"{key} is empty in English"
        assert variables(message) == variables(english[key]), key
        assert isinstance(message.id, str) == isinstance(english[key].id, str), key


def test_no_key_stands_in_two_catalogues() -> None:
    for locale in i18n.LOCALES:
        every = [key for feature in FEATURES for key in messages(locale, feature)]
        assert len(every) == len(set(every))


def test_both_languages_have_the_same_catalogues() -> None:
    english = {path.stem for path in (ROOT / "locales/en/LC_MESSAGES").glob("*.po")}
    assert english == set(FEATURES)


def test_every_key_used_exists() -> None:
    missing = {
        f"{where}: {key}"
        for where, pattern in keys_of_code()
        for key in expanded(pattern)
        if key not in known()
    }
    missing |= {f"{where}: {key}" for where, key, _ in keys_of_templates() if key not in known()}
    assert missing == set()


def test_every_key_made_up_of_parts_is_declared_here() -> None:
    undeclared = {
        f"{where}: {pattern}"
        for where, pattern in keys_of_code()
        if "{}" in pattern and pattern not in DYNAMIC
    }
    assert undeclared == set(), "add it to DYNAMIC with every value it can take"


def test_no_key_is_idle() -> None:
    literal = {
        node.value
        for module in modules().values()
        for node in ast.walk(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    literal |= {
        found for text in templates().values() for found in re.findall(r"[\"']([\w-]+)[\"']", text)
    }
    made_up = {key for pattern in DYNAMIC for key in expanded(pattern)}
    assert set(known()) - literal - made_up == set()


def test_every_variable_of_a_sentence_is_given_to_it() -> None:
    short_of = set()
    for path, call, name, expression in keyed_calls():
        given = {word.arg for word in call.keywords}
        if name not in FILLED or None in given:
            continue
        for key in (key for pattern in strings(expression) for key in expanded(pattern)):
            if key in known() and not variables(known()[key]) <= given:
                short_of.add(f"{path}:{call.lineno}: {key} {variables(known()[key]) - given}")
    short_of |= {
        f"{path}: {key}"
        for path, key, bare in keys_of_templates()
        if bare and key in known() and variables(known()[key])
    }
    assert short_of == set()


WAY_ON = re.compile(
    r"\b(xin|hãy|bấm|gõ|chạy)\b|(?<![\w/])/[a-z]+\b|Anh/chị (mở|bấm|viết|gửi|gộp|chọn|sửa|xem)",
    re.IGNORECASE,
)
"""What tells people how to go on: a request, a button or a command."""


def test_every_refusal_says_what_to_do_next() -> None:
    refused = {
        key
        for path, _, name, expression in keyed_calls()
        for pattern in strings(expression)
        for key in expanded(pattern)
        if name == "UserError" and path.startswith(("handlers/deadlines/", "bot/dates", "bot/day"))
    }
    assert len(refused) > 80
    assert {
        key for key in refused if not all(WAY_ON.search(form) for form in forms(known()[key]))
    } == set()


def test_no_vietnamese_sentence_stands_in_the_code() -> None:
    found = set()
    for path, module in modules().items():
        if path in WORDS_IN_CODE:
            continue
        said = {id(one) for one in _docstrings(module)}
        for node in ast.walk(module):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in said
                and _is_vietnamese(node.value)
            ):
                found.add(f"{path}:{node.lineno}: {node.value[:60]}")
    assert found == set()


def _docstrings(module: ast.Module) -> Iterator[ast.Constant]:
    """Any string that stands alone: documentation of what is before it."""
    for node in ast.walk(module):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def _is_vietnamese(text: str) -> bool:
    """Two words or more, of which one is written as only Vietnamese writes."""
    return " " in text.strip() and bool(re.search(r"[ăâđêôơưĂÂĐÊÔƠƯ\u1ea0-\u1ef9]", text))


@pytest.mark.parametrize("locale", i18n.LOCALES)
def test_no_message_is_too_long_to_be_read_on_a_telephone(locale: str) -> None:
    long = {
        key
        for feature in FEATURES
        for key, message in messages(locale, feature).items()
        if max(map(len, forms(message))) > 600
    }
    assert long <= LONG


@pytest.mark.parametrize("locale", i18n.LOCALES)
def test_no_date_is_typed_into_a_message(locale: str) -> None:
    dated = {
        key
        for feature in FEATURES
        for key, message in messages(locale, feature).items()
        if any(DATE.search(form) for form in forms(message))
    }
    assert dated <= DATED


def test_buttons_and_sentences_can_be_told_apart_by_their_keys() -> None:
    wrong = {
        key
        for _, call, name, expression in keyed_calls()
        if name in ("choice", "link")
        for key in strings(expression)
        if KEY.fullmatch(key) and not key.endswith("-button")
    }
    assert wrong == set()


def test_days_of_the_week_are_written_as_people_write_them() -> None:
    sunday = date(2026, 11, 29)
    assert i18n.spell("vi", sunday) == "Chủ Nhật, ngày 29/11/2026"
    assert i18n.spell("vi", sunday + timedelta(days=1)) == "thứ Hai, ngày 30/11/2026"
