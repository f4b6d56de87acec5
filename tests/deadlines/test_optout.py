"""One word stops what nobody asked for, in the middle of anything; a sentence does not."""

from __future__ import annotations

import unicodedata

import pytest
from sqlalchemy import delete, select, update

from bot import outbox
from bot.replies import reply
from handlers.consultations.review.jobs import tell_officers
from handlers.deadlines.reminders.optout import says_start, says_stop
from storage.models.consultations import Consultation
from storage.models.deadlines import Duty
from storage.models.office import Act
from storage.models.people import Contact
from storage.models.reminders import Reminder, ReminderState
from storage.models.traffic import MessageClass, OutboxMessage, OutboxState
from tests.cast import CHANNELS
from tests.deadlines import office
from tests.deadlines.cast import (
    FRIDAY_NIGHT,
    MONDAY,
    contact_id,
    joins,
    ledger,
    officer_joins,
    owing,
)
from tests.world import World

STOPS = ["Huỷ", "Hủy", "HUY", "dừng", "Dung", "STOP", "stop.", "Dừng!!!", "“Dừng”", "  hủy … "]
OTHERS = [
    "Đúng", "dùng", "đứng", "Dũng", "Đừng", "hủy bỏ", "Dừng lại giúp tôi", "Tôi muốn dừng",
    "/huy", "stopp", "", "Đề nghị hủy quyết định", "Huy.chương",
]  # fmt: skip


@pytest.fixture
async def open_stage(stage: World) -> World:
    """Its consultation is still open then."""
    async with stage.base.db.transaction() as session:
        await session.execute(update(Consultation).values(closes_at=FRIDAY_NIGHT))
    return stage


def test_the_word_alone_in_any_writing_is_the_word() -> None:
    for typed in STOPS:
        for form in ("NFC", "NFD"):
            assert says_stop(unicodedata.normalize(form, typed)), typed
    assert not [typed for typed in OTHERS if says_stop(typed)]
    assert says_start("BẬT")
    assert says_start("start")
    assert not says_start("/start")
    assert not says_start("Bắt")


async def opted_out(world: World, contact: int) -> bool:
    async with world.base.db.reading() as session:
        return (await session.get_one(Contact, contact)).opted_out_at is not None


@CHANNELS
async def test_it_wins_in_the_middle_of_an_opinion_and_the_draft_stays(
    open_stage: World, channel: str
) -> None:
    citizen = await open_stage.citizen(channel)
    contact = await contact_id(open_stage, citizen)
    await citizen.says("/start c-AH-2026-01-1")
    await citizen.taps("Không đồng ý")
    await citizen.says("Lời còn dở.")
    told = await citizen.says(unicodedata.normalize("NFD", "Dừng."))
    assert "Đã dừng" in told
    assert "vẫn nhận được câu trả lời" in told
    assert "vẫn còn nguyên" in told
    assert await opted_out(open_stage, contact)
    await citizen.taps("Tiếp tục")
    await citizen.taps("Không nêu tên")
    assert "Lời còn dở." in "\n".join(seen.text for seen in await citizen.screen())
    await citizen.taps("Gửi")
    assert "Đã bật lại" in await citizen.says("bật")
    assert not await opted_out(open_stage, contact)


@CHANNELS
async def test_a_sentence_and_the_command_are_not_it(open_stage: World, channel: str) -> None:
    citizen = await open_stage.citizen(channel)
    contact = await contact_id(open_stage, citizen)
    await citizen.says("/start c-AH-2026-01-1")
    await citizen.taps("Không đồng ý")
    await citizen.says("Đề nghị dừng xét khen thưởng.")
    assert not await opted_out(open_stage, contact)
    assert "Chưa có gì được gửi" in await citizen.says("/huy")
    assert not await opted_out(open_stage, contact)


@CHANNELS
async def test_a_member_who_stops_skips_what_waits_and_the_office_knows(
    stage: World, channel: str
) -> None:
    officer = await stage.citizen("telegram", number=9)
    officer_contact = await contact_id(stage, officer)
    await officer_joins(stage, officer_contact)
    citizen = await stage.citizen(channel)
    contact = await contact_id(stage, citizen)
    owed = await owing(stage, mandatory=True)
    member = await joins(stage, contact, owed.unit_id)
    await citizen.says("/nhacviec")
    await citizen.taps("1. Ký giao ước")
    await citizen.taps("Nhắc tôi ngày mai")
    await citizen.taps("Nhắc vào ngày tôi chọn")
    told = await citizen.says("STOP")
    assert "Hạn bắt buộc vẫn còn" in told
    assert "cơ quan" in told
    (row,) = await ledger(stage)
    assert (row.state, row.reason) == (ReminderState.SKIPPED, "opted_out")
    await citizen.says("dừng")
    async with stage.base.db.reading() as session:
        acts = await session.scalars(select(Act).where(Act.object_id == member))
        assert [(act.verb, act.actor) for act in acts] == [("opt out", f"member:{member}")]
        notices = await session.scalars(
            select(OutboxMessage).where(OutboxMessage.contact_id == officer_contact,
                                        OutboxMessage.kind == MessageClass.NOTICE)
        )  # fmt: skip
        assert len(notices.all()) == 1
    assert "08:00 thứ Sáu" in await citizen.says("thứ sáu"), "the question still stands"


