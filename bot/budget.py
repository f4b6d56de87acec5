"""How fast an account of a channel may speak: one budget for all processes, one window in each.

The budget spaces what nobody waits for evenly and lies in the database. The window counts every
message of this process, and answers to people go first.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.db import Database, insert_ignoring
from storage.models.traffic import InboxEvent, SendBudget

RESERVE = 0.2
"""Beside each message nobody waits for, so much room for those somebody waits for: 25 and 5."""
AHEAD = 0.25
"""Seconds: what is claimed goes within so many."""
BEHIND = 0.5
"""Seconds: so much is made up for when the claim was late; never more, or it would be a flood."""
LONGEST_PUSH = 5.0
"""A `ready_at` further ahead comes of a clock that was set back."""
SPAN = 1.002
"""A second, and what two clocks may differ by in one."""
STRICT_SECONDS = 60.0
"""So long after a refusal replies keep to the limit as well."""
SLOW, SLOW_SECONDS = 2, 3.0
"""So few are claimed and under way at first: a process that keeps dying leaves few in doubt."""


class Window:
    """In no second more than `limit` messages of this process go, as long as paced ones do.

    A message counts from before its call until a second after its answer: wherever between the two
    the platform counts it. Replies alone are not held back unless the platform refused some.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._born = time.monotonic()
        self._under_way = {True: 0, False: 0}
        """Of replies (True) and of paced messages."""
        self._past: deque[tuple[float, bool]] = deque()
        """(counts until, is a reply)"""
        self._past_paced = 0
        self._waiting: dict[bool, deque[asyncio.Future[None]]] = {True: deque(), False: deque()}
        self._closed_until = self._strict_until = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._replies: deque[float] = deque()

    @asynccontextmanager
    async def place(self, *, reply: bool) -> AsyncIterator[None]:
        """Waits for a place; replies are served before the rest."""
        await self._enter(reply)
        try:
            yield
        finally:
            self._leave(reply)

    @property
    def pause(self) -> float:
        """Seconds for which the platform still asks that nothing paced goes."""
        return max(0.0, self._closed_until - time.monotonic())

    @property
    def is_young(self) -> bool:
        return time.monotonic() < self._born + SLOW_SECONDS

    def close(self, seconds: float) -> None:
        """The platform asked for a pause: nothing paced goes until then, and for a while replies
        keep to the limit too."""
        now = time.monotonic()
        self._closed_until = max(self._closed_until, now + seconds)
        self._strict_until = now + seconds + STRICT_SECONDS

    def replies_since(self, moment: float) -> int:
        """Replies begun since then, of the last second at most."""
        return sum(begun > moment for begun in self._replies)

    async def _enter(self, reply: bool) -> None:
        ahead_of_us = self._waiting[True] or (not reply and self._waiting[False])
        if not ahead_of_us and self._has_room(reply):
            self._count(reply)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[reply].append(turn)
        self._set_alarm()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._leave(reply)
            raise

    def _leave(self, reply: bool) -> None:
        self._under_way[reply] -= 1
        self._past.append((time.monotonic() + SPAN, reply))
        self._past_paced += not reply
        self._admit()

    def _count(self, reply: bool) -> None:
        self._under_way[reply] += 1
        if reply:
            now = time.monotonic()
            self._replies.append(now)
            while self._replies[0] < now - 1:
                self._replies.popleft()

    def _has_room(self, reply: bool) -> bool:
        now = time.monotonic()
        while self._past and self._past[0][0] <= now:
            _, was_reply = self._past.popleft()
            self._past_paced -= not was_reply
        free = sum(self._under_way.values()) + len(self._past) < self._limit
        if reply:
            shared = self._under_way[False] or self._past_paced or now < self._strict_until
            return free or not shared
        most = SLOW if self.is_young else self._limit
        return free and now >= self._closed_until and self._under_way[False] < most

    def _admit(self) -> None:
        for reply in (True, False):
            line = self._waiting[reply]
            while line and (line[0].done() or self._has_room(reply)):
                turn = line.popleft()
                if not turn.done():
                    self._count(reply)
                    turn.set_result(None)
            if line:
                break
        self._set_alarm()

    def _set_alarm(self) -> None:
        """Places come free when something ends, which calls us, and when time passes."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if not any(self._waiting.values()):
            return
        now = time.monotonic()
        opens = (self._closed_until, self._strict_until, self._born + SLOW_SECONDS)
        moments = [moment for moment in opens if moment > now]
        if self._past:
            moments.append(self._past[0][0])
        if moments or not any(self._under_way.values()):
            wait = max(0.0, min(moments, default=now) - now)
            self._alarm = asyncio.get_running_loop().call_later(wait + 0.0005, self._admit)


@dataclass(frozen=True)
class Room:
    """What an account may claim now, and the newest message id any process knows of it."""

    messages: int
    newest: int


class Account:
    """One account of a channel as this process sees it."""

    def __init__(self, name: str, rate: float) -> None:
        self.name = name
        self._rate = rate
        self.window = Window(max(1, math.floor(rate * (1 + RESERVE) + 1e-6)))
        self.ahead: set[int] = set()
        """Messages claimed whose moment has not come."""
        self.newest = 0
        """The newest message of the account that this process knows of; while none is known, what
        stands before the first. A doubt is settled from there as well, with more to ask for."""
        self.beacon: tuple[datetime, int] | None = None
        """When the newest message was begun, and its id: what had gone by then has a lower one."""
        self._born: datetime | None = None
        self._counted_until = time.monotonic()

    def note(self, message_id: int, begun: datetime) -> None:
        """A new message has this id; `begun` is when its call was made."""
        if message_id > self.newest:
            self.newest, self.beacon = message_id, (begun, message_id)

    async def room(self, session: AsyncSession) -> Room:
        """Takes nothing yet, and holds nothing."""
        now = _now()
        self._born = self._born or now
        if self._born == now:
            await self._remember(session)
        row = (await session.execute(_LOOK, {"account": self.name})).one_or_none()
        start = self._start(row.ready_at if row else now, now)
        left = (now + timedelta(seconds=AHEAD) - start).total_seconds()
        slots = math.floor(left * self._rate) + 1 if left >= 0 and not self.window.pause else 0
        most = SLOW if self.window.is_young else math.ceil(self._rate * AHEAD)
        most -= len(self.ahead)
        told = row.newest_id if row else None
        return Room(max(0, min(slots, most)), max(self.newest, told or 0))

    async def _remember(self, session: AsyncSession) -> None:
        """After a restart: the newest message that came in."""
        channel, _, account = self.name.partition(":")
        came_in = await session.scalar(
            select(InboxEvent.place)
            .where(
                InboxEvent.place.is_not(None),
                InboxEvent.channel == channel,
                InboxEvent.account == account,
            )
            .order_by(InboxEvent.place.desc())
            .limit(1)
        )
        self.newest = max(self.newest, came_in or 0)

    async def spend(self, session: AsyncSession, db: Database, count: int) -> list[float]:
        """Takes so many slots, one after the other; each as seconds of time.monotonic()."""
        now, moment = _now(), time.monotonic()
        first = {"account": self.name, "ready_at": now, "replies_at": now}
        await session.execute(insert_ignoring(db, SendBudget), first)
        row = (await session.execute(_HOLD, {"account": self.name})).one()
        replies_at, push = self._replies(row.replies_at, now)
        start = self._start(row.ready_at, now) + push
        gap = timedelta(seconds=1 / self._rate)
        await session.execute(
            update(SendBudget)
            .where(SendBudget.account == self.name)
            .values(
                ready_at=start + count * gap, replies_at=replies_at,
                newest_id=max(self.newest, row.newest_id or 0),
            )
        )  # fmt: skip
        first_slot = moment + (start - now).total_seconds()
        return [first_slot + number / self._rate for number in range(count)]

    def _start(self, ready_at: datetime, now: datetime) -> datetime:
        """The first free slot. A process that has just begun has saved nothing up."""
        empty = (self._born or now) + timedelta(seconds=1 / self._rate)
        soonest = max(now - timedelta(seconds=BEHIND), empty)
        return max(min(ready_at, now + timedelta(seconds=LONGEST_PUSH)), soonest)

    def _replies(self, replies_at: datetime, now: datetime) -> tuple[datetime, timedelta]:
        """Replies beyond their reserve of all processes push what is paced back by as much."""
        moment = time.monotonic()
        begun = self.window.replies_since(self._counted_until)
        self._counted_until = moment
        reserve = self._rate * RESERVE
        used = max(replies_at, now - timedelta(seconds=1)) + timedelta(seconds=begun / reserve)
        beyond = max(0.0, (used - now).total_seconds())
        push = timedelta(seconds=min(1.0, beyond * RESERVE))
        return min(used, now), push


def _now() -> datetime:
    """The real time, which paces us; not the clock by which dates are reckoned."""
    return datetime.now(UTC)


_LOOK = select(SendBudget.ready_at, SendBudget.newest_id).where(
    SendBudget.account == bindparam("account")
)
_HOLD = (
    select(SendBudget.ready_at, SendBudget.replies_at, SendBudget.newest_id)
    .where(SendBudget.account == bindparam("account"))
    .with_for_update()
)
