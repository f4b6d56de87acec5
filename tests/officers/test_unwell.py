"""Administrators are told that something failed: in office hours, together, not every minute."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from bot.incidents import new_incident
from handlers.officers import jobs
from storage.models.calendar import CalendarCoverage
from storage.models.office import Role
from storage.models.traffic import MessageClass, OutboxMessage, OutboxState
from tests.cast import Citizen
from tests.officers import staff
from tests.world import World

MONDAY_NOON = datetime.fromisoformat("2026-11-23T12:00+07:00")
MINUTE = timedelta(minutes=1)
NIGHT = timedelta(hours=14)


@pytest.fixture
async def admin(world: World) -> Citizen:
    world.stopped_at = MONDAY_NOON
    return await staff.officer(world, "telegram", role=Role.ADMIN, name="Anh Lau")


async def _fails(world: World, times: int, at: datetime) -> list[str]:
    made = [new_incident("turn", ValueError("what a citizen wrote"), at) for _ in range(times)]
    async with world.base.db.transaction() as session:
        session.add_all(made)
    return [one.id for one in made]


async def _tell(world: World, at: datetime) -> int:
    async with world.base.db.transaction() as session:
        told = await jobs.tell_admins(session, world.base.vault, at)
    world.stopped_at = at
    return told


async def _newest(world: World, admin: Citizen) -> str:
    """What the administrator was told last, once all that was owed has gone."""
    await world.delivered()
    return (await admin.screen())[-1].text


async def test_what_failed_is_told_in_one_message_of_counts(world: World, admin: Citizen) -> None:
    contact_id = (await staff.rows(world))[0].contact_id
    (number,) = await _fails(world, 1, MONDAY_NOON + MINUTE)
    async with world.base.db.transaction() as session:
        session.add(
            OutboxMessage(
                contact_id=contact_id, kind=MessageClass.REMINDER, state=OutboxState.SET_ASIDE,
                due_at=MONDAY_NOON, sent_at=MONDAY_NOON + MINUTE,
            )
        )  # fmt: skip

    assert await _tell(world, MONDAY_NOON + 2 * MINUTE) == 1

    words = await _newest(world, admin)
    assert f"Số lỗi mới: 1 (mã lỗi gần nhất: {number})" in words
    assert "chưa rõ đã gửi hay chưa: 1." in words
    assert "citizen" not in words


async def test_the_next_telling_is_an_hour_later_and_of_what_is_new(
    world: World, admin: Citizen
) -> None:
    await _fails(world, 3, MONDAY_NOON + MINUTE)
    first = MONDAY_NOON + 2 * MINUTE
    assert await _tell(world, first) == 1
    await _fails(world, 20, first + MINUTE)
    assert await _tell(world, first + 59 * MINUTE) == 0
    assert await _tell(world, first + 60 * MINUTE) == 1
    assert "Số lỗi mới: 20 " in await _newest(world, admin)
    assert await _tell(world, first + 120 * MINUTE) == 0


async def test_at_night_only_a_burst_is_told(world: World, admin: Citizen) -> None:
    night = MONDAY_NOON + NIGHT
    await _fails(world, jobs.BURST, night)
    assert await _tell(world, night + MINUTE) == 0
    await _fails(world, 1, night + MINUTE)
    assert await _tell(world, night + 2 * MINUTE) == 1


async def test_a_few_of_the_night_are_told_in_the_morning_and_not_on_a_holiday(
    world: World, admin: Citizen
) -> None:
    """24/11/2026 is a holiday, so the next office hours are on Wednesday."""
    await _fails(world, 2, MONDAY_NOON + NIGHT)
    assert await _tell(world, datetime.fromisoformat("2026-11-24T09:00+07:00")) == 0
    assert await _tell(world, datetime.fromisoformat("2026-11-25T07:30+07:00")) == 1


async def test_a_holiday_table_that_has_run_out_silences_nobody(
    world: World, admin: Citizen
) -> None:
    today = MONDAY_NOON.date()
    async with world.base.db.transaction() as session:
        session.add(
            CalendarCoverage(
                covered_from=today - timedelta(days=9), covered_until=today - timedelta(days=1),
                checked_on=today,
            )
        )  # fmt: skip
    await _fails(world, 1, MONDAY_NOON + MINUTE)
    assert await _tell(world, MONDAY_NOON + NIGHT) == 0
    assert await _tell(world, MONDAY_NOON + 2 * MINUTE) == 1


async def test_ordinary_officers_and_those_who_left_are_not_told(
    world: World, admin: Citizen
) -> None:
    await staff.officer(world, "webchat", name="Chị Sen")
    await admin.says("/roi")
    await admin.taps("Thôi nhiệm vụ")
    await _fails(world, 1, MONDAY_NOON + MINUTE)
    assert await _tell(world, MONDAY_NOON + 2 * MINUTE) == 0
