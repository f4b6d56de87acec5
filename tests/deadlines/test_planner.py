"""What comes due is planned once, for the right people, whatever the clock and the planners do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, time
from typing import Any

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import end_of_day
from handlers.deadlines import duties
from handlers.deadlines.reminders import ladder, planner
from storage.db import Database
from storage.models.calendar import CalendarCoverage
from storage.models.deadlines import Audience, Deadline, DeadlineState, DutyState
from storage.models.reminders import NOBODY, Reminder
from storage.models.units import Member, MemberAddress, MemberRank
from tests.deadlines.ground import TELEGRAM, WEBCHAT, Ground, at

R = Reminder
HEARD = (R.step, R.recipient, R.state, R.reason)


@pytest.fixture
async def ground(sqlite_url: str) -> AsyncIterator[Ground]:
    db = Database(sqlite_url)
    async with db.transaction() as session:
        yield await Ground(session).office()
    await db.close()


async def test_a_step_is_planned_when_it_has_come_and_only_once(ground: Ground) -> None:
    await ground.unit("X1")
    focal = await ground.member("X1")
    await ground.deadline("DK", "2027-03-31")
    assert await planner.plan(ground.session, at("2027-03-01", 7, 59)) == 0
    assert await planner.plan(ground.session, at("2027-03-01")) == 1
    for _ in range(2):
        assert await planner.plan(ground.session, at("2027-03-01", 8, 1)) == 0
    assert await ground.ledger(*HEARD) == [("T-30", focal, "planned", "")]


async def test_a_clock_that_was_set_back_plans_nothing_twice(ground: Ground) -> None:
    await ground.unit("X1")
    await ground.member("X1")
    deadline = await ground.deadline("DK", "2027-03-31")
    await planner.plan(ground.session, at("2027-03-16"))
    await planner.plan(ground.session, at("2027-03-01", 9))
    await planner.plan(ground.session, at("2027-03-16", 9))
    assert [row[0] for row in await ground.ledger()] == ["T-30", "T-15"]
    await ground.session.refresh(deadline)
    assert deadline.planned_until == at("2027-03-16", 9)


async def test_a_lost_mark_of_how_far_it_came_is_harmless(ground: Ground) -> None:
    """As after a restored backup of the deadlines alone: the ledger's key decides."""
    await ground.unit("X1")
    await ground.member("X1")
    deadline = await ground.deadline("DK", "2027-03-31")
    await planner.plan(ground.session, at("2027-03-01"))
    deadline.planned_until = None
    await planner.plan(ground.session, at("2027-03-01"))
    assert len(await ground.ledger()) == 1


async def test_nothing_from_before_it_was_armed_is_sent(ground: Ground) -> None:
    await ground.unit("X1")
    await ground.member("X1")
    await ground.deadline("DK", "2027-03-31", armed_at=at("2027-03-16", 9))
    await ground.deadline("DR", "2027-03-31", state=DeadlineState.DRAFT, armed_at=None)
    await planner.plan(ground.session, at("2027-03-24"))
    assert [row[0] for row in await ground.ledger()] == ["T-7"]


@pytest.mark.parametrize(
    ("back", "sent", "others"),
    [
        pytest.param("2027-03-16 09:30", "T-15 late", [], id="an hour"),
        pytest.param("2027-03-18 10:00", "T-15 late", [], id="three days"),
        pytest.param("2027-03-26 10:00", "T-7 late", ["T-15 outage"], id="ten days"),
        pytest.param(
            "2027-03-31 10:00", "T0 late",
            ["T-15 outage", "T-7 outage", "T-3 outage", "T-1 outage"], id="a fortnight",
        ),
        pytest.param(
            "2027-04-01 07:30", "",
            ["T-15 outage", "T-7 outage", "T-3 outage", "T-1 outage", "T0 too_late"],
            id="until the next step says more",
        ),
    ],
)  # fmt: skip
async def test_after_an_outage_only_the_newest_step_that_still_helps_goes(
    ground: Ground, back: str, sent: str, others: list[str]
) -> None:
    await ground.unit("X1")
    await ground.member("X1")
    await ground.deadline("DK", "2027-03-31", armed_at=at("2027-03-02"))
    await planner.plan(ground.session, at("2027-03-16", 7))
    day, hour = back.split()
    await planner.plan(ground.session, at(day, *map(int, hour.split(":"))))
    found: dict[str, list[str]] = {"planned": [], "expired": []}
    for step, state, reason in await ground.ledger():
        found[state].append(f"{step} {reason}".strip())
    assert found == {"planned": [sent] if sent else [], "expired": others}


