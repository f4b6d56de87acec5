"""An officer moves a date in chat: typed, read back, given a reason, and only then moved."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select, update

from bot.clock import end_of_day
from handlers.deadlines.calendar import arming, service
from storage.models.deadlines import Deadline, DeadlineMove
from storage.models.office import Act, Officer
from storage.models.reminders import Reminder, ReminderState
from storage.models.traffic import MessageClass, OutboxMessage
from storage.models.units import Member, MemberAddress, MemberRank, Unit
from tests.cast import Citizen, WebCitizen
from tests.deadlines.ground import at
from tests.deadlines.test_calendar_chat import furnished
from tests.officers.staff import officer
from tests.world import World

MARCH = end_of_day(date(2027, 3, 31))


async def running(world: World) -> None:
    """Armed; the officer Mai answers for X1, and one reminder waits for her."""
    await furnished(world)
    await officer(world, "telegram", 80, name="Phạm Thị Mai")
    async with world.base.db.transaction() as session:
        deadline = (await session.scalars(select(Deadline))).one()
        await arming.arm(session, [deadline], "command", world.now())
        unit = (await session.scalars(select(Unit).where(Unit.code == "X1"))).one()
        contact = await session.scalar(
            select(Officer.contact_id).where(Officer.name == "Phạm Thị Mai")
        )
        assert contact is not None
        member = Member(
            id="member", unit_id=unit.id, rank=MemberRank.FOCAL, name="Mai", joined_at=world.now()
        )
        session.add(member)
        await session.flush()
        session.add(MemberAddress(member_id="member", contact_id=contact, added_at=world.now()))
        session.add(
            Reminder(
                unit_id=unit.id, deadline_id=deadline.id, step="T-30", recipient="member",
                contact_id=contact, planned_at=world.now(), due_at=at("2027-03-01"),
                state=ReminderState.DEFERRED, at=world.now(),
            )
        )  # fmt: skip


async def asked(world: World, channel: str = "webchat", mark: str = "▶") -> Citizen:
    lan = await officer(world, channel)
    await lan.says("/lichviec")
    await lan.taps(f"{mark} 31/03")
    assert "Hạn đang là 24:00 thứ Tư, ngày 31/03/2027" in await lan.taps("Dời hạn")
    return lan


async def assert_unmoved(world: World) -> None:
    async with world.base.db.reading() as session:
        assert (await session.scalars(select(DeadlineMove))).all() == []
        assert set(await session.scalars(select(Deadline.due_at))) == {MARCH}


@pytest.mark.parametrize("channel", ["telegram", "webchat"])
async def test_what_is_typed_is_read_back_and_moved_by_the_last_press(
    world: World, channel: str
) -> None:
    await running(world)
    lan = await asked(world, channel)
    why = await lan.says("17h ngày 15/4")
    assert "Hạn mới: 17:00 thứ Năm, ngày 15/04/2027" in why
    sure = await lan.says("  Cấp trên lùi\nhạn  ")
    assert "Hạn cũ: 24:00 thứ Tư, ngày 31/03/2027" in sure
    assert "Lý do: Cấp trên lùi hạn" in sure
    # Eight steps to the unit and one to two officers; T-30 waits besides in the ledger.
    assert "Tin nhắc theo hạn cũ sẽ không gửi nữa: 11. Tin nhắc theo hạn mới: 10" in sure
    await assert_unmoved(world)
    assert "Số người được báo ngoài giờ nghỉ: 1" in await lan.taps("Đúng, dời hạn")
    async with world.base.db.reading() as session:
        (deadline,) = await session.scalars(select(Deadline))
        (kept,) = await session.scalars(select(DeadlineMove))
        (actor,) = await session.scalars(select(Act.actor).where(Act.verb == "move deadline"))
        (state,) = await session.scalars(select(Reminder.state))
        told = await session.scalars(
            select(OutboxMessage).where(OutboxMessage.kind == MessageClass.NOTICE)
        )
        assert len(told.all()) == 1
    assert deadline.due_at == at("2027-04-15", 17)
    assert (kept.old_due_at, kept.reason) == (MARCH, "Cấp trên lùi hạn")
    assert actor.startswith("officer:")
    assert state == ReminderState.SKIPPED
    if channel == "webchat":  # Telegram took the old button off the screen
        assert "không còn dở" in await lan.taps("Đúng, dời hạn")
        assert "Đã dời lúc" in await lan.taps("Xem lại hạn này")


async def test_words_that_may_mean_two_hours_are_asked_about(sqlite_world: World) -> None:
    await running(sqlite_world)
    lan = await asked(sqlite_world)
    assert "chưa hiểu" in await lan.says("hôm nào đó")
    assert "đã qua" in await lan.says("10/1/2027")
    assert "không có gì để dời" in await lan.says("31/3")
    assert "muốn nói lúc nào" in await lan.says("5h ngày 15/4")
    assert "Hạn mới: 17:00 thứ Năm, ngày 15/04/2027" in await lan.taps("17:00 thứ Năm")
    await assert_unmoved(sqlite_world)


async def test_a_day_off_is_warned_of_and_a_draft_tells_nobody(sqlite_world: World) -> None:
    await furnished(sqlite_world)
    lan = await asked(sqlite_world, mark="○")
    assert "24:00 Chủ Nhật, ngày 18/04/2027" in await lan.says("18/4")
    sure = await lan.says("Gộp vào hội nghị")
    assert "ngày cuối là ngày nghỉ" in sure
    assert "chưa kích hoạt, nên chưa báo cho ai" in sure
    assert "chưa báo cho ai" in await lan.taps("Đúng, dời hạn")
    async with sqlite_world.base.db.reading() as session:
        assert (await session.scalars(select(DeadlineMove.reason))).all() == ["Gộp vào hội nghị"]


async def test_only_what_was_read_last_is_moved(sqlite_world: World) -> None:
    await running(sqlite_world)
    lan = await asked(sqlite_world)
    await lan.says("15/4")
    await lan.says("Lý do thứ nhất")
    first = newest(lan, "Đúng, dời hạn")
    assert "Lý do: Lý do thứ hai" in await lan.says("Lý do thứ hai")
    assert "không còn dở" in await pressed(lan, first)
    await assert_unmoved(sqlite_world)
    await lan.taps("Ngày khác")
    assert "không còn dở" in await pressed(lan, first)
    await lan.taps("Chưa làm")
    assert "không còn dở" in await pressed(lan, first)
    await assert_unmoved(sqlite_world)


def newest(lan: Citizen, label: str) -> str:
    assert isinstance(lan, WebCitizen)
    found = [one for line in lan.lines for row in line["choices"] for one in row]
    return [str(one["press"]) for one in found if one["label"] == label][-1]


async def pressed(lan: Citizen, press: str) -> str:
    """A button that stands further up in the chat."""
    assert isinstance(lan, WebCitizen)
    return await lan.presses(press)


async def test_a_date_moved_meanwhile_must_be_looked_at_again(sqlite_world: World) -> None:
    await running(sqlite_world)
    lan = await asked(sqlite_world)
    await lan.says("15/4")
    await lan.says("Cấp trên lùi hạn")
    may = end_of_day(date(2027, 5, 5))
    async with sqlite_world.base.db.transaction() as session:
        deadline = (await session.scalars(select(Deadline))).one()
        vault = sqlite_world.base.vault
        await service.move(session, vault, deadline, may, "Đã có", "command", sqlite_world.now())
    assert "Hạn hiện là 24:00 thứ Tư, ngày 05/05/2027" in await lan.taps("Đúng, dời hạn")
    assert "không còn dở" in await lan.says("Vẫn muốn dời")
    async with sqlite_world.base.db.reading() as session:
        assert (await session.scalars(select(Deadline.due_at))).all() == [may]
        assert (await session.scalars(select(DeadlineMove.reason))).all() == ["Đã có"]


async def test_one_let_go_in_the_middle_moves_nothing(sqlite_world: World) -> None:
    await running(sqlite_world)
    lan = await asked(sqlite_world)
    await lan.says("15/4")
    await lan.says("Cấp trên lùi hạn")
    async with sqlite_world.base.db.transaction() as session:
        await session.execute(update(Officer).values(revoked_at=sqlite_world.now()))
    assert "chỉ dành cho cán bộ" in await lan.taps("Đúng, dời hạn")
    assert "chưa hiểu" in await lan.says("16/4"), "the dialogue is over"
    await assert_unmoved(sqlite_world)


async def test_a_move_is_left_by_a_word_or_by_looking_elsewhere(sqlite_world: World) -> None:
    await running(sqlite_world)
    lan = await asked(sqlite_world)
    assert "vẫn để nguyên" in await lan.says("/huy")
    await lan.says("/lichviec")
    await lan.taps("▶ 31/03")
    await lan.taps("Dời hạn")
    await lan.says("/lichviec")
    assert "Hạn mới" not in await lan.says("15/4")
    await assert_unmoved(sqlite_world)
