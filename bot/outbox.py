"""What is owed to people: claimed, paced, sent outside any transaction, recorded."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import (
    Select,
    and_,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from bot import pictures, replies
from bot.background import Background
from bot.budget import Account
from bot.channels.base import (
    Channel,
    Doubtful,
    Gone,
    Moved,
    Outcome,
    PictureFile,
    Probing,
    Rejected,
    Retry,
    Sent,
    Unreachable,
    compose,
    qr_picture,
)
from bot.clock import after_quiet, quiet_hours
from bot.contacts import chat_address_place, lane
from bot.doubts import QUIET, Doubts, can_be_asked
from bot.media import FileStore
from bot.replies import Reply
from bot.vault import Vault
from storage.db import Database, insert_ignoring
from storage.models.base import table
from storage.models.people import Contact, Person
from storage.models.traffic import (
    OPEN,
    MessageClass,
    OutboxMessage,
    OutboxState,
    StoredFile,
)

log = structlog.get_logger()
LEASE = timedelta(seconds=45)
TICK_SECONDS = 0.5
BEAT_SECONDS = 0.1
"""Between two claims while there is something to send; well within budget.AHEAD."""
RECORD_SECONDS = 0.05
"""How long an outcome may wait for company; what a crash finds unrecorded is sent again."""
BATCH = 200
KEYS_AT_ONCE = 5_000
MOST_ATTEMPTS = 6
LONGEST_WAIT = 20
"""Seconds a lane waits in memory for another try."""
BRIEFLY = 2
"""Seconds a reminder does: what waits longer is asked about again."""
WAITED = timedelta(minutes=10)
"""A notice that goes this long after its time asks the quiet hours of its reader again."""
PUT_OFF = "put off"
"""So does one that stands as this."""
MOST_BUSY = 10_000
"""So many lanes a claim leaves out by name: a statement takes only so many parameters."""
LATER = 60.0
"""Seconds until the next try of what could not be sent in MOST_ATTEMPTS."""
RENEWAL = timedelta(seconds=15)
"""How often the leases of all that waits here are renewed: they run out with the process alone."""
_TABLE = table(OutboxMessage)
_COLUMN = _TABLE.c

Feeder = Callable[[AsyncSession, datetime, int, str, str], Awaitable[int]]
"""(session, now, most, channel, account): stores at most so many messages that are due now, for
contacts of this account, and says how many. It is called inside the claim, when they can go."""
Guard = Callable[[AsyncSession, datetime, Sequence[int]], Awaitable[Collection[int]]]
"""(session, now, queued reminders): those that may go now as they stand. It is called inside the
claim, about what has waited here, and withdraws what is not wanted any more."""


@dataclass(frozen=True)
class Owed:
    """One message with all that sending it needs."""

    contact_id: int
    channel: Channel
    address: str
    locale: str
    reply: Reply
    kind: MessageClass
    edits: str | None = None
    dedupe_key: str | None = None
    id: int = 0
    attempts: int = 0
    lease_until: datetime | None = None
    slot: float | None = None
    """When a paced message may go, as time.monotonic() tells it; None: at once."""
    floor_id: int | None = None
    strays: int = 0


def tell(
    session: AsyncSession,
    vault: Vault,
    contact_id: int,
    message: Reply,
    *,
    kind: MessageClass = MessageClass.NOTICE,
    due_at: datetime,
    dedupe_key: str | None = None,
) -> None:
    """Owes a message to somebody, later or elsewhere; it goes when the transaction has committed.

    The same `dedupe_key` twice is an IntegrityError: ask first, or let the job fail.
    """
    parts = [message, *message.then]
    for number, part in enumerate(parts):
        session.add(
            OutboxMessage(
                contact_id=contact_id,
                kind=kind,
                reply=vault.seal_system(replies.dump(part), "outbox"),
                dedupe_key=f"{dedupe_key}:{number}" if dedupe_key else None,
                due_at=due_at,
                state=OutboxState.QUEUED,
            )
        )


async def tell_many(
    session: AsyncSession,
    vault: Vault,
    messages: Mapping[str, tuple[int, Reply]],
    *,
    kind: MessageClass,
    due_at: datetime,
) -> dict[str, int]:
    """As `tell`, for many single messages at once: dedupe key → (contact, message).

    Returns dedupe key → the row's id. Each key must be new.
    """
    rows = [
        {
            "contact_id": contact_id, "kind": kind, "due_at": due_at, "attempts": 0,
            "reply": vault.seal_system(replies.dump(message), "outbox"),
            "dedupe_key": f"{key}:0", "state": OutboxState.QUEUED,
        }
        for key, (contact_id, message) in messages.items()
    ]  # fmt: skip
    found: dict[str, int] = {}
    for start in range(0, len(rows), KEYS_AT_ONCE):
        some = rows[start : start + KEYS_AT_ONCE]
        await session.execute(insert(_TABLE), some)
        stored = await session.execute(
            select(_TABLE.c.dedupe_key, _TABLE.c.id).where(
                _TABLE.c.dedupe_key.in_([row["dedupe_key"] for row in some])
            )
        )
        found.update((key.removesuffix(":0"), number) for key, number in stored)
    return found


async def withdraw(session: AsyncSession, which: Any, now: datetime) -> list[int]:
    """Queued messages only; returns their ids. What they told may be told anew: by another message
    of the same dedupe key."""
    gone = await session.scalars(
        update(_TABLE)
        .where(_COLUMN.state == OutboxState.QUEUED, which)
        .values(state=OutboxState.WITHDRAWN, reply=None, dedupe_key=None, sent_at=now)
        .returning(_COLUMN.id)
    )
    return list(gone)


async def owe(
    session: AsyncSession, db: Database, vault: Vault, owed: list[Owed], now: datetime
) -> list[Owed]:
    """Stores replies already claimed by this process; what was owed before is left out."""
    if not owed:
        return []
    rows = [_row(one, vault, now) for one in owed]
    if not any(one.dedupe_key for one in owed):
        result = await session.execute(_OWE, rows)
        until = now + LEASE
        return [
            replace(one, id=row.id, lease_until=until)
            for one, row in zip(owed, result, strict=True)
        ]
    kept = []
    for one, row in zip(owed, rows, strict=True):
        found = await session.execute(
            insert_ignoring(db, OutboxMessage).returning(_TABLE.c.id), row
        )
        if (number := found.scalar_one_or_none()) is not None:
            kept.append(replace(one, id=number, lease_until=now + LEASE))
    return kept


def _row(one: Owed, vault: Vault, now: datetime) -> dict[str, Any]:
    return {
        "contact_id": one.contact_id,
        "kind": one.kind,
        "reply": vault.seal_system(replies.dump(one.reply), "outbox"),
        "dedupe_key": one.dedupe_key,
        "due_at": now,
        "state": OutboxState.SENDING,
        "lease_until": now + LEASE,
        "attempts": 0,
    }


class Outbox:
    """Each contact's messages go in order, one at a time; contacts go side by side."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        channels: Sequence[Channel],
        store: FileStore,
        background: Background,
        rate: float = 25,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        feeders: Sequence[Feeder] = (),
        quiet: timedelta = QUIET,
        guards: Sequence[Guard] = (),
    ) -> None:
        self._db, self._vault, self._store = db, vault, store
        self._channels = {(c.name, c.account): c for c in channels}
        self._accounts = {key: Account(":".join(key), rate) for key in self._channels}
        self._background, self._clock = background, clock
        self._feeders, self._guards, self._quiet = feeders, guards, quiet
        self._lanes: dict[int, deque[Owed]] = {}
        self._doubts = Doubts(db, vault, self._channels, self._accounts, clock)
        self._settling: asyncio.Task[None] | None = None
        self._seen_to_at = 0.0
        self._room = asyncio.Event()
        """Set when all that was claimed ahead has begun to go."""
        self._leased_until: datetime | None = None
        """Of all that stood in a lane at the last renewal."""
        self._records: list[dict[str, Any]] = []
        self._recorder: asyncio.Task[None] | None = None
        self._calm = asyncio.Event()
        """Set while nothing is on its way out."""
        self._calm.set()

    def hand_over(self, owed: Sequence[Owed]) -> None:
        """Starts sending what is stored and claimed by this process."""
        for one in owed:
            waiting = self._lanes.get(one.contact_id)
            if waiting is not None:
                waiting.append(one)
                continue
            self._lanes[one.contact_id] = deque([one])
            self._calm.clear()
            self._background.start(self._send_lane(one.contact_id), "send")

    async def run(self) -> None:
        while True:
            busy = False
            try:
                busy = bool(await self.send_due())
            except Exception as error:  # the top of the loop: it must outlive whatever comes
                log.error("sending waits", error=type(error).__name__)
            busy = busy or any(account.ahead for account in self._accounts.values())
            self._room.clear()
            with suppress(TimeoutError):
                wait = BEAT_SECONDS if busy else TICK_SECONDS
                await asyncio.wait_for(self._room.wait(), wait)

    async def reclaim(self) -> None:
        """Only where no other process sends: takes up what the last run was sending.

        Returns when its replies stand in line, so that no answer to a later turn overtakes them.
        """
        sending = OutboxMessage.state == OutboxState.SENDING
        now = self._clock()
        async with self._db.transaction() as session:
            left = await session.execute(select(_TABLE.c.id).where(OPEN, sending))
            await self._take_from_the_dead(session, [row.id for row in left], now)
            replies_left = await session.execute(_REPLIES_LEFT, {"now": now})
            rows = replies_left.all()
            await self._hold(session, rows, now)
        self.hand_over(self._opened(rows))

    async def settled(self) -> None:
        """Returns when nothing handed over waits any more, and what became of it is written."""
        await self._calm.wait()
        if self._recorder is not None:
            await asyncio.wait([self._recorder])

    async def send_due(self) -> int:
        """Claims what may go now and starts sending it; returns how many."""
        now = self._clock()
        claimed: list[Owed] = []
        async with self._db.transaction() as session:
            if time.monotonic() > self._seen_to_at + TICK_SECONDS * 0.9:
                self._seen_to_at = time.monotonic()
                await self._renew(session, now)
                await self._let_sleep(session, now)
                claimed += await self._see_to(session, now)
            for key in self._channels:
                claimed += await self._claim_paced(session, key, now)
        for one in claimed:
            if one.slot is not None:
                self._account(one).ahead.add(one.id)
        self.hand_over(claimed)
        return len(claimed)

    # What waits for something else than its pace

    async def _see_to(self, session: AsyncSession, now: datetime) -> list[Owed]:
        """What its sender left behind, doubts, messages to nowhere; claims replies put off."""
        which = {"now": now, "accounts": list(self._channels)}
        rows = (await session.execute(_LEFT_BEHIND, which)).all()
        dead = [row.id for row in rows if row.state == OutboxState.SENDING]
        await self._take_from_the_dead(session, dead, now)
        if await self._doubts.are_due(session, now):
            self._settle_soon()
        queued = [row for row in rows if row.state == OutboxState.QUEUED]
        lost = [row.id for row in queued if (row.channel, row.account) not in self._channels]
        await self._give_up(session, lost, now)
        mine = [row for row in queued if row.id not in lost and row.contact_id not in self._lanes]
        await self._hold(session, mine, now)
        return self._opened(mine)

    async def _let_sleep(self, session: AsyncSession, now: datetime) -> None:
        """A notice that waited, as through an outage, wakes nobody up; what is urgent does."""
        waited = await session.execute(
            select(_COLUMN.id, Contact.quiet_from, Contact.quiet_until)
            .join(Contact, Contact.id == _COLUMN.contact_id)
            .where(
                OPEN, _COLUMN.state == OutboxState.QUEUED, _COLUMN.kind == MessageClass.NOTICE,
                _COLUMN.due_at <= now,
                or_(_COLUMN.due_at <= now - WAITED, _COLUMN.error.is_not(None)),
            )
        )  # fmt: skip
        asleep = [
            {"b_id": id, "b_wakes": wakes}
            for id, start, end in waited
            if (wakes := after_quiet(now, quiet_hours(start, end))) > now
        ]
        if asleep:
            await session.execute(_SLEEP, asleep)

    async def _take_from_the_dead(
        self, session: AsyncSession, ids: list[int], now: datetime
    ) -> None:
        """That their owner died never says that nothing was sent: a reminder is asked after;
        a notice goes again when it is its turn, and so does a reply."""
        reminder = _COLUMN.kind == MessageClass.REMINDER
        for start in range(0, len(ids), KEYS_AT_ONCE):
            await session.execute(
                update(_TABLE)
                .where(_COLUMN.id.in_(ids[start : start + KEYS_AT_ONCE]))
                .values(
                    state=case((reminder, OutboxState.IN_DOUBT), else_=OutboxState.QUEUED),
                    due_at=case((reminder, now + self._quiet), else_=_COLUMN.due_at),
                    error=case((reminder, "its sender stopped"), else_=_COLUMN.error),
                    strays=_COLUMN.strays + 1,
                    lease_until=None,
                )
            )

    async def _give_up(self, session: AsyncSession, ids: list[int], now: datetime) -> None:
        if ids:
            await session.execute(
                update(_TABLE)
                .where(_COLUMN.id.in_(ids))
                .values(
                    state=OutboxState.UNREACHABLE, error=Gone.NO_CHANNEL, reply=None, sent_at=now
                )
            )

    def _settle_soon(self) -> None:
        if self._settling is None or self._settling.done():
            self._settling = self._background.start(self._doubts.settle(), "settle doubts")

    async def _renew(self, session: AsyncSession, now: datetime) -> None:
        """A lease must not run out because a lane waits long, only because its process is gone."""
        last = self._leased_until
        if not self._lanes or (last is not None and now < last - LEASE + RENEWAL):
            return
        mine = [one.id for lane in self._lanes.values() for one in lane if self._is_ours(one, now)]
        for start in range(0, len(mine), KEYS_AT_ONCE):
            some = mine[start : start + KEYS_AT_ONCE]
            await session.execute(
                update(_TABLE)
                .where(_COLUMN.id.in_(some), _COLUMN.state == OutboxState.SENDING)
                .values(lease_until=now + LEASE)
            )
        self._leased_until = now + LEASE

    def _is_ours(self, one: Owed, now: datetime) -> bool:
        """False once its lease has run out: this process slept, and another may have taken it."""
        leases = [lease for lease in (one.lease_until, self._leased_until) if lease is not None]
        return not leases or now <= max(leases)

    # What nobody waits for: no more of it than may go now

    async def _claim_paced(
        self, session: AsyncSession, key: tuple[str, str], now: datetime
    ) -> list[Owed]:
        account = self._accounts[key]
        room = await account.room(session)
        due = await self._due(session, key, now, room.messages)
        rows = await self._wanted(session, due, now)
        left = room.messages - len(rows)
        last = await session.scalar(select(func.max(_COLUMN.id))) if left else None
        if await self._feed(session, key, now, left):
            rows += await self._due(session, key, now, left, after=last or 0)
        if not rows:
            return []
        await self._hold(session, rows, now, room.newest)
        slots = await account.spend(session, self._db, len(rows))
        begins = {row.id: slot for row, slot in zip(rows, slots, strict=True)}
        return [
            replace(one, slot=begins[one.id], floor_id=room.newest) for one in self._opened(rows)
        ]

    async def _due(
        self, session: AsyncSession, key: tuple[str, str], now: datetime, most: int, after: int = 0
    ) -> list[Any]:
        """`after`: only what was stored since that id."""
        if most < 1:
            return []
        channel, account = key
        which = {
            "now": now, "channel": channel, "account": account, "after": after, "most": most,
            "busy": list(self._lanes)[:MOST_BUSY],
        }  # fmt: skip
        return list((await session.execute(_DUE_PACED, which)).all())

    async def _wanted(
        self, session: AsyncSession, rows: Sequence[Any], now: datetime
    ) -> list[Any]:
        """Without the reminders that waited in vain; none goes that could not be asked about."""
        asked = [row.id for row in rows if row.kind == MessageClass.REMINDER]
        held = set[int]()
        for guard in self._guards if asked else ():
            try:
                async with session.begin_nested():
                    held |= {*asked} - {*await guard(session, now, asked)}
            except Exception as error:  # a feature's fault: whatever else is owed goes on
                log.error("a guard failed", exc_info=error)
                held |= {*asked}
                await session.execute(
                    update(_TABLE)
                    .where(_COLUMN.id.in_(asked))
                    .values(due_at=now + timedelta(seconds=LATER))
                )
        return [row for row in rows if row.id not in held]

    async def _feed(
        self, session: AsyncSession, key: tuple[str, str], now: datetime, most: int
    ) -> int:
        fed = 0
        for feeder in self._feeders:
            if fed >= most:
                break
            try:
                async with session.begin_nested():
                    fed += await feeder(session, now, most - fed, *key)
            except Exception as error:  # a feature's fault: whatever else is owed goes on
                log.error("a feeder failed", exc_info=error)
        return fed

    async def _hold(
        self, session: AsyncSession, rows: Sequence[Any], now: datetime, floor: int | None = None
    ) -> None:
        """For this process to send."""
        if rows:
            await session.execute(
                update(_TABLE)
                .where(_COLUMN.id.in_([row.id for row in rows]))
                .values(
                    state=OutboxState.SENDING, lease_until=now + LEASE, floor_id=floor,
                    ceil_id=None,
                )
            )  # fmt: skip

    def _opened(self, rows: Sequence[Any]) -> list[Owed]:
        until = self._clock() + LEASE
        return [replace(one, lease_until=until) for row in rows if (one := self._open(row))]

    def _open(self, row: Any) -> Owed | None:
        channel = self._channels.get((row.channel, row.account))
        if channel is None or row.wrapped_key is None or row.chat_address is None:
            why = Gone.NO_CHANNEL if channel is None else Gone.ERASED
            self._record(row, OutboxState.UNREACHABLE, error=why)
            return None
        address = self._vault.unseal(
            row.wrapped_key, row.chat_address, chat_address_place(row.person_id)
        )
        message = replies.load(self._vault.unseal_system(row.reply, "outbox"))
        return Owed(
            row.contact_id, channel, address, row.locale, message, row.kind,
            id=row.id, attempts=row.attempts, strays=row.strays,
        )  # fmt: skip

    # Sending

    async def _send_lane(self, contact_id: int) -> None:
        waiting = self._lanes[contact_id]
        try:
            while waiting:
                if not await self._send(waiting[0]):
                    break
                waiting.popleft()
        finally:
            for one in self._lanes.pop(contact_id):
                self._account(one).ahead.discard(one.id)
            if not self._lanes:
                self._calm.set()

    def _account(self, one: Owed) -> Account:
        return self._accounts[one.channel.name, one.channel.account]

    async def _send(self, one: Owed) -> bool:
        """False when the whole lane was put off: it is claimed again when it is due."""
        if one.slot is not None:
            await asyncio.sleep(max(0.0, one.slot - time.monotonic()))
        tries = 0
        while True:
            if not self._is_ours(one, self._clock()):
                log.warning("a message was held too long, and is left to others")
                self._account(one).ahead.discard(one.id)
                return True
            if self._waits_better_there(one, pause := self._account(one).window.pause):
                self._put_off(one, pause)
                return False
            outcome, one = await self._send_messages(one)
            if isinstance(outcome, Retry):
                tries += 1
                if not await self._may_try_again(one, outcome, tries):
                    return False
            elif isinstance(outcome, Moved):
                one = replace(one, address=outcome.address)
                await self._follow(one)
            elif (
                isinstance(outcome, Doubtful)
                and one.kind != MessageClass.REMINDER
                and one.attempts < MOST_ATTEMPTS
            ):
                one = replace(one, attempts=one.attempts + 1)
                await asyncio.sleep(1)
            else:
                await self._conclude(one, outcome)
                return True

    async def _may_try_again(self, one: Owed, outcome: Retry, tries: int) -> bool:
        """What was certainly not sent is never given up: soon here, or later by whoever is up."""
        self._account(one).window.close(min(outcome.after, LATER))
        wait = outcome.after if tries < MOST_ATTEMPTS else max(outcome.after, LATER)
        if wait > LONGEST_WAIT or self._waits_better_there(one, wait):
            self._put_off(one, wait)
            return False
        await asyncio.sleep(wait)
        return True

    def _waits_better_there(self, one: Owed, seconds: float) -> bool:
        """A reminder, in the outbox: when it is claimed again its guards are asked again."""
        return one.kind == MessageClass.REMINDER and seconds > BRIEFLY

    def _put_off(self, one: Owed, seconds: float) -> None:
        """With what stands in line behind it."""
        for later in self._lanes[one.contact_id]:
            self._postpone(one if later.id == one.id else later, seconds)

    async def _send_messages(self, one: Owed) -> tuple[Outcome, Owed]:
        """The outcome, and the message with what it may have left behind."""
        draws = one.channel.caps.draws_pictures
        picture = None if draws else await self._picture(one.reply)
        outcome: Outcome = Rejected("nothing to send")
        account, gone = self._account(one), 0
        for message in compose(one.reply, one.locale, one.channel.caps, picture, one.edits):
            async with account.window.place(reply=one.kind == MessageClass.REPLY):
                self._begins(account, one)
                begun = self._clock()
                outcome = await one.channel.send(one.address, one.contact_id, message)
            gone += isinstance(outcome, Sent | Doubtful)
            if not isinstance(outcome, Sent):
                break
            if outcome.message_id != message.edits:
                self._note(one, outcome, begun)
        known = isinstance(outcome, Sent)
        return outcome, replace(one, strays=one.strays + max(0, gone - known))

    def _begins(self, account: Account, one: Owed) -> None:
        if one.id in account.ahead:
            account.ahead.remove(one.id)
            if not account.ahead:
                self._room.set()

    def _note(self, one: Owed, sent: Sent, begun: datetime) -> None:
        if isinstance(one.channel, Probing):
            place = one.channel.place(sent.message_id)
            if place is not None:
                self._account(one).note(place, begun)

    async def _picture(self, message: Reply) -> PictureFile | None:
        if message.picture is None:
            return None
        if message.picture.kind == "qr":
            return await asyncio.to_thread(qr_picture, message.picture.value)
        if message.picture.kind == "drawing":
            drawn = await asyncio.to_thread(pictures.png, message.picture.value)
            return PictureFile(drawn, "drawing.png")
        async with self._db.reading() as session:
            row = await session.get(StoredFile, message.picture.value)
        if row is None:
            return None
        try:
            content = await asyncio.to_thread(self._store.read, row.sha256)
        except OSError:
            log.error("a picture is missing on disk", file=row.id)
            return None
        return PictureFile(content, row.name)

    async def _conclude(self, one: Owed, outcome: Outcome) -> None:
        match outcome:
            case Sent(message_id):
                self._record(one, OutboxState.SENT, sent_id=message_id)
            case Unreachable(why):
                self._record(one, OutboxState.UNREACHABLE, error=why)
                await self._mark_blocked(one.contact_id)
            case Doubtful(reason) if self._can_be_asked(one):
                due = self._clock() + self._quiet
                self._record(one, OutboxState.IN_DOUBT, error=reason, due_at=due)
            case Doubtful(reason):
                self._record(one, OutboxState.SET_ASIDE, error=reason)
            case Rejected(reason) | Retry(_, reason):
                log.error("a message was refused", message=one.reply.key, reason=reason)
                self._record(one, OutboxState.REJECTED, error=reason)

    def _can_be_asked(self, one: Owed) -> bool:
        return one.kind == MessageClass.REMINDER and can_be_asked(
            one.channel, one.reply, one.locale, one.floor_id
        )

    async def _mark_blocked(self, contact_id: int) -> None:
        async with self._db.transaction() as session:
            await session.execute(
                update(Contact).where(Contact.id == contact_id).values(blocked=True)
            )

    async def _follow(self, one: Owed) -> None:
        """A group became a supergroup: its contact gets the new address."""
        hashed = lane(self._vault, one.channel.name, one.channel.account, one.address)
        async with self._db.transaction() as session:
            if await session.scalar(select(Contact.id).where(Contact.address_hash == hashed)):
                return  # It has spoken to us from there already and is a contact of its own.
            contact = await session.get_one(Contact, one.contact_id)
            person = await session.get_one(Person, contact.person_id)
            contact.address_hash = hashed
            if person.wrapped_key:
                person.chat_address = self._vault.seal(
                    person.wrapped_key, one.address, chat_address_place(person.id)
                )

    def _postpone(self, one: Owed, seconds: float) -> None:
        due = self._clock() + timedelta(seconds=seconds)
        self._record(one, OutboxState.QUEUED, error=PUT_OFF, due_at=due)

    def _record(
        self,
        one: Any,
        state: OutboxState,
        *,
        sent_id: str | None = None,
        error: str | None = None,
        due_at: datetime | None = None,
    ) -> None:
        """Of an Owed or of a row. Outcomes are stored together, soon: many share one commit."""
        now = self._clock()
        self._records.append(
            {
                "b_id": one.id, "b_state": state, "b_sent_id": sent_id,
                "b_error": error and error[:300], "b_due_at": due_at, "b_now": now,
                "b_strays": one.strays, "b_keeps": due_at is not None,
            }
        )  # fmt: skip
        if self._recorder is None:
            self._recorder = self._background.start(self._store_records(), "record")

    async def _store_records(self) -> None:
        try:
            while self._records:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._calm.wait(), RECORD_SECONDS)
                await self._store_batch()
        except asyncio.CancelledError:
            # An orderly stop: what went out must not go again after the next start.
            await self._store_batch()
            raise
        finally:
            self._recorder = None

    async def _store_batch(self) -> None:
        batch, self._records = self._records, []
        done = [record for record in batch if not record["b_keeps"]]
        later = [record for record in batch if record["b_keeps"]]
        try:
            async with self._db.transaction() as session:
                if done:
                    await session.execute(_FINISHED, done)
                if later:
                    await session.execute(_LATER, later)
                put_off = [one for one in later if one["b_state"] == OutboxState.QUEUED]
                if put_off:
                    await session.execute(_NOT_BEFORE, put_off)
        except (SQLAlchemyError, OSError) as error:
            log.error("outcomes wait for the database", error=type(error).__name__)
            self._records = batch + self._records
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            self._records = batch + self._records
            raise


