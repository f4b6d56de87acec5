"""A consultation's own dates stand in the calendar without anyone typing them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import func, select

from bot.clock import end_of_day
from bot.replies import UserError
from bot.vault import Vault
from handlers.consultations import lifecycle
from handlers.deadlines.calendar import consultation_dates, service
from handlers.deadlines.reminders import planner
from storage.db import Database
from storage.models.base import new_id
from storage.models.consultations import (
    Award,
    Candidate,
    CandidateKind,
    Consultation,
    ConsultationState,
)
from storage.models.deadlines import Deadline, DeadlineState, Duty, DutyState, Work
from storage.models.reminders import Reminder
from storage.models.units import Unit
from tests.deadlines.ground import Ground, at

VAULT = Vault("an invented secret, long enough for tests")
POSTED = at("2027-03-01", 9)
CLOSES = end_of_day(date(2027, 3, 15))
"""Ten working days after Monday 1 March 2027, which is not counted."""
REPORT = end_of_day(date(2027, 3, 22))
S = ConsultationState


@dataclass
class Asking:
    """A published consultation and its dates."""

    ground: Ground
    asked: Consultation

    async def follow(self, now: datetime) -> int:
        await self.ground.session.flush()
        return await consultation_dates.follow(self.ground.session, "vi", now)

    async def dates(self) -> dict[Work, Deadline]:
        await self.ground.session.flush()
        rows = await self.ground.session.scalars(
            select(Deadline).where(Deadline.consultation_id == self.asked.id)
        )
        return {Work(one.work): one for one in rows}

    async def duty(self, work: Work) -> Duty:
        deadline = (await self.dates())[work]
        found = await self.ground.session.scalars(
            select(Duty).where(Duty.deadline_id == deadline.id)
        )
        return found.one()

    def become(self, *states: ConsultationState, now: datetime) -> None:
        for state in states:
            lifecycle.become(self.ground.session, self.asked, state, "command", now)


@pytest.fixture
async def asking(database_url: str) -> AsyncIterator[Asking]:
    db = Database(database_url)
    async with db.transaction() as session:
        ground = await Ground(session).office()
        await ground.officer()
        session.add(
            Award(
                code="HERO", name_vi="Anh hùng Lao động", name_en="Hero of Labour", group="title",
                level="state", for_kinds=["person"], requires_consultation=True, basis="",
                verified=False, aliases=[],
            )
        )  # fmt: skip
        asked = Consultation(
            id=new_id(), office_id=ground.office_id, code="AH-2027-01",
            title="Danh sách đề nghị khen thưởng", layer="submitter", days=10,
            day_unit="working", counting="civil_code", state=S.DRAFT, made_at=POSTED,
        )  # fmt: skip
        session.add(asked)
        await session.flush()
        session.add(
            Candidate(
                consultation_id=asked.id, number=1, natural_key="1", kind=CandidateKind.PERSON,
                name="Bà Lê Thị Mẫu", award_code="HERO",
            )
        )  # fmt: skip
        await session.flush()
        await session.refresh(asked, ["candidates"])
        yield Asking(ground, asked)
    await db.close()


async def published(asking: Asking) -> Asking:
    await lifecycle.publish(asking.ground.session, asking.asked, "command", POSTED)
    assert await asking.follow(POSTED) == 2
    return asking


async def test_a_draft_has_no_dates_and_a_published_one_has_both(asking: Asking) -> None:
    assert await asking.follow(POSTED) == 0
    await published(asking)
    found = await asking.dates()
    assert found[Work.OTHER].due_at == CLOSES
    assert found[Work.REPORT].due_at == REPORT
    assert found[Work.OTHER].code == "AH-2027-01-KT"
    assert found[Work.REPORT].title.startswith("Báo cáo Hội đồng")
    assert "không phải hạn luật định" in found[Work.REPORT].source
    assert {one.state for one in found.values()} == {DeadlineState.ARMED}
    bearer = await asking.ground.session.get_one(Unit, (await asking.duty(Work.REPORT)).unit_id)
    assert (bearer.kind, bearer.name) == ("office", "Phòng Thi đua")


async def test_looking_again_and_again_changes_nothing(asking: Asking) -> None:
    await published(asking)
    for minutes in range(5):
        assert await asking.follow(POSTED + timedelta(minutes=minutes)) == 0
    count = select(func.count())
    assert await asking.ground.session.scalar(count.select_from(Deadline)) == 2
    assert await asking.ground.session.scalar(count.select_from(Unit)) == 1


async def test_its_officers_are_reminded_of_the_close(asking: Asking) -> None:
    await published(asking)
    await planner.plan(asking.ground.session, at("2027-03-12", 8, 1))
    rows = await asking.ground.session.execute(select(Reminder.step, Reminder.state))
    assert [tuple(row) for row in rows] == [("T-3", "planned")]


async def test_a_moved_end_moves_both_with_the_publics_reason(asking: Asking) -> None:
    await published(asking)
    later = end_of_day(date(2027, 3, 19))
    await lifecycle.move_end(
        asking.ground.session, asking.asked, later, "Bổ sung hồ sơ", "command", at("2027-03-03")
    )
    assert await asking.follow(at("2027-03-03", 9)) == 2
    found = await asking.dates()
    assert found[Work.OTHER].due_at == later
    assert found[Work.REPORT].due_at == end_of_day(date(2027, 3, 26))
    for one in found.values():
        (move,) = await service.moves(asking.ground.session, one)
        assert (move.reason, move.actor) == ("Bổ sung hồ sơ", "clock")
    assert await asking.follow(at("2027-03-03", 10)) == 0


async def test_a_report_date_set_by_hand_stays_while_it_is_after_the_end(
    asking: Asking,
) -> None:
    await published(asking)
    report = (await asking.dates())[Work.REPORT]
    by_hand = end_of_day(date(2027, 4, 1))
    await service.move(
        asking.ground.session, VAULT, report, by_hand, "Hội đồng họp muộn", "command",
        at("2027-03-02"),
    )  # fmt: skip
    for end, expected in ((date(2027, 3, 19), by_hand),
                          (date(2027, 4, 2), end_of_day(date(2027, 4, 9)))):  # fmt: skip
        await lifecycle.move_end(
            asking.ground.session, asking.asked, end_of_day(end), "Bổ sung", "command", POSTED
        )
        await asking.follow(POSTED + timedelta(days=3))
        assert report.due_at == expected


async def test_the_close_itself_is_moved_only_with_the_consultation(asking: Asking) -> None:
    await published(asking)
    close = (await asking.dates())[Work.OTHER]
    arguments = (asking.ground.session, VAULT, close)
    with pytest.raises(UserError, match="calendar-of-consultation"):
        await service.move(*arguments, REPORT, "Vì sao", "command", POSTED)
    with pytest.raises(UserError, match="calendar-of-consultation"):
        await service.cancel(*arguments, "Vì sao", "command", POSTED)


async def test_closing_and_reporting_complete_them_by_themselves(asking: Asking) -> None:
    await published(asking)
    asking.become(S.CLOSED, now=CLOSES + timedelta(seconds=20))
    assert await asking.follow(CLOSES + timedelta(hours=3)) == 1
    close = await asking.duty(Work.OTHER)
    assert (close.state, close.late) == (DutyState.ACCEPTED, False)
    assert (await asking.duty(Work.REPORT)).state == DutyState.NOT_STARTED
    reported_at = at("2027-03-18", 15)
    asking.become(S.COMPILED, S.REPORTED, now=reported_at)
    assert await asking.follow(REPORT + timedelta(days=9)) == 1
    report = await asking.duty(Work.REPORT)
    assert (report.state, report.late) == (DutyState.ACCEPTED, False), "slept, yet in time"
    assert report.submitted_at == reported_at
    assert await asking.follow(REPORT + timedelta(days=10)) == 0


async def test_a_report_after_its_date_is_marked_late(asking: Asking) -> None:
    await published(asking)
    asking.become(S.CLOSED, now=CLOSES)
    asking.become(S.COMPILED, S.REPORTED, S.ARCHIVED, now=REPORT + timedelta(hours=1))
    assert await asking.follow(REPORT + timedelta(hours=2)) == 2
    assert (await asking.duty(Work.REPORT)).late is True


async def test_one_that_closed_long_ago_brings_no_date_and_a_recent_one_its_report(
    asking: Asking,
) -> None:
    await lifecycle.publish(asking.ground.session, asking.asked, "command", POSTED)
    asking.become(S.CLOSED, now=CLOSES)
    assert await asking.follow(CLOSES + timedelta(days=91)) == 0
    assert await asking.follow(CLOSES + timedelta(days=1)) == 1
    assert set(await asking.dates()) == {Work.REPORT}


async def test_a_code_that_the_office_has_typed_already_is_no_trouble(asking: Asking) -> None:
    await service.add(
        asking.ground.session, asking.ground.office_id, "AH-2027-01-BC",
        {"title": "Của cơ quan", "work": Work.OTHER, "due_at": REPORT}, "command", POSTED,
    )  # fmt: skip
    await published(asking)
    assert (await asking.dates())[Work.REPORT].code == "AH-2027-01-BC2"
