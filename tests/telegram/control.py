"""The control endpoint: what another process may ask of the server and tell it, in JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from tests.telegram.delivery import Update, Webhook
from tests.telegram.load import Load, Plan
from tests.telegram.refusals import Json
from tests.telegram.world import Shown

if TYPE_CHECKING:
    from tests.telegram.server import TelegramServer


class Control:
    """Each method named in `table` is `POST /control/<name>` with a JSON object, or a GET."""

    def __init__(self, server: TelegramServer) -> None:
        self._server = server
        self._loads: list[tuple[Load, asyncio.Task[None]]] = []
        self.table: dict[str, Callable[[Json], Awaitable[Any]]] = {
            "ping": self.ping,
            "webhook": self.webhook,
            "load": self.load,
            "load-report": self.load_report,
            "load-stop": self.load_stop,
            "report": self.report,
            "updates": self.updates,
            "sent": self.sent,
            "calls": self.calls,
            "faults": self.faults,
            "redeliver": self.redeliver,
            "reset-update-ids": self.reset_update_ids,
            "nudge": self.nudge,
            "advance": self.advance,
            "settled": self.settled,
            "opens": self.opens,
            "says": self.says,
            "taps": self.taps,
            "blocks": self.blocks,
            "unblocks": self.unblocks,
            "screen": self.screen,
            "push": self.push,
        }

    async def perform(self, name: str, body: bytes) -> tuple[int, Json]:
        """Status and answer; what is asked wrongly is said in `error`."""
        action = self.table.get(name)
        if action is None:
            return 404, {"error": f"there is no {name!r}; there are {sorted(self.table)}"}
        try:
            return 200, {"result": await action(json.loads(body or b"{}"))}
        except (AssertionError, LookupError, TypeError, ValueError, TimeoutError) as error:
            return 400, {"error": f"{type(error).__name__}: {error}"}

    async def close(self) -> None:
        for _, task in self._loads:
            task.cancel()
        tasks = (task for _, task in self._loads)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def ping(self, _: Json) -> str:
        return "pong"

    async def webhook(self, asked: Json) -> None:
        """{url, secret_token, max_connections}; an empty url: back to polling."""
        url = asked.get("url")
        secret, connections = asked.get("secret_token", ""), asked.get("max_connections", 40)
        webhook = Webhook(url, secret, connections) if url else None
        await self._server.delivery.set_webhook(webhook)

    async def load(self, asked: Json) -> Json:
        """A Plan; with {wait: true} answers its report at the end, else at once {load: number}."""
        wait = asked.pop("wait", False)
        run = Load(self._server.person, Plan.read(asked))
        task = asyncio.ensure_future(run.run())
        self._loads.append((run, task))
        if wait:
            await task
            return run.report()
        return {"load": len(self._loads) - 1}

    async def load_report(self, asked: Json) -> Json:
        """{load: number}; the latest where none is named."""
        run, task = self._loads[asked.get("load", -1)]
        if task.done():
            task.result()
        return run.report()

    async def load_stop(self, asked: Json) -> Json:
        """Sends nothing further; what was sent goes on waiting for its answer."""
        run, _ = self._loads[asked.get("load", -1)]
        run.stop()
        return run.report()

    async def report(self, _: Json) -> Json:
        delivery, methods = self._server.delivery, self._server.methods
        delivery.lapse()
        return {
            "updates": len(delivery.updates),
            "acked": len(delivery.acked),
            "pending": len(delivery.pending),
            "expired": sum(one.expired for one in delivery.updates.values()),
            "attempts": sum(one.attempts for one in delivery.updates.values()),
            "retries": delivery.retries,
            "sent": len(methods.sent),
            "untold": sum(not one.told for one in methods.sent),
            "calls": len(self._server.calls),
            "refused": sum(one.error is not None for one in self._server.calls),
        }

    async def updates(self, asked: Json) -> list[Json]:
        """Every update and its fate, in order of making; {after: update_id} for the newer."""
        kept = list(self._server.delivery.updates.values())
        return [
            {
                "update_id": one.id,
                "kind": one.kind,
                "chat_id": one.chat_id,
                "made_at": one.made_at,
                "acked_at": one.acked_at,
                "attempts": one.attempts,
                "expired": one.expired,
                "update": json.loads(one.body),
            }
            for one in kept
            if one.id > asked.get("after", 0)
        ]

    async def sent(self, asked: Json) -> list[Json]:
        """Everything that Telegram accepted from the bot, in order; {after: seq}."""
        return [
            {name: getattr(one, name) for name in one.__dataclass_fields__}
            for one in self._server.methods.sent[asked.get("after", 0) :]
        ]

    async def calls(self, asked: Json) -> list[Json]:
        return [
            {"method": one.method, "at": one.at, "error": one.error, "fault": one.fault}
            for one in self._server.calls[asked.get("after", 0) :]
        ]

    async def faults(self, asked: Json) -> None:
        """Fields of Faults; {clear: true} takes all away first."""
        if asked.pop("clear", False):
            self._server.faults.clear()
        self._server.faults.set(asked)

    async def redeliver(self, asked: Json) -> int:
        """{update_id}, or {share, seed} of the acknowledged drawn at random; {aside: true}."""
        if "update_id" in asked:
            chosen = [int(asked["update_id"])]
        else:
            chosen = self._server.draw_acked(float(asked["share"]), asked.get("seed", 1))
        for update_id in chosen:
            self._server.delivery.redeliver(update_id, aside=bool(asked.get("aside")))
        return len(chosen)

    async def reset_update_ids(self, asked: Json) -> None:
        self._server.delivery.next_id = int(asked["next_id"])

    async def nudge(self, _: Json) -> None:
        self._server.delivery.nudge()

    async def advance(self, asked: Json) -> None:
        self._server.clock.advance(float(asked["seconds"]))

    async def settled(self, asked: Json) -> None:
        await self._server.delivery.settled(float(asked.get("timeout", 30)))

    async def opens(self, asked: Json) -> None:
        """{first_id, count}: so many people who wrote to the bot long ago."""
        self._server.open_chats(int(asked["first_id"]), int(asked["count"]))

    async def says(self, asked: Json) -> int | None:
        update = await self._server.person(int(asked["person"])).says(asked["text"])
        return _number(update)

    async def taps(self, asked: Json) -> int | None:
        person = self._server.person(int(asked["person"]))
        press = await person.taps(asked["label"], float(asked.get("timeout", 5)))
        return _number(press.update)

    async def blocks(self, asked: Json) -> None:
        await self._server.person(int(asked["person"])).blocks()

    async def unblocks(self, asked: Json) -> None:
        await self._server.person(int(asked["person"])).unblocks()

    async def screen(self, asked: Json) -> list[Json]:
        person = self._server.person(int(asked["person"]))
        return [_seen(shown) for shown in person.screen()]

    async def push(self, asked: Json) -> int | None:
        update = self._server.push(asked["update"])
        return _number(update)


def _number(update: Update | None) -> int | None:
    return None if update is None else update.id


def _seen(shown: Shown) -> Json:
    return {
        "message_id": shown.id,
        "from_bot": shown.from_bot,
        "text": shown.text,
        "labels": shown.labels,
        "has_photo": shown.photo is not None,
    }
