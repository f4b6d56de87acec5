"""The reporting dialogue, played through every channel: from `/viectot` to the receipt and on."""

from __future__ import annotations

import re
from datetime import date, datetime
from html import unescape

import pytest
from aiohttp import ClientSession
from sqlalchemy import func, select

from bot.clock import VIETNAM
from bot.limits import Limit
from bot.replies import UserError
from handlers.deeds import service
from handlers.deeds.days import day_gone_by
from handlers.deeds.forms import Told
from storage.models.deeds import (
    Deed,
    DeedFile,
    DeedInGroup,
    DeedReport,
    DeedState,
    Known,
    Relation,
    ReportState,
)
from storage.models.people import Contact, Person
from storage.models.traffic import StoredFile
from storage.models.units import Unit, UnitKind
from tests.cast import PAIRS, Citizen
from tests.pictures import jpeg
from tests.world import World

CODE = re.compile(r"(?:[0-9A-Z]{4}-){4}[0-9A-Z]{4}")
WORDS = "Anh bơi qua suối lũ, kéo hai em nhỏ vào bờ rồi quay lại cứu một cụ già."
AGAIN = "Có người nhảy xuống suối lũ, kéo hai em nhỏ vào bờ và cứu một cụ già nữa."


async def deeds(world: World) -> list[Deed]:
    async with world.base.db.reading() as session:
        return list(await session.scalars(select(Deed).order_by(Deed.made_at)))


async def reports(world: World) -> list[DeedReport]:
    async with world.base.db.reading() as session:
        found = await session.scalars(select(DeedReport).order_by(DeedReport.received_at))
        return list(found)


async def told(world: World, report: DeedReport) -> Told:
    async with world.base.db.reading() as session:
        found = await service.told_in(session, world.base.vault, report)
    assert found is not None
    return found


async def to_the_words(citizen: Citizen, words: str = WORDS) -> str:
    """Who and where by buttons and a part of a name; then what happened."""
    await citizen.says("/viectot")
    await citizen.taps("Một người")
    await citizen.says("Trần Văn Ví Dụ")
    assert "Xã Bảo Lạc, Tỉnh Cao Bằng" in await citizen.says("bao lac cao bang")
    return await citizen.says(words)


async def send_now(citizen: Citizen, words: str = WORDS) -> str:
    await to_the_words(citizen, words)
    await citizen.taps("Xem lại và gửi luôn")
    found = CODE.search(await citizen.taps("Gửi"))
    assert found
    return found[0]


@PAIRS
async def test_a_neighbour_tells_of_a_deed_and_keeps_a_receipt(world: World, channel: str) -> None:
    citizen = await world.citizen(channel)
    assert "Câu 4/8" in await to_the_words(citizen)
    await citizen.taps("Hôm qua")
    await citizen.taps("Dũng cảm cứu người")
    await citizen.taps("☐ Nông dân")
    await citizen.taps("☐ Người dân tộc thiểu số")
    await citizen.taps("Tiếp tục")
    await citizen.says("Ba người được cứu sống.")
    assert "Đã nhận 1 tệp" in await citizen.sends_files((jpeg(), "anh.jpg"))
    await citizen.taps("Tiếp tục")
    await citizen.taps("Hàng xóm")
    await citizen.says("Phạm Thị Hàng Xóm")
    await citizen.says("0912 345 678")
    await citizen.taps("Không")
    await citizen.taps("Tôi không rõ")
    await citizen.taps("Không")
    read_back = await citizen.taps("Tôi không rõ")
    for said in ("Trần Văn Ví Dụ", "Xã Bảo Lạc, Tỉnh Cao Bằng", WORDS, "Phạm Thị Hàng Xóm"):
        assert said in read_back
    assert CODE.search(await citizen.taps("Gửi"))
    assert any(seen.picture for seen in await citizen.screen())
    (deed,), (report,) = await deeds(world), await reports(world)
    assert (deed.state, deed.field_code, deed.urgent) == ("received", "CUU_NGUOI", True)
    assert (deed.province, deed.is_child, deed.consent) == ("04", "no", "unknown")
    assert (report.relation, report.may_show_name, report.channel) == (
        Relation.NEIGHBOUR, False, channel,
    )  # fmt: skip
    assert (await told(world, report)).outcome == "Ba người được cứu sống."
    async with world.base.db.reading() as session:
        groups = await session.scalars(select(DeedInGroup.group_code))
        assert set(groups) == {"NONG_DAN", "DAN_TOC_THIEU_SO"}
        assert await session.scalar(select(func.count()).select_from(DeedFile)) == 1
        person = await session.get_one(Person, report.person_id)
    assert person.name
    assert "Phạm".encode() not in person.name


