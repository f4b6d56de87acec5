"""Units that owe something, and the people who answer for them, for tests of handing in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from handlers.deadlines import duties
from storage.models.base import new_id
from storage.models.consultations import Award
from storage.models.deadlines import (
    Deadline,
    DeadlineState,
    Duty,
    DutyState,
    Submission,
    Work,
)
from storage.models.people import Contact
from storage.models.traffic import OutboxMessage
from storage.models.units import Member, MemberAddress, MemberRank, Unit, UnitKind
from tests.cast import Citizen
from tests.world import World

PAPERS = ["Tờ trình", "Báo cáo thành tích", "Biên bản họp"]
NAMES = ("Nguyễn Thị Chuồn Chuồn", "Trần Văn Cào Cào")


async def unit(world: World, code: str = "SM", name: str = "Xã Suối Mơ") -> str:
    async with world.base.db.transaction() as session:
        row = Unit(
            id=new_id(), office_id=world.office_id, code=code, name=name, kind=UnitKind.COMMUNE
        )
        session.add(row)
        await session.flush()
        await duties.ensure_for_unit(session, row, world.now())
        return row.id


async def deadline(
    world: World,
    work: Work = Work.REGISTRATION,
    days: float = 10,
    code: str = "DK-2027",
    title: str = "Đăng ký thi đua đầu năm",
    **given: Any,
) -> str:
    """Armed, and owed by every unit there is."""
    async with world.base.db.transaction() as session:
        row = Deadline(
            id=new_id(), office_id=world.office_id, code=code, year=2027, title=title, work=work,
            due_at=given.pop("due_at", world.now() + timedelta(days=days)),
            state=DeadlineState.ARMED, armed_at=world.now(), **given,
        )  # fmt: skip
        session.add(row)
        await session.flush()
        await duties.ensure(session, row, world.now())
        return row.id


async def person_of(
    world: World,
    unit_id: str,
    channel: str = "webchat",
    number: int = 1,
    rank: MemberRank = MemberRank.FOCAL,
    name: str = "Lê Thị Đầu Mối",
) -> Citizen:
    """Somebody who answers for the unit, in a chat of their own."""
    citizen = await world.citizen(channel, number)
    await citizen.says("/start")
    await joins(world, unit_id, rank, name)
    return citizen


async def owing(world: World, channel: str = "webchat") -> tuple[Citizen, str, str]:
    """A unit with a registration due in ten days: its person, its id and the deadline's."""
    unit_id = await unit(world)
    due = await deadline(world)
    return await person_of(world, unit_id, channel), unit_id, due


async def newest_contact(world: World) -> int:
    async with world.base.db.reading() as session:
        found = await session.scalar(select(Contact.id).order_by(Contact.made_at.desc()).limit(1))
    assert found is not None
    return found


async def joins(
    world: World,
    unit_id: str,
    rank: MemberRank = MemberRank.FOCAL,
    name: str = "Lê Thị Đầu Mối",
    contact_id: int = 0,
) -> None:
    """Whoever wrote for the first time last, or this contact, answers for the unit too."""
    contact_id = contact_id or await newest_contact(world)
    async with world.base.db.transaction() as session:
        member = Member(id=new_id(), unit_id=unit_id, rank=rank, name=name, joined_at=world.now())
        session.add(member)
        await session.flush()
        session.add(
            MemberAddress(member_id=member.id, contact_id=contact_id, added_at=world.now())
        )


async def leaves(world: World, unit_id: str) -> None:
    async with world.base.db.transaction() as session:
        for member in await session.scalars(select(Member).where(Member.unit_id == unit_id)):
            member.left_at = world.now()


async def duty(world: World, unit_id: str, deadline_id: str) -> Duty:
    async with world.base.db.reading() as session:
        found = await session.scalar(
            select(Duty).where(Duty.unit_id == unit_id, Duty.deadline_id == deadline_id)
        )
    assert found is not None
    return found


async def state(world: World, unit_id: str, deadline_id: str) -> DutyState:
    return DutyState((await duty(world, unit_id, deadline_id)).state)


async def versions(world: World) -> list[Submission]:
    async with world.base.db.reading() as session:
        return list(await session.scalars(select(Submission).order_by(Submission.at)))


async def queued(world: World) -> int:
    """How many messages are owed that nobody asked for just now."""
    async with world.base.db.reading() as session:
        rows = await session.scalars(select(OutboxMessage).where(OutboxMessage.kind == "notice"))
        return len(list(rows))


async def award(world: World, code: str) -> Award:
    async with world.base.db.reading() as session:
        return await session.get_one(Award, code)


def in_days(world: World, days: float) -> datetime:
    return world.now() + timedelta(days=days)
