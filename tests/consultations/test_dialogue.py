"""The dialogue under strain: left half-way, picked up elsewhere, refused, added to."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from bot import i18n
from storage.models.consultations import MatterState, OpinionFile, RestrictedMatter
from storage.models.people import Contact
from storage.models.traffic import StoredFile
from tests.cast import CHANNELS, PAIRS, Citizen
from tests.consultations.test_erasing import (
    DENUNCIATION,
    FIRST,
    NAME,
    SECOND,
    objects,
    other_channel,
)
from tests.pictures import jpeg
from tests.test_contract import CODE, give_objection, opinions
from tests.test_media import opus
from tests.world import World

TELEPHONE = "0912 345 678"


async def labels(citizen: Citizen) -> tuple[str, ...]:
    return (await citizen.screen())[-1].labels


async def count(world: World, model: type) -> int:
    async with world.base.db.reading() as session:
        return await session.scalar(select(func.count()).select_from(model)) or 0


# Left half-way


@CHANNELS
async def test_a_signed_opinion_left_half_way_asks_for_the_telephone_before_it_is_sent(
    sqlite_world: World, channel: str
) -> None:
    citizen = await sqlite_world.citizen(channel)
    await objects(citizen, FIRST)
    await citizen.taps("Nêu họ tên")
    await citizen.says(NAME)
    await citizen.says("/tracuu")
    await citizen.taps("Về đầu")
    assert "số điện thoại" in await citizen.taps("Viết tiếp")
    await citizen.says(TELEPHONE)
    await citizen.says("/start")
    assert "địa chỉ" in await citizen.taps("Viết tiếp")
    await citizen.says("Thôn Đồi Chè, xã Suối Mơ")
    assert CODE.search(await citizen.taps("Gửi"))


@CHANNELS
async def test_an_old_button_to_send_files_no_signed_opinion_without_an_address(
    sqlite_world: World, channel: str
) -> None:
    citizen = await sqlite_world.citizen(channel)
    await objects(citizen, FIRST)
    await citizen.taps("Không nêu tên")
    await citizen.taps("Sửa")
    await citizen.taps("Đổi cách")
    await citizen.taps("Nêu họ tên")
    await citizen.says(NAME)
    async with sqlite_world.base.db.transaction() as session:
        (contact,) = await session.scalars(select(Contact).where(Contact.channel == channel))
        contact.state = "Giving:reading_back"
    assert "số điện thoại" in await citizen.taps("Gửi")
    assert await opinions(sqlite_world) == []


@CHANNELS
@pytest.mark.parametrize("elsewhere", [SECOND, "/start", "/ykien", "/start c-AH-2026-01"])
async def test_words_typed_after_looking_elsewhere_are_not_added_to_the_opinion(
    sqlite_world: World, channel: str, elsewhere: str
) -> None:
    citizen = await sqlite_world.citizen(channel)
    await objects(citizen, FIRST, "Lời về bà Mẫu.")
    await citizen.says(elsewhere)
    told = await citizen.says("Lời về Trạm Y tế.")
    assert "chưa được ghi nhận là ý kiến" in told
    await citizen.taps("Viết tiếp")
    await citizen.taps("Không nêu tên")
    await citizen.taps("Gửi")
    (opinion,) = await opinions(sqlite_world)
    assert opinion.text == "Lời về bà Mẫu."


@CHANNELS
async def test_an_unsent_opinion_is_not_dropped_for_another_without_asking(
    sqlite_world: World, channel: str
) -> None:
    citizen = await sqlite_world.citizen(channel)
    await objects(citizen, FIRST, "Lời về bà Mẫu.")
    await citizen.says(SECOND)
    told = await citizen.taps("Không đồng ý")
    assert "đang viết dở ý kiến về Bà Lê Thị Mẫu" in told
    assert "Anh/chị có muốn nêu tên không?" in await citizen.taps("Viết tiếp")
    await citizen.says(SECOND)
    await citizen.taps("Không đồng ý")
    assert "vì sao không đồng ý" in await citizen.taps("Bỏ, bắt đầu")
    await citizen.says("Lời về Trạm Y tế.")
    await citizen.taps("Không nêu tên")
    await citizen.taps("Gửi")
    assert [one.text for one in await opinions(sqlite_world)] == ["Lời về Trạm Y tế."]


@CHANNELS
async def test_replacing_by_receipt_asks_before_it_drops_another_draft(
    sqlite_world: World, channel: str
) -> None:
    citizen = await sqlite_world.citizen(channel)
    code = await give_objection(citizen)
    await objects(citizen, SECOND, "Lời về Trạm Y tế.")
    await citizen.says(code)
    told = await citizen.taps("Gửi ý kiến khác")
    assert "đang viết dở ý kiến về Tập thể Trạm Y tế" in told
    assert "sẽ thay ý kiến cũ" in await citizen.taps("Bỏ, bắt đầu")


# Taps and ways out


@CHANNELS
async def test_a_voice_note_is_an_opinion_in_six_taps(sqlite_world: World, channel: str) -> None:
    citizen = await sqlite_world.citizen(channel)
    await citizen.says("/start")
    for label in ("Xem danh sách", "Đến hết", "1. Bà Lê Thị Mẫu", "Không đồng ý"):
        await citizen.taps(label)
    told = await citizen.sends_files((opus(), "loi.ogg"))
    assert "Công chúng: không thấy ý kiến này." in told
    await citizen.taps("Không nêu tên")
    assert CODE.search(await citizen.taps("Gửi"))


@CHANNELS
async def test_a_caption_that_sounds_like_a_denunciation_is_answered_as_words_are(
    sqlite_world: World, channel: str
) -> None:
    citizen = await sqlite_world.citizen(channel)
    await citizen.says(FIRST)
    await citizen.taps("Không đồng ý")
    await citizen.sends_files((jpeg(), "anh.jpg"))
    assert "không phải là đơn tố cáo" in await citizen.says(DENUNCIATION)


WAYS = {"Quay lại", "Hủy", "Trợ giúp", "Gặp cán bộ"}


@CHANNELS
async def test_every_step_shows_the_way_back_out_to_help_and_to_a_person(
    sqlite_world: World, channel: str
) -> None:
    citizen = await sqlite_world.citizen(channel)

    async def ways() -> bool:
        return set(await labels(citizen)) >= WAYS

    await citizen.says(FIRST)
    assert await ways()
    await citizen.taps("Không đồng ý")
    assert await ways()
    await citizen.sends_files((jpeg(), "anh.jpg"))
    assert await ways()
    await citizen.taps("Nêu họ tên")
    for wrong, right in (("1", NAME), ("12", TELEPHONE), ("x", "Thôn Đồi Chè, xã Suối Mơ")):
        assert await ways()
        await citizen.says(wrong)
        assert await ways()
        await citizen.says(right)
    assert await ways()
    await citizen.taps("Sửa")
    assert await ways()
    assert "Anh/chị làm được những việc sau" in await citizen.taps("Trợ giúp")
    assert "muốn sửa phần nào" in await citizen.taps("Viết tiếp")
    await citizen.taps("Gặp cán bộ")
    assert "muốn sửa phần nào" in await citizen.taps("Viết tiếp")


@CHANNELS
async def test_whatever_is_refused_leaves_a_button_to_go_on(
    sqlite_world: World, channel: str
) -> None:
    citizen = await sqlite_world.citizen(channel)
    await citizen.says("/start c-KHONG-CO")
    assert "Xem danh sách lấy ý kiến" in await labels(citizen)
    await objects(citizen, FIRST, DENUNCIATION)
    await citizen.taps("Chuyển riêng")
    assert "Về đầu" in await labels(citizen)
    code = await give_objection(citizen)
    await citizen.says(code)
    await citizen.taps("Trả lời")
    await citizen.says("/tracuu 1111-1111-1111-1111-1111")
    assert "Trợ giúp" in await labels(citizen)


# Replacing


@CHANNELS
async def test_an_agreement_is_replaced_from_the_stance_on(
    sqlite_world: World, channel: str
) -> None:
    citizen = await sqlite_world.citizen(channel)
    await citizen.says(FIRST)
    await citizen.taps("Đồng ý")
    await citizen.taps("Không nêu tên")
    found = CODE.search(await citizen.taps("Gửi"))
    assert found
    other = await sqlite_world.citizen(other_channel(channel), number=2)
    await other.says(found[0])
    assert "sẽ thay ý kiến cũ" in await other.taps("Gửi ý kiến khác")
    await other.taps("Không đồng ý")
    await other.says("Nghĩ lại rồi.")
    await other.taps("Không nêu tên")
    assert CODE.search(await other.taps("Gửi"))
    (opinion,) = await opinions(sqlite_world)
    assert (opinion.stance, opinion.text, opinion.version) == ("object", "Nghĩ lại rồi.", 2)


@CHANNELS
async def test_ten_files_go_with_each_version_and_each_answer(
    sqlite_world: World, channel: str
) -> None:
    citizen = await sqlite_world.citizen(channel)
    code = ""
    for turn in (0, 1):
        await citizen.says(FIRST)
        await citizen.taps("Cung cấp thông tin")
        for number in range(6):
            await citizen.sends_files((jpeg(60 + number, 40 + turn), "anh.jpg"))
        await citizen.taps("Không nêu tên")
        code = CODE.findall(await citizen.taps("Gửi"))[0]
    await citizen.says(code)
    await citizen.taps("Trả lời")
    assert "kèm 1 tệp" in await citizen.sends_files((jpeg(99, 40), "anh.jpg"))
    assert await count(sqlite_world, OpinionFile) == 13


# The restricted lane


async def _matter_words(world: World) -> str:
    async with world.base.db.reading() as session:
        (matter,) = await session.scalars(select(RestrictedMatter))
    return world.base.vault.unseal_system(matter.sealed, "restricted_matters").decode()


@PAIRS
async def test_who_handed_a_matter_over_adds_to_it_and_erases_it(
    world: World, channel: str
) -> None:
    citizen = await world.citizen(channel)
    await objects(citizen, FIRST, DENUNCIATION)
    found = CODE.search(await citizen.taps("Chuyển riêng"))
    assert found
    other = await world.citizen(other_channel(channel), number=2)
    told = await other.says(found[0])
    assert "giữ kín" in told
    assert "tố cáo người" not in told
    await other.taps("Bổ sung")
    assert "kèm 0 tệp" in await other.says("Việc ấy xảy ra ngày mồng một.")
    assert "kèm 1 tệp" in await other.sends_files((jpeg(), "anh.jpg"))
    kept = await _matter_words(world)
    assert kept.startswith(DENUNCIATION)
    assert "Việc ấy xảy ra ngày mồng một." in kept
    await other.says(found[0])
    await other.taps("Xóa dữ liệu")
    assert "Đã xóa" in await other.taps("Đúng, xóa hẳn")
    assert await _matter_words(world) == ""
    assert await count(world, StoredFile) == 0


@CHANNELS
async def test_nothing_is_added_to_a_closed_matter(sqlite_world: World, channel: str) -> None:
    citizen = await sqlite_world.citizen(channel)
    await objects(citizen, FIRST, DENUNCIATION)
    found = CODE.search(await citizen.taps("Chuyển riêng"))
    assert found
    await citizen.says(found[0])
    await citizen.taps("Bổ sung")
    async with sqlite_world.base.db.transaction() as session:
        (matter,) = await session.scalars(select(RestrictedMatter))
        matter.state = MatterState.CLOSED
    assert "đã kết thúc nội dung này" in await citizen.says("Thêm một điều.")
    assert await _matter_words(sqlite_world) == DENUNCIATION


# Words


@pytest.mark.parametrize("locale", i18n.LOCALES)
def test_the_words_name_buttons_as_they_are(locale: str) -> None:
    assert i18n.say(locale, "case-erase-button") in i18n.say(locale, "start-privacy")


def test_a_limit_counts_characters_and_says_so() -> None:
    for key in ("opinion-too-long", "opinion-ask-words-object", "web-chat-left"):
        told = i18n.say("vi", key, longest=8000, length=9000, files=10, count=5)
        assert re.search(r"\d ký tự", told)


def test_no_officer_is_promised_to_answer_whom_nobody_told() -> None:
    assert "trả lời" not in i18n.say("vi", "start-person-later", opens="x")
