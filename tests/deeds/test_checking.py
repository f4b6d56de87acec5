"""A deed is checked in chat by who can see for themselves; its tellers hear of each step."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

import pytest
from aiohttp import ClientSession
from sqlalchemy import select

from bot.replies import UserError
from handlers.deeds import checking, morning, news, service, stages
from handlers.deeds.service import Author
from storage.models.deeds import Deed, DeedCheck, DeedFile, DeedState
from storage.models.office import Act, Officer
from storage.models.people import Contact
from storage.models.traffic import OutboxMessage
from storage.models.units import Member, MemberAddress, Unit, UnitKind
from tests.cast import CHANNELS, PAIRS, Citizen
from tests.consultations.opinions import contact_of
from tests.deadlines.cast import MONDAY, joins
from tests.deeds.ground import NOW, VAULT, Deeds
from tests.deeds.telling import tells
from tests.deeds.test_dialogue import WORDS, send_now
from tests.officers.staff import officer as staff_officer
from tests.pictures import jpeg
from tests.world import World

UNIT = "Xã Bảo Lạc"


@dataclass
class Cast:
    citizen: Citizen
    officer: Citizen
    clerk: Citizen
    clerk_contact: int
    unit_id: str
    code: str


async def told_deed(world: World, channel: str, words: str = WORDS) -> Cast:
    """An officer, a unit with its clerk, and a citizen who has told of a deed in that commune."""
    world.stopped_at = MONDAY
    officer = await staff_officer(world, channel)
    async with world.base.db.transaction() as session:
        unit = Unit(
            office_id=world.office_id, code="BL", name=UNIT, kind=UnitKind.COMMUNE,
            province="04", commune="01321",
        )  # fmt: skip
        session.add(unit)
        await session.flush()
    clerk, contact = await contact_of(world, channel, 60)
    await joins(world, contact, unit.id)
    citizen = await world.citizen(channel)
    code = await send_now(citizen, words)
    return Cast(citizen, officer, clerk, contact, unit.id, code)


async def the_deed(world: World) -> Deed:
    async with world.base.db.reading() as session:
        return (await session.scalars(select(Deed))).one()


async def sees(world: World, person: Citizen, words: str = "/trogiup") -> str:
    """Everything on the person's screen once what is owed has gone."""
    await world.delivered()
    if person.channel == "webchat":
        await person.says(words)
    return "\n".join(one.text for one in await person.screen())


async def sent_to_the_unit(world: World, cast: Cast) -> str:
    assert "Có 1 việc tốt đang chờ" in await cast.officer.says("/viectotmoi")
    card = await cast.officer.taps("Xã Bảo Lạc, Tỉnh Cao Bằng")
    assert "Số người kể: 1" in card
    assert WORDS[:20] not in card
    assert "Ví Dụ" not in card
    await cast.officer.taps("Gửi nơi xác minh")
    return await cast.officer.taps(UNIT)


@PAIRS
async def test_a_clerk_confirms_with_a_photo_and_everybody_hears(
    world: World, channel: str
) -> None:
    cast = await told_deed(world, channel)
    assert "08/03/2027" in await sent_to_the_unit(world, cast)
    assert f"gửi tới {UNIT}" in await sees(world, cast.citizen)
    assert f"nhờ {UNIT} xác minh" in await sees(world, cast.clerk)
    assert "Số người kể: 1" in await cast.clerk.taps("Mở việc cần xác minh")
    await cast.clerk.taps("Đúng như lời kể")
    assert "Số tệp: 1" in await cast.clerk.sends_files((jpeg(), "tai-cho.jpg"))
    assert "Cảm ơn" in await cast.clerk.taps("Gửi kết quả")
    deed = await the_deed(world)
    assert (deed.state, deed.unit_id) == (DeedState.CONFIRMED, cast.unit_id)
    assert "đã được xác minh là đúng" in await sees(world, cast.citizen)
    assert "đúng như lời kể" in await sees(world, cast.officer)
    async with world.base.db.reading() as session:
        check = (await session.scalars(select(DeedCheck))).one()
        files = await session.scalars(select(DeedFile).where(DeedFile.check_id == check.id))
        assert len(files.all()) == 1
    assert "đã xác minh là đúng" in await cast.citizen.says(cast.code)


