"""How often somebody may try: per person, told when to try again, forgotten after a day."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from bot.limits import Limit, count, forget_old, refuse_beyond, source_of
from bot.replies import UserError
from bot.vault import Vault
from storage.models.people import Attempt
from tests.world import World

THRICE = Limit("thrice", 3, minutes=10)
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
ME, OTHER = b"m" * 32, b"o" * 32


async def tries(world: World, source: bytes, now: datetime) -> None:
    async with world.base.db.transaction() as session:
        await refuse_beyond(session, THRICE, source, now)
        await count(session, THRICE, source, now)


async def test_beyond_the_limit_one_is_told_when_to_try_again(world: World) -> None:
    for _ in range(3):
        await tries(world, ME, NOW)
    with pytest.raises(UserError) as refused:
        await tries(world, ME, NOW + timedelta(minutes=4))
    assert (refused.value.reply.key, refused.value.reply.args) == ("common-slow-down", {"n": 6})
    await tries(world, OTHER, NOW)
    for _ in range(3):
        await tries(world, ME, NOW + timedelta(minutes=10))
    with pytest.raises(UserError):
        await tries(world, ME, NOW + timedelta(minutes=11))


async def test_tries_at_the_same_moment_are_all_counted_and_none_fails(world: World) -> None:
    """Two connections meet at a source never seen before."""
    many = Limit("many", 100, minutes=10)
    together = asyncio.Barrier(1 if world.base.db.sqlite else 5)

    async def once() -> None:
        async with world.base.db.transaction() as session:
            await refuse_beyond(session, many, ME, NOW)
            await together.wait()
            await count(session, many, ME, NOW)

    await asyncio.gather(*(once() for _ in range(5)))
    async with world.base.db.reading() as session:
        counted = await session.scalar(select(Attempt.count).where(Attempt.purpose == "many"))
    assert counted == 5


async def test_what_has_ended_is_forgotten(sqlite_world: World) -> None:
    await tries(sqlite_world, ME, NOW)
    await tries(sqlite_world, OTHER, NOW + timedelta(minutes=5))
    async with sqlite_world.base.db.transaction() as session:
        await forget_old(session, NOW + timedelta(minutes=12))
    async with sqlite_world.base.db.reading() as session:
        assert (await session.scalars(select(Attempt.source))).all() == [OTHER]


def test_a_source_is_no_address_and_another_one_tomorrow() -> None:
    vault = Vault("a secret of the tests, long enough to be one")
    today = source_of(vault, "203.0.113.7", NOW)
    assert today == source_of(vault, "203.0.113.7", NOW + timedelta(hours=5))
    assert today != source_of(vault, "203.0.113.7", NOW + timedelta(days=1))
    assert today != source_of(vault, "203.0.113.8", NOW)
    assert b"203" not in today
