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
from storage.models.deadlines import Audience, DutyState, Work

MOST_LINES = 10
FITTING = 600
"""Characters that are read on a telephone without scrolling."""
LONGEST_NAME = 60
LONGEST_LABEL = 40
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


def compose(told: Sequence[Told], locale: str, now: datetime) -> Reply:
    """One message for one person. The first of `told` lends it its buttons where it is alone."""
    distinct = {(one.unit_id, one.deadline_id): one for one in reversed(told)}
    if len(distinct) == 1:
        return _single(told[0], now)
    return _several(sorted(distinct.values(), key=_order), locale, now)


def press(reminder_id: int, act: str) -> str:
    return f"rm:{reminder_id}:{act}"


def _order(one: Told) -> tuple[datetime, str, str]:
    return one.due_at, one.deadline_id, one.unit


def _phase(due_at: datetime, now: datetime) -> tuple[str, int]:
    """before, today or overdue, and how many days it is to the last day or since."""
    days = (closing_day(due_at) - local_day(now)).days
    return ("before" if days > 0 else "overdue" if days < 0 else "today"), abs(days)


# One duty


def _single(one: Told, now: datetime) -> Reply:
    phase, days = _phase(one.due_at, now)
    moment = f"{phase}-{'nudge' if one.nudged else one.to}"
    message = Reply(
        f"reminders-{moment}",
        {
            "title": _cut(one.title, 2 * LONGEST_NAME), "unit": _cut(one.unit, LONGEST_NAME),
            "n": days, "due": Until(one.due_at), "todo": Word(_todo(one)),
            "stop": _stop(one.mandatory),
        },
    )  # fmt: skip
    return message.offering(*_buttons(one))


def _stop(mandatory: bool) -> Word:
    """How to opt out, and what that comes to."""
    return Word("reminders-mandatory" if mandatory else "reminders-stop")


def _todo(one: Told) -> str:
    if one.to in SUPERVISORS:
        return "reminders-todo-supervise"
    if one.state == DutyState.RETURNED:
        return "reminders-todo-returned"
    return f"reminders-todo-{Work(one.work)}"


def _buttons(one: Told) -> Iterator[tuple[Choice, ...]]:
    def button(label: str, act: str) -> Choice:
        return choice(label, press(one.reminder_id, act))

    who = button("reminders-who-button", "who")
    if one.to in SUPERVISORS:
        yield (who,)
        return
    yield button("reminders-done-button", "done"), button("reminders-doing-button", "doing")
    yield button("reminders-tomorrow-button", "t1"), button("reminders-three-days-button", "t3")
    yield (button("reminders-date-button", "date"),)
    yield button("reminders-not-ours-button", "notours"), button("reminders-more-button", "more")
    yield (who,)


# Several


def _several(duties: Sequence[Told], locale: str, now: datetime) -> Reply:
    shown = min(len(duties), MOST_LINES)
    message = _list(duties, shown, locale, now)
    while shown > 2 and len(i18n.words(message, locale)) > FITTING:
        shown -= 1
        message = _list(duties, shown, locale, now)
    return message


def _list(duties: Sequence[Told], shown: int, locale: str, now: datetime) -> Reply:
    supervised = all(one.to in SUPERVISORS for one in duties)
    listener = "behind" if supervised else "several"
    mandatory = all(one.mandatory for one in duties)
    more = len(duties) - shown
    key = f"reminders-{listener}-more" if more else f"reminders-{listener}"
    message = Reply(
        key,
        {
            "n": len(duties), "more": more,
            "lines": "\n".join(_lines(duties[:shown], locale, now)),
            "stop": _stop(mandatory),
        },
        locale=locale,
    )  # fmt: skip
    act = "who" if supervised else "open"
    labels = _labels(duties[:shown])
    return message.offering(
        *(
            Choice(label, press=press(one.reminder_id, act), literal=True)
            for one, label in zip(duties, labels, strict=False)
        )
    )


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
