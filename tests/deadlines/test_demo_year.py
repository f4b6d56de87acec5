"""The demo's year under way: a newcomer sees overdue, done and coming at once."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.media import FileStore
from bot.pictures import Mark
from bot.vault import Vault
from handlers.consultations import demo as consultations
from handlers.deadlines import demo
from handlers.deadlines.desk import standing
from handlers.deadlines.registration import service
from handlers.deadlines.reminders import why
from storage.db import Database
from storage.models.deadlines import Deadline, Duty, Submission
from storage.models.office import Act, Office
from storage.models.units import Cluster, ClusterSeat, SeatRank, Unit

FRIDAY = datetime.fromisoformat("2026-11-27T09:00+07:00")


@pytest.fixture
async def db(sqlite_url: str, tmp_path: Path) -> Database:
    db = Database(sqlite_url)
    vault, store = Vault("k" * 40), FileStore(tmp_path / "files")
    async with db.transaction() as session:
        await consultations.load(session, vault, store, FRIDAY)
        await demo.load(session, vault, store, FRIDAY)
    return db


async def test_sixty_units_in_five_clusters_each_with_a_head(db: Database) -> None:
    async with db.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Unit)) == 60
        clusters = list(await session.scalars(select(Cluster)))
        assert len(clusters) == 5
        heads = select(ClusterSeat.cluster_id).where(
            ClusterSeat.rank == SeatRank.HEAD, ClusterSeat.year == FRIDAY.year
        )
        assert {one.id for one in clusters} == set(await session.scalars(heads))
    await db.close()


async def test_overdue_done_and_coming_are_there_at_once(db: Database) -> None:
    async with db.reading() as session:
        office = (await session.scalars(select(Office))).one()
        found = await standing.standings(session, office.id, FRIDAY)
        counts: Counter[Mark] = sum((one.counts for one in found), Counter())
    assert {"done", "handed", "doing", "late", "todo", "free"} <= set(counts)
    assert found[0].deadline.due_at < FRIDAY < found[-1].deadline.due_at
    await db.close()


async def test_no_step_is_without_a_reason(db: Database) -> None:
    """`why` said "no record" of every step before the demo began."""
    async with db.reading() as session:
        open_duty = select(Duty.unit_id, Deadline.code).join(
            Deadline, Deadline.id == Duty.deadline_id
        )
        for unit_id, code in await session.execute(open_duty.where(Duty.state == "in_progress")):
            unit = await session.get_one(Unit, unit_id)
            told = await why.explain(session, unit.code, code)
            past = {one.reason for one in told.lines if one.due_at <= FRIDAY}
            assert past <= {"before_armed"}
            assert past or told.deadline.due_at > FRIDAY
            assert {one.state for one in told.lines if one.due_at > FRIDAY} <= {"to_come"}
    await db.close()


async def test_what_was_handed_in_can_be_read_and_was_handed_in_by_the_real_way(
    db: Database,
) -> None:
    vault = Vault("k" * 40)
    async with db.reading() as session:
        for submission in await session.scalars(select(Submission)):
            assert service.opened(vault, submission).answers
            assert submission.at <= FRIDAY
        handed = {duty.id for duty in await session.scalars(select(Duty)) if duty.version}
        acts = select(Act.object_id).where(Act.verb == "duty submitted")
        assert handed == set(await session.scalars(acts))
    await db.close()
