"""Words: every sentence a person sees, read from locales/ and filled in their language."""

from __future__ import annotations

import gettext
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

import structlog
from babel.dates import format_date, format_datetime
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from bot.clock import VIETNAM
from bot.replies import Arg, Choice, Reply, Until, Word

LOCALES = ("vi", "en")
_SUNDAY = 6
FOLDER = Path(__file__).resolve().parent.parent / "locales"
log = structlog.get_logger()


class Catalogue:
    """One language: key → its sentence, or one sentence per plural form."""

    def __init__(self, locale: str) -> None:
        self.locale = locale
        self.sentences: dict[str, tuple[str, ...]] = {}
        self._form: Callable[[int], int] = int
        for path in sorted((FOLDER / locale / "LC_MESSAGES").glob("*.po")):
            with path.open("rb") as file:
                messages = read_po(file, locale=locale)
            self._form = gettext.c2py(messages.plural_expr)
            for message in messages:
                if not message.id or not message.string:
                    continue
                key = message.id if isinstance(message.id, str) else message.id[0]
                forms = message.string
                self.sentences[key] = (forms,) if isinstance(forms, str) else tuple(forms)

    def sentence(self, key: str, args: Mapping[str, Arg]) -> str | None:
        forms = self.sentences.get(key)
        if forms is None:
            return None
        count = args.get("n", 1)
        form = self._form(count) if len(forms) > 1 and isinstance(count, int) else 0
        return forms[form]


_catalogues: dict[str, Catalogue] = {}


def catalogue(locale: str) -> Catalogue:
    if locale not in _catalogues:
        _catalogues[locale] = Catalogue(locale)
    return _catalogues[locale]


def say(locale: str, key: str, /, **args: Arg) -> str:
    """The sentence of `key`, its variables written out. A missing key is logged and shown."""
    sentence = catalogue(locale).sentence(key, args)
    if sentence is None:
        log.error("missing sentence", key=key, locale=locale)
        sentence = catalogue("vi").sentence(key, args) or key
    if not args:
        return sentence
    return sentence.format_map(_Spelled({name: spell(locale, arg) for name, arg in args.items()}))


class _Spelled(dict[str, str]):
    """A variable that nobody gave costs its place in the sentence, never the whole answer."""

    def __missing__(self, name: str) -> str:
        log.error("missing variable", name=name)
        return "…"


def words(value: Reply, locale: str) -> str:
    return say(value.locale or locale, value.key, **value.args)


def label(value: Choice, locale: str) -> str:
    return value.label if value.literal else say(locale, value.label, **value.args)


def spell(locale: str, arg: Arg) -> str:
    """How an argument is written: instants in Vietnam's time, with the weekday and the hour."""
    match arg:
        case Word():
            return say(locale, arg.key)
        case Until():
            return _until(locale, arg.at)
        case datetime():
            return _instant(locale, arg)
        case date():
            return _day(locale, arg)
        case int():
            return format_decimal(arg, locale=locale)
    return str(arg)


def _until(locale: str, instant: datetime) -> str:
    local = instant.astimezone(VIETNAM)
    if (local.hour, local.minute) != (0, 0):
        return _instant(locale, instant)
    last = local.date() - timedelta(days=1)
    return say(locale, "common-until", day=_day(locale, last))


def _instant(locale: str, instant: datetime) -> str:
    local = instant.astimezone(VIETNAM)
    hour = format_datetime(local, "HH:mm", locale=locale)
    return say(locale, "common-instant", hour=hour, day=_day(locale, local.date()))


def _day(locale: str, day: date) -> str:
    weekday = format_date(day, "EEEE", locale=locale)
    # Within a sentence the first word is small, but for the Sunday: "thứ Hai", "Chủ Nhật".
    if locale == "vi" and day.weekday() != _SUNDAY:
        weekday = weekday[0].lower() + weekday[1:]
    return say(
        locale, "common-day", weekday=weekday, date=format_date(day, "dd/MM/yyyy", locale=locale)
    )
