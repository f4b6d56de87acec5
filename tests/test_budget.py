"""How fast an account speaks: evenly, within its limit, with room for those who wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from sqlalchemy import select

from bot import budget
from bot.budget import Account, Window
from storage.db import Database
from storage.models.traffic import SendBudget


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture(autouse=True)
def _grown_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the slow start."""
    monkeypatch.setattr(budget, "SLOW_SECONDS", 0.0)


async def goes(window: Window, *, reply: bool, went: list[float], takes: float = 0.0) -> None:
    async with window.place(reply=reply):
        await asyncio.sleep(takes)
        went.append(time.monotonic())


async def test_no_second_sees_more_than_the_limit() -> None:
    window, went = Window(10), list[float]()
    await asyncio.gather(*(goes(window, reply=False, went=went, takes=0.01) for _ in range(25)))
    assert max(sum(start <= one < start + 1 for one in went) for start in went) == 10
    assert went[-1] - went[0] < 2.4


async def test_an_answer_goes_before_what_nobody_waits_for() -> None:
    window, paced, answers = Window(5), list[float](), list[float]()
    first = [asyncio.ensure_future(goes(window, reply=False, went=paced)) for _ in range(12)]
    await asyncio.sleep(0)
    await goes(window, reply=True, went=answers)
    await asyncio.gather(*first)
    assert sum(one < answers[0] for one in paced) == 5


async def test_answers_alone_wait_for_nobody() -> None:
    window, answers = Window(5), list[float]()
    started = time.monotonic()
    await asyncio.gather(*(goes(window, reply=True, went=answers) for _ in range(200)))
    assert time.monotonic() - started < 0.5


async def test_answers_that_were_refused_keep_to_the_limit_for_a_while() -> None:
    window, answers = Window(5), list[float]()
    window.close(0)
    started = time.monotonic()
    await asyncio.gather(*(goes(window, reply=True, went=answers) for _ in range(12)))
    assert time.monotonic() - started > 2


async def test_a_place_that_comes_free_between_two_looks_is_not_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Everybody waited for ever for an alarm that nobody had set."""
    monkeypatch.setattr(budget, "SPAN", 0.01)
    window, went = Window(1), list[float]()
    looks = window._has_room

    def slow_look(reply: bool) -> bool:
        free = looks(reply)
        time.sleep(0.002)
        return free

    monkeypatch.setattr(window, "_has_room", slow_look)
    async with asyncio.timeout(10):
        for _ in range(30):
            await goes(window, reply=False, went=went)
            await asyncio.sleep(0.006)


async def test_who_stops_waiting_leaves_the_place_to_others() -> None:
    window, went = Window(1), list[float]()
    await goes(window, reply=False, went=went)
    given_up = asyncio.ensure_future(goes(window, reply=False, went=went))
    await asyncio.sleep(0)
    given_up.cancel()
    await goes(window, reply=False, went=went)
    assert len(went) == 2


async def test_a_pause_that_was_asked_for_is_kept_by_what_can_wait() -> None:
    window, went, answers = Window(5), list[float](), list[float]()
    started = time.monotonic()
    window.close(0.4)
    await asyncio.gather(
        goes(window, reply=False, went=went), goes(window, reply=True, went=answers)
    )
    assert answers[0] - started < 0.2 < 0.4 <= went[0] - started


async def test_after_a_start_few_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "SLOW_SECONDS", 0.5)
    window, went = Window(30), list[float]()
    started = time.monotonic()
    await asyncio.gather(*(goes(window, reply=False, went=went, takes=0.2) for _ in range(9)))
    assert sum(one < started + 0.5 for one in went) <= budget.SLOW * 3
    assert went[-1] - started < 1.2


# The part all processes share


async def slots(db: Database, account: Account, most: int = 100) -> list[float]:
    async with db.transaction() as session:
        room = await account.room(session)
        if not room.messages:
            return []
        return await account.spend(session, db, min(most, room.messages))


async def claimed_for(db: Database, accounts: list[Account], seconds: float) -> list[float]:
    """As many loops claim beside each other for so long, as fast as they may."""
    found: list[float] = []

    async def claims(account: Account) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found.extend(await slots(db, account))
            await asyncio.sleep(0.05)

    await asyncio.gather(*(claims(account) for account in accounts))
    return sorted(found)


async def test_two_processes_together_go_no_faster_than_one(db: Database) -> None:
    found = await claimed_for(db, [Account("telegram:1", 25), Account("telegram:1", 25)], 2)
    gaps = [later - one for one, later in pairwise(found)]
    assert 25 * 1.5 < len(found) <= 25 * (2 + budget.AHEAD + budget.BEHIND) + 1
    assert min(gaps) > 0.03


async def test_nothing_is_saved_up_before_the_start(db: Database) -> None:
    await slots(db, Account("telegram:1", 25))
    await asyncio.sleep(1)
    started = time.monotonic()
    found = await slots(db, Account("telegram:1", 25))
    assert found[0] >= started + 0.03
    assert len(found) <= 25 * budget.AHEAD + 1


async def test_many_answers_slow_down_what_can_wait(db: Database) -> None:
    busy, calm = Account("telegram:1", 25), Account("telegram:2", 25)
    answers: list[float] = []

    async def answered() -> None:
        for _ in range(40):
            await goes(busy.window, reply=True, went=answers)
            await asyncio.sleep(0.05)

    found, _ = await asyncio.gather(claimed_for(db, [busy], 2), answered())
    quiet = await claimed_for(db, [calm], 2)
    assert len(found) < len(quiet) - 10


async def test_a_clock_set_back_stops_nothing_for_long(db: Database) -> None:
    account = Account("telegram:1", 25)
    await slots(db, account)
    async with db.transaction() as session:
        row = (await session.scalars(select(SendBudget))).one()
        row.ready_at = row.ready_at.replace(year=row.ready_at.year + 1)
    async with db.transaction() as session:
        assert await account.room(session)
        (first,) = await account.spend(session, db, 1)
    assert first - time.monotonic() <= budget.LONGEST_PUSH + 1
