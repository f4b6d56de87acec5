"""A season played beforehand: the real calendar and units, the real engine, a clock that jumps.

It works on a copy without anybody's name or address, in a scratch database, and sends nothing.
Nobody hands anything in: it is the season at its loudest.
"""

from __future__ import annotations

import random
import secrets
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import VIETNAM, end_of_day, load_calendar
from bot.replies import Reply
from bot.vault import Vault
from handlers.deadlines import duties
from handlers.deadlines.reminders import feed, ladder, passing, planner, settle, wording
from handlers.deadlines.reminders.wording import Told
from storage.db import Database
from storage.models.base import Base, new_id, table
from storage.models.calendar import CalendarCoverage, CalendarDay
from storage.models.deadlines import Deadline, DeadlineState, Duty, DutyState
from storage.models.office import Office, Officer
from storage.models.people import Contact, Person
from storage.models.reminders import NOBODY, Reminder, ReminderState
from storage.models.traffic import OutboxMessage, OutboxState
from storage.models.units import Cluster, ClusterSeat, Member, MemberAddress, Unit

BATCH = 5_000
MOST_AT_ONCE = 2_000
NOBODY_KNOWN = "nobody"
QUEUED = "outbox.state IN ('queued', 'sending', 'in_doubt')"
"""Spelled out, for the partial index; nothing is ever being sent here, nor in doubt."""
TOLD = (ReminderState.SENT, ReminderState.MERGED)


@dataclass(frozen=True)
class Season:
    """What is played. Days are both included; an outage is from, and to but not at, an instant."""

    first: date
    last: date
    outages: Sequence[tuple[datetime, datetime]] = ()
    blocked: float = 0.0
    """Share of the chats that are dead, and are found so by the first message."""
    seed: int = 0
    drafts: bool = False
    """Deadlines that are not armed yet are played as if they were."""

    @property
    def starts_at(self) -> datetime:
        return datetime.combine(self.first, time(), VIETNAM).astimezone(UTC)

    @property
    def ends_at(self) -> datetime:
        return end_of_day(self.last)

    def awake(self, instant: datetime) -> datetime:
        """The instant itself, or the end of the outage it falls into."""
        for start, end in sorted(self.outages):
            if start <= instant < end:
                instant = end
        return instant


@dataclass
class Played:
    """What came of it. Rows are of Reminder, with the codes of the unit and the deadline."""

    sends: list[dict[str, Any]] = field(default_factory=list)
    not_sent: list[dict[str, Any]] = field(default_factory=list)


async def rehearse(
    real: AsyncSession, folder: Path, season: Season, progress: Callable[[int, int], None]
) -> Played:
    """`folder` takes the scratch database and is the caller's to delete."""
    scratch = Database(f"sqlite+aiosqlite:///{folder / 'rehearsal.db'}")
    try:
        async with scratch.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with scratch.transaction() as session:
            await _copy(real, session, season)
            stage = await _stage(session, season)
        await stage.play(scratch, progress)
        async with scratch.reading() as session:
            return await _report(session)
    finally:
        await scratch.close()


# The copy


async def _copy(real: AsyncSession, session: AsyncSession, season: Season) -> None:
    states = [DeadlineState.ARMED, *([DeadlineState.DRAFT] if season.drafts else [])]
    played = Deadline.state.in_(states)
    for model, changes, which in (
        (CalendarDay, {}, None),
        (CalendarCoverage, {}, None),
        (Office, {}, None),
        (Unit, {"parent_id": None}, None),
        (Cluster, {}, None),
        (ClusterSeat, {}, None),
        (Member, {"name": ""}, Member.left_at.is_(None)),
    ):
        await _copy_rows(real, session, model, changes, which)
    await _copy_contacts(real, session)
    await _copy_rows(real, session, MemberAddress, {}, MemberAddress.member_id.in_(_MEMBERS))
    await _copy_rows(real, session, Officer, {"name": ""}, Officer.revoked_at.is_(None))
    fresh = {
        "consultation_id": None, "state": DeadlineState.ARMED, "armed_at": season.starts_at,
        "planned_until": None,
    }  # fmt: skip
    await _copy_rows(real, session, Deadline, fresh, played)
    of_played = Duty.deadline_id.in_(select(Deadline.id).where(played))
    await _copy_rows(real, session, Duty, {}, of_played)
    if season.drafts:
        await _owe_drafts(real, session, season.starts_at)


_MEMBERS = select(Member.id).where(Member.left_at.is_(None))