@PAIRS
async def test_a_no_needs_words_which_the_teller_reads_and_nobody_else_stores(
    world: World, channel: str
) -> None:
    cast = await told_deed(world, channel)
    await sent_to_the_unit(world, cast)
    await sees(world, cast.clerk)
    await cast.clerk.taps("Mở việc cần xác minh")
    await cast.clerk.taps("Không đúng")
    await cast.clerk.says("Hôm đó suối không có lũ.")
    await cast.clerk.taps("Gửi kết quả")
    assert (await the_deed(world)).state == DeedState.NOT_CONFIRMED
    assert "Hôm đó suối không có lũ." in await sees(world, cast.citizen)
    assert "Hôm đó suối không có lũ." in await cast.citizen.says(cast.code)
    async with world.base.db.reading() as session:
        reasons = [*(await session.scalars(select(Act.reason))), (await the_deed(world)).reason]
    assert not any("suối" in reason for reason in reasons)


@PAIRS
async def test_an_officer_takes_it_no_further_and_the_teller_hears_why(
    world: World, channel: str
) -> None:
    cast = await told_deed(world, channel)
    await cast.officer.says("/viectotmoi")
    await cast.officer.taps("Xã Bảo Lạc")
    await cast.officer.taps("Không xem xét tiếp")
    await cast.officer.taps("Chỉ là nhiệm vụ được giao")
    deed = await the_deed(world)
    assert (deed.state, deed.duty_only) == (DeedState.REJECTED, True)
    assert "nhiệm vụ được giao" in await sees(world, cast.citizen)
    assert "Không có việc tốt nào" in await cast.officer.says("/viectotmoi")


