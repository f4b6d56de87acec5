"""The verbs that complete what a spreadsheet cannot hold: bases, receiver, files, awards.

They cost no import of a channel. All that they change stands in the log of acts.
"""

from __future__ import annotations

import argparse
import asyncio
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts, console
from bot.clock import local_day
from bot.config import Settings
from bot.console import ACTOR
from bot.media import FileStore, Refused, Stored, take_in
from bot.replies import UserError, Word
from storage.models.consultations import Award

if TYPE_CHECKING:
    from storage.models.consultations import Candidate, Consultation


# The command line


def add_verbs(verbs: Any) -> None:
    _add_notice(verbs)
    _add_files(verbs)
    verb = console.verb(verbs, "award", award, "help-award")
    verb.add_argument("code", nargs="?", help="help-award-code")
    verb.add_argument("--consultation", choices=("yes", "no"), help="help-award-consultation")
    verb.add_argument("--basis", default="", help="help-award-basis")
    verb.add_argument("--verified", action="store_true", help="help-compared")


def _add_notice(verbs: Any) -> None:
    verb = console.verb(verbs, "basis", basis, "help-basis")
    verb.add_argument("code", help="help-consultation-code")
    verb.add_argument("number", type=int, nargs="?", help="help-basis-number")
    for option, words in (
        ("--from", "help-basis-from"),
        ("--to", "help-basis-to"),
        ("--checked", "help-basis-checked"),
    ):
        name = option.removeprefix("--") + "_on"
        verb.add_argument(option, dest=name, type=console.day, metavar="DATE", help=words)
    standing = verb.add_mutually_exclusive_group()
    standing.add_argument("--verified", action="store_true", help="help-basis-verified")
    standing.add_argument("--unverified", action="store_true", help="help-basis-unverified")
    verb = console.verb(verbs, "receiver", receiver, "help-receiver")
    verb.add_argument("code", help="help-consultation-code")
    for option in ("--name", "--telephone", "--email"):
        verb.add_argument(option, help="help-receiver-value")
    verb.add_argument("--address", action="append", help="help-receiver-address")


def _add_files(verbs: Any) -> None:
    verb = console.verb(verbs, "portrait", portrait, "help-portrait")
    _add_file(verb)
    verb.add_argument("--remove", action="store_true", help="help-portrait-remove")
    verb = console.verb(verbs, "document", document, "help-document")
    _add_file(verb)
    verb.add_argument("--title", default="", help="help-document-title")
    verb.add_argument("--remove", metavar="TITLE", help="help-document-remove")


