"""Two officers publish a deed from their chats; what is out is corrected and taken down [R2]."""

from __future__ import annotations

from datetime import timedelta

import pytest
from aiohttp import ClientSession
from sqlalchemy import select

from bot.replies import UserError
from handlers.deeds import publication
from storage.models.deeds import (
    Deed,
    DeedInGroup,
    DeedPublication,
    DeedReport,
    DeedState,
    Known,
    ReportState,
)
from storage.models.office import Act, Officer
from storage.models.traffic import OutboxMessage
from tests.cast import PAIRS, Citizen
from tests.consultations.opinions import acts
from tests.deadlines.cast import MONDAY
from tests.deeds.publishing import (
    LEAD,
    QUOTE,
    TEXT,
    TITLE,
    confirms,
    links_of,
    press,
    published,
    writes,
)
from tests.deeds.test_checking import sees
from tests.officers.staff import officer, other_office
from tests.world import World


async def deed_of(world: World) -> Deed:
    async with world.base.db.reading() as session:
        return (await session.scalars(select(Deed))).one()


async def versions(world: World) -> list[DeedPublication]:
    async with world.base.db.reading() as session:
        found = await session.scalars(select(DeedPublication).order_by(DeedPublication.version))
        return list(found)


async def reads(address: str) -> tuple[int, str]:
    async with ClientSession() as http, http.get(address) as response:
        return response.status, await response.text()


def page(world: World, deed_id: str) -> str:
    return f"{world.links}/guong/{deed_id}"


@PAIRS
async def test_two_officers_publish_from_their_chats_and_the_witness_hears(
    world: World, channel: str
) -> None:
    cast = await press(world, channel)
    assert "chưa có bài" in await _opened(cast.first)
    preview = await writes(cast.first, quote=QUOTE)
    for words in (TITLE, LEAD, "kéo hai em nhỏ vào bờ", "Lời người dân kể", "cứu một cụ già."):
        assert words in preview
    assert any(seen.picture for seen in await cast.first.screen())
    assert (await reads(page(world, cast.deed_id)))[0] == 404
    assert "1 cán bộ khác" in await cast.first.taps("Tôi duyệt bài này")
    assert (await reads(page(world, cast.deed_id)))[0] == 404, "one person publishes nothing"
    assert "người thứ hai xác nhận" in await sees(world, cast.second)
    assert "Đã đăng" in await confirms(world, cast.second)
    deed, (text,) = await deed_of(world), await versions(world)
    assert (deed.state, deed.shown_at) == (DeedState.PUBLISHED, MONDAY)
    assert text.approved_by != text.confirmed_by
    assert (text.title, text.lead, text.text) == (TITLE, LEAD, TEXT)
    status, shown = await reads(page(world, cast.deed_id))
    assert status == 200
    assert TITLE in shown
    assert "được giới thiệu rộng rãi" in await sees(world, cast.citizen)
    assert any("Xem bài giới thiệu" in one.labels for one in await cast.citizen.screen())
    assert "nay được đăng" in await sees(world, cast.first)
    async with world.base.db.reading() as session:
        (group,) = await session.scalars(select(DeedInGroup.shown_at))
        assert group == MONDAY


async def _opened(one: Citizen) -> str:
    assert "Có thể soạn bài: 1" in await one.says("/dangguong")
    return await one.taps("Soạn: Xã Bảo Lạc")


