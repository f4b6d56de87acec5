"""The door: stored, then acknowledged; what knocks twice, wrongly or in vain harms nobody."""

from __future__ import annotations

import asyncio
import json
import random
import warnings
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import func, select, text

from bot import jobs
from bot.channels.telegram_door import HEADER, TelegramDoor
from storage.models.consultations import Opinion
from storage.models.traffic import InboxEvent, Incident
from tests.cast import TelegramCitizen
from tests.telegram.people import Person
from tests.world import TOKEN, World

BOTH_MODES = pytest.mark.parametrize("mode", ["polling", "webhook"])
PAYLOADS = Path(__file__).parent / "telegram" / "payloads"


def door_of(world: World) -> TelegramDoor:
    return TelegramDoor(TOKEN, world.base.vault)


@pytest.fixture
async def browser(webhook_world: World) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(webhook_world.links) as session:
        yield session


async def knock(
    world: World, http: aiohttp.ClientSession, body: bytes, **headers: str
) -> aiohttp.ClientResponse:
    """One POST to the webhook with its secret, as Telegram would."""
    door = door_of(world)
    async with http.post(
        door.path, data=body, headers={HEADER: door.secret, **headers}
    ) as response:
        await response.read()
        return response


async def count(world: World, model: Any) -> int:
    async with world.base.db.reading() as session:
        return await session.scalar(select(func.count()).select_from(model)) or 0


def update(number: int, person: Person, words: str, **more: Any) -> dict[str, Any]:
    """An update as it comes from Telegram; the bot may answer this person."""
    person.chat.standing = "open"
    message = {
        "message_id": number, "from": person.face, "chat": person.chat.face,
        "date": 1_790_000_000, "text": words, **more,
    }  # fmt: skip
    return {"update_id": number, "message": message}


async def objects(citizen: TelegramCitizen) -> None:
    """All of an objection but the sending."""
    await citizen.says("/start c-AH-2026-01-1")
    await citizen.taps("Không đồng ý")
    await citizen.says("Không đúng như hồ sơ.")
    await citizen.taps("Không nêu tên")


# Twice


@BOTH_MODES
async def test_an_event_delivered_twice_at_once_and_48_hours_apart_is_taken_once(
    database_url: str, tmp_path: Path, mode: str
) -> None:
    async with World(database_url, tmp_path, mode) as world:
        citizen = TelegramCitizen(world.telegram.person(), world)
        await objects(citizen)
        delivery = world.telegram.delivery
        press = await citizen.person.taps("Gửi")
        assert press.update is not None
        delivery.redeliver(press.update.id, aside=True)
        await delivery.settled()
        await world.settled()
        said = [one.text for one in citizen.person.screen()]

        world.shift = timedelta(hours=48)
        async with world.base.db.transaction() as session:
            await jobs.forget_traffic(session, world.now())
        for update_id in list(delivery.updates):
            delivery.redeliver(update_id)
        await delivery.settled()
        await world.settled()

        assert [one.text for one in citizen.person.screen()] == said
        async with world.base.db.reading() as session:
            (opinion,) = await session.scalars(select(Opinion))
        assert opinion.version == 1


async def test_twenty_copies_at_once_are_one_event(
    webhook_world: World, browser: aiohttp.ClientSession
) -> None:
    person = webhook_world.telegram.person()
    body = json.dumps(update(9, person, "/trogiup")).encode()
    answers = await asyncio.gather(*(knock(webhook_world, browser, body) for _ in range(20)))
    await webhook_world.settled()
    assert {answer.status for answer in answers} == {200}
    assert len([one for one in person.screen() if one.from_bot]) == 1


# Without the secret


async def test_nobody_enters_without_the_secret(
    webhook_world: World, browser: aiohttp.ClientSession
) -> None:
    door = door_of(webhook_world)
    body = json.dumps(update(1, webhook_world.telegram.person(), "/start")).encode()
    async with browser.post(door.path, data=body) as response:
        assert response.status == 401
    for wrong in ("", door.secret[:-1], door.secret + "0", door.secret.upper(), "bí mật"):
        answer = await knock(webhook_world, browser, body, **{HEADER: wrong})
        assert answer.status == 401, wrong
    assert await count(webhook_world, InboxEvent) == 0


async def test_a_thousand_random_secrets_are_refused_and_break_nothing(
    webhook_world: World,
) -> None:
    """Whatever bytes a header can hold: no line ends, no controls."""
    path, drawn = door_of(webhook_world).path, random.Random(7)
    bytes_allowed = [*range(0x21, 0x7F), *range(0x80, 0x100)]
    reader, writer = await asyncio.open_connection("127.0.0.1", webhook_world.settings.port)
    for _ in range(1000):
        secret = bytes(drawn.choices(bytes_allowed, k=drawn.randint(1, 100)))
        writer.write(
            b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n%b: %b\r\n\r\n{}"
            % (path.encode(), HEADER.encode(), secret)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 401"), (secret, head)
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        await reader.readexactly(length)
    writer.close()
    await writer.wait_closed()
    assert await count(webhook_world, Incident) == 0


# What cannot be an event


async def test_what_is_too_big_is_refused(
    webhook_world: World, browser: aiohttp.ClientSession
) -> None:
    big = b"{" + b" " * (256 << 10) + b"}"

    async def in_chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(big), 1 << 14):
            yield big[start : start + (1 << 14)]

    assert (await knock(webhook_world, browser, big)).status == 413
    door = door_of(webhook_world)
    async with browser.post(
        door.path, data=in_chunks(), headers={HEADER: door.secret}
    ) as response:
        assert response.status == 413
    assert await count(webhook_world, InboxEvent) == 0


