"""Opinions begun and never sent: what was told for them is forgotten in the end."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from handlers.consultations import drafts
from storage.models.people import Contact, Person
from storage.models.traffic import StoredFile
from tests.pictures import jpeg
from tests.test_contract import give_objection
from tests.world import World

NAME = "Phạm Thị Cánh Cam"


async def test_a_draft_left_alone_is_forgotten_with_its_name_and_files(world: World) -> None:
    """Beside anonymous opinions of others, and whether or not its author went back a step."""
    await give_objection(await world.citizen("webchat"))
    for number, leaves in ((1, "Tôi thôi vậy"), (2, "/start c-AH-2026-01-1")):
        citizen = await world.citizen("telegram", number)
        await citizen.says("/start c-AH-2026-01-1")
        await citizen.taps("Không đồng ý")
        await citizen.sends_files((jpeg(60 + number, 40), "anh.jpg"))
        await citizen.taps("Chỉ cho cơ quan")
        await citizen.says(NAME)
        await citizen.taps("Quay lại")
        await citizen.taps("Quay lại")
        await citizen.taps("Quay lại")
        await citizen.says(leaves)
    assert await named(world) == 2
    for days, kept in ((59, 2), (61, 0)):
        world.shift = timedelta(days=days)
        async with world.base.db.transaction() as session:
            await drafts.forget_drafts(session, world.now())
        assert await named(world) == kept
    async with world.base.db.reading() as session:
        assert (await session.scalars(select(StoredFile))).all() == []
        held = await session.scalars(select(Contact.data).where(Contact.channel == "telegram"))
        assert set(map(str, held)) == {"{}"}


async def named(world: World) -> int:
    async with world.base.db.reading() as session:
        return await session.scalar(select(func.count(Person.name))) or 0
