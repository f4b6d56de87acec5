"""The office sees how a consultation stands and may stop it; officers hear in office hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from bot.clock import load_calendar, next_office_opening
from bot.replies import UserError
from handlers.consultations.review import jobs as review_jobs
from handlers.consultations.review import overview
from storage.models.base import new_id
from storage.models.consultations import (
    Consultation,
    ConsultationState,
    MatterState,
    Opinion,
    OpinionVersion,
    RestrictedMatter,
    Stance,
)
from storage.models.office import Act, Role
from tests.cast import Citizen
from tests.consultations import opinions
from tests.officers import staff
from tests.test_contract import CODE
from tests.world import World

MONDAY = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
"""09:00 in Vietnam, a working day."""


async def test_an_officer_sees_counts_by_stance_and_state(world: World) -> None:
    await opinions.gives(world, stance=Stance.AGREE)
    await opinions.gives(world, stance=Stance.OBJECT)
    opinion_id, _ = await opinions.gives(world, stance=Stance.INFORM)
    async with world.base.db.transaction() as session:
        (await session.get_one(Opinion, opinion_id)).in_window = False
    officer = await staff.officer(world)

    shown = await officer.says("/tinhhinh")

    assert "đang lấy ý kiến" in shown
    assert "Ý kiến: 3 (trong thời hạn 2, ngoài thời hạn 1)" in shown
    assert "Không đồng ý: 1" in shown
    assert "Chờ xử lý: 3" in shown


async def test_a_citizen_sees_no_counts(world: World) -> None:
    await opinions.gives(world)
    citizen = await world.citizen("webchat")
    assert "dành cho cán bộ" in await citizen.says("/tinhhinh")


async def test_an_officer_suspends_and_resumes_a_consultation_with_a_reason(world: World) -> None:
    officer = await staff.officer(world)
    await officer.says("/tinhhinh")
    await officer.taps("Tạm dừng")
    assert "đã tạm dừng" in await officer.taps("Đang xác minh")
    assert await _state(world) == ConsultationState.SUSPENDED
    with pytest.raises(UserError):
        await opinions.gives(world)

    await officer.taps("Lấy ý kiến tiếp")
    await officer.taps("Tôi tự viết")
    await officer.says("Đã có kết luận của Thanh tra.")
    await officer.taps("Gửi")

    assert await _state(world) == ConsultationState.OPEN
    async with world.base.db.reading() as session:
        acts = await session.scalars(
            select(Act).where(Act.object_id == world.consultation_id).order_by(Act.id)
        )
        logged = [(act.verb, act.reason) for act in acts]
    assert logged == [
        ("make suspended", "Tạm dừng để xác minh thông tin liên quan."),
        ("make open", "Đã có kết luận của Thanh tra."),
    ]


async def _state(world: World) -> ConsultationState:
    async with world.base.db.reading() as session:
        found = await session.get_one(Consultation, world.consultation_id)
        return ConsultationState(found.state)


async def test_an_approved_consultation_is_not_published_by_resuming_it(world: World) -> None:
    await staff.officer(world)
    (row,) = await staff.rows(world)
    async with world.base.db.transaction() as session:
        asked = await session.get_one(Consultation, world.consultation_id)
        asked.state = ConsultationState.APPROVED

    with pytest.raises(UserError):
        async with world.base.db.transaction() as session:
            await overview.resume(session, row, world.consultation_id, "xong", world.now())
    assert await _state(world) == ConsultationState.APPROVED


# Telling


async def _tell(world: World, now: datetime) -> int:
    async with world.base.db.transaction() as session:
        return await review_jobs.tell_officers(session, world.base.vault, now)


async def _office_opens(world: World) -> datetime:
    """An hour into the next office hours, wherever in the year the test runs; opinions last."""
    now = world.now()
    async with world.base.db.transaction() as session:
        asked = await session.get_one(Consultation, world.consultation_id)
        asked.closes_at = now + timedelta(days=60)
        opening = next_office_opening(await load_calendar(session), now + timedelta(hours=12))
    return opening.replace(hour=1, minute=30) + timedelta(minutes=30)


def _at(world: World, when: datetime) -> None:
    world.shift = when - datetime.now(UTC)


async def _news(officer: Citizen) -> list[str]:
    return [one.text for one in await officer.screen() if "đang chờ Anh/chị xem, về" in one.text]


async def test_seven_hundred_opinions_are_one_message(world: World) -> None:
    officer = await staff.officer(world, "telegram")
    opinion_id, _ = await opinions.gives(world)
    async with world.base.db.transaction() as session:
        first = await session.get_one(Opinion, opinion_id)
        for _ in range(699):
            session.add(
                one := Opinion(
                    id=new_id(), consultation_id=first.consultation_id,
                    candidate_id=first.candidate_id, channel="webchat", locale="vi",
                    stance=Stance.AGREE, identity=first.identity, in_window=True,
                    received_at=first.received_at,
                )
            )  # fmt: skip
            session.add(
                OpinionVersion(
                    opinion_id=one.id, number=1, stance=one.stance, text="", at=one.received_at
                )
            )
    opening = await _office_opens(world)
    _at(world, opening)

    assert await _tell(world, opening) == 1
    assert await _tell(world, opening + timedelta(hours=2)) == 0

    await world.delivered()
    (news,) = await _news(officer)
    assert "Có 700 ý kiến" in news


async def test_nobody_is_told_at_night_on_a_day_off_or_beyond_the_holiday_table(
    world: World,
) -> None:
    await opinions.gives(world)
    await staff.officer(world)

    assert await _tell(world, MONDAY + timedelta(hours=12)) == 0
    assert await _tell(world, MONDAY - timedelta(days=1)) == 0
    assert await _tell(world, datetime(2026, 4, 30, 2, tzinfo=UTC)) == 0
    assert await _tell(world, MONDAY + timedelta(weeks=3000)) == 0
    assert await _tell(world, MONDAY) == 1


async def test_an_officer_is_told_again_only_of_something_new_and_not_within_the_hour(
    world: World,
) -> None:
    await staff.officer(world)
    opening = await _office_opens(world)

    async def tell_after(minutes: int, *, new: bool) -> int:
        at = opening + timedelta(minutes=minutes)
        _at(world, at - timedelta(minutes=1))
        if new:
            await opinions.gives(world)
        return await _tell(world, at)

    assert await tell_after(0, new=False) == 0
    assert await tell_after(10, new=True) == 1
    assert await tell_after(130, new=False) == 0
    assert await tell_after(150, new=True) == 1
    assert await tell_after(170, new=True) == 0
    assert await tell_after(211, new=False) == 1


async def test_the_keeper_is_told_in_a_sentence_that_says_nothing_of_the_matter(
    world: World,
) -> None:
    keeper = await staff.officer(world, "telegram", role=Role.RESTRICTED)
    officer = await staff.officer(world, name="Hồ Thị Năm")
    await opinions.gives(world)
    await officer.says("/viec")
    await officer.taps("Bà Lê")
    await officer.taps("Chuyển xử lý riêng")
    await officer.taps("Chuyển")

    opening = await _office_opens(world)
    _at(world, opening)

    assert await _tell(world, opening) == 1
    assert "Có việc mới chờ Anh/chị xem." in await opinions.last_words(world, keeper)


async def test_the_keeper_is_told_when_something_is_added_to_a_matter(world: World) -> None:
    """Also to one already forwarded: what was added must be sent after it."""
    author = await world.citizen("webchat", number=5)
    code = await _hands_over(author)
    await staff.officer(world, role=Role.RESTRICTED, name="Đỗ Văn Kín")
    opening = await _office_opens(world)
    assert await _tell(world, opening) == 1
    async with world.base.db.transaction() as session:
        (await session.scalars(select(RestrictedMatter))).one().state = MatterState.FORWARDED
    assert await _tell(world, opening + timedelta(minutes=90)) == 0
    world.stopped_at = opening + timedelta(minutes=100)
    await author.says(code)
    await author.taps("Bổ sung")
    await author.says("Thêm một điều.")
    assert await _tell(world, opening + timedelta(minutes=110)) == 1


async def _hands_over(author: Citizen) -> str:
    await author.says("/start c-AH-2026-01-1")
    await author.taps("Không đồng ý")
    await author.says("Tôi tố cáo người này nhận hối lộ của dân.")
    found = CODE.search(await author.taps("Chuyển riêng"))
    assert found
    return found[0]
