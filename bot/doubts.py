"""Reminders of which nobody knows whether they went: asked of the channel, then settled.

No platform takes an idempotency key, so a call without an answer may or may not have delivered.
But messages are numbered in their order: a reminder that went stands between the newest message
known before its call (its floor) and one begun after a time of quiet (its ceiling). Whatever is
unknown between the two is looked at. Only what was found nowhere is sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Select, bindparam, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import replies
from bot.budget import Account
from bot.channels.base import (
    Channel,
    Gone,
    Message,
    Outcome,
    Probing,
    Sent,
    Trace,
    Unreachable,
    compose,
)
from bot.contacts import chat_address_place
from bot.replies import Reply
from bot.vault import Vault
from storage.db import Database
from storage.models.base import table
from storage.models.people import Contact, Person
from storage.models.traffic import OPEN, InboxEvent, OutboxMessage, OutboxState

log = structlog.get_logger()
QUIET = timedelta(seconds=30)
"""By then a call has delivered or never will: twice as long as we wait for its answer."""
PATIENCE = timedelta(seconds=10)
"""Beyond the quiet: so long a ceiling may come by itself."""
LONGEST = timedelta(minutes=15)
"""Beyond the quiet: what cannot be settled by then is set aside."""
LEASE = timedelta(seconds=90)
AGAIN = timedelta(seconds=2)
MANY = 8
"""At once."""
MOST_PROBES = 300
MOST_BETWEEN = 20_000
MOST_ATTEMPTS = 5
NEIGHBOURS = 1_000
_TABLE = table(OutboxMessage)


@dataclass(frozen=True)
class Verdict:
    """What a reminder in doubt comes to; `state` IN_DOUBT: not yet."""

    state: OutboxState
    why: str = ""
    sent_id: str | None = None


NOT_YET = Verdict(OutboxState.IN_DOUBT)


@dataclass(frozen=True)
class Case:
    """A reminder in doubt with all that asking for it needs."""

    row: Any
    channel: Probing
    account: Account
    address: str
    message: Message

    @property
    def floor(self) -> int:
        return int(self.row.floor_id)


def can_be_asked(channel: Channel, reply: Reply, locale: str, floor: int | None) -> bool:
    """One message, told apart from every other by its buttons, on a channel that can be asked."""
    if floor is None or not isinstance(channel, Probing) or reply.picture:
        return False
    parts = compose(reply, locale, channel.caps, None, None)
    return len(parts) == 1 and any(button.press for row in parts[0].rows for button in row)


class Doubts:
    def __init__(
        self,
        db: Database,
        vault: Vault,
        channels: Mapping[tuple[str, str], Channel],
        accounts: Mapping[tuple[str, str], Account],
        clock: Callable[[], datetime],
    ) -> None:
        self._db, self._vault, self._clock = db, vault, clock
        self._channels, self._accounts = channels, accounts
        self._making = asyncio.Lock()
        """One beacon serves all that wait for it."""

    async def are_due(self, session: AsyncSession, now: datetime) -> bool:
        return bool(await session.scalar(_ANY_DUE, {"now": now}))

    async def settle(self) -> None:
        """Looks at some that have been quiet long enough."""
        async with self._db.transaction() as session:
            rows = await self._take(session, self._clock())
        verdicts = await asyncio.gather(*(self._judge(row) for row in rows))
        async with self._db.transaction() as session:
            for row, verdict in zip(rows, verdicts, strict=True):
                await self._write(session, row, verdict, self._clock())

    async def _take(self, session: AsyncSession, now: datetime) -> Sequence[Any]:
        whole = select(
            _TABLE, Contact.channel, Contact.account, Contact.locale, Contact.person_id,
            Person.wrapped_key, Person.chat_address,
        )  # fmt: skip
        found = await session.execute(
            _due(whole, now)
            .join(Contact, Contact.id == OutboxMessage.contact_id)
            .join(Person, Person.id == Contact.person_id)
            .order_by(OutboxMessage.due_at, OutboxMessage.id)
            .limit(MANY)
            .with_for_update(of=OutboxMessage, skip_locked=True)
        )
        rows: Sequence[Any] = found.all()
        if rows:
            await session.execute(
                update(_TABLE)
                .where(_TABLE.c.id.in_([row.id for row in rows]))
                .values(lease_until=now + LEASE)
            )
        return rows

    async def _judge(self, row: Any) -> Verdict:
        try:
            return await self._settle(row)
        except Exception as error:  # the top of one doubt: it stays, the others are settled
            log.error("a doubt could not be settled", error=type(error).__name__, exc_info=error)
            return NOT_YET

    async def _settle(self, row: Any) -> Verdict:
        case = self._open(row)
        if isinstance(case, Verdict):
            return case
        if self._clock() > row.due_at + LONGEST:
            return _aside("not settled in time")
        ceiling = row.ceil_id or await self._ceiling(case)
        if isinstance(ceiling, Verdict):
            return ceiling
        if ceiling - case.floor > MOST_BETWEEN:
            return _aside("too many messages in between")
        async with self._db.reading() as session:
            others = await _others(session, case, ceiling)
            unknown = await _unknown(session, case, ceiling)
        if others is not None:
            return others
        if len(unknown) > MOST_PROBES:
            return _aside("too many unknown messages in between")
        return await self._ask(case, unknown)

    def _open(self, row: Any) -> Case | Verdict:
        if row.wrapped_key is None or row.chat_address is None or row.reply is None:
            return Verdict(OutboxState.UNREACHABLE, Gone.ERASED)
        key = row.channel, row.account
        channel = self._channels.get(key)
        reply = replies.load(self._vault.unseal_system(row.reply, "outbox"))
        if channel is None or not can_be_asked(channel, reply, row.locale, row.floor_id):
            return _aside("cannot be asked")
        assert isinstance(channel, Probing)
        address = self._vault.unseal(
            row.wrapped_key, row.chat_address, chat_address_place(row.person_id)
        )
        (message,) = compose(reply, row.locale, channel.caps, None, None)
        return Case(row, channel, self._accounts[key], address, message)

    async def _ceiling(self, case: Case) -> int | Verdict:
        """The id of a message begun after the quiet: what went has a lower one by then."""
        async with self._making:
            found = self._beacon(case)
            if found is None and self._clock() > case.row.due_at + PATIENCE:
                sent = await self._make_beacon(case)
                if isinstance(sent, Unreachable):
                    return Verdict(OutboxState.UNREACHABLE, sent.why)
                found = self._beacon(case)
        if found is None:
            return NOT_YET
        async with self._db.transaction() as session:
            await session.execute(
                update(_TABLE)
                .where(_TABLE.c.id == case.row.id, _TABLE.c.state == OutboxState.IN_DOUBT)
                .values(ceil_id=found)
            )
        return found

    async def _make_beacon(self, case: Case) -> Outcome:
        begun = self._clock()
        async with case.account.window.place(reply=False):
            sent = await case.channel.beacon(case.address)
        place = case.channel.place(sent.message_id) if isinstance(sent, Sent) else None
        if place is not None:
            case.account.note(place, begun)
        return sent

    def _beacon(self, case: Case) -> int | None:
        beacon = case.account.beacon
        if beacon is None or beacon[0] <= case.row.due_at:
            return None
        return beacon[1]

    async def _ask(self, case: Case, unknown: Sequence[int]) -> Verdict:
        here: Verdict | None = None
        for place in unknown:
            async with case.account.window.place(reply=False):
                trace = await case.channel.probe(case.address, case.message, place)
            match trace:
                case Trace.HERE:
                    here = Verdict(OutboxState.SENT, sent_id=str(place))
                    if self._clock() < case.row.due_at + PATIENCE:
                        break
                    # Beacons may have been made here, and one left behind: the rest tells.
                case Trace.UNKNOWN:
                    return NOT_YET
                case Trace.GONE:
                    return Verdict(OutboxState.UNREACHABLE, Gone.REFUSED)
                case Trace.ANOTHER:
                    return here or _aside("another message stood there")
        if here is not None:
            return here
        if case.row.attempts + 1 >= MOST_ATTEMPTS:
            return _aside("lost too often")
        return Verdict(OutboxState.QUEUED)

    async def _write(
        self, session: AsyncSession, row: Any, verdict: Verdict, now: datetime
    ) -> None:
        values: dict[str, Any] = {"state": verdict.state, "lease_until": None}
        match verdict.state:
            case OutboxState.IN_DOUBT:
                values["lease_until"] = now + AGAIN
            case OutboxState.QUEUED:
                values |= {"due_at": now, "attempts": row.attempts + 1, "error": None, "strays": 0}
            case state:
                values |= {"sent_at": now, "reply": None, "error": verdict.why or None}
                if state == OutboxState.SENT:
                    values |= {"sent_id": verdict.sent_id, "strays": 0}
        await session.execute(
            update(_TABLE)
            .where(_TABLE.c.id == row.id, _TABLE.c.state == OutboxState.IN_DOUBT)
            .values(**values)
        )
        if verdict.state != OutboxState.IN_DOUBT:
            log.info("a doubt was settled", state=verdict.state, why=verdict.why)


def _due(wanted: Select[Any], now: Any) -> Select[Any]:
    """Quiet long enough, and nobody is at it."""
    return wanted.where(
        OPEN,
        OutboxMessage.state == OutboxState.IN_DOUBT,
        OutboxMessage.due_at <= now,
        or_(OutboxMessage.lease_until.is_(None), OutboxMessage.lease_until < now),
    )


_ANY_DUE = _due(select(OutboxMessage.id), bindparam("now", type_=OutboxMessage.due_at.type)).limit(
    1
)
"""Built once: it is asked twice a second."""


def _aside(why: str) -> Verdict:
    return Verdict(OutboxState.SET_ASIDE, why)


async def _others(session: AsyncSession, case: Case, ceiling: int) -> Verdict | None:
    """Other messages to the same chat that may stand in between under ids nobody knows.

    A probe would give them the reminder's buttons. None: there are none.
    """
    nearby = case.row.id - (ceiling - case.floor) - NEIGHBOURS
    rows = await session.execute(
        select(OutboxMessage.state, OutboxMessage.sent_id).where(
            OutboxMessage.contact_id == case.row.contact_id,
            OutboxMessage.id != case.row.id,
            OutboxMessage.id > nearby,
            or_(OutboxMessage.state == OutboxState.SENDING, OutboxMessage.strays > 0),
        )
    )
    for state, sent_id in rows.all():
        if state == OutboxState.SENDING:
            return NOT_YET
        place = case.channel.place(sent_id) if sent_id else None
        if place is None or place > case.floor:
            return _aside("other messages went astray there")
    return None


async def _unknown(session: AsyncSession, case: Case, ceiling: int) -> list[int]:
    """The ids in between that belong to no message we know of, theirs or ours."""
    floor, around = case.floor, ceiling - case.floor + NEIGHBOURS
    sent = await session.scalars(
        select(OutboxMessage.sent_id)
        .join(Contact, Contact.id == OutboxMessage.contact_id)
        .where(
            OutboxMessage.id.between(case.row.id - around, case.row.id + around),
            OutboxMessage.sent_id.is_not(None),
            Contact.channel == case.row.channel,
            Contact.account == case.row.account,
        )
    )
    known = {case.channel.place(message_id) for message_id in sent if message_id}
    known |= set(
        await session.scalars(
            select(InboxEvent.place).where(
                InboxEvent.place > floor,
                InboxEvent.place < ceiling,
                InboxEvent.channel == case.row.channel,
                InboxEvent.account == case.row.account,
            )
        )
    )
    return [place for place in range(floor + 1, ceiling + 1) if place not in known]
