"""Load: many people who each say, tap and wait, and how long the bot kept them waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from tests.telegram.people import Person
from tests.telegram.refusals import Json


@dataclass(frozen=True)
class Step:
    """One update and how many messages or edits of the bot answer it.

    `says` may hold {person} and {n}, the number of the update; else `taps` is a button's label.
    """

    says: str = ""
    taps: str = ""
    answers: int = 1


@dataclass(frozen=True)
class Plan:
    """`people` go through `script` again and again until `updates` were sent.

    At most `in_flight` of them wait for an answer at once; one person never has two updates
    unanswered. `rate` is the most updates a second, None for as many as are answered.
    `patience` is in seconds; an update not answered by then counts as unanswered.
    """

    people: int = 100
    updates: int = 1000
    in_flight: int = 20
    script: tuple[Step, ...] = (Step(says="xin chào {n}"),)
    rate: float | None = None
    patience: float = 60.0
    first_id: int = 6_000_000_001

    @classmethod
    def read(cls, given: Json) -> Plan:
        """From JSON; a step is a text, or {says | taps, answers}."""
        script = given.pop("script", None)
        if script is None:
            return cls(**given)
        steps = [Step(says=one) if isinstance(one, str) else Step(**one) for one in script]
        return cls(script=tuple(steps), **given)


@dataclass
class _Walker:
    person: Person
    step: int = 0


@dataclass
class Load:
    """One run of a plan; `report` may be asked at any time."""

    person: Callable[[int], Person]
    plan: Plan
    sent: int = 0
    stopped: bool = False
    unanswered: list[tuple[int, int]] = field(default_factory=list)
    seconds_waited: list[float] = field(default_factory=list)
    _began: float = 0.0
    _ended: float = 0.0
    _cpu: float = 0.0

    async def run(self) -> None:
        """Ends when every update was answered or given up."""
        self._began, self._cpu = time.perf_counter(), time.process_time()
        ready: asyncio.Queue[_Walker] = asyncio.Queue()
        for at in range(self.plan.people):
            ready.put_nowait(_Walker(self.person(self.plan.first_id + at)))
        workers = min(self.plan.in_flight, self.plan.people)
        await asyncio.gather(*(self._work(ready) for _ in range(workers)))
        self._ended, self._cpu = time.perf_counter(), time.process_time() - self._cpu

    def stop(self) -> None:
        """Sends nothing further; what was sent goes on waiting for its answer."""
        self.stopped = True

    async def _work(self, ready: asyncio.Queue[_Walker]) -> None:
        while self.sent < self.plan.updates and not self.stopped:
            number, self.sent = self.sent, self.sent + 1
            if self.plan.rate is not None:
                due = self._began + number / self.plan.rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            walker = await ready.get()
            await self._turn(walker, number)
            ready.put_nowait(walker)

    async def _turn(self, walker: _Walker, number: int) -> None:
        step = self.plan.script[walker.step % len(self.plan.script)]
        walker.step += 1
        chat = walker.person.chat
        started = time.perf_counter()
        answered = len(chat.events) + step.answers
        try:
            async with asyncio.timeout(self.plan.patience):
                await _act(walker.person, step, number)
                while len(chat.events) < answered:
                    await chat.changes()
        except (TimeoutError, AssertionError):
            self.unanswered.append((walker.person.id, number))
        else:
            self.seconds_waited.append(time.perf_counter() - started)

    def report(self) -> Json:
        """Seconds run from the first update to the last answer; latencies in milliseconds.

        `cpu_seconds` is what this process spent: near `seconds`, it measured itself.
        """
        running = not self._ended
        seconds = (time.perf_counter() if running else self._ended) - self._began
        waited = sorted(self.seconds_waited)
        return {
            "running": running,
            "plan": asdict(self.plan),
            "sent": self.sent,
            "answered": len(waited),
            "unanswered": len(self.unanswered),
            "unanswered_list": self.unanswered,
            "seconds": round(seconds, 4),
            "per_second": round(len(waited) / seconds, 2) if seconds else 0.0,
            "p50_ms": _at(waited, 0.5),
            "p95_ms": _at(waited, 0.95),
            "p99_ms": _at(waited, 0.99),
            "max_ms": _at(waited, 1.0),
            "cpu_seconds": None if running else round(self._cpu, 3),
        }


async def _act(person: Person, step: Step, number: int) -> None:
    if step.taps:
        await person.taps(step.taps, timeout=3600)
    else:
        await person.says(step.says.format(n=number, person=person.id))


def _at(waited: list[float], share: float) -> float | None:
    """The latency that `share` of the updates did not exceed."""
    if not waited:
        return None
    return round(waited[min(len(waited) - 1, int(share * len(waited)))] * 1000, 3)
