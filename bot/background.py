"""The one owner of work that runs beside the rest; nothing is started anywhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import structlog

log = structlog.get_logger()


class Background:
    """Holds its tasks until they end; `stop` cancels what still runs and waits for it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("background work failed", work=task.get_name(), exc_info=error)

    async def stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def heard(news: asyncio.Event, seconds: float) -> None:
    """Returns when it is set, or after so many seconds.

    Not `asyncio.wait_for`: before Python 3.12 it swallows a cancellation that comes with the news
    (CPython issue 86296), and work that waits so in a loop cannot be stopped.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await news.wait()
