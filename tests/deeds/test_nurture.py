"""A unit and a mentor stay with who did good; what they plan and do is written in chat."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select

from bot import replies
from bot.clock import VIETNAM, load_calendar
from bot.replies import UserError
from handlers.deeds import morning, nurture, people
from storage.models.deeds import (
    Deed,
    DeedFile,
    DeedMilestone,
    DeedNurture,
    DeedState,
)
from storage.models.office import Officer
from storage.models.traffic import OutboxMessage
from storage.models.units import Member, MemberAddress, MemberRank, Unit
from tests.cast import PAIRS
from tests.consultations.opinions import contact_of
from tests.deadlines.cast import MONDAY, joins
from tests.deeds.ground import NOW, VAULT, Deeds
from tests.deeds.staged import presses, put
from tests.deeds.test_checking import UNIT, Cast, sees, the_deed, told_deed
from tests.pictures import jpeg
from tests.world import World

ALLOWED = {DeedState.CONFIRMED, DeedState.SUMMARISED}
"""From where the table leads to nurture, written out again on purpose."""


async def given_to_the_unit(world: World, cast: Cast) -> Deed:
    await put(world, DeedState.CONFIRMED, unit_id=cast.unit_id)
    await cast.officer.says("/viectotmoi")
    await cast.officer.taps("Xã Bảo Lạc")
    await cast.officer.taps("Giao đơn vị bồi dưỡng")
    assert "Ai của Xã Bảo Lạc trực tiếp giúp đỡ" in await cast.officer.taps(UNIT)
    assert f"Đã giao {UNIT}" in await cast.officer.says("Hoàng Văn Kèm")
    return await the_deed(world)


@PAIRS
async def test_a_unit_plans_notes_and_ends_in_chat_and_the_teller_hears(
    world: World, channel: str
) -> None:
    cast = await told_deed(world, channel)
    deed = await given_to_the_unit(world, cast)
    assert (deed.state, deed.unit_id) == (DeedState.NURTURED, cast.unit_id)
    assert f"{UNIT} đang bồi dưỡng" in await sees(world, cast.citizen)
    assert f"Cơ quan giao {UNIT} bồi dưỡng" in await sees(world, cast.clerk)
    card = await cast.clerk.taps("Mở việc bồi dưỡng")
    assert "Người giúp đỡ: Hoàng Văn Kèm" in card
    assert "Ví Dụ" not in card
    await cast.clerk.taps("Đặt mốc sẽ làm")
    await cast.clerk.says("Vận động xây lại cầu qua suối")
    assert "20/03/2027" in await cast.clerk.says("20/3")
    assert "○ Hẹn thứ Bảy, ngày 20/03/2027: Vận động" in await cast.clerk.taps("Lưu")
    await cast.clerk.taps("Ghi việc đã làm")
    await cast.clerk.says("Đến nhà thăm hỏi")
    assert "Số tệp: 1" in await cast.clerk.sends_files((jpeg(), "tham-hoi.jpg"))
    assert "Đến nhà thăm hỏi (tệp: 1)" in await cast.clerk.taps("Lưu")
    await cast.clerk.taps("Xong: Vận động xây lại cầu")
    await cast.clerk.says("Bà con góp 40 ngày công")
    timeline = await cast.clerk.taps("Lưu")
    assert "Vận động xây lại cầu qua suối; Bà con góp 40 ngày công" in timeline
    assert "○" not in timeline
    assert "Đang bồi dưỡng" not in await cast.citizen.says(cast.code)
    assert "Nơi bồi dưỡng, giúp đỡ: Xã Bảo Lạc" in "\n".join(
        seen.text for seen in await cast.citizen.screen()
    )
    async with world.base.db.reading() as session:
        rows = (await session.scalars(select(DeedMilestone))).all()
        files = await session.scalars(
            select(DeedFile).where(DeedFile.milestone_id.in_([row.id for row in rows]))
        )
        assert len(files.all()) == 1
        row = (await session.scalars(select(DeedNurture))).one()
    assert row.mentor
    assert "Kèm".encode() not in row.mentor
    assert not any("cầu".encode() in (row.words or b"") for row in rows)


async def test_the_officer_picks_a_person_of_the_unit_and_may_change_both(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    await given_to_the_unit(world, cast)
    async with world.base.db.reading() as session:
        member = (await session.scalars(select(Member))).one()
    await cast.officer.taps("Mở việc bồi dưỡng")
    await cast.officer.taps("Đổi đơn vị")
    await cast.officer.taps(UNIT)
    await cast.officer.taps(member.name)
    assert f"Người giúp đỡ: {member.name}" in await cast.officer.taps("Mở việc bồi dưỡng")
    told = [one.text for one in await cast.citizen.screen() if "đang bồi dưỡng" in one.text]
    assert len(told) <= 1


async def test_every_other_state_is_refused_in_chat(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    for minutes, state in enumerate(DeedState):
        world.stopped_at = MONDAY + timedelta(minutes=minutes)
        await put(world, state, unit_id=cast.unit_id)
        deed = await the_deed(world)
        tail = f"{deed.id}:{deed.version}"
        for press in (f"bd:u:{tail}", f"bd:m:{deed.id}:{cast.unit_id}:{deed.version}"):
            is_refused = "Chưa làm được bước này" in await presses(cast.officer, press)
            assert is_refused == (state not in ALLOWED | {DeedState.NURTURED}), (state, press)
        noted = await presses(cast.officer, f"bd:note:{deed.id}")
        assert ("Chưa làm được bước này" in noted) == (state is not DeedState.NURTURED), state


async def test_only_the_unit_and_the_office_have_it_in_hand(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    deed = await given_to_the_unit(world, cast)
    async with world.base.db.transaction() as session:
        other = Unit(office_id=world.office_id, code="KX", name="Xã Khác", kind="commune")
        session.add(other)
        await session.flush()
    elsewhere, contact = await contact_of(world, "webchat", 71)
    await joins(world, contact, other.id)
    for person in (elsewhere, cast.citizen):
        for press in (f"bd:o:{deed.id}", f"bd:note:{deed.id}", f"tk:o:{deed.id}"):
            assert "không do đơn vị hoặc cơ quan" in await presses(person, press)
    assert "chỉ dành cho cán bộ" in await presses(cast.clerk, f"bd:u:{deed.id}:{deed.version}")
    assert "Hiện không có việc nào" in await elsewhere.says("/boiduong")
    assert "Có 1 việc" in await cast.clerk.says("/boiduong")
    async with world.base.db.transaction() as session:
        for member in await session.scalars(select(Member)):
            member.left_at = MONDAY
    assert "không do đơn vị hoặc cơ quan" in await presses(cast.clerk, f"bd:o:{deed.id}")


async def test_at_night_the_unit_is_told_in_the_morning(deeds: Deeds) -> None:
    deed = await deeds.deed(DeedState.CONFIRMED)
    unit_id = deeds.ground.by_code["SM"]
    member_id = await deeds.ground.member("SM")
    contact_id = (await people.chats_of(deeds.session, unit_id, MemberRank.FOCAL))[member_id]
    officer = await deeds.session.get_one(Officer, await deeds.ground.officer())
    unit = await deeds.session.get_one(Unit, unit_id)
    night = MONDAY + timedelta(hours=14)
    await nurture.begin(
        deeds.session, VAULT, officer, deed, unit, "Hoàng Văn Kèm", night, seen=deed.version
    )
    due = await deeds.session.scalar(
        select(OutboxMessage.due_at).where(OutboxMessage.contact_id == contact_id)
    )
    assert due == MONDAY + timedelta(hours=22)


async def test_what_is_silent_for_ten_working_days_is_named_to_officers(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    await given_to_the_unit(world, cast)
    async with world.base.db.reading() as session:
        calendar = await load_calendar(session)
        found = {
            days: len(
                await nurture.silent(
                    session, world.office_id, calendar, MONDAY + timedelta(days=days)
                )
            )
            for days in (10, 14, 15)
        }
    assert found == {10: 0, 14: 0, 15: 1}
    world.stopped_at = MONDAY + timedelta(days=15)
    async with world.base.db.transaction() as session:
        assert await morning.tell_offices(session, world.base.vault, world.now()) == 1
    assert "10 ngày làm việc chưa có tin: Xã Bảo Lạc" in await sees(world, cast.officer)
    assert "Hoàng Văn Kèm" in await cast.officer.taps("Mở việc của Xã Bảo Lạc")
    await cast.officer.taps("Ghi việc đã làm")
    await cast.officer.says("Gọi điện hỏi thăm, vẫn khỏe")
    await cast.officer.taps("Lưu")
    async with world.base.db.reading() as session:
        assert not await nurture.silent(session, world.office_id, calendar, world.now())


async def test_what_is_nurtured_no_more_takes_no_notes(deeds: Deeds) -> None:
    deed = await deeds.deed(DeedState.NURTURED)
    await deeds.nurture(deed)
    hand = people.Hand(deed, "officer:x")
    row = await nurture.plan(deeds.session, VAULT, hand, "Dạy chữ", None, [], NOW)
    deed.state = DeedState.SUMMARISED
    for late in (
        nurture.plan(deeds.session, VAULT, hand, "Dạy chữ", None, [], NOW),
        nurture.note(deeds.session, VAULT, hand, "Dạy chữ", [], NOW),
        nurture.reach(deeds.session, VAULT, hand, row, "", [], NOW),
    ):
        with pytest.raises(UserError) as refused:
            await late
        assert refused.value.reply.key == "deeds-cannot-become"


async def test_a_milestone_is_reached_once_and_a_plan_lies_ahead(deeds: Deeds) -> None:
    deed = await deeds.deed(DeedState.NURTURED)
    await deeds.nurture(deed)
    hand = people.Hand(deed, "officer:x")
    day = NOW.date() - timedelta(days=2)
    with pytest.raises(UserError) as refused:
        await nurture.plan(deeds.session, VAULT, hand, "Dạy chữ", day, [], NOW)
    assert refused.value.reply.key == "deed_nurture-day-gone"
    row = await nurture.plan(deeds.session, VAULT, hand, "Dạy chữ", None, [], NOW)
    await nurture.reach(deeds.session, VAULT, hand, row, "", [], NOW)
    with pytest.raises(UserError) as refused:
        await nurture.reach(deeds.session, VAULT, hand, row, "Lần nữa", [], NOW)
    assert refused.value.reply.key == "deed_nurture-reached"


async def test_a_unit_hears_once_on_the_morning_of_a_milestone_and_before_a_day_off(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    deed = await given_to_the_unit(world, cast)
    saturday = date(2027, 3, 20)
    async with world.base.db.transaction() as session:
        session.add(DeedMilestone(deed_id=deed.id, due_on=saturday, made_at=MONDAY))
    counts = []
    for day, hour in ((18, 9), (19, 5), (19, 9), (19, 15), (20, 9), (22, 9)):
        now = datetime(2027, 3, day, hour, tzinfo=VIETNAM)
        world.stopped_at = now
        async with world.base.db.transaction() as session:
            counts.append(await morning.tell_units(session, world.base.vault, now))
    assert counts == [0, 0, 1, 0, 0, 0]
    assert "đến hẹn một mốc" in await sees(world, cast.clerk)
    assert "Hoàng Văn Kèm" in await cast.clerk.taps("Xã Bảo Lạc")


async def test_who_wants_no_reminders_hears_of_no_milestone(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    deed = await given_to_the_unit(world, cast)
    await cast.clerk.says("Dừng")
    now = datetime(2027, 3, 19, 9, tzinfo=VIETNAM)
    async with world.base.db.transaction() as session:
        session.add(DeedMilestone(deed_id=deed.id, due_on=now.date(), made_at=MONDAY))
        assert await morning.tell_units(session, world.base.vault, now) == 0


async def test_of_what_is_reached_or_no_longer_nurtured_no_unit_hears(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    deed = await given_to_the_unit(world, cast)
    now = datetime(2027, 3, 19, 9, tzinfo=VIETNAM)
    async with world.base.db.transaction() as session:
        done = DeedMilestone(deed_id=deed.id, due_on=now.date(), made_at=MONDAY, reached_at=MONDAY)
        session.add(done)
        assert await morning.tell_units(session, world.base.vault, now) == 0
        done.reached_at = None
        (await session.get_one(Deed, deed.id)).state = DeedState.SUMMARISED
        assert await morning.tell_units(session, world.base.vault, now) == 0


async def test_who_works_for_two_units_hears_of_both_in_one_message(deeds: Deeds) -> None:
    ground, session = deeds.ground, deeds.session
    now = datetime(2027, 3, 19, 9, tzinfo=VIETNAM)
    for unit_id in (ground.by_code["SM"], await ground.unit("BL")):
        deed = await deeds.deed(DeedState.NURTURED)
        session.add(DeedNurture(deed_id=deed.id, unit_id=unit_id, began_at=NOW))
        await session.flush()
        session.add(DeedMilestone(deed_id=deed.id, due_on=now.date(), made_at=NOW))
    first, second = await ground.member("SM"), await ground.member("BL", chats=())
    clerks = await people.chats_of(session, ground.by_code["SM"], MemberRank.FOCAL)
    session.add(MemberAddress(member_id=second, contact_id=clerks[first], added_at=NOW))
    await session.flush()
    assert await morning.tell_units(session, VAULT, now) == 1
    owed = OutboxMessage.dedupe_key.startswith("deed-milestones:")
    sealed = (await session.scalars(select(OutboxMessage.reply).where(owed))).one()
    assert sealed is not None
    told = replies.load(VAULT.unseal_system(sealed, "outbox"))
    assert told.args["n"] == 2
