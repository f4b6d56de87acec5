"""The verbs of figures: movements, the shares that a council asks for, who is praised."""

from __future__ import annotations

import argparse
import asyncio
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot import console
from bot.clock import local_day
from bot.config import Settings
from bot.replies import UserError, Word

if TYPE_CHECKING:
    from handlers.deeds.figures.movements import Terms

NO_DAY = "none"


def add_verbs(verbs: Any) -> None:
    _add_movement(verbs)
    _add_share(verbs)


def add_export(kinds: Any) -> None:
    """Among the kinds of `export`."""
    verb = console.verb(kinds, "praised", export, "help-export-praised")
    verb.add_argument("--from", dest="first", type=console.day, metavar="DATE", help="help-from")
    verb.add_argument("--to", dest="last", type=console.day, metavar="DATE", help="help-to")
    verb.add_argument(
        "--format", choices=("xlsx", "csv", "json"), default="xlsx", help="help-format"
    )
    verb.add_argument("--out", type=Path, required=True, help="help-out")
    verb.add_argument("--office", default="", help="help-code-of-office")


def _add_movement(verbs: Any) -> None:
    kinds = verbs.add_parser("movement", help="help-movement").add_subparsers(
        dest="kind", required=True, metavar="KIND"
    )
    console.verb(kinds, "list", list_movements, "help-movement-list")
    for name, work in (("add", add), ("edit", edit)):
        verb = console.verb(kinds, name, work, f"help-movement-{name}")
        verb.add_argument("code", help="help-movement-code")
        verb.add_argument("--name", required=name == "add", help="help-movement-name")
        verb.add_argument("--name-en", help="help-movement-name-en")
        verb.add_argument("--from", dest="first", type=_day, metavar="DATE", help="help-from")
        verb.add_argument("--to", dest="last", type=_day, metavar="DATE", help="help-to")
        verb.add_argument("--target", action="append", help="help-movement-target")
        verb.add_argument("--criterion", action="append", help="help-movement-criterion")
        verb.add_argument(
            "--for", dest="takes_part", metavar="CODE,CODE", help="help-movement-for"
        )
        verb.add_argument("--source", help="help-movement-source")
        verb.add_argument("--verified", choices=("yes", "no"), help="help-movement-verified")
        verb.add_argument("--ended", choices=("yes", "no"), help="help-movement-ended")
    verb = console.verb(kinds, "show", show, "help-movement-show")
    verb.add_argument("code", help="help-movement-code")


def _add_share(verbs: Any) -> None:
    kinds = verbs.add_parser("share", help="help-share").add_subparsers(
        dest="kind", required=True, metavar="KIND"
    )
    verb = console.verb(kinds, "list", list_shares, "help-share-list")
    verb.add_argument("--office", default="", help="help-code-of-office")
    verb = console.verb(kinds, "ask", ask_share, "help-share-ask")
    verb.add_argument("group", help="help-share-group")
    verb.add_argument("percent", type=int, help="help-share-percent")
    verb.add_argument("--basis", default="", help="help-share-basis")
    verb.add_argument("--office", default="", help="help-code-of-office")


def _day(text: str) -> date:
    """A day; the first of all stands for the word that takes one back."""
    return date.min if text == NO_DAY else console.day(text)


# Movements


