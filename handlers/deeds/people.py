"""Who works on a deed: the office's officers, and the people of the unit that has it in hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.contacts import WILLING
from bot.replies import UserError
from storage.models.deeds import Deed, DeedState
from storage.models.office import Officer, Role
from storage.models.people import Contact
from storage.models.units import Member, MemberAddress, MemberRank, Unit

CLERKS = (MemberRank.FOCAL, MemberRank.DEPUTY)
IN_HAND = (DeedState.NURTURED, DeedState.SUMMARISED, DeedState.PROPOSED)
"""While a unit works on a deed with its office."""


@dataclass(frozen=True)
class Post:
    """What somebody is in one unit."""

    unit: Unit
    member: Member

    @property
    def actor(self) -> str:
        return f"member:{self.member.id}"


async def posts(session: AsyncSession, contact_id: int) -> Sequence[Post]:
    """Every unit this contact answers for; empty for a stranger, and for whoever left."""
    found = await session.execute(
        select(Unit, Member)
        .join(Member, Member.unit_id == Unit.id)
        .join(MemberAddress, MemberAddress.member_id == Member.id)
        .where(
            MemberAddress.contact_id == contact_id, Member.left_at.is_(None),
            Unit.closed_at.is_(None),
        )
        .order_by(Unit.name, Member.joined_at)
    )  # fmt: skip
    return [Post(unit, member) for unit, member in found]


@dataclass(frozen=True)
class Hand:
    """Who works on a deed now: an officer of its office, or somebody of the unit that has it."""

    deed: Deed
    actor: str
    unit: Unit | None = None
    """None for an officer."""


async def hand(session: AsyncSession, contact_id: int, deed_id: str) -> Hand:
    """Raises UserError for everybody else, and for no deed: with the same words."""
    deed = await session.get(Deed, deed_id)
    officer = await acting(session, contact_id)
    if deed is not None and officer is not None and officer.office_id == deed.office_id:
        return Hand(deed, f"officer:{officer.id}")
    for post in await posts(session, contact_id):
        if deed is not None and has_in_hand(deed, post.unit.id):
            return Hand(deed, post.actor, post.unit)
    raise UserError("deed_nurture-not-yours")


def has_in_hand(deed: Deed, unit_id: str) -> bool:
    return deed.unit_id == unit_id and deed.state in IN_HAND


async def chats_of(
    session: AsyncSession, unit_id: str, *ranks: MemberRank, willing: bool = False
) -> dict[str, int]:
    """Member → the chat in which they are reached first; who has none left is left out.

    `willing`: without who wants no reminder. What the office asks of a unit is none.
    """
    found = await session.execute(
        select(Member.id, MemberAddress.contact_id)
        .join(MemberAddress, MemberAddress.member_id == Member.id)
        .join(Contact, Contact.id == MemberAddress.contact_id)
        .where(
            Member.unit_id == unit_id, Member.rank.in_(ranks), Member.left_at.is_(None),
            MemberAddress.unreachable_at.is_(None), Contact.blocked.is_(False),
            *([WILLING] if willing else []),
        )
        .order_by(MemberAddress.added_at.desc())
    )  # fmt: skip
    return dict(found.all())


async def members_of(session: AsyncSession, unit_id: str) -> Sequence[Member]:
    found = await session.scalars(
        select(Member)
        .where(Member.unit_id == unit_id, Member.left_at.is_(None))
        .order_by(Member.name)
    )
    return found.all()


async def acting(session: AsyncSession, contact_id: int) -> Officer | None:
    """The row by which this contact works on deeds; None for everybody else, and one let go."""
    found: Officer | None = await session.scalar(
        select(Officer)
        .where(
            Officer.contact_id == contact_id, Officer.role == Role.OFFICER,
            Officer.revoked_at.is_(None),
        )
        .order_by(Officer.joined_at)
        .limit(1)
    )  # fmt: skip
    return found


async def officers_of(session: AsyncSession, office_id: str) -> Sequence[Officer]:
    """Those who may be written to."""
    found = await session.scalars(
        select(Officer)
        .where(
            Officer.office_id == office_id, Officer.role == Role.OFFICER,
            Officer.revoked_at.is_(None),
            Officer.contact_id.in_(select(Contact.id).where(WILLING)),
        )
        .order_by(Officer.joined_at)
    )  # fmt: skip
    return found.all()