@PAIRS
async def test_five_taps_and_a_voice_note_are_enough(world: World, channel: str) -> None:
    citizen = await world.citizen(channel)
    await citizen.says("/viectot")
    await citizen.taps("Một người")
    await citizen.taps("Tôi không biết tên")
    await citizen.taps("Tôi không rõ nơi đó")
    assert "Cán bộ sẽ nghe" in await citizen.sends_files((_VOICE, "loi.ogg"))
    assert "(đoạn ghi âm)" in await citizen.taps("Xem lại và gửi luôn")
    assert CODE.search(await citizen.taps("Gửi"))
    (report,) = await reports(world)
    assert list((await told(world, report)).voices) == ["what"]


_VOICE = b"OggS" + bytes(24) + b"OpusHead" + bytes(200)


@PAIRS
async def test_a_second_witness_joins_with_own_words_and_own_receipt(
    world: World, channel: str
) -> None:
    first = await send_now(await world.citizen(channel))
    other = await world.citizen("webchat" if channel == "telegram" else "telegram", number=2)
    await to_the_words(other, AGAIN)
    shown = await other.taps("Xem lại và gửi luôn")
    assert "Giống nhau: tên; xã, phường" in shown
    assert WORDS[:20] not in shown, "nobody's words are shown before a decision"
    assert "làm chứng thêm" in await other.taps("Đúng việc này")
    code = CODE.search(await other.taps("Gửi"))
    assert code
    assert code[0] != first
    assert len(await deeds(world)) == 1
    assert [(await told(world, one)).what for one in await reports(world)] == [WORDS, AGAIN]
    assert "1 người kể" in await other.taps("Xem việc này đến đâu")


@PAIRS
async def test_the_same_name_may_be_another_deed(world: World, channel: str) -> None:
    await send_now(await world.citizen(channel))
    other = await world.citizen(channel, number=2)
    await to_the_words(other, "Hiến hai trăm mét đất làm đường.")
    await other.taps("Xem lại và gửi luôn")
    await other.taps("Không, đây là việc khác")
    assert CODE.search(await other.taps("Gửi"))
    assert len(await deeds(world)) == 2


@PAIRS
async def test_the_receipt_opens_it_elsewhere_and_withdraws_it(world: World, channel: str) -> None:
    code = await send_now(await world.citizen(channel))
    other = await world.citizen("webchat" if channel == "telegram" else "telegram", number=2)
    shown = await other.says(f"/tracuu {code.lower()}")
    assert WORDS in shown
    assert "đang chờ cơ quan xem" in shown
    await other.taps("Rút lại")
    assert "Đã rút lại" in await other.taps("Đúng, rút lại")
    assert [deed.state for deed in await deeds(world)] == [DeedState.WITHDRAWN]
    assert "đã rút lại" in await other.says(code)


@PAIRS
async def test_erasing_takes_the_words_the_files_and_the_lines(world: World, channel: str) -> None:
    citizen = await world.citizen(channel)
    await to_the_words(citizen)
    await citizen.sends_files((jpeg(), "anh.jpg"))
    await citizen.taps("Xem lại và gửi luôn")
    code = CODE.search(await citizen.taps("Gửi"))
    assert code
    await citizen.says(code[0])
    await citizen.taps("Xóa")
    assert "Đã xóa" in await citizen.taps("Đúng, xóa hẳn")
    (report,) = await reports(world)
    assert (report.state, report.told) == (ReportState.ERASED, None)
    async with world.base.db.reading() as session:
        assert await session.scalar(select(func.count()).select_from(StoredFile)) == 0
    if channel == "webchat":
        await world.restart()
        async with citizen.http.get("/chat/messages", params={"after": 0}) as response:  # type: ignore[attr-defined]
            left = await response.text()
        assert "Ví Dụ" not in left
        assert WORDS[:20] not in left
    assert "đã được xóa" in await citizen.says(code[0])


