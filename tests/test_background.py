"""Work that runs beside the rest: owned, heard of when it fails, ended at the stop."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from bot.background import Background, heard


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
        await heard(done, 1)
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


async def test_news_that_come_with_the_stop_do_not_keep_work_going() -> None:
    news = asyncio.Event()
    waiting = asyncio.ensure_future(heard(news, 60))
    await asyncio.sleep(0.01)
    news.set()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_who_waits_for_news_is_called_by_them_or_by_the_time() -> None:
    news = asyncio.Event()
    async with asyncio.timeout(5):
        await heard(news, 0.01)
        asyncio.get_running_loop().call_later(0.01, news.set)
        await heard(news, 60)
