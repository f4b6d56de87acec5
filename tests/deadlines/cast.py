"""Units, their deadlines and their people, in the world of the tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from handlers.deadlines import duties
from handlers.deadlines.reminders.feed import feed
from storage.models.base import new_id
from storage.models.deadlines import Deadline, DeadlineState, Duty, Work
from storage.models.office import Officer, Role
from storage.models.people import Contact
from storage.models.reminders import Reminder, ReminderState
from storage.models.traffic import InboxEvent
from storage.models.units import Member, MemberAddress, MemberRank, Unit, UnitKind
from tests.cast import Citizen
from tests.world import World

MONDAY = datetime(2027, 3, 1, 2, tzinfo=UTC)
"""9 in the morning in Vietnam, on a working day without holidays near."""
FRIDAY_NIGHT = datetime(2027, 3, 12, 17, tzinfo=UTC)
"""24:00 of Friday 12/03/2027."""


@dataclass(frozen=True)
class Owing:
    """A unit and one thing it owes."""

    unit_id: str
    deadline_id: str
    duty_id: str


async def owing(
    world: World,
    work: Work = Work.OTHER,
    *,
    unit: str = "Xã Suối Mơ",
    title: str = "Ký giao ước thi đua",
    due_at: datetime = FRIDAY_NIGHT,
    **more: Any,
) -> Owing:
    """The unit is made when there is none of that name yet."""
    async with world.base.db.transaction() as session:
        bearer = await session.scalar(select(Unit).where(Unit.name == unit))
        if bearer is None:
            bearer = Unit(
                id=new_id(), office_id=world.office_id, code=new_id()[:8], name=unit,
                kind=UnitKind.COMMUNE,
            )  # fmt: skip
            session.add(bearer)
        deadline = Deadline(
            id=new_id(), office_id=world.office_id, code=new_id()[:12], year=2027, title=title,
            work=work, due_at=due_at, state=DeadlineState.ARMED, armed_at=MONDAY - timedelta(9),
            **more,
        )  # fmt: skip
        session.add(deadline)
        await session.flush()
        await duties.ensure(session, deadline, MONDAY)
        duty = (
            await session.scalars(
                select(Duty).where(Duty.deadline_id == deadline.id, Duty.unit_id == bearer.id)
            )
        ).one()
        return Owing(bearer.id, deadline.id, duty.id)


async def contact_id(world: World, citizen: Citizen, words: str = "/start") -> int:
    """Says it, and is known by it."""
    await citizen.says(words)
    newest = select(InboxEvent.lane).order_by(InboxEvent.id.desc()).limit(1).scalar_subquery()
    async with world.base.db.reading() as session:
        return (
            await session.scalars(select(Contact.id).where(Contact.address_hash == newest))
        ).one()


async def joins(
    world: World,
    contact: int,
    unit_id: str,
    name: str = "Đỗ Thị Minh Họa",
    rank: MemberRank = MemberRank.FOCAL,
) -> str:
    async with world.base.db.transaction() as session:
        member = Member(id=new_id(), unit_id=unit_id, rank=rank, name=name, joined_at=MONDAY)
        session.add(member)
        await session.flush()
        session.add(MemberAddress(member_id=member.id, contact_id=contact, added_at=MONDAY))
    return member.id


async def officer_joins(world: World, contact: int) -> None:
    async with world.base.db.transaction() as session:
        session.add(
            Officer(
                id=new_id(), office_id=world.office_id, contact_id=contact, role=Role.OFFICER,
                name="Cán bộ Ví Dụ", joined_at=MONDAY,
            )
        )  # fmt: skip


async def reminded(
    world: World, owed: Owing, member_id: str, contact: int, step: str = "T-7"
) -> int:
    """A step of the ladder that has come, told by the feed and sent: the row's number."""
    now = world.now()
    async with world.base.db.transaction() as session:
        row = Reminder(
            unit_id=owed.unit_id, deadline_id=owed.deadline_id, step=step, recipient=member_id,
            contact_id=contact, planned_at=now, due_at=now, state=ReminderState.PLANNED, at=now,
        )  # fmt: skip
        session.add(row)
        await session.flush()
        person = await session.get_one(Contact, contact)
        fed = await feed(session, world.base.vault, now, 10, person.channel, person.account)
        assert fed == 1
    await world.dialogue.outbox.send_due()
    await world.settled()
    return row.id


async def duty_of(world: World, owed: Owing) -> Duty:
    async with world.base.db.reading() as session:
        return await session.get_one(Duty, owed.duty_id)


async def ledger(world: World, prefix: str = "again") -> list[Reminder]:
    async with world.base.db.reading() as session:
        return await _ledger(session, prefix)


async def _ledger(session: AsyncSession, prefix: str) -> list[Reminder]:
    found = await session.scalars(
        select(Reminder).where(Reminder.step.startswith(prefix)).order_by(Reminder.step)
    )
    return list(found)