@PAIRS
async def test_back_cancel_and_home_work_and_a_draft_survives(world: World, channel: str) -> None:
    citizen = await world.citizen(channel)
    await to_the_words(citizen)
    assert "Đã ghi" in await citizen.taps("Quay lại")
    await citizen.says("/start")
    await world.restart()
    world.shift = world.shift.__class__(days=7)
    assert "Đã ghi" in await citizen.taps("Kể tiếp việc tốt đang dở")
    assert "kể dở" in await citizen.says("/viectot")
    await citizen.taps("Kể tiếp việc tốt đang dở")
    assert "Chưa có gì được gửi" in await citizen.taps("Hủy")
    assert await deeds(world) == []
    async with world.base.db.reading() as session:
        assert all("deed" not in data for data in await session.scalars(select(Contact.data)))


@PAIRS
async def test_a_poster_names_its_unit_and_the_report_remembers_it(
    world: World, channel: str
) -> None:
    async with world.base.db.transaction() as session:
        session.add(
            Unit(
                office_id=world.office_id, code="SM-01", name="Xã Suối Mơ",
                kind=UnitKind.COMMUNE,
            )
        )  # fmt: skip
    citizen = await world.citizen(channel)
    assert "Xã Suối Mơ mời Anh/chị" in await citizen.says("/start d-SM-01")
    await citizen.taps("Một tập thể")
    await citizen.says("Tổ tự quản bản Nà Pồng")
    await citizen.taps("Tôi không rõ nơi đó")
    await citizen.says(WORDS)
    await citizen.taps("Xem lại và gửi luôn")
    await citizen.taps("Gửi")
    assert [report.invited_by for report in await reports(world)] == ["SM-01"]
    unknown = await world.citizen(channel, number=3)
    assert "Câu 1/8" in await unknown.says("/start d-KHONG-CO")


@PAIRS
async def test_one_answer_is_changed_and_read_back_again(world: World, channel: str) -> None:
    citizen = await world.citizen(channel)
    await to_the_words(citizen)
    await citizen.taps("Xem lại và gửi luôn")
    await citizen.taps("Sửa")
    await citizen.taps("Tên")
    assert "Lê Thị Khác" in await citizen.says("Lê Thị Khác")
    await citizen.taps("Gửi")
    (report,) = await reports(world)
    assert (await told(world, report)).name == "Lê Thị Khác"


@PAIRS
async def test_a_place_nobody_knows_is_kept_as_it_was_said(world: World, channel: str) -> None:
    citizen = await world.citizen(channel)
    await citizen.says("/viectot")
    await citizen.taps("Một người")
    await citizen.taps("Tôi không biết tên")
    assert "Chưa tìm thấy" in await citizen.says("Xóm Đầu Dốc Xa Lắc")
    await citizen.taps("Giữ nguyên")
    await citizen.says(WORDS)
    assert "Xóm Đầu Dốc Xa Lắc" in await citizen.taps("Xem lại và gửi luôn")


async def test_a_flood_of_one_person_waits(
    sqlite_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "OF_ONE", Limit("deeds", 1, minutes=60))
    citizen = await sqlite_world.citizen("webchat")
    await send_now(citizen)
    await to_the_words(citizen, "Nhặt được ví và trả lại người mất.")
    await citizen.taps("Xem lại")
    await citizen.taps("Không, đây là việc khác")
    assert "phút" in await citizen.taps("Gửi")
    assert len(await reports(sqlite_world)) == 1


async def test_a_place_of_several_is_chosen_by_a_button(sqlite_world: World) -> None:
    citizen = await sqlite_world.citizen("webchat")
    await citizen.says("/viectot")
    await citizen.taps("Một người")
    await citizen.taps("Tôi không biết tên")
    assert "một trong những nơi này" in await citizen.says("phú mỹ")
    chosen = next(one for one in (await citizen.screen())[-1].labels if "Phú Mỹ" in one)
    assert chosen in await citizen.taps(chosen)


