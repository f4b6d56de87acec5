"""What time does: at its instant, once, and never so that one failure stops the rest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs

from bot import jobs, scheduler
from bot.scheduler import Job, Scheduler
from handlers.consultations import lifecycle
from storage.db import Database
from storage.models.consultations import Consultation, ConsultationState
from storage.models.office import Act
from storage.models.people import Attempt
from storage.models.traffic import Incident
from tests.world import World

SECOND = timedelta(seconds=1)


async def state(world: World) -> ConsultationState:
    async with world.base.db.reading() as session:
        return (await session.get_one(Consultation, world.consultation_id)).state


async def closes_at(world: World) -> datetime:
    async with world.base.db.reading() as session:
        found = (await session.get_one(Consultation, world.consultation_id)).closes_at
        assert found
        return found


async def test_a_consultation_closes_at_its_instant_and_once(world: World) -> None:
    due = await closes_at(world)
    scheduler = Scheduler(world.base.db, [], world.now)
    job = Job("close consultations", 30, lifecycle.close_due)
    for instant, expected in (
        (due - SECOND, ConsultationState.OPEN),
        (due, ConsultationState.CLOSED),
        (due + SECOND, ConsultationState.CLOSED),
    ):
        world.stopped_at = instant
        await asyncio.gather(scheduler.do(job), scheduler.do(job))
        assert await state(world) == expected
    async with world.base.db.reading() as session:
        acts = (await session.scalars(select(Act).where(Act.actor == "clock"))).all()
    assert [(act.verb, act.object_id) for act in acts] == [("make closed", world.consultation_id)]


async def test_a_suspended_consultation_waits_to_be_resumed(sqlite_world: World) -> None:
    world = sqlite_world
    due = await closes_at(world)
    async with world.base.db.transaction() as session:
        (
            await session.get_one(Consultation, world.consultation_id)
        ).state = ConsultationState.SUSPENDED
        assert await lifecycle.close_due(session, due + SECOND) == 0
    assert await state(world) == ConsultationState.SUSPENDED


async def test_a_job_that_fails_leaves_an_incident_and_the_next_tick_works(
    sqlite_world: World,
) -> None:
    ticks: list[datetime] = []
    twice = asyncio.Event()

    async def stumble_once(session: AsyncSession, now: datetime) -> None:
        session.add(Attempt(purpose="job", source=bytes([len(ticks)]), count=1, ends_at=now))
        await session.flush()
        ticks.append(now)
        if len(ticks) == 1:
            raise RuntimeError("lời không được lọt ra ngoài")
        twice.set()

    job = Job("stumble", 1, stumble_once)
    scheduler = Scheduler(sqlite_world.base.db, [job], sqlite_world.now)
    scheduler.start()
    try:
        await asyncio.wait_for(twice.wait(), 5)
    finally:
        scheduler.stop()
    await asyncio.sleep(0.05)
    async with sqlite_world.base.db.reading() as session:
        (incident,) = await session.scalars(select(Incident))
        (kept,) = await session.scalars(select(Attempt).where(Attempt.purpose == "job"))
    assert incident.place == "job:stumble"
    assert "lời" not in incident.error
    assert kept.source == b"\x01", "what the failing tick wrote is undone"


async def test_every_job_of_the_service_does_its_work_twice_without_harm(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Job] = []

    class Noted(Scheduler):
        def __init__(self, db: object, named: list[Job], clock: object) -> None:
            made.extend(named)

    monkeypatch.setattr(jobs, "Scheduler", Noted)
    jobs.make_scheduler(world.base)
    assert {job.name for job in made} >= {"close consultations", "forget old traffic"}
    citizen = await world.citizen("telegram")
    await citizen.says("/start")
    world.shift = timedelta(days=100)
    scheduler = Scheduler(world.base.db, [], world.now)
    for job in [*made, *made]:
        await scheduler.do(job)
    async with world.base.db.reading() as session:
        assert (await session.scalars(select(Incident))).all() == []
    assert await citizen.says("/trogiup")


async def test_a_database_that_is_gone_does_not_stop_the_clockwork(tmp_path: Path) -> None:
    """Neither the job's work nor its incident can be stored; the tick ends all the same."""
    db = Database(f"sqlite+aiosqlite:///{tmp_path}/no/such/folder/neuguong.db")
    with capture_logs() as lines:
        await Scheduler(db, []).do(Job("close consultations", 30, lifecycle.close_due))
    await db.close()
    assert [line["event"] for line in lines] == [
        "job failed",
        "the incident could not be stored",
    ]


async def test_a_clock_set_back_does_not_stop_the_ticks(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hours back: without a look at it nothing would be done for two hours."""
    db = Database(sqlite_url)
    done = 0

    async def work(session: AsyncSession, now: datetime) -> None:
        nonlocal done
        done += 1

    monkeypatch.setattr(scheduler, "WATCH_SECONDS", 0.05)
    ticks = Scheduler(db, [Job("a minute's work", 7200, work)])
    ticks.start()
    watching = asyncio.ensure_future(ticks.watch())
    await _until(lambda: done == 1)
    back = SimpleNamespace(time=lambda: time.time() - 7200, monotonic=time.monotonic)
    monkeypatch.setattr(scheduler, "time", back)
    await _until(lambda: done == 2)
    watching.cancel()
    ticks.stop()
    await db.close()


async def _until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not happened():  # noqa: ASYNC110  # in the service
            await asyncio.sleep(0.01)
