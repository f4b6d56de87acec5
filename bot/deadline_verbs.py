"""The verbs by which an office keeps its calendar of deadlines: copy, set, move, preview, arm.

Nothing goes out before it is armed, and arming only shows what it would do until `--yes`.
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot import console, i18n
from bot.clock import Counting, end_of_day, load_calendar
from bot.config import Settings
from bot.console import ACTOR
from bot.replies import Arg, Until, UserError, Word
from storage.models.deadlines import Deadline, Work
from storage.models.office import Office

if TYPE_CHECKING:
    from handlers.deadlines.calendar.preview import Preview
    from handlers.deadlines.calendar.service import Copied, Terms

MOST_NAMED = 20
"""Recipients of a preview that are listed unless all are asked for."""
SWITCHES = {
    "in-working-days": "help-deadline-in-working-days",
    "mandatory": "help-deadline-mandatory",
    "urgent": "help-deadline-urgent",
    "verified": "help-deadline-verified",
}


# The command line


def add_verbs(verbs: Any) -> None:
    _add_calendar(verbs)
    _add_deadlines(verbs)
    _add_deadline(verbs)


def _add_calendar(verbs: Any) -> None:
    kinds = verbs.add_parser("calendar", help="help-calendar").add_subparsers(
        dest="kind", required=True, metavar="KIND"
    )
    verb = console.verb(kinds, "templates", templates, "help-calendar-templates")
    verb = console.verb(kinds, "copy", copy, "help-calendar-copy")
    verb.add_argument("year", type=_year, help="help-year")
    verb.add_argument(
        "--set", action="append", default=[], type=_code_and_day, metavar="CODE=DATE",
        help="help-calendar-set",
    )  # fmt: skip
    _of_office(verb)
    verb = console.verb(kinds, "backplan", backplan, "help-backplan")
    verb.add_argument("year", type=_year, help="help-year")
    for option, words in (
        ("--due", "help-backplan-due"),
        ("--council", "help-backplan-council"),
        ("--publish", "help-backplan-publish"),
        ("--units", "help-backplan-units"),
    ):
        verb.add_argument(option, type=console.day, metavar="DATE", help=words)
    verb.add_argument(
        "--counting", choices=list(Counting), default=Counting.CIVIL_CODE,
        help="help-backplan-counting",
    )  # fmt: skip
    verb.add_argument("--commit", action="store_true", help="help-backplan-commit")
    _of_office(verb)


def _add_deadlines(verbs: Any) -> None:
    verb = console.verb(
        verbs, "deadlines", deadlines,
        "help-deadlines",
    )  # fmt: skip
    verb.add_argument(
        "words", nargs="*", metavar="[preview|arm] [CODE|YEAR]", help="help-deadlines-words"
    )
    verb.add_argument("--year", type=_year, help="help-deadlines-year")
    verb.add_argument("--yes", action="store_true", help="help-deadlines-yes")
    verb.add_argument("--again", action="store_true", help="help-deadlines-again")
    verb.add_argument("--all", action="store_true", help="help-deadlines-all")
    _of_office(verb)


def _add_deadline(verbs: Any) -> None:
    kinds = verbs.add_parser("deadline", help="help-deadline").add_subparsers(
        dest="kind", required=True, metavar="KIND"
    )
    verb = console.verb(kinds, "add", add, "help-deadline-add")
    _add_terms(verb, new=True)
    verb = console.verb(kinds, "edit", edit, "help-deadline-edit")
    _add_terms(verb, new=False)
    verb = console.verb(kinds, "show", show, "help-deadline-show")
    _of_one(verb)
    verb = console.verb(kinds, "move", move, "help-deadline-move")
    _of_one(verb)
    verb.add_argument(
        "--to", required=True, type=_due, metavar='"DATE [HH:MM]"', help="help-deadline-to"
    )
    verb.add_argument("--reason", required=True, help="help-deadline-reason")
    verb = console.verb(kinds, "cancel", cancel, "help-deadline-cancel")
    _of_one(verb)
    verb.add_argument("--reason", required=True, help="help-deadline-reason")


def _of_one(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("code", help="help-deadline-code")
    _of_office(verb)


def _of_office(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--office", default="", help="help-code-of-office")


def _add_terms(verb: argparse.ArgumentParser, *, new: bool) -> None:
    _of_one(verb)
    verb.add_argument("--title", required=new, help="help-deadline-title")
    verb.add_argument(
        "--due", required=new, type=_due, metavar='"DATE [HH:MM]"', dest="due_at",
        help="help-deadline-due",
    )  # fmt: skip
    verb.add_argument(
        "--work", choices=[str(one) for one in Work], required=new, dest="owed",
        help="help-deadline-work",
    )  # fmt: skip
    verb.add_argument("--for", dest="for_kinds", metavar="KIND,KIND", help="help-deadline-for")
    verb.add_argument("--paper", dest="checklist", action="append", help="help-deadline-paper")
    verb.add_argument("--ladder", help="help-deadline-ladder")
    for option, words in SWITCHES.items():
        verb.add_argument(f"--{option}", choices=("yes", "no"), help=words)
    verb.add_argument("--basis", help="help-deadline-basis")
    verb.add_argument("--source", help="help-deadline-source")


def _year(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) == 4):
        raise console.mistyped("help-wrong-year", written=text)
    return int(text)


def _due(text: str) -> datetime:
    """A day means its 24:00."""
    if " " in text.strip():
        return console.instant(text)
    return end_of_day(console.day(text.strip()))


def _code_and_day(text: str) -> tuple[str, date]:
    code, equals, written = text.partition("=")
    if not (code and equals):
        raise console.mistyped("help-wrong-code-day", written=text)
    return code.strip().upper(), console.day(written.strip())


# The year


async def templates(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.calendar import templates as shipped

    say = console.sayer(settings)
    for one in shipped.templates().values():
        console.show(
            say(
                "deadline_command-template", code=one.code, title=one.title,
                day=f"{one.day:02}/{one.month:02}", work=Word(f"calendar-work-{Work(one.work)}"),
                standing=_standing(one.verified),
                optional=Word("deadline_command-optional" if one.optional else _NOTHING),
            )
        )  # fmt: skip
        console.show(say("deadline_command-rests-on", basis=one.basis, source=one.source))
    return 0


_NOTHING = "deadline_command-usual"


def _standing(verified: bool) -> Word:
    return Word("calendar-verified" if verified else "calendar-unverified")


async def copy(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.calendar import service

    say = console.sayer(settings)
    async with console.database(settings) as db, db.transaction() as session:
        office = await console.office(session, args.office)
        copied = await service.copy(
            session, office.id, args.year, dict(args.set), ACTOR, console.now()
        )
        calendar = await load_calendar(session)
    for one in copied:
        console.show(_copied(one, say))
        for line in one.planned.working if one.outcome in ("added", "changed") else ():
            console.show(f"    {i18n.words(line, settings.default_locale)}")
        if service.is_day_off(calendar, one.deadline.due_at):
            console.show(f"    {say('calendar-day-off')}")
    _count(copied, say)
    return 0


def _copied(one: Copied, say: console.Say) -> str:
    told: dict[str, Arg] = {
        "code": one.deadline.code, "title": one.deadline.title, "due": Until(one.deadline.due_at),
    }  # fmt: skip
    return say(f"deadline_command-copied-{one.outcome}", **told)


def _count(copied: Sequence[Copied], say: console.Say) -> None:
    outcomes = [one.outcome for one in copied]
    console.show(
        say(
            "deadline_command-copied", added=outcomes.count("added"),
            changed=outcomes.count("changed"),
            kept=outcomes.count("kept") + outcomes.count("armed"),
        )
    )  # fmt: skip


async def backplan(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.calendar import fighter, service
    from handlers.deadlines.calendar import templates as shipped

    say = console.sayer(settings)
    template = next(one for one in shipped.templates().values() if one.rule is not None)
    assert template.rule is not None
    async with console.database(settings) as db, db.transaction() as session:
        office = await console.office(session, args.office)
        plan = fighter.plan(
            await load_calendar(session), template.rule,
            args.due or shipped.suggested(template, args.year), args.council, args.publish,
            args.units, Counting(args.counting),
        )  # fmt: skip
        copied = (
            await service.copy_back_plan(
                session, office.id, template, args.year, plan, ACTOR, console.now()
            )
            if args.commit
            else []
        )
    for line in plan.working():
        console.show(i18n.words(line, settings.default_locale))
    for one in copied:
        console.show(_copied(one, say))
    if not args.commit:
        console.show(say("deadline_command-dry-run-commit"))
    return 0


# The list, the preview, arming


async def deadlines(settings: Settings, args: argparse.Namespace) -> int:
    what, *rest = args.words or ["list"]
    if what == "preview":
        return await _preview(settings, args, rest)
    if what == "arm":
        return await _arm(settings, args, rest)
    chosen = args.words if args.words != ["list"] else []
    if len(chosen) > 1 or (chosen and not _is_year(chosen[0])):
        raise UserError("deadline_command-which", word=" ".join(chosen))
    return await _list(settings, args, _year(chosen[0]) if chosen else args.year)


def _is_year(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) == 4


async def _list(settings: Settings, args: argparse.Namespace, year: int | None) -> int:
    from handlers.deadlines.calendar import describing, service

    say = console.sayer(settings)
    async with console.database(settings) as db, db.reading() as session:
        office = await console.office(session, args.office)
        rows = await service.listed(session, office.id, year)
        stand = await service.standing(session, rows)
    if not rows:
        console.show(say("deadline_command-none"))
    for one in rows:
        done, units = describing.counts(stand[one.id])
        console.show(
            say(
                "deadline_command-line", code=one.code, due=Until(one.due_at), title=one.title,
                state=describing.state(one), done=done, units=units,
            )
        )  # fmt: skip
    return 0


async def _chosen(
    session: AsyncSession, office: Office, words: Sequence[str], year: int | None, now: datetime
) -> Sequence[Deadline]:
    """By code, or every draft of the year named; of all years when nothing is."""
    from handlers.deadlines.calendar import arming, service

    if len(words) == 1 and _is_year(words[0]):
        words, year = [], int(words[0])
    if words:
        return [await service.by_code(session, office.id, code) for code in dict.fromkeys(words)]
    found = await arming.drafts(session, office.id, now, year)
    if not found:
        raise UserError("deadline_command-nothing-to-arm")
    return found


async def _preview(settings: Settings, args: argparse.Namespace, words: Sequence[str]) -> int:
    from handlers.deadlines.calendar import preview

    now, locale = console.now(), settings.default_locale
    async with console.database(settings) as db, db.transaction() as session:
        office = await console.office(session, args.office)
        chosen = await _chosen(session, office, words, args.year, now)
        found = [await preview.preview(session, one, now, locale) for one in chosen]
    for one in found:
        for line in _previewed(one, console.sayer(settings), locale, everyone=args.all):
            console.show(line)
    return 0


def _previewed(found: Preview, say: console.Say, locale: str, *, everyone: bool) -> Iterator[str]:
    from handlers.deadlines.calendar import describing

    yield i18n.words(describing.summary(found, locale), locale)
    yield from (f"  {line}" for line in describing.steps(found, locale, typed=True))
    most = len(found.recipients) if everyone else MOST_NAMED
    if found.recipients:
        yield say("deadline_command-recipients", n=len(found.recipients))
        yield from (f"  {describing.recipient(one, locale)}" for one in found.recipients[:most])
    if len(found.recipients) > most:
        yield say("deadline_command-recipients-more", n=len(found.recipients) - most)
    if found.unreachable:
        yield say("deadline_command-unreachable", n=len(found.unreachable))
        yield from (f"  {one.code} · {one.name}" for one in found.unreachable)
    if found.text is not None:
        yield say("calendar-text")
        yield from (f"  | {line}" for line in i18n.words(found.text, locale).splitlines())
    for earlier in found.repeats:
        yield say("deadline_command-repeats", code=found.deadline.code, earlier=earlier.code)
    yield ""


async def _arm(settings: Settings, args: argparse.Namespace, words: Sequence[str]) -> int:
    from handlers.deadlines.calendar import arming, preview

    if not words and args.year is None:
        raise UserError("deadline_command-arm-which")
    say, now, locale = console.sayer(settings), console.now(), settings.default_locale
    async with console.database(settings) as db, db.transaction() as session:
        office = await console.office(session, args.office)
        chosen = await _chosen(session, office, words, args.year, now)
        if not args.yes:
            return _would_arm(
                [await preview.preview(session, one, now, locale) for one in chosen], say
            )
        done = await arming.arm(session, chosen, ACTOR, now, again=args.again)
    for one in done:
        console.show(say("deadline_command-armed", code=one.deadline.code, units=one.units))
    return 0


def _would_arm(found: Iterable[Preview], say: console.Say) -> int:
    for one in found:
        told: dict[str, Arg] = {
            "code": one.deadline.code, "due": Until(one.deadline.due_at), "units": len(one.units),
            "messages": sum(one.channels.values()), "unreached": len(one.unreachable),
            "past": len(one.past),
        }  # fmt: skip
        console.show(say("deadline_command-would-arm", **told))
        for earlier in one.repeats:
            told = {"code": one.deadline.code, "earlier": earlier.code}
            console.show(say("deadline_command-repeats", **told))
    console.show(say("deadline_command-dry-run"))
    return 0


# One date


async def add(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.calendar import service

    say = console.sayer(settings)
    async with console.database(settings) as db, db.transaction() as session:
        office = await console.office(session, args.office)
        made = await service.add(session, office.id, args.code, _terms(args), ACTOR, console.now())
        off = service.is_day_off(await load_calendar(session), made.due_at)
    console.show(say("deadline_command-added", code=made.code, due=Until(made.due_at)))
    if off:
        console.show(say("calendar-day-off"))
    return 0


@asynccontextmanager
async def _held(
    settings: Settings, args: argparse.Namespace
) -> AsyncIterator[tuple[AsyncSession, Deadline]]:
    """The date that was named, in a transaction that is committed at the end."""
    from handlers.deadlines.calendar import service

    async with console.database(settings) as db, db.transaction() as session:
        office = await console.office(session, args.office)
        yield session, await service.by_code(session, office.id, args.code)


async def edit(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.calendar import service

    async with _held(settings, args) as (session, deadline):
        changed = await service.edit(session, deadline, _terms(args), ACTOR, console.now())
    say = console.sayer(settings)
    if changed:
        what = ", ".join(say(f"deadline_command-term-{name}") for name in changed)
        console.show(say("deadline_command-edited", code=deadline.code, what=what))
    else:
        console.show(say("deadline_command-unchanged", code=deadline.code))
    return 0


def _terms(args: argparse.Namespace) -> Terms:
    from handlers.deadlines.calendar import ladders

    terms: Terms = {}
    if args.title is not None:
        terms["title"] = args.title
    if args.due_at is not None:
        terms["due_at"] = args.due_at
    if args.owed is not None:
        terms["work"] = Work(args.owed)
    if args.for_kinds is not None:
        terms["for_kinds"] = _kinds(args.for_kinds)
    if args.checklist is not None:
        terms["checklist"] = [
            console.fitting("paper", one, 300) for one in args.checklist if one.strip()
        ]
    if args.ladder is not None:
        terms["ladder"] = ladders.parse(args.ladder)
    if args.in_working_days is not None:
        terms["in_working_days"] = args.in_working_days == "yes"
    if args.mandatory is not None:
        terms["mandatory"] = args.mandatory == "yes"
    if args.urgent is not None:
        terms["urgent"] = args.urgent == "yes"
    if args.verified is not None:
        terms["verified"] = args.verified == "yes"
    if args.basis is not None:
        terms["basis"] = console.fitting("basis", args.basis, 500)
    if args.source is not None:
        terms["source"] = console.fitting("source", args.source, 500)
    return terms


def _kinds(written: str) -> list[str]:
    kinds = [one.strip().lower() for one in written.split(",") if one.strip()]
    return [] if kinds == ["all"] else list(dict.fromkeys(kinds))


async def show(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.calendar import describing, service

    say, locale = console.sayer(settings), settings.default_locale
    async with _held(settings, args) as (session, deadline):
        stand = (await service.standing(session, [deadline]))[deadline.id]
        moves = await service.moves(session, deadline)
    console.show(i18n.words(describing.card(deadline, stand, locale, typed=True), locale))
    basis, source = deadline.basis or "-", deadline.source or "-"
    console.show(say("deadline_command-rests-on", basis=basis, source=source))
    for paper in deadline.checklist:
        console.show(f"  - {paper}")
    for one in moves:
        console.show(i18n.words(describing.move(one), locale))
    return 0


async def move(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.calendar import service

    say, vault = console.sayer(settings), console.vault(settings)
    async with _held(settings, args) as (session, deadline):
        old = deadline.due_at
        told = await service.move(
            session, vault, deadline, args.to, args.reason, ACTOR, console.now()
        )
        off = service.is_day_off(await load_calendar(session), deadline.due_at)
    new = Until(deadline.due_at)
    console.show(
        say("deadline_command-moved", code=deadline.code, old=Until(old), new=new, told=told)
    )
    if off:
        console.show(say("calendar-day-off"))
    return 0


async def cancel(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.calendar import service

    say, vault = console.sayer(settings), console.vault(settings)
    async with _held(settings, args) as (session, deadline):
        told = await service.cancel(session, vault, deadline, args.reason, ACTOR, console.now())
    console.show(say("deadline_command-cancelled", code=deadline.code, told=told))
    return 0