async def _copy_rows(
    real: AsyncSession, session: AsyncSession, model: Any, changes: dict[str, Any], which: Any
) -> None:
    found = select(table(model)) if which is None else select(table(model)).where(which)
    rows = [{**row._mapping, **changes} for row in await real.execute(found)]
    for start in range(0, len(rows), BATCH):
        await session.execute(insert(table(model)), rows[start : start + BATCH])


async def _copy_contacts(real: AsyncSession, session: AsyncSession) -> None:
    """Every one of them belongs to nobody, and has an address of zeros."""
    session.add(Person(id=NOBODY_KNOWN, made_at=datetime.now(UTC)))
    await session.flush()
    used = select(MemberAddress.contact_id).union(select(Officer.contact_id))
    found = await real.execute(
        select(
            Contact.id, Contact.channel, Contact.account, Contact.locale, Contact.blocked,
            Contact.opted_out_at, Contact.quiet_from, Contact.quiet_until, Contact.made_at,
            Contact.seen_at,
        ).where(Contact.id.in_(used))
    )  # fmt: skip
    rows = [
        {
            **row._mapping, "person_id": NOBODY_KNOWN, "address_hash": row.id.to_bytes(32),
            "data": {}, "offered": [],
        }
        for row in found
    ]  # fmt: skip
    for start in range(0, len(rows), BATCH):
        await session.execute(insert(table(Contact)), rows[start : start + BATCH])


async def _owe_drafts(real: AsyncSession, session: AsyncSession, now: datetime) -> None:
    drafts = await real.scalars(select(Deadline).where(Deadline.state == DeadlineState.DRAFT))
    for deadline in drafts.all():
        have = set(await session.scalars(_owing(deadline)))
        bearers = await real.scalars(duties.bearers(deadline).with_only_columns(Unit.id))
        rows = [
            {
                "id": new_id(), "deadline_id": deadline.id, "unit_id": unit_id, "state_at": now,
                "state": DutyState.NOT_STARTED,
            }
            for unit_id in bearers
            if unit_id not in have
        ]  # fmt: skip
        if rows:
            await session.execute(insert(Duty), rows)


def _owing(deadline: Deadline) -> Any:
    return select(Duty.unit_id).where(Duty.deadline_id == deadline.id)


# The play


@dataclass
class Stage:
    season: Season
    moments: list[datetime]
    """When the ladder has something to say, in order."""
    accounts: list[tuple[str, str]]
    dead: set[int]
    """Contacts that turn out to be dead."""
    _composed: dict[tuple[Any, ...], Reply] = field(default_factory=dict)

    async def play(self, scratch: Database, progress: Callable[[int, int], None]) -> None:
        vault = Vault(secrets.token_hex(32))
        now: datetime | None = self.season.starts_at
        while now is not None:
            async with scratch.transaction() as session:
                await planner.plan(session, now)
                await self._send(session, vault, now)
                now = await self._next(session, now)
            progress(bisect_right(self.moments, now or self.season.ends_at), len(self.moments))

    def compose(self, told: Sequence[Told], locale: str, now: datetime) -> Reply:
        """The real words once for each kind of message: what it says is not what is looked at."""
        kind = locale, now, *((one.deadline_id, one.to) for one in told[:2])
        if kind not in self._composed:
            self._composed[kind] = wording.compose(told, locale, now)
        return self._composed[kind]

    async def _next(self, session: AsyncSession, now: datetime) -> datetime | None:
        """The next instant at which anything may happen; None past the end."""
        place = bisect_right(self.moments, now)
        coming = self.moments[place : place + 1]
        waiting = await session.scalar(
            select(func.min(Reminder.due_at)).where(feed.WAITING, Reminder.due_at > now)
        )
        if waiting is not None:
            coming.append(waiting)
        if not coming:
            return None
        after = self.season.awake(min(coming))
        return after if after < self.season.ends_at else None

    async def _send(self, session: AsyncSession, vault: Vault, now: datetime) -> None:
        """Everything that may go now, with the ways round, until nothing more may."""
        waits = -1
        while True:
            for channel, account in self.accounts:
                while await feed.feed(
                    session, vault, now, MOST_AT_ONCE, channel, account, self.compose
                ):
                    await self._conclude(session, now)
            await settle.settle(session, now)
            before, waits = waits, await self._waiting(session, now)
            if waits in (0, before):
                return

    async def _waiting(self, session: AsyncSession, now: datetime) -> int:
        found = await session.scalar(
            select(func.count()).select_from(Reminder).where(feed.WAITING, Reminder.due_at <= now)
        )
        return found or 0

    async def _conclude(self, session: AsyncSession, now: datetime) -> None:
        """What the channels would answer."""
        outbox = table(OutboxMessage)
        queued = text(QUEUED)
        ended = {"sent_at": now, "reply": None}
        if self.dead:
            contacts = await session.scalars(
                update(outbox)
                .where(queued, outbox.c.contact_id.in_(self.dead))
                .values(state=OutboxState.UNREACHABLE, **ended)
                .returning(outbox.c.contact_id)
            )
            blocked = set(contacts)
            if blocked:
                await session.execute(
                    update(Contact).where(Contact.id.in_(blocked)).values(blocked=True)
                )
        await session.execute(update(outbox).where(queued).values(state=OutboxState.SENT, **ended))


