"""What others are told when somebody comes in or is removed; not those who want no notices."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import outbox, politely
from bot.replies import Reply, Word, reply
from bot.vault import Vault
from handlers.deadlines.units.invitations import Joined
from storage.models.people import Contact
from storage.models.units import Member, MemberAddress, MemberRank, Unit


async def tell_heads(session: AsyncSession, vault: Vault, joined: Joined, now: datetime) -> None:
    heads = await session.scalars(
        select(Member).where(
            Member.unit_id == joined.unit.id, Member.left_at.is_(None),
            Member.rank == MemberRank.HEAD, Member.id != joined.member.id,
        )
    )  # fmt: skip
    told = reply(
        "units-joined-notice", name=joined.member.name, unit=joined.unit.name,
        rank=Word(f"units-rank-{MemberRank(joined.member.rank)}"),
    )  # fmt: skip
    for head in heads.all():
        await _tell(session, vault, head, told, now)


async def tell_removed(
    session: AsyncSession, vault: Vault, member: Member, unit: Unit, now: datetime
) -> None:
    await _tell(session, vault, member, reply("units-removed-notice", unit=unit.name), now)


async def _tell(
    session: AsyncSession, vault: Vault, member: Member, told: Reply, now: datetime
) -> None:
    chat = await session.scalar(
        select(MemberAddress.contact_id)
        .join(Contact, Contact.id == MemberAddress.contact_id)
        .where(
            MemberAddress.member_id == member.id, MemberAddress.unreachable_at.is_(None),
            Contact.blocked.is_(False), Contact.opted_out_at.is_(None),
        )
        .order_by(MemberAddress.added_at)
        .limit(1)
    )  # fmt: skip
    if chat is not None:
        moments = await politely.moments(session, [chat], now)
        outbox.tell(session, vault, chat, told, due_at=moments[chat])
