"""The verbs by which an office is kept: its details, its officers, its files.

They cost no import of a channel either. All that they change stands in the log of acts.
"""

from __future__ import annotations

import argparse
import re
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts, console
from bot.clock import local_day
from bot.config import Settings
from bot.console import ACTOR
from bot.replies import Arg, UserError, Word
from storage.models.base import new_id
from storage.models.office import Office, Officer, Role

# The command line


def add_verbs(verbs: Any) -> None:
    _add_office(verbs)
    _add_consultation_care(verbs)


def _add_office(verbs: Any) -> None:
    verb = console.verb(verbs, "office", office, "help-office")
    verb.add_argument("--office", default="", help="help-code-of-office")
    for option, words in (
        ("--name", "help-office-name"),
        ("--parent-name", "help-office-parent"),
        ("--telephone", "help-office-telephone"),
        ("--email", "help-office-email"),
        ("--portal", "help-office-portal"),
        ("--denunciation", "help-office-denunciation"),
        ("--telegram-channel", "help-office-telegram-channel"),
    ):
        verb.add_argument(option, help=words)
    verb.add_argument("--address", action="append", help="help-office-address")
    verb = console.verb(verbs, "invite", invite, "help-invite")
    verb.add_argument("role", choices=[str(role) for role in Role], help="help-invite-role")
    verb.add_argument("name", help="help-invite-name")
    verb.add_argument("--office", default="", help="help-code-of-office")
    console.verb(verbs, "officers", officers, "help-officers")
    verb = console.verb(verbs, "dismiss", dismiss, "help-dismiss")
    verb.add_argument("id", help="help-dismiss-id")
    verb.add_argument("--reason", default="", help="help-log")


def _add_consultation_care(verbs: Any) -> None:
    verb = console.verb(verbs, "mark", mark, "help-mark")
    verb.add_argument("code", help="help-consultation-code")
    verb.add_argument("state", choices=list(STATES), help="help-mark-state")
    verb.add_argument("--reason", default="", help="help-log")
    verb = console.verb(verbs, "posted", posted, "help-posted")
    verb.add_argument("code", help="help-consultation-code")
    verb.add_argument("--medium", required=True, help="help-posted-medium")
    verb.add_argument(
        "--at", required=True, type=console.instant, metavar='"DATE [HH:MM]"',
        help="help-posted-at",
    )  # fmt: skip
    verb.add_argument("--url", default="", help="help-posted-url")
    verb = console.verb(verbs, "late", late, "help-late")
    verb.add_argument("code", help="help-consultation-code")
    verb.add_argument("rule", choices=("keep", "refuse"), help="help-late-rule")


# The office and its officers

DETAILS = {
    "name": "name",
    "parent_name": "parent_name",
    "address": "addresses",
    "telephone": "telephone",
    "email": "email",
    "portal": "portal_url",
    "denunciation": "denunciation_office",
    "telegram_channel": "telegram_channel",
}
"""What is typed, and the column it fills."""
LONGEST = {
    "name": 300, "parent_name": 300, "telephone": 40, "email": 120, "portal": 500,
    "denunciation": 500, "address": 500, "telegram_channel": 64,
}  # fmt: skip


_CHANNEL = re.compile(r"@[A-Za-z]\w{3,31}|-100\d{5,15}", re.ASCII)
"""Of a public channel its name, of a private one its number, as the Bot API takes them."""


async def office(settings: Settings, args: argparse.Namespace) -> int:
    say, now = console.sayer(settings), console.now()
    given = {typed: getattr(args, typed) for typed in DETAILS if getattr(args, typed) is not None}
    async with console.database(settings) as db, db.transaction() as session:
        row = await _office_to_keep(session, args.office, args.name)
        if given:
            _change_office(session, row, given, now)
    for key, value in (
        ("command-office-code", row.code),
        ("command-office-name", row.name),
        ("command-office-parent", row.parent_name),
        ("command-office-addresses", "; ".join(row.addresses)),
        ("command-office-telephone", row.telephone),
        ("command-office-email", row.email),
        ("command-office-portal", row.portal_url),
        ("command-office-denunciation", row.denunciation_office),
        ("command-office-telegram-channel", row.telegram_channel),
    ):
        console.show(say(key, value=value or "-"))
    return 0


async def _office_to_keep(session: AsyncSession, code: str, name: str | None) -> Office:
    from handlers.consultations.papers.draft import notice_code

    if not name or not name.strip() or await session.scalar(select(Office.id).limit(1)):
        return await console.office(session, code)
    row = Office(id=new_id(), code=code or notice_code(name) or "OFFICE", name=name, addresses=[])
    session.add(row)
    return row


