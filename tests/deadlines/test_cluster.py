"""The head of a cluster sees how its members stand, and nudges those behind once a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from bot.clock import end_of_day, local_day
from storage.models.base import new_id
from storage.models.deadlines import Deadline, DeadlineState, Duty, DutyState, Work
from storage.models.people import Contact
from storage.models.reminders import Reminder
from storage.models.units import (
    Cluster,
    ClusterKind,
    ClusterSeat,
    Member,
    MemberAddress,
    MemberRank,
    SeatRank,
    Unit,
)
from tests.cast import CHANNELS, Citizen
from tests.world import World

DAY = timedelta(days=1)
THURSDAY = datetime(2026, 11, 26, 2, tzinfo=UTC)
"""While everybody works."""


async def furnish(world: World) -> None:
    """A cluster of four communes: the first heads it, the third has nobody, all owe two things."""
    now = world.now()
    async with world.base.db.transaction() as session:
        cluster = Cluster(
            id=new_id(), office_id=world.office_id, code="C1", name="Cụm thi đua vùng sông",
            kind=ClusterKind.CLUSTER,
        )  # fmt: skip
        session.add(cluster)
        known = list(await session.scalars(select(Contact).order_by(Contact.made_at)))
        units = []
        for number in range(4):
            unit = Unit(
                id=new_id(), office_id=world.office_id, code=f"X{number}",
                name=f"Xã Sông {number}", kind="commune",
            )  # fmt: skip
            session.add(unit)
            await session.flush()
            units.append(unit)
            rank = SeatRank.MEMBER if number else SeatRank.HEAD
            session.add(
                ClusterSeat(
                    cluster_id=cluster.id, unit_id=unit.id, rank=rank,
                    year=local_day(now).year,
                )
            )  # fmt: skip
            if number < len(known):
                member = Member(
                    id=new_id(), unit_id=unit.id, rank=MemberRank.FOCAL, name=f"Người {number}",
                    joined_at=now,
                )  # fmt: skip
                session.add(member)
                await session.flush()
                address = MemberAddress(
                    member_id=member.id, contact_id=known[number].id, added_at=now
                )
                session.add(address)
        for code, due in (("DK", now - 3 * DAY), ("HS", now + 30 * DAY)):
            deadline = Deadline(
                id=new_id(), office_id=world.office_id, code=code, title=f"Việc {code}",
                work=Work.REPORT, due_at=due, state=DeadlineState.ARMED, armed_at=now,
                planned_until=now + DAY, year=local_day(now).year,
            )  # fmt: skip
            session.add(deadline)
            await session.flush()
            for number, unit in enumerate(units):
                state = DutyState.ACCEPTED if number == 3 else DutyState.NOT_STARTED
                session.add(
                    Duty(
                        id=new_id(), deadline_id=deadline.id, unit_id=unit.id, state=state,
                        state_at=now,
                    )
                )  # fmt: skip


async def people(world: World, channel: str, count: int) -> list[Citizen]:
    met = []
    for number in range(1, count + 1):
        person = await world.citizen(channel, number)
        await person.says("/start")
        met.append(person)
    return met


async def nudges(world: World) -> list[Reminder]:
    async with world.base.db.reading() as session:
        return list(await session.scalars(select(Reminder)))


@CHANNELS
async def test_a_head_sees_who_is_behind_and_nudges_them_once_a_day(
    sqlite_world: World, channel: str
) -> None:
    world = sqlite_world
    world.stopped_at = THURSDAY
    head, _ = await people(world, channel, 2)
    await furnish(world)
    told = await head.says("/cum")
    assert "Cụm thi đua vùng sông: 4 đơn vị." in told
    assert "còn 3 đơn vị chưa nộp: Xã Sông 0; Xã Sông 1; Xã Sông 2." in told
    assert any(seen.picture for seen in await head.screen())
    done = await head.taps("Nhắc 2 đơn vị còn chậm")
    assert "Đã nhắc xong.\n• 1 đơn vị được nhắc ngay" in done
    assert "chưa nhận được lời nhắc: Xã Sông 2" in done
    (row,) = await nudges(world)
    assert row.step == f"nudge {local_day(row.due_at)}", "the day on which it is told"
    await head.says("/cum")
    assert "Nhắc 1 đơn vị còn chậm" in (await head.screen())[-1].labels, "Xã Sông 2 heard nothing"
    again = await head.taps("Nhắc 1 đơn vị còn chậm")
    assert "đã có lời nhắc cho hôm nay" in again
    assert "Chưa nhắc được đơn vị nào." in again
    assert len(await nudges(world)) == 1


async def test_a_nudge_put_off_over_the_weekend_is_the_nudge_of_monday(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    world.stopped_at = datetime(2026, 11, 28, 2, tzinfo=UTC)  # a Saturday
    head, _ = await people(world, "telegram", 2)
    await furnish(world)
    await head.says("/cum")
    done = await head.taps("Nhắc 2 đơn vị còn chậm")
    assert "• 1 đơn vị sẽ được nhắc lúc 07:00 thứ Hai, ngày 30/11/2026" in done
    world.stopped_at = datetime(2026, 11, 30, 2, tzinfo=UTC)
    await head.says("/cum")
    assert "đã có lời nhắc cho hôm nay" in await head.taps("Nhắc 1 đơn vị còn chậm")
    assert len(await nudges(world)) == 1


@CHANNELS
async def test_no_nudge_is_offered_when_all_were_nudged_today(
    sqlite_world: World, channel: str
) -> None:
    sqlite_world.stopped_at = THURSDAY
    head, *_ = await people(sqlite_world, channel, 3)
    await furnish(sqlite_world)
    assert "đã có lời nhắc" not in await head.says("/cum")
    assert "• 2 đơn vị được nhắc ngay" in await head.taps("Nhắc 2 đơn vị còn chậm")
    assert "Cả 2 đơn vị còn chậm đã có lời nhắc cho hôm nay" in await head.says("/cum")
    assert not any("Nhắc" in label for label in (await head.screen())[-1].labels)
    sqlite_world.stopped_at = THURSDAY + DAY
    await head.says("/cum")
    assert any("Nhắc 2" in label for label in (await head.screen())[-1].labels)


@CHANNELS
async def test_a_member_that_heads_nothing_sees_no_table(
    sqlite_world: World, channel: str
) -> None:
    _, member = await people(sqlite_world, channel, 2)
    await furnish(sqlite_world)
    assert "không phụ trách cụm" in await member.says("/cum")


async def test_the_button_of_a_head_of_last_year_is_refused(sqlite_world: World) -> None:
    (head,) = await people(sqlite_world, "telegram", 1)
    await furnish(sqlite_world)
    await head.says("/cum")
    async with sqlite_world.base.db.transaction() as session:
        for seat in await session.scalars(select(ClusterSeat)):
            seat.rank = SeatRank.MEMBER
    assert "hiện không phụ trách" in await head.taps("Nhắc 2 đơn vị còn chậm")
    assert await nudges(sqlite_world) == []


async def test_who_opted_out_is_not_nudged(world: World) -> None:
    head, _ = await people(world, "telegram", 2)
    await furnish(world)
    async with world.base.db.transaction() as session:
        for contact in await session.scalars(select(Contact)):
            contact.opted_out_at = world.now()
    await head.says("/cum")
    done = await head.taps("Nhắc 2 đơn vị còn chậm")
    assert "chưa nhận được lời nhắc: Xã Sông 1; Xã Sông 2" in done
    assert await nudges(world) == []


async def comes(world: World, code: str, due: datetime) -> None:
    async with world.base.db.transaction() as session:
        change = update(Deadline).where(Deadline.code == code).values(due_at=due)
        await session.execute(change)


async def test_who_has_more_than_three_days_left_is_not_behind(sqlite_world: World) -> None:
    world = sqlite_world
    world.stopped_at = THURSDAY
    head, _ = await people(world, "telegram", 2)
    await furnish(world)
    await comes(world, "DK", end_of_day(local_day(THURSDAY) + 4 * DAY))
    assert "còn 3 đơn vị chưa nộp" in await head.says("/cum")
    assert not any("Nhắc" in label for label in (await head.screen())[-1].labels)
    world.stopped_at = THURSDAY + DAY
    await head.says("/cum")
    assert "Nhắc 2 đơn vị còn chậm" in (await head.screen())[-1].labels


async def test_last_years_head_sees_what_of_last_year_still_runs_and_nothing_else(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    world.stopped_at = THURSDAY
    old, new, _ = await people(world, "telegram", 3)
    await furnish(world)
    async with world.base.db.transaction() as session:
        cluster = (await session.scalars(select(Cluster))).one()
        for unit in await session.scalars(select(Unit).order_by(Unit.code)):
            rank = SeatRank.HEAD if unit.code == "X1" else SeatRank.MEMBER
            session.add(ClusterSeat(cluster_id=cluster.id, unit_id=unit.id, year=2027, rank=rank))
    world.stopped_at = datetime(2027, 1, 5, 2, tzinfo=UTC)
    await comes(world, "DK", datetime(2027, 1, 4, 17, tzinfo=UTC))
    await comes(world, "HS", datetime(2027, 1, 25, 17, tzinfo=UTC))
    async with world.base.db.transaction() as session:
        await session.execute(update(Deadline).where(Deadline.code == "HS").values(year=2027))
    told = await old.says("/cum")
    assert "Việc DK" in told
    assert "Việc HS" not in told
    assert "• 2 đơn vị được nhắc ngay" in await old.taps("Nhắc 2 đơn vị còn chậm")
    told = await new.says("/cum")
    assert "• Việc HS" in told
    assert "• Việc DK" not in told, "the nudge itself may come beside it"
    async with world.base.db.transaction() as session:
        await session.execute(update(Duty).values(state=DutyState.ACCEPTED))
    assert "không phụ trách cụm" in await old.says("/cum"), "nothing of last year runs any more"
