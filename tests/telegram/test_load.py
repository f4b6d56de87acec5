"""The server as a process of its own: load, faults and accounts over the control endpoint."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientConnectionError, ClientSession, web

from tests.telegram.load import Load, Plan, Step
from tests.telegram.refusals import Json
from tests.telegram.server import TOKEN, TelegramServer

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOT = Path(__file__).parents[2]
Ask = Callable[..., Awaitable[Any]]


class Parrot:
    """A bot without aiogram that answers each message, and notes what it has seen."""

    def __init__(self, api: str, http: ClientSession) -> None:
        self._call = f"{api}/bot{TOKEN}/sendMessage"
        self._http = http
        self.seen: list[int] = []
        self.silent = False

    async def take(self, request: web.Request) -> web.Response:
        update = await request.json()
        self.seen.append(update["update_id"])
        message = update.get("message") or update["callback_query"]["message"]
        buttons = [[{"text": "Tiếp tục", "callback_data": "x"}]]
        answer = {"chat_id": message["chat"]["id"], "text": "vâng"}
        answer["reply_markup"] = {"inline_keyboard": buttons}
        if not self.silent:
            await self._http.post(self._call, json=answer)
        return web.Response()

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_post("/hook", self.take)
        return application


@pytest_asyncio.fixture(loop_scope="module")
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession() as http:
        yield http


async def test_load_waits_for_each_answer(
    server: TelegramServer,
    http: ClientSession,
    listen: Callable[[web.Application], Awaitable[str]],
) -> None:
    parrot = Parrot(server.url, http)
    await server.methods.set_webhook({"url": await listen(parrot.application())})
    script = (Step(says="chào {n}"), Step(taps="Tiếp"))
    load = Load(server.person, Plan(people=5, updates=40, in_flight=3, script=script))
    await load.run()
    report = load.report()
    assert (report["answered"], report["unanswered"], len(parrot.seen)) == (40, 0, 40)
    assert 0 < report["p50_ms"] <= report["p99_ms"] <= report["max_ms"]
    kinds = [one.kind for one in server.delivery.updates.values()]
    assert (kinds.count("message"), kinds.count("callback_query")) == (20, 20)


async def test_load_keeps_its_rate_and_gives_up_on_a_silent_bot(
    server: TelegramServer,
    http: ClientSession,
    listen: Callable[[web.Application], Awaitable[str]],
) -> None:
    parrot = Parrot(server.url, http)
    parrot.silent = True
    await server.methods.set_webhook({"url": await listen(parrot.application())})
    load = Load(server.person, Plan(updates=5, rate=50, patience=0.05))
    await load.run()
    report = load.report()
    assert (report["answered"], report["unanswered"]) == (0, 5)
    assert report["seconds"] >= 4 / 50 + 0.05


@pytest_asyncio.fixture(loop_scope="module")
async def process() -> AsyncIterator[str]:
    """The url of a server in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.telegram.server", "--speed", "100"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    line = (await process.stdout.readline()).decode()
    yield line.removeprefix("listening on ").strip()
    process.terminate()
    assert await process.wait() == 0


@pytest_asyncio.fixture(loop_scope="module")
async def ask(process: str, http: ClientSession) -> Ask:
    async def ask(name: str, **asked: object) -> Any:
        async with http.post(f"{process}/control/{name}", json=asked) as answer:
            said: Json = await answer.json()
            assert answer.status == 200, said
            return said["result"]

    return ask


async def test_another_process_is_told_what_to_do_and_says_what_happened(
    process: str,
    ask: Ask,
    http: ClientSession,
    listen: Callable[[web.Application], Awaitable[str]],
) -> None:
    parrot = Parrot(process, http)
    await ask("webhook", url=await listen(parrot.application()), secret_token="bi-mat")
    report = await ask("load", people=4, updates=20, script=["a {n}", {"taps": "Tiếp"}], wait=True)
    assert report["answered"] == 20
    await ask("settled")
    updates, sent = await ask("updates"), await ask("sent")
    assert sorted(one["update_id"] for one in updates) == sorted(parrot.seen)
    assert all(one["acked_at"] and one["attempts"] == 1 for one in updates)
    assert [one["seq"] for one in sent] == list(range(1, 21))
    assert len(await ask("sent", after=15)) == 5
    assert await ask("redeliver", share=0.5) == 10
    await ask("settled")
    assert len(parrot.seen) == 30
    totals = await ask("report")
    assert (totals["updates"], totals["acked"], totals["attempts"]) == (20, 20, 30)


async def test_people_and_faults_are_moved_from_outside(
    process: str, ask: Ask, http: ClientSession
) -> None:
    await ask("says", person=7, text="xin chào")
    await ask("faults", next=["drop_after"], retry_after=3)
    call = f"{process}/bot{TOKEN}/sendMessage"
    with pytest.raises(ClientConnectionError):
        await http.post(call, json={"chat_id": 7, "text": "vâng"})
    assert [one["text"] for one in await ask("screen", person=7)] == ["xin chào", "vâng"]
    assert [one["told"] for one in await ask("sent")] == [False]
    await ask("blocks", person=7)
    async with http.post(call, json={"chat_id": 7, "text": "vâng"}) as answer:
        assert answer.status == 403
    await ask("faults", clear=True)
    with pytest.raises(AssertionError, match="there is no fault named"):
        await ask("faults", droop=1)
    with pytest.raises(AssertionError, match="there is no 'dance'"):
        await ask("dance")
