"""The season: every expected reminder exactly once, none by night, each missing one explained."""

from __future__ import annotations

import os
import time as process_time
from collections.abc import Iterator
from datetime import time

import pytest
from sqlalchemy import func, select

from bot.clock import VIETNAM, Calendar
from storage.db import Database
from storage.models.reminders import Reminder
from storage.models.traffic import OutboxMessage
from tests.databases import Postgres
from tests.deadlines import season
from tests.deadlines.season import Delivered, People

EXPLAINED = {
    ("skipped", "submitted"), ("skipped", "moved"), ("skipped", "no_cluster"),
    ("expired", "outage"), ("expired", "too_late"), ("merged", "merged"),
    ("failed", "unreachable"), ("failed", "no_contact"),
}  # fmt: skip

AROUND = ("instead", "next_chat")
"""Came to this person after another chat was found dead: theirs may have gone already."""


async def delivered(db: Database) -> list[Delivered]:
    """What arrived: sent, or told in a message that was."""
    codes = {f"deadline-{one.code}"[:20]: one.code for one in season.year()}
    async with db.transaction() as session:
        found = await session.execute(
            select(
                Reminder.unit_id, Reminder.deadline_id, Reminder.step, Reminder.recipient,
                Reminder.at,
            ).where(
                (Reminder.state == "sent")
                | ((Reminder.state == "merged") & (Reminder.reason == "told_together"))
            )
        )  # fmt: skip
        return [(row[0], codes[row[1]], *row[2:]) for row in found]


async def check(db: Database, people: People, calendar: Calendar) -> None:
    arrived = await delivered(db)
    wanted = season.expected(season.year(), people, calendar)
    assert len(arrived) == len(set(arrived)), "told twice"
    assert wanted - set(arrived) == set(), "missing"
    assert set(arrived) - wanted == set(), "too much"
    async with db.transaction() as session:
        rows = (await session.execute(select(Reminder.state, Reminder.reason))).all()
        at_once = await session.execute(
            select(func.count())
            .select_from(OutboxMessage)
            .join(Reminder, Reminder.outbox_id == OutboxMessage.id)
            .where(OutboxMessage.state == "sent", Reminder.reason.not_in(AROUND))
            .group_by(OutboxMessage.contact_id, OutboxMessage.sent_at)
        )
        assert max(at_once.scalars()) == 1, "several to one person"
    others = {
        (str(state), reason)
        for state, reason in rows
        if state != "sent" and (state, reason) != ("merged", "told_together")
    }
    assert others <= EXPLAINED
    assert {("expired", "outage"), ("merged", "merged"), ("failed", "unreachable")} <= others
    urgent = {one.code for one in season.year() if one.urgent}
    for _, code, _, _, at in arrived:
        local = at.astimezone(VIETNAM)
        assert time(7) <= local.time() < time(21)
        assert code in urgent or calendar.is_working_day(local.date())


@pytest.fixture
def postgresql_url(postgres: Postgres) -> str:
    return postgres.new_migrated()


@pytest.mark.timeout(300)
async def test_a_year_of_four_thousand_units_with_two_workers(postgresql_url: str) -> None:
    url = postgresql_url
    workers = [Database(url), Database(url)]
    people, calendar = await season.play(workers, 4_000, early=0.97)
    await check(workers[0], people, calendar)
    for db in workers:
        await db.close()


@pytest.fixture(params=["UTC", "Asia/Ho_Chi_Minh", "America/New_York"])
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    """The zone of the machine; New York changes its clocks in March and in November."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    process_time.tzset()
    yield request.param
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    process_time.tzset()


@pytest.mark.timeout(300)
async def test_the_same_year_whatever_zone_the_machine_is_in(sqlite_url: str, zone: str) -> None:
    db = Database(sqlite_url)
    people, calendar = await season.play([db], 120, early=0.6)
    await check(db, people, calendar)
    await db.close()
