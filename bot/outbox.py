"""What is owed to people: claimed, paced, sent outside any transaction, recorded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Select, bindparam, insert, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from bot import pictures, replies
from bot.background import Background
from bot.channels.base import (
    Channel,
    Doubtful,
    Moved,
    Outcome,
    PictureFile,
    Rejected,
    Retry,
    Sent,
    Unreachable,
    compose,
    qr_picture,
)
from bot.contacts import chat_address_place, lane
from bot.media import FileStore
from bot.pace import Pace
from bot.replies import Reply
from bot.vault import Vault
from storage.db import Database, insert_ignoring
from storage.models.base import table
from storage.models.people import Contact, Person
from storage.models.traffic import MessageClass, OutboxMessage, OutboxState, StoredFile

log = structlog.get_logger()
LEASE = timedelta(seconds=45)
TICK_SECONDS = 0.5
RECORD_SECONDS = 0.05
"""How long an outcome may wait for company; what a crash finds unrecorded is sent again."""
BATCH = 200
MOST_ATTEMPTS = 6
LONGEST_WAIT = 20
"""Seconds a lane waits in memory; within LEASE, so that nobody else takes it meanwhile."""
_TABLE = table(OutboxMessage)


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


async def owe(
    session: AsyncSession, db: Database, vault: Vault, owed: list[Owed], now: datetime
) -> list[Owed]:
    """Stores replies already claimed by this process; what was owed before is left out."""
    if not owed:
        return []
    rows = [_row(one, vault, now) for one in owed]
    if not any(one.dedupe_key for one in owed):
        result = await session.execute(_OWE, rows)
        return [replace(one, id=row.id) for one, row in zip(owed, result, strict=True)]
    kept = []
    for one, row in zip(owed, rows, strict=True):
        found = await session.execute(
            insert_ignoring(db, OutboxMessage).returning(_TABLE.c.id), row
        )
        if (number := found.scalar_one_or_none()) is not None:
            kept.append(replace(one, id=number))
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
    ) -> None:
        self._db, self._vault, self._store = db, vault, store
        self._channels = {(c.name, c.account): c for c in channels}
        self._background, self._clock = background, clock
        self._lanes: dict[int, deque[Owed]] = {}
        self._pace = Pace(rate)
        self._records: list[dict[str, Any]] = []
        self._recording = False
        self._idle = asyncio.Event()
        self._idle.set()

    def hand_over(self, owed: Sequence[Owed]) -> None:
        """Starts sending what is stored and claimed by this process."""
        for one in owed:
            waiting = self._lanes.get(one.contact_id)
            if waiting is not None:
                waiting.append(one)
                continue
            self._lanes[one.contact_id] = deque([one])
            self._idle.clear()
            self._background.start(self._send_lane(one.contact_id), "send")

    async def run(self) -> None:
        while True:
            try:
                claimed = await self.send_due()
            except Exception as error:  # the top of the loop: it must outlive whatever comes
                log.error("sending waits", error=type(error).__name__)
                claimed = 0
            if claimed < BATCH:
                await asyncio.sleep(TICK_SECONDS)

    async def reclaim(self) -> None:
        """Only where no other process sends: takes up what the last run was sending.

        Returns when all of it stands in line, so that no answer to a later turn overtakes it.
        """
        sending = OutboxMessage.state == OutboxState.SENDING
        async with self._db.transaction() as session:
            await self._set_aside_doubtful(session, sending)
            rows = await self._claim(session, _open_messages(sending), self._clock())
        self._hand_over_rows(rows)

    async def settled(self) -> None:
        """Returns when nothing handed over waits any more."""
        await self._idle.wait()

    async def send_due(self) -> int:
        """Claims what is due and starts sending it; returns how many."""
        now = self._clock()
        ownerless = (OutboxMessage.state == OutboxState.SENDING) & (
            OutboxMessage.lease_until < now
        )
        due = or_(OutboxMessage.state == OutboxState.QUEUED, ownerless)
        async with self._db.transaction() as session:
            await self._set_aside_doubtful(session, ownerless)
            found = _open_messages(due & (OutboxMessage.due_at <= now)).limit(BATCH)
            rows = await self._claim(session, found, now)
        self._hand_over_rows(rows)
        return len(rows)

    async def _set_aside_doubtful(self, session: AsyncSession, ownerless: Any) -> None:
        """That their owner died never says that nothing was sent."""
        await session.execute(
            update(OutboxMessage)
            .where(ownerless, OutboxMessage.kind == MessageClass.REMINDER)
            .values(state=OutboxState.SET_ASIDE, error="its sender stopped")
        )

    async def _claim(self, session: AsyncSession, found: Any, now: datetime) -> list[Any]:
        rows = [row for row in await session.execute(found) if row.contact_id not in self._lanes]
        if rows:
            await session.execute(
                update(OutboxMessage)
                .where(OutboxMessage.id.in_([row.id for row in rows]))
                .values(state=OutboxState.SENDING, lease_until=now + LEASE)
            )
        return rows

    def _hand_over_rows(self, rows: list[Any]) -> None:
        self.hand_over([one for row in rows if (one := self._open(row))])

    def _open(self, row: Any) -> Owed | None:
        channel = self._channels.get((row.channel, row.account))
        if channel is None or row.wrapped_key is None or row.chat_address is None:
            self._record(row.id, OutboxState.UNREACHABLE, error="no way to this contact")
            return None
        address = self._vault.unseal(
            row.wrapped_key, row.chat_address, chat_address_place(row.person_id)
        )
        message = replies.load(self._vault.unseal_system(row.reply, "outbox"))
        return Owed(
            row.contact_id, channel, address, row.locale, message, row.kind,
            id=row.id, attempts=row.attempts,
        )  # fmt: skip

    async def _send_lane(self, contact_id: int) -> None:
        waiting = self._lanes[contact_id]
        try:
            while waiting:
                if not await self._send(waiting[0]):
                    break
                waiting.popleft()
        finally:
            del self._lanes[contact_id]
            if not self._lanes:
                self._idle.set()

    async def _send(self, one: Owed) -> bool:
        """False when the whole lane was put off: it is claimed again when it is due."""
        if one.kind != MessageClass.REPLY:
            await self._pace.turn(one.channel.account)
        while True:
            outcome = await self._send_messages(one)
            if isinstance(outcome, Retry) and one.attempts < MOST_ATTEMPTS:
                one = replace(one, attempts=one.attempts + 1)
                if outcome.after > LONGEST_WAIT:
                    for later in self._lanes[one.contact_id]:
                        self._postpone(later, outcome.after)
                    return False
                await asyncio.sleep(outcome.after)
                continue
            if isinstance(outcome, Moved):
                one = replace(one, address=outcome.address)
                await self._follow(one)
                continue
            if (
                isinstance(outcome, Doubtful)
                and one.kind != MessageClass.REMINDER
                and one.attempts < MOST_ATTEMPTS
            ):
                one = replace(one, attempts=one.attempts + 1)
                await asyncio.sleep(1)
                continue
            await self._conclude(one, outcome)
            return True

    async def _send_messages(self, one: Owed) -> Outcome:
        draws = one.channel.caps.draws_pictures
        picture = None if draws else await self._picture(one.reply)
        outcome: Outcome = Rejected("nothing to send")
        for message in compose(one.reply, one.locale, one.channel.caps, picture, one.edits):
            outcome = await one.channel.send(one.address, one.contact_id, message)
            if not isinstance(outcome, Sent):
                return outcome
        return outcome

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
                self._record(one.id, OutboxState.SENT, sent_id=message_id)
            case Unreachable(reason):
                self._record(one.id, OutboxState.UNREACHABLE, error=reason)
                await self._mark_blocked(one.contact_id)
            case Doubtful(reason):
                self._record(one.id, OutboxState.SET_ASIDE, error=reason)
            case Rejected(reason) | Retry(_, reason):
                log.error("a message was refused", message=one.reply.key, reason=reason)
                self._record(one.id, OutboxState.REJECTED, error=reason)

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
        self._record(one.id, OutboxState.QUEUED, due_at=due)

    def _record(
        self,
        message_id: int,
        state: OutboxState,
        *,
        sent_id: str | None = None,
        error: str | None = None,
        due_at: datetime | None = None,
    ) -> None:
        """Outcomes are stored together, soon: many share one commit."""
        now = self._clock()
        self._records.append(
            {
                "b_id": message_id, "b_state": state, "b_sent_id": sent_id, "b_error": error,
                "b_due_at": due_at, "b_now": now, "b_keeps": due_at is not None,
            }
        )  # fmt: skip
        if not self._recording:
            self._recording = True
            self._background.start(self._store_records(), "record")

    async def _store_records(self) -> None:
        try:
            while self._records:
                await asyncio.sleep(RECORD_SECONDS)
                await self._store_batch()
        except asyncio.CancelledError:
            # An orderly stop: what went out must not go again after the next start.
            await self._store_batch()
            raise
        finally:
            self._recording = False

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
        .where(which)
        .order_by(OutboxMessage.id)
        .with_for_update(of=OutboxMessage, skip_locked=True)
    )  # fmt: skip


_OWE = insert(_TABLE).returning(_TABLE.c.id, sort_by_parameter_order=True)
_FINISHED = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("b_id"))
    .values(
        state=bindparam("b_state"),
        sent_id=bindparam("b_sent_id"),
        error=bindparam("b_error"),
        sent_at=bindparam("b_now"),
        reply=None,
        lease_until=None,
    )
)
_LATER = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("b_id"))
    .values(state=bindparam("b_state"), due_at=bindparam("b_due_at"), lease_until=None)
)
