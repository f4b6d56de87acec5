"""The morning digest: to each officer at 08:30 on working days, and "nothing" when nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot import pictures
from handlers.deadlines.desk import digest, standing
from handlers.deadlines.reminders import missed
from storage.models.base import new_id
from storage.models.calendar import CalendarCoverage
from storage.models.deadlines import (
    Deadline,
    DeadlineState,
    Duty,
    DutyState,
    Submission,
    Work,
)
from storage.models.people import Contact
from storage.models.reminders import Reminder, ReminderState
from storage.models.units import Member, Unit
from tests.cast import Citizen, WebCitizen
from tests.officers import staff
from tests.world import World

MONDAY = datetime.fromisoformat("2026-11-30T08:30+07:00").astimezone(UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
async def officer(world: World) -> Citizen:
    return await staff.officer(world, "telegram")


async def furnish(world: World) -> dict[str, Duty]:
    """A deadline of yesterday week and one to come, each owed by four communes."""
    duties = {}
    async with world.base.db.transaction() as session:
        units = [
            Unit(id=new_id(), office_id=world.office_id, code=f"X{n}", name=f"Xã số {n}",
                 kind="commune")
            for n in range(4)
        ]  # fmt: skip
        session.add_all(units)
        await session.flush()
        for code, due in (("DK", MONDAY - 7 * DAY), ("HOSO", MONDAY + 10 * DAY)):
            deadline = Deadline(
                id=new_id(), office_id=world.office_id, code=code, year=2026, title=f"Việc {code}",
                work=Work.REPORT, due_at=due, state=DeadlineState.ARMED,
            )  # fmt: skip
            session.add(deadline)
            await session.flush()
            for unit in units:
                duty = Duty(
                    id=new_id(), deadline_id=deadline.id, unit_id=unit.id,
                    state=DutyState.ACCEPTED, state_at=due - 9 * DAY,
                )  # fmt: skip
                session.add(duty)
                duties[f"{code}-{unit.code}"] = duty
    return duties


async def change(world: World, duty: Duty, **values: object) -> None:
    async with world.base.db.transaction() as session:
        kept = await session.get_one(Duty, duty.id)
        for name, value in values.items():
            setattr(kept, name, value)


async def tell(world: World, now: datetime) -> int:
    async with world.base.db.transaction() as session:
        told = await digest.tell_offices(session, world.base.vault, now)
    world.stopped_at = now
    await world.delivered()
    return told


async def newest(officer: Citizen) -> str:
    return (await officer.screen())[-1].text


async def test_nothing_is_said_to_be_nothing(world: World, officer: Citizen) -> None:
    await furnish(world)
    assert await tell(world, MONDAY) == 1
    assert "không có việc gì mới" in await newest(officer)


async def test_what_is_new_late_and_failed_is_told_once_a_day(
    world: World, officer: Citizen
) -> None:
    duties = await furnish(world)
    await change(world, duties["DK-X0"], state=DutyState.NOT_STARTED)
    await change(world, duties["DK-X1"], state=DutyState.SUBMITTED)
    await change(
        world, duties["HOSO-X2"], state=DutyState.IN_PROGRESS,
        more_time_until=MONDAY.date() + 20 * DAY,
    )  # fmt: skip
    async with world.base.db.transaction() as session:
        session.add(
            Submission(
                duty_id=duties["DK-X1"].id, version=1, form_hash="", content=b"", file_ids=[],
                channel="webchat", at=MONDAY - 10 * HOUR,
            )
        )  # fmt: skip
        for state in (ReminderState.FAILED, ReminderState.IN_DOUBT):
            session.add(
                Reminder(
                    unit_id=duties["HOSO-X3"].unit_id, deadline_id=duties["HOSO-X3"].deadline_id,
                    step=state, recipient="nobody", planned_at=MONDAY, due_at=MONDAY,
                    state=state, reason="unreachable", at=MONDAY - HOUR,
                )
            )  # fmt: skip
    assert await tell(world, MONDAY + HOUR) == 1
    told = await newest(officer)
    for words in (
        "• 1 đơn vị mới nộp", "• 1 bản đang chờ", "• Tất cả có 1 việc đang quá hạn",
        "• 1 đơn vị xin thêm thời gian", "• 1 lời nhắc chưa rõ", "lời nhắc: Xã số 3",
    ):  # fmt: skip
        assert words in told
    assert "vừa quá hạn" not in told
    assert await tell(world, MONDAY + 2 * HOUR) == 0
    assert await tell(world, MONDAY + DAY) == 1


@pytest.mark.parametrize(
    "at",
    [
        "2026-11-30T08:29+07:00", "2026-11-30T17:00+07:00", "2026-11-29T08:30+07:00",
        "2026-11-24T08:30+07:00",
    ],
)  # fmt: skip
async def test_it_does_not_come_early_late_or_on_a_day_off(sqlite_world: World, at: str) -> None:
    await staff.officer(sqlite_world)
    await furnish(sqlite_world)
    assert await tell(sqlite_world, datetime.fromisoformat(at)) == 0


async def test_an_officer_who_wants_nothing_unasked_gets_no_digest(
    sqlite_world: World,
) -> None:
    await staff.officer(sqlite_world)
    await furnish(sqlite_world)
    async with sqlite_world.base.db.transaction() as session:
        (row,) = await staff.rows(sqlite_world)
        (await session.get_one(Contact, row.contact_id)).opted_out_at = MONDAY
    assert await tell(sqlite_world, MONDAY) == 0


async def test_the_chart_counts_what_the_words_count(sqlite_world: World) -> None:
    duties = await furnish(sqlite_world)
    await change(sqlite_world, duties["DK-X0"], state=DutyState.RETURNED)
    await change(sqlite_world, duties["DK-X1"], state=DutyState.NOT_APPLICABLE)
    async with sqlite_world.base.db.reading() as session:
        first, second = await standing.standings(session, sqlite_world.office_id, MONDAY)
    assert (first.owed, first.handed_in, first.missing) == (3, 2, 1)
    assert first.counts[pictures.Mark.LATE] == 1
    assert (second.owed, second.missing) == (4, 0)
    drawn = standing.drawing([first, second], "vi", MONDAY)
    assert "2/3 đã nộp" in drawn
    assert pictures.png(drawn).startswith(b"\x89PNG")


async def test_beyond_the_holiday_table_the_officer_hears_what_waits_for_it(
    world: World, officer: Citizen
) -> None:
    """There was no digest at all, so that nobody heard of the end of the table."""
    duties = await furnish(world)
    async with world.base.db.transaction() as session:
        session.add(
            CalendarCoverage(
                id=1, covered_from=MONDAY.date() - 400 * DAY,
                covered_until=MONDAY.date() - 7 * DAY, checked_on=MONDAY.date(),
            )
        )  # fmt: skip
        session.add(
            Reminder(
                unit_id=duties["HOSO-X3"].unit_id, deadline_id=duties["HOSO-X3"].deadline_id,
                step="T-7", recipient="nobody", planned_at=MONDAY, due_at=MONDAY + HOUR,
                state=ReminderState.DEFERRED, reason="no_calendar", at=MONDAY - HOUR,
            )
        )  # fmt: skip
    assert await tell(world, MONDAY - DAY) == 0, "a Sunday"
    assert await tell(world, MONDAY) == 1
    assert "• 1 lời nhắc đang chờ vì bảng ngày nghỉ" in await newest(officer)


@pytest.mark.parametrize("channel", ["telegram", "webchat"])
async def test_what_the_digest_counts_is_listed_with_whom_to_call(
    sqlite_world: World, channel: str
) -> None:
    world = sqlite_world
    judge = await staff.officer(world, channel)
    duties = await furnish(world)
    async with world.base.db.transaction() as session:
        owed = duties["HOSO-X3"]
        session.add_all(
            Member(id=new_id(), unit_id=owed.unit_id, rank=rank, name=name, joined_at=MONDAY)
            for rank, name in (("head", "Vũ Văn Trưởng"), ("focal", "Đỗ Thị Đầu Mối"))
        )
        for step, state, reason in (
            ("T-15", ReminderState.EXPIRED, "outage"), ("T-7", ReminderState.IN_DOUBT, "in_doubt"),
            ("T-3", ReminderState.SENT, ""),
        ):  # fmt: skip
            session.add(
                Reminder(
                    unit_id=owed.unit_id, deadline_id=owed.deadline_id, step=step,
                    recipient="nobody", planned_at=MONDAY, due_at=MONDAY, state=state,
                    reason=reason, at=MONDAY - HOUR,
                )
            )  # fmt: skip
        for n in range(4):
            other = duties[f"DK-X{n % 3}"]
            session.add(
                Reminder(
                    unit_id=other.unit_id, deadline_id=other.deadline_id, step=f"T+{n}",
                    recipient="nobody", planned_at=MONDAY, due_at=MONDAY, at=MONDAY - HOUR,
                    state=ReminderState.FAILED, reason="no_contact",
                )
            )  # fmt: skip
    assert await tell(world, MONDAY) == 1
    if channel == "webchat":
        await judge.says("/trogiup")  # reads what came meanwhile
    told = await judge.taps("Xem lời nhắc bị lỡ")
    assert "6 lời nhắc" in told
    assert "Xã số 0: Việc DK" in told
    assert "đơn vị chưa có ai" in told
    told = await judge.taps("Xem tiếp")
    for words in (
        "Xã số 3: Việc HOSO", "trước hạn 15 ngày, cho đầu mối: đã lỡ", "bước mới hơn đã thay",
        "trước hạn 7 ngày", "không rõ đã đến chưa", "07:30 thứ Hai, ngày 30/11/2026",
        "Có thể gọi: Đỗ Thị Đầu Mối (đầu mối); Vũ Văn Trưởng (thủ trưởng đơn vị)",
    ):  # fmt: skip
        assert words in told
    assert "trước hạn 3 ngày" not in told


async def test_only_officers_open_the_list_and_only_their_own_offices(
    sqlite_world: World,
) -> None:
    duties = await furnish(sqlite_world)
    async with sqlite_world.base.db.transaction() as session:
        owed = duties["HOSO-X3"]
        session.add(
            Reminder(
                unit_id=owed.unit_id, deadline_id=owed.deadline_id, step="T-7", recipient="nobody",
                planned_at=MONDAY, due_at=MONDAY, state=ReminderState.FAILED, reason="no_contact",
                at=MONDAY - HOUR,
            )
        )  # fmt: skip
    press = missed.opening(MONDAY - DAY, MONDAY)
    elsewhere = await staff.officer(sqlite_world, office_id=await staff.other_office(sqlite_world))
    stranger = await sqlite_world.citizen("webchat", number=7)
    assert isinstance(elsewhere, WebCitizen)
    assert isinstance(stranger, WebCitizen)
    assert "Không có lời nhắc nào" in await elsewhere.presses(press, "x")
    assert "chỉ dành cho cán bộ" in await stranger.presses(press, "x")
    assert "Không có lời nhắc nào" in await elsewhere.presses("dg:missed:1:x", "x")
