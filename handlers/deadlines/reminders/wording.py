"""What a reminder says: one duty with all its buttons, or several in one list.

Everything comes from the records of this moment: how much time is left is counted when the message
is made, not when it was planned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from bot import i18n
from bot.clock import closing_day, local_day
from bot.replies import Choice, Reply, Until, Word, choice
from handlers.deadlines.reminders import buttons
from handlers.deadlines.reminders.buttons import Acts
from storage.models.deadlines import Audience, DutyState, Work
from storage.models.units import MemberRank

MOST_LINES = 10
FITTING = 600
"""Characters that are read on a telephone without scrolling."""
LONGEST_NAME = 60
LONGEST_LABEL = 40
MOST_PEOPLE = 3
SUPERVISORS = (Audience.CLUSTER, Audience.OFFICE)
"""Hear of other units' duties: they do nothing for them here, but may ask who is responsible."""


@dataclass(frozen=True)
class Told:
    """One duty as a reminder tells it."""

    reminder_id: int
    unit_id: str
    unit: str
    deadline_id: str
    title: str
    work: Work
    due_at: datetime
    state: DutyState
    to: Audience
    mandatory: bool
    nudged: bool = False
    """The head of the cluster asks for it, not the ladder."""
    own: bool = False
    """The office's own date: no unit is behind."""
    of_consultation: bool = False
    spared: bool = False
    """Those it was meant for want no reminders; an officer hears it in their place."""
    reached: bool | None = None
    """Told to the office: whether a reminder has come to the unit; None where nobody looked."""
    people: Sequence[tuple[str, str]] = ()
    """Whom the office may call, with their rank in the unit."""

    @property
    def supervised(self) -> bool:
        """Whoever hears it does nothing for it here."""
        return self.own or self.spared or self.to in SUPERVISORS

    @property
    def ends_by_itself(self) -> bool:
        """The end of a consultation comes with its hour."""
        return self.of_consultation and self.work == Work.OTHER


def compose(told: Sequence[Told], locale: str, now: datetime) -> Reply:
    """One message for one person. The first of `told` lends it its buttons where it is alone."""
    distinct = {(one.unit_id, one.deadline_id): one for one in reversed(told)}
    if len(distinct) == 1:
        return _single(told[0], locale, now)
    return _several(sorted(distinct.values(), key=_order), locale, now)


def _order(one: Told) -> tuple[datetime, str, str]:
    return one.due_at, one.deadline_id, one.unit


def _phase(due_at: datetime, now: datetime) -> tuple[str, int]:
    """before, today or overdue, and how many days it is to the last day or since."""
    days = (closing_day(due_at) - local_day(now)).days
    return ("before" if days > 0 else "overdue" if days < 0 else "today"), abs(days)


# One duty


def _single(one: Told, locale: str, now: datetime) -> Reply:
    phase, days = _phase(one.due_at, now)
    moment = f"{phase}-{_listener(one)}"
    message = Reply(
        f"reminders-{moment}",
        {
            "title": _cut(one.title, 2 * LONGEST_NAME), "unit": _cut(one.unit, LONGEST_NAME),
            "n": days, "due": Until(one.due_at), "todo": Word(_todo(one)),
            "stop": _stop([one]),
            **({"people": _people(one, locale)} if one.spared else {}),
        },
    )  # fmt: skip
    return message.offering(*_buttons(one))


def _listener(one: Told) -> str:
    if one.own:
        return "own"
    if one.spared:
        return "spared"
    return "nudge" if one.nudged else str(one.to)


def _people(one: Told, locale: str) -> str | Word:
    named = [
        f"{_cut(name, LONGEST_NAME // 2)} ({i18n.say(locale, f'remind-rank-{MemberRank(rank)}')})"
        for name, rank in one.people[:MOST_PEOPLE]
    ]
    return ", ".join(named) or Word("reminders-nobody")


def _stop(told: Sequence[Told]) -> Word:
    """How to opt out, and what that comes to."""
    to_office = all(one.mandatory and not _to_office(one) for one in told)
    return Word("reminders-mandatory" if to_office else "reminders-stop")


def _to_office(one: Told) -> bool:
    return one.own or one.spared or one.to == Audience.OFFICE