NOT_UPDATES = (
    b"",
    b"{",
    b"null",
    b"7",
    b"[]",
    b"{}",
    b"\xff\xfe\x00",
    b'{"update_id": null}',
    b'{"update_id": "seven"}',
    b'{"update_id": [1]}',
    b'{"update_id": Infinity}',
    b'{"update_id": 1e999}',
    b'{"update_id": ' + b"9" * 70 + b"}",
    b'{"update_id": ' + b"9" * 5000 + b"}",
    b'{"update_id": 5, "message": {"chat": "x"}}',
    b'{"update_id": 5, "callback_query": {"message": [1]}}',
    b'{"update_id": 5, "message": {"from": "x"}}',
    b'{"update_id": 5, "message": {"chat": {"id": "\\ud800"}}}',
    b"[" * 100_000,
)


async def test_a_call_that_is_no_update_is_answered_200_and_forgotten(
    webhook_world: World, browser: aiohttp.ClientSession
) -> None:
    """Telegram would bring it again for a day, and hold back the person's next messages."""
    for body in NOT_UPDATES:
        assert (await knock(webhook_world, browser, body)).status == 200, body[:60]
    await webhook_world.settled()
    assert await count(webhook_world, InboxEvent) == 0
    assert await count(webhook_world, Incident) == 0


async def test_a_kind_of_update_yet_to_come_is_kept_and_harms_nothing(
    webhook_world: World, browser: aiohttp.ClientSession
) -> None:
    body = (PAYLOADS / "update_unknown_future_kind.json").read_bytes()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert (await knock(webhook_world, browser, body)).status == 200
        await webhook_world.settled()
    async with webhook_world.base.db.reading() as session:
        (event,) = await session.scalars(select(InboxEvent))
    assert (event.event_id, event.incident_id) == ("810000027", None)
    assert not [str(one.message) for one in warned if "quantum" in str(one.message)]
    citizen = TelegramCitizen(webhook_world.telegram.person(), webhook_world)
    assert await citizen.says("/trogiup")


async def test_fields_yet_to_come_in_a_known_update_are_passed_over(
    webhook_world: World, browser: aiohttp.ClientSession
) -> None:
    person = webhook_world.telegram.person()
    more = {"reply_markup_2": {"a": [1]}, "paid_star_count": 1, "quantum": {"text": None}}
    body = json.dumps(update(9, person, "/trogiup", **more)).encode()
    assert (await knock(webhook_world, browser, body)).status == 200
    await webhook_world.settled()
    assert await count(webhook_world, Incident) == 0
    assert person.last().labels


# When nothing can be stored


async def fill(world: World, *, pages: int | None = None) -> None:
    """Lets the SQLite file grow no further, or to so many pages."""
    async with world.base.db.transaction() as session:
        used = (await session.execute(text("PRAGMA page_count"))).scalar_one()
        await session.execute(text(f"PRAGMA max_page_count = {pages or used}"))


async def test_what_cannot_be_stored_is_asked_for_again_later(
    webhook_world: World, browser: aiohttp.ClientSession
) -> None:
    person = webhook_world.telegram.person()
    body = json.dumps(update(9, person, "/trogiup", note="x" * 200_000)).encode()
    await fill(webhook_world)
    answer = await knock(webhook_world, browser, body)
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert await count(webhook_world, InboxEvent) == 0

    await fill(webhook_world, pages=1 << 30)
    assert (await knock(webhook_world, browser, body)).status == 200
    await webhook_world.settled()
    assert person.last().labels


async def test_polling_confirms_a_batch_only_after_it_was_committed(sqlite_world: World) -> None:
    world, person = sqlite_world, sqlite_world.telegram.person()
    await fill(world)
    sent = [await person.says("dài " * 1000) for _ in range(60)]
    await asyncio.sleep(0.3)
    assert await count(world, InboxEvent) < 60
    assert not world.telegram.delivery.acked

    await fill(world, pages=1 << 30)
    for one in sent:
        await world.telegram.delivery.taken(one)
    assert await count(world, InboxEvent) == 60
    await world.settled()


async def test_what_was_stored_before_a_stop_is_answered_after_it(webhook_world: World) -> None:
    """The platform was told 200: nobody will bring it again."""
    world, person = webhook_world, webhook_world.telegram.person()
    arrival = door_of(world).arrival(json.dumps(update(9, person, "/trogiup")).encode())
    await world.base.background.stop()
    await world.base.door.store(arrival)
    assert not person.screen()
    await world.restart()
    await world.settled()
    assert person.last().labels
