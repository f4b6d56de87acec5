"""Opinions given and looked at behind the dialogue's back, for the tests of the office's side."""

from __future__ import annotations

import asyncio

from sqlalchemy import select

from handlers.consultations import service
from handlers.consultations.service import Author, Draft
from storage.models.base import new_id
from storage.models.consultations import Candidate, IdentityLevel, Opinion, OpinionFile, Stance
from storage.models.office import Act
from storage.models.people import Contact
from storage.models.traffic import StoredFile
from tests.cast import Citizen
from tests.world import World

WORDS = "Bà Mẫu đã dạy chữ cho con tôi, nhưng năm 2023 lớp học đóng cửa bốn tháng."


async def contact_of(world: World, channel: str, number: int = 1) -> tuple[Citizen, int]:
    """A citizen who said hello, and the contact by which the service knows them."""
    before = await _contacts(world)
    citizen = await world.citizen(channel, number)
    await citizen.says("/start")
    (contact_id,) = await _contacts(world) - before
    return citizen, contact_id


async def _contacts(world: World) -> set[int]:
    async with world.base.db.reading() as session:
        return set(await session.scalars(select(Contact.id)))


async def candidate_id(world: World, number: int = 1) -> str:
    async with world.base.db.reading() as session:
        found = await session.scalars(
            select(Candidate.id).where(
                Candidate.consultation_id == world.consultation_id, Candidate.number == number
            )
        )
        return found.one()


async def gives(
    world: World,
    text: str = WORDS,
    *,
    contact_id: int | None = None,
    number: int = 1,
    stance: Stance = Stance.OBJECT,
    name: str = "",
    file: tuple[bytes, str, str] | None = None,
) -> tuple[str, str]:
    """(the opinion's id, its receipt). `file` is (content, name, kind)."""
    about = await candidate_id(world, number)
    draft = Draft(about, stance, text)
    now, vault = world.now(), world.base.vault
    async with world.base.db.transaction() as session:
        if name:
            person = service.new_person(session, vault, now)
            service.seal_identity(
                vault, person, name=name, telephone="0200 000 777",
                postal_address="Thôn Đồi Chè, xã Suối Mơ",
            )  # fmt: skip
            await session.flush()
            draft.identity, draft.person_id = IdentityLevel.SIGNED, person.id
        filed = await service.give_opinion(
            session, vault, draft, Author("webchat", "vi", contact_id), now
        )
        if file:
            content, file_name, kind = file
            sha256 = await asyncio.to_thread(world.base.store.put, content)
            row = StoredFile(
                id=new_id(), sha256=sha256, size=len(content), mime="application/pdf",
                kind=kind, name=file_name, taken_at=now,
            )  # fmt: skip
            session.add(row)
            await session.flush()
            session.add(OpinionFile(opinion_id=filed.opinion.id, file_id=row.id))
        return filed.opinion.id, filed.code


async def opinion(world: World, opinion_id: str) -> Opinion:
    async with world.base.db.reading() as session:
        return await session.get_one(Opinion, opinion_id)


async def acts(world: World, object_id: str) -> list[str]:
    """The verbs of the log about something, in order."""
    async with world.base.db.reading() as session:
        found = await session.scalars(
            select(Act.verb).where(Act.object_id == object_id).order_by(Act.id)
        )
        return list(found)


async def last_words(world: World, citizen: Citizen) -> str:
    """What the citizen's screen shows last, once everything owed has gone."""
    await world.delivered()
    if citizen.channel == "webchat":
        await citizen.says("/trogiup")
        screen = await citizen.screen()
        return "\n".join(one.text for one in screen[-3:])
    return (await citizen.screen())[-1].text
