"""The steps of a ladder as people say them: "7 days before", "2 days late"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from bot import i18n
from bot.replies import Word
from handlers.deadlines.reminders.ladder import AGAIN, DEFAULT_LADDER, NUDGE, rung_name
from storage.models.deadlines import Audience, Rung


def step(locale: str, name: str) -> str:
    """As it stands in the ledger; a name of nobody's making stays as it is."""
    if name.startswith((AGAIN, NUDGE)):
        return i18n.say(locale, "steps-again" if name.startswith(AGAIN) else "steps-nudge")
    days = rung_name(name).removeprefix("T") or "0"
    return "".join(_days(locale, [int(days)])) if days.lstrip("+-").isdecimal() else name


def ladder(locale: str, given: Sequence[Rung]) -> str:
    """Of everybody it speaks to, when."""
    rungs = sorted(given or DEFAULT_LADDER, key=lambda one: list(Audience).index(_to(one)))
    return "; ".join(
        i18n.say(
            locale, "steps-of", to=Word(f"calendar-to-{to}"),
            steps=", ".join(_days(locale, [one["days"] for one in some])),
        )
        for to, some in groupby(rungs, key=_to)
    )  # fmt: skip


def _to(one: Rung) -> Audience:
    return Audience(one["to"])


def _days(locale: str, days: Iterable[int]) -> Iterator[str]:
    """Those before the last day, that day, and those after it."""
    known = sorted(days)
    before = [-one for one in known if one < 0]
    after = [one for one in known if one > 0]
    if before:
        yield i18n.say(locale, "steps-before", n=max(before), days=_listed(before))
    if 0 in known:
        yield i18n.say(locale, "steps-last")
    if after:
        yield i18n.say(locale, "steps-after", n=max(after), days=_listed(after))


def _listed(days: Iterable[int]) -> str:
    return ", ".join(map(str, days))
