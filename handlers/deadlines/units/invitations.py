"""How people come to answer for a unit: single-use invitations that expire and can be revoked.

The code is kept as a fingerprint only. A code for another channel joins that chat to everything
its maker answers for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts
from bot.limits import Limit
from bot.replies import UserError
from bot.text import tidy
from bot.vault import Vault
from handlers.deadlines.units import codes, members
from storage.models.base import new_id
from storage.models.traffic import Installation
from storage.models.units import Member, MemberAddress, MemberRank, Unit, UnitInvitation

WRONG_CODES = Limit("unit-invitation", 10, minutes=60)
"""Per contact. The chat counts a miss itself, because a UserError would undo the count."""
LONGEST_NAME = 120
LASTS_DAYS = 14
CHANNEL_LASTS_DAYS = 1
MOST_OPEN = 20
"""Open invitations of one unit: more is a slip, or somebody's game."""


@dataclass(frozen=True)
class Ways:
    """What an invitation looks like to the person invited."""

    code: str
    web: str
    telegram: str
    """"" where there is no bot there."""


async def bot_name(session: AsyncSession) -> str:
    """ "" where there is no bot on Telegram, or it has not introduced itself yet."""
    return await session.scalar(select(Installation.telegram_name)) or ""


def ways(links: str, bot: str, code: str) -> Ways:
    """`links` is the public address of our pages. Behind the "#" no proxy's log is told of it."""
    short = codes.in_link(code)
    telegram = f"https://t.me/{bot}?start=u-{short}" if bot else ""
    return Ways(code, f"{links}/chat#start=u-{short}", telegram)


@dataclass(frozen=True)
class Joined:
    unit: Unit
    member: Member
    how: str
    """`joined`, `channel` for another channel, `again` where the link was opened once more."""


def checked_name(typed: str) -> str:
    """Raises UserError when the name is empty or too long."""
    name = " ".join(tidy(typed).split())
    if not name or len(name) > LONGEST_NAME:
        raise UserError("units-name-needed", longest=LONGEST_NAME)
    return name


async def invite(
    session: AsyncSession,
    vault: Vault,
    unit: Unit,
    rank: MemberRank,
    name: str,
    actor: str,
    now: datetime,
    days: int = LASTS_DAYS,
) -> str:
    """Makes an invitation and returns its code, in clear for the only time. Raises UserError."""
    name = checked_name(name)
    if unit.closed_at is not None:
        raise UserError("units-closed", unit=unit.name)
    if len(await open_ones(session, unit.id, now)) >= MOST_OPEN:
        raise UserError("units-too-many-invitations", most=MOST_OPEN)
    return _make(session, vault, unit.id, rank, name, None, actor, now, days)


async def add_channel(session: AsyncSession, vault: Vault, member: Member, now: datetime) -> str:
    """A code by which the same person is reached in another chat too; the one before ends."""
    await session.execute(members.end_codes(member, now))
    actor = f"member:{member.id}"
    return _make(
        session, vault, member.unit_id, MemberRank(member.rank), member.name, member.id, actor,
        now, CHANNEL_LASTS_DAYS,
    )  # fmt: skip


def _make(
    session: AsyncSession,
    vault: Vault,
    unit_id: str,
    rank: MemberRank,
    name: str,
    member_id: str | None,
    actor: str,
    now: datetime,
    days: int,
) -> str:
    code = codes.new_code()
    row = UnitInvitation(
        id=new_id(), unit_id=unit_id, rank=rank, name=name, member_id=member_id,
        fingerprint=_fingerprint(vault, code), made_by=actor, made_at=now,
        expires_at=now + timedelta(days=days),
    )  # fmt: skip
    session.add(row)
    acts.note(session, now, actor, "invite", "unit invitation", row.id)
    return code


def _fingerprint(vault: Vault, code: str) -> bytes:
    return vault.fingerprint("unit-invitation", code)


async def open_ones(
    session: AsyncSession, unit_id: str, now: datetime
) -> Sequence[UnitInvitation]:
    """Invitations into the unit that still let somebody in; codes for channels are not among
    them: they are their maker's own."""
    found = await session.scalars(
        select(UnitInvitation)
        .where(
            UnitInvitation.unit_id == unit_id,
            UnitInvitation.member_id.is_(None),
            UnitInvitation.used_at.is_(None),
            UnitInvitation.revoked_at.is_(None),
            UnitInvitation.expires_at > now,
        )
        .order_by(UnitInvitation.made_at, UnitInvitation.id)
    )
    return found.all()


def revoke(session: AsyncSession, row: UnitInvitation, actor: str, now: datetime) -> None:
    """From now on it lets nobody in. Raises UserError when it was used or revoked already."""
    if row.used_at is not None or row.revoked_at is not None:
        raise UserError("units-invitation-ended", name=row.name)
    row.revoked_at = now
    acts.note(session, now, actor, "revoke", "unit invitation", row.id)


async def accept(
    session: AsyncSession, vault: Vault, typed: str, contact_id: int, now: datetime
) -> Joined:
    """Spends an invitation. The one who spent it may open its link again; nobody else may.

    Raises UserError, and always the same, for a code unknown, used, revoked or out of date;
    another for somebody who answers for the unit already: the invitation stays good for the
    person it was meant for. Writes nothing before it raises.
    """
    row = await _held(session, vault, typed)
    unit = await session.get(Unit, row.unit_id) if row else None
    if row is None or unit is None or unit.closed_at is not None:
        raise UserError("units-invitation-useless")
    member = await session.get(Member, row.member_id) if row.member_id else None
    if member is not None and member.left_at is not None:
        raise UserError("units-invitation-useless")
    if row.used_at is not None:
        if member is None or not await _reached_here(session, member.id, contact_id):
            raise UserError("units-invitation-useless")
        return Joined(unit, member, "again")
    if row.revoked_at is not None or row.expires_at <= now:
        raise UserError("units-invitation-useless")
    if member is not None:
        return await _add_channel(session, row, unit, member, contact_id, now)
    if await members.here(session, unit.id, contact_id):
        raise UserError("units-already-here", unit=unit.name, name=row.name)
    return await _take_on(session, row, unit, contact_id, now)


async def _held(session: AsyncSession, vault: Vault, typed: str) -> UnitInvitation | None:
    code = codes.tidy_code(typed)
    if code is None:
        return None
    found: UnitInvitation | None = await session.scalar(
        select(UnitInvitation)
        .where(UnitInvitation.fingerprint == _fingerprint(vault, code))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found


async def _reached_here(session: AsyncSession, member_id: str, contact_id: int) -> bool:
    return await session.get(MemberAddress, (member_id, contact_id)) is not None


async def _take_on(
    session: AsyncSession, row: UnitInvitation, unit: Unit, contact_id: int, now: datetime
) -> Joined:
    member = Member(id=new_id(), unit_id=unit.id, rank=row.rank, name=row.name, joined_at=now)
    session.add(member)
    await session.flush()
    session.add(MemberAddress(member_id=member.id, contact_id=contact_id, added_at=now))
    row.used_at, row.member_id = now, member.id
    acts.note(session, now, f"member:{member.id}", "join", "member", member.id)
    return Joined(unit, member, "joined")


async def _add_channel(
    session: AsyncSession,
    row: UnitInvitation,
    unit: Unit,
    member: Member,
    contact_id: int,
    now: datetime,
) -> Joined:
    added = await members.add_chat(session, member.id, contact_id, now)
    if not added:
        return Joined(unit, member, "again")
    row.used_at = now
    for one in added:
        acts.note(session, now, f"member:{one}", "add channel", "member", one)
    return Joined(unit, member, "channel")
