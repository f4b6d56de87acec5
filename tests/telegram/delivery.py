"""How Telegram brings updates to a bot: lanes, retries, expiry, polling (its own server's rules).

Not imitated: the slowing down of a bot that polls the same offset many times a second.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email import policy
from email.parser import BytesParser

from tests.telegram import limits
from tests.telegram.refusals import (
    POLL_ENDED_BY_WEBHOOK,
    POLLED_BESIDE_WEBHOOK,
    POLLED_TWICE,
    Json,
    Refused,
)
from tests.telegram.wire import Answer, Wire

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"
CALLBACK_LANE = 3 << 33
MEMBER_LANE = 5 << 33
NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})


@dataclass(eq=False, slots=True)
class Update:
    """One update and its fate; `acked_at` is the first 2xx, or the poll that confirmed it."""

    id: int
    kind: str
    lane: int
    chat_id: int
    body: bytes
    made_at: float
    expires_at: float
    attempts: int = 0
    acked_at: float | None = None
    expired: bool = False


@dataclass(frozen=True)
class Webhook:
    url: str
    secret: str = ""
    max_connections: int = 40


@dataclass
class Delivery:
    """Brings updates by webhook, or keeps them for getUpdates.

    `speed` divides every back-off; `on_reply` performs a method that the webhook's answer named.
    """

    now: Callable[[], float]
    on_reply: Callable[[str, Json], Awaitable[object]]
    speed: float = 1.0
    webhook: Webhook | None = None
    allowed: list[str] = field(default_factory=list)
    updates: dict[int, Update] = field(default_factory=dict)
    pending: dict[int, Update] = field(default_factory=dict)
    acked: list[int] = field(default_factory=list)
    next_id: int = 810_000_001
    retries: int = 0
    last_error: tuple[float, str] | None = None
    _lanes: dict[int, deque[Update]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _pauses: set[asyncio.Future[None]] = field(default_factory=set)
    _again: set[int] = field(default_factory=set)
    _poll: asyncio.Future[None] | None = None
    _ends: list[asyncio.Future[None]] = field(default_factory=list)
    _wire: Wire = field(default_factory=lambda: Wire(limits.WEBHOOK_SECONDS))

    def put(self, kind: str, payload: Json, lane: int, life: float, chat_id: int) -> Update | None:
        """Queues an update; None where the bot did not ask for this kind."""
        if not self._allows(kind):
            return None
        now = self.now()
        number, self.next_id = self.next_id, self.next_id + 1
        body = json.dumps({"update_id": number, kind: payload}, ensure_ascii=False).encode()
        update = Update(number, kind, lane, chat_id, body, now, now + life)
        self.updates[number] = update
        self._queue(update)
        return update

    def _allows(self, kind: str) -> bool:
        return kind in self.allowed if self.allowed else kind not in NOT_BY_DEFAULT

    def _queue(self, update: Update) -> None:
        self.pending[update.id] = update
        if self.webhook is not None:
            self._enter_lane(update)
        elif self._poll is not None and not self._poll.done():
            self._poll.set_result(None)

    def redeliver(self, update_id: int, *, aside: bool = False) -> None:
        """Brings an update again, acknowledged or not: in its lane, or at once beside it.

        Where the bot polls, the next getUpdates returns it whatever the offset.
        """
        update = self.updates[update_id]
        if aside and self.webhook is not None:
            self._start(self._beside(update))
            return
        self._again.add(update_id)
        self._queue(update)

    async def _beside(self, update: Update) -> None:
        async with self._connections:
            await self._post(update)

    async def settled(self, timeout: float = 10.0) -> None:
        """Returns when nothing waits to be acknowledged."""
        async with asyncio.timeout(timeout):
            while self.pending:
                await self._next_end()

    async def taken(self, update: Update | None, timeout: float = 10.0) -> None:
        """Returns when this update is acknowledged."""
        async with asyncio.timeout(timeout):
            while update is not None and update.acked_at is None:
                await self._next_end()

    async def _next_end(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ends.append(waiter)
        await waiter

    def _done(self, update: Update) -> None:
        self.pending.pop(update.id, None)
        ends, self._ends = self._ends, []
        for waiter in ends:
            if not waiter.done():
                waiter.set_result(None)

    def _ack(self, update: Update) -> None:
        if update.acked_at is None:
            update.acked_at = self.now()
            self.acked.append(update.id)

    def lapse(self) -> None:
        """Forgets what has waited too long: presses after 150 s, messages after a day."""
        now = self.now()
        for update in [one for one in self.pending.values() if one.expires_at <= now]:
            if update.id not in self._again:
                update.expired = True
                self._done(update)

    def forget(self) -> None:
        """Drops what is pending (drop_pending_updates)."""
        for update in list(self.pending.values()):
            self._done(update)

    # Webhook

    async def set_webhook(self, webhook: Webhook | None) -> None:
        """Changes where updates go (None: they wait for getUpdates); lanes start anew."""
        if webhook is not None and self._poll is not None and not self._poll.done():
            self._poll.set_exception(Refused(409, POLL_ENDED_BY_WEBHOOK))
        await self._stop_lanes()
        self.webhook = webhook
        if webhook is None:
            return
        self._connections = asyncio.Semaphore(webhook.max_connections)
        # Telegram loads no further lanes while twice as many as it may connect are unfinished:
        # that many chats that never get their 2xx stop everybody's updates.
        self._loaded = asyncio.Semaphore(2 * webhook.max_connections)
        for update in sorted(self.pending.values(), key=lambda one: one.id):
            self._enter_lane(update)

    def _enter_lane(self, update: Update) -> None:
        queue = self._lanes.get(update.lane)
        if queue is None:
            self._lanes[update.lane] = queue = deque()
            self._start(self._drain(update.lane, queue))
        queue.append(update)

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, lane: int, queue: deque[Update]) -> None:
        async with self._loaded:
            while queue:
                await self._deliver(queue[0])
                queue.popleft()
            del self._lanes[lane]

    async def _deliver(self, update: Update) -> None:
        """Tries until a 2xx or the update's end: again at once, then after 2, 4, 8 … seconds."""
        failures = 0
        while True:
            if update.expires_at <= self.now() and update.id not in self._again:
                update.expired = True
                break
            async with self._connections:
                retry_after = await self._post(update)
            if retry_after is None:
                self._again.discard(update.id)
                break
            self.retries += 1
            failures += 1
            longest = random.uniform(60, 120)
            pause = 0.0 if failures == 1 else min(2.0 ** min(failures - 1, 10), longest)
            await self._pause(max(pause, retry_after))
        self._done(update)

    async def _pause(self, seconds: float) -> None:
        waker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pauses.add(waker)
        try:
            async with asyncio.timeout(seconds / self.speed):
                await waker
        except TimeoutError:
            pass
        finally:
            self._pauses.discard(waker)

    def nudge(self) -> None:
        """Ends every back-off now."""
        for waker in self._pauses:
            if not waker.done():
                waker.set_result(None)

    async def _post(self, update: Update) -> float | None:
        """One attempt; None when acknowledged, else the seconds that Retry-After asked for."""
        if self.webhook is None:
            return 0.0
        update.attempts += 1
        secret = self.webhook.secret
        header = f"{SECRET_HEADER}: {secret}" if secret else ""
        try:
            answer = await self._wire.post(self.webhook.url, update.body, header)
        except TimeoutError:
            self.last_error = (self.now(), "Read timeout expired")
        except OSError as error:
            refused = isinstance(error, ConnectionRefusedError)
            text = "Connection refused" if refused else "Connection reset by peer"
            self.last_error = (self.now(), text)
        else:
            return await self._judge(update, answer)
        return 0.0

    async def _judge(self, update: Update, answer: Answer) -> float | None:
        if not 200 <= answer.status < 300:
            text = f"Wrong response from the webhook: {answer.status} {answer.reason}"
            self.last_error = (self.now(), text)
            asked = answer.headers.get("retry-after", "")
            return min(float(asked), limits.RETRY_AFTER_CAP) if asked.isdigit() else 0.0
        self._ack(update)
        named = _method_named(answer)
        if named is not None:
            await self.on_reply(*named)
        return None

    # Polling

    async def poll(self, offset: int, limit: int, timeout: float) -> list[bytes]:
        """getUpdates: confirms what lies below `offset`, then waits for what comes."""
        if self.webhook is not None:
            raise Refused(409, POLLED_BESIDE_WEBHOOK)
        if self._poll is not None and not self._poll.done():
            self._poll.set_exception(Refused(409, POLLED_TWICE))
        self._poll = None
        self._confirm(offset)
        self.lapse()
        if not self._due(offset) and timeout > 0:
            await self._wait_for_updates(timeout)
        found = self._due(offset)[: max(1, min(limit, limits.POLL_UPDATES))]
        for update in found:
            update.attempts += 1
            self._again.discard(update.id)
        return [update.body for update in found]

    async def _wait_for_updates(self, timeout: float) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._poll = waiter
        try:
            async with asyncio.timeout(min(timeout, limits.POLL_SECONDS)):
                await waiter
        except TimeoutError:
            pass
        finally:
            if self._poll is waiter:
                self._poll = None

    def _confirm(self, offset: int) -> None:
        """A negative offset forgets all but the last so many."""
        ids = sorted(self.pending)
        below = ids[:offset] if offset < 0 else [one for one in ids if one < offset]
        for number in below:
            if number not in self._again:
                self._ack(self.pending[number])
                self._done(self.pending[number])

    def _due(self, offset: int) -> list[Update]:
        waiting = (one for one in self.pending.values())
        due = [one for one in waiting if one.id >= offset or one.id in self._again]
        return sorted(due, key=lambda one: one.id)

    async def close(self) -> None:
        await self._stop_lanes()
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(None)
        self._wire.close()

    async def _stop_lanes(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._lanes.clear()


def _method_named(answer: Answer) -> tuple[str, Json] | None:
    """The method call that a bot may put into its answer to a webhook, as JSON or as a form."""
    kind = answer.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        fields = _form(f"Content-Type: {kind}\r\n\r\n".encode() + answer.body)
    elif b'"method"' in answer.body:
        fields = json.loads(answer.body)
    else:
        return None
    method = fields.pop("method", None)
    return None if method is None else (method, fields)


def _form(message: bytes) -> Json:
    fields: Json = {}
    for part in BytesParser(policy=policy.HTTP).parsebytes(message).iter_parts():
        content = part.get_payload(decode=True)
        name = part.get_param("name", "", "content-disposition")
        fields[str(name)] = content.decode() if isinstance(content, bytes) else ""
    return fields
