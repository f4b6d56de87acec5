"""The verbs that account for reminders: why one was (not) sent, and a season played beforehand."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bot import console
from bot.config import Settings
from bot.replies import Until, Word

if TYPE_CHECKING:
    from handlers.deadlines.reminders.why import Account, Line


def add_verbs(verbs: Any) -> None:
    verb = console.verb(verbs, "why", why, "why a reminder was sent, or was not")
    verb.add_argument("unit", help="code of the unit")
    verb.add_argument("deadline", help="code of the deadline")
    verb.add_argument("--on", type=console.day, metavar="DATE", help="what concerns this day only")


# Why


async def why(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.reminders import why as account

    say = console.sayer(settings)
    async with console.database(settings) as db, db.reading() as session:
        told = await account.explain(session, args.unit, args.deadline)
    console.show(_heading(told, say))
    lines = [line for line in told.lines if args.on is None or line.is_on(args.on)]
    if not lines and args.on is not None:
        console.show(say("reminder_command-nothing-on", day=args.on))
    for line in lines:
        for written in _written(line, say):
            console.show(written)
    return 0


def _heading(told: Account, say: console.Say) -> str:
    due = told.deadline.due_at
    if told.duty and told.duty.own_due_at:
        due = max(due, told.duty.own_due_at)
    given = {"unit": told.unit.name, "title": told.deadline.title, "due": Until(due)}
    if told.duty is None:
        return say("reminder_command-heading-no-duty", **given)
    return say("reminder_command-heading", duty=Word(f"duty-{told.duty.state}"), **given)


def _written(line: Line, say: console.Say) -> Iterator[str]:
    yield say("reminder_command-step", step=line.step, planned=line.planned_at, due=line.due_at)
    if line.name:
        yield say(
            "reminder_command-recipient", name=line.name, channel=line.channel or "-",
            rank=Word(f"reminder_command-rank-{line.rank}"),
        )  # fmt: skip
    else:
        yield say("reminder_command-audience", to=Word(f"reminder_command-to-{line.to}"))
    state = Word(f"reminders-state-{line.state}")
    if line.at is None:
        yield say("reminder_command-state", state=state)
    else:
        yield say("reminder_command-state-at", state=state, at=line.at)
    if line.reason:
        yield say("reminder_command-because", reason=Word(f"reminders-reason-{line.reason}"))