def _open_messages(which: Any) -> Select[Any]:
    """With all that sending them needs, in the order in which they were owed."""
    return (
        select(
            _TABLE, Contact.channel, Contact.account, Contact.locale, Contact.person_id,
            Person.wrapped_key, Person.chat_address,
        )
        .join(Contact, Contact.id == OutboxMessage.contact_id)
        .join(Person, Person.id == Contact.person_id)
        .where(OPEN, which)
        .order_by(OutboxMessage.id)
        .with_for_update(of=OutboxMessage, skip_locked=True)
    )  # fmt: skip


# Built once: they are asked twice a second, and building one costs more than asking it.

_NOW = bindparam("now", type_=_COLUMN.due_at.type)
_REPLIES_DUE = and_(
    _COLUMN.state == OutboxState.QUEUED,
    _COLUMN.kind == MessageClass.REPLY,
    _COLUMN.due_at <= _NOW,
)
_REPLIES_LEFT = _open_messages(_REPLIES_DUE)
_LEFT_BEHIND = _open_messages(
    or_(
        (_COLUMN.state == OutboxState.SENDING) & (_COLUMN.lease_until < _NOW),
        (_COLUMN.state == OutboxState.QUEUED)
        & (_COLUMN.due_at <= _NOW)
        & tuple_(Contact.channel, Contact.account).not_in(bindparam("accounts", expanding=True)),
        _REPLIES_DUE,
    )
).limit(BATCH)


