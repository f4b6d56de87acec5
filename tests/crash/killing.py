"""The service killed at random moments while people talk with it, then looked over."""

from __future__ import annotations

import asyncio
import random
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.crash import findings
from tests.crash.findings import Findings
from tests.crash.people import Seat
from tests.reminded import FIRST_CHAT, owe_reminders
from tests.service import Service, furnish
from tests.telegram.server import TOKEN, TelegramServer

PEOPLE = 30
"""At once."""
FIRST_ID = 5_100_000_001
CANDIDATES = 10
SPEED = 20
"""Divides Telegram's pauses between two tries."""
FAULTS = {
    "error_before": 0.01, "error_after": 0.01, "drop_before": 0.01, "drop_after": 0.01,
    "flood": 0.01,
}  # fmt: skip
AGAIN = 0.05
"""Of what was acknowledged, brought again after each kill."""
POLLED = 0.2
"""Of the starts: in polling mode."""
STILLBORN = 0.2
"""Of the kills: before the service takes its first turn."""
LONGEST_LIFE = 2.5
"""Seconds that a ready service lives at most."""
SETTLE_SECONDS = 150
TALKERS, PAUSE = 4, 2.0
"""People at once, and seconds between their opinions, while reminders go out."""
REMINDER_FAULTS = {name: rate for name, rate in FAULTS.items() if name != "flood"}
RATE = 50
"""Reminders a second: twice the usual, so that each kill finds more of them under way."""


@dataclass(frozen=True)
class Plan:
    kills: int
    database_url: str
    folder: Path
    seed: int = 1
    reminders: int = 0
    hasty: bool = False
    """Little time passes before a reminder in doubt is asked after."""


async def run(plan: Plan) -> Findings:
    """Nothing outlives it. Raises RuntimeError when the service cannot start at all."""
    await furnish(plan.database_url, CANDIDATES)
    async with TelegramServer(TOKEN, speed=SPEED) as server:
        server.faults.set({**(REMINDER_FAULTS if plan.reminders else FAULTS), "seed": plan.seed})
        service, people = _service(plan, server), _people(plan, server)
        if plan.reminders:
            await owe_reminders(plan.database_url, plan.reminders)
            server.open_chats(FIRST_CHAT, plan.reminders)
        stopped = asyncio.Event()
        lives: list[asyncio.Future[None]] = []
        try:
            await service.start()
            await service.ready()
            lives += [asyncio.ensure_future(one.live(stopped)) for one in people]
            await _kill_again_and_again(plan, service, server)
            stopped.set()
            await asyncio.gather(*lives)
            await _settle(plan, server)
            found = await findings.look(plan.kills, plan.database_url, server, people)
            await findings.look_at_reminders(found, plan.database_url, server)
            return found
        finally:
            for life in lives:
                life.cancel()
            await asyncio.gather(*lives, return_exceptions=True)
            await service.kill()


def _service(plan: Plan, server: TelegramServer) -> Service:
    program = "tests.crash.hasty" if plan.hasty else "bot"
    given = {"TELEGRAM_RATE": str(RATE)} if plan.reminders else {}
    return Service(plan.folder, plan.database_url, TOKEN, server.url, program=program, **given)


def _people(plan: Plan, server: TelegramServer) -> list[Seat]:
    count, pause = (TALKERS, PAUSE) if plan.reminders else (PEOPLE, 0.0)
    return [Seat(server, CANDIDATES, FIRST_ID + at, count, pause=pause) for at in range(count)]


async def _kill_again_and_again(plan: Plan, service: Service, server: TelegramServer) -> None:
    """Of a service that runs; leaves it running."""
    chance = random.Random(plan.seed)
    for number in range(plan.kills):
        if chance.random() < STILLBORN:
            await asyncio.sleep(chance.uniform(0, 2))
        else:
            await service.ready()
            await asyncio.sleep(chance.uniform(0, LONGEST_LIFE))
        await service.kill()
        print(f"kill {number + 1} of {plan.kills}", file=sys.stderr, flush=True)
        service.use("polling" if chance.random() < POLLED else "webhook")
        await service.start()
        for update_id in server.draw_acked(AGAIN, plan.seed + number):
            server.delivery.redeliver(update_id, aside=True)
    await service.ready()


async def _settle(plan: Plan, server: TelegramServer) -> None:
    """Returns when nothing waits, or after SETTLE_SECONDS: what waits then is a finding."""
    server.faults.clear()
    try:
        async with asyncio.timeout(SETTLE_SECONDS + plan.reminders / 10):
            await server.delivery.settled(SETTLE_SECONDS)
            while await findings.waiting(plan.database_url):  # noqa: ASYNC110  # in another process
                await asyncio.sleep(0.3)
    except TimeoutError:
        print("not settled", file=sys.stderr, flush=True)
