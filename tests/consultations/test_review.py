"""An officer handles opinions in chat, by buttons; a button in the wrong hands does nothing."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import select

from bot.replies import UserError
from handlers.consultations import erasing, service
from handlers.consultations.review import handling, rights, waiting
from handlers.consultations.review import service as review
from storage.models.consultations import ConsultationState, Opinion, OpinionState
from storage.models.office import Officer, Role
from tests.cast import Citizen, WebCitizen
from tests.consultations import opinions
from tests.consultations.opinions import WORDS
from tests.officers import staff
from tests.world import World

HERO = "Bà Lê Thị Mẫu"


async def _presses(citizen: Citizen, press: str) -> str:
    """What a button would send, without the button."""
    assert isinstance(citizen, WebCitizen)
    async with citizen.http.post(
        "/chat/messages", json={"id": str(uuid.uuid4()), "press": press, "label": "x"}
    ) as response:
        assert response.status == 202
    return await citizen.says("/toi")


async def _screen(citizen: Citizen) -> str:
    return "\n".join(one.text for one in await citizen.screen())


@pytest.mark.parametrize("channel", ["telegram", "webchat"])
async def test_an_officer_accepts_an_opinion_by_buttons_and_its_author_is_told(
    world: World, channel: str
) -> None:
    author, contact_id = await opinions.contact_of(world, "telegram")
    opinion_id, _ = await opinions.gives(world, contact_id=contact_id)
    officer = await staff.officer(world, channel)

    assert "1 ý kiến" in await officer.says("/viec")
    card = await officer.taps(HERO)
    assert WORDS in card
    assert "không đồng ý" in card
    assert "không nêu tên" in card
    done = await officer.taps("Ghi nhận")

    assert "Đã ghi nhận" in done
    assert "hết ý kiến" in done
    after = await opinions.opinion(world, opinion_id)
    assert after.state == OpinionState.ACCEPTED
    assert await opinions.acts(world, opinion_id) == ["file", "read", "accept"]
    assert "ghi nhận vào hồ sơ" in await opinions.last_words(world, author)


async def test_an_opinion_set_aside_tells_its_author_why(world: World) -> None:
    author, contact_id = await opinions.contact_of(world, "telegram")
    opinion_id, _ = await opinions.gives(world, contact_id=contact_id)
    officer = await staff.officer(world)

    await officer.says("/viec")
    await officer.taps(HERO)
    await officer.taps("Không đưa vào")
    await officer.taps("Chưa rõ sự việc")

    after = await opinions.opinion(world, opinion_id)
    assert after.state == OpinionState.SET_ASIDE
    assert "sự việc cụ thể" in after.reason
    assert "sự việc cụ thể" in await opinions.last_words(world, author)
    assert "Hiện không có ý kiến" in await officer.says("/viec")


async def test_a_typed_reason_is_read_back_before_it_goes(world: World) -> None:
    opinion_id, _ = await opinions.gives(world)
    officer = await staff.officer(world)

    await officer.says("/viec")
    await officer.taps(HERO)
    await officer.taps("Không đưa vào")
    await officer.taps("Tôi tự viết")
    assert "Ý này đã xác minh." in await officer.says("Ý này đã xác minh.")
    assert (await opinions.opinion(world, opinion_id)).state == OpinionState.FILED
    await officer.taps("Viết lại")
    await officer.says("Việc này đã được trả lời năm 2024.")
    await officer.taps("Gửi")

    after = await opinions.opinion(world, opinion_id)
    assert after.state == OpinionState.SET_ASIDE
    assert after.reason == "Việc này đã được trả lời năm 2024."


async def test_a_question_reaches_the_author_and_the_answer_brings_the_case_back(
    world: World,
) -> None:
    author, contact_id = await opinions.contact_of(world, "telegram")
    opinion_id, _ = await opinions.gives(world, contact_id=contact_id)
    officer = await staff.officer(world)

    await officer.says("/viec")
    await officer.taps(HERO)
    await officer.taps("Hỏi lại người gửi")
    await officer.says("Lớp học đóng cửa vào tháng nào?")
    assert "Đã gửi câu hỏi" in await officer.taps("Gửi")
    assert "Hiện không có ý kiến" in await officer.says("/viec")

    assert "tháng nào?" in await opinions.last_words(world, author)
    await author.taps("Xem và trả lời")
    async with world.base.db.transaction() as session:
        row = await session.get_one(Opinion, opinion_id)
        await service.answer_office(session, row, "Từ tháng Ba.", [], world.now())

    await officer.says("/viec")
    assert "Từ tháng Ba." in await officer.taps(HERO)


async def test_cancelling_what_was_typed_changes_nothing(world: World) -> None:
    opinion_id, _ = await opinions.gives(world)
    officer = await staff.officer(world)

    await officer.says("/viec")
    await officer.taps(HERO)
    await officer.taps("Hỏi lại người gửi")
    await officer.says("Ai đã ký?")
    await officer.taps("Thôi")

    assert "không còn gì để gửi" in (await _presses_and_shows(officer, "r:send")).lower()
    assert await opinions.acts(world, opinion_id) == ["file", "read"]


async def _presses_and_shows(citizen: Citizen, press: str) -> str:
    await _presses(citizen, press)
    return await _screen(citizen)


async def test_a_forged_press_by_a_stranger_is_refused_and_changes_nothing(world: World) -> None:
    opinion_id, _ = await opinions.gives(world, name="Phạm Thị Sáu")
    await staff.officer(world)
    seen = await _seen(world, opinion_id)
    stranger = await world.citizen("webchat")

    for verb in ("open", "accept", "ask", "files", "who", "lane", "lane-yes", "mine-yes"):
        await _presses(stranger, f"r:{verb}:{opinion_id}:{seen}")
    for press in (
        "r:list",
        "r:overview",
        "r:matters",
        f"r:why:{opinion_id}:{seen}:1",
        f"r:whofor:{opinion_id}::1",
        f"r:stop-yes:{world.consultation_id}",
    ):
        await _presses(stranger, press)

    shown = [one.text for one in await stranger.screen() if "dành cho cán bộ" in one.text]
    assert len(shown) == 14
    assert WORDS not in await _screen(stranger)
    assert (await opinions.opinion(world, opinion_id)).state == OpinionState.FILED
    assert await opinions.acts(world, opinion_id) == ["file"]
    assert await opinions.acts(world, world.consultation_id) == []


async def test_presses_that_no_button_ever_sent_are_harmless(world: World) -> None:
    officer = await staff.officer(world)

    for press in (
        "r:",
        "r:why:x:y:9",
        "r:why:x:y:-1",
        "r:accept",
        "r:open:" + "9" * 40,
        "r:a:b:c:d:e",
    ):
        await _presses(officer, press)

    assert "sự cố" not in await _screen(officer)


async def _seen(world: World, opinion_id: str) -> str:
    (row,) = await staff.rows(world)
    async with world.base.db.transaction() as session:
        return (await review.held(session, row, opinion_id)).seen


async def test_an_officer_of_another_office_sees_and_does_nothing_here(world: World) -> None:
    opinion_id, _ = await opinions.gives(world)
    elsewhere = await staff.other_office(world)
    other = await staff.officer(world, name="Lý Văn Tám", office_id=elsewhere)
    (row,) = await staff.rows(world)

    assert "Hiện không có ý kiến" in await other.says("/viec")
    await _presses(other, f"r:open:{opinion_id}")
    await _presses(other, f"r:accept:{opinion_id}:00000000")
    await _presses(other, f"r:stop-yes:{world.consultation_id}")

    assert WORDS not in await _screen(other)
    assert (await _screen(other)).count("Không tìm thấy hồ sơ này") == 3
    assert await opinions.acts(world, opinion_id) == ["file"]
    async with world.base.db.reading() as session:
        assert await waiting.groups(session, row) == []


async def test_an_officer_let_go_is_refused_at_once(world: World) -> None:
    opinion_id, _ = await opinions.gives(world)
    officer = await staff.officer(world)
    await officer.says("/viec")
    await officer.taps(HERO)

    async with world.base.db.transaction() as session:
        (row,) = (await session.scalars(select(Officer))).all()
        row.revoked_at = world.now()

    assert "dành cho cán bộ" in await officer.taps("Ghi nhận")
    assert (await opinions.opinion(world, opinion_id)).state == OpinionState.FILED


async def test_one_let_go_while_typing_can_still_use_the_chat_as_a_citizen(world: World) -> None:
    await opinions.gives(world)
    officer = await staff.officer(world)
    await officer.says("/viec")
    await officer.taps(HERO)
    await officer.taps("Hỏi lại người gửi")

    async with world.base.db.transaction() as session:
        (row,) = (await session.scalars(select(Officer))).all()
        row.revoked_at = world.now()

    assert "dành cho cán bộ" in await officer.says("một câu hỏi")
    assert "dành cho cán bộ" not in await officer.says("một câu khác")


async def test_of_two_officers_at_once_the_second_learns_what_the_first_decided(
    world: World,
) -> None:
    opinion_id, _ = await opinions.gives(world)
    first = await staff.officer(world, name="Trần Văn Minh")
    second = await staff.officer(world, name="Hồ Thị Năm")
    for officer in (first, second):
        await officer.says("/viec")
        await officer.taps(HERO)

    await first.taps("Không đưa vào")
    await first.taps("Lời lẽ xúc phạm")
    refusal = await second.taps("Ghi nhận")

    assert "Trần Văn Minh" in refusal
    assert "không đưa vào hồ sơ" in refusal
    assert "xúc phạm" in refusal
    assert "Anh/chị vừa chọn: ghi nhận" in refusal
    assert (await opinions.opinion(world, opinion_id)).state == OpinionState.SET_ASIDE


async def test_words_changed_since_they_were_read_are_read_again_first(world: World) -> None:
    _, contact_id = await opinions.contact_of(world, "webchat")
    opinion_id, _ = await opinions.gives(world, contact_id=contact_id)
    officer = await staff.officer(world)
    await officer.says("/viec")
    await officer.taps(HERO)

    await opinions.gives(world, "Tôi viết lại cho rõ.", contact_id=contact_id)

    assert "vừa thay đổi" in await officer.taps("Ghi nhận")
    assert (await opinions.opinion(world, opinion_id)).state == OpinionState.FILED
    assert "Tôi viết lại cho rõ." in await officer.taps("Mở lại")
    assert "Đã ghi nhận" in await officer.taps("Ghi nhận")


async def test_what_its_author_contests_is_decided_by_another_officer(world: World) -> None:
    opinion_id, _ = await opinions.gives(world)
    first = await staff.officer(world, name="Trần Văn Minh")
    second = await staff.officer(world, name="Hồ Thị Năm")
    await first.says("/viec")
    await first.taps(HERO)
    await first.taps("Không đưa vào")
    await first.taps("Không liên quan")
    async with world.base.db.transaction() as session:
        row = await session.get_one(Opinion, opinion_id)
        await service.answer_office(session, row, "Có liên quan, xin xem lại.", [], world.now())

    await first.says("/viec")
    assert "xin xem lại" in await first.taps(HERO)
    assert "một cán bộ khác quyết định" in await first.taps("Ghi nhận")
    await second.says("/viec")
    await second.taps(HERO)
    await second.taps("Ghi nhận")

    assert (await opinions.opinion(world, opinion_id)).state == OpinionState.ACCEPTED
    assert "Hiện không có ý kiến" in await second.says("/viec")


async def test_an_officer_who_is_involved_loses_the_case_for_good(world: World) -> None:
    opinion_id, _ = await opinions.gives(world)
    officer = await staff.officer(world)
    await officer.says("/viec")
    await officer.taps(HERO)
    await officer.taps("Tôi có liên quan")
    assert "mời thêm" in await officer.taps("Đúng, tôi có liên quan")

    assert "Hiện không có ý kiến" in await officer.says("/viec")
    await _presses(officer, f"r:open:{opinion_id}")
    assert "Không tìm thấy hồ sơ này" in await _screen(officer)

    await officer.says("/roi")
    await officer.taps("Thôi nhiệm vụ")
    await officer.says(f"/start i-{await staff.invitation(world)}")
    assert "Hiện không có ý kiến" in await officer.says("/viec")


async def test_decisions_end_when_the_file_is_compiled(world: World) -> None:
    opinion_id, _ = await opinions.gives(world)
    await staff.officer(world)
    seen = await _seen(world, opinion_id)
    (row,) = await staff.rows(world)
    async with world.base.db.transaction() as session:
        asked = (await review.held(session, row, opinion_id)).opinion.consultation
        asked.state = ConsultationState.COMPILED

    with pytest.raises(UserError) as refused:
        async with world.base.db.transaction() as session:
            await review.accept(session, world.base.vault, row, opinion_id, seen, world.now())
    assert refused.value.reply.key == "review-compiled"


async def test_an_administrator_sees_no_opinions(world: World) -> None:
    opinion_id, _ = await opinions.gives(world)
    await staff.officer(world, role=Role.ADMIN)
    (row,) = await staff.rows(world)

    async with world.base.db.transaction() as session:
        assert await rights.acting(session, row.contact_id, Role.OFFICER) is None
        with pytest.raises(UserError):
            await review.held(session, row, opinion_id)


async def test_the_queue_goes_from_the_oldest_to_the_newest_and_skips_what_is_skipped(
    world: World,
) -> None:
    for text in ("Ý kiến thứ nhất.", "Ý kiến thứ hai.", "Ý kiến thứ ba."):
        await opinions.gives(world, text)
    officer = await staff.officer(world)

    assert "3 ý kiến" in await officer.says("/viec")
    assert "thứ nhất" in await officer.taps(HERO)
    assert "thứ hai" in await officer.taps("Ý kiến kế tiếp")
    assert "thứ ba" in await officer.taps("Ghi nhận")
    assert "hết ý kiến" in await officer.taps("Ghi nhận")
    assert "1 ý kiến" in await officer.says("/viec")


async def test_the_result_of_checking_an_objection_is_noted_and_changed_until_compiled(
    world: World,
) -> None:
    author, contact_id = await opinions.contact_of(world, "telegram")
    opinion_id, _ = await opinions.gives(world, contact_id=contact_id)
    officer = await staff.officer(world)
    await officer.says("/viec")
    await officer.taps(HERO)
    assert "Đã ghi nhận" in await officer.taps("Ghi nhận")
    told = await opinions.last_words(world, author)

    await officer.taps("Ghi kết quả kiểm tra")
    assert "Báo cáo trình Hội đồng sẽ ghi" in await officer.says("Đã đối chiếu sổ lớp.")
    assert "Đã lưu kết quả" in await officer.taps("Lưu")
    card = await officer.taps("Mở lại ý kiến")
    assert "Đã đối chiếu sổ lớp." in card
    await officer.taps("Sửa kết quả kiểm tra")
    await officer.says("Lớp nghỉ hai tháng, không phải bốn.")
    await officer.taps("Lưu")

    after = await opinions.opinion(world, opinion_id)
    assert after.handling == "Lớp nghỉ hai tháng, không phải bốn."
    assert after.handled_at is not None
    assert after.handled_by == after.decided_by
    assert await opinions.last_words(world, author) == told
    assert (await opinions.acts(world, opinion_id)).count("note result") == 2


async def test_objections_without_a_result_are_found_again_from_the_list_of_work(
    world: World,
) -> None:
    await opinions.gives(world)
    officer = await staff.officer(world)
    await officer.says("/viec")
    await officer.taps(HERO)
    await officer.taps("Ghi nhận")
    await officer.says("/viec")
    listed = await officer.taps("1 ý kiến chưa ghi kết quả kiểm tra")
    assert "Còn 1 ý kiến" in listed
    assert WORDS in await officer.taps(f"Chưa ghi: {HERO}, không đồng ý")


async def test_a_result_is_noted_of_nothing_but_what_is_in_the_record(world: World) -> None:
    opinion_id, _ = await opinions.gives(world)
    await staff.officer(world)
    (row,) = await staff.rows(world)
    async with world.base.db.transaction() as session:
        with pytest.raises(UserError, match="handling-not-accepted"):
            await handling.note_result(session, row, opinion_id, "Đã xem.", world.now())


async def test_words_replaced_or_erased_take_the_result_with_them(world: World) -> None:
    opinion_id, _ = await opinions.gives(world)
    async with world.base.db.transaction() as session:
        opinion = await session.get_one(Opinion, opinion_id)
        opinion.handling, opinion.handled_at = "Đã xem.", world.now()
        await erasing.erase(session, world.base.vault, opinion, world.now())
    after = await opinions.opinion(world, opinion_id)
    assert (after.handling, after.handled_at) == ("", None)
