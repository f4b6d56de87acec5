"""What may go now, claimed for this process: by its time, its pace, and who still wants it."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Select, and_, bindparam, case, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import replies
from bot.budget import Account
from bot.channels.base import Channel, Gone
from bot.clock import after_quiet, quiet_hours
from bot.contacts import chat_address_place
from bot.outbox.outcomes import Outcomes
from bot.outbox.owing import COLUMN, KEYS_AT_ONCE, LEASE, TABLE, Owed
from bot.vault import Vault
from storage.db import Database
from storage.models.people import Contact, Person
from storage.models.traffic import OPEN, MessageClass, OutboxMessage, OutboxState

log = structlog.get_logger()
BATCH = 200
WAITED = timedelta(minutes=10)
"""A notice that goes this long after its time asks the quiet hours of its reader again. So does
one that waited for another try."""
MOST_BUSY = 10_000
"""So many lanes a claim leaves out by name: a statement takes only so many parameters."""
LATER = 60.0
"""Seconds until what could not go is looked at again."""
RENEWAL = timedelta(seconds=15)
"""How often the leases of all that waits here are renewed: they run out with the process alone."""

Feeder = Callable[[AsyncSession, datetime, int, str, str], Awaitable[int]]
"""(session, now, most, channel, account): stores at most so many messages that are due now, for
contacts of this account, and says how many. It is called inside the claim, when they can go."""
Guard = Callable[[AsyncSession, datetime, Sequence[int]], Awaitable[Collection[int]]]
"""(session, now, queued reminders): those that may go now as they stand. It is called inside the
claim, about what has waited here, and withdraws what is not wanted any more."""
Lanes = dict[int, deque[Owed]]
"""Contact -> what this process holds for them, in the order in which it goes."""


class Claims:
    """Every method works in the caller's transaction; what is claimed is the caller's to send."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        channels: Mapping[tuple[str, str], Channel],
        accounts: Mapping[tuple[str, str], Account],
        lanes: Lanes,
        outcomes: Outcomes,
        clock: Callable[[], datetime],
        feeders: Sequence[Feeder],
        guards: Sequence[Guard],
        quiet: timedelta,
    ) -> None:
        self._db, self._vault, self._channels, self._accounts = db, vault, channels, accounts
        self._lanes, self._outcomes, self._clock = lanes, outcomes, clock
        self._feeders, self._guards, self._quiet = feeders, guards, quiet
        self._leased_until: datetime | None = None
        """Of all that stood in a lane at the last renewal."""

    # What waits for something else than its pace

    async def left_by_the_last_run(self, session: AsyncSession, now: datetime) -> list[Owed]:
        """What it was sending, and replies put off, as if no other process sent."""
        sending = OutboxMessage.state == OutboxState.SENDING
        left = await session.execute(select(TABLE.c.id).where(OPEN, sending))
        await self._take_from_the_dead(session, [row.id for row in left], now)
        rows = (await session.execute(_REPLIES_LEFT, {"now": now})).all()
        await self._hold(session, rows, now)
        return self._opened(rows)

    async def left_behind(self, session: AsyncSession, now: datetime) -> list[Owed]:
        """What a dead process was sending, messages to nowhere; claims replies put off."""
        await self._renew(session, now)
        await self._let_sleep(session, now)
        which = {"now": now, "accounts": list(self._channels)}
        rows = (await session.execute(_LEFT_BEHIND, which)).all()
        dead = [row.id for row in rows if row.state == OutboxState.SENDING]
        await self._take_from_the_dead(session, dead, now)
        queued = [row for row in rows if row.state == OutboxState.QUEUED]
        lost = [row.id for row in queued if (row.channel, row.account) not in self._channels]
        await self._give_up(session, lost, now)
        mine = [row for row in queued if row.id not in lost and row.contact_id not in self._lanes]
        await self._hold(session, mine, now)
        return self._opened(mine)

    async def _let_sleep(self, session: AsyncSession, now: datetime) -> None:
        """A notice that waited, as through an outage, wakes nobody up; what is urgent does."""
        waited = await session.execute(
            select(COLUMN.id, Contact.quiet_from, Contact.quiet_until)
            .join(Contact, Contact.id == COLUMN.contact_id)
            .where(
                OPEN, COLUMN.state == OutboxState.QUEUED, COLUMN.kind == MessageClass.NOTICE,
                COLUMN.due_at <= now,
                or_(COLUMN.due_at <= now - WAITED, COLUMN.error.is_not(None)),
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
        reminder = COLUMN.kind == MessageClass.REMINDER
        for start in range(0, len(ids), KEYS_AT_ONCE):
            await session.execute(
                update(TABLE)
                .where(COLUMN.id.in_(ids[start : start + KEYS_AT_ONCE]))
                .values(
                    state=case((reminder, OutboxState.IN_DOUBT), else_=OutboxState.QUEUED),
                    due_at=case((reminder, now + self._quiet), else_=COLUMN.due_at),
                    error=case((reminder, "its sender stopped"), else_=COLUMN.error),
                    strays=COLUMN.strays + 1,
                    lease_until=None,
                )
            )

    async def _give_up(self, session: AsyncSession, ids: list[int], now: datetime) -> None:
        if ids:
            await session.execute(
                update(TABLE)
                .where(COLUMN.id.in_(ids))
                .values(
                    state=OutboxState.UNREACHABLE, error=Gone.NO_CHANNEL, reply=None, sent_at=now
                )
            )

    async def _renew(self, session: AsyncSession, now: datetime) -> None:
        """A lease must not run out because a lane waits long, only because its process is gone."""
        last = self._leased_until
        if not self._lanes or (last is not None and now < last - LEASE + RENEWAL):
            return
        mine = [one.id for lane in self._lanes.values() for one in lane if self.is_ours(one, now)]
        for start in range(0, len(mine), KEYS_AT_ONCE):
            some = mine[start : start + KEYS_AT_ONCE]
            await session.execute(
                update(TABLE)
                .where(COLUMN.id.in_(some), COLUMN.state == OutboxState.SENDING)
                .values(lease_until=now + LEASE)
            )
        self._leased_until = now + LEASE

    def is_ours(self, one: Owed, now: datetime) -> bool:
        """False once its lease has run out: this process slept, and another may have taken it."""
        leases = [lease for lease in (one.lease_until, self._leased_until) if lease is not None]
        return not leases or now <= max(leases)

    # What nobody waits for: no more of it than may go now

    async def paced(
        self, session: AsyncSession, key: tuple[str, str], now: datetime
    ) -> list[Owed]:
        """Reminders and notices, each with the moment at which it may go."""
        account = self._accounts[key]
        room = await account.room(session)
        due = await self._due(session, key, now, room.messages)
        rows = await self._wanted(session, due, now)
        left = room.messages - len(rows)
        last = await session.scalar(select(func.max(COLUMN.id))) if left else None
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
                    update(TABLE)
                    .where(COLUMN.id.in_(asked))
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
                update(TABLE)
                .where(COLUMN.id.in_([row.id for row in rows]))
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
            self._outcomes.record(row, OutboxState.UNREACHABLE, error=why)
            return None
        address = self._vault.unseal(
            row.wrapped_key, row.chat_address, chat_address_place(row.person_id)
        )
        message = replies.load(self._vault.unseal_system(row.reply, "outbox"))
        return Owed(
            row.contact_id, channel, address, row.locale, message, row.kind,
            id=row.id, attempts=row.attempts, strays=row.strays,
        )  # fmt: skip


def _open_messages(which: Any) -> Select[Any]:
    """With all that sending them needs, in the order in which they were owed."""
    return (
        select(
            TABLE, Contact.channel, Contact.account, Contact.locale, Contact.person_id,
            Person.wrapped_key, Person.chat_address,
        )
        .join(Contact, Contact.id == OutboxMessage.contact_id)
        .join(Person, Person.id == Contact.person_id)
        .where(OPEN, which)
        .order_by(OutboxMessage.id)
        .with_for_update(of=OutboxMessage, skip_locked=True)
    )  # fmt: skip


# Built once: they are asked twice a second, and building one costs more than asking it.

_NOW = bindparam("now", type_=COLUMN.due_at.type)
_REPLIES_DUE = and_(
    COLUMN.state == OutboxState.QUEUED,
    COLUMN.kind == MessageClass.REPLY,
    COLUMN.due_at <= _NOW,
)
_REPLIES_LEFT = _open_messages(_REPLIES_DUE)
_LEFT_BEHIND = _open_messages(
    or_(
        (COLUMN.state == OutboxState.SENDING) & (COLUMN.lease_until < _NOW),
        (COLUMN.state == OutboxState.QUEUED)
        & (COLUMN.due_at <= _NOW)
        & tuple_(Contact.channel, Contact.account).not_in(bindparam("accounts", expanding=True)),
        _REPLIES_DUE,
    )
).limit(BATCH)


def _due_paced() -> Select[Any]:
    """One for each contact: where something is under way or in doubt, the next waits for it."""
    before = TABLE.alias()
    earlier = (
        select(before.c.id)
        .where(
            before.c.contact_id == COLUMN.contact_id,
            before.c.id < COLUMN.id,
            or_(
                before.c.state.in_((OutboxState.SENDING, OutboxState.IN_DOUBT)),
                and_(before.c.state == OutboxState.QUEUED, before.c.due_at <= _NOW),
            ),
        )
        .exists()
    )
    due = and_(
        COLUMN.state == OutboxState.QUEUED,
        COLUMN.kind != MessageClass.REPLY,
        COLUMN.due_at <= _NOW,
        COLUMN.id > bindparam("after"),
        COLUMN.contact_id.not_in(bindparam("busy", expanding=True)),
        Contact.channel == bindparam("channel"),
        Contact.account == bindparam("account"),
        ~earlier,
    )
    in_order = _open_messages(due).order_by(None).order_by(COLUMN.due_at, COLUMN.id)
    return in_order.limit(bindparam("most"))


_DUE_PACED = _due_paced()
_SLEEP = (
    update(TABLE)
    .where(COLUMN.id == bindparam("b_id"), COLUMN.state == OutboxState.QUEUED)
    .values(due_at=bindparam("b_wakes"))
)