async def test_after_a_month_each_of_the_four_hears_once(ground: Ground) -> None:
    """Missed from before T-7 to after T+6."""
    for unit in ("X1", "H1"):
        await ground.unit(unit)
        await ground.member(unit)
        await ground.member(unit, MemberRank.HEAD)
    await ground.cluster("C1", 2027, "H1", "X1")
    await ground.officer()
    deadline = await ground.deadline("DK", "2027-03-31")
    await duties.become(
        ground.session, await ground.duty("H1", deadline), DutyState.SUBMITTED, "command",
        at("2027-03-02"),
    )  # fmt: skip
    await planner.plan(ground.session, at("2027-03-20"))
    await planner.plan(ground.session, at("2027-04-20", 9))
    rows = await ground.ledger()
    assert [row[0] for row in rows if row[1] == "planned"] == ["T+1", "T+2", "T+4", "T+6"]
    assert {row[1:] for row in rows if row[0] in ("T-7", "T-3", "T-1", "T0")} == {
        ("expired", "outage")
    }


async def test_it_goes_to_the_first_who_can_be_reached_and_wants_it(ground: Ground) -> None:
    """By rank, and of several chats by the oldest that lives."""
    session = ground.session
    await ground.unit("X1")
    focal = await ground.member("X1", chats=(TELEGRAM, WEBCHAT))
    deputy = await ground.member("X1", MemberRank.DEPUTY)
    head = await ground.member("X1", MemberRank.HEAD)
    await ground.deadline("DK", "2027-03-31")
    heard = []
    for step in ("2027-03-01", "2027-03-16", "2027-03-24", "2027-03-29", "2027-03-30"):
        await planner.plan(session, at(step))
        heard.append((await ground.ledger(R.recipient, R.contact_id))[-1])
        match len(heard):
            case 1:  # the focal person's first chat dies
                await session.execute(
                    update(MemberAddress)
                    .where(MemberAddress.contact_id == heard[-1][1])
                    .values(unreachable_at=at(step))
                )
            case 2:  # the other one says STOP
                await _set_contact(session, heard[-1][1], opted_out_at=at(step))
            case 3:  # the deputy blocks us
                await _set_contact(session, heard[-1][1], blocked=True)
            case 4:  # the head leaves
                member = await session.get_one(Member, head)
                member.left_at = at(step)
                await session.flush()
    assert [recipient for recipient, _ in heard] == [focal, focal, deputy, head, NOBODY]
    assert heard[0][1] != heard[1][1]
    assert (await ground.ledger())[-1] == ("T-1", "skipped", "opted_out")


async def test_whoever_writes_again_is_reached_again(ground: Ground) -> None:
    await ground.unit("X1")
    focal = await ground.member("X1")
    await ground.deadline("DK", "2027-03-31")
    await ground.session.execute(update(MemberAddress).values(unreachable_at=at("2027-01-01")))
    await planner.plan(ground.session, at("2027-03-01"))
    await _set_contact(ground.session, 1, seen_at=at("2027-03-02"))
    await planner.plan(ground.session, at("2027-03-16"))
    assert await ground.ledger(*HEARD) == [
        ("T-30", NOBODY, "failed", "unreachable"), ("T-15", focal, "planned", ""),
    ]  # fmt: skip


async def test_a_unit_without_anybody_is_written_down_as_such(ground: Ground) -> None:
    await ground.unit("X1")
    await ground.deadline("DK", "2027-03-31")
    await planner.plan(ground.session, at("2027-03-01"))
    assert await ground.ledger(*HEARD) == [("T-30", NOBODY, "failed", "no_contact")]


async def test_what_is_obligatory_reaches_the_office_where_people_opted_out(
    ground: Ground,
) -> None:
    officers = {await ground.officer("Cán bộ Hoa"), await ground.officer("Cán bộ Lan")}
    await ground.unit("X1")
    await ground.member("X1", opted_out_at=at("2027-01-01"))
    await ground.deadline("BB", "2027-03-31", mandatory=True)
    await ground.deadline("TN", "2027-03-30")
    await planner.plan(ground.session, at("2027-03-01"))
    rows = await ground.ledger(*HEARD)
    assert {row[1] for row in rows if row[3] == "reaches_office"} == officers
    assert [row[1:] for row in rows if row[1] not in officers] == [
        (NOBODY, "skipped", "opted_out")
    ]


