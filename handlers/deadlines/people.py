"""Who answers for what: members of units, heads of clusters, and the chats they are reached in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.replies import Word
from storage.models.office import Officer, Role
from storage.models.units import (
    Cluster,
    ClusterSeat,
    Member,
    MemberAddress,
    MemberRank,
    SeatRank,
    Unit,
    UnitKind,
)

CHANNELS = {
    "telegram": Word("units-through-telegram"),
    "webchat": Word("units-through-webchat"),
}
"""What people call the channels they are reached through."""
_LEADING = (SeatRank.HEAD, SeatRank.DEPUTY)


def channel_word(channel: str) -> Word | str:
    return CHANNELS.get(channel, channel)


@dataclass(frozen=True)
class Post:
    """What somebody is in one unit."""

    unit: Unit
    member: Member

    @property
    def actor(self) -> str:
        """As an Act names them."""
        return f"member:{self.member.id}"

    @property
    def id(self) -> str:
        """As the ledger names a recipient."""
        return self.member.id

    @property
    def name(self) -> str:
        return self.member.name


@dataclass(frozen=True)
class OfficePost:
    """An officer, for what the office itself owes."""

    unit: Unit
    officer: Officer

    @property
    def actor(self) -> str:
        return f"officer:{self.officer.id}"

    @property
    def id(self) -> str:
        return self.officer.id

    @property
    def name(self) -> str:
        return self.officer.name


async def posts(session: AsyncSession, contact_id: int) -> Sequence[Post]:
    """Every unit this contact answers for, in order of name; empty for a stranger."""
    found = await session.execute(
        select(Unit, Member)
        .join(Member, Member.unit_id == Unit.id)
        .join(MemberAddress, MemberAddress.member_id == Member.id)
        .where(
            MemberAddress.contact_id == contact_id,
            Member.left_at.is_(None),
            Unit.closed_at.is_(None),
        )
        .order_by(Unit.name, Member.joined_at)
    )
    return [Post(unit, member) for unit, member in found]


async def members(session: AsyncSession, unit_ids: Collection[str]) -> Mapping[str, list[Member]]:
    """Who answers for each of these units: who does the work first, its head last."""
    found = await session.scalars(
        select(Member).where(Member.unit_id.in_(unit_ids), Member.left_at.is_(None))
    )
    order = list(MemberRank)
    of: dict[str, list[Member]] = defaultdict(list)
    for one in sorted(found, key=lambda one: (order.index(MemberRank(one.rank)), one.name)):
        of[one.unit_id].append(one)
    return of


async def office_posts(session: AsyncSession, contact_id: int) -> Sequence[OfficePost]:
    """The office this contact is an officer of, as the bearer of its own dates."""
    found = await session.execute(
        select(Unit, Officer)
        .join(Officer, Officer.office_id == Unit.office_id)
        .where(
            Unit.kind == UnitKind.OFFICE,
            Unit.closed_at.is_(None),
            Officer.contact_id == contact_id,
            Officer.role == Role.OFFICER,
            Officer.revoked_at.is_(None),
        )
        .order_by(Unit.name, Officer.joined_at)
    )
    return [OfficePost(unit, officer) for unit, officer in found]


async def headed_clusters(
    session: AsyncSession, unit_ids: Sequence[str], year: int
) -> Sequence[Cluster]:
    """The clusters whose head or deputy is one of these units this year."""
    found = await session.scalars(
        select(Cluster)
        .join(ClusterSeat, ClusterSeat.cluster_id == Cluster.id)
        .where(
            ClusterSeat.unit_id.in_(unit_ids),
            ClusterSeat.year == year,
            ClusterSeat.rank.in_(_LEADING),
        )
        .order_by(Cluster.name)
        .distinct()
    )
    return found.all()


async def headships(
    session: AsyncSession, unit_ids: Sequence[str]
) -> Sequence[tuple[Cluster, int]]:
    """The clusters whose head or deputy one of these units is, was or will be, with the year."""
    found = await session.execute(
        select(Cluster, ClusterSeat.year)
        .join(ClusterSeat, ClusterSeat.cluster_id == Cluster.id)
        .where(ClusterSeat.unit_id.in_(unit_ids), ClusterSeat.rank.in_(_LEADING))
        .order_by(Cluster.name, Cluster.id, ClusterSeat.year)
        .distinct()
    )
    return [(cluster, year) for cluster, year in found]


async def cluster_units(session: AsyncSession, cluster_id: str, year: int) -> Sequence[Unit]:
    """The members of a cluster in a year, the head first, then by name."""
    found = await session.execute(
        select(Unit, ClusterSeat.rank)
        .join(ClusterSeat, ClusterSeat.unit_id == Unit.id)
        .where(ClusterSeat.cluster_id == cluster_id, ClusterSeat.year == year)
        .order_by(Unit.name)
    )
    order = {SeatRank.HEAD: 0, SeatRank.DEPUTY: 1, SeatRank.MEMBER: 2}
    rows = sorted(found, key=lambda row: order[SeatRank(row.rank)])
    return [row.Unit for row in rows]
