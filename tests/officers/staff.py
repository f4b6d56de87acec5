"""Officers for the tests: invited and let in through the real way in."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from handlers.officers import service
from storage.models.office import Office, Officer, Role
from tests.cast import Citizen
from tests.world import World


async def invitation(
    world: World, role: Role = Role.OFFICER, name: str = "Nguyễn Thị Lan", office_id: str = ""
) -> str:
    async with world.base.db.transaction() as session:
        return service.invite(
            session, world.base.vault, office_id or world.office_id, role, name, world.now()
        )


async def officer(
    world: World,
    channel: str = "webchat",
    number: int = 50,
    role: Role = Role.OFFICER,
    name: str = "Nguyễn Thị Lan",
    office_id: str = "",
) -> Citizen:
    code = await invitation(world, role, name, office_id)
    person = await world.citizen(channel, number)
    assert name in await person.says(f"/start i-{code}")
    return person


async def rows(world: World) -> list[Officer]:
    async with world.base.db.reading() as session:
        found = await session.scalars(select(Officer).order_by(Officer.joined_at))
        return list(found.all())


async def other_office(world: World) -> str:
    async with world.base.db.transaction() as session:
        office = Office(code="SM", name="Phòng Thi đua tỉnh Suối Mây", addresses=[])
        session.add(office)
        await session.flush()
        return office.id


DAY = timedelta(days=1)