def _change_office(
    session: AsyncSession, row: Office, given: dict[str, Any], now: datetime
) -> None:
    for typed, value in given.items():
        if typed == "address":
            row.addresses = [
                console.fitting(typed, one, LONGEST[typed]) for one in value if one.strip()
            ]
        else:
            setattr(row, DETAILS[typed], console.fitting(typed, value, LONGEST[typed]))
    if not row.name:
        raise UserError("command-office-needs-name")
    _refuse_unless_web(row.portal_url)
    if row.telegram_channel and not _CHANNEL.fullmatch(row.telegram_channel):
        raise UserError("command-office-no-channel", name=row.telegram_channel)
    acts.note(session, now, ACTOR, "change office", "office", row.id, ", ".join(given))


def _refuse_unless_web(address: str) -> None:
    if address and not address.startswith(("https://", "http://")):
        raise UserError("command-no-web-address", address=address)


async def invite(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.officers import service

    say, role = console.sayer(settings), Role(args.role)
    async with console.database(settings) as db, db.transaction() as session:
        row = await console.office(session, args.office)
        vault = console.vault(settings)
        code = service.invite(session, vault, row.id, role, args.name, console.now())
    console.show(say("command-invite-made", name=args.name.strip(), office=row.name))
    # Behind the "#" no proxy's log is told of it.
    console.show(f"  {settings.links}/chat#start=i-{code}")
    console.show(say("command-invite-telegram", command=f"/start i-{code}"))
    return 0


async def officers(settings: Settings, args: argparse.Namespace) -> int:
    say = console.sayer(settings)
    async with console.database(settings) as db, db.reading() as session:
        found = await session.execute(
            select(Officer, Office.code)
            .join(Office, Office.id == Officer.office_id)
            .order_by(Officer.revoked_at.is_not(None), Officer.joined_at)
        )
        rows = found.all()
    if not rows:
        console.show(say("command-officers-none"))
    for officer, code in rows:
        told: dict[str, Arg] = {
            "id": officer.id, "name": officer.name, "role": str(officer.role), "office": code,
            "since": local_day(officer.joined_at),
        }  # fmt: skip
        if officer.revoked_at is None:
            console.show(say("command-officer", **told))
        else:
            console.show(say("command-officer-left", **told, left=local_day(officer.revoked_at)))
    return 0


async def dismiss(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.officers import service

    async with console.database(settings) as db, db.transaction() as session:
        officer = await session.get(Officer, args.id)
        if officer is None or officer.revoked_at is not None:
            raise UserError("command-no-such-officer", id=args.id)
        reason = console.fitting("reason", args.reason, 1000)
        service.revoke(session, officer, ACTOR, console.now(), reason)
    say = console.sayer(settings)
    console.show(say("command-dismiss-done", name=officer.name, role=str(officer.role)))
    return 0


# What an office does with a consultation beside publishing it

STATES = {
    "compiled": Word("command-mark-compiled"),
    "reported": Word("command-mark-reported"),
    "archived": Word("command-mark-archived"),
}


async def mark(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.consultations import lifecycle
    from storage.models.consultations import ConsultationState

    new = ConsultationState(args.state)
    async with console.database(settings) as db, db.transaction() as session:
        asked = await lifecycle.by_code(session, args.code)
        reason = console.fitting("reason", args.reason, 1000)
        lifecycle.become(session, asked, new, ACTOR, console.now(), reason)
    say = console.sayer(settings)
    console.show(say("command-mark-done", code=asked.code, state=STATES[args.state]))
    return 0


async def posted(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.consultations import lifecycle

    medium = console.fitting("medium", args.medium, 200)
    url = console.fitting("url", args.url, 500)
    if not medium:
        raise UserError("command-posted-no-medium")
    _refuse_unless_web(url)
    async with console.database(settings) as db, db.transaction() as session:
        asked = await lifecycle.by_code(session, args.code)
        lifecycle.record_posting(session, asked, medium, args.at, url, ACTOR, console.now())
    say = console.sayer(settings)
    console.show(say("command-posted-done", code=asked.code, medium=medium, at=args.at))
    return 0


async def late(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.consultations import lifecycle

    keeps = args.rule == "keep"
    async with console.database(settings) as db, db.transaction() as session:
        asked = await lifecycle.by_code(session, args.code)
        lifecycle.keep_late(session, asked, keeps, ACTOR, console.now())
    key = "command-late-kept" if keeps else "command-late-refused"
    console.show(console.sayer(settings)(key, code=asked.code))
    return 0
