"""Every state against every way an officer or a clerk has in chat: what the table does not know is
refused with what is possible instead, whatever press is forged."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from storage.models.deeds import DEED_TRANSITIONS, STAGES, Deed, DeedCheck, DeedState
from tests.cast import WebCitizen
from tests.deeds.test_checking import Cast, sent_to_the_unit, the_deed, told_deed
from tests.world import World


async def stands(world: World, state: DeedState) -> Deed:
    """The one deed, put into a state behind everybody's back."""
    async with world.base.db.transaction() as session:
        deed = (await session.scalars(select(Deed))).one()
        deed.state, deed.stage = state, STAGES.get(state, deed.stage)
        deed.version += 1
        for check in await session.scalars(select(DeedCheck)):
            check.answer = check.answered_at = None
            check.called_back_at = deed.made_at if state != DeedState.CHECKING else None
    return await the_deed(world)


def refused(deed: Deed, to: DeedState) -> bool:
    return to not in DEED_TRANSITIONS[DeedState(deed.state)]


async def _rejects(cast: Cast, deed: Deed) -> str:
    assert isinstance(cast.officer, WebCitizen)
    await cast.officer.presses(f"vd:r:{deed.id}:{deed.version}")
    return await cast.officer.says("Trùng với việc đã có.")


async def _asks(cast: Cast, deed: Deed) -> str:
    assert isinstance(cast.officer, WebCitizen)
    return await cast.officer.presses(f"vd:q:{deed.id}:{cast.unit_id}:{deed.version}")


@pytest.mark.parametrize("state", DeedState)
async def test_an_officer_rejects_and_sends_only_from_where_the_table_allows(
    sqlite_world: World, state: DeedState
) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    for way, to in ((_rejects, DeedState.REJECTED), (_asks, DeedState.CHECKING)):
        deed = await stands(world, state)
        told = await way(cast, deed)
        after = await the_deed(world)
        if refused(deed, to):
            assert after.state == state
            assert "Chưa làm được bước này" in told
            assert "Lúc này có thể" in told
        else:
            assert after.state == to


async def test_a_clerks_answer_moves_nothing_that_is_not_being_checked(
    sqlite_world: World,
) -> None:
    """Not even while a check lies open that should have been called back."""
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    await sent_to_the_unit(world, cast)
    async with world.base.db.reading() as session:
        check_id = (await session.scalars(select(DeedCheck.id))).one()
    assert isinstance(cast.clerk, WebCitizen)
    await cast.clerk.presses(f"vx:a:not_so:{check_id}")
    await cast.clerk.says("Không có việc này.")
    for state in (one for one in DeedState if one != DeedState.CHECKING):
        await stands(world, state)
        async with world.base.db.transaction() as session:
            (await session.scalars(select(DeedCheck))).one().called_back_at = None
        assert "Chưa làm được bước này" in await cast.clerk.presses("vx:send")
        assert (await the_deed(world)).state == state