def _add_file(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("code", help="help-consultation-code")
    verb.add_argument("number", type=int, help="help-candidate-number")
    verb.add_argument("file", type=Path, nargs="?", help="help-candidate-file")
    verb.add_argument("--reason", default="", help="help-candidate-reason")


# The notice


async def basis(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.consultations import bases, lifecycle

    say, now = console.sayer(settings), console.now()
    told = _standing(args, local_day(now))
    if told and args.number is None:
        raise UserError("command-basis-which")
    async with console.database(settings) as db, db.transaction() as session:
        asked = await lifecycle.by_code(session, args.code)
        if told:
            bases.mark(session, asked, args.number, told, ACTOR, now)
    if not asked.legal_bases:
        console.show(say("command-basis-none", code=asked.code))
    for number, one in enumerate(asked.legal_bases, start=1):
        if args.number in (None, number):
            console.show(_basis_line(number, one, bases.words(one), say))
    return 0


def _standing(args: argparse.Namespace, today: date) -> dict[str, date | bool]:
    told: dict[str, date | bool] = {}
    for typed, name in (("from_on", "effective_from"), ("to_on", "effective_to")):
        if getattr(args, typed):
            told[name] = getattr(args, typed)
    if args.verified or args.unverified:
        told["verified"] = bool(args.verified)
    if args.checked_on or args.verified:
        told["checked_on"] = args.checked_on or today
    return told


def _basis_line(number: int, one: dict[str, Any], words: str, say: console.Say) -> str:
    standing = Word("command-verified" if one.get("verified") else "command-unverified")
    days = {
        name: _written(one.get(name)) for name in ("effective_from", "effective_to", "checked_on")
    }
    return say("command-basis", number=number, words=words, standing=standing, **days)


def _written(day: str | None) -> str:
    return date.fromisoformat(day).strftime("%d/%m/%Y") if day else "-"


RECEIVER = {"name": 300, "telephone": 40, "email": 120}
"""What is typed, and how long it may be."""


async def receiver(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.consultations import lifecycle, service

    say, now = console.sayer(settings), console.now()
    async with console.database(settings) as db, db.transaction() as session:
        asked = await lifecycle.by_code(session, args.code)
        if given := _change_receiver(asked, args):
            what = ", ".join(given)
            acts.note(session, now, ACTOR, "change receiver", "consultation", asked.id, what)
        told = await service.receiver_of(session, asked)
    for key, value in (
        ("command-receiver-name", told.name),
        ("command-office-addresses", "; ".join(told.addresses)),
        ("command-office-telephone", told.telephone),
        ("command-office-email", told.email),
    ):
        console.show(say(key, value=value or "-"))
    return 0


def _change_receiver(asked: Consultation, args: argparse.Namespace) -> list[str]:
    """Names of what was given."""
    given = [typed for typed in RECEIVER if getattr(args, typed) is not None]
    for typed in given:
        value = console.fitting(typed, getattr(args, typed), RECEIVER[typed])
        setattr(asked, f"receiving_{typed}", value)
    if args.address is not None:
        kept = [console.fitting("address", one, 500) for one in args.address if one.strip()]
        asked.receiving_addresses = kept
        given.append("address")
    return given


# What is published of a candidate


async def portrait(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.consultations import published_files as files

    say, now, reason = console.sayer(settings), console.now(), _reason(args)
    taken = None if args.remove else await _taken(settings, args.file)
    async with console.database(settings) as db, db.transaction() as session:
        asked, about = await _candidate(session, args)
        if taken is None:
            await files.take_back_portrait(session, about, asked, reason, ACTOR, now)
        else:
            await files.give_portrait(session, about, asked, taken, ACTOR, now)
    key = "command-portrait-removed" if taken is None else "command-portrait-done"
    console.show(say(key, name=about.name, page=_page(settings, asked, about)))
    return 0


async def document(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.consultations import published_files as files

    say, now, reason = console.sayer(settings), console.now(), _reason(args)
    title = console.fitting("title", args.remove or args.title, files.LONGEST_TITLE)
    taken = None if args.remove else await _taken(settings, args.file)
    async with console.database(settings) as db, db.transaction() as session:
        asked, about = await _candidate(session, args)
        if taken is None:
            await files.take_back_document(session, about, asked, title, reason, ACTOR, now)
        else:
            title = await files.add_document(session, about, asked, taken, title, ACTOR, now)
    key = "command-document-removed" if taken is None else "command-document-done"
    console.show(say(key, title=title, name=about.name, page=_page(settings, asked, about)))
    return 0


def _reason(args: argparse.Namespace) -> str:
    return console.fitting("reason", args.reason, 500)


async def _taken(settings: Settings, file: Path | None) -> Stored:
    """Judged by what it contains, and stored. Raises UserError, and OSError for no file."""
    if file is None:
        raise UserError("command-file-missing")
    console.make_home(settings)
    content = await asyncio.to_thread(file.read_bytes)
    try:
        return await take_in(content, file.name, FileStore(settings.home / "files"))
    except Refused as refusal:
        raise UserError(refusal.key, **refusal.details) from None


async def _candidate(
    session: AsyncSession, args: argparse.Namespace
) -> tuple[Consultation, Candidate]:
    from handlers.consultations import lifecycle, published_files

    asked = await lifecycle.by_code(session, args.code)
    return asked, await published_files.candidate_of(session, asked, args.number)


def _page(settings: Settings, asked: Consultation, about: Candidate) -> str:
    return f"{settings.links}/c/{asked.code}/{about.number}"


# The catalogue of awards


async def award(settings: Settings, args: argparse.Namespace) -> int:
    say, changes = console.sayer(settings), bool(args.consultation or args.basis or args.verified)
    if changes and not args.code:
        raise UserError("command-award-which")
    async with console.database(settings) as db, db.transaction() as session:
        found = await _awards(session, args.code)
        if changes:
            _change_award(session, found[0], args, console.now())
    for row in found:
        console.show(_award_line(row, say))
    return 0


async def _awards(session: AsyncSession, code: str | None) -> list[Award]:
    query = select(Award).order_by(Award.code)
    if code:
        query = query.where(func.lower(Award.code) == code.strip().lower())
    found = list(await session.scalars(query))
    if not found:
        raise UserError("command-award-unknown", code=code or "-")
    return found


def _change_award(
    session: AsyncSession, row: Award, args: argparse.Namespace, now: datetime
) -> None:
    """Whatever changes is unverified again, unless it is said to be verified."""
    basis = console.fitting("basis", args.basis, 500)
    if args.consultation:
        row.requires_consultation = args.consultation == "yes"
    row.basis, row.verified = basis or row.basis, args.verified
    acts.note(session, now, ACTOR, "change award", "award", row.code, row.basis)


def _award_line(row: Award, say: console.Say) -> str:
    needs = Word("command-award-needs" if row.requires_consultation else "command-award-needs-no")
    standing = Word("command-verified" if row.verified else "command-unverified")
    return say(
        "command-award", code=row.code, name=row.name_vi, needs=needs, standing=standing,
        basis=row.basis,
    )  # fmt: skip