async def list_movements(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deeds.figures import movements

    say = console.sayer(settings)
    async with console.database(settings) as db, db.reading() as session:
        day = local_day(console.now())
        for one in await movements.standings(session, await movements.listed(session, day)):
            running = movements.is_running(one.movement, day)
            console.show(
                say(
                    "movements-command-line", code=one.movement.code,
                    name=movements.name(one.movement, settings.default_locale),
                    state=Word("movements-running" if running else "movements-others"),
                    registered=one.registered, deeds=sum(one.deeds.values()),
                )
            )  # fmt: skip
    return 0


async def add(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deeds.figures import movements

    async with console.database(settings) as db, db.transaction() as session:
        made = await movements.add(session, args.code, _terms(args), console.ACTOR, console.now())
    console.show(console.sayer(settings)("movements-command-added", code=made.code))
    return 0


async def edit(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deeds.figures import movements

    async with console.database(settings) as db, db.transaction() as session:
        found = await movements.by_code(session, args.code)
        changed = await movements.edit(session, found, _terms(args), console.ACTOR, console.now())
    key = "movements-command-edited" if changed else "movements-command-unchanged"
    console.show(console.sayer(settings)(key, code=found.code))
    return 0


def _terms(args: argparse.Namespace) -> Terms:
    terms: Terms = {}
    if args.name is not None:
        terms["name_vi"] = console.fitting("name", args.name, 300)
    if args.name_en is not None:
        terms["name_en"] = console.fitting("name_en", args.name_en, 300)
    if args.first is not None:
        terms["starts_on"] = args.first if args.first != date.min else None
    if args.last is not None:
        terms["ends_on"] = args.last if args.last != date.min else None
    if args.target is not None:
        terms["targets"] = [console.fitting("target", one, 300) for one in args.target if one]
    if args.criterion is not None:
        terms["criteria"] = [
            console.fitting("criterion", one, 300) for one in args.criterion if one
        ]
    if args.takes_part is not None:
        terms["takes_part"] = _codes(args.takes_part)
    if args.source is not None:
        terms["source"] = console.fitting("source", args.source, 500)
    if args.verified is not None:
        terms["verified"] = args.verified == "yes"
    if args.ended is not None:
        terms["ended"] = args.ended == "yes"
    return terms


def _codes(written: str) -> list[str]:
    """Kinds of units are small letters, groups of people large ones; `all` is everybody."""
    codes = [one.strip() for one in written.split(",") if one.strip()]
    return [] if codes == ["all"] else list(dict.fromkeys(codes))


async def show(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deeds.figures import movements

    say, locale = console.sayer(settings), settings.default_locale
    async with console.database(settings) as db, db.reading() as session:
        movement = await movements.by_code(session, args.code)
        (found,) = await movements.standings(session, [movement])
        groups = await movements.participants(session, movement, locale)
    none = Word("movements-no-day")
    first, last = movement.starts_on or none, movement.ends_on or none
    kinds = [say(f"units-kind-{kind}") for kind in movements.kinds(movement)]
    console.show(f"{movement.code} · {movements.name(movement, locale)}")
    console.show(say("movements-period-of", first=first, last=last))
    console.show("; ".join([*kinds, *groups]) or say("movements-everybody"))
    for line in (*movement.targets, *movement.criteria):
        console.show(f"  - {line}")
    console.show(f"{say('movements-registered')}: {found.registered}")
    for stage, count in found.by_stage:
        console.show(f"{say(f'movements-stage-{stage}')}: {count}")
    console.show(say("movements-counted"))
    console.show(say("movements-made-at", at=console.now()))
    return 0


# Who is praised


async def list_shares(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deeds.figures import praised

    say = console.sayer(settings)
    async with console.database(settings) as db, db.reading() as session:
        office = await console.office(session, args.office)
        found = await praised.asked_shares(session, office.id)
    for one in found:
        console.show(
            say(
                "praised-command-share", group=one.group_code, percent=one.percent,
                basis=one.basis,
            )
        )  # fmt: skip
    if not found:
        console.show(say("praised-command-none"))
    return 0


async def ask_share(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deeds.figures import praised

    async with console.database(settings) as db, db.transaction() as session:
        office = await console.office(session, args.office)
        basis = console.fitting("basis", args.basis, 500)
        await praised.ask_share(
            session, office.id, args.group.upper(), args.percent, basis, console.ACTOR,
            console.now(),
        )  # fmt: skip
    key = "praised-command-asked" if args.percent else "praised-command-dropped"
    console.show(console.sayer(settings)(key, group=args.group.upper(), percent=args.percent))
    return 0


async def export(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deeds.figures import export as papers
    from handlers.deeds.figures import praised

    say, now = console.sayer(settings), console.now()
    this_year = praised.year(local_day(now).year)
    period = praised.Period(args.first or this_year.first, args.last or this_year.last)
    if period.last < period.first:
        raise UserError("praised-ends-first", first=period.first, last=period.last)
    async with console.database(settings) as db:
        async with db.reading() as session:
            office = await console.office(session, args.office)
            found = await praised.figures(session, office.id, period, settings.default_locale, now)
        await asyncio.to_thread(papers.write, found, office.name, args.format, args.out, say)
        async with db.transaction() as session:
            praised.note_export(session, office.id, period, console.ACTOR, now)
    console.show(say("praised-command-export-done", file=str(args.out), n=found.shown))
    return 0
