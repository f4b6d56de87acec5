"""The contract of a channel: the whole dialogue of an opinion, played through every one."""

from __future__ import annotations

import re

from sqlalchemy import select

from storage.models.consultations import Opinion, OpinionState, OpinionVersion, Receipt
from storage.models.people import Person
from tests.cast import CHANNELS, Citizen
from tests.pictures import jpeg
from tests.world import World

CODE = re.compile(r"(?:[0-9A-Z]{4}-){4}[0-9A-Z]{4}")


async def opinions(world: World) -> list[Opinion]:
    async with world.base.db.reading() as session:
        return list(await session.scalars(select(Opinion)))


async def give_objection(citizen: Citizen, words: str = "Không đúng như hồ sơ.") -> str:
    """From the list to the receipt, buttons but for the words; returns the code."""
    await citizen.says("/start")
    await citizen.taps("Xem danh sách")
    await citizen.taps("Đến hết")
    await citizen.taps("1. Bà Lê Thị Mẫu")
    await citizen.taps("Không đồng ý")
    await citizen.says(words)
    await citizen.taps("Không nêu tên")
    found = CODE.search(await citizen.taps("Gửi"))
    assert found
    return found[0]


@CHANNELS
async def test_a_citizen_objects_and_keeps_a_receipt(world: World, channel: str) -> None:
    citizen = await world.citizen(channel)
    code = await give_objection(citizen)
    (opinion,) = await opinions(world)
    assert (opinion.stance, opinion.text) == ("object", "Không đúng như hồ sơ.")
    assert (opinion.identity, opinion.person_id, opinion.in_window) == ("anonymous", None, True)
    assert any(seen.picture for seen in await citizen.screen())
    async with world.base.db.reading() as session:
        (receipt,) = await session.scalars(select(Receipt))
    assert code.encode() not in receipt.digest


@CHANNELS
async def test_the_card_tells_the_closing_weekday_date_and_hour(
    world: World, channel: str
) -> None:
    citizen = await world.citizen(channel)
    told = await citizen.says("/start c-AH-2026-01-2")
    assert "Tập thể Trạm Y tế xã Suối Mơ" in told
    assert re.search(r"Nhận ý kiến đến \d\d:\d\d .*\d\d/\d\d/20\d\d \(giờ Việt Nam\)", told)


@CHANNELS
async def test_a_signed_opinion_keeps_the_name_apart_and_sealed(
    world: World, channel: str
) -> None:
    citizen = await world.citizen(channel)
    await citizen.says("/start c-AH-2026-01-1")
    await citizen.taps("Đồng ý, có góp ý")
    await citizen.says("Nên khen cả tổ.")
    await citizen.taps("Nêu họ tên")
    await citizen.says("Phạm Thị Ví Dụ")
    assert "chưa đúng" in await citizen.says("12ab")
    await citizen.says("0912 345 678")
    await citizen.says("Thôn Đồi Chè, xã Suối Mơ, tỉnh An Hòa")
    told = await citizen.taps("Gửi")
    assert CODE.search(told)
    (opinion,) = await opinions(world)
    async with world.base.db.reading() as session:
        person = await session.get_one(Person, opinion.person_id)
    assert person.name
    assert "Phạm".encode() not in person.name
    assert "Phạm" not in opinion.text


@CHANNELS
async def test_back_and_cancel_work_at_every_step(world: World, channel: str) -> None:
    citizen = await world.citizen(channel)
    await citizen.says("/start c-AH-2026-01-1")
    await citizen.taps("Không đồng ý")
    await citizen.says("Một lời.")
    assert "Đã ghi tạm" in await citizen.taps("Quay lại")
    await citizen.taps("Tiếp tục")
    assert "Chưa có gì được gửi" in await citizen.taps("Hủy")
    assert await opinions(world) == []