def _todo(one: Told) -> str:
    if one.own:
        return _todo_of_office(one)
    if one.spared:
        by_cluster = one.to == Audience.CLUSTER
        return "reminders-todo-spared-cluster" if by_cluster else "reminders-todo-spared-unit"
    if one.reached is not None:
        return "reminders-todo-reached" if one.reached else "reminders-todo-unreached"
    if one.to in SUPERVISORS:
        return "reminders-todo-supervise"
    if one.state == DutyState.RETURNED:
        return "reminders-todo-returned"
    return f"reminders-todo-{Work(one.work)}"


def _todo_of_office(one: Told) -> str:
    if not one.of_consultation:
        return "reminders-todo-own"
    return "reminders-todo-close" if one.ends_by_itself else "reminders-todo-council"


def _buttons(one: Told) -> Sequence[tuple[Choice, ...]]:
    """Only what the listener may press: an officer answers for no unit, only for the office."""
    subject = buttons.reminder(one.reminder_id)
    if one.own:
        dated = (choice("calendar-open-button", f"dl:open:{one.deadline_id}"),)
        return *buttons.of_office(subject, ends_by_itself=one.ends_by_itself), dated
    if one.supervised:
        return ((choice("reminders-who-button", buttons.press(subject, Acts.WHO)),),)
    return buttons.offered(subject)


# Several


def _several(duties: Sequence[Told], locale: str, now: datetime) -> Reply:
    shown = min(len(duties), MOST_LINES)
    message = _list(duties, shown, locale, now)
    while shown > 2 and len(i18n.words(message, locale)) > FITTING:
        shown -= 1
        message = _list(duties, shown, locale, now)
    return message


def _list(duties: Sequence[Told], shown: int, locale: str, now: datetime) -> Reply:
    supervised = all(one.supervised for one in duties)
    listener = "behind" if supervised else "several"
    more = len(duties) - shown
    key = f"reminders-{listener}-more" if more else f"reminders-{listener}"
    lines = [*_lines(duties[:shown], locale, now), *_to_call(duties[:shown], locale)]
    message = Reply(
        key,
        {
            "n": len(duties), "more": more, "lines": "\n".join(lines),
            "stop": _stop(duties), **({"todo": Word(_todo_of(duties))} if supervised else {}),
        },
        locale=locale,
    )  # fmt: skip
    labels = _labels(duties[:shown])
    return message.offering(
        *(
            Choice(label, press=_opening(one), literal=True)
            for one, label in zip(duties, labels, strict=False)
        )
    )


def _opening(one: Told) -> str:
    act = Acts.WHO if one.supervised and not one.own else Acts.OPEN
    return buttons.press(buttons.reminder(one.reminder_id), act)


def _todo_of(duties: Sequence[Told]) -> str:
    owned = [one.own for one in duties]
    if all(owned):
        return "reminders-todo-open"
    return "reminders-todo-some" if any(owned) else "reminders-todo-supervise-several"


def _to_call(duties: Sequence[Told], locale: str) -> Iterator[str]:
    """The units that no reminder comes to."""
    names = dict.fromkeys(
        _cut(one.unit, LONGEST_NAME // 2) for one in duties if one.spared or one.reached is False
    )
    if names:
        yield i18n.say(locale, "reminders-to-call", n=len(names), units=", ".join(names))


def _lines(duties: Sequence[Told], locale: str, now: datetime) -> Iterator[str]:
    """One for each deadline, with the units that owe it."""
    for (_, due_at), same in groupby(duties, key=lambda one: (one.deadline_id, one.due_at)):
        owing = list(same)
        phase, days = _phase(due_at, now)
        last: date = closing_day(due_at)
        yield i18n.say(
            locale, f"reminders-line-{phase}", title=_cut(owing[0].title, LONGEST_NAME), n=days,
            units=", ".join(_cut(one.unit, LONGEST_NAME // 2) for one in owing), last=last,
        )  # fmt: skip


def _labels(duties: Sequence[Told]) -> list[str]:
    """What tells them apart: the unit, the deadline, or both."""
    if len({one.deadline_id for one in duties}) == 1:
        return [_cut(one.unit, LONGEST_LABEL) for one in duties]
    if len({one.unit_id for one in duties}) == 1:
        return [_cut(one.title, LONGEST_LABEL) for one in duties]
    half = LONGEST_LABEL // 2
    return [f"{_cut(one.unit, half)}: {_cut(one.title, half)}" for one in duties]


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