async def test_a_province_leaves_the_commune_to_be_asked(sqlite_world: World) -> None:
    citizen = await sqlite_world.citizen("webchat")
    await citizen.says("/viectot")
    await citizen.taps("Một người")
    await citizen.taps("Tôi không biết tên")
    await citizen.says("cao bang")
    assert "Xã, phường nào" in await citizen.taps("Tỉnh Cao Bằng")
    await citizen.taps("Tôi không rõ xã")
    await citizen.says(WORDS)
    assert "Nơi: Tỉnh Cao Bằng" in await citizen.taps("Xem lại")


async def test_the_page_that_takes_codes_shows_it(sqlite_world: World) -> None:
    citizen = await sqlite_world.citizen("webchat")
    code = await send_now(citizen)
    async with ClientSession(sqlite_world.links) as http:
        async with http.post("/tracuu", data={"code": code}) as response:
            page = await response.text()
        assert response.url.path.startswith("/tracuu/deed/")
    assert WORDS in unescape(page)
    assert "đang chờ cơ quan xem" in page
    assert "Ví Dụ" not in page


async def test_erasing_the_web_conversation_takes_an_unsent_deed_with_name_and_files(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    citizen = await world.citizen("webchat")
    await to_the_words(citizen)
    await citizen.sends_files((jpeg(), "anh.jpg"))
    for label in ("Tôi không nhớ", "Bỏ qua", "Bỏ qua", "Bỏ qua", "Tiếp tục", "Hàng xóm"):
        await citizen.taps(label)
    assert "điện thoại" in await citizen.says("Phạm Thị Hàng Xóm")
    async with citizen.http.post("/chat/erase") as response:  # type: ignore[attr-defined]
        assert response.status == 204
    async with world.base.db.reading() as session:
        assert (await session.scalars(select(StoredFile))).all() == []
        assert await session.scalar(select(func.count(Person.name))) == 0
        assert set(map(str, await session.scalars(select(Contact.data)))) == {"{}"}


async def test_what_sounds_like_a_denunciation_is_told_the_lawful_way_once(
    sqlite_world: World,
) -> None:
    citizen = await sqlite_world.citizen("webchat")
    said = "Chị ấy dũng cảm tố cáo người nhận hối lộ của dân."
    told = await to_the_words(citizen, said)
    assert "không phải là đơn tố cáo" in told
    assert "Thanh tra tỉnh An Hòa" in told
    assert "Câu 4/8" in await citizen.taps("Đây là việc tốt")
    await citizen.taps("Xem lại")
    assert CODE.search(await citizen.taps("Gửi"))


async def test_the_one_who_did_it_is_marked(sqlite_world: World) -> None:
    citizen = await sqlite_world.citizen("webchat")
    await to_the_words(citizen)
    await citizen.taps("Xem lại")
    await citizen.taps("Sửa")
    await citizen.taps("Quan hệ")
    await citizen.taps("Chính tôi làm")
    await citizen.taps("Gửi")
    (deed,) = await deeds(sqlite_world)
    assert deed.by_self
    assert deed.consent == Known.UNKNOWN


NOW = datetime(2026, 11, 25, 9, tzinfo=VIETNAM)
"""A Wednesday."""


@pytest.mark.parametrize(
    ("words", "day"),
    [
        ("20/11", date(2026, 11, 20)),
        ("20/12", date(2025, 12, 20)),
        ("3/2/2025", date(2025, 2, 3)),
        ("thứ sáu", date(2026, 11, 20)),
        ("hôm qua", date(2026, 11, 24)),
        ("hồi còn chiến tranh", None),
    ],
)
def test_days_are_those_gone_by(words: str, day: date | None) -> None:
    assert day_gone_by(words, NOW) == day


@pytest.mark.parametrize("words", ["ngày mai", "1/1/2030"])
def test_a_day_to_come_is_refused(words: str) -> None:
    with pytest.raises(UserError) as refused:
        day_gone_by(words, NOW)
    assert refused.value.reply.key == "tell-still-to-come"
