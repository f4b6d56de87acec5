"""The office's verbs for what units hand in: the form as a spreadsheet, and all the answers."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from bot import acts, console
from bot.config import Settings


def add_verb(verbs: Any) -> None:
    kinds = verbs.add_parser("registration", help="help-registration").add_subparsers(
        dest="kind", required=True, metavar="KIND"
    )
    verb = console.verb(kinds, "template", write_template, "help-registration-template")
    verb.add_argument("deadline", help="help-registration-deadline")
    verb.add_argument("--office", default="", help="help-code-of-office")
    verb.add_argument("--out", type=Path, required=True, help="help-out")


def add_export(kinds: Any) -> None:
    """Among the kinds of `export`."""
    verb = console.verb(kinds, "registrations", export, "help-export-registrations")
    verb.add_argument("deadline", help="help-registration-deadline")
    verb.add_argument("--office", default="", help="help-code-of-office")
    verb.add_argument(
        "--format", choices=("xlsx", "csv", "json"), default="xlsx", help="help-format"
    )
    verb.add_argument("--out", type=Path, required=True, help="help-out")


async def write_template(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.registration import export as papers
    from handlers.deadlines.registration import spreadsheet

    say = console.sayer(settings)
    async with console.database(settings) as db, db.reading() as session:
        office = await console.office(session, args.office)
        deadline = await papers.by_code(session, office.id, args.deadline)
        form = await papers.form_now(session, deadline)
    about = spreadsheet.About(deadline.code, deadline.title, deadline.due_at)
    locale = settings.default_locale
    await asyncio.to_thread(spreadsheet.write_template, args.out, form, about, say, locale)
    console.show(say("registration_command-template-done", file=str(args.out)))
    return 0


async def export(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.registration import export as papers

    say, now = console.sayer(settings), console.now()
    async with console.database(settings) as db:
        async with db.reading() as session:
            office = await console.office(session, args.office)
            deadline = await papers.by_code(session, office.id, args.deadline)
            form = await papers.form_now(session, deadline)
            found = await papers.rows(session, console.vault(settings), deadline)
        await asyncio.to_thread(
            papers.write, found, form, deadline.title, args.format, args.out, say, now
        )
        async with db.transaction() as session:
            acts.note(session, now, console.ACTOR, "export", "deadline", deadline.id)
    console.show(say("registration_command-export-done", n=len(found), file=str(args.out)))
    return 0
