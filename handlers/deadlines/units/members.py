"""The people of a unit: who they are, where they are reached, and how they stop answering for it.

A chat is one person. Whoever answers for several units does so by a row in each; another chat of
theirs is added to, and taken from, all of them at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Select, Update, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts
from bot.replies import UserError
from storage.models.office import Officer, Role
from storage.models.people import Contact
from storage.models.units import Member, MemberAddress, MemberRank, Unit, UnitInvitation

_ORDER = {MemberRank.HEAD: 0, MemberRank.FOCAL: 1, MemberRank.DEPUTY: 2}


@dataclass(frozen=True)
class Person:
    """A member with the chats they are reached in, oldest first."""

    member: Member
    channels: list[str] = field(default_factory=list)
    reached: bool = False
    """False when every chat is blocked or gone, or there is none."""


async def people_of(session: AsyncSession, unit_id: str) -> list[Person]:
    """Who answers for the unit now: heads first."""
    found = await session.execute(
        select(Member, MemberAddress.unreachable_at, Contact.channel, Contact.blocked)
        .outerjoin(MemberAddress, MemberAddress.member_id == Member.id)
        .outerjoin(Contact, Contact.id == MemberAddress.contact_id)
        .where(Member.unit_id == unit_id, Member.left_at.is_(None))
        .order_by(Member.joined_at, Member.id, MemberAddress.added_at)
    )
    people: dict[str, Person] = {}
    for member, unreachable_at, channel, blocked in found:
        person = people.get(member.id, Person(member))
        if channel:
            reached = person.reached or not (unreachable_at or blocked)
            person = Person(member, [*person.channels, channel], reached)
        people[member.id] = person
    return sorted(people.values(), key=lambda one: _ORDER[MemberRank(one.member.rank)])


async def here(session: AsyncSession, unit_id: str, contact_id: int) -> Member | None:
    """As whom this chat answers for the unit; asked anew before every act."""
    found: Member | None = await session.scalar(
        select(Member)
        .join(MemberAddress, MemberAddress.member_id == Member.id)
        .where(
            Member.unit_id == unit_id, Member.left_at.is_(None),
            MemberAddress.contact_id == contact_id,
        )
        .order_by(Member.joined_at)
    )  # fmt: skip
    return found


@dataclass(frozen=True)
class Standing:
    """By what right somebody acts on a unit."""

    unit: Unit
    member: Member | None = None
    officer: Officer | None = None

    @property
    def may_manage(self) -> bool:
        """Let people in and out: the office, and the head of the unit."""
        return self.officer is not None or (
            self.member is not None and self.member.rank == MemberRank.HEAD
        )

    @property
    def actor(self) -> str:
        if self.member is not None:
            return f"member:{self.member.id}"
        return f"officer:{self.officer.id}" if self.officer else ""


async def standing(session: AsyncSession, unit_id: str, contact_id: int) -> Standing:
    """Raises UserError for everybody who neither answers for the unit nor works in its office."""
    unit = await session.get(Unit, unit_id)
    if unit is not None:
        member = await here(session, unit.id, contact_id) if unit.closed_at is None else None
        officer = await officer_here(session, contact_id, unit.office_id)
        if member is not None or officer is not None:
            return Standing(unit, member, officer)
    raise UserError("units-not-yours")


async def managing(session: AsyncSession, unit_id: str, contact_id: int) -> Standing:
    """As `standing`, and may let people in and out. Raises UserError."""
    found = await standing(session, unit_id, contact_id)
    if not found.may_manage:
        raise UserError("units-not-yours")
    return found


async def officer_here(
    session: AsyncSession, contact_id: int, office_id: str = ""
) -> Officer | None:
    """An officer of that office, or of any, who works on units in this chat."""
    working = select(Officer).where(
        Officer.contact_id == contact_id, Officer.revoked_at.is_(None),
        Officer.role == Role.OFFICER,
    )  # fmt: skip
    if office_id:
        working = working.where(Officer.office_id == office_id)
    found: Officer | None = await session.scalar(working.order_by(Officer.joined_at))
    return found


async def live(session: AsyncSession, member_id: str) -> Member:
    """Raises UserError once the person has left."""
    member = await session.get(Member, member_id)
    if member is None or member.left_at is not None:
        raise UserError("units-no-such-person")
    return member


async def may_remove(session: AsyncSession, member: Member, contact_id: int) -> Standing:
    """Whoever manages the unit, and everybody themselves. Raises UserError."""
    found = await standing(session, member.unit_id, contact_id)
    if found.may_manage or (found.member is not None and found.member.id == member.id):
        return found
    raise UserError("units-not-yours")


async def remove(
    session: AsyncSession, member: Member, actor: str, now: datetime, reason: str = ""
) -> None:
    """Holds from the next press on: every act asks the row again. The row itself stays."""
    member.left_at = now
    await session.execute(end_codes(member, now))
    acts.note(session, now, actor, "remove", "member", member.id, reason)


def end_codes(member: Member, now: datetime) -> Update:
    """No code of theirs adds a channel any more."""
    return (
        update(UnitInvitation)
        .where(
            UnitInvitation.member_id == member.id,
            UnitInvitation.used_at.is_(None),
            UnitInvitation.revoked_at.is_(None),
        )
        .values(revoked_at=now)
    )


# Chats


async def chats_of(session: AsyncSession, contact_id: int) -> Sequence[int]:
    """Every chat in which what this one answers for is reached, itself among them."""
    mine = select(MemberAddress.member_id).join(Member).where(
        MemberAddress.contact_id == contact_id, Member.left_at.is_(None)
    )  # fmt: skip
    found = await session.scalars(
        select(MemberAddress.contact_id)
        .where(MemberAddress.member_id.in_(mine))
        .group_by(MemberAddress.contact_id)
        .order_by(MemberAddress.contact_id)
    )
    return sorted({contact_id, *found})


async def add_chat(
    session: AsyncSession, member_id: str, contact_id: int, now: datetime
) -> list[str]:
    """Adds this chat to everything that the member's person answers for; returns the members that
    were not reached in it before.

    Raises UserError where the chat answers for something else already: to join them would hand
    that to whoever made the code.
    """
    mine = await _posts_in(
        session, select(MemberAddress.contact_id).where(MemberAddress.member_id == member_id)
    )
    in_chat = await _posts_in(session, select(Contact.id).where(Contact.id == contact_id))
    if not set(in_chat) <= set(mine):
        raise UserError("units-channel-taken")
    missing = [post for post in mine if post not in in_chat]
    session.add_all(
        MemberAddress(member_id=post, contact_id=contact_id, added_at=now) for post in missing
    )
    return missing


async def _posts_in(session: AsyncSession, chats: Select[int]) -> Sequence[str]:
    found = await session.scalars(
        select(Member.id)
        .join(MemberAddress, MemberAddress.member_id == Member.id)
        .where(MemberAddress.contact_id.in_(chats), Member.left_at.is_(None))
        .distinct()
    )
    return found.all()


async def drop_chat(session: AsyncSession, contact_id: int, chat: int, now: datetime) -> None:
    """Takes another chat of the person in this one from all they answer for: a lost telephone.

    Raises UserError for this chat itself and for one that is not theirs.
    """
    if chat == contact_id or chat not in await chats_of(session, contact_id):
        raise UserError("units-channel-not-yours")
    posts = await _posts_in(session, select(Contact.id).where(Contact.id == contact_id))
    await session.execute(
        delete(MemberAddress).where(
            MemberAddress.contact_id == chat, MemberAddress.member_id.in_(posts)
        )
    )
    for post in posts:
        acts.note(session, now, f"member:{post}", "drop channel", "member", post)


@dataclass(frozen=True)
class Channel:
    contact_id: int
    name: str
    added_at: datetime


async def channels_of(session: AsyncSession, contact_id: int) -> list[Channel]:
    """Where the person in this chat is reached, oldest first."""
    found = await session.execute(
        select(Contact.id, Contact.channel, MemberAddress.added_at)
        .join(MemberAddress, MemberAddress.contact_id == Contact.id)
        .where(Contact.id.in_(await chats_of(session, contact_id)))
        .order_by(MemberAddress.added_at)
    )
    channels: dict[int, Channel] = {}
    for chat, name, added_at in found:
        channels.setdefault(chat, Channel(chat, name, added_at))
    return list(channels.values())