async def _stage(session: AsyncSession, season: Season) -> Stage:
    accounts = await session.execute(select(Contact.channel, Contact.account).distinct())
    contacts = sorted(await session.scalars(select(Contact.id)))
    chance = random.Random(season.seed)  # noqa: S311  # a rehearsal must be repeatable
    dead = set(chance.sample(contacts, round(len(contacts) * season.blocked)))
    return Stage(
        season,
        sorted({season.awake(at) for at in await _moments(session, season)}),
        [(channel, account) for channel, account in accounts],
        dead,
    )


async def _moments(session: AsyncSession, season: Season) -> set[datetime]:
    """Raises OutsideCoverage where the holiday table is too short for the season."""
    calendar = await load_calendar(session)
    calendar.require(season.first, season.last)
    own = await session.execute(
        select(Duty.deadline_id, Duty.own_due_at).where(Duty.own_due_at.is_not(None)).distinct()
    )
    dates = [(deadline_id, due_at) for deadline_id, due_at in own]
    moments = {end for _, end in season.outages}
    for deadline in await session.scalars(select(Deadline)):
        owned = {due for one, due in dates if one == deadline.id and due and due > deadline.due_at}
        for due_at in (deadline.due_at, *owned):
            if _is_near(due_at, season):
                found = ladder.occurrences(ladder.terms(deadline, due_at), calendar)
                moments |= {one.send_at for one in found}
    return {at for at in moments if season.starts_at < at < season.ends_at}


def _is_near(due_at: datetime, season: Season) -> bool:
    """A ladder far outside the season may lie outside the holiday table too."""
    year = timedelta(days=366)
    return season.starts_at - year < due_at < season.ends_at + year


# The report


async def _report(session: AsyncSession) -> Played:
    rows = await session.execute(
        select(
            Reminder.id, Reminder.step, Reminder.recipient, Reminder.planned_at, Reminder.at,
            Reminder.state, Reminder.reason, Reminder.told_in, Reminder.deadline_id,
            Unit.code.label("unit"),
            Deadline.code.label("deadline"),
            Contact.channel, Member.rank,
        )
        .join(Unit, Unit.id == Reminder.unit_id)
        .join(Deadline, Deadline.id == Reminder.deadline_id)
        .outerjoin(Contact, Contact.id == Reminder.contact_id)
        .outerjoin(Member, Member.id == Reminder.recipient)
        .order_by(Reminder.at, Reminder.id)
    )  # fmt: skip
    deadlines = {one.id: one for one in await session.scalars(select(Deadline))}
    audiences: dict[tuple[str, str], str] = {}
    told = Played()
    for row in rows:
        key = row.deadline_id, row.step
        if key not in audiences:
            audiences[key] = str(passing.audience(deadlines[row.deadline_id], row.step))
        if row.state in TOLD and row.reason != "merged":
            told.sends.append(_sent(row, audiences[key]))
        else:
            told.not_sent.append(_unsent(row, audiences[key]))
    return told


def _sent(row: Any, to: str) -> dict[str, Any]:
    merged = {} if row.told_in is None else {"merged_into": row.told_in}
    return {
        "id": row.id, "at": _local(row.at), **_row(row, to), "channel": row.channel,
        "reason": row.reason, **merged,
    }  # fmt: skip


def _unsent(row: Any, to: str) -> dict[str, Any]:
    waits = row.state in (ReminderState.PLANNED, ReminderState.DEFERRED)
    return {
        "id": row.id, "planned_at": _local(row.planned_at), **_row(row, to),
        "state": str(row.state), "reason": "after_the_end" if waits else row.reason,
    }  # fmt: skip


def _row(row: Any, to: str) -> dict[str, Any]:
    officer = "" if row.recipient == NOBODY else "officer"
    return {
        "unit": row.unit, "deadline": row.deadline, "step": row.step, "to": to,
        "recipient": row.recipient,
        "rank": str(row.rank or officer),
    }  # fmt: skip


@lru_cache(maxsize=1_000)
def _local(instant: datetime) -> str:
    return instant.astimezone(VIETNAM).isoformat()
