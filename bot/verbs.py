"""The verbs of the command line that need no channel, and so do not pay for importing one.

What is read here is in locales/, in the office's language, and `--help` too.
"""

from __future__ import annotations

import argparse
import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import (
    acts,
    console,
    deadline_verbs,
    figure_verbs,
    holiday_table,
    particulars,
    registration_verbs,
    reminder_verbs,
    unit_verbs,
    upkeep,
)
from bot import backup as backups
from bot.clock import end_of_day, load_calendar
from bot.config import Settings
from bot.installation import recognise
from bot.media import FileStore
from bot.replies import Until, UserError
from storage import schema
from storage.db import Database
from storage.models.office import Office, Role
from storage.seed import load_catalogue

if TYPE_CHECKING:
    from handlers.consultations.papers.intake import Plan

FORMATS = ("xlsx", "csv", "json")


# The command line


def add_verbs(subparsers: Any) -> None:
    """Adds every verb but `run` to what argparse's add_subparsers gave."""
    _add_upkeep(subparsers)
    _add_consultations(subparsers)
    _add_papers(subparsers)
    upkeep.add_verbs(subparsers)
    deadline_verbs.add_verbs(subparsers)
    particulars.add_verbs(subparsers)
    holiday_table.add_verb(subparsers)
    reminder_verbs.add_verbs(subparsers)
    unit_verbs.add_verbs(subparsers)
    registration_verbs.add_verb(subparsers)
    figure_verbs.add_verbs(subparsers)


def _add_upkeep(verbs: Any) -> None:
    verb = console.verb(verbs, "migrate", migrate, "help-migrate")
    verb.add_argument("--check", action="store_true", help="help-migrate-check")
    console.verb(verbs, "demo", demo, "help-demo")
    console.verb(verbs, "check", check, "help-check")
    verb = console.verb(verbs, "backup", backup, "help-backup")
    verb.add_argument("file", type=Path, help="help-backup-file")
    verb = console.verb(verbs, "restore", restore, "help-restore")
    verb.add_argument("file", type=Path, help="help-restore-file")
    verb.add_argument("--overwrite", action="store_true", help="help-restore-overwrite")


def _add_consultations(verbs: Any) -> None:
    kinds = verbs.add_parser("import", help="help-import").add_subparsers(
        dest="kind", required=True, metavar="KIND"
    )
    verb = console.verb(kinds, "consultation", import_consultation, "help-import-consultation")
    verb.add_argument("file", type=Path, nargs="?", help="help-import-file")
    verb.add_argument("--commit", action="store_true", help="help-import-commit")
    verb.add_argument("--template", type=Path, metavar="OUT", help="help-import-template")
    unit_verbs.add_import(kinds)
    verb = console.verb(verbs, "publish", publish, "help-publish")
    verb.add_argument("code", help="help-consultation-code")
    verb = console.verb(verbs, "close", close, "help-close")
    verb.add_argument("code", help="help-consultation-code")
    verb.add_argument("--reason", default="", help="help-close-reason")
    verb = console.verb(verbs, "move", move, "help-move")
    verb.add_argument("code", help="help-consultation-code")
    verb.add_argument("--to", required=True, type=console.day, metavar="DATE", help="help-move-to")
    verb.add_argument("--reason", required=True, help="help-move-reason")


