"""The states of a consultation: every pair tried; a moved end keeps the old one [R1, W5]."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from sqlalchemy import select

from bot.replies import UserError
from handlers.consultations import lifecycle
from storage.models.consultations import (
    Consultation,
    ConsultationState,
    ScheduleChange,
)
from storage.models.office import Act
from tests.world import World

S = ConsultationState
ALLOWED = {
    (S.DRAFT, S.APPROVED),
    (S.DRAFT, S.ARCHIVED),
    (S.APPROVED, S.DRAFT),
    (S.APPROVED, S.OPEN),
    (S.OPEN, S.SUSPENDED),
    (S.OPEN, S.CLOSED),
    (S.SUSPENDED, S.OPEN),
    (S.SUSPENDED, S.CLOSED),
    (S.CLOSED, S.COMPILED),
    (S.COMPILED, S.REPORTED),
    (S.REPORTED, S.ARCHIVED),
}
"""Written out again here on purpose: the table in the code is what is being tested."""


@pytest.fixture
def world(sqlite_world: World) -> World:
    return sqlite_world


async def test_all_pairs_of_states_but_the_listed_ones_are_refused(world: World) -> None:
    for old, new in product(S, S):
        async with world.base.db.transaction() as session:
            asked = await session.get_one(Consultation, world.consultation_id)
            asked.state = old
            if (old, new) in ALLOWED:
                lifecycle.become(session, asked, new, "command", world.now(), "thử")
                assert asked.state == new
                continue
            with pytest.raises(UserError) as refused:
                lifecycle.become(session, asked, new, "command", world.now(), "thử")
            assert refused.value.reply.key == "consultations-forbidden-step"
            assert asked.state == old
            assert not session.new, "a refused step is no act"
    async with world.base.db.reading() as session:
        acts = (await session.scalars(select(Act).where(Act.reason == "thử"))).all()
    assert len(acts) == len(ALLOWED)


async def test_a_published_consultation_is_not_published_again(world: World) -> None:
    async with world.base.db.transaction() as session:
        asked = await lifecycle.by_code(session, "AH-2026-01")
        await session.refresh(asked, ["candidates"])
        with pytest.raises(UserError):
            await lifecycle.publish(session, asked, "command", world.now())


async def moved(world: World, by: timedelta, reason: str) -> None:
    async with world.base.db.transaction() as session:
        asked = await lifecycle.by_code(session, "AH-2026-01")
        assert asked.closes_at
        await lifecycle.move_end(
            session, asked, asked.closes_at + by, reason, "command", world.now()
        )


async def test_a_moved_end_keeps_the_old_date_and_the_reason(world: World) -> None:
    monday = datetime(2026, 11, 9, 2, tzinfo=UTC)
    world.stopped_at = monday
    async with world.base.db.transaction() as session:
        asked = await lifecycle.by_code(session, "AH-2026-01")
        asked.closes_at = asked.computed_ends_at = monday + timedelta(days=7)
    await moved(world, timedelta(days=3), "Bổ sung hồ sơ")
    await moved(world, timedelta(days=-2), "Rút lại")
    async with world.base.db.reading() as session:
        asked = await lifecycle.by_code(session, "AH-2026-01")
        first, second = await lifecycle.changes(session, asked)
    assert (first.reason, second.reason) == ("Bổ sung hồ sơ", "Rút lại")
    assert first.old_closes_at == asked.computed_ends_at
    assert first.new_closes_at == second.old_closes_at == first.old_closes_at + timedelta(days=3)
    assert asked.closes_at == second.new_closes_at


async def test_a_moved_end_needs_a_reason(world: World) -> None:
    for reason in ("", "   ", "\n"):
        with pytest.raises(UserError) as refused:
            await moved(world, timedelta(days=5), reason)
        assert refused.value.reply.key == "consultations-move-needs-reason"


async def test_an_end_never_moves_below_the_computed_one(world: World) -> None:
    with pytest.raises(UserError) as refused:
        await moved(world, timedelta(seconds=-1), "Gấp")
    assert refused.value.reply.key == "consultations-move-too-short"
    async with world.base.db.reading() as session:
        assert (await session.scalars(select(ScheduleChange))).all() == []


async def test_only_a_running_consultation_can_be_moved(world: World) -> None:
    for state in set(S) - {S.OPEN, S.SUSPENDED}:
        async with world.base.db.transaction() as session:
            (await session.get_one(Consultation, world.consultation_id)).state = state
        with pytest.raises(UserError):
            await moved(world, timedelta(days=5), "Bổ sung hồ sơ")
