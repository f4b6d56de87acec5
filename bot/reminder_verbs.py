"""The verbs that account for reminders: why one was (not) sent, and a season played beforehand."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from bot import console
from bot.clock import VIETNAM, local_day
from bot.config import Settings
from bot.replies import Until, UserError, Word
from storage.models.office import Officer
from storage.models.units import Member

if TYPE_CHECKING:
    from handlers.deadlines.reminders.rehearsal import Played, Season
    from handlers.deadlines.reminders.why import Account, Line


def add_verbs(verbs: Any) -> None:
    verb = console.verb(verbs, "why", why, "help-why")
    verb.add_argument("unit", nargs="?", default="", help="help-unit-code")
    verb.add_argument("deadline", nargs="?", default="", help="help-why-deadline")
    verb.add_argument("--on", type=console.day, metavar="DATE", help="help-why-on")
    verb.add_argument("--missed", action="store_true", help="help-why-missed")
    verb.add_argument("--since", type=console.day, metavar="DATE", help="help-why-since")
    verb.add_argument("--office", default="", help="help-code-of-office")
    verb = console.verb(verbs, "rehearse", rehearse, "help-rehearse")
    for option, dest, words in (
        ("--from", "first", "help-rehearse-from"),
        ("--to", "last", "help-rehearse-to"),
    ):
        verb.add_argument(
            option, dest=dest, required=True, type=console.day, metavar="DATE", help=words
        )
    verb.add_argument(
        "--outage", action="append", default=[], type=_outage, metavar="START/END",
        help="help-rehearse-outage",
    )  # fmt: skip
    verb.add_argument(
        "--blocked",
        type=_share,
        default=0.0,
        metavar="5%",
        help="help-rehearse-blocked",
    )
    verb.add_argument("--drafts", action="store_true", help="help-rehearse-drafts")
    verb.add_argument("--seed", type=int, default=0, help="help-rehearse-seed")
    verb.add_argument(
        "--format", choices=("text", "json"), default="text", help="help-rehearse-format"
    )
    verb.add_argument("--out", type=Path, metavar="FILE", help="help-rehearse-out")


def _outage(text: str) -> tuple[datetime, datetime]:
    try:
        start, end = (datetime.fromisoformat(part) for part in text.split("/"))
    except ValueError:
        raise console.mistyped("help-wrong-outage", written=text) from None
    start, end = (one if one.tzinfo else one.replace(tzinfo=VIETNAM) for one in (start, end))
    if end <= start:
        raise console.mistyped("help-wrong-outage-order", written=text)
    return start, end


def _share(text: str) -> float:
    try:
        share = float(text.rstrip("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise console.mistyped("help-wrong-share", written=text)
    return share


# Why

MISSED_LATELY = timedelta(days=7)
"""How far back what was missed is listed where no day is named."""


async def why(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.reminders import why as account

    say = console.sayer(settings)
    if args.missed:
        return await _missed(settings, args)
    if not args.deadline:
        raise UserError("reminder_command-name-both")
    async with console.database(settings) as db, db.reading() as session:
        office = await console.office(session, args.office)
        told = await account.explain(session, office.id, args.unit, args.deadline)
    console.show(_heading(told, say))
    lines = [line for line in told.lines if args.on is None or line.is_on(args.on)]
    if not lines and args.on is not None:
        console.show(say("reminder_command-nothing-on", day=args.on))
    for line in lines:
        for written in _written(line, say):
            console.show(written)
    return 0


async def _missed(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.reminders import missed

    say = console.sayer(settings)
    first = args.since or local_day(datetime.now(UTC)) - MISSED_LATELY
    since = datetime.combine(first, time(), VIETNAM)
    async with console.database(settings) as db, db.reading() as session:
        office = await console.office(session, args.office)
        found = await missed.missed(session, office.id, since)
    if not found:
        console.show(say("reminder_command-none-missed", day=first))
    for written in missed.written(found, settings.default_locale):
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
    from handlers.deadlines import people

    yield say("reminder_command-step", step=line.step, planned=line.planned_at, due=line.due_at)
    if line.name:
        yield say(
            "reminder_command-recipient", name=line.name,
            channel=people.channel_word(line.channel) or "-",
            rank=Word(f"reminder_command-rank-{line.rank}"),
        )  # fmt: skip
    else:
        yield say("reminder_command-audience", to=Word(f"reminder_command-to-{line.to}"))
    state = Word(f"reminders-state-{line.state}")
    if line.at is None:
        yield say("reminder_command-state", state=state)
    else:
        yield say("reminder_command-state-at", state=state, at=line.at)
    reasons = dict.fromkeys((*(("reaches_office",) if line.spared else ()), line.reason))
    for reason in filter(None, reasons):
        yield say("reminder_command-because", reason=Word(f"reminders-reason-{reason}"))


# A rehearsal

MOST_NAMED = 20


async def rehearse(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.reminders import rehearsal

    say = console.sayer(settings)
    if args.last < args.first:
        raise UserError("reminder_command-ends-early")
    season = rehearsal.Season(
        args.first, args.last, args.outage, args.blocked, args.seed, args.drafts
    )
    progress = console.Progress(say)
    async with console.database(settings) as db, db.reading() as session:
        with TemporaryDirectory(prefix="neuguong-rehearsal-") as folder:
            played = await rehearsal.rehearse(session, Path(folder), season, progress.of)
        progress.end()
        if args.format == "json":
            written = json.dumps(_plain(season, played), ensure_ascii=False, indent=1)
        else:
            names = {row.id: row.name for row in await session.execute(_NAMES)}
            written = "\n".join(_report(season, played, names, say))
    if args.out:
        await asyncio.to_thread(args.out.write_text, written + "\n", encoding="utf-8")
        counts = {"sends": len(played.sends), "not_sent": len(played.not_sent)}
        console.show(say("reminder_command-rehearsed", file=str(args.out), **counts))
    else:
        console.show(written)
    return 0


_NAMES = select(Member.id, Member.name).union_all(select(Officer.id, Officer.name))


def _plain(season: Season, played: Played) -> dict[str, Any]:
    return {
        "from": season.first.isoformat(), "to": season.last.isoformat(),
        "sends": played.sends, "not_sent": played.not_sent,
    }  # fmt: skip


def _report(
    season: Season, played: Played, names: Mapping[str, str], say: console.Say
) -> Iterator[str]:
    messages = [one for one in played.sends if "merged_into" not in one]
    yield say(
        "reminder_command-season", first=season.first, last=season.last,
        messages=len(messages), told=len(played.sends), missing=len(played.not_sent),
    )  # fmt: skip
    yield from _days(played, say)
    yield from _busiest(messages, names, say)
    yield from _unreached(played, say)
    yield from _reasons(played, say)


def _days(played: Played, say: console.Say) -> Iterator[str]:
    told = Counter(one["at"][:10] for one in played.sends)
    carried = Counter(one["at"][:10] for one in played.sends if "merged_into" not in one)
    yield say("reminder_command-by-day")
    for day in sorted(told):
        on = date.fromisoformat(day)
        yield say("reminder_command-day", day=on, messages=carried[day], told=told[day])


def _busiest(
    messages: list[dict[str, Any]], names: Mapping[str, str], say: console.Say
) -> Iterator[str]:
    if not messages:
        return
    by_person = Counter(one["recipient"] for one in messages)
    recipient, most = by_person.most_common(1)[0]
    rank = next(one["rank"] for one in messages if one["recipient"] == recipient)
    yield say(
        "reminder_command-busiest", name=names.get(recipient, "-"), messages=most,
        rank=Word(f"reminder_command-rank-{rank}"),
    )  # fmt: skip


def _unreached(played: Played, say: console.Say) -> Iterator[str]:
    """Units whose own people heard nothing at all, though something was meant for them."""
    own = ("focal", "head")
    heard = {one["unit"] for one in played.sends if one["to"] in own and one["rank"] != "officer"}
    missed: dict[str, str] = {}
    for one in played.not_sent:
        if one["state"] == "failed" and one["unit"] not in heard:
            missed.setdefault(one["unit"], one["reason"])
    if not missed:
        yield say("reminder_command-all-reached")
        return
    yield say("reminder_command-unreached", n=len(missed))
    for unit in sorted(missed)[:MOST_NAMED]:
        reason = Word(f"reminders-reason-{missed[unit]}")
        yield say("reminder_command-unreached-unit", unit=unit, reason=reason)
    if len(missed) > MOST_NAMED:
        yield say("reminder_command-unreached-more", more=len(missed) - MOST_NAMED)


def _reasons(played: Played, say: console.Say) -> Iterator[str]:
    by_reason: dict[tuple[str, str], int] = defaultdict(int)
    for one in played.not_sent:
        by_reason[one["state"], one["reason"]] += 1
    if by_reason:
        yield say("reminder_command-not-sent")
    for (state, reason), count in sorted(by_reason.items(), key=lambda item: -item[1]):
        yield say(
            "reminder_command-reason", count=count, state=Word(f"reminders-state-{state}"),
            reason=Word(f"reminders-reason-{reason}"),
        )  # fmt: skip
