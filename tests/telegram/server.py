"""The local Bot API server: `TelegramServer` inside a test, `python -m` for another process."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import signal
from dataclasses import replace
from typing import Any, NamedTuple, Self

from aiohttp import web

from tests.telegram import limits, methods, params
from tests.telegram.control import Control
from tests.telegram.delivery import CALLBACK_LANE, MEMBER_LANE, Delivery, Update
from tests.telegram.faults import Fault, Faults
from tests.telegram.limits import Clock, Flood
from tests.telegram.methods import Methods
from tests.telegram.people import Group, Person
from tests.telegram.refusals import Json, Refused, too_many
from tests.telegram.world import Chat, Shown, World

TOKEN = "7000000001:TEST-token-not-real"
_RESTART = "Internal Server Error: restart"
_HEADERS = {"Content-Type": "application/json"}
_LIVES = {"callback_query": limits.PRESS_LIFE, "inline_query": limits.INLINE_LIFE}


class Call(NamedTuple):
    """A request of the bot; `error` is the description it was refused with."""

    method: str
    params: Json
    at: float
    error: str | None
    fault: Fault | None


class _Dropped(Exception):
    """The connection is to be cut instead of answered."""


class TelegramServer:
    """Speaks the Bot API over HTTP on localhost for the bot that `token` names.

    `speed` divides the webhook back-off, `clock` decides what has expired, `flood` limits
    are off unless given: overall and per chat a second, per group a minute.
    """

    def __init__(
        self,
        token: str = TOKEN,
        *,
        port: int = 0,
        speed: float = 1.0,
        clock: Clock | None = None,
        per_second: int | None = None,
        per_chat: int | None = None,
        per_group: int | None = None,
    ) -> None:
        self.token = token
        self.clock = clock or Clock()
        self.faults = Faults()
        self.calls: list[Call] = []
        me: Json = {
            "id": int(token.split(":")[0]),
            "is_bot": True,
            "first_name": "Nêu gương",
            "username": "neuguong_bot",
        }
        self.world = World(me, self.clock)
        self.delivery = Delivery(self.clock, self._answer_by_webhook, speed)
        self.flood = Flood(self.clock, per_second, per_chat, per_group)
        self.methods = Methods(self.world, self.delivery, self.flood, self.clock)
        self._people: dict[int, Person] = {}
        self._control = Control(self)
        self._port = port
        self._runner: web.AppRunner | None = None

    # Running

    async def start(self) -> Self:
        application = web.Application(client_max_size=limits.UPLOAD_BYTES + (10 << 20))
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, backlog=1024)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def close(self) -> None:
        await self._control.close()
        await self.delivery.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def url(self) -> str:
        """For TelegramAPIServer.from_base and NEUGUONG_TELEGRAM_API_URL."""
        return f"http://127.0.0.1:{self._port}"

    # Who is there

    def person(
        self, person_id: int = 5_012_345_678, first_name: str = "Thu Hà", language_code: str = "vi"
    ) -> Person:
        """The same person each time; the bot may write to them once they have written to it."""
        person = self._people.get(person_id)
        if person is None:
            chat = Chat(person_id, {"id": person_id, "type": "private", "first_name": first_name})
            chat = self.world.chats.setdefault(person_id, chat)
            face: Json = {"id": person_id, "is_bot": False, "first_name": first_name}
            if language_code:
                face["language_code"] = language_code
            person = Person(self.world, self.delivery, self.methods.queries, chat, face=face)
            self._people[person_id] = person
        return person

    def open_chats(self, first_id: int, count: int) -> None:
        """People who wrote to the bot long ago: it may write to them, and hears of nothing."""
        for person_id in range(first_id, first_id + count):
            self.person(person_id).chat.standing = "open"

    def group(
        self, group_id: int = -1_002_100_200_300, title: str = "Tổ trực", kind: str = "supergroup"
    ) -> Group:
        """A group that the bot must be added to first; `kind` may be group."""
        chat = Chat(group_id, {"id": group_id, "type": kind, "title": title})
        chat = self.world.chats.setdefault(group_id, chat)
        return Group(self.world, self.delivery, self.methods.queries, chat)

    def channel(self, name: str, *, admitted: bool = True) -> Chat:
        """A public channel; the bot may post there once it is among its administrators."""
        face: Json = {"id": -1_009_100_200_300, "type": "channel", "title": name, "username": name}
        chat = self.world.chats.setdefault(face["id"], Chat(face["id"], face))
        chat.standing = "open" if admitted else "left"
        return chat

    def push(self, update: Json) -> Update | None:
        """Any update as it stands, under the next update id; whoever it names is then known."""
        kind, payload = next((k, v) for k, v in update.items() if k != "update_id")
        message = payload if "chat" in payload else payload.get("message", {})
        face = message.get("chat", {"id": payload.get("from", {}).get("id", 0), "type": "private"})
        chat = self.world.chats.setdefault(face["id"], Chat(face["id"], face))
        chat.standing = "open" if chat.standing == "unknown" else chat.standing
        if kind == "callback_query":
            self.methods.queries[payload["id"]] = methods.Query(self.clock())
        lanes = {"callback_query": CALLBACK_LANE, "my_chat_member": MEMBER_LANE}
        lane = chat.id + lanes.get(kind, 0)
        life = _LIVES.get(kind, limits.MESSAGE_LIFE)
        return self.delivery.put(kind, payload, lane, life, chat.id)

    # What happened

    def called(self, method: str) -> list[Json]:
        """Parameters of each call of this method, refused ones too."""
        return [call.params for call in self.calls if call.method.lower() == method.lower()]

    def screens(self) -> dict[int, list[Shown]]:
        return {chat.id: chat.visible() for chat in self.world.chats.values()}

    def draw_acked(self, share: float, seed: int = 1) -> list[int]:
        """That share of the acknowledged updates, drawn at random."""
        acked = self.delivery.acked
        return random.Random(seed).sample(acked, int(share * len(acked)))

    # Answering

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path.startswith("/bot"):
            token, _, method = path[4:].partition("/")
            return await self._answer_bot(request, token, method)
        if path.startswith("/file/bot"):
            token, _, name = path[9:].partition("/")
            return self._download(request, token, name)
        if path.startswith("/control/"):
            status, answer = await self._control.perform(path[9:], await request.read())
            return web.json_response(answer, status=status)
        return _reply(404, Refused(404, "Not Found").body())

    async def _answer_bot(self, request: web.Request, token: str, method: str) -> web.Response:
        try:
            self._authorize(token)
            call = await params.read(request)
            result = await self._perform(method, call)
        except Refused as refused:
            return _reply(refused.code, refused.body())
        except web.HTTPRequestEntityTooLarge:
            return _reply(413, Refused(413, "Request Entity Too Large").body())
        except _Dropped:
            return _cut(request)
        if isinstance(result, bytes):
            return web.Response(body=result, headers=_HEADERS)
        return _reply(200, {"ok": True, "result": result})

    def _authorize(self, token: str) -> None:
        if token != self.token:
            well_formed = token.partition(":")[0].isdigit() and ":" in token
            raise Refused(401, "Unauthorized") if well_formed else Refused(404, "Not Found")

    async def _perform(self, method: str, call: Json) -> Any:
        """The result of a method; raises Refused, or _Dropped where a fault cuts the line."""
        name = method.lower()
        fault = self.faults.draw(name, name in methods.SENDING)
        try:
            await self._meet_before(fault)
            before = len(self.methods.sent)
            result = await self._run(name, method, call)
            self._meet_after(fault, before)
        except Refused as refused:
            self.calls.append(Call(method, call, self.clock(), refused.description, fault))
            raise
        except _Dropped:
            self.calls.append(Call(method, call, self.clock(), "connection dropped", fault))
            raise
        self.calls.append(Call(method, call, self.clock(), None, fault))
        return result

    async def _run(self, name: str, method: str, call: Json) -> Any:
        match name:
            case "getupdates":
                bodies = await self.methods.get_updates(call)
                return b'{"ok":true,"result":[' + b",".join(bodies) + b"]}"
            case "setwebhook":
                return await self.methods.set_webhook(call)
            case "deletewebhook":
                return await self.methods.delete_webhook(call)
        action = self.methods.table.get(name)
        if action is None:
            raise Refused(404, "Not Found: method not found")
        return action(call)

    async def _meet_before(self, fault: Fault | None) -> None:
        match fault:
            case "drop_before":
                raise _Dropped
            case "error_before":
                raise Refused(500, _RESTART)
            case "flood":
                raise too_many(self.faults.retry_after)
            case "slow":
                await asyncio.sleep(self.faults.slow_seconds)

    def _meet_after(self, fault: Fault | None, before: int) -> None:
        if fault not in ("drop_after", "error_after"):
            return
        sent = self.methods.sent
        sent[before:] = [replace(one, told=False) for one in sent[before:]]
        raise _Dropped if fault == "drop_after" else Refused(500, _RESTART)

    async def _answer_by_webhook(self, method: str, call: Json) -> None:
        """The bot never learns what came of a method that it named in a webhook's answer."""
        if method.lower().startswith(methods.NOT_IN_ANSWERS):
            return
        try:
            await self._perform(method, call)
        except (Refused, _Dropped):
            return

    def _download(self, request: web.Request, token: str, name: str) -> web.StreamResponse:
        file = self.world.paths.get(name)
        if token != self.token or file is None:
            return _reply(404, Refused(404, "Not Found").body())
        if self.faults.cuts_download():
            return _cut(request)
        return web.Response(body=file.content, content_type="application/octet-stream")


def _reply(status: int, answer: Json) -> web.Response:
    body = json.dumps(answer, ensure_ascii=False).encode()
    return web.Response(status=status, body=body, headers=_HEADERS)


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _serve(server: TelegramServer) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with server:
        gc.collect()
        gc.freeze()
        print(f"listening on {server.url}", flush=True)
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free one, printed at start")
    parser.add_argument("--token", default=TOKEN)
    parser.add_argument("--speed", type=float, default=1.0, help="divides the webhook back-off")
    parser.add_argument("--per-second", type=int, help="messages a second before 429")
    parser.add_argument("--per-chat", type=int, help="messages a second in one chat before 429")
    parser.add_argument("--per-group", type=int, help="messages a minute in a group before 429")
    given = vars(parser.parse_args())
    asyncio.run(_serve(TelegramServer(given.pop("token"), **given)))


if __name__ == "__main__":
    main()
