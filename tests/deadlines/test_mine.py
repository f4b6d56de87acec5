"""`/nhacviec`: the list, the month, the quiet hours."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import update

from bot.clock import QuietHours
from bot.replies import UserError
from handlers.deadlines.reminders.preferences import read_quiet_hours
from storage.models.deadlines import Duty, DutyState, Work
from storage.models.people import Contact
from tests.cast import CHANNELS, Citizen
from tests.deadlines.cast import FRIDAY_NIGHT, contact_id, joins, ledger, owing
from tests.world import World


async def busy_member(world: World, channel: str) -> Citizen:
    """Answers for two units: one late, one soon, one far, one done."""
    citizen = await world.citizen(channel)
    contact = await contact_id(world, citizen)
    late = await owing(
        world, Work.REPORT, title="Báo cáo tháng", due_at=datetime(2027, 2, 25, 17, tzinfo=UTC)
    )
    await owing(world, title="Ký giao ước")
    done = await owing(world, title="Bình xét", due_at=datetime(2027, 3, 3, 17, tzinfo=UTC))
    other = await owing(
        world, Work.REGISTRATION, unit="Trường Tiểu học Đồi Chè", title="Đăng ký danh hiệu",
        due_at=datetime(2027, 3, 1, 17, tzinfo=UTC),
    )  # fmt: skip
    async with world.base.db.transaction() as session:
        await session.execute(
            update(Duty).where(Duty.id == done.duty_id).values(state=DutyState.ACCEPTED)
        )
    await joins(world, contact, late.unit_id)
    await joins(world, contact, other.unit_id)
    return citizen


@CHANNELS
async def test_units_stand_apart_overdue_first_and_done_marked(stage: World, channel: str) -> None:
    told = await (await busy_member(stage, channel)).says("/nhacviec")
    assert "Đang quá hạn: 1" in told
    school, commune = told.split("Xã Suối Mơ")
    assert "⏰ Đăng ký danh hiệu: hạn hôm nay" in school
    places = [
        commune.index(words)
        for words in ("⚠ Báo cáo tháng: quá hạn 4 ngày", "Ký giao ước: còn 11 ngày", "✓ Bình xét")
    ]
    assert places == sorted(places)


@CHANNELS
async def test_a_line_opens_the_duty_with_all_its_answers(stage: World, channel: str) -> None:
    member = await busy_member(stage, channel)
    await member.says("/nhacviec")
    told = await member.taps("2. Xã Suối Mơ: Báo cáo tháng")
    assert "nộp báo cáo" in told
    labels = (await member.screen())[-1].labels
    assert {"Nộp tại đây", "Đã xong", "Đang làm", "Nhắc tôi ngày mai"} <= set(labels)


@CHANNELS
async def test_the_month_is_a_picture_and_the_same_in_words(stage: World, channel: str) -> None:
    member = await busy_member(stage, channel)
    await member.says("/nhacviec")
    told = await member.taps("Lịch tháng")
    assert "Tháng 3 năm 2027: 4 hạn" in told
    assert "Báo cáo tháng" not in told
    assert (await member.screen())[-1].picture
    assert "Báo cáo tháng" in await member.taps("Tháng 2 năm 2027")


async def test_the_web_chat_shows_the_picture_to_its_reader_alone(stage: World) -> None:
    member = await busy_member(stage, "webchat")
    stranger = await stage.citizen("webchat", number=2)
    await member.says("/nhacviec")
    await member.taps("Lịch tháng")
    src = member.lines[-1]["picture"]["src"]  # type: ignore[attr-defined]
    assert "Lịch tháng có đánh dấu" in member.lines[-1]["picture"]["alt"]  # type: ignore[attr-defined]
    async with member.http.get(src) as response:  # type: ignore[attr-defined]
        assert response.status == 200
        assert (await response.read()).startswith(b"\x89PNG")
    async with stranger.http.get(src) as response:  # type: ignore[attr-defined]
        assert response.status == 404


async def test_a_long_list_has_pages(stage: World) -> None:
    member = await stage.citizen("webchat")
    contact = await contact_id(stage, member)
    owed = [
        await owing(stage, title=f"Việc {n:02}", due_at=FRIDAY_NIGHT + timedelta(days=n))
        for n in range(14)
    ]
    await joins(stage, contact, owed[0].unit_id)
    first = await member.says("/nhacviec")
    assert "8. Việc 07" in first
    assert "Việc 08" not in first
    assert "9. Việc 08" in await member.taps("Xem tiếp")


async def test_who_answers_for_nothing_is_told_so(stage: World) -> None:
    stranger = await stage.citizen("webchat")
    assert "chưa phụ trách đơn vị nào" in await stranger.says("/nhacviec")


@CHANNELS
async def test_quiet_hours_are_read_back_and_move_what_waits(stage: World, channel: str) -> None:
    member = await stage.citizen(channel)
    contact = await contact_id(stage, member)
    owed = await owing(stage)
    await joins(stage, contact, owed.unit_id)
    await member.says("/nhacviec")
    await member.taps("1. Ký giao ước")
    await member.taps("Nhắc tôi ngày mai")
    await member.says("/nhacviec")
    await member.taps("Cài đặt nhắc việc")
    await member.taps("Đổi giờ nghỉ")
    assert "chưa hiểu" in await member.says("lúc nào cũng được")
    assert "từ 20:30 đến 09:15" in await member.says("8 giờ 30 tối đến 9h15")
    async with stage.base.db.reading() as session:
        assert (await session.get_one(Contact, contact)).quiet_from is None
    await member.taps("Đúng")
    await member.taps("Đúng")
    async with stage.base.db.reading() as session:
        row = await session.get_one(Contact, contact)
        assert (row.quiet_from, row.quiet_until, row.state) == (time(20, 30), time(9, 15), None)
    (waiting,) = await ledger(stage)
    assert waiting.due_at == datetime(2027, 3, 2, 2, 15, tzinfo=UTC)
    assert (waiting.state, waiting.reason) == ("deferred", "quiet_hours")


@pytest.mark.parametrize(
    ("typed", "start", "end"),
    [
        ("21h-7h", time(21), time(7)),
        ("từ 22:00 đến 6h30", time(22), time(6, 30)),
        ("9 giờ tối đến 7 giờ sáng", time(21), time(7)),
        ("tu 21g toi 7g", time(21), time(7)),
        ("21 7", time(21), time(7)),
        ("24h-6h", time(0), time(6)),
        ("không", time(0), time(0)),
    ],
)
def test_hours_are_understood_as_people_type_them(typed: str, start: time, end: time) -> None:
    assert read_quiet_hours(typed) == QuietHours(start, end)


@pytest.mark.parametrize("typed", ["0h-24h", "7h-7h", "từ 0 giờ đến 24 giờ", "0:00-23:30"])
def test_hours_that_leave_none_are_not_taken_for_no_hours_at_all(typed: str) -> None:
    with pytest.raises(UserError, match="mine-quiet-all-day"):
        read_quiet_hours(typed)


@CHANNELS
async def test_whoever_wants_quiet_all_day_is_asked_whether_to_stop(
    stage: World, channel: str
) -> None:
    member = await stage.citizen(channel)
    contact = await contact_id(stage, member)
    await joins(stage, contact, (await owing(stage)).unit_id)
    await member.says("/nhacviec")
    await member.taps("Cài đặt nhắc việc")
    await member.taps("Đổi giờ nghỉ")
    assert "không còn giờ nào" in await member.says("0h-24h")
    assert "21:00 đến 07:00" in str((await member.screen())[-1].labels)
    await member.taps("Không nhắc tôi nữa")
    async with stage.base.db.reading() as session:
        row = await session.get_one(Contact, contact)
        assert (row.quiet_from, row.opted_out_at is not None) == (None, True)


@pytest.mark.parametrize("typed", ["", "25h-7h", "21h", "7 giờ 80 - 9", "đêm", "1-2-3"])
def test_other_words_are_no_hours(typed: str) -> None:
    with pytest.raises(UserError):
        read_quiet_hours(typed)
