"""Consent is recorded by an officer, upon something; a refusal outweighs whatever comes later."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import ClientSession
from sqlalchemy import select

from bot.replies import UserError
from handlers.deeds import consent, publication, service, stages
from handlers.deeds.consent import Age, Whose
from storage.models.deeds import (
    Deed,
    DeedFile,
    DeedPublication,
    DeedState,
    Known,
    SubjectKind,
)
from storage.models.office import Officer
from tests.cast import PAIRS
from tests.consultations.opinions import acts
from tests.deeds.ground import NOW, VAULT, Deeds
from tests.deeds.staged import presses, put
from tests.deeds.test_checking import _link, the_deed, told_deed
from tests.officers.staff import officer as staff_officer
from tests.officers.staff import other_office
from tests.pictures import jpeg
from tests.world import World

GROUND = "Cán bộ xã hỏi tại nhà, có chữ ký"


async def records(
    deeds: Deeds, deed: Deed, whose: Whose, said: Known, age: Age | None = None, **more: Any
) -> None:
    officer = await deeds.session.get_one(Officer, await deeds.ground.officer())
    given = {"seen": deed.version, "age": age, **more}
    await consent.record(
        deeds.session, VAULT, officer, deed, whose, said, GROUND, [], NOW, **given
    )


def may_publish(deed: Deed) -> str:
    """What keeps it from being published; "" when nothing of this does."""
    try:
        stages.refuse_without_consent(deed, DeedPublication(ground=""))
    except UserError as error:
        return error.reply.key
    return ""


@pytest.mark.parametrize(
    ("age", "first", "both"),
    [
        (Age.GROWN, "", None),
        (Age.FROM_SEVEN, "deeds-needs-guardian", ""),
        (Age.UNDER_SEVEN, "", None),
    ],
)
async def test_a_child_from_seven_on_needs_two_and_a_smaller_one_the_guardian(
    deeds: Deeds, age: Age, first: str, both: str | None
) -> None:
    deed = await deeds.deed(DeedState.SUMMARISED, is_child=Known.NO)
    assert may_publish(deed) == "deeds-needs-consent"
    await records(deeds, deed, Whose.OWN, Known.YES, age)
    assert may_publish(deed) == first
    assert deed.is_child == (Known.NO if age is Age.GROWN else Known.YES)
    if both is not None:
        await records(deeds, deed, Whose.GUARDIAN, Known.YES)
        assert may_publish(deed) == both


async def test_nobody_is_taken_for_grown_upon_a_reporters_word(deeds: Deeds) -> None:
    deed = await deeds.deed(DeedState.CONFIRMED, is_child=Known.NO)
    with pytest.raises(UserError) as refused:
        await records(deeds, deed, Whose.OWN, Known.YES)
    assert refused.value.reply.key == "deeds-child-unknown"
    of_many = await deeds.deed(DeedState.CONFIRMED, subject_kind=SubjectKind.COLLECTIVE)
    await records(deeds, of_many, Whose.OWN, Known.YES)
    assert may_publish(of_many) == ""


@pytest.mark.parametrize("whose", list(Whose))
async def test_a_refusal_stands_until_it_is_taken_back_with_a_reason(
    deeds: Deeds, whose: Whose
) -> None:
    deed = await deeds.deed(DeedState.SUMMARISED)
    await records(deeds, deed, Whose.OWN, Known.YES, Age.FROM_SEVEN)
    await records(deeds, deed, Whose.GUARDIAN, Known.YES)
    await records(deeds, deed, whose, Known.NO)
    assert may_publish(deed) == "deeds-refused-consent"
    with pytest.raises(UserError) as refused:
        await records(deeds, deed, whose, Known.YES, Age.FROM_SEVEN)
    assert refused.value.reply.key == "deed_consent-refusal-stands"
    await records(deeds, deed, whose, Known.UNKNOWN)
    assert may_publish(deed) in ("deeds-needs-consent", "deeds-needs-guardian")
    await records(deeds, deed, whose, Known.YES, Age.FROM_SEVEN)
    assert may_publish(deed) == ""


async def test_a_guardians_refusal_is_not_got_round_by_another_age(deeds: Deeds) -> None:
    deed = await deeds.deed(DeedState.SUMMARISED)
    await records(deeds, deed, Whose.OWN, Known.YES, Age.FROM_SEVEN)
    await records(deeds, deed, Whose.GUARDIAN, Known.NO)
    with pytest.raises(UserError):
        await records(deeds, deed, Whose.OWN, Known.YES, Age.UNDER_SEVEN)
    await records(deeds, deed, Whose.OWN, Known.YES, Age.GROWN)
    assert may_publish(deed) == "deeds-refused-consent"


async def test_what_is_published_and_refused_is_taken_down_at_once(deeds: Deeds) -> None:
    deed = await deeds.deed(DeedState.PUBLISHED)
    text = await deeds.text(deed, "one", "other", published_at=NOW)
    deed.shown_at, text.title = NOW, "Cứu người giữa dòng lũ"
    await records(deeds, deed, Whose.OWN, Known.NO)
    assert (deed.state, text.ended_at) == (DeedState.UNPUBLISHED, NOW)
    assert [deed.shown_at, text.title] == [None, ""], "gone from the gallery, and sealed again"


@pytest.mark.parametrize("state", list(DeedState))
async def test_consent_is_recorded_of_whatever_is_not_given_up(
    deeds: Deeds, state: DeedState
) -> None:
    deed = await deeds.deed(state)
    if state in (DeedState.REJECTED, DeedState.WITHDRAWN):
        with pytest.raises(UserError) as refused:
            await records(deeds, deed, Whose.OWN, Known.YES, Age.GROWN)
        assert refused.value.reply.key == "deeds-cannot-become"
    else:
        await records(deeds, deed, Whose.OWN, Known.YES, Age.GROWN)
        assert deed.consent == Known.YES


async def test_who_saw_an_older_version_records_nothing(deeds: Deeds) -> None:
    deed = await deeds.deed(DeedState.CONFIRMED)
    await records(deeds, deed, Whose.OWN, Known.YES, Age.GROWN)
    with pytest.raises(UserError) as refused:
        await records(deeds, deed, Whose.OWN, Known.NO, seen=deed.version - 1)
    assert refused.value.reply.key == "deeds-changed-meanwhile"


@PAIRS
async def test_an_officer_records_a_childs_consent_with_a_photo_of_the_paper(
    world: World, channel: str
) -> None:
    cast = await told_deed(world, channel)
    await put(world, DeedState.CONFIRMED)
    deed = await the_deed(world)
    await cast.officer.says("/viectotmoi")
    await cast.officer.taps("Xã Bảo Lạc")
    assert "chưa có" in await cast.officer.taps("Sự đồng ý công bố")
    assert "từ đủ bảy tuổi thì hỏi cả chính em" in await cast.officer.taps(
        "Người được khen đồng ý"
    )
    assert "dựa vào đâu" in await cast.officer.taps("Từ 7 đến dưới 16")
    await cast.officer.says(GROUND)
    assert "Số tệp: 1" in await cast.officer.sends_files((jpeg(), "giay.jpg"))
    card = await cast.officer.taps("Ghi")
    assert "người giám hộ: chưa có" in card
    assert GROUND in card
    await cast.officer.taps("Người giám hộ không đồng ý")
    await cast.officer.says("Mẹ em báo qua điện thoại, không muốn đưa lên mạng")
    assert "người giám hộ: không đồng ý" in await cast.officer.taps("Ghi")
    deed = await the_deed(world)
    assert may_publish(deed) == "deeds-refused-consent"
    assert (await acts(world, deed.id))[-2:] == ["consent own yes", "consent guardian no"]
    async with world.base.db.reading() as session:
        paper = (await session.scalars(select(DeedFile))).one()
        shown = await publication.photographs(session, deed)
    assert paper.answers == service.CONSENT_PAPER
    assert paper.file_id not in {one.id for one in shown}, "a consent is no picture for the public"


async def test_only_officers_of_the_office_record_it(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    await put(world, DeedState.CONFIRMED)
    deed = await the_deed(world)
    elsewhere = await staff_officer(
        world, "webchat", 52, office_id=await other_office(world), name="Lê Văn Khác"
    )
    pressed = f"vc:s:own:no:{deed.id}:{deed.version}"
    assert "Không tìm thấy việc này" in await presses(elsewhere, pressed)
    for person in (cast.citizen, cast.clerk):
        assert "chỉ dành cho cán bộ" in await presses(person, pressed)
    assert (await the_deed(world)).consent == Known.UNKNOWN
    await put(world, DeedState.WITHDRAWN)
    assert "người kể đã rút lại" in await presses(cast.officer, pressed)


async def test_the_paper_of_a_consent_is_read_by_officers_alone(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await told_deed(world, "webchat")
    await put(world, DeedState.NURTURED, unit_id=cast.unit_id)
    deed = await the_deed(world)
    await presses(cast.officer, f"vc:s:own:no:{deed.id}:{deed.version}")
    await cast.officer.says(GROUND)
    await cast.officer.sends_files((jpeg(), "giay-dong-y.jpg"))
    await cast.officer.taps("Ghi")
    pages = []
    for person in (cast.officer, cast.clerk):
        await presses(person, f"bd:o:{deed.id}")
        async with ClientSession() as http, http.get(_link(person)) as response:
            pages.append(await response.text())
    assert all("Ví Dụ" in page for page in pages)
    assert ["giay-dong-y" in page for page in pages] == [True, False]
