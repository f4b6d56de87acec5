"""Work that runs beside the rest: owned, heard of when it fails, ended at the stop."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from bot.background import Background


async def test_work_that_fails_is_logged_and_the_rest_goes_on() -> None:
    background, done = Background(), asyncio.Event()

    async def stumble() -> None:
        raise RuntimeError("no luck")

    async def go_on() -> None:
        await asyncio.sleep(0.01)
        done.set()

    with capture_logs() as lines:
        background.start(stumble(), "stumble")
        background.start(go_on(), "go on")
        await asyncio.wait_for(done.wait(), 1)
    (line,) = lines
    assert (line["event"], line["work"]) == ("background work failed", "stumble")


async def test_stopping_ends_what_runs_and_waits_for_its_last_words() -> None:
    background = Background()
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            ended.append("work")

    with capture_logs() as lines:
        background.start(work(), "work")
        await asyncio.sleep(0)
        await background.stop()
    assert ended == ["work"]
    assert lines == [], "to be stopped is no failure"