async def test_nothing_is_said_of_mandatory_deadlines_where_there_are_none(stage: World) -> None:
    officer = await stage.citizen("webchat", number=9)
    await officer_joins(stage, await contact_id(stage, officer))
    citizen = await stage.citizen("webchat")
    contact = await contact_id(stage, citizen)
    owed = await owing(stage)
    await joins(stage, contact, owed.unit_id)
    told = await citizen.says("dừng")
    assert "Đã dừng" in told
    assert "bắt buộc" not in told
    await citizen.says("/nhacviec")
    settings = await citizen.taps("Cài đặt nhắc việc")
    assert "Anh/chị đã dừng nhận tin nhắc từ" in settings
    assert "bắt buộc" not in settings
    await stage.dialogue.outbox.send_due()
    await stage.settled()
    await officer.says("/trogiup")  # reads what came meanwhile
    heard = " ".join(seen.text for seen in await officer.screen())
    assert "đã dừng nhận tin nhắc" in heard
    assert "Tin nhắc sẽ đến người khác của đơn vị" in heard
    assert "bắt buộc" not in heard
    await owing(stage, title="Nộp báo cáo", mandatory=True)
    await citizen.says("/nhacviec")
    assert "việc bắt buộc được chuyển" in await citizen.taps("Cài đặt nhắc việc")


async def test_a_head_of_a_cluster_hears_of_the_mandatory_deadlines_of_its_members(
    stage: World,
) -> None:
    citizen = await stage.citizen("webchat")
    contact = await contact_id(stage, citizen)
    leading = await office.unit(stage, "TT", "Phường Trung Tâm")
    member = await office.unit(stage, "SM", "Xã Suối Mơ")
    await joins(stage, contact, leading.id)
    await owing(stage, mandatory=True, for_kinds=["commune"])
    async with stage.base.db.transaction() as session:
        await session.execute(delete(Duty).where(Duty.unit_id == leading.id))
    assert "bắt buộc" not in await citizen.says("dừng")
    await citizen.says("bật")
    await office.cluster(stage, "C1", "Cụm 1", leading, member)
    assert "Hạn bắt buộc vẫn còn" in await citizen.says("dừng")


async def test_what_stands_in_the_outbox_does_not_go_either(stage: World) -> None:
    citizen = await stage.citizen("webchat")
    contact = await contact_id(stage, citizen)
    owed = await owing(stage)
    member = await joins(stage, contact, owed.unit_id)
    async with stage.base.db.transaction() as session:
        for kind in (MessageClass.REMINDER, MessageClass.BULK, MessageClass.NOTICE):
            outbox.tell(
                session, stage.base.vault, contact, reply("optout-kept"), kind=kind,
                due_at=FRIDAY_NIGHT,
            )  # fmt: skip
        await session.flush()
        first = await session.scalar(
            select(OutboxMessage.id).where(OutboxMessage.kind == "reminder")
        )
        rows = [
            Reminder(
                unit_id=owed.unit_id, deadline_id=owed.deadline_id, step=step, recipient=member,
                contact_id=contact, planned_at=MONDAY, due_at=MONDAY, state=state, at=MONDAY,
                outbox_id=first if state == ReminderState.CLAIMED else None,
            )
            for step, state in (("T-7", ReminderState.CLAIMED), ("T-3", ReminderState.MERGED))
        ]  # fmt: skip
        session.add_all(rows)
        await session.flush()
        rows[1].told_in = rows[0].id
    await citizen.says("dừng")
    async with stage.base.db.reading() as session:
        states = await session.execute(
            select(OutboxMessage.kind, OutboxMessage.state).where(
                OutboxMessage.contact_id == contact, OutboxMessage.due_at == FRIDAY_NIGHT
            )
        )
        assert dict(states.tuples().all()) == {
            "reminder": OutboxState.WITHDRAWN, "bulk": OutboxState.WITHDRAWN,
            "notice": OutboxState.QUEUED,
        }  # fmt: skip
        kept = await session.execute(select(Reminder.state, Reminder.reason))
        assert {tuple(row) for row in kept} == {("skipped", "opted_out")}


async def test_an_officer_who_stopped_is_not_told_what_waits(open_stage: World) -> None:
    officer = await open_stage.citizen("webchat", number=9)
    await officer_joins(open_stage, await contact_id(open_stage, officer))
    citizen = await open_stage.citizen("webchat")
    await citizen.says("/start c-AH-2026-01-1")
    await citizen.taps("Không đồng ý")
    await citizen.says("Không đúng như hồ sơ.")
    await citizen.taps("Không nêu tên")
    await citizen.taps("Gửi")
    await officer.says("stop")
    async with open_stage.base.db.transaction() as session:
        assert await tell_officers(session, open_stage.base.vault, MONDAY) == 0
    await officer.says("start")
    async with open_stage.base.db.transaction() as session:
        assert await tell_officers(session, open_stage.base.vault, MONDAY) == 1


async def test_the_start_word_of_somebody_who_stopped_nothing_is_left_to_others(
    stage: World,
) -> None:
    citizen = await stage.citizen("webchat")
    assert "bật lại" not in (await citizen.says("start")).lower()


async def test_stopping_works_on_postgresql(world: World) -> None:
    citizen = await world.citizen("webchat")
    contact = await contact_id(world, citizen)
    owed = await owing(world)
    await joins(world, contact, owed.unit_id)
    assert "Đã dừng" in await citizen.says("Huỷ")
    assert await opted_out(world, contact)
    assert "Đã bật lại" in await citizen.taps("Bật lại")
    assert not await opted_out(world, contact)
