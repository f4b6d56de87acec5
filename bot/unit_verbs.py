"""The verbs by which an office keeps its units and clusters, and lets people in and out.

They cost no import of a channel either. All that they change stands in the log of acts.
"""

from __future__ import annotations

import argparse
import asyncio
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot import console, places
from bot.clock import local_day
from bot.config import Settings
from bot.console import ACTOR
from bot.replies import Arg, UserError, Word
from storage.models.units import MemberRank, SeatRank, UnitInvitation

if TYPE_CHECKING:
    from handlers.deadlines.units.members import Person
    from handlers.deadlines.units.papers.draft import Draft
    from handlers.deadlines.units.papers.intake import Plan
    from storage.db import Database

RANKS = {rank: Word(f"units-rank-{rank}") for rank in MemberRank}
SEATS = {rank: Word(f"units-seat-{rank}") for rank in SeatRank}


# The command line


def add_import(kinds: Any) -> None:
    """Adds `import units` to what `import` reads."""
    verb = console.verb(kinds, "units", import_units, "help-import-units")
    verb.add_argument("file", type=Path, nargs="?", help="help-import-file")
    verb.add_argument("--commit", action="store_true", help="help-import-commit")
    verb.add_argument("--template", type=Path, metavar="OUT", help="help-import-template")
    verb.add_argument(
        "--invitations", type=Path, metavar="OUT",
        help="help-import-invitations",
    )  # fmt: skip
    _of_office(verb)


def add_verbs(verbs: Any) -> None:
    verb = console.verb(verbs, "units", units, "help-units")
    verb.add_argument("--find", default="", metavar="TEXT", help="help-units-find")
    _of_office(verb)
    _add_unit(verbs)
    _add_clusters(verbs)
    verb = console.verb(verbs, "places", show_places, "help-places")
    verb.add_argument("text", help="help-places-text")


def _add_unit(verbs: Any) -> None:
    acts = verbs.add_parser("unit", help="help-unit").add_subparsers(
        dest="act", required=True, metavar="ACT"
    )
    verb = console.verb(acts, "members", unit_members, "help-unit-members")
    verb.add_argument("code", help="help-unit-code")
    _of_office(verb)
    verb = console.verb(acts, "invite", unit_invite, "help-unit-invite")
    verb.add_argument("code", help="help-unit-code")
    verb.add_argument("rank", choices=[str(rank) for rank in MemberRank], help="help-unit-rank")
    verb.add_argument("name", help="help-invite-name")
    _of_office(verb)
    verb = console.verb(acts, "remove", unit_remove, "help-unit-remove")
    verb.add_argument("member", help="help-unit-listed")
    verb.add_argument("--reason", default="", help="help-log")
    verb = console.verb(acts, "revoke", unit_revoke, "help-unit-revoke")
    verb.add_argument("invitation", help="help-unit-listed")
    verb = console.verb(acts, "close", unit_close, "help-unit-close")
    verb.add_argument("code", help="help-unit-code")
    verb.add_argument("--reason", required=True, help="help-log")
    _of_office(verb)


def _add_clusters(verbs: Any) -> None:
    verb = console.verb(verbs, "clusters", clusters, "help-clusters")
    verb.add_argument("--year", type=int, help="help-this-year")
    _of_office(verb)
    acts = verbs.add_parser("cluster", help="help-cluster").add_subparsers(
        dest="act", required=True, metavar="ACT"
    )
    verb = console.verb(acts, "seat", cluster_seat, "help-cluster-seat")
    verb.add_argument("cluster", help="help-cluster-code")
    verb.add_argument("unit", help="help-unit-code")
    verb.add_argument("rank", choices=[str(rank) for rank in SeatRank], help="help-cluster-rank")
    verb.add_argument("--year", type=int, help="help-this-year")
    _of_office(verb)
    verb = console.verb(acts, "renew", cluster_renew, "help-cluster-renew")
    verb.add_argument("year", type=int, help="help-year")
    _of_office(verb)