def _add_papers(verbs: Any) -> None:
    kinds = verbs.add_parser("export", help="help-export").add_subparsers(
        dest="kind", required=True, metavar="KIND"
    )
    verb = console.verb(kinds, "opinions", export_opinions, "help-export-opinions")
    verb.add_argument("code", nargs="?", help="help-export-code")
    verb.add_argument("--format", choices=FORMATS, default="xlsx", help="help-format")
    verb.add_argument("--out", type=Path, required=True, help="help-out")
    verb.add_argument("--names", action="store_true", help="help-export-names")
    registration_verbs.add_export(kinds)
    figure_verbs.add_export(kinds)
    verb = console.verb(verbs, "report", report, "help-report")
    verb.add_argument("code", help="help-consultation-code")
    verb.add_argument("--out", type=Path, required=True, help="help-out")


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Does what was asked. 0 when it went well, 1 when it did not and was said so."""
    return console.carry_out(settings, args.work(settings, args))


# Upkeep


async def migrate(settings: Settings, args: argparse.Namespace) -> int:
    say = console.sayer(settings)
    if args.check:
        differences = await schema.differences()
        for difference in differences:
            console.complain(difference)
        console.show(say("command-migrate-differs" if differences else "command-migrate-in-step"))
        return 1 if differences else 0
    console.make_home(settings)
    db = Database(settings.database)
    try:
        copy = await schema.migrate(db)
        async with db.transaction() as session:
            await load_catalogue(session)
            await recognise(session, console.vault(settings), console.now())
    finally:
        await db.close()
    if copy:
        console.show(say("command-migrate-copy", copy=str(copy)))
    console.show(say("command-migrate-done", schema=schema.HEAD))
    return 0


async def demo(settings: Settings, args: argparse.Namespace) -> int:
    async with console.database(settings) as db, db.transaction() as session:
        ways = await _load_demo(session, settings)
    say = console.sayer(settings)
    console.show(say("command-demo-done", page=f"{settings.links}/"))
    console.show(say("command-demo-ways", **ways))
    return 0


async def load_demo_if_empty(settings: Settings) -> None:
    """For `run --demo`: leaves a database with an office in it as it is."""
    async with console.database(settings) as db, db.transaction() as session:
        if await session.scalar(select(Office.id).limit(1)):
            return
        ways = await _load_demo(session, settings)
    console.show(console.sayer(settings)("command-demo-ways", **ways))


async def _load_demo(session: AsyncSession, settings: Settings) -> dict[str, str]:
    """Single-use links by which a newcomer tries the work of an officer and of a unit."""
    from handlers.consultations import demo as consultations
    from handlers.deadlines import demo as deadlines
    from handlers.deeds import demo as deeds
    from handlers.officers import service as officers

    store, vault, now = FileStore(settings.home / "files"), console.vault(settings), console.now()
    for invented in (consultations, deadlines, deeds):
        await invented.load(session, vault, store, now)
    office = (await session.scalars(select(Office.id))).one()
    name = console.sayer(settings)("command-demo-officer")
    code = officers.invite(session, vault, office, Role.OFFICER, name, now)
    unit, member = await deadlines.newcomer(session, vault, settings.links, now)
    return {"officer": f"{settings.links}/chat#start=i-{code}", "unit": unit, "member": member}


async def check(settings: Settings, args: argparse.Namespace) -> int:
    from bot import checkup

    say, sound = console.sayer(settings), True
    async for finding in checkup.findings(settings):
        key = "command-check-ok" if finding.ok else "command-check-wrong"
        console.show(say(key, words=say(finding.key, **finding.args)))
        sound = sound and finding.ok
    return 0 if sound else 1


async def backup(settings: Settings, args: argparse.Namespace) -> int:
    say = console.sayer(settings)
    progress = console.Progress(say)
    async with console.database(settings) as db:
        size = await backups.backup(db, settings.home, args.file, console.now(), progress.of)
    progress.end()
    console.show(say("command-backup-done", file=str(args.file), megabytes=f"{size / 1e6:.1f}"))
    if settings.secret_key.get_secret_value():
        console.show(say("command-backup-key-setting"))
    else:
        console.show(say("command-backup-key-file", file=str(settings.home / "secret.key")))
    return 0


async def restore(settings: Settings, args: argparse.Namespace) -> int:
    say, now = console.sayer(settings), console.now()
    progress = console.Progress(say)
    _refuse_without_key(settings)
    console.make_home(settings)
    db = Database(settings.database)
    try:
        done = await backups.restore(
            db, settings.home, args.file, now, overwrite=args.overwrite, progress=progress.of
        )
        progress.end()
        console.show(say("command-restore-done", made=done.made_at, files=done.files))
        if done.replaced:
            console.show(say("command-restore-kept", file=str(done.replaced)))
        if done.set_aside:
            console.show(say("command-restore-set-aside", n=done.set_aside))
        async with db.transaction() as session:
            await recognise(session, console.vault(settings), now)
    finally:
        await db.close()
    return 0


def _refuse_without_key(settings: Settings) -> None:
    """A key made now would not be the archive's: nothing that was sealed could be read."""
    key = settings.home / "secret.key"
    if not settings.secret_key.get_secret_value() and not key.exists():
        raise UserError("command-restore-no-key", file=str(key))


# Consultations