@CHANNELS
async def test_the_receipt_opens_the_opinion_from_another_channel(
    world: World, channel: str
) -> None:
    code = await give_objection(await world.citizen(channel))
    other = await world.citizen("webchat" if channel == "telegram" else "telegram", number=2)
    told = await other.says(f"/tracuu {code.lower().replace('-', ' ')}")
    assert "Không đúng như hồ sơ." in told
    assert "đang chờ cán bộ xem" in told
    await other.taps("Trả lời hoặc bổ sung")
    assert "Đã chuyển cho cơ quan" in await other.says("Tôi có ảnh chụp.")
    await other.says(code)
    await other.taps("Rút ý kiến")
    assert "đã rút" in await other.taps("Đúng, rút")
    (opinion,) = await opinions(world)
    assert opinion.state == OpinionState.WITHDRAWN


@CHANNELS
async def test_a_second_opinion_replaces_the_first_and_keeps_its_history(
    world: World, channel: str
) -> None:
    citizen = await world.citizen(channel)
    await give_objection(citizen, "Lời thứ nhất.")
    await give_objection(citizen, "Lời thứ hai.")
    (opinion,) = await opinions(world)
    assert (opinion.text, opinion.version) == ("Lời thứ hai.", 2)
    async with world.base.db.reading() as session:
        versions = await session.scalars(select(OpinionVersion).order_by(OpinionVersion.number))
        assert [version.text for version in versions] == ["Lời thứ nhất.", "Lời thứ hai."]


@CHANNELS
async def test_photos_travel_with_the_words(world: World, channel: str) -> None:
    citizen = await world.citizen(channel)
    await citizen.says("/start c-AH-2026-01-1")
    await citizen.taps("Cung cấp thông tin")
    assert "Đã nhận 1 tệp" in await citizen.sends_files((jpeg(), "anh.jpg"))
    await citizen.taps("Không nêu tên")
    assert CODE.search(await citizen.taps("Gửi"))


@CHANNELS
async def test_a_draft_survives_a_restart_and_seven_days(world: World, channel: str) -> None:
    citizen = await world.citizen(channel)
    await citizen.says("/start c-AH-2026-01-1")
    await citizen.taps("Không đồng ý")
    await citizen.says("Lời còn dở.")
    await world.restart()
    world.shift = world.shift.__class__(days=7)
    await citizen.taps("Không nêu tên")
    assert CODE.search(await citizen.taps("Gửi"))
    assert [opinion.text for opinion in await opinions(world)] == ["Lời còn dở."]


@CHANNELS
async def test_late_opinions_get_the_dates_and_the_office(world: World, channel: str) -> None:
    citizen = await world.citizen(channel)
    world.shift = world.shift.__class__(days=11)
    told = await citizen.says("/start c-AH-2026-01-1")
    assert "đã hết hạn" in told
    assert "Phòng Thi đua - Khen thưởng tỉnh An Hòa" in told
    assert not any("Không đồng ý" in seen.labels for seen in await citizen.screen())


@CHANNELS
async def test_what_looks_like_a_denunciation_may_go_to_the_restricted_lane(
    world: World, channel: str
) -> None:
    citizen = await world.citizen(channel)
    await citizen.says("/start c-AH-2026-01-1")
    await citizen.taps("Không đồng ý")
    told = await citizen.says("Tôi tố cáo người này nhận hối lộ của dân.")
    assert "không phải là đơn tố cáo" in told
    assert "Thanh tra tỉnh An Hòa" in told
    assert CODE.search(await citizen.taps("Chuyển riêng"))
    assert await opinions(world) == []


@CHANNELS
async def test_the_language_switches_at_once(world: World, channel: str) -> None:
    citizen = await world.citizen(channel)
    await citizen.says("/ngonngu")
    assert "From now on" in await citizen.taps("English")
    assert "who sees what".casefold() in (await citizen.says("/riengtu")).casefold()


@CHANNELS
async def test_a_name_typed_without_accents_finds_the_candidate(
    world: World, channel: str
) -> None:
    citizen = await world.citizen(channel)
    assert "Tìm thấy 1" in await citizen.says("le thi mau")
    assert "Bà Lê Thị Mẫu" in await citizen.taps("Bà Lê Thị Mẫu")
