"""The officer's answer to what units hand in, and how its people hear of it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import aiohttp
import pytest
from sqlalchemy import select

from bot.clock import end_of_day
from bot.vault import Vault
from handlers.deadlines.registration.review import reading
from storage.models.calendar import CalendarCoverage
from storage.models.deadlines import DutyState
from storage.models.office import Act, Officer
from storage.models.people import Contact
from storage.models.reminders import Reminder, ReminderState
from storage.models.traffic import OutboxMessage
from tests.cast import CHANNELS, PAIRS, Citizen, TelegramCitizen, WebCitizen
from tests.consultations.site import Form
from tests.deadlines.cast import MONDAY
from tests.deadlines.handing_in import (
    NAMES,
    deadline,
    duty,
    joins,
    newest_contact,
    owing,
    person_of,
    queued,
    state,
    unit,
)
from tests.deadlines.test_registration import amends, hands_in, opens
from tests.officers.staff import officer, other_office
from tests.world import World


async def acts(world: World) -> list[str]:
    async with world.base.db.reading() as session:
        rows = await session.scalars(
            select(Act.verb).where(Act.object_kind == "duty").order_by(Act.id)
        )
        return list(rows)


async def reads(judge: Citizen, title: str = "Đăng ký") -> str:
    await judge.says("/duyet")
    await judge.taps(title)
    return await judge.taps("Xem bản chờ lâu nhất")


def page_of(person: Citizen) -> str:
    assert isinstance(person, WebCitizen)
    for line in reversed(person.lines):
        for row in line["choices"]:
            for button in row:
                if button.get("url"):
                    return str(button["url"])
    raise AssertionError("no link was offered")


@CHANNELS
async def test_an_officer_reads_in_figures_and_accepts(sqlite_world: World, channel: str) -> None:
    world = sqlite_world
    unit_id = await unit(world)
    due = await deadline(world)
    await hands_in(await person_of(world, unit_id))
    judge = await officer(world, channel)
    assert "chờ xem: 1" in await judge.says("/duyet")
    await judge.taps("Đăng ký")
    card = await judge.taps("Xem bản chờ lâu nhất")
    assert "Lao động tiên tiến: 12 người" in card
    assert not any(name in card for name in NAMES)
    assert "Đã ghi nhận" in await judge.taps("Ghi nhận")
    assert await state(world, unit_id, due) == DutyState.ACCEPTED
    assert await queued(world) == 1
    assert (await acts(world))[-2:] == ["read", "duty accepted"]


@PAIRS
async def test_what_is_returned_says_why_and_comes_back(world: World, channel: str) -> None:
    person, unit_id, due = await owing(world, channel)
    await hands_in(person)
    judge = await officer(world)
    await reads(judge)
    await judge.taps("Trả lại")
    await judge.taps("Tôi viết lý do")
    assert "Thiếu dấu của xã" in await judge.says("Thiếu dấu của xã.")
    await judge.taps("Gửi")
    assert await state(world, unit_id, due) == DutyState.RETURNED
    told = await opens(person)
    assert "Thiếu dấu của xã" in told
    world.shift = timedelta(days=20)
    assert "lần 2" in await amends(person, 13)
    assert await state(world, unit_id, due) == DutyState.SUBMITTED
    assert (await duty(world, unit_id, due)).late is False


async def test_a_stock_reason_is_kept_in_the_offices_language(sqlite_world: World) -> None:
    world = sqlite_world
    unit_id = await unit(world)
    due = await deadline(world)
    await hands_in(await person_of(world, unit_id))
    judge = await officer(world)
    await reads(judge)
    await judge.taps("Trả lại")
    await judge.taps("Thiếu chữ ký")
    owed = await duty(world, unit_id, due)
    assert owed.state == DutyState.RETURNED
    assert "chữ ký" in owed.reason


async def test_the_unit_hears_the_answer_in_its_own_chat(sqlite_world: World) -> None:
    world = sqlite_world
    world.stopped_at = MONDAY
    person, _, _ = await owing(world, "telegram")
    assert isinstance(person, TelegramCitizen)
    await hands_in(person)
    judge = await officer(world)
    await reads(judge)
    await judge.taps("Ghi nhận")
    shown = await person.person.hears("Cơ quan đã ghi nhận bản nộp của Xã Suối Mơ")
    assert shown


@pytest.mark.parametrize(
    ("decided", "told"),
    [
        ("2027-03-06T02:40+07:00", "2027-03-08T07:00+07:00"),
        ("2027-03-04T20:59+07:00", "2027-03-04T20:59+07:00"),
        ("2027-03-04T21:30+07:00", "2027-03-05T07:00+07:00"),
    ],
)
async def test_no_decision_wakes_anybody_up_or_comes_on_a_day_off(
    sqlite_world: World, decided: str, told: str
) -> None:
    """It came on Saturday at 02:40, when the officer happened to work."""
    world = sqlite_world
    world.stopped_at = MONDAY
    unit_id = await unit(world)
    await deadline(world)
    await hands_in(await person_of(world, unit_id))
    world.stopped_at = datetime.fromisoformat(decided).astimezone(UTC)
    judge = await officer(world)
    await reads(judge)
    await judge.taps("Ghi nhận")
    async with world.base.db.reading() as session:
        (due_at,) = await session.scalars(
            select(OutboxMessage.due_at).where(OutboxMessage.kind == "notice")
        )
    assert due_at == datetime.fromisoformat(told)


async def test_whoever_opted_out_hears_only_of_what_they_sent_themselves(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    unit_id = await unit(world)
    await deadline(world)
    sender = await person_of(world, unit_id, "telegram")
    await person_of(world, unit_id, "webchat", number=2, name="Vũ Văn Phó")
    async with world.base.db.transaction() as session:
        for contact in await session.scalars(select(Contact)):
            contact.opted_out_at = world.now()
    await hands_in(sender)
    judge = await officer(world)
    await reads(judge)
    await judge.taps("Ghi nhận")
    assert await queued(world) == 1


async def test_the_second_of_two_officers_is_told_who_decided(sqlite_world: World) -> None:
    world = sqlite_world
    unit_id = await unit(world)
    due = await deadline(world)
    await hands_in(await person_of(world, unit_id))
    first = await officer(world, name="Nguyễn Thị Lan")
    second = await officer(world, "telegram", 51, name="Trần Văn Cúc")
    await reads(first)
    await reads(second)
    await first.taps("Ghi nhận")
    told = await second.taps("Ghi nhận")
    assert "Nguyễn Thị Lan đã quyết định trước" in told
    assert "đã được ghi nhận" in told
    assert (await acts(world)).count("duty accepted") == 1
    assert await state(world, unit_id, due) == DutyState.ACCEPTED


async def test_an_amendment_under_the_officers_eyes_is_read_first(sqlite_world: World) -> None:
    world = sqlite_world
    person, unit_id, due = await owing(world, "telegram")
    await hands_in(person)
    judge = await officer(world)
    await reads(judge)
    await amends(person, 13)
    assert "vừa thay đổi" in await judge.taps("Ghi nhận")
    assert await state(world, unit_id, due) == DutyState.SUBMITTED


async def test_an_officer_of_the_unit_does_not_decide_where_there_is_another(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    unit_id = await unit(world)
    due = await deadline(world)
    await hands_in(await person_of(world, unit_id, "telegram"))
    judge = await officer(world)
    await joins(world, unit_id, contact_id=await newest_contact(world))
    alone = await reads(judge)
    assert "Xã Suối Mơ" in alone
    await officer(world, "telegram", 51, name="Trần Văn Cúc")
    assert "người của đơn vị này" in await judge.taps("Ghi nhận")
    assert (await judge.screen())[-1].labels == ("Danh sách việc của đơn vị",)
    assert await state(world, unit_id, due) == DutyState.SUBMITTED


async def test_alone_in_the_office_the_same_officer_may(sqlite_world: World) -> None:
    world = sqlite_world
    unit_id = await unit(world)
    due = await deadline(world)
    await hands_in(await person_of(world, unit_id, "telegram"))
    judge = await officer(world)
    await joins(world, unit_id, contact_id=await newest_contact(world))
    await reads(judge)
    await judge.taps("Ghi nhận")
    assert await state(world, unit_id, due) == DutyState.ACCEPTED


@PAIRS
async def test_more_time_is_asked_for_and_given(world: World, channel: str) -> None:
    person, unit_id, due = await owing(world, channel)
    await opens(person)
    await person.taps("Xin thêm thời gian")
    label = (await person.screen())[-1].labels[1]
    await person.taps(label)
    assert "yêu cầu đến cơ quan" in await person.says("Cán bộ phụ trách đi công tác.")
    asked = (await duty(world, unit_id, due)).more_time_until
    assert isinstance(asked, date)
    await _plans(world, unit_id, due)
    judge = await officer(world)
    assert "Yêu cầu lùi hạn: 1" in await judge.says("/duyet")
    assert "1 xin lùi hạn" in str((await judge.screen())[-1].labels)
    await judge.taps("Đăng ký")
    await judge.taps("Xin lùi hạn (1)")
    assert "đi công tác" in await judge.taps("Xã Suối Mơ")
    assert "được lùi hạn" in await judge.taps("Cho lùi đến")
    owed = await duty(world, unit_id, due)
    assert (owed.own_due_at, owed.more_time_until) == (end_of_day(asked), None)
    async with world.base.db.reading() as session:
        (row,) = await session.scalars(select(Reminder))
    assert (row.state, row.reason) == (ReminderState.SKIPPED, "moved")
    assert "give more time" in await acts(world)


async def _plans(world: World, unit_id: str, deadline_id: str) -> None:
    async with world.base.db.transaction() as session:
        session.add(
            Reminder(
                unit_id=unit_id, deadline_id=deadline_id, step="T-7", recipient="m",
                planned_at=world.now(), due_at=world.now() + timedelta(days=1),
                state=ReminderState.DEFERRED, at=world.now(),
            )
        )  # fmt: skip


async def test_no_time_is_given_into_days_the_holiday_table_does_not_hold(
    sqlite_world: World,
) -> None:
    """The unit was then reminded of nothing."""
    world = sqlite_world
    person, unit_id, due = await owing(world, "telegram")
    await opens(person)
    await person.taps("Xin thêm thời gian")
    await person.taps((await person.screen())[-1].labels[0])
    await person.says("Chưa họp được.")
    asked = (await duty(world, unit_id, due)).more_time_until
    assert isinstance(asked, date)
    async with world.base.db.transaction() as session:
        session.add(
            CalendarCoverage(
                id=1, covered_from=date(2024, 1, 1), covered_until=asked, checked_on=asked
            )
        )
    judge = await officer(world)
    await judge.says("/duyet")
    await judge.taps("Đăng ký")
    await judge.taps("Xin lùi hạn (1)")
    await judge.taps("Xã Suối Mơ")
    assert "Bảng ngày nghỉ không có" in await judge.taps("Cho lùi đến")
    owed = await duty(world, unit_id, due)
    assert (owed.own_due_at, owed.more_time_until) == (None, asked)


async def test_more_time_is_refused_with_a_reason(sqlite_world: World) -> None:
    world = sqlite_world
    person, unit_id, due = await owing(world, "telegram")
    await opens(person)
    await person.taps("Xin thêm thời gian")
    await person.taps((await person.screen())[-1].labels[0])
    await person.says("Chưa họp được.")
    judge = await officer(world)
    await judge.says("/duyet")
    await judge.taps("Đăng ký")
    await judge.taps("Xin lùi hạn (1)")
    await judge.taps("Xã Suối Mơ")
    await judge.taps("Không cho lùi hạn")
    await judge.says("Hội đồng họp ngay sau đó.")
    assert "hạn vẫn là" in await judge.taps("Gửi")
    owed = await duty(world, unit_id, due)
    assert (owed.own_due_at, owed.more_time_until) == (None, None)
    assert await queued(world) == 1


async def test_the_officer_sees_who_is_missing_and_who_was_late(sqlite_world: World) -> None:
    world = sqlite_world
    unit_id = await unit(world)
    await unit(world, "RC", "Xã Rừng Cọ")
    await deadline(world)
    person = await person_of(world, unit_id, "telegram")
    judge = await officer(world)
    world.shift = timedelta(days=11)
    await hands_in_late(person)
    await judge.says("/duyet")
    told = await judge.taps("Đăng ký")
    assert "Quá hạn chưa nộp: 1" in told
    assert "Nộp muộn: 1" in told
    assert "Xã Rừng Cọ – chưa làm" in await judge.taps("Quá hạn chưa nộp (1)")
    await judge.taps("Quay lại")
    assert "Xã Suối Mơ – đã nộp, chờ xem" in await judge.taps("Nộp muộn (1)")


async def hands_in_late(person: Citizen) -> None:
    await person.says("/dangky")
    await person.taps("⚠ QUÁ HẠN: Đăng ký")
    await person.taps("Bắt đầu làm")
    await person.taps("☐ Tập thể lao động tiên tiến")
    await person.taps("Tiếp tục")
    for _ in range(3):
        await person.taps("Bỏ qua")
    await person.taps("Gửi")


async def test_not_ours_can_be_disagreed_with(sqlite_world: World) -> None:
    world = sqlite_world
    person, unit_id, due = await owing(world, "telegram")
    await opens(person)
    await person.taps("Không thuộc đơn vị")
    await person.says("Xã không có trường học.")
    judge = await officer(world)
    assert "Báo không thuộc đơn vị, chưa đọc: 1." in await judge.says("/duyet")
    assert str((await judge.screen())[-1].labels).count("1 báo không thuộc đơn vị") == 1
    await judge.taps("Đăng ký")
    await judge.taps("Không thuộc đơn vị (1)")
    assert "Xã không có trường học" in await judge.taps("Xã Suối Mơ")
    await judge.taps("Việc vẫn thuộc đơn vị")
    await judge.says("Xã có hai trường.")
    await judge.taps("Gửi")
    owed = await duty(world, unit_id, due)
    assert (owed.state, owed.reason) == (DutyState.NOT_STARTED, "Xã có hai trường.")


async def test_not_ours_waits_until_an_officer_has_read_it(sqlite_world: World) -> None:
    world = sqlite_world
    person, _, _ = await owing(world, "telegram")
    judge = await officer(world)
    assert "Không có bản nộp nào" in await judge.says("/duyet")
    await opens(person)
    await person.taps("Không thuộc đơn vị")
    await person.says("Xã không có trường học.")
    assert "chưa đọc: 1." in await judge.says("/duyet")
    await judge.taps("Đăng ký")
    await judge.taps("Không thuộc đơn vị (1)")
    await judge.taps("Xã Suối Mơ")
    assert "Không có bản nộp nào" in await judge.says("/duyet")


async def test_names_open_on_a_page_for_ten_minutes_and_each_look_is_logged(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    unit_id = await unit(world)
    await deadline(world)
    await hands_in(await person_of(world, unit_id, "telegram"))
    judge = await officer(world)
    await reads(judge)
    address = page_of(judge)
    async with aiohttp.ClientSession() as http:
        async with http.get(address) as response:
            assert response.status == 200
            html = await response.text()
        page = Form(html)
        assert all(name in page.text for name in NAMES)
        found = re.search(r'href="(/officer/registration/[^"]+)"', html)
        assert found
        async with http.get(world.links + found[1]) as response:
            assert response.headers["Content-Disposition"].startswith("attachment")
            assert await response.read()
        assert {"read names", "read file"} <= set(await acts(world))
        async with world.base.db.transaction() as session:
            (row,) = await session.scalars(select(Officer))
            row.revoked_at = world.now()
        async with http.get(address) as response:
            assert response.status == 422


def test_the_address_of_the_page_lasts_ten_minutes() -> None:
    hour = [1000.0]
    vault = Vault("a secret of the tests, long enough", lambda: hour[0])
    signed = reading.sign(vault, "", "officer", "duty", 2).rpartition("/")[2]
    hour[0] += reading.LASTS_SECONDS
    assert reading.unsign(vault, signed) == reading.Reading("officer", "duty", 2, "")
    hour[0] += 1
    assert reading.unsign(vault, signed) is None


async def test_another_offices_officer_sees_nothing(sqlite_world: World) -> None:
    world = sqlite_world
    unit_id = await unit(world)
    await deadline(world)
    await hands_in(await person_of(world, unit_id, "telegram"))
    other = await officer(world, office_id=await other_office(world))
    assert "Không có bản nộp nào chờ xem" in await other.says("/duyet")


@CHANNELS
async def test_nobody_but_an_officer_answers_units(sqlite_world: World, channel: str) -> None:
    world = sqlite_world
    person = await person_of(world, await unit(world), channel)
    assert "dành cho cán bộ" in await person.says("/duyet")