async def import_consultation(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.consultations.papers import intake, spreadsheet

    say = console.sayer(settings)
    async with console.database(settings) as db:
        async with db.reading() as session:
            awards = await intake.award_names(session)
        if args.template:
            await asyncio.to_thread(spreadsheet.write_template, args.template, say, awards)
            console.show(say("command-template-done", file=str(args.template)))
            return 0
        if args.file is None:
            raise UserError("command-import-no-file")
        draft = await asyncio.to_thread(spreadsheet.read, args.file, awards)
        plan = await _import(db, draft, say, commit=args.commit)
    for line in intake.describe(plan, say):
        console.show(line)
    return console.conclude(plan, say, committed=args.commit, done="command-import-done")


async def _import(db: Database, draft: Any, say: console.Say, *, commit: bool) -> Plan:
    from handlers.consultations.papers import intake

    with suppress(console.Undo):
        async with db.transaction() as session:
            calendar = await load_calendar(session)
            title = say("intake-document")
            plan = await intake.import_consultations(
                session, draft, calendar, console.now(), actor=console.ACTOR, document_title=title
            )
            if plan.has_errors or not commit:
                raise console.Undo
    return plan


async def publish(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.consultations import lifecycle

    say = console.sayer(settings)
    async with console.database(settings) as db, db.transaction() as session:
        asked = await lifecycle.by_code(session, args.code)
        await session.refresh(asked, ["candidates"])
        await lifecycle.publish(session, asked, console.ACTOR, console.now())
    assert asked.closes_at is not None
    closes = Until(asked.closes_at)
    page = f"{settings.links}/c/{asked.code}"
    console.show(say("command-publish-done", code=asked.code, closes=closes, page=page))
    if lifecycle.announced_too_short(asked):
        console.show(say("intake-announced-too-short", code=asked.code))
    return 0


async def close(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.consultations import lifecycle

    say = console.sayer(settings)
    async with console.database(settings) as db, db.transaction() as session:
        asked = await lifecycle.by_code(session, args.code)
        lifecycle.close(session, asked, args.reason, console.ACTOR, console.now())
    console.show(say("command-close-done", code=asked.code))
    if lifecycle.closed_short(asked):
        assert asked.computed_ends_at is not None
        computed = Until(asked.computed_ends_at)
        console.show(say("command-close-short", code=asked.code, computed=computed))
    return 0


async def move(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.consultations import lifecycle

    async with console.database(settings) as db, db.transaction() as session:
        asked = await lifecycle.by_code(session, args.code)
        old, new = asked.closes_at, end_of_day(args.to)
        await lifecycle.move_end(session, asked, new, args.reason, console.ACTOR, console.now())
    assert old is not None
    say = console.sayer(settings)
    console.show(say("command-move-done", code=asked.code, old=Until(old), new=Until(new)))
    return 0


# Papers


async def export_opinions(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.consultations.papers import council as papers

    say, now = console.sayer(settings), console.now()
    progress = console.Progress(say)
    _refuse_other_ending(args.out, args.format)
    async with console.database(settings) as db:
        async with db.reading() as session:
            count = await papers.export_opinions(
                session, console.vault(settings), args.out, args.format, say, now,
                code=args.code, names=args.names, progress=progress.so_far,
            )  # fmt: skip
        async with db.transaction() as session:
            what = "opinions with names" if args.names else "opinions"
            acts.note(session, now, console.ACTOR, "export", what, args.code or "*")
    progress.end()
    console.show(say("command-export-done", count=count, file=str(args.out)))
    return 0


def _refuse_other_ending(file: Path, file_format: str) -> None:
    """A file that is not what its name says opens with a complaint."""
    ending = file.suffix.lower().removeprefix(".")
    if ending != file_format and ending in FORMATS:
        raise UserError("command-export-ending", file=str(file), format=ending)


async def report(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.consultations.papers import council as papers
    from handlers.consultations.papers import report as paper

    say, now = console.sayer(settings), console.now()
    if args.out.suffix.lower() != ".docx":
        raise UserError("command-report-docx", file=str(args.out), ending=".docx")
    async with console.database(settings) as db:
        async with db.reading() as session:
            calendar = await load_calendar(session)
            told = await papers.council_report(session, args.code, calendar, now, settings.links)
        await asyncio.to_thread(paper.write, told, args.out, say)
        async with db.transaction() as session:
            acts.note(session, now, console.ACTOR, "report", "consultation", told.code)
    console.show(say("command-report-done", file=str(args.out)))
    return 0
