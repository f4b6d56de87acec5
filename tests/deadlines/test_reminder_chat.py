"""The contract of a reminder's buttons, through every channel; and what they refuse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, update

from bot.clock import VIETNAM
from storage.models.consultations import Consultation
from storage.models.deadlines import Deadline, Duty, DutyState, Work
from storage.models.office import Act
from storage.models.people import Contact
from storage.models.reminders import Reminder, ReminderState
from storage.models.traffic import OutboxMessage
from storage.models.units import Member, MemberRank
from tests.cast import CHANNELS, Citizen, WebCitizen
from tests.deadlines.cast import (
    FRIDAY_NIGHT,
    MONDAY,
    Owing,
    contact_id,
    duty_of,
    joins,
    ledger,
    officer_joins,
    owing,
    reminded,
)
from tests.world import World


@dataclass
class Reached:
    """Somebody who answers for a unit and has a reminder before them."""

    citizen: Citizen
    owed: Owing
    contact: int
    member: str
    reminder: int


async def reach(
    world: World, channel: str, work: Work = Work.OTHER, due_at: datetime = FRIDAY_NIGHT
) -> Reached:
    citizen = await world.citizen(channel)
    contact = await contact_id(world, citizen)
    owed = await owing(world, work, due_at=due_at)
    member = await joins(world, contact, owed.unit_id)
    number = await reminded(world, owed, member, contact)
    if isinstance(citizen, WebCitizen):
        await citizen.says("/trogiup")  # reads what came meanwhile
    return Reached(citizen, owed, contact, member, number)


async def notices(world: World, contact: int) -> list[OutboxMessage]:
    async with world.base.db.reading() as session:
        found = await session.scalars(
            select(OutboxMessage).where(
                OutboxMessage.contact_id == contact, OutboxMessage.kind == "notice"
            )
        )
        return list(found)


async def verbs(world: World, duty_id: str) -> list[str]:
    async with world.base.db.reading() as session:
        acts = await session.scalars(select(Act).where(Act.object_id == duty_id).order_by(Act.id))
        return [f"{act.verb}: {act.reason}" if act.reason else act.verb for act in acts]


@CHANNELS
async def test_done_is_confirmed_then_submitted_and_pressed_twice_changes_nothing(
    stage: World, channel: str
) -> None:
    one = await reach(stage, channel)
    assert "xác nhận" in await one.citizen.taps("Đã xong")
    assert (await duty_of(stage, one.owed)).state == DutyState.NOT_STARTED
    assert "Từ nay không nhắc" in await one.citizen.taps("Đúng, đã xong")
    duty = await duty_of(stage, one.owed)
    assert (duty.state, duty.late) == (DutyState.SUBMITTED, False)
    assert "đã cập nhật" in await one.citizen.taps("Đúng, đã xong")
    assert "đã cập nhật" in await one.citizen.taps("Đang làm")
    assert (await duty_of(stage, one.owed)).state == DutyState.SUBMITTED
    assert await verbs(stage, one.owed.duty_id) == ["duty submitted"]


@CHANNELS
async def test_what_must_be_handed_in_leads_there_or_is_on_paper(
    stage: World, channel: str
) -> None:
    one = await reach(stage, channel, Work.REGISTRATION)
    assert "cần nộp" in await one.citizen.taps("Đã xong")
    (screen,) = [seen for seen in await one.citizen.screen() if "cần nộp" in seen.text]
    assert "Nộp tại đây" in screen.labels
    assert "bản giấy" in await one.citizen.taps("Đã nộp bản giấy")
    await one.citizen.taps("Đúng, đã nộp bản giấy")
    duty = await duty_of(stage, one.owed)
    assert (duty.state, duty.reason) == (DutyState.SUBMITTED, "paper")


@CHANNELS
async def test_in_progress_is_noted_and_reminders_go_on(stage: World, channel: str) -> None:
    one = await reach(stage, channel)
    assert "đang làm" in await one.citizen.taps("Đang làm")
    assert (await duty_of(stage, one.owed)).state == DutyState.IN_PROGRESS
    await one.citizen.taps("Đang làm")
    assert await verbs(stage, one.owed.duty_id) == ["duty in_progress"]


@CHANNELS
async def test_remind_me_tomorrow_is_a_row_of_the_ledger(stage: World, channel: str) -> None:
    one = await reach(stage, channel)
    assert "08:00 thứ Ba, ngày 02/03/2027" in await one.citizen.taps("Nhắc tôi ngày mai")
    await stage.restart()
    await one.citizen.taps("Nhắc tôi ngày mai")
    (row,) = await ledger(stage)
    assert (row.step, row.recipient, row.contact_id) == (
        "again 2027-03-02 08:00", one.member, one.contact,
    )  # fmt: skip
    assert (row.state, row.due_at) == (ReminderState.PLANNED, MONDAY + timedelta(hours=23))


@CHANNELS
async def test_whoever_stopped_reminders_is_promised_none_before_they_turn_them_on(
    stage: World, channel: str
) -> None:
    one = await reach(stage, channel)
    await one.citizen.says("dừng")
    told = await one.citizen.taps("Nhắc tôi ngày mai")
    assert "đang dừng nhận tin nhắc" in told
    assert "Chúng tôi sẽ nhắc" not in told
    assert "Đã bật lại" in await one.citizen.taps("Bật lại tin nhắc")
    (row,) = await ledger(stage)
    assert row.state == ReminderState.PLANNED


@CHANNELS
async def test_a_typed_day_is_read_back_before_it_counts(stage: World, channel: str) -> None:
    one = await reach(stage, channel)
    await one.citizen.taps("Nhắc vào ngày tôi chọn")
    assert "Chúng tôi chưa hiểu" in await one.citizen.says("hôm nào rảnh")
    assert "Không có ngày 30/2: tháng 2 chỉ có đến ngày 29" in await one.citizen.says("30/2")
    assert "Không có tháng 13" in await one.citizen.says("1/13")
    told = await one.citizen.says("14h thứ sáu")
    assert "14:00 thứ Sáu, ngày 05/03/2027" in told
    assert await ledger(stage) == []
    await stage.restart()
    await one.citizen.taps("Đúng, nhắc lúc đó")
    (row,) = await ledger(stage)
    assert row.due_at == datetime(2027, 3, 5, 14, tzinfo=VIETNAM)


@CHANNELS
async def test_a_day_off_says_when_it_really_comes(stage: World, channel: str) -> None:
    one = await reach(stage, channel)
    await one.citizen.taps("Nhắc vào ngày tôi chọn")
    told = await one.citizen.says("chủ nhật")
    assert "08:00 thứ Hai, ngày 08/03/2027" in told
    assert "ngày nghỉ" in told
    await one.citizen.taps("Đúng, nhắc lúc đó")
    (row,) = await ledger(stage)
    assert (row.step, row.state, row.reason) == ("again 2027-03-07 08:00", "deferred", "day_off")


@CHANNELS
async def test_an_hour_typed_with_a_day_off_is_kept_on_the_next_working_day(
    stage: World, channel: str
) -> None:
    one = await reach(stage, channel)
    await one.citizen.taps("Nhắc vào ngày tôi chọn")
    told = await one.citizen.says("7/3 lúc 17h")
    assert "17:00 thứ Hai, ngày 08/03/2027" in told
    assert "Ngày Anh/chị chọn (Chủ Nhật, ngày 07/03/2027) là ngày nghỉ" in told
    assert "17:00 thứ Hai, ngày 08/03/2027" in await one.citizen.taps("Đúng, nhắc lúc đó")
    (row,) = await ledger(stage)
    assert row.due_at == datetime(2027, 3, 8, 17, tzinfo=VIETNAM)
    assert (row.step, row.reason) == ("again 2027-03-07 17:00", "day_off")


@pytest.mark.parametrize(
    ("due_at", "typed", "comes"),
    [
        (datetime(2027, 3, 8, 5, tzinfo=UTC), "7/3 lúc 17h", "08:00 thứ Hai, ngày 08/03/2027"),
        (datetime(2027, 3, 7, 17, tzinfo=UTC), "7/3 lúc 17h", "17:00 thứ Sáu, ngày 05/03/2027"),
        (datetime(2027, 3, 8, 5, tzinfo=UTC), "7/3 lúc 22h", "08:00 thứ Hai, ngày 08/03/2027"),
        (datetime(2027, 3, 7, 17, tzinfo=UTC), "7/3 lúc 22h", "08:00 thứ Sáu, ngày 05/03/2027"),
    ],
)
async def test_a_typed_hour_gives_way_to_the_deadline_and_to_quiet_hours(
    stage: World, due_at: datetime, typed: str, comes: str
) -> None:
    one = await reach(stage, "webchat", due_at=due_at)
    await one.citizen.taps("Nhắc vào ngày tôi chọn")
    assert comes in await one.citizen.says(typed)


@CHANNELS
async def test_not_ours_needs_a_reason_and_tells_the_office(stage: World, channel: str) -> None:
    one = await reach(stage, channel)
    officer = await stage.citizen("telegram", number=9)
    officer_contact = await contact_id(stage, officer)
    await officer_joins(stage, officer_contact)
    await one.citizen.taps("Không phải việc của đơn vị")
    assert "rõ hơn" in await one.citizen.says("ko")
    assert "Thôi, để sau" in (await one.citizen.screen())[-1].labels
    assert "Không có trường" in await one.citizen.says("Không có trường nào trong xã.")
    assert (await duty_of(stage, one.owed)).state == DutyState.NOT_STARTED
    await one.citizen.taps("Gửi")
    duty = await duty_of(stage, one.owed)
    assert (duty.state, duty.reason) == (
        DutyState.NOT_APPLICABLE, "Không có trường nào trong xã.",
    )  # fmt: skip
    assert "đã cập nhật" in await one.citizen.taps("Gửi")
    assert len(await notices(stage, officer_contact)) == 1


@CHANNELS
async def test_more_time_is_asked_with_a_day_and_a_reason(stage: World, channel: str) -> None:
    one = await reach(stage, channel)
    officer = await stage.citizen("telegram", number=9)
    officer_contact = await contact_id(stage, officer)
    await officer_joins(stage, officer_contact)
    await one.citizen.taps("Xin thêm thời gian")
    assert "không muộn hơn" in await one.citizen.says("10/3")
    await one.citizen.says("19/3")
    told = await one.citizen.says("Thủ trưởng đi công tác, chưa ký được.")
    assert "thứ Sáu, ngày 19/03/2027" in told
    assert (await duty_of(stage, one.owed)).more_time_until is None
    await one.citizen.taps("Gửi")
    await one.citizen.taps("Gửi")
    duty = await duty_of(stage, one.owed)
    assert duty.more_time_until == date(2027, 3, 19)
    assert duty.more_time_reason == "Thủ trưởng đi công tác, chưa ký được."
    assert duty.own_due_at is None
    assert len(await notices(stage, officer_contact)) == 1
    assert any(verb.startswith("ask more time") for verb in await verbs(stage, one.owed.duty_id))


@CHANNELS
async def test_who_is_responsible_names_the_people_and_their_ranks(
    stage: World, channel: str
) -> None:
    one = await reach(stage, channel)
    head = await stage.citizen("telegram", number=8)
    await joins(
        stage, await contact_id(stage, head), one.owed.unit_id, "Vũ Văn Thí Dụ", MemberRank.HEAD
    )
    told = await one.citizen.taps("Ai phụ trách?")
    assert "Đỗ Thị Minh Họa (đầu mối)" in told
    assert told.index("Đỗ Thị") < told.index("Vũ Văn Thí Dụ (thủ trưởng")


@CHANNELS
async def test_who_left_the_unit_presses_in_vain(stage: World, channel: str) -> None:
    one = await reach(stage, channel)
    await one.citizen.taps("Đã xong")
    async with stage.base.db.transaction() as session:
        await session.execute(update(Member).values(left_at=MONDAY))
    for label in ("Đúng, đã xong", "Nhắc tôi ngày mai", "Ai phụ trách?", "Đang làm"):
        assert "hiện Anh/chị không phụ trách" in await one.citizen.taps(label)
    assert (await duty_of(stage, one.owed)).state == DutyState.NOT_STARTED
    assert await ledger(stage) == []


async def test_a_forwarded_button_does_nothing_for_another_units_person(stage: World) -> None:
    one = await reach(stage, "webchat")
    stranger = await stage.citizen("webchat", number=2)
    elsewhere = await owing(stage, unit="Phường Trung Tâm", title="Việc khác")
    await joins(stage, await contact_id(stage, stranger), elsewhere.unit_id, "Người Nơi Khác")
    assert isinstance(stranger, WebCitizen)
    for act in ("doneyes", "doing", "t1", "who", "open", "notours", "moreyes"):
        for subject in (f"rm:{one.reminder}", f"rd:{one.owed.duty_id}"):
            told = await stranger._post(
                json={"id": f"{act}-{subject[:2]}", "press": f"{subject}:{act}", "label": "x"}
            )
            assert "không phụ trách" in told, act
    assert (await duty_of(stage, one.owed)).state == DutyState.NOT_STARTED
    assert await ledger(stage) == []
    for press in ("rm:999999:done", "rm:x:done", "rd::open", "rm:1:nonsense", "rm:", "rd:a:at:zz"):
        told = await stranger._post(json={"id": press, "press": press, "label": "x"})
        assert told
        assert "lỗi" not in told


async def test_a_day_after_the_deadline_is_refused_in_words(stage: World) -> None:
    one = await reach(stage, "webchat", due_at=datetime(2027, 3, 2, 17, tzinfo=UTC))
    assert "hết hạn" in await one.citizen.taps("Nhắc sau ba ngày")
    assert "02/03/2027" in await one.citizen.taps("Nhắc tôi ngày mai")
    assert [row.step for row in await ledger(stage)] == ["again 2027-03-02 08:00"]


async def test_what_would_be_put_off_past_the_deadline_comes_earlier(stage: World) -> None:
    one = await reach(stage, "webchat", due_at=datetime(2027, 3, 7, 17, tzinfo=UTC))
    await one.citizen.taps("Nhắc vào ngày tôi chọn")
    told = await one.citizen.says("chủ nhật")
    assert "08:00 thứ Sáu, ngày 05/03/2027" in told
    assert "sớm hơn" in told


async def test_own_quiet_hours_hold_for_a_typed_hour(stage: World) -> None:
    one = await reach(stage, "webchat")
    await one.citizen.taps("Nhắc vào ngày tôi chọn")
    told = await one.citizen.says("23h ngày mai")
    assert "07:00 thứ Tư, ngày 03/03/2027" in told
    assert "giờ nghỉ" in told


async def test_a_reason_half_written_is_dropped_when_it_is_done_elsewhere(stage: World) -> None:
    one = await reach(stage, "webchat")
    await one.citizen.taps("Không phải việc của đơn vị")
    async with stage.base.db.transaction() as session:
        await session.execute(update(Duty).values(state=DutyState.ACCEPTED))
    assert "đã cập nhật" in await one.citizen.says("Xã không có trường nào.")
    async with stage.base.db.reading() as session:
        contact = await session.get_one(Contact, one.contact)
        assert (contact.state, contact.data) == (None, {})


async def test_a_card_has_a_note_only_where_there_is_one(stage: World) -> None:
    one = await reach(stage, "webchat")
    await one.citizen.says("/nhacviec")
    told = await one.citizen.taps("1. Ký giao ước")
    assert "Tình trạng: chưa làm" in told
    assert "Ghi chú" not in told
    async with stage.base.db.transaction() as session:
        await session.execute(update(Duty).values(state="returned", reason="Thiếu chữ ký."))
    await one.citizen.says("/nhacviec")
    assert "Ghi chú: Thiếu chữ ký." in await one.citizen.taps("1. Ký giao ước")


async def test_a_cancelled_deadline_takes_no_answer(stage: World) -> None:
    one = await reach(stage, "webchat")
    async with stage.base.db.transaction() as session:
        await session.execute(update(Deadline).values(state="cancelled"))
    assert "đã hủy" in await one.citizen.taps("Đã xong")
    assert (await duty_of(stage, one.owed)).state == DutyState.NOT_STARTED


async def test_an_opinion_half_written_is_gone_back_to(stage: World) -> None:
    one = await reach(stage, "webchat")
    async with stage.base.db.transaction() as session:
        await session.execute(update(Consultation).values(closes_at=FRIDAY_NIGHT))
    await one.citizen.says("/start c-AH-2026-01-1")
    await one.citizen.taps("Không đồng ý")
    await one.citizen.says("Lời còn dở.")
    await one.citizen.taps("Nhắc vào ngày tôi chọn")
    await one.citizen.says("thứ sáu")
    told = await one.citizen.taps("Đúng, nhắc lúc đó")
    assert "Đã ghi" in told
    await one.citizen.taps("Tiếp tục")
    await one.citizen.taps("Không nêu tên")
    assert "Lời còn dở." in (await one.citizen.screen())[-1].text


async def test_done_skips_what_was_asked_for(stage: World) -> None:
    one = await reach(stage, "webchat")
    await one.citizen.taps("Nhắc sau ba ngày")
    await one.citizen.taps("Đã xong")
    await one.citizen.taps("Đúng, đã xong")
    (row,) = await ledger(stage)
    assert (row.state, row.reason) == (ReminderState.SKIPPED, "submitted")


async def test_done_after_the_deadline_is_marked_late(stage: World) -> None:
    one = await reach(stage, "webchat")
    stage.stopped_at = FRIDAY_NIGHT + timedelta(hours=10)
    await one.citizen.taps("Đã xong")
    assert "nộp muộn" in await one.citizen.taps("Đúng, đã xong")
    assert (await duty_of(stage, one.owed)).late


async def test_the_same_buttons_work_on_postgresql(world: World) -> None:
    world.stopped_at = MONDAY
    one = await reach(world, "webchat")
    await one.citizen.taps("Nhắc tôi ngày mai")
    await one.citizen.taps("Đang làm")
    assert (await duty_of(world, one.owed)).state == DutyState.IN_PROGRESS
    async with world.base.db.reading() as session:
        (row,) = await session.scalars(select(Reminder).where(Reminder.step.like("again%")))
    assert row.state == ReminderState.PLANNED


async def test_the_head_of_a_cluster_may_ask_who_and_nothing_else(stage: World) -> None:
    head = await stage.citizen("webchat", number=2)
    assert isinstance(head, WebCitizen)
    contact = await contact_id(stage, head)
    leading = await owing(stage, unit="Phường Trung Tâm", title="Việc khác")
    member = await joins(stage, contact, leading.unit_id, "Trưởng Cụm Ví Dụ")
    behind = await owing(stage)
    number = await reminded(stage, behind, member, contact, step="T+4")
    await head.says("/trogiup")
    assert "Xã Suối Mơ chưa có ai" in await head.taps("Ai phụ trách?")
    for act in ("done", "doneyes", "open", "t1"):
        told = await head._post(json={"id": act, "press": f"rm:{number}:{act}", "label": "x"})
        assert "không phụ trách" in told
    assert (await duty_of(stage, behind)).state == DutyState.NOT_STARTED


async def test_words_that_may_mean_two_days_are_asked_about(stage: World) -> None:
    one = await reach(stage, "webchat")
    await one.citizen.taps("Nhắc vào ngày tôi chọn")
    assert "ngày nào" in await one.citizen.says("cuối tuần")
    assert await ledger(stage) == []
    assert "08:00 thứ Sáu, ngày 05/03/2027" in await one.citizen.taps("thứ Sáu, ngày 05/03/2027")
    await one.citizen.taps("Xin thêm thời gian")
    await one.citizen.says("cuối tuần sau")
    assert "Vì sao cần thêm" in await one.citizen.taps("thứ Bảy, ngày 13/03/2027")
    assert "đến hết" in await one.citizen.says("Chờ thủ trưởng đi công tác về.")
