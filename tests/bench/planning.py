"""What planning reminders costs.

`plan.day`: on one day twelve deadlines of 4,000 units have a step: 48,000 rows of the ledger in
one transaction, each with its recipient and the hour at which they may be told.

`tick.growth`: a tick in which one reminder is due (plan, feed, settle, each committed), with a
million rows of the past in the ledger, to the same with ten thousand: the median of many.

Both on SQLite with synchronous=FULL.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from datetime import date
from pathlib import Path
from statistics import median

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.channels.telegram import settle_memory
from bot.clock import end_of_day
from bot.vault import Vault
from handlers.deadlines.reminders import feed, planner, settle
from storage.db import Database
from storage.models.base import new_id
from storage.models.deadlines import Deadline, DeadlineState, Work
from storage.models.reminders import Reminder, ReminderState
from storage.models.traffic import OutboxMessage
from tests.bench.measures import Figure, progress
from tests.databases import migrate
from tests.deadlines.ground import MADE, TELEGRAM, Ground, at, many_duties, many_units

UNITS, DEADLINES = 4_000, 12
FEW, MANY = 10_000, 1_000_000
PAST_UNITS = 100
TICKS = 60
VAULT = Vault("a secret of the bench, long enough to be one")


async def measure(folder: Path) -> list[Figure]:
    settle_memory()  # as the service does at its start
    return [await measure_plan(folder), await measure_growth(folder)]


async def measure_plan(folder: Path) -> Figure:
    db = await _database(folder / "plan.db")
    async with db.transaction() as session:
        await _furnish(session, UNITS, DEADLINES)
    started = time.perf_counter()
    async with db.transaction() as session:
        rows = await planner.plan(session, at("2027-03-01"))
    seconds = time.perf_counter() - started
    await db.close()
    if rows != UNITS * DEADLINES:
        raise RuntimeError(f"{rows} rows were planned, not {UNITS * DEADLINES}")
    progress(f"plan: {rows} rows in {seconds:.2f} s")
    return Figure("plan.day", seconds, "s")


async def measure_growth(folder: Path) -> Figure:
    """The two take turns, so that whatever else the machine does counts for both."""
    few, many = [await _old(folder / f"past-{rows}.db", rows) for rows in (FEW, MANY)]
    took: dict[Database, list[float]] = {few: [], many: []}
    for number in range(TICKS):
        for db, seconds in took.items():
            seconds.append(await _tick(db, number))
    base, value = median(took[few]), median(took[many])
    for db in took:
        await db.close()
    progress(f"tick: {base * 1000:.2f} ms with {FEW} rows, {value * 1000:.2f} ms with {MANY}")
    return Figure("tick.growth", value / base, "times")


async def _old(path: Path, rows: int) -> Database:
    """A ledger with that many rows of the past, written to the disk."""
    db = await _database(path)
    async with db.transaction() as session:
        await _furnish(session, PAST_UNITS, DEADLINES)
        given = {"rows": rows, "units": PAST_UNITS, "dates": DEADLINES}
        await session.execute(_PAST, {**given, "moment": "2026-01-01 01:00:00.000000"})
    await db.close()
    await asyncio.to_thread(_write_back, path)
    return Database(str(db.url))


def _write_back(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def _database(path: Path) -> Database:
    url = f"sqlite+aiosqlite:///{path}"
    await migrate(url)
    return Database(url)


async def _furnish(session: AsyncSession, count: int, dates: int) -> None:
    """Units of two people each, and deadlines whose first step is on 1 March 2027."""
    ground = await Ground(session).office()
    units = await many_units(session, ground.office_id, count, members=2)
    deadlines = [f"deadline{number:012}" for number in range(dates)]
    for one in deadlines:
        session.add(
            Deadline(
                id=one, office_id=ground.office_id, code=one, year=2027, title=new_id(),
                work=Work.REPORT, due_at=end_of_day(date(2027, 3, 31)),
                state=DeadlineState.ARMED, armed_at=MADE,
            )
        )  # fmt: skip
    await session.flush()
    await many_duties(session, deadlines, units)


_PAST = text(
    "INSERT INTO reminders (unit_id, deadline_id, step, recipient, contact_id, planned_at, due_at,"
    " state, reason, at)"
    " WITH RECURSIVE numbers(n) AS"
    " (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :rows)"
    " SELECT printf('unit%016d', 1 + n % :units), printf('deadline%012d', n / :units % :dates),"
    " 'past ' || n, printf('member%014d', 1 + 2 * (n % :units)), 1 + 2 * (n % :units),"
    " :moment, :moment, 'sent', '', datetime('2026-01-01', (n / 60) || ' minutes')"
    " FROM numbers"
)


async def _tick(db: Database, number: int) -> float:
    """Seconds of one tick; what the channel does meanwhile is left out."""
    now = at("2027-02-01", 9)
    async with db.transaction() as session:
        session.add(
            Reminder(
                unit_id="unit0000000000000001", deadline_id="deadline000000000000",
                recipient="member00000000000001", step=f"again {number}", contact_id=1,
                planned_at=now, due_at=now, state=ReminderState.PLANNED, at=now,
            )
        )  # fmt: skip
    started = time.perf_counter()
    async with db.transaction() as session:
        await planner.plan(session, now)
    async with db.transaction() as session:
        fed = await feed.feed(session, VAULT, now, 25, *TELEGRAM)
    spent = time.perf_counter() - started
    async with db.transaction() as session:
        await session.execute(update(OutboxMessage).values(state="sent", sent_at=now))
    started = time.perf_counter()
    async with db.transaction() as session:
        settled = await settle.settle(session, now)
    if (fed, settled) != (1, 1):
        raise RuntimeError(f"one reminder was due; fed {fed}, settled {settled}")
    return spent + time.perf_counter() - started
