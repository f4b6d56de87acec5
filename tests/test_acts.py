"""The log of acts."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from bot import acts
from storage.db import Database
from storage.models.office import Act

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)


async def test_a_reason_longer_than_the_log_holds_is_cut_and_not_refused(
    database_url: str,
) -> None:
    db = Database(database_url)
    async with db.transaction() as session:
        acts.note(session, NOW, "command", "change award", "award", "GK", "ư" * 1500)
    async with db.reading() as session:
        assert await session.scalar(select(Act.reason)) == "ư" * acts.LONGEST_REASON
    await db.close()