def _due_paced() -> Select[Any]:
    """One for each contact: where something is under way or in doubt, the next waits for it."""
    before = _TABLE.alias()
    earlier = (
        select(before.c.id)
        .where(
            before.c.contact_id == _COLUMN.contact_id,
            before.c.id < _COLUMN.id,
            or_(
                before.c.state.in_((OutboxState.SENDING, OutboxState.IN_DOUBT)),
                and_(before.c.state == OutboxState.QUEUED, before.c.due_at <= _NOW),
            ),
        )
        .exists()
    )
    due = and_(
        _COLUMN.state == OutboxState.QUEUED,
        _COLUMN.kind != MessageClass.REPLY,
        _COLUMN.due_at <= _NOW,
        _COLUMN.id > bindparam("after"),
        _COLUMN.contact_id.not_in(bindparam("busy", expanding=True)),
        Contact.channel == bindparam("channel"),
        Contact.account == bindparam("account"),
        ~earlier,
    )
    in_order = _open_messages(due).order_by(None).order_by(_COLUMN.due_at, _COLUMN.id)
    return in_order.limit(bindparam("most"))


_DUE_PACED = _due_paced()
_OWE = insert(_TABLE).returning(_TABLE.c.id, sort_by_parameter_order=True)
_FINISHED = (
    update(_TABLE)
    .where(
        _COLUMN.id == bindparam("b_id"),
        or_(_COLUMN.state == OutboxState.SENDING, _COLUMN.state == OutboxState.IN_DOUBT),
    )
    .values(
        state=bindparam("b_state"),
        sent_id=bindparam("b_sent_id"),
        error=bindparam("b_error"),
        sent_at=bindparam("b_now"),
        strays=bindparam("b_strays"),
        reply=None,
        lease_until=None,
    )
)
_LATER = (
    update(_TABLE)
    .where(_COLUMN.id == bindparam("b_id"), _COLUMN.state == OutboxState.SENDING)
    .values(
        state=bindparam("b_state"), due_at=bindparam("b_due_at"), error=bindparam("b_error"),
        strays=bindparam("b_strays"), lease_until=None,
    )
)  # fmt: skip
_SLEEP = (
    update(_TABLE)
    .where(_COLUMN.id == bindparam("b_id"), _COLUMN.state == OutboxState.QUEUED)
    .values(due_at=bindparam("b_wakes"))
)
_PUT_OFF = _TABLE.alias()
_NOT_BEFORE = (
    update(_TABLE)
    .where(
        _COLUMN.state == OutboxState.QUEUED,
        _COLUMN.due_at < bindparam("b_due_at"),
        _COLUMN.contact_id
        == select(_PUT_OFF.c.contact_id)
        .where(_PUT_OFF.c.id == bindparam("b_id"))
        .scalar_subquery(),
    )
    .values(due_at=bindparam("b_due_at"), error=PUT_OFF)
)
"""What was put off takes along whatever else waits for that contact: its order is kept."""
