"""What is measured, and how.

The opinion turn (`turn.sqlite`, `turn.postgresql`): people who have opened a candidate and pressed
"object", by the real dialogue, send the words of their opinion. Each such update is checked and
stored under a unique key before its 200 (synchronous=FULL, the same process); its turn reads the
contact, routes through every filter, checks the words, keeps the draft, moves the state and
commits all of that with the reply owed; the reply (three choices under "who will see what") goes
out by sendMessage and its outcome is stored. A new person each time, IN_FLIGHT waiting at once.
The clock runs from the first update to the last answer that Telegram accepted. The echo says the
same words back: no check, no store, no keyboard, 200 before it has done anything.

Filing (`filing.sqlite`): some of these people press "send": opinion, its first version, receipt
(Argon2id, 8 MiB), the act and the limits in one transaction; a picture drawn and uploaded; the
press acknowledged by a call of its own. The base is the echo of one message, though this is far
more: it is reported so that nobody takes the opinion turn for the dearest one.

Reminders (`reminders.3000`, `reminders.refused`, `reminders.answers.p95`): so many rows of the
ledger are due at once, to a person each. The real service claims, words and sends them to a
Telegram that refuses the 31st message in any second, while five people a second ask it something
and are answered. Reported: how long it took beside the shortest time there is at the pace that
leaves people their share, how often Telegram refused, and how long people waited.

Every round measures the echo and the others one after another, and a ratio is formed within its
round; the figure is the median over the rounds.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from tests.bench.stage import FIRST_ID, Bot, Stage
from tests.reminded import FIRST_CHAT
from tests.service import CODE, Service

ROUNDS = 5
PEOPLE = 500
"""In each round."""
FILING = 120
"""Of them, those who go on to the end."""
ALONE = 300
CONTACTS = 10_000
KILLS = 6
OPEN = {"says": f"/start c-{CODE}-1", "answers": 2}
OBJECT = {"taps": "Không đồng ý"}
WORDS = {"says": "Bà Mẫu dạy chữ cho con tôi, nhưng năm 2023 lớp đóng cửa bốn tháng ({n})."}
REMINDERS, LIMIT, PACE = 3_000, 30, 25
"""Telegram's limit a second, and how many of them are reminders."""
TALK = 5
"""Updates a second meanwhile."""
HELP = {"says": "/trogiup"}
ANONYMOUS = {"taps": "Không nêu tên"}
FILE = {"taps": "Gửi"}