async def test_escalation_climbs_from_the_head_to_the_cluster_to_the_office(
    ground: Ground,
) -> None:
    """Who heads the cluster is told by its deputy's people when it is late itself."""
    await ground.unit("X1")
    await ground.unit("H1")
    await ground.unit("D1")
    await ground.unit("OFF", "office")
    head = await ground.member("X1", MemberRank.HEAD)
    cluster_head, deputy = await ground.member("H1"), await ground.member("D1")
    officer = await ground.officer()
    await ground.cluster("C1", 2027, "H1", "D1", "X1")
    await ground.cluster("C0", 2026, "X1", "D1", "H1")
    await ground.deadline("DK", "2027-03-31")
    await planner.plan(ground.session, at("2027-04-01", 9))
    for day in ("2027-04-02", "2027-04-05", "2027-04-06"):
        await planner.plan(ground.session, at(day))
    rows = await ground.ledger(R.step, R.recipient, R.unit_id)
    x1, h1 = ground.by_code["X1"], ground.by_code["H1"]
    assert ("T+2", head, x1) in rows
    assert ("T+4", cluster_head, x1) in rows
    assert ("T+4", deputy, h1) in rows, "the head's own delay"
    assert {row for row in rows if row[0] == "T+6"} == {
        ("T+6", officer, ground.by_code[unit]) for unit in ("X1", "H1", "D1")
    }


async def test_a_unit_in_no_cluster_is_not_a_failure(ground: Ground) -> None:
    await ground.unit("X1")
    only = [ladder.rung(-1, Audience.CLUSTER)]
    await ground.deadline("DK", "2027-03-31", ladder=only)
    await planner.plan(ground.session, at("2027-03-30"))
    assert await ground.ledger() == [("T-1", "skipped", "no_cluster")]


async def test_the_offices_own_dates_are_told_to_its_officers(ground: Ground) -> None:
    officer = await ground.officer()
    await ground.unit("OFF", "office")
    deadline = await ground.deadline("KT", "2027-03-31")
    from tests.deadlines.ground import many_duties

    await many_duties(ground.session, [deadline.id], [ground.by_code["OFF"]])
    await planner.plan(ground.session, at("2027-03-01"))
    assert await ground.ledger(*HEARD) == [("T-30", officer, "planned", "")]


async def test_more_time_brings_steps_of_its_own(ground: Ground) -> None:
    await ground.unit("X1")
    await ground.unit("X2")
    for unit in ("X1", "X2"):
        await ground.member(unit)
    deadline = await ground.deadline("DK", "2027-03-31")
    await planner.plan(ground.session, at("2027-03-30"))
    duty = await ground.duty("X1", deadline)
    duty.own_due_at = end_of_day(date(2027, 4, 9))
    await ground.session.flush()
    for day in ("2027-03-31", "2027-04-02", "2027-04-06"):
        await planner.plan(ground.session, at(day))
    rows = [row[0] for row in await ground.ledger(R.step, R.unit_id) if row[1] == duty.unit_id][
        -2:
    ]
    assert rows == ["T-7 2027-04-09", "T-3 2027-04-09"]


async def test_quiet_hours_of_ones_own_put_it_off(ground: Ground) -> None:
    await ground.unit("X1")
    await ground.member("X1", quiet_from=time(6), quiet_until=time(17, 30))
    await ground.deadline("DK", "2027-03-31")
    await ground.deadline("GAP", "2027-03-31", urgent=True)
    await planner.plan(ground.session, at("2027-03-01"))
    assert sorted(await ground.ledger(R.state, R.reason, R.due_at)) == [
        ("deferred", "quiet_hours", at("2027-03-01", 17, 30)),
        ("planned", "", at("2027-03-01")),
    ]


async def test_what_was_missed_waits_for_the_end_of_the_night_and_of_days_off(
    ground: Ground,
) -> None:
    await ground.unit("X1")
    await ground.member("X1")
    await ground.deadline("DK", "2027-03-31")
    await planner.plan(ground.session, at("2027-03-26", 23))
    assert await ground.ledger(R.step, R.state, R.due_at) == [
        ("T-30", "expired", at("2027-03-01")), ("T-15", "expired", at("2027-03-16")),
        ("T-7", "deferred", at("2027-03-29", 7)),
    ]  # fmt: skip


async def test_steps_at_one_moment_are_one(ground: Ground) -> None:
    """Off from 4 to 10 February 2027."""
    await ground.unit("X1")
    await ground.member("X1")
    await ground.deadline("DK", "2027-02-12")
    await planner.plan(ground.session, at("2027-02-03"))
    await planner.plan(ground.session, at("2027-02-11"))
    rows = (await ground.ledger())[-3:]
    assert rows == [
        ("T-7", "merged", "merged"), ("T-3", "merged", "merged"), ("T-1", "planned", ""),
    ]  # fmt: skip


