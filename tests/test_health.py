"""Whether the service is well, as the one who watches it is told."""

from __future__ import annotations

import json
from datetime import timedelta

import aiohttp
from sqlalchemy import text

from bot.channels.telegram_door import TelegramDoor
from storage.models.traffic import MessageClass, OutboxMessage, OutboxState
from tests.world import TOKEN, World


async def health(world: World) -> tuple[int, list[str]]:
    async with aiohttp.ClientSession(world.links) as http, http.get("/health") as response:
        told = await response.json()
        assert told["well"] == (response.status == 200)
        return response.status, told["troubles"]


async def test_a_service_that_works_is_well(world: World) -> None:
    await (await world.citizen("telegram")).says("/start")
    assert await health(world) == (200, [])


async def test_an_event_that_waits_too_long_is_told(sqlite_world: World) -> None:
    """Of an account that is no longer configured: nobody takes it."""
    door = TelegramDoor("999:another-token", sqlite_world.base.vault)
    body = {"update_id": 1, "message": {"chat": {"id": 7}, "text": "lời của ai đó"}}
    await sqlite_world.base.door.store(door.arrival(json.dumps(body).encode()))
    assert (await health(sqlite_world))[0] == 200
    sqlite_world.shift = timedelta(minutes=3)
    status, troubles = await health(sqlite_world)
    assert status == 503
    assert [one.partition(":")[0] for one in troubles] == ["inbox"]
    assert "lời của" not in str(troubles)


async def test_a_message_that_is_late_is_told(sqlite_world: World) -> None:
    world = sqlite_world
    await (await world.citizen("telegram")).says("/start")
    await world.base.background.stop()
    async with world.base.db.transaction() as session:
        contact_id = (await session.execute(text("SELECT id FROM contacts"))).scalar_one()
        session.add(
            OutboxMessage(
                contact_id=contact_id, kind=MessageClass.NOTICE, state=OutboxState.QUEUED,
                due_at=world.now() - timedelta(minutes=3),
            )
        )  # fmt: skip
    assert await health(world) == (503, ["outbox: 1 messages are late"])


async def test_the_end_of_the_holiday_table_is_told_in_time(sqlite_world: World) -> None:
    sqlite_world.shift = timedelta(days=3650)
    status, troubles = await health(sqlite_world)
    assert status == 503
    assert any(one.startswith("calendar:") for one in troubles)


async def test_the_token_is_no_path_of_ours(webhook_world: World) -> None:
    async with aiohttp.ClientSession(webhook_world.links) as session:
        for path in (f"/telegram/{TOKEN}", "/telegram", "/telegram/x"):
            async with session.post(path, data=b"{}") as response:
                assert response.status == 404
