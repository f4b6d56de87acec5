"""Sending what is owed: outside any transaction, each contact's messages in order."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import select, update

from bot import pictures
from bot.background import Background, heard
from bot.budget import Account
from bot.channels.base import (
    Channel,
    Doubtful,
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
from bot.contacts import chat_address_place, lane
from bot.doubts import QUIET, Doubts, can_be_asked
from bot.media import FileStore
from bot.outbox.claims import LATER, Claims, Feeder, Guard, Lanes
from bot.outbox.outcomes import PUT_OFF, Outcomes
from bot.outbox.owing import Owed
from bot.replies import Reply
from bot.vault import Vault
from storage.db import Database
from storage.models.people import Contact, Person
from storage.models.traffic import MessageClass, OutboxState, StoredFile

log = structlog.get_logger()
TICK_SECONDS = 0.5
BEAT_SECONDS = 0.1
"""Between two claims while there is something to send; well within budget.AHEAD."""
MOST_ATTEMPTS = 6
"""What could not be sent so often here waits at least LATER for the next try."""
LONGEST_WAIT = 20
"""Seconds a lane waits in memory for another try."""
BRIEFLY = 2
"""Seconds a reminder does: what waits longer is asked about again."""


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
        self._quiet = quiet
        self._lanes: Lanes = {}
        self._calm = asyncio.Event()
        """Set while nothing is on its way out."""
        self._calm.set()
        self._outcomes = Outcomes(db, background, self._calm, clock)
        self._claims = Claims(
            db, vault, self._channels, self._accounts, self._lanes, self._outcomes, clock,
            feeders, guards, quiet,
        )  # fmt: skip
        self._doubts = Doubts(db, vault, self._channels, self._accounts, clock)
        self._settling: asyncio.Task[None] | None = None
        self._seen_to_at = 0.0
        self._room = asyncio.Event()
        """Set when all that was claimed ahead has begun to go."""

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
            await heard(self._room, BEAT_SECONDS if busy else TICK_SECONDS)

    async def reclaim(self) -> None:
        """Only where no other process sends: takes up what the last run was sending.

        Returns when its replies stand in line, so that no answer to a later turn overtakes them.
        """
        async with self._db.transaction() as session:
            claimed = await self._claims.left_by_the_last_run(session, self._clock())
        self.hand_over(claimed)

    async def settled(self) -> None:
        """Returns when nothing handed over waits any more, and what became of it is written."""
        await self._calm.wait()
        await self._outcomes.written()

    async def send_due(self) -> int:
        """Claims what may go now and starts sending it; returns how many."""
        now = self._clock()
        claimed: list[Owed] = []
        async with self._db.transaction() as session:
            if time.monotonic() > self._seen_to_at + TICK_SECONDS * 0.9:
                self._seen_to_at = time.monotonic()
                claimed += await self._claims.left_behind(session, now)
                if await self._doubts.are_due(session, now):
                    self._settle_soon()
            for key in self._channels:
                claimed += await self._claims.paced(session, key, now)
        for one in claimed:
            if one.slot is not None:
                self._account(one).ahead.add(one.id)
        self.hand_over(claimed)
        return len(claimed)

    def _settle_soon(self) -> None:
        if self._settling is None or self._settling.done():
            self._settling = self._background.start(self._doubts.settle(), "settle doubts")

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
            if not self._claims.is_ours(one, self._clock()):
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
                self._outcomes.record(one, OutboxState.SENT, sent_id=message_id)
            case Unreachable(why):
                self._outcomes.record(one, OutboxState.UNREACHABLE, error=why)
                await self._mark_blocked(one.contact_id)
            case Doubtful(reason) if self._can_be_asked(one):
                due = self._clock() + self._quiet
                self._outcomes.record(one, OutboxState.IN_DOUBT, error=reason, due_at=due)
            case Doubtful(reason):
                self._outcomes.record(one, OutboxState.SET_ASIDE, error=reason)
            case Rejected(reason) | Retry(_, reason):
                log.error("a message was refused", message=one.reply.key, reason=reason)
                self._outcomes.record(one, OutboxState.REJECTED, error=reason)

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
        self._outcomes.record(one, OutboxState.QUEUED, error=PUT_OFF, due_at=due)