async def test_nothing_lies_in_clear_before_it_is_out(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await press(world)
    await writes(cast.first, quote=QUOTE)
    (text,) = await versions(world)
    assert (text.title, text.lead, text.text, text.quote) == ("", "", "", "")
    assert text.words
    assert "Ví Dụ".encode() not in text.words
    await cast.first.taps("Tôi duyệt bài này")
    await confirms(world, cast.second)
    (text,) = await versions(world)
    assert text.title == TITLE


async def test_who_is_to_confirm_is_not_woken_up_for_it(sqlite_world: World) -> None:
    world = sqlite_world
    made = await press(world)
    await writes(made.first)
    world.stopped_at = MONDAY.replace(hour=16)  # eleven at night in Vietnam
    await made.first.taps("Tôi duyệt bài này")
    async with world.base.db.reading() as session:
        due = await session.scalar(
            select(OutboxMessage.due_at).where(OutboxMessage.dedupe_key.like("deed-confirm:%"))
        )
    assert due == (MONDAY + timedelta(days=1)).replace(hour=0, minute=0), "at seven, tomorrow"


async def test_the_first_officer_is_not_the_second(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await press(world)
    await writes(cast.first)
    await cast.first.taps("Tôi duyệt bài này")
    assert "chờ một cán bộ khác" in await _preview(cast.first)
    deed = await deed_of(world)
    forged = f"vp:c:{deed.id}:{deed.version}"
    assert "hai cán bộ khác nhau" in await cast.first.presses(forged)  # type: ignore[attr-defined]
    assert (await deed_of(world)).state == DeedState.SUMMARISED


async def test_nobody_confirms_what_nobody_approved(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await press(world)
    await writes(cast.first)
    deed = await deed_of(world)
    forged = f"vp:c:{deed.id}:{deed.version}"
    assert "chưa có ai duyệt" in await cast.second.presses(forged)  # type: ignore[attr-defined]
    assert (await deed_of(world)).state == DeedState.SUMMARISED


async def _preview(one: Citizen) -> str:
    await one.says("/dangguong")
    await one.taps("Soạn: Xã Bảo Lạc")
    return await one.taps("Xem trước")


async def test_one_person_let_in_on_two_channels_is_one_person(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await press(world)
    again = await officer(world, "telegram", 52, name="Nguyễn Thị Lan")
    await writes(cast.first)
    assert "1 cán bộ khác" in await cast.first.taps("Tôi duyệt bài này")
    await again.says("/dangguong")
    await again.taps("Chờ xác nhận: Xã Bảo Lạc")
    await again.taps("Xem trước")
    assert "hai cán bộ khác nhau" in await again.taps("Xác nhận và đăng")
    assert (await deed_of(world)).state == DeedState.SUMMARISED


async def test_an_officer_who_told_it_or_is_praised_is_not_asked(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await press(world)
    async with world.base.db.transaction() as session:
        second = (await session.scalars(select(Officer).order_by(Officer.joined_at))).all()[1]
        second.name = "Trần Văn Ví Dụ"
    await writes(cast.first)
    assert "Chưa có cán bộ thứ hai" in await cast.first.taps("Tôi duyệt bài này")
    async with world.base.db.transaction() as session:
        row = (await session.scalars(select(DeedReport))).one()
        second = (await session.scalars(select(Officer).order_by(Officer.joined_at))).all()[1]
        second.name, row.contact_id = "Trần Thị Mận", second.contact_id
    assert "Chưa có cán bộ thứ hai" in await cast.first.taps("Tôi duyệt bài này")


async def test_what_was_rewritten_is_approved_anew(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await press(world)
    await writes(cast.first)
    await cast.first.taps("Tôi duyệt bài này")
    await sees(world, cast.second)
    await cast.second.taps("Mở bài này")
    await cast.first.says("/dangguong")
    await cast.first.taps("Soạn: Xã Bảo Lạc")
    await cast.first.taps("Viết lại")
    await cast.first.says("Một bài khác hẳn về anh Ví Dụ")
    assert "Người khác vừa lưu" in await cast.second.taps("Xác nhận và đăng")
    assert (await deed_of(world)).state == DeedState.SUMMARISED
    await cast.second.says("/dangguong")
    await cast.second.taps("Soạn: Xã Bảo Lạc")
    assert "Chưa ai duyệt" in await cast.second.taps("Xem trước")


async def test_the_second_officer_returns_it_and_the_first_hears_why(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await press(world)
    await writes(cast.first)
    await cast.first.taps("Tôi duyệt bài này")
    await sees(world, cast.second)
    await cast.second.taps("Mở bài này")
    await cast.second.taps("Trả lại để sửa")
    assert "Đã trả lại" in await cast.second.says("Bỏ chữ “không ngần ngại”, viết đúng mức.")
    assert "viết đúng mức" in await sees(world, cast.first)
    (text,) = await versions(world)
    assert text.approved_by is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"consent": Known.UNKNOWN, "consent_rests_on": ""}, "Chưa có sự đồng ý"),
        ({"consent": Known.NO}, "không đồng ý công bố"),
        ({"is_child": Known.YES}, "người giám hộ"),
    ],
)
async def test_without_a_recorded_consent_nobody_can_approve(
    sqlite_world: World, given: dict[str, str], told: str
) -> None:
    world = sqlite_world
    cast = await press(world)
    async with world.base.db.transaction() as session:
        deed = (await session.scalars(select(Deed))).one()
        for name, value in given.items():
            setattr(deed, name, value)
    await writes(cast.first)
    assert told in await cast.first.taps("Tôi duyệt bài này")


async def test_a_stated_ground_stands_in_its_place(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await press(world)
    async with world.base.db.transaction() as session:
        deed = (await session.scalars(select(Deed))).one()
        deed.consent, deed.consent_rests_on = Known.UNKNOWN, ""
    await writes(cast.first)
    await cast.first.taps("Tôi duyệt bài này")
    await cast.first.taps("Nêu căn cứ khác")
    assert "gia đình đồng ý" in await cast.first.says("Người được khen đã mất, gia đình đồng ý.")
    assert "Đã duyệt" in await cast.first.taps("Tôi duyệt bài này")
    assert "gia đình đồng ý" in await _second_sees(world, cast.second)
    assert "Đã đăng" in await cast.second.taps("Xác nhận và đăng")
    (text,) = await versions(world)
    assert text.ground.startswith("Người được khen đã mất")


async def _second_sees(world: World, second: Citizen) -> str:
    await sees(world, second)
    return await second.taps("Mở bài này")


async def test_a_quotation_is_what_somebody_said_and_goes_when_they_take_it_back(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    cast = await press(world)
    assert "Không lời kể nào" in await writes(cast.first, quote="Anh là người anh hùng.")
    assert "Lời người dân kể" in await cast.first.says(QUOTE)
    await cast.first.taps("Tôi duyệt bài này")
    await confirms(world, cast.second)
    assert "Lời người dân kể" in (await reads(page(world, cast.deed_id)))[1]
    async with world.base.db.transaction() as session:
        (await session.scalars(select(DeedReport))).one().state = ReportState.WITHDRAWN
    shown = (await reads(page(world, cast.deed_id)))[1]
    assert TITLE in shown
    assert "Lời người dân kể" not in shown
    assert "cứu một cụ già." not in shown.replace(TEXT.splitlines()[1], "")
    async with world.base.db.reading() as session:
        (text,) = await session.scalars(select(DeedPublication))
        words = await publication.words_of(session, world.base.vault, text)
    assert (words.title, words.quote) == (TITLE, ""), "nor does a correction begin with it"


async def test_a_correction_is_a_new_version_and_the_page_says_so(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await published(world)
    await cast.first.says("/dangguong")
    await cast.first.taps(TITLE[:30])
    assert "sai ở đâu" in await cast.first.taps("Đính chính")
    await cast.first.says("Bài trước ghi sai số người được cứu.")
    await cast.first.says("Anh Trần Văn Ví Dụ cứu hai người giữa dòng lũ")
    await cast.first.taps("Giữ nguyên")
    await cast.first.taps("Giữ nguyên")
    await cast.first.taps("Giữ nguyên")
    assert TITLE in (await reads(page(world, cast.deed_id)))[1], "the old one stays meanwhile"
    await cast.first.taps("Tôi duyệt bài này")
    await confirms(world, cast.second)
    old, new = await versions(world)
    assert (old.title, old.ended_at) == ("", MONDAY)
    assert old.ended_because == "Bài trước ghi sai số người được cứu."
    assert new.title.startswith("Anh Trần Văn Ví Dụ cứu hai người")
    shown = (await reads(page(world, cast.deed_id)))[1]
    assert "đã được đính chính" in shown
    assert "ghi sai số người được cứu" in shown
    assert TITLE not in shown
    assert "correct publication" in await acts(world, cast.deed_id)


async def test_one_officer_takes_it_down_and_the_page_says_only_that(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await published(world)
    await cast.second.says("/dangguong")
    await cast.second.taps(TITLE[:30])
    await cast.second.taps("Gỡ bài")
    assert "Đã gỡ bài" in await cast.second.says("Người được khen xin gỡ.")
    status, shown = await reads(page(world, cast.deed_id))
    assert status == 410
    assert "đã được cơ quan gỡ" in shown
    assert "Ví Dụ" not in shown
    deed, (text,) = await deed_of(world), await versions(world)
    assert (deed.state, deed.shown_at, text.title) == (DeedState.UNPUBLISHED, None, "")
    assert text.ended_because == "Người được khen xin gỡ."
    assert "xin gỡ" in await sees(world, cast.citizen)
    # It comes back only by two persons again.
    await cast.first.says("/dangguong")
    await cast.first.taps("Soạn: Xã Bảo Lạc")
    await cast.first.taps("Viết bài")
    for _ in range(4):
        await cast.first.taps("Giữ nguyên")
    await cast.first.taps("Tôi duyệt bài này")
    await confirms(world, cast.second)
    assert (await reads(page(world, cast.deed_id)))[0] == 200


async def test_photographs_are_chosen_by_number_and_only_clean_copies_are_shown(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    cast = await press(world, photo=True)
    await writes(cast.first)
    await cast.first.taps("Chọn ảnh")
    status, private = await reads(links_of(cast.first, "/officer/exemplar/")[-1])
    assert status == 200
    assert "Ảnh 1: không chọn" in private
    assert "Đã chọn 1 ảnh" in await cast.first.taps("☐ Ảnh 1")
    await cast.first.taps("Xem trước")
    await cast.first.taps("Tôi duyệt bài này")
    await confirms(world, cast.second)
    (text,) = await versions(world)
    address = f"{page(world, cast.deed_id)}/anh/{text.photos[0]}"
    assert f"/anh/{text.photos[0]}" in (await reads(page(world, cast.deed_id)))[1]
    async with ClientSession() as http, http.get(address) as response:
        assert (response.status, response.content_type) == (200, "image/jpeg")
        assert b"Exif" not in await response.read()
    async with world.base.db.transaction() as session:
        (await session.scalars(select(DeedReport))).one().state = ReportState.WITHDRAWN
    async with ClientSession() as http, http.get(address) as response:
        assert response.status == 404, "who takes it back takes the photograph with them"


async def test_the_private_preview_is_for_officers_of_that_office_for_ten_minutes(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    cast = await press(world)
    await writes(cast.first)
    address = links_of(cast.first, "/officer/exemplar/")[-1]
    status, shown = await reads(address)
    assert status == 200
    assert TITLE in shown
    assert "Chưa có gì được đăng" in shown
    async with world.base.db.transaction() as session:
        for one in await session.scalars(select(Officer)):
            one.revoked_at = MONDAY
    status, shown = await reads(address)
    assert status == 422
    assert TITLE not in shown


async def test_another_office_and_a_stranger_see_nothing(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await press(world)
    elsewhere = await officer(
        world, "webchat", 60, name="Lê Thị Xa", office_id=await other_office(world)
    )
    assert "Chưa có việc tốt nào" in await elsewhere.says("/dangguong")
    forged = f"vp:o:{cast.deed_id}"
    assert "Không tìm thấy" in await elsewhere.presses(forged)  # type: ignore[attr-defined]
    assert "chỉ dành cho cán bộ" in await cast.citizen.says("/dangguong")


@pytest.mark.parametrize("state", [
    DeedState.RECEIVED, DeedState.CHECKING, DeedState.CONFIRMED, DeedState.REJECTED,
    DeedState.WITHDRAWN, DeedState.NURTURED,
])  # fmt: skip
async def test_what_is_not_summed_up_is_not_written_of(
    sqlite_world: World, state: DeedState
) -> None:
    world = sqlite_world
    cast = await press(world)
    async with world.base.db.transaction() as session:
        deed = (await session.scalars(select(Deed))).one()
        deed.state = state
        first = (await session.scalars(select(Officer).order_by(Officer.joined_at))).all()[0]
        with pytest.raises(UserError) as refused:
            await publication.write(
                session, world.base.vault, first, deed, MONDAY, seen=deed.version, title=TITLE
            )
    assert refused.value.reply.key == "deeds-cannot-become"
    assert "Chưa có việc tốt nào" in await cast.first.says("/dangguong")


async def test_every_step_of_a_publication_is_an_act(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await published(world)
    verbs = await acts(world, cast.deed_id)
    assert verbs[-1] == "make published"
    assert "approve publication" in verbs
    assert "write publication" in verbs
    async with world.base.db.reading() as session:
        reasons = await session.scalars(select(Act.reason).where(Act.object_id == cast.deed_id))
        assert not any("Ví Dụ" in reason for reason in reasons)
