"""A few kills of each database in every run of the suite; `python3 dev.py crash 50` does many."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.killing import Plan, run
from tests.databases import Postgres


async def nothing_is_wrong_after_kills(url: str, folder: Path) -> None:
    found = await run(Plan(kills=2, database_url=url, folder=folder))
    assert not found.faults, found.details
    assert found.events > 30


async def reminders_go_once_in_spite_of_kills(url: str, folder: Path) -> None:
    plan = Plan(kills=2, database_url=url, folder=folder, reminders=120, hasty=True)
    found = await run(plan)
    assert not found.faults, found.details
    assert (found.reminders, found.set_aside) == (120, 0)
    assert found.found + found.resent > 0


@pytest.mark.timeout(180)
async def test_kills_lose_and_double_no_reminder_on_sqlite(tmp_path: Path) -> None:
    await reminders_go_once_in_spite_of_kills(
        f"sqlite+aiosqlite:///{tmp_path / 'new.db'}", tmp_path
    )


@pytest.mark.timeout(180)
async def test_kills_lose_and_double_no_reminder_on_postgresql(
    tmp_path: Path, postgres: Postgres
) -> None:
    await reminders_go_once_in_spite_of_kills(postgres.new(), tmp_path)


async def test_kills_lose_double_and_reorder_nothing_on_sqlite(tmp_path: Path) -> None:
    await nothing_is_wrong_after_kills(f"sqlite+aiosqlite:///{tmp_path / 'new.db'}", tmp_path)


@pytest.mark.timeout(180)
async def test_kills_lose_double_and_reorder_nothing_on_postgresql(
    tmp_path: Path, postgres: Postgres
) -> None:
    await nothing_is_wrong_after_kills(postgres.new(), tmp_path)