async def test_the_end_of_the_holiday_table_holds_up_only_what_needs_it(ground: Ground) -> None:
    ground.session.add(
        CalendarCoverage(
            id=1, covered_from=date(2026, 1, 1), covered_until=date(2027, 4, 30),
            checked_on=date(2026, 1, 1),
        )
    )  # fmt: skip
    await ground.unit("X1")
    await ground.member("X1")
    await ground.deadline("DK", "2027-03-31")
    beyond = await ground.deadline("XA", "2027-04-29")
    of_which = (R.deadline_id, R.step, R.state)
    await planner.plan(ground.session, at("2027-03-30"))
    assert (beyond.id, "T-30", "planned") in await ground.ledger(*of_which)
    await planner.plan(ground.session, at("2027-04-29"))
    await planner.plan(ground.session, at("2027-05-04"))
    rows = await ground.ledger(*of_which)
    assert (beyond.id, "T0", "planned") in rows
    assert not [row for row in rows if row[:2] == (beyond.id, "T+4")]
    await ground.session.refresh(beyond)
    assert beyond.planned_until == end_of_day(date(2027, 4, 30))
    mended = update(CalendarCoverage).values(covered_until=date(2027, 12, 31))
    await ground.session.execute(mended)
    await planner.plan(ground.session, at("2027-05-04"))
    rows = await ground.ledger(*of_which)
    assert [row for row in rows if row[:2] == (beyond.id, "T+4")], "it comes afterwards"


async def test_a_step_that_came_where_the_table_ends_waits_and_stops_no_other(
    ground: Ground,
) -> None:
    """One such step made the planning of every deadline fail."""
    ground.session.add(
        CalendarCoverage(
            id=1, covered_from=date(2026, 1, 1), covered_until=date(2027, 4, 30),
            checked_on=date(2026, 1, 1),
        )
    )  # fmt: skip
    await ground.unit("X1")
    await ground.member("X1")
    short = [ladder.rung(0, Audience.FOCAL), ladder.rung(1, Audience.FOCAL)]
    await ground.deadline("DK", "2027-04-27", ladder=short)
    assert await planner.plan(ground.session, at("2027-05-04")) == 2
    assert await ground.ledger() == [
        ("T0", "expired", "outage"), ("T+1", "deferred", "no_calendar")
    ]  # fmt: skip


async def test_an_idle_look_reads_no_units(ground: Ground) -> None:
    await ground.unit("X1")
    await ground.member("X1")
    await ground.deadline("DK", "2027-03-31")
    statements: list[str] = []
    engine = ground.session.get_bind()

    def note(*given: Any) -> None:
        statements.append(given[2])

    event.listen(engine, "before_cursor_execute", note)
    await planner.plan(ground.session, at("2027-02-01"))
    event.remove(engine, "before_cursor_execute", note)
    assert not [one for one in statements if "members" in one or "reminders" in one]
    assert len(statements) <= 5


async def test_duties_that_are_done_or_gone_are_left_alone(ground: Ground) -> None:
    for unit in ("X1", "X2", "X3"):
        await ground.unit(unit)
        await ground.member(unit)
    deadline = await ground.deadline("DK", "2027-03-31")
    done, naught = await ground.duty("X1", deadline), await ground.duty("X2", deadline)
    for duty, state in ((done, DutyState.SUBMITTED), (naught, DutyState.NOT_APPLICABLE)):
        await duties.become(ground.session, duty, state, "command", at("2027-02-01"))
    await planner.plan(ground.session, at("2027-03-01"))
    assert [row[0] for row in await ground.ledger(R.unit_id)] == [ground.by_code["X3"]]


async def _set_contact(session: AsyncSession, contact_id: int, **values: Any) -> None:
    from storage.models.people import Contact

    await session.execute(update(Contact).where(Contact.id == contact_id).values(**values))


async def test_two_planners_at_once_plan_once(database_url: str) -> None:
    import asyncio

    one, other = Database(database_url), Database(database_url)
    async with one.transaction() as session:
        ground = await Ground(session).office()
        for number in range(20):
            await ground.unit(f"X{number}")
            await ground.member(f"X{number}")
        for code in ("DK", "GU", "SK"):
            await ground.deadline(code, "2027-03-31")

    async def work(db: Database) -> None:
        for minute in range(3):
            async with db.transaction() as session:
                await planner.plan(session, at("2027-03-01", 8, minute))

    await asyncio.gather(work(one), work(other))
    async with one.transaction() as session:
        rows = (await session.execute(select(Reminder.unit_id, Reminder.deadline_id))).all()
        marks = set(await session.scalars(select(Deadline.planned_until)))
    assert len(rows) == len(set(rows)) == 60
    assert marks == {at("2027-03-01", 8, 2)}
    await one.close()
    await other.close()
