"""What a unit owes changes by a closed table, through one gate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.replies import UserError
from handlers.deadlines import duties
from storage.db import Database
from storage.models.base import new_id
from storage.models.deadlines import (
    DUTY_TRANSITIONS,
    Deadline,
    DeadlineState,
    Duty,
    DutyState,
    Work,
)
from storage.models.office import Act, Office
from storage.models.reminders import Reminder, ReminderState
from storage.models.units import Unit, UnitKind

NOW = datetime(2027, 3, 1, 2, tzinfo=UTC)
DUE = datetime(2027, 3, 31, 17, tzinfo=UTC)


@pytest.fixture
async def session(database_url: str) -> AsyncIterator[AsyncSession]:
    db = Database(database_url)
    async with db.transaction() as session:
        yield session
    await db.close()


@pytest.fixture
async def duty(session: AsyncSession) -> Duty:
    office = Office(id=new_id(), code="AH", name="Phòng Thi đua", addresses=[])
    session.add(office)
    await session.flush()
    for code, kind in (("X1", UnitKind.COMMUNE), ("S1", UnitKind.SCHOOL), ("AH", "office")):
        session.add(Unit(id=new_id(), office_id=office.id, code=code, name=code, kind=kind))
    deadline = Deadline(
        id=new_id(), office_id=office.id, code="DK-2027", year=2027, title="Đăng ký",
        work=Work.REGISTRATION, due_at=DUE, for_kinds=["commune"], state=DeadlineState.ARMED,
    )  # fmt: skip
    session.add(deadline)
    await session.flush()
    assert await duties.ensure(session, deadline, NOW) == 1
    assert await duties.ensure(session, deadline, NOW) == 0
    return (await session.scalars(select(Duty))).one()


async def test_only_the_ways_of_the_table_are_open(session: AsyncSession, duty: Duty) -> None:
    for old, new in product(DutyState, DutyState):
        duty.state = old
        if new in DUTY_TRANSITIONS[old]:
            await duties.become(session, duty, new, "command", NOW)
            assert duty.state == new
            continue
        with pytest.raises(UserError):
            await duties.become(session, duty, new, "command", NOW)
        assert duty.state == old


@pytest.mark.parametrize("late", [False, True])
async def test_late_is_marked_at_the_first_submission_and_stays(
    session: AsyncSession, duty: Duty, late: bool
) -> None:
    at = DUE + timedelta(0 if late else -1)
    await duties.become(session, duty, DutyState.SUBMITTED, "member:x", at)
    assert duty.late is late
    await duties.become(session, duty, DutyState.RETURNED, "officer:x", at, "Thiếu chữ ký")
    await duties.become(session, duty, DutyState.SUBMITTED, "member:x", DUE + timedelta(9))
    assert duty.late is late
    acts = await session.scalars(select(Act).where(Act.object_id == duty.id).order_by(Act.id))
    assert [act.verb for act in acts] == ["duty submitted", "duty returned", "duty submitted"]


async def test_more_time_granted_to_one_unit_counts_for_it(
    session: AsyncSession, duty: Duty
) -> None:
    duty.own_due_at = DUE + timedelta(5)
    await duties.become(session, duty, DutyState.SUBMITTED, "member:x", DUE + timedelta(4))
    assert duty.late is False


async def test_what_waits_is_skipped_at_once_when_it_is_done(
    session: AsyncSession, duty: Duty
) -> None:
    for step, state in (("T-7", ReminderState.DEFERRED), ("T-30", ReminderState.SENT)):
        session.add(
            Reminder(
                unit_id=duty.unit_id, deadline_id=duty.deadline_id, step=step, recipient="m",
                planned_at=NOW, due_at=NOW, state=state, at=NOW,
            )
        )  # fmt: skip
    await session.flush()
    await duties.become(session, duty, DutyState.SUBMITTED, "member:x", NOW)
    rows = await session.execute(select(Reminder.step, Reminder.state, Reminder.reason))
    assert {tuple(row) for row in rows} == {("T-7", "skipped", "submitted"), ("T-30", "sent", "")}
