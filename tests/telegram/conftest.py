"""A server for each test, and the real aiogram client that speaks to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest_asyncio
from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiohttp import web

from tests.telegram.limits import Clock
from tests.telegram.people import Person
from tests.telegram.server import TOKEN, TelegramServer


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def session() -> AsyncIterator[AiohttpSession]:
    """One for all: aiogram waits a quarter of a second whenever it closes one."""
    session = AiohttpSession(timeout=5)
    yield session
    await session.close()


@pytest_asyncio.fixture(loop_scope="module")
async def server(session: AiohttpSession) -> AsyncIterator[TelegramServer]:
    async with TelegramServer(speed=100, clock=Clock()) as server:
        session.api = TelegramAPIServer.from_base(server.url)
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def bot(server: TelegramServer, session: AiohttpSession) -> Bot:
    return Bot(TOKEN, session=session)


@pytest_asyncio.fixture(loop_scope="module")
async def citizen(server: TelegramServer) -> Person:
    """Somebody whom the bot may write to."""
    person = server.person()
    await person.says("/start")
    return person


@dataclass
class Receiver:
    """A webhook that notes what it is brought and answers as `answer` says."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answer: Callable[[int], Awaitable[web.Response]] | None = None

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.headers.append(dict(request.headers))
        return await self.answer(len(self.bodies)) if self.answer else web.Response()


async def _listen(application: web.Application) -> tuple[web.AppRunner, str]:
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/hook"


@pytest_asyncio.fixture(loop_scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    application = web.Application()
    application.router.add_post("/hook", receiver.take)
    runner, receiver.url = await _listen(application)
    yield receiver
    await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="module")
async def listen() -> AsyncIterator[Callable[[web.Application], Awaitable[str]]]:
    """Serves an application on a free port until the test ends; returns its /hook."""
    runners: list[web.AppRunner] = []

    async def start(application: web.Application) -> str:
        runner, url = await _listen(application)
        runners.append(runner)
        return url

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="module")
async def polled(bot: Bot) -> AsyncIterator[Callable[[Dispatcher], None]]:
    """Runs a dispatcher that polls until the test ends."""
    started: list[tuple[Dispatcher, asyncio.Task[None]]] = []

    def start(dispatcher: Dispatcher) -> None:
        work = dispatcher.start_polling(
            bot, polling_timeout=1, handle_signals=False, close_bot_session=False
        )
        started.append((dispatcher, asyncio.ensure_future(work)))

    yield start
    for dispatcher, task in started:
        await dispatcher.stop_polling()
        await task
