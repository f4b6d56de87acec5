"""What somebody did is summed up, and handed over to the unit's registration in time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from bot.replies import UserError
from handlers.deadlines.registration import service as registration
from handlers.deeds import people, summary
from storage.models.consultations import Award
from storage.models.deadlines import Duty, DutyState, Work
from storage.models.deeds import DeedNurture, DeedState, DeedSummary, SubjectKind
from storage.models.units import Unit
from tests.cast import PAIRS
from tests.deadlines.cast import MONDAY, owing
from tests.deeds.ground import NOW, VAULT, Deeds
from tests.deeds.staged import presses, put
from tests.deeds.test_checking import UNIT, sees, the_deed, told_deed
from tests.deeds.test_nurture import given_to_the_unit
from tests.world import World

WORDS = "Trong mười năm đã vận động xây ba cây cầu cho bản, bà con đi lại an toàn."
S = DeedState


async def compares(world: World, award: str) -> None:
    """The office with the law: until then nothing is said of an award's basis."""
    async with world.base.db.transaction() as session:
        await session.execute(update(Award).where(Award.name_vi == award).values(verified=True))


@PAIRS
async def test_a_unit_sums_up_and_its_registration_is_to_include_it(
    world: World, channel: str
) -> None:
    cast = await told_deed(world, channel)
    work = await owing(world, Work.REGISTRATION, unit=UNIT, title="Đăng ký thi đua 2027")
    deed = await given_to_the_unit(world, cast)
    await sees(world, cast.clerk)
    await cast.clerk.taps("Mở việc bồi dưỡng")
    await cast.clerk.taps("Tổng kết, đề nghị khen")
    await cast.clerk.taps("Viết tổng kết")
    assert WORDS in await cast.clerk.says(WORDS)
    assert "chưa chọn" in await cast.clerk.taps("Lưu")
    assert f"{UNIT} đã viết tổng kết" in await sees(world, cast.officer)
    assert "Thành tích đến đâu" in await cast.clerk.taps("Chọn hình thức khen")
    await compares(world, "Giấy khen")
    asked = await cast.clerk.taps("Giấy khen")
    assert "Đã chọn: Giấy khen. Căn cứ: Điều 75" in asked
    done = await cast.clerk.taps("Đăng ký thi đua 2027")
    assert "Đã đề nghị qua việc “Đăng ký thi đua 2027”, hạn 24:00 thứ Sáu" in done
    deed = await the_deed(world)
    assert (deed.state, deed.stage) == (S.PROPOSED, "summary")
    assert "đã được đề nghị khen thưởng" in await sees(world, cast.citizen)
    assert "Nơi đề nghị khen thưởng: Xã Bảo Lạc" in await cast.citizen.says(cast.code)
    assert "Xin đưa vào việc “Đăng ký thi đua 2027”" in await sees(world, cast.clerk)
    assert "được đề nghị Giấy khen" in await cast.clerk.taps("Mở việc đăng ký")
    assert WORDS in await cast.clerk.taps("Xem gương này")
    async with world.base.db.reading() as session:
        row = (await session.scalars(select(DeedSummary))).one()
        nurture = (await session.scalars(select(DeedNurture))).one()
    assert row.duty_id == work.duty_id
    assert nurture.ended_at
    assert row.words
    assert "cầu".encode() not in row.words


