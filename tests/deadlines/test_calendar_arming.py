"""Before a date goes live the office sees who hears what, when and where; then it arms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, time, timedelta

import pytest
from sqlalchemy import func, select

from bot import i18n
from bot.clock import OutsideCoverage, end_of_day
from bot.replies import UserError
from handlers.deadlines.calendar import arming, describing, preview, service
from handlers.deadlines.calendar.preview import Preview
from handlers.deadlines.calendar.service import Terms
from handlers.deadlines.reminders import planner
from storage.db import Database
from storage.models.deadlines import Deadline, DeadlineState, Duty, Work
from storage.models.office import Act
from storage.models.reminders import Reminder
from storage.models.traffic import OutboxMessage
from storage.models.units import MemberRank
from tests.deadlines.ground import WEBCHAT, Ground, at

NOW = at("2027-01-11", 9)
DUE = end_of_day(date(2027, 3, 31))


@pytest.fixture
async def ground(sqlite_url: str) -> AsyncIterator[Ground]:
    db = Database(sqlite_url)
    async with db.transaction() as session:
        made = await Ground(session).office()
        for code in ("X1", "X2", "X3", "X4", "X5"):
            await made.unit(code)
        await made.member("X1")
        await made.member("X1", MemberRank.HEAD, chats=[WEBCHAT])
        await made.member("X2", chats=[WEBCHAT], quiet_from=time(7), quiet_until=time(12))
        await made.member("X3", blocked=True)
        await made.member("X4", opted_out_at=NOW)
        await made.cluster("C1", 2027, "X1", "X2", "X3", "X4", "X5")
        await made.officer()
        yield made
    await db.close()


async def draft(ground: Ground, code: str = "DK-2027", **given: object) -> Deadline:
    usual: Terms = {"title": "Đăng ký thi đua", "work": Work.REGISTRATION, "due_at": DUE}
    terms = Terms(**{**usual, **given})  # type: ignore[typeddict-item]
    return await service.add(ground.session, ground.office_id, code, terms, "command", NOW)


async def look(ground: Ground, deadline: Deadline, locale: str = "vi") -> Preview:
    return await preview.preview(ground.session, deadline, NOW, locale)


async def test_the_preview_names_recipients_channels_hours_and_words(ground: Ground) -> None:
    found = await look(ground, await draft(ground))
    assert [one.code for one in found.units] == ["X1", "X2", "X3", "X4", "X5"]
    assert [(one.unit, one.channel) for one in found.recipients] == [
        ("Xã X1", "telegram"), ("Xã X2", "webchat"),
    ]  # fmt: skip
    first = found.sendings[0]
    assert first.occurrence.step == "T-30"
    assert first.occurrence.send_at == at("2027-03-01")
    assert dict(first.channels) == {"telegram": 1, "webchat": 1}
    assert (first.later, first.nobody) == (1, 3)
    by_step = {one.occurrence.step: one for one in found.sendings}
    assert dict(by_step["T+2"].channels) == {"webchat": 2}, "the head of X1, the focal of X2"
    assert dict(by_step["T+6"].channels) == {"telegram": 1}, "the officer"
    assert [one.code for one in found.unreachable] == ["X3", "X4", "X5"]
    assert found.text is not None
    words = i18n.words(found.text, "vi")
    assert "Còn 30 ngày: Đăng ký thi đua" in words
    assert "31/03/2027" in words


async def test_a_preview_writes_nothing_and_sends_nothing(ground: Ground) -> None:
    deadline = await draft(ground)
    await look(ground, deadline)
    for model in (Duty, Reminder, OutboxMessage):
        assert not await ground.session.scalar(select(func.count()).select_from(model))
    assert deadline.state == DeadlineState.DRAFT


async def test_what_is_shown_is_what_the_planner_then_does(ground: Ground) -> None:
    """Step by step: as many rows for people as messages foreseen, at the very moment."""
    deadline = await draft(ground)
    found = await look(ground, deadline)
    await arming.arm(ground.session, [deadline], "command", NOW)
    await ground.session.flush()
    for sending in found.sendings:
        step = sending.occurrence
        await planner.plan(ground.session, step.send_at - timedelta(seconds=1))
        await planner.plan(ground.session, step.send_at)
        rows = await ground.session.scalars(
            select(func.count(func.distinct(Reminder.contact_id))).where(
                Reminder.step == step.step, Reminder.planned_at == step.planned_at
            )
        )
        assert rows.one() == len(sending.people), step.step


async def test_a_day_off_and_steps_that_are_past_are_said(ground: Ground) -> None:
    soon = await draft(ground, due_at=end_of_day(date(2027, 1, 24)))
    found = await look(ground, soon)
    assert [one.step for one in found.past] == ["T-30", "T-15"]
    lines = list(describing.steps(found, "vi"))
    assert lines[0].startswith("trước hạn 7 ngày: 08:00 18/01/2027, đầu mối, 2 người;")
    assert "tránh ngày nghỉ" in lines[0]
    assert "1 người nhận muộn hơn" in lines[0]
    assert "3 đơn vị không có người nhận" in lines[0]
    english = "\n".join(describing.steps(found, "en"))
    assert "people: 2" in english


async def test_of_a_mandatory_date_the_office_hears_for_those_who_opted_out(
    ground: Ground,
) -> None:
    found = await look(ground, await draft(ground, mandatory=True))
    assert len(found.sendings[0].people) == 3
    assert "X4" in [one.code for one in found.unreachable], "the unit itself hears nothing"


async def test_of_an_armed_date_only_what_is_still_owed_is_counted(ground: Ground) -> None:
    deadline = await draft(ground)
    await arming.arm(ground.session, [deadline], "command", NOW)
    duty = await ground.duty("X1", deadline)
    duty.state = "accepted"  # type: ignore[assignment]
    await ground.session.flush()
    assert "X1" not in [one.code for one in (await look(ground, deadline)).units]


# Arming


async def test_arming_gives_every_unit_its_duty_and_stands_in_the_log(ground: Ground) -> None:
    deadline = await draft(ground)
    (done,) = await arming.arm(ground.session, [deadline], "officer:x", NOW)
    assert (done.units, deadline.state, deadline.armed_at) == (5, "armed", NOW)
    await ground.session.flush()
    last = await ground.session.scalar(select(Act).order_by(Act.id.desc()).limit(1))
    assert last is not None
    assert (last.verb, last.actor, last.reason) == ("arm deadline", "officer:x", "5 units")
    with pytest.raises(UserError, match="calendar-armed-already"):
        await arming.arm(ground.session, [deadline], "officer:x", NOW)


async def test_what_is_past_or_cancelled_or_beyond_the_table_is_not_armed(
    ground: Ground,
) -> None:
    past = await draft(ground, "QUA", due_at=end_of_day(date(2027, 1, 8)))
    far = await draft(ground, "XA", due_at=end_of_day(date(2030, 12, 30)))
    gone = await draft(ground, "BO")
    gone.state = DeadlineState.CANCELLED
    good = await draft(ground, "TOT")
    for bad, refusal in ((past, UserError), (far, OutsideCoverage), (gone, UserError)):
        with pytest.raises(refusal):
            await arming.arm(ground.session, [good, bad], "command", NOW)
        assert good.state == DeadlineState.DRAFT, "all or nothing"


async def test_the_same_words_to_the_same_units_within_twelve_hours_ask_again(
    ground: Ground,
) -> None:
    first = await draft(ground, for_kinds=["commune"])
    await arming.arm(ground.session, [first], "command", NOW)
    again = await draft(ground, "DK-LAI", title="ĐĂNG KÝ  thi đua", for_kinds=["commune"])
    others = await draft(ground, "DK-GD", for_kinds=["school"])
    assert await arming.repeats(ground.session, [others], NOW) == []
    assert [one.code for one in (await look(ground, again)).repeats] == ["DK-2027"]
    with pytest.raises(UserError, match="calendar-arm-again"):
        await arming.arm(ground.session, [again], "command", NOW + timedelta(hours=11))
    later = NOW + timedelta(hours=13)
    assert await arming.repeats(ground.session, [again], later) == []
    await arming.arm(ground.session, [again], "command", NOW, again=True)
    assert again.state == DeadlineState.ARMED


async def test_two_alike_in_one_batch_ask_again(ground: Ground) -> None:
    pair = [await draft(ground, "A"), await draft(ground, "B")]
    with pytest.raises(UserError, match="calendar-arm-again"):
        await arming.arm(ground.session, pair, "command", NOW)


async def test_only_drafts_to_come_are_offered_for_arming(ground: Ground) -> None:
    await draft(ground, "QUA", due_at=end_of_day(date(2027, 1, 8)))
    await draft(ground, "NAM-SAU", due_at=end_of_day(date(2028, 1, 8)))
    running = await draft(ground, "CHAY")
    await arming.arm(ground.session, [running], "command", NOW)
    await draft(ground, "CHO", title="Việc khác")
    offered = await arming.drafts(ground.session, ground.office_id, NOW, 2027)
    assert [one.code for one in offered] == ["CHO"]
