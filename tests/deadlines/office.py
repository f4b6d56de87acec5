"""An office furnished for the tests: units, clusters and people who came in the real way."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from bot.clock import local_day
from handlers.deadlines.units import invitations, service
from storage.models.base import new_id
from storage.models.units import (
    Cluster,
    ClusterKind,
    Member,
    MemberRank,
    SeatRank,
    Unit,
    UnitKind,
)
from tests.cast import Citizen
from tests.world import World

DAY = timedelta(days=1)


async def unit(
    world: World,
    code: str,
    name: str,
    kind: str = UnitKind.COMMUNE,
    *,
    office_id: str = "",
    province: str = "",
    commune: str = "",
    aliases: tuple[str, ...] = (),
) -> Unit:
    """A unit of the world's office."""
    made = Unit(
        id=new_id(), office_id=office_id or world.office_id, code=code, name=name, kind=kind,
        province=province, commune=commune, aliases=list(aliases),
    )  # fmt: skip
    async with world.base.db.transaction() as session:
        session.add(made)
    return made


async def cluster(
    world: World, code: str, name: str, *units: Unit, year: int | None = None
) -> Cluster:
    """A cluster of these units, this year: the first is its head, the second its deputy."""
    made = Cluster(
        id=new_id(), office_id=world.office_id, code=code, name=name, kind=ClusterKind.CLUSTER
    )
    ranks = (SeatRank.HEAD, SeatRank.DEPUTY, *(SeatRank.MEMBER for _ in units[2:]))
    now = world.now()
    async with world.base.db.transaction() as session:
        session.add(made)
        await session.flush()
        for one, rank in zip(units, ranks, strict=False):
            in_year = year or local_day(now).year
            await service.seat(session, made, one, in_year, rank, "command", now)
    return made


async def invitation(
    world: World, to: Unit, rank: MemberRank = MemberRank.FOCAL, name: str = "Lê Thị Mơ"
) -> str:
    """The code, in clear."""
    async with world.base.db.transaction() as session:
        return await invitations.invite(
            session, world.base.vault, to, rank, name, "command", world.now()
        )


async def member(
    world: World,
    citizen: Citizen,
    of: Unit,
    rank: MemberRank = MemberRank.FOCAL,
    name: str = "Lê Thị Mơ",
) -> Member:
    """The citizen answers for the unit, let in by an invitation's link."""
    code = await invitation(world, of, rank, name)
    assert name in await citizen.says(f"/start u-{code.replace('-', '')}")
    return (await people(world, of))[-1]


async def people(world: World, of: Unit) -> list[Member]:
    """Everybody who answers for the unit, or did, in order of coming."""
    async with world.base.db.reading() as session:
        found = await session.scalars(
            select(Member).where(Member.unit_id == of.id).order_by(Member.joined_at)
        )
        return list(found.all())
