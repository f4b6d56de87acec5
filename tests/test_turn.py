"""The turn: one event, one transaction. It happens wholly or leaves an incident and a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import handlers
from bot.channels.telegram_door import TelegramDoor
from storage.models.people import Attempt, Contact
from storage.models.traffic import InboxEvent, Incident
from tests import stumbling
from tests.telegram.people import Person
from tests.world import TOKEN, World

INCIDENT = re.compile(r"\b[0-9A-Z]{8}\b")
CHANNELS = ("telegram", "webchat")
FAILING = (*product(CHANNELS, ("/vap", "/vapngay")), ("telegram", "/vapcsdl"))
REFUSING = ("/tuchoi", "/tuchoingay")
REFUSED = "Ý kiến này cần có lời"


@pytest.fixture
async def world(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    """The whole service with a dialogue that stumbles when it is asked to."""
    monkeypatch.setattr(handlers, "CHATS", ("tests.stumbling", *handlers.CHATS))
    async with World(database_url, tmp_path) as made:
        yield made


async def written(world: World) -> int:
    """How many rows the stumbling dialogue left behind."""
    async with world.base.db.reading() as session:
        rows = await session.scalars(select(Attempt).where(Attempt.purpose == stumbling.MARK))
        return len(rows.all())


async def incidents(world: World) -> list[Incident]:
    """The oldest first."""
    async with world.base.db.reading() as session:
        return list(await session.scalars(select(Incident).order_by(Incident.at)))


async def contacts(world: World) -> list[Contact]:
    """Everybody who is known, in the order in which they came."""
    async with world.base.db.reading() as session:
        return list(await session.scalars(select(Contact).order_by(Contact.made_at)))


async def test_a_handler_that_fails_leaves_nothing_but_an_incident(world: World) -> None:
    for number, (channel, command) in enumerate(FAILING, 1):
        citizen = await world.citizen(channel, number)
        told = await citizen.says(command)
        incident = (await incidents(world))[-1]
        assert incident.id in INCIDENT.findall(told), (channel, command)
        assert incident.place == f"turn:{channel}"
        assert await written(world) == 0
        known = (await contacts(world))[-1]
        assert (known.state, known.data, known.locale) == (None, {}, "vi")
        async with world.base.db.reading() as session:
            event = (await session.scalars(select(InboxEvent).order_by(-InboxEvent.id))).first()
        assert event is not None
        assert (event.incident_id, event.body) == (incident.id, None)
        assert "ngôn ngữ" in await citizen.says("/ngonngu")
    assert len(await incidents(world)) == len(FAILING)


async def test_an_incident_says_where_it_failed_and_nothing_of_what_was_said(
    world: World,
) -> None:
    citizen = await world.citizen("telegram")
    await citizen.says("/vap 0912345678")
    (incident,) = await incidents(world)
    assert "stumbling.py" in incident.error
    assert stumbling.SECRET_WORDS not in incident.error
    assert "0912345678" not in incident.error


async def test_a_refusal_undoes_what_the_turn_had_written(world: World) -> None:
    for number, (channel, command) in enumerate(product(CHANNELS, REFUSING), 1):
        citizen = await world.citizen(channel, number)
        assert REFUSED in await citizen.says(command)
        assert await written(world) == number - 1
        known = (await contacts(world))[-1]
        assert (known.state, known.data) == (None, {}), (channel, command)
        assert "ngôn ngữ" in await citizen.says("/ghi")
        assert (await contacts(world))[-1].data == {"trace": stumbling.MARK}
        assert await written(world) == number
    assert await incidents(world) == []


# Many turns in one commit


def arrivals(world: World, said: list[tuple[Person, str]], first: int = 1) -> list[Any]:
    """Messages and presses ("[…]") of several people, as one batch from Telegram."""
    door = TelegramDoor(TOKEN, world.base.vault)
    made = []
    for number, (person, words) in enumerate(said, first):
        person.chat.standing = "open"
        where = {"message_id": number, "chat": person.chat.face, "date": 1_790_000_000}
        event: dict[str, Any] = {"message": {**where, "from": person.face, "text": words}}
        if words.startswith("["):
            query = {"id": str(number), "from": person.face, "chat_instance": "1"}
            event = {"callback_query": {**query, "message": where, "data": words.strip("[]")}}
        made.append(door.arrival(json.dumps({"update_id": number, **event}).encode()))
    return made


async def test_a_batch_with_failing_turns_keeps_the_others(world: World) -> None:
    people = [world.telegram.person(6_000_000_000 + number) for number in range(7)]
    commands = ["/ghi", "/vap", "/ghi", "/vapngay", "/tuchoi", "/vapcsdl", "/ghi"]
    await world.base.door.store_all(arrivals(world, list(zip(people, commands, strict=True))))
    await world.settled()
    assert await written(world) == 3
    assert len(await incidents(world)) == 3
    for person in people:
        assert len([one for one in person.screen() if one.from_bot]) == 1


async def test_messages_and_presses_of_one_person_keep_their_order(world: World) -> None:
    person, others = world.telegram.person(), [
        world.telegram.person(6_000_000_000 + number) for number in range(4)
    ]  # fmt: skip
    said = []
    for number in range(120):
        said.append((person, f"[thứ {number}]" if number % 3 == 0 else f"thứ {number}"))
        said.append((others[number % 4], "/vapngay" if number % 10 == 0 else "/trogiup"))
    await world.base.door.store_all(arrivals(world, said))
    await world.settled()
    async with world.base.db.reading() as session:
        kept = [one.data.get("seen") for one in await session.scalars(select(Contact))]
    assert [one for one in kept if one] == [list(range(120))]


async def test_a_turn_that_fails_between_two_of_the_same_person_disturbs_neither(
    world: World,
) -> None:
    person = world.telegram.person()
    said = [(person, words) for words in ("thứ 1", "/vap", "thứ 2", "/tuchoi", "thứ 3")]
    await world.base.door.store_all(arrivals(world, said))
    await world.settled()
    (known,) = await contacts(world)
    assert known.data == {"seen": [1, 2, 3]}
    assert len(await incidents(world)) == 1