@dataclass(frozen=True)
class Figure:
    """`baseline` is the echo's value where there is one, `ratio` ours to it."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None

    def plain(self) -> dict[str, Any]:
        rounded = {k: round(v, 3) for k, v in asdict(self).items() if isinstance(v, float)}
        return {**asdict(self), **rounded}


def progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


async def measure(stage: Stage) -> list[Figure]:
    echo = await stage.echo()
    sqlite, postgresql = await stage.service("sqlite"), await stage.service("postgresql")
    await echo.wire.load(WORDS, PEOPLE, 0)
    figures = await measure_turns(echo, sqlite, postgresql)
    figures.append(await measure_alone(echo, sqlite))
    figures.append(await measure_memory(echo, sqlite))
    figures.append(await measure_restart(sqlite))
    figures += await measure_reminders(stage)
    return figures


async def open_candidate(bot: Bot, people: int, first: int) -> None:
    """Afterwards these people stand where their words are asked for."""
    await bot.wire.load(OPEN, people, first)
    await bot.wire.load(OBJECT, people, first)


async def measure_turns(echo: Bot, sqlite: Bot, postgresql: Bot) -> list[Figure]:
    rates: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        first = (number + 1) * PEOPLE
        for bot in (sqlite, postgresql):
            await open_candidate(bot, PEOPLE, first)
        runs = [("echo", echo), ("turn.sqlite", sqlite), ("turn.postgresql", postgresql)]
        for name, bot in runs:
            report = await bot.wire.load(WORDS, PEOPLE, first)
            rates.setdefault(name, []).append(report["per_second"])
        await sqlite.wire.load(ANONYMOUS, FILING, first)
        report = await sqlite.wire.load(FILE, FILING, first)
        rates.setdefault("filing.sqlite", []).append(report["per_second"])
        seen = ", ".join(f"{name} {found[-1]:.0f}" for name, found in rates.items())
        progress(f"round {number + 1} of {ROUNDS}, updates/s: {seen}")
    base = rates.pop("echo")
    return [
        Figure(
            name, median(found), "updates/s", median(base),
            median(ours / theirs for ours, theirs in zip(found, base, strict=True)),
        )
        for name, found in rates.items()
    ]  # fmt: skip


async def measure_alone(echo: Bot, sqlite: Bot) -> Figure:
    """One person at a time: nothing to share a commit with."""
    first = sqlite.wire.met
    await open_candidate(sqlite, ALONE, first)
    base = await echo.wire.load(WORDS, ALONE, first, in_flight=1)
    ours = await sqlite.wire.load(WORDS, ALONE, first, in_flight=1)
    progress(
        f"alone, ms: echo p50 {base['p50_ms']} p99 {base['p99_ms']}, "
        f"turn p50 {ours['p50_ms']} p99 {ours['p99_ms']}"
    )
    value, baseline = ours["p99_ms"], base["p99_ms"]
    return Figure("turn.alone.p99", value, "ms", baseline, value / baseline)


async def measure_memory(echo: Bot, sqlite: Bot) -> Figure:
    """Both bots have then spoken with 10,000 people."""
    for bot in (sqlite, echo):
        missing = CONTACTS - bot.wire.met
        await bot.wire.load({"says": "/start"}, missing, bot.wire.met)
    base, ours = echo.process.resident_mb, sqlite.process.resident_mb
    progress(f"resident MB: echo {base:.0f}, service {ours:.0f}")
    return Figure("memory.10k", ours - base, "MB", base, ours / base)


async def measure_restart(sqlite: Bot) -> Figure:
    """From SIGKILL to the first 2xx for an update that somebody sent after it.

    The service is started at once; Telegram tries again every few milliseconds.
    """
    service, waited = sqlite.process, []
    assert isinstance(service, Service)
    for number in range(KILLS):
        await service.ready()
        killed_at = time.time()
        await service.kill()
        await service.start()
        said = await sqlite.wire.ask("says", person=1 + number, text="/start")
        waited.append(await _acked(sqlite, said) - killed_at)
        progress(f"restart {number + 1} of {KILLS}: acknowledged after {waited[-1]:.2f} s")
    return Figure("ack.restart.p99", max(waited), "s")


async def _acked(bot: Bot, update_id: int) -> float:
    async with asyncio.timeout(30):
        while True:
            (update,) = await bot.wire.ask("updates", after=update_id - 1)
            if update["acked_at"]:
                return float(update["acked_at"])
            await bot.wire.ask("nudge")
            await asyncio.sleep(0.01)


async def measure_reminders(stage: Stage) -> list[Figure]:
    """From the first reminder that Telegram took to the last."""
    bot = await stage.reminding(REMINDERS, LIMIT)
    shortest = REMINDERS / PACE
    assert isinstance(bot.process, Service)
    await bot.process.start()
    await bot.process.ready()
    await bot.wire.ask(
        "load", script=[HELP], people=TALK * 20, updates=round(shortest * TALK), in_flight=50,
        rate=TALK, first_id=FIRST_ID, patience=20,
    )  # fmt: skip
    sent = await _all_sent(bot)
    seconds = sent[-1] - sent[0]
    talk = await bot.wire.ask("load-report")
    calls = await bot.wire.ask("calls")
    refused = sum((call["error"] or "").startswith("Too Many Requests") for call in calls)
    progress(
        f"{REMINDERS} reminders in {seconds:.1f} s, {refused} refused; "
        f"{talk['answered']} answers, p50 {talk['p50_ms']} p95 {talk['p95_ms']} ms, "
        f"{talk['unanswered']} unanswered"
    )
    return [
        Figure("reminders.3000", seconds, "s", shortest, seconds / shortest),
        Figure("reminders.refused", refused, "messages"),
        Figure("reminders.answers.p95", talk["p95_ms"], "ms"),
    ]


async def _all_sent(bot: Bot) -> list[float]:
    """When each reminder was taken, in order."""
    last = FIRST_CHAT + REMINDERS
    found: list[float] = []
    seen = 0
    async with asyncio.timeout(3 * REMINDERS / PACE):
        while len(found) < REMINDERS:
            await asyncio.sleep(0.5)
            new = await bot.wire.ask("sent", after=seen)
            seen += len(new)
            found += [one["at"] for one in new if FIRST_CHAT <= one["chat_id"] < last]
    return found
