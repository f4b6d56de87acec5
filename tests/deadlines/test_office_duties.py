"""What the office itself owes: its officers answer for it, from reminders and lists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from handlers.deadlines.calendar import office_unit
from storage.models.consultations import Consultation
from storage.models.deadlines import DutyState, Work
from storage.models.office import Act
from storage.models.reminders import Reminder, ReminderState
from storage.models.traffic import OutboxMessage
from storage.models.units import UnitKind
from tests.cast import CHANNELS, Citizen, WebCitizen
from tests.deadlines.cast import (
    FRIDAY_NIGHT,
    Owing,
    contact_id,
    duty_of,
    joins,
    ledger,
    owing,
    reminded,
)
from tests.officers import staff
from tests.world import World


@dataclass
class Reached:
    judge: Citizen
    owed: Owing
    reminder: int


async def office_owes(world: World, work: Work = Work.OTHER, consultation: str = "") -> Owing:
    async with world.base.db.transaction() as session:
        office = await office_unit.ensure(session, world.office_id)
    return await owing(
        world, work, unit=office.name, title="Họp Hội đồng", for_kinds=[UnitKind.OFFICE],
        consultation_id=consultation or None,
    )  # fmt: skip


async def reach(world: World, channel: str = "webchat", work: Work = Work.OTHER) -> Reached:
    judge = await staff.officer(world, channel)
    (row,) = await staff.rows(world)
    owed = await office_owes(world, work)
    number = await reminded(world, owed, row.id, row.contact_id)
    await judge.says("/trogiup")
    return Reached(judge, owed, number)


async def acts(world: World, owed: Owing) -> list[tuple[str, str]]:
    async with world.base.db.reading() as session:
        found = await session.execute(
            select(Act.actor, Act.verb).where(Act.object_id == owed.duty_id).order_by(Act.id)
        )
        return [(actor.partition(":")[0], verb) for actor, verb in found]


async def presses(citizen: Citizen, press: str) -> str:
    assert isinstance(citizen, WebCitizen)
    return await citizen._post(json={"id": press, "press": press, "label": "x"})


@CHANNELS
async def test_an_officer_finishes_what_the_office_owes_and_the_ladder_stops(
    stage: World, channel: str
) -> None:
    one = await reach(stage, channel)
    await one.judge.taps("Nhắc sau ba ngày")
    assert "cơ quan đã làm xong" in await one.judge.taps("Đã xong")
    assert "đã xong" in await one.judge.taps("Đúng, đã xong")
    assert (await duty_of(stage, one.owed)).state == DutyState.ACCEPTED
    (row,) = await ledger(stage)
    assert (row.state, row.reason) == (ReminderState.SKIPPED, "submitted")
    assert await acts(stage, one.owed) == [
        ("officer", "remind again"), ("officer", "duty submitted"), ("officer", "duty accepted"),
    ]  # fmt: skip


async def test_a_report_of_the_offices_own_is_handed_in_to_nobody(stage: World) -> None:
    one = await reach(stage, work=Work.REPORT)
    for act in ("done", "paper", "paperyes"):
        assert "cơ quan đã làm xong" in await presses(one.judge, f"rm:{one.reminder}:{act}")
    await presses(one.judge, f"rm:{one.reminder}:doneyes")
    assert (await duty_of(stage, one.owed)).state == DutyState.ACCEPTED


@CHANNELS
async def test_in_progress_and_not_for_us_to_do(stage: World, channel: str) -> None:
    one = await reach(stage, channel)
    other = await staff.officer(stage, "webchat", 51, name="Trần Văn Hai")
    assert "đang làm" in await one.judge.taps("Đang làm")
    assert (await duty_of(stage, one.owed)).state == DutyState.IN_PROGRESS
    await one.judge.says("/nhacviec")
    await one.judge.taps("1. Họp Hội đồng")
    assert "Vì sao cơ quan" in await one.judge.taps("Cơ quan không phải làm")
    await one.judge.says("Năm nay Bộ họp thay.")
    await one.judge.taps("Gửi")
    duty = await duty_of(stage, one.owed)
    assert (duty.state, duty.reason) == (DutyState.NOT_APPLICABLE, "Năm nay Bộ họp thay.")
    async with stage.base.db.reading() as session:
        told = list(await session.scalars(select(OutboxMessage.contact_id).where(
            OutboxMessage.kind == "notice"
        )))  # fmt: skip
    rows = {row.name: row.contact_id for row in await staff.rows(stage)}
    assert told == [rows["Trần Văn Hai"]], "not the one who said so"
    assert "không có" in (await other.says("/duyet")).lower(), "an officer has decided already"


async def test_the_offices_own_duty_is_answered_from_its_lists_too(stage: World) -> None:
    one = await reach(stage)
    stage.stopped_at = FRIDAY_NIGHT + timedelta(hours=10)
    await one.judge.says("/duyet")
    assert "Họp Hội đồng" in await one.judge.taps("Họp Hội đồng")
    labels = (await one.judge.screen())[-1].labels
    for label in ("Đã xong", "Đang làm", "Nhắc tôi ngày mai", "Cơ quan không phải làm"):
        assert label in labels
    assert "Xin thêm thời gian" not in labels
    await one.judge.says("/lichviec 2027")
    await one.judge.taps("▶ 12/03 · Họp Hội đồng")
    assert {"Đã xong", "Đang làm", "Dời hạn"} <= set((await one.judge.screen())[-1].labels)
    await one.judge.taps("Đã xong")
    assert "nộp muộn" in await one.judge.taps("Đúng, đã xong")
    assert "Đã xong" not in (await one.judge.screen())[-1].labels


async def test_more_time_is_not_asked_of_oneself_and_who_names_the_officers(stage: World) -> None:
    one = await reach(stage)
    assert "dời hạn trong lịch" in await presses(one.judge, f"rm:{one.reminder}:more")
    assert "Nguyễn Thị Lan" in await presses(one.judge, f"rm:{one.reminder}:who")
    await one.judge.taps("Xem việc này")
    assert "Đã xong" in (await one.judge.screen())[-1].labels


async def test_the_end_of_a_consultation_comes_by_itself(stage: World) -> None:
    judge = await staff.officer(stage)
    async with stage.base.db.reading() as session:
        consultation = (await session.scalars(select(Consultation.id))).first()
    assert consultation
    owed = await office_owes(stage, consultation=consultation)
    await presses(judge, f"rd:{owed.duty_id}:open")
    labels = (await judge.screen())[-1].labels
    assert "Nhắc tôi ngày mai" in labels
    assert "Đã xong" not in labels
    for act in ("done", "doneyes", "notours"):
        assert "tự xong" in await presses(judge, f"rd:{owed.duty_id}:{act}")
    assert (await duty_of(stage, owed)).state == DutyState.NOT_STARTED


async def test_who_is_no_officer_of_that_office_presses_in_vain(stage: World) -> None:
    one = await reach(stage)
    elsewhere = await staff.officer(
        stage, number=52, name="Lê Thị Ba", office_id=await staff.other_office(stage)
    )
    member = await stage.citizen("webchat", number=53)
    unit = await owing(stage)
    await joins(stage, await contact_id(stage, member), unit.unit_id)
    for stranger in (elsewhere, member):
        for act in ("done", "doneyes", "doing", "t1", "notours", "open", "who"):
            for subject in (f"rm:{one.reminder}", f"rd:{one.owed.duty_id}"):
                assert "không phụ trách" in await presses(stranger, f"{subject}:{act}")
    assert (await duty_of(stage, one.owed)).state == DutyState.NOT_STARTED
    async with stage.base.db.reading() as session:
        assert not list(await session.scalars(select(Reminder).where(Reminder.step != "T-7")))