async def test_what_was_the_assigned_duty_is_proposed_by_nobody(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    work = await owing(world, Work.DOSSIER, unit=UNIT)
    await put(world, S.CONFIRMED, unit_id=cast.unit_id)
    await cast.officer.says("/viectotmoi")
    await cast.officer.taps("Xã Bảo Lạc")
    await cast.officer.taps("Tổng kết, đề nghị khen")
    await cast.officer.taps("Viết tổng kết")
    await cast.officer.says(WORDS)
    await cast.officer.taps("Lưu")
    await cast.officer.taps("Chọn hình thức khen")
    assert "chỉ làm nhiệm vụ được giao" in await cast.officer.taps("Chỉ là nhiệm vụ")
    deed = await the_deed(world)
    assert deed.duty_only
    tail = f"{deed.id}:{deed.version}"
    refused = await presses(cast.officer, f"tk:q:{work.duty_id}:{tail}")
    assert "xác định đây là nhiệm vụ được giao" in refused
    assert "Chỉ cán bộ đổi được" in await presses(cast.clerk, f"tk:c:GK:{tail}")
    assert "Đã chọn" in await presses(cast.officer, f"tk:c:GK:{tail}")
    assert not (await the_deed(world)).duty_only


async def test_only_what_the_catalogue_has_for_them_the_nearest_level_first(deeds: Deeds) -> None:
    deed = await deeds.deed(S.SUMMARISED, subject_kind=SubjectKind.HOUSEHOLD)
    await deeds.summary(deed)
    found = [one.code for one in await summary.awards(deeds.session, deed)]
    assert found[0] == "GK"
    assert found[-1] == "BKTTG"
    typed = await summary.awards(deeds.session, deed, "gia dinh van hoa")
    assert [one.code for one in typed] == ["GDVH"]
    assert not await summary.awards(deeds.session, deed, "dung cam")
    brave = await deeds.session.get(Award, "HCDC")
    with pytest.raises(UserError) as refused:
        await summary.merit(
            deeds.session, people.Hand(deed, "officer:x"), brave, NOW, seen=deed.version
        )
    assert refused.value.reply.key == "deed_summary-not-for-them"


async def test_what_is_written_anew_is_proposed_anew(deeds: Deeds) -> None:
    deed = await deeds.deed(S.PROPOSED)
    deadline = await deeds.ground.deadline("DK", "2027-03-12")
    duty = await deeds.ground.duty("SM", deadline)
    await deeds.summary(deed, award_code="GK", words=b"x", duty_id=duty.id)
    assert [id for id, _ in await registration.exemplars(deeds.session, duty)] == [deed.id]
    hand = people.Hand(deed, "officer:x")
    with pytest.raises(UserError) as refused:
        await summary.write(deeds.session, VAULT, hand, "Ngắn", [], NOW, seen=deed.version)
    assert refused.value.reply.key == "deed_summary-too-short"
    await summary.write(deeds.session, VAULT, hand, WORDS, [], NOW, seen=deed.version)
    row, words = await summary.read(deeds.session, VAULT, deed)
    assert (deed.state, words) == (S.SUMMARISED, WORDS)
    assert row
    assert row.duty_id is None
    assert not await registration.exemplars(deeds.session, duty)


async def test_every_other_state_is_refused_in_chat(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    work = await owing(world, Work.REGISTRATION, unit=UNIT)
    deed = await the_deed(world)
    async with world.base.db.transaction() as session:
        session.add(
            DeedSummary(
                deed_id=deed.id, award_code="GK", written_by="command", written_at=world.now()
            )
        )
    allowed = {
        "tk:w": {S.CONFIRMED, S.NURTURED, S.SUMMARISED, S.PROPOSED},
        "tk:a": {S.SUMMARISED},
        "tk:p": {S.SUMMARISED},
    }
    for minutes, state in enumerate(DeedState):
        world.stopped_at = MONDAY + timedelta(minutes=minutes)
        await put(world, state, unit_id=cast.unit_id)
        deed = await the_deed(world)
        tail = f"{deed.id}:{deed.version}"
        for press, states in allowed.items():
            said = await presses(cast.officer, f"{press}:{tail}")
            assert ("Chưa làm được bước này" in said) == (state not in states), (state, press)
        if state is not S.SUMMARISED:
            for press in (f"tk:q:{work.duty_id}:{tail}", f"tk:c:GK:{tail}", f"tk:d:{tail}"):
                said = await presses(cast.officer, press)
                assert "Chưa làm được bước này" in said, (state, press)
            assert (await the_deed(world)).state == state


async def test_another_units_work_and_one_handed_in_carry_nobody(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    work = await owing(world, Work.REGISTRATION, unit=UNIT)
    await put(world, S.SUMMARISED, unit_id=cast.unit_id)
    deed = await the_deed(world)
    async with world.base.db.transaction() as session:
        session.add(
            DeedSummary(
                deed_id=deed.id, award_code="GK", written_by="command", written_at=world.now()
            )
        )
        other = Unit(office_id=world.office_id, code="KX", name="Xã Khác", kind="commune")
        session.add(other)
        duty = await session.get_one(Duty, work.duty_id)
        duty.state = DutyState.ACCEPTED
    tail = f"{deed.id}:{deed.version}"
    assert "không có việc đăng ký" in await presses(cast.officer, f"tk:p:{tail}")
    assert "Xin chọn hình thức" in await presses(cast.officer, f"tk:q:{work.duty_id}:{tail}")
    theirs = await owing(world, Work.REGISTRATION, unit="Xã Khác")
    assert "Xin chọn hình thức" in await presses(cast.officer, f"tk:q:{theirs.duty_id}:{tail}")
    async with world.base.db.reading() as session:
        duty = await session.get_one(Duty, theirs.duty_id)
        assert not await registration.exemplars(session, duty)
