"""What can be pressed under a reminder and under a duty, and how a press names its subject.

"rm:<reminder id>:<act>" stands under a reminder, "rd:<duty id>:<act>" under whatever follows.
Both work again and again: who presses, and whether it still makes sense, is asked each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.replies import Choice, choice
from storage.models.deadlines import Work

REMINDER, DUTY = "rm", "rd"
HANDED_IN = frozenset({Work.REGISTRATION, Work.DOSSIER, Work.REPORT})
"""Works for which something is handed in; of the others it is only said that they are done."""


class Acts(StrEnum):
    """What the buttons say; the longer ones come from the questions that follow."""

    DONE = "done"
    DONE_YES = "doneyes"
    PAPER = "paper"
    PAPER_YES = "paperyes"
    DOING = "doing"
    TOMORROW = "t1"
    IN_THREE_DAYS = "t3"
    DATE = "date"
    AT = "at"
    """With the moment after it: "at:202703151700"."""
    NOT_OURS = "notours"
    NOT_OURS_YES = "notoursyes"
    MORE = "more"
    MORE_UNTIL = "moreuntil"
    MORE_YES = "moreyes"
    WHO = "who"
    OPEN = "open"
    LEAVE = "leave"


@dataclass(frozen=True)
class Press:
    """A press taken apart."""

    kind: str
    subject: str
    act: Acts
    more: str = ""


def read(pressed: str) -> Press | None:
    """None for what is no press of ours, however it came to be."""
    kind, _, rest = pressed.partition(":")
    subject, _, rest = rest.partition(":")
    act, _, more = rest.partition(":")
    if kind not in (REMINDER, DUTY) or act not in Acts.__members__.values():
        return None
    if kind == REMINDER and not (subject.isdecimal() and len(subject) < 19):
        return None
    return Press(kind, subject, Acts(act), more)


def reminder(reminder_id: int) -> str:
    """The subject of a press, for `offered` and `press`."""
    return f"{REMINDER}:{reminder_id}"


def duty(duty_id: str) -> str:
    return f"{DUTY}:{duty_id}"


def press(subject: str, act: Acts, more: str = "") -> str:
    return f"{subject}:{act}:{more}" if more else f"{subject}:{act}"


def offered(subject: str) -> tuple[tuple[Choice, ...], ...]:
    """The rows under every reminder of a duty that is still open."""
    return (
        (
            choice("reminders-done-button", press(subject, Acts.DONE)),
            choice("reminders-doing-button", press(subject, Acts.DOING)),
        ),
        *later(subject),
        (
            choice("reminders-not-ours-button", press(subject, Acts.NOT_OURS)),
            choice("reminders-more-button", press(subject, Acts.MORE)),
        ),
        (choice("reminders-who-button", press(subject, Acts.WHO)),),
    )


def of_office(subject: str, *, ends_by_itself: bool = False) -> tuple[tuple[Choice, ...], ...]:
    """Under the office's own duty: it hands in nothing, and asks nobody for more time."""
    if ends_by_itself:
        return later(subject)
    return (
        (
            choice("reminders-done-button", press(subject, Acts.DONE)),
            choice("reminders-doing-button", press(subject, Acts.DOING)),
        ),
        *later(subject),
        (choice("remind-own-not-ours-button", press(subject, Acts.NOT_OURS)),),
    )


def later(subject: str) -> tuple[tuple[Choice, ...], ...]:
    return (
        (
            choice("reminders-tomorrow-button", press(subject, Acts.TOMORROW)),
            choice("reminders-three-days-button", press(subject, Acts.IN_THREE_DAYS)),
        ),
        (choice("reminders-date-button", press(subject, Acts.DATE)),),
    )


def hand_in(duty_id: str) -> Choice:
    """Leads into the dialogue in which it is handed in."""
    return choice("remind-hand-in-button", f"dk:o:{duty_id}")


_WAYS_BACK = {"Giving": "resume", "Filing": "dk:again"}
"""The dialogues that ask their present question again, and the press that makes them."""


def way_back(state: str | None) -> tuple[Choice, ...]:
    """Into the dialogue that was broken off, where there is one."""
    press = _WAYS_BACK.get((state or "").partition(":")[0])
    return (choice("common-continue-button", press),) if press else ()
