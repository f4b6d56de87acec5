"""Bots under test, each in a process of its own beside a Bot API server of its own."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.test_utils import unused_port

from tests.databases import Postgres
from tests.reminded import FIRST_CHAT, owe_reminders
from tests.service import Child, Service, furnish
from tests.telegram.server import TOKEN

IN_FLIGHT = 100
"""People who wait for an answer at once: as many as both bots ask Telegram to connect."""
FIRST_ID = 6_000_000_001
LOAD_SECONDS = 90


@dataclass
class Wire:
    """Telegram beside one bot: what it is asked over its control endpoint."""

    http: aiohttp.ClientSession
    url: str
    met: int = 0
    """People who have spoken with this bot so far."""

    async def ask(self, name: str, **asked: Any) -> Any:
        async with self.http.post(f"{self.url}/control/{name}", json=asked) as response:
            answer = await response.json()
        if "error" in answer:
            raise RuntimeError(f"{name}: {answer['error']}")
        return answer["result"]

    async def load(
        self, step: dict[str, Any], people: int, first: int, in_flight: int = IN_FLIGHT
    ) -> dict[str, Any]:
        """Each of these people does this once. Raises RuntimeError if one gets no answer."""
        self.met = max(self.met, first + people)
        report: dict[str, Any] = await self.ask(
            "load", wait=True, script=[step], people=people, updates=people,
            in_flight=in_flight, first_id=FIRST_ID + first, patience=20,
        )  # fmt: skip
        if report["unanswered"]:
            raise RuntimeError(f"{report['unanswered']} of {report['sent']} were not answered")
        return report


@dataclass
class Bot:
    process: Child
    wire: Wire


class Stage:
    """`async with Stage(folder)`: nothing outlives the block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Stage:
        limit = aiohttp.ClientTimeout(total=LOAD_SECONDS)
        self._http = await self._opened.enter_async_context(aiohttp.ClientSession(timeout=limit))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()

    async def echo(self) -> Bot:
        wire = await self._telegram("telegram-echo")
        given = ("--api", wire.url, "--token", TOKEN, "--port", str(unused_port()))
        process = Child("tests.bench.echo", *given, settings={}, folder=self._room("echo"))
        await self._start(process, "ready")
        return Bot(process, wire)

    async def reminding(self, count: int, per_second: int) -> Bot:
        """A service that owes so many reminders, not yet started, and a Telegram that refuses
        whatever is beyond its limit."""
        room = self._room("reminding")
        url = f"sqlite+aiosqlite:///{room / 'neuguong.db'}"
        await furnish(url, 1)
        await owe_reminders(url, count)
        wire = await self._telegram("telegram-reminding", "--per-second", str(per_second))
        await wire.ask("opens", first_id=FIRST_CHAT, count=count)
        service = Service(room, url, TOKEN, wire.url)
        self._opened.push_async_callback(service.kill)
        return Bot(service, wire)

    async def service(self, database: str) -> Bot:
        """`database` is sqlite or postgresql."""
        room = self._room(database)
        url = f"sqlite+aiosqlite:///{room / 'neuguong.db'}"
        if database == "postgresql":
            postgres = Postgres(self._room("server"))
            self._opened.callback(postgres.stop)
            url = postgres.new()
        await furnish(url, 1)
        wire = await self._telegram(f"telegram-{database}")
        process = Service(room, url, TOKEN, wire.url)
        await self._start(process, '"event": "ready"')
        return Bot(process, wire)

    async def _telegram(self, name: str, *limits: str) -> Wire:
        arguments = ("tests.telegram.server", "--speed", "100", *limits)
        process = Child(*arguments, settings={}, folder=self._room(name))
        line = await self._start(process, "listening on ")
        return Wire(self._http, line.split()[-1])

    async def _start(self, process: Child, ready: str) -> str:
        self._opened.push_async_callback(process.kill)
        await process.start()
        return await process.says(ready)

    def _room(self, name: str) -> Path:
        room = self._folder / name
        room.mkdir()
        return room
