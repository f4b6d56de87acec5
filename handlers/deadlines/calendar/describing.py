"""The calendar in words, line by line: the same for the command line and for the chat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bot import i18n
from bot.clock import VIETNAM
from bot.replies import Reply, Until, Word, reply
from handlers.deadlines import people
from handlers.deadlines.calendar import ladders
from handlers.deadlines.calendar.preview import Preview, Recipient, Sending
from handlers.deadlines.calendar.telling import short
from handlers.deadlines.reminders import step_words
from storage.models.deadlines import (
    Audience,
    Deadline,
    DeadlineMove,
    DeadlineState,
    DutyState,
    Work,
)
from storage.models.units import UnitKind

DONE = (DutyState.SUBMITTED, DutyState.ACCEPTED)
OUT = (DutyState.CANCELLED, DutyState.NOT_APPLICABLE)


def state(deadline: Deadline) -> Word:
    return Word(f"calendar-state-{DeadlineState(deadline.state)}")


def kinds(deadline: Deadline, locale: str) -> str:
    """An office's own kinds are named as it wrote them."""
    if deadline.consultation_id:
        return i18n.say(locale, f"calendar-kind-{UnitKind.OFFICE}")
    known = set(UnitKind)
    return "; ".join(
        i18n.say(locale, f"calendar-kind-{UnitKind(one)}") if one in known else one
        for one in deadline.for_kinds
    ) or i18n.say(locale, "calendar-kind-all")


def counts(stand: Mapping[DutyState, int]) -> tuple[int, int]:
    """(units that have handed in, units that owe it or did)."""
    owing = sum(count for one, count in stand.items() if one not in OUT)
    return sum(stand.get(one, 0) for one in DONE), owing


def card(
    deadline: Deadline, stand: Mapping[DutyState, int], locale: str, *, typed: bool = False
) -> Reply:
    """`typed`: the ladder as the command line reads it; else in words."""
    steps = (
        ladders.written(deadline.ladder) if typed else step_words.ladder(locale, deadline.ladder)
    )
    done, units = counts(stand)
    standing = "calendar-verified" if deadline.verified else "calendar-unverified"
    return reply(
        "calendar-card", title=short(deadline.title), code=deadline.code,
        work=Word(f"calendar-work-{Work(deadline.work)}"), due=Until(deadline.due_at),
        state=state(deadline), kinds=short(kinds(deadline, locale), 80), done=str(done),
        units=str(units), ladder=short(steps, 240),
        standing=Word(standing),
    )  # fmt: skip


def basis(deadline: Deadline) -> Reply | None:
    if not deadline.basis and not deadline.source:
        return None
    return reply(
        "calendar-basis", basis=short(deadline.basis or "-", 280),
        source=short(deadline.source or "-", 260),
    )  # fmt: skip


def move(one: DeadlineMove) -> Reply:
    return reply(
        "calendar-move", at=one.at, old=Until(one.old_due_at), new=Until(one.new_due_at),
        reason=short(one.reason),
    )  # fmt: skip


# A preview


def summary(found: Preview, locale: str) -> Reply:
    return reply(
        "calendar-preview", title=short(found.deadline.title), due=Until(found.deadline.due_at),
        units=len(found.units), messages=sum(found.channels.values()),
        channels=channels(found.channels, locale), unreached=len(found.unreachable),
        past=len(found.past),
    )  # fmt: skip


def channels(count: Mapping[str, int], locale: str) -> str:
    """With what a message costs there: nothing, on every channel there is today."""
    known = {"telegram": "calendar-channel-telegram", "webchat": "calendar-channel-webchat"}
    named = (
        i18n.say(locale, known[name], n=n) if name in known else f"{name}: {n}"
        for name, n in sorted(count.items())
    )
    return "; ".join(named) or "-"


def steps(found: Preview, locale: str, *, typed: bool = False) -> Iterator[str]:
    for sending in found.sendings:
        yield _step(sending, locale, typed)


def _step(sending: Sending, locale: str, typed: bool) -> str:
    one = sending.occurrence
    name = one.step if typed else step_words.step(locale, one.step)
    line = i18n.say(
        locale, "calendar-step", step=name, to=Word(f"calendar-to-{Audience(one.to)}"),
        at=f"{one.send_at.astimezone(VIETNAM):%H:%M %d/%m/%Y}", n=len(sending.people),
    )  # fmt: skip
    if one.reason in ("day_off", "brought_forward"):
        line += i18n.say(locale, f"calendar-step-{one.reason}")
    if sending.later:
        line += i18n.say(locale, "calendar-step-later", n=sending.later)
    if sending.nobody:
        line += i18n.say(locale, "calendar-step-nobody", n=sending.nobody)
    return line


def recipient(one: Recipient, locale: str) -> str:
    channel = i18n.spell(locale, people.channel_word(one.channel))
    return f"{one.unit} · {one.name} · {channel}"