async def test_two_officers_on_one_deed_the_second_is_told(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    other = await staff_officer(world, "webchat", 51, name="Trần Thị Mận")
    for one in (cast.officer, other):
        await one.says("/viectotmoi")
        await one.taps("Xã Bảo Lạc")
    await other.taps("Không xem xét tiếp")
    await cast.officer.taps("Gửi nơi xác minh")
    await cast.officer.taps(UNIT)
    assert "Người khác vừa lưu" in await other.says("Trùng với việc đã có.")
    assert (await the_deed(world)).state == DeedState.CHECKING


async def test_nobody_else_answers_for_a_unit(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    await sent_to_the_unit(world, cast)
    async with world.base.db.reading() as session:
        check_id = (await session.scalars(select(DeedCheck.id))).one()
    stranger, contact = await contact_of(world, "webchat", 70)
    async with world.base.db.transaction() as session:
        with pytest.raises(UserError) as refused:
            await checking.hold(session, contact, check_id)
        assert refused.value.reply.key == "deed_check-not-yours"
        (await session.scalars(select(Member))).one().left_at = MONDAY
    async with world.base.db.transaction() as session:
        with pytest.raises(UserError):
            await checking.hold(session, cast.clerk_contact, check_id)
    assert "chỉ dành cho cán bộ" in await stranger.says("/viectotmoi")
    assert "không có việc tốt nào chờ" in await stranger.says("/xacminh")


async def test_a_unit_nobody_answers_for_is_not_asked(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    async with world.base.db.transaction() as session:
        for address in await session.scalars(select(MemberAddress)):
            await session.delete(address)
    assert "Chưa có ai" in await sent_to_the_unit(world, cast)
    assert (await the_deed(world)).state == DeedState.RECEIVED


@pytest.mark.parametrize("said", ["10", "10 ngày"])
async def test_the_officer_chooses_the_working_days(sqlite_world: World, said: str) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    await cast.officer.says("/viectotmoi")
    await cast.officer.taps("Xã Bảo Lạc")
    assert "trong 5 ngày" in await cast.officer.taps("Gửi nơi xác minh")
    asked = await (cast.officer.says(said) if said.isdecimal() else cast.officer.taps(said))
    assert "trong 10 ngày làm việc" in asked
    assert "từ 1 đến 60" in await cast.officer.says("90")
    assert "15/03/2027" in await cast.officer.taps(UNIT)
    async with world.base.db.reading() as session:
        assert (await session.scalars(select(DeedCheck.working_days))).one() == 10


async def test_an_answer_is_amended_until_the_office_goes_on(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    await sent_to_the_unit(world, cast)
    await sees(world, cast.clerk)
    await cast.clerk.taps("Mở việc cần xác minh")
    await cast.clerk.taps("Đúng như lời kể")
    await cast.clerk.says("Trưởng bản xác nhận.")
    await cast.clerk.taps("Gửi kết quả")
    assert "Còn sửa được" in await cast.clerk.taps("Sửa kết quả")
    await cast.clerk.taps("Không đúng")
    await cast.clerk.says("Nhầm với một người khác.")
    await cast.clerk.taps("Gửi kết quả")
    assert (await the_deed(world)).state == DeedState.NOT_CONFIRMED
    assert "sửa kết quả xác minh: không đúng" in await sees(world, cast.officer)
    assert "Nhầm với một người khác." in await cast.citizen.says(cast.code)
    await cast.officer.taps("Mở việc này")
    await cast.officer.taps("Sự đồng ý công bố")
    await cast.officer.taps("Người được khen không đồng ý")
    await cast.officer.says("Người được khen trả lời qua điện thoại.")
    await cast.officer.taps("Ghi")
    assert "Đơn vị đã trả lời việc này" in await cast.clerk.taps("Sửa kết quả")


async def test_what_waits_to_be_told_goes_with_an_erased_report(deeds: Deeds) -> None:
    contact_id = await deeds.ground.chat()
    author = Author("webchat", "vi", "one", contact_id)
    filed = await tells(deeds, author=author)
    stays = await tells(deeds, address="another", joins=filed.deed.id)
    await deeds.check(filed.deed)
    await stages.become(deeds.session, filed.deed, DeedState.CHECKING, "officer:x", NOW)
    await news.tell_tellers(deeds.session, VAULT, filed.deed, NOW)
    asked = select(OutboxMessage.state).where(OutboxMessage.contact_id == contact_id)
    assert (await deeds.session.scalars(asked)).all() == ["queued"]
    await service.erase(deeds.session, VAULT, stays.report, NOW)
    assert (await deeds.session.scalars(asked)).all() == ["queued"]
    await service.erase(deeds.session, VAULT, filed.report, NOW)
    assert (await deeds.session.scalars(asked)).all() == ["withdrawn"]


async def test_a_late_check_is_told_once_to_the_office(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    await sent_to_the_unit(world, cast)
    for days, expected in ((6, 0), (9, 1), (10, 0)):
        async with world.base.db.transaction() as session:
            now = MONDAY + timedelta(days=days)
            assert await checking.escalate(session, world.base.vault, now) == expected
    world.stopped_at = MONDAY + timedelta(days=10)
    assert "quá hạn xác minh" in await sees(world, cast.officer)


async def test_a_rescue_waits_for_no_morning_but_for_quiet_hours(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    async with world.base.db.transaction() as session:
        officer = (await session.scalars(select(Officer))).one()
        contact = await session.get_one(Contact, officer.contact_id)
        contact.quiet_from = contact.quiet_until = MONDAY.time()
    world.stopped_at = MONDAY + timedelta(hours=16)
    await cast.citizen.says("/viectot")
    await cast.citizen.taps("Một người")
    await cast.citizen.taps("Tôi không biết tên")
    await cast.citizen.taps("Tôi không rõ nơi đó")
    await cast.citizen.says("Cứu hai em nhỏ khỏi đám cháy lúc nửa đêm.")
    await cast.citizen.taps("Tôi không nhớ")
    await cast.citizen.taps("Dũng cảm cứu người")
    await cast.citizen.taps("Xem lại")
    await cast.citizen.taps("Gửi")
    assert "cứu người, cứu tài sản" in await sees(world, cast.officer)


async def test_officers_hear_once_a_day_what_waits(sqlite_world: World) -> None:
    world = sqlite_world
    await told_deed(world, "webchat")
    counts = []
    for hours in (0, 1, 24, 5 * 24, 7 * 24):
        async with world.base.db.transaction() as session:
            now = MONDAY + timedelta(hours=hours)
            counts.append(await morning.tell_offices(session, world.base.vault, now))
    assert counts == [1, 0, 1, 0, 1]  # the fourth is a Saturday


async def test_names_open_on_a_private_page_and_each_reading_is_an_act(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    await cast.officer.says("/viectotmoi")
    await cast.officer.taps("Xã Bảo Lạc")
    address = _link(cast.officer)
    async with ClientSession() as http:
        async with http.get(address) as response:
            page = await response.text()
            assert response.status == 200
        world.stopped_at = MONDAY + timedelta(minutes=11)
        assert "Ví Dụ" in page
        assert "kéo hai em nhỏ" in page
        async with world.base.db.transaction() as session:
            for officer in await session.scalars(select(Officer)):
                officer.revoked_at = MONDAY
            verbs = await session.scalars(select(Act.verb).where(Act.verb == "read names"))
            assert len(verbs.all()) == 1
        async with http.get(address) as response:
            assert response.status != 200
            assert "Ví Dụ" not in await response.text()


async def test_a_clerk_reads_the_name_and_not_who_told_it(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    await sent_to_the_unit(world, cast)
    await sees(world, cast.clerk)
    await cast.clerk.taps("Mở việc cần xác minh")
    async with ClientSession() as http, http.get(_link(cast.clerk)) as response:
        page = await response.text()
    assert "Ví Dụ" in page
    assert "Người kể" not in page


def _link(person: Citizen) -> str:
    """The address behind the newest private button."""
    lines = person.lines  # type: ignore[attr-defined]
    urls = [
        button["url"] for line in lines for row in line["choices"] for button in row
        if "/officer/deed/" in button.get("url", "")
    ]  # fmt: skip
    return str(urls[-1])


async def test_what_a_unit_writes_with_its_yes_is_read_by_the_office_alone(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    await sent_to_the_unit(world, cast)
    await cast.clerk.says("/xacminh")
    await cast.clerk.taps("Xã Bảo Lạc")
    assert "Chỉ cơ quan đọc được" in await cast.clerk.taps("Đúng như lời kể")
    await cast.clerk.says("Bà Lý Thị Ví Dụ ở thôn 2 xác nhận")
    await cast.clerk.taps("Gửi kết quả")
    assert "Bà Lý Thị" not in await cast.citizen.says(cast.code)
    assert "Bà Lý Thị" not in await sees(world, cast.citizen)
    await cast.officer.says("/viectotmoi")
    card = await cast.officer.taps("Xã Bảo Lạc, Tỉnh Cao Bằng")
    assert "Đơn vị xác minh viết: Bà Lý Thị Ví Dụ ở thôn 2 xác nhận" in card


async def test_a_check_that_is_late_is_found_in_its_list_and_called_back(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    await sent_to_the_unit(world, cast)
    await world.delivered()
    assert "Không có việc tốt nào" in await cast.officer.says("/viectotmoi")
    world.stopped_at = MONDAY + timedelta(days=8)
    async with world.base.db.transaction() as session:
        await morning.tell_offices(session, world.base.vault, world.now())
    assert "quá hạn xác minh" in await sees(world, cast.officer)
    assert "Có 1 việc đang chờ đơn vị" in await cast.officer.taps("Xem việc quá hạn")
    await cast.officer.taps("Quá hạn: Xã Bảo Lạc")
    assert "Xin viết lý do" in await cast.officer.taps("Thu hồi yêu cầu xác minh")
    assert "Xin nêu lý do" in await cast.officer.says("?")
    assert "lại chờ cơ quan xem" in await cast.officer.says("Nhờ đơn vị khác xác minh")
    assert "đã thu hồi yêu cầu" in await sees(world, cast.clerk)
    assert "Hiện không có việc tốt nào" in await cast.clerk.says("/xacminh")
    assert (await the_deed(world)).state == DeedState.RECEIVED
    assert "08/03/2027" not in await sent_to_the_unit(world, cast), "another may be asked now"


async def test_what_was_rejected_is_taken_up_again_with_a_reason(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    await cast.officer.says("/viectotmoi")
    await cast.officer.taps("Xã Bảo Lạc, Tỉnh Cao Bằng")
    await cast.officer.taps("Không xem xét tiếp")
    await cast.officer.says("Chưa rõ việc làm")
    assert "Không có việc tốt nào" in await cast.officer.says("/viectotmoi")
    await cast.officer.taps("Chưa xác nhận, không xem xét tiếp: 1 việc")
    assert "Lý do đã ghi: Chưa rõ việc làm" in await cast.officer.taps("Xã Bảo Lạc")
    await cast.officer.taps("Xem xét lại")
    await cast.officer.says("Người kể bổ sung chi tiết")
    assert (await the_deed(world)).state == DeedState.RECEIVED
    assert "Có 1 việc tốt đang chờ" in await cast.officer.says("/viectotmoi")


async def test_officers_read_what_the_teller_says_of_consent_and_reward(
    sqlite_world: World,
) -> None:
    cast = await told_deed(sqlite_world, "webchat")
    await cast.officer.says("/viectotmoi")
    await cast.officer.taps("Xã Bảo Lạc, Tỉnh Cao Bằng")
    async with ClientSession() as http, http.get(_link(cast.officer)) as response:
        shown = await response.text()
    for what in ("đã đồng ý công bố", "Là trẻ em", "Đã được khen thưởng"):
        assert what in shown


@CHANNELS
async def test_a_unit_gets_the_code_it_puts_up_and_who_scans_it_tells_there(
    sqlite_world: World, channel: str
) -> None:
    cast = await told_deed(sqlite_world, channel)
    await cast.clerk.says("/xacminh")
    shown = await cast.clerk.taps("Mã QR để bà con")
    assert UNIT in shown
    assert any(seen.picture for seen in await cast.clerk.screen())
    (address,) = re.findall(r"http\S+/viectot\?unit=\S+", shown)
    async with ClientSession() as http, http.get(address) as response:
        assert UNIT in await response.text()
    await cast.citizen.says("/xacminh")
    with pytest.raises(AssertionError):
        await cast.citizen.taps("Mã QR")