def _of_office(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--office", default="", help="help-code-of-office")


# The list


async def import_units(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.units.papers import intake, spreadsheet, template

    say = console.sayer(settings)
    if args.template:
        await asyncio.to_thread(template.write_template, args.template, say)
        console.show(say("unit_command-template-done", file=str(args.template)))
        return 0
    if args.file is None:
        raise UserError("command-import-no-file")
    if args.invitations and not args.commit:
        raise UserError("unit_command-invitations-commit")
    draft = await asyncio.to_thread(spreadsheet.read, args.file)
    async with console.database(settings) as db:
        plan, invited = await _import(db, draft, settings, args)
    for line in intake.describe(plan, say):
        console.show(line)
    code = console.conclude(plan, say, committed=args.commit, done="unit_command-import-done")
    if code == 0:
        for line in _about_people(draft, invited, args, say):
            console.show(line)
    return code


async def _import(
    db: Database, draft: Draft, settings: Settings, args: argparse.Namespace
) -> tuple[Plan, int]:
    """The plan, and how many were invited."""
    from handlers.deadlines.units.papers import intake, people, template

    invited = 0
    with suppress(console.Undo):
        async with db.transaction() as session:
            office = await console.office(session, args.office)
            now = console.now()
            plan = await intake.import_units(session, draft, office, now, actor=ACTOR)
            if plan.has_errors or not args.commit:
                raise console.Undo
            if args.invitations:
                rows = await people.invite_named(
                    session, console.vault(settings), draft, office, settings.links, now
                )
                # Before the commit: a code that cannot be written down is never made.
                say = console.sayer(settings)
                await asyncio.to_thread(template.write_invitations, args.invitations, rows, say)
                invited = len(rows)
    return plan, invited


def _about_people(
    draft: Draft, invited: int, args: argparse.Namespace, say: console.Say
) -> list[str]:
    from handlers.deadlines.units.papers import people

    if args.invitations:
        return [say("unit_command-invited", n=invited, file=str(args.invitations))]
    named = people.named_in(draft)
    return [say("unit_command-people-named", n=named)] if named else []


async def units(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.units import service

    say = console.sayer(settings)
    async with console.database(settings) as db, db.reading() as session:
        office = await console.office(session, args.office)
        found = await service.units_of(session, office.id, args.find, closed=True)
        counts = await service.counts_of_people(session, [unit.id for unit in found])
    if not found:
        console.show(say("unit_command-none"))
    for unit in found:
        kind = Word(f"units-kind-{unit.kind}") if unit.kind in service.KINDS else unit.kind
        names = (places.name_of(unit.commune), places.name_of(unit.province))
        told: dict[str, Arg] = {
            "code": unit.code, "name": unit.name, "kind": kind,
            "place": ", ".join(name for name in names if name) or "-",
            "n": counts.get(unit.id, 0),
        }  # fmt: skip
        key = "unit_command-unit" if unit.closed_at is None else "unit_command-unit-closed"
        console.show(say(key, **told))
    return 0


async def show_places(settings: Settings, args: argparse.Namespace) -> int:
    say = console.sayer(settings)
    found = places.find(args.text)
    known = places.places()
    for place in found:
        inside = "" if place.is_province else places.name_of(place.province)
        old = "; ".join(place.old_names) or "-"
        name = f"{place.name}, {inside}" if inside else place.name
        console.show(say("unit_command-place", code=place.code, name=name, old=old))
    if not found:
        console.show(say("unit_command-place-none"))
    checked = date.fromisoformat(known.checked_on)
    console.show(say("unit_command-place-source", source=known.source, checked=checked))
    return 0


# The people of a unit


async def unit_members(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.units import invitations, members, service

    say, now = console.sayer(settings), console.now()
    async with console.database(settings) as db, db.reading() as session:
        office = await console.office(session, args.office)
        unit = await service.unit_by_code(session, args.code, office.id)
        everybody = await members.people_of(session, unit.id)
        waiting = await invitations.open_ones(session, unit.id, now)
    console.show(say("unit_command-members", code=unit.code, name=unit.name, n=len(everybody)))
    for one in everybody:
        console.show(_described(one, say))
    for row in waiting:
        console.show(
            say(
                "unit_command-invitation", id=row.id, name=row.name,
                rank=RANKS[MemberRank(row.rank)], until=row.expires_at,
            )
        )  # fmt: skip
    return 0


def _described(one: Person, say: console.Say) -> str:
    from handlers.deadlines import people

    key = "unit_command-member" if one.reached else "unit_command-member-unreached"
    # A word stands alone in a sentence, and these are several.
    channels = [
        say(word.key) if isinstance(word, Word) else word
        for word in map(people.channel_word, one.channels)
    ]
    return say(
        key, id=one.member.id, name=one.member.name, rank=RANKS[MemberRank(one.member.rank)],
        since=local_day(one.member.joined_at), channels=", ".join(channels) or "-",
    )  # fmt: skip


async def unit_invite(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.units import invitations, service

    say, vault = console.sayer(settings), console.vault(settings)
    async with console.database(settings) as db, db.transaction() as session:
        office = await console.office(session, args.office)
        unit = await service.unit_by_code(session, args.code, office.id)
        rank = MemberRank(args.rank)
        code = await invitations.invite(
            session, vault, unit, rank, args.name, ACTOR, console.now()
        )
        way = invitations.ways(settings.links, await invitations.bot_name(session), code)
    console.show(
        say(
            "unit_command-invite-made", name=args.name.strip(), rank=RANKS[rank], unit=unit.name,
            days=invitations.LASTS_DAYS,
        )
    )  # fmt: skip
    console.show(f"  {way.web}")
    if way.telegram:
        console.show(f"  {way.telegram}")
    console.show(say("unit_command-invite-code", code=way.code))
    return 0


async def unit_remove(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.units import members

    async with console.database(settings) as db, db.transaction() as session:
        member = await members.live(session, args.member)
        await members.remove(session, member, ACTOR, console.now(), args.reason.strip())
    console.show(console.sayer(settings)("unit_command-remove-done", name=member.name))
    return 0


async def unit_revoke(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.units import invitations

    async with console.database(settings) as db, db.transaction() as session:
        row = await _invitation(session, args.invitation)
        invitations.revoke(session, row, ACTOR, console.now())
    console.show(console.sayer(settings)("units-revoked", name=row.name))
    return 0


async def _invitation(session: AsyncSession, id: str) -> UnitInvitation:
    row = await session.get(UnitInvitation, id)
    if row is None:
        raise UserError("unit_command-no-invitation", id=id)
    return row


async def unit_close(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.units import service

    async with console.database(settings) as db, db.transaction() as session:
        office = await console.office(session, args.office)
        unit = await service.unit_by_code(session, args.code, office.id)
        count = await service.close(session, unit, ACTOR, console.now(), args.reason.strip())
    console.show(console.sayer(settings)("unit_command-close-done", name=unit.name, n=count))
    return 0


# Clusters


async def clusters(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.units import service

    say, year = console.sayer(settings), args.year or local_day(console.now()).year
    async with console.database(settings) as db, db.reading() as session:
        office = await console.office(session, args.office)
        seats = await service.seats(session, year, office_id=office.id)
    shown = ""
    for one in seats:
        if one.cluster.id != shown:
            shown = one.cluster.id
            of_it = sum(other.cluster.id == shown for other in seats)
            console.show(
                say(
                    "unit_command-cluster", code=one.cluster.code, name=one.cluster.name,
                    year=str(year), n=of_it,
                )
            )  # fmt: skip
        console.show(
            say("unit_command-seat", code=one.unit.code, name=one.unit.name, rank=SEATS[one.rank])
        )
    if not seats:
        console.show(say("unit_command-clusters-none", year=str(year)))
    return 0


async def cluster_seat(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.units import service

    now, rank = console.now(), SeatRank(args.rank)
    year = args.year or local_day(now).year
    async with console.database(settings) as db, db.transaction() as session:
        office = await console.office(session, args.office)
        cluster = await service.cluster_by_code(session, args.cluster, office.id)
        unit = await service.unit_by_code(session, args.unit, office.id)
        await service.seat(session, cluster, unit, year, rank, ACTOR, now)
    console.show(
        console.sayer(settings)(
            "unit_command-seat-done", unit=unit.name, cluster=cluster.name, rank=SEATS[rank],
            year=str(year),
        )
    )  # fmt: skip
    return 0


async def cluster_renew(settings: Settings, args: argparse.Namespace) -> int:
    from handlers.deadlines.units import service

    async with console.database(settings) as db, db.transaction() as session:
        office = await console.office(session, args.office)
        count = await service.renew(session, office.id, args.year, ACTOR, console.now())
    year = str(args.year)
    console.show(console.sayer(settings)("unit_command-renew-done", n=count, year=year))
    return 0
