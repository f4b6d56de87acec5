"""A year of reminders: what should come of it, worked out by the rules alone, and what did.

Nothing here asks the ladder or the planner when a step goes or to whom.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import VIETNAM, Calendar, load_calendar
from bot.vault import Vault
from handlers.deadlines.reminders import feed, planner, settle
from storage.db import Database
from storage.models.base import new_id
from storage.models.deadlines import Deadline, DeadlineState, Duty, DutyState, Work
from storage.models.people import Contact
from storage.models.reminders import Reminder, ReminderState
from storage.models.traffic import OutboxMessage
from storage.models.units import Cluster, ClusterSeat, Member, MemberAddress
from tests.deadlines.ground import (
    MADE,
    TELEGRAM,
    WEBCHAT,
    Ground,
    insert_many,
    many_duties,
    many_units,
)

VAULT = Vault("a secret of the tests, long enough to be one")
YEAR = 2027
CLUSTER_SIZE = 40
SECOND_CHATS = 1_000_000
"""Added to a contact's number: the same person's chat on another channel."""
LADDER = [
    ("T-30", -30, "focal"), ("T-15", -15, "focal"), ("T-7", -7, "focal"), ("T-3", -3, "focal"),
    ("T-1", -1, "focal"), ("T0", 0, "focal"), ("T+1", 1, "focal"), ("T+2", 2, "head"),
    ("T+4", 4, "cluster"), ("T+6", 6, "office"),
]  # fmt: skip


def at(day: str, hour: int = 8, minute: int = 0) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(hour, minute), VIETNAM).astimezone(UTC)


@dataclass
class Date:
    """A deadline, with the dates it had: since when, and until the end of which day."""

    code: str
    dates: list[tuple[datetime, str]]
    in_working_days: bool = False
    urgent: bool = False
    id: str = field(default_factory=new_id)

    def due_at(self, revision: int) -> datetime:
        return at(self.dates[revision][1], 0) + timedelta(days=1)


def year() -> list[Date]:
    """Around Tết (4 to 10 February), 30 April to 3 May, 2 and 3 September, and weekends."""
    plain = [
        ("NAM", "2027-01-15"), ("TET", "2027-02-07"), ("SAUTET", "2027-02-12"),
        ("DK", "2027-03-31"), ("LE", "2027-05-02"), ("SAUNGHI", "2027-07-31"),
        ("QK", "2027-09-03"), ("CUM", "2027-10-31"), ("TK", "2027-11-30"),
    ]  # fmt: skip
    return [
        *(Date(code, [(MADE, last)]) for code, last in plain),
        Date("SOKET", [(MADE, "2027-06-30"), (at("2027-06-10", 10), "2027-06-25")]),
        Date("HS", [(MADE, "2027-08-16"), (at("2027-08-10", 10), "2027-09-30")], urgent=True),
        Date(
            "XET", [(MADE, "2027-10-15"), (at("2027-10-12", 10), "2027-10-29")],
            in_working_days=True,
        ),
    ]  # fmt: skip


OUTAGES = [
    (at("2027-02-10", 7), at("2027-02-13", 12)),
    (at("2027-06-20", 7), at("2027-07-21", 10)),
]
"""Three days, ending on a Saturday; and a month."""


def woken(moment: datetime) -> datetime:
    for start, end in OUTAGES:
        if start <= moment < end:
            return end
    return moment


@dataclass
class People:
    """Units by number. A chat is the number of its contact."""

    units: list[str]
    focal: list[list[int]]
    head: list[list[int]]
    dead: set[int]
    officers: list[str]
    done_at: dict[tuple[int, str], datetime] = field(default_factory=dict)
    """(unit, deadline) → when it was handed in; those that never were are missing."""

    def first_alive(self, *people: list[int]) -> int | None:
        """Its person, by the number of their first chat."""
        for chats in people:
            if any(chat not in self.dead for chat in chats):
                return chats[0]
        return None


Delivered = tuple[str, str, str, str, datetime]
"""Unit, deadline, step, recipient, when."""


def expected(dates: Sequence[Date], people: People, calendar: Calendar) -> set[Delivered]:
    """Every reminder that must arrive, by the rules."""
    found: set[Delivered] = set()
    for one in dates:
        for step, to, planned, goes in _steps(one, calendar):
            for unit, code in enumerate(people.units):
                done = people.done_at.get((unit, one.code))
                if done is not None and done <= max(planned, goes):
                    continue
                for recipient in _hearers(people, unit, to):
                    found.add((code, one.code, step, recipient, goes))
    return found


def _steps(one: Date, calendar: Calendar) -> Iterator[tuple[str, str, datetime, datetime]]:
    """Those that go: name, to whom, when it is planned and when it goes."""
    for revision, (since, last_day) in enumerate(one.dates):
        until = [since for since, _ in one.dates[revision + 1 :]] or [
            datetime.max.replace(tzinfo=UTC)
        ]
        slots: dict[tuple[str, datetime], list[tuple[int, str, datetime]]] = defaultdict(list)
        for name, days, to in LADDER:
            sent = _wanted(one, date.fromisoformat(last_day), days, calendar)
            if since < sent and woken(sent) < until[0]:
                slots[to, woken(sent)].append((days, name, sent))
        for (to, planned), together in slots.items():
            days, name, _ = max(together)
            goes = planned if one.urgent else _allowed(planned, calendar)
            due = one.due_at(revision)
            if days <= 0 and goes >= due and to == "focal":
                continue  # T+1 to the same people follows
            yield (f"{name} ({revision})" if revision else name), to, planned, goes


def _wanted(one: Date, last: date, days: int, calendar: Calendar) -> datetime:
    day = _counted(last, days, calendar) if one.in_working_days else last + timedelta(days)
    if one.urgent or calendar.is_working_day(day):
        return at(day.isoformat())
    later = _counted(day, 1, calendar)
    if days <= 0 and later > last:
        return at(_counted(day, -1, calendar).isoformat())
    return at(later.isoformat())


def _counted(day: date, days: int, calendar: Calendar) -> date:
    while days:
        day += timedelta(days=1 if days > 0 else -1)
        if calendar.is_working_day(day):
            days -= 1 if days > 0 else -1
    return day


def _allowed(moment: datetime, calendar: Calendar) -> datetime:
    """Seven in the morning of the next working day where it is no time for it."""
    local = moment.astimezone(VIETNAM)
    if calendar.is_working_day(local.date()) and time(7) <= local.time() < time(21):
        return moment
    day = local.date()
    if local.time() >= time(7) or not calendar.is_working_day(day):
        day = _counted(day, 1, calendar)
    return at(day.isoformat(), 7)


def _hearers(people: People, unit: int, to: str) -> list[str]:
    if to == "office":
        return people.officers
    if to == "cluster":
        first = unit - unit % CLUSTER_SIZE
        unit = first if unit != first else first + 1
        to = "focal"
    focal, head = people.focal[unit], people.head[unit]
    order = (focal, head) if to == "focal" else (head, focal)
    person = people.first_alive(*order)
    return [] if person is None else [f"member{person:014}"]


# What is played


async def furnish(session: AsyncSession, count: int, early: float, seed: int = 7) -> People:
    """`early` is the share of duties handed in before their first reminder."""
    chance = random.Random(seed)
    ground = await Ground(session).office()
    units = await many_units(session, ground.office_id, count, members=2)
    focal = [[2 * number + 1] for number in range(count)]
    head = [[2 * number + 2] if number % 2 else [] for number in range(count)]
    for chats in focal[::5]:
        chats.append(chats[0] + SECOND_CHATS)
    gone = [f"member{2 * number + 2:014}" for number in range(0, count, 2)]
    for start in range(0, len(gone), 5_000):
        await session.execute(
            update(Member).where(Member.id.in_(gone[start : start + 5_000])).values(left_at=MADE)
        )
    await _second_chats(session, focal)
    ground.contacts = 5 * SECOND_CHATS
    officers = [await ground.officer("Cán bộ Hoa"), await ground.officer("Cán bộ Lan")]
    await _clusters(session, ground.office_id, units)
    everybody = sorted(chat for chats in (*focal, *head) for chat in chats)
    dead = set(chance.sample(everybody, len(everybody) // 20))
    people = People(units, focal, head, dead, officers)
    await _deadlines(session, ground.office_id, people, early, chance)
    return people


async def _second_chats(session: AsyncSession, focal: list[list[int]]) -> None:
    second = [chats for chats in focal if len(chats) > 1]
    person = await session.scalar(select(Contact.person_id).limit(1))
    await insert_many(
        session, Contact,
        (
            {"id": chats[1], "channel": WEBCHAT[0], "account": WEBCHAT[1], "locale": "vi",
             "address_hash": chats[1].to_bytes(32), "person_id": person, "data": {},
             "offered": [], "blocked": False, "made_at": MADE, "seen_at": MADE}
            for chats in second
        ),
    )  # fmt: skip
    later = MADE + timedelta(days=1)
    await insert_many(
        session, MemberAddress,
        (
            {"member_id": f"member{chats[0]:014}", "contact_id": chats[1], "added_at": later}
            for chats in second
        ),
    )  # fmt: skip


async def _clusters(session: AsyncSession, office_id: str, units: list[str]) -> None:
    for start in range(0, len(units), CLUSTER_SIZE):
        cluster_id = new_id()
        await session.execute(
            insert(Cluster),
            [{"id": cluster_id, "office_id": office_id, "code": f"C{start}", "name": f"C{start}",
              "kind": "cluster"}],
        )  # fmt: skip
        await insert_many(
            session, ClusterSeat,
            (
                {"cluster_id": cluster_id, "unit_id": unit, "year": YEAR,
                 "rank": ("head", "deputy")[number] if number < 2 else "member"}
                for number, unit in enumerate(units[start : start + CLUSTER_SIZE])
            ),
        )  # fmt: skip


async def _deadlines(
    session: AsyncSession, office_id: str, people: People, early: float, chance: random.Random
) -> None:
    dates = year()
    for one in dates:
        one.id = f"deadline-{one.code}"[:20]
        session.add(
            Deadline(
                id=one.id, office_id=office_id, code=one.code, year=YEAR, title=one.code,
                work=Work.REPORT, due_at=one.due_at(0), in_working_days=one.in_working_days,
                urgent=one.urgent, state=DeadlineState.ARMED, armed_at=MADE,
                ladder=[{"step": name, "days": days, "to": to} for name, days, to in LADDER],
            )
        )  # fmt: skip
    await session.flush()
    await many_duties(session, [one.id for one in dates], people.units)
    for one in dates:
        for unit in range(len(people.units)):
            if chance.random() < early:
                people.done_at[unit, one.code] = MADE
            elif chance.random() < 0.5:
                ended = one.due_at(0) + timedelta(minutes=chance.randrange(-40 * 1440, 15 * 1440))
                people.done_at[unit, one.code] = ended


@dataclass
class Play:
    """The year, instant by instant; `workers` plan and feed at the same time."""

    workers: Sequence[Database]
    people: People
    calendar: Calendar

    async def run(self) -> None:
        self._done = sorted((at, key) for key, at in self.people.done_at.items())
        self._moves = sorted(
            (since, one.code, revision)
            for one in year()
            for revision, (since, _) in enumerate(one.dates)
            if revision
        )
        moments = self._moments()
        now: datetime | None = moments[0]
        while now is not None:
            await self._hand_in(now)
            await asyncio.gather(*(self._plan(db, now) for db in self.workers))
            await self._deliver(now)
            await self._move(now)
            now = await self._next(moments, now)

    def _moments(self) -> list[datetime]:
        found = {end for _, end in OUTAGES} | {since for since, _, _ in self._moves}
        for one in year():
            for _, last in one.dates:
                for _, days, _ in LADDER:
                    wanted = _wanted(one, date.fromisoformat(last), days, self.calendar)
                    found.add(woken(wanted))
        return sorted(found)

    async def _next(self, moments: Sequence[datetime], now: datetime) -> datetime | None:
        async with self.workers[0].transaction() as session:
            waiting = await session.scalar(
                select(func.min(Reminder.due_at)).where(feed.WAITING, Reminder.due_at > now)
            )
        coming = [moment for moment in moments if moment > now][:1]
        if waiting is not None:
            coming.append(woken(waiting))
        return min(coming) if coming else None

    async def _hand_in(self, now: datetime) -> None:
        ended = []
        while self._done and self._done[0][0] <= now:
            _, (unit, code) = self._done.pop(0)
            ended.append((self.people.units[unit], code))
        by_code: dict[str, list[str]] = defaultdict(list)
        for unit_id, code in ended:
            by_code[code].append(unit_id)
        async with self.workers[0].transaction() as session:
            for code, units in by_code.items():
                await session.execute(
                    update(Duty)
                    .where(
                        Duty.deadline_id == f"deadline-{code}"[:20], Duty.unit_id.in_(units)
                    )
                    .values(state=DutyState.SUBMITTED, state_at=now)
                )  # fmt: skip

    async def _plan(self, db: Database, now: datetime) -> None:
        async with db.transaction() as session:
            await planner.plan(session, now)

    async def _deliver(self, now: datetime) -> None:
        """Until nothing more may go: the ways round are gone at once."""
        while await self._waiting(now):
            await asyncio.gather(*(self._feed(db, now) for db in self.workers))
            async with self.workers[0].transaction() as session:
                await self._conclude(session, now)
            async with self.workers[-1].transaction() as session:
                await settle.settle(session, now)

    async def _waiting(self, now: datetime) -> int:
        async with self.workers[0].transaction() as session:
            found = await session.scalar(
                select(func.count())
                .select_from(Reminder)
                .where(feed.WAITING, Reminder.due_at <= now)
            )
        return found or 0

    async def _feed(self, db: Database, now: datetime) -> None:
        for _ in range(3):
            async with db.transaction() as session:
                for account in (TELEGRAM, WEBCHAT):
                    await feed.feed(session, VAULT, now, 150, *account)

    async def _conclude(self, session: AsyncSession, now: datetime) -> None:
        """What the channels answer."""
        outbox: Any = OutboxMessage.__table__
        contacts = set(
            await session.scalars(
                select(outbox.c.contact_id).where(text("outbox.state = 'queued'"))
            )
        )
        for state, some in (
            ("unreachable", contacts & self.people.dead), ("sent", contacts - self.people.dead),
        ):  # fmt: skip
            if some:
                await session.execute(
                    update(outbox)
                    .where(text("outbox.state = 'queued'"), outbox.c.contact_id.in_(some))
                    .values(state=state, sent_at=now, reply=None)
                )

    async def _move(self, now: datetime) -> None:
        """Dates that are moved at this instant, as the calendar does it."""
        while self._moves and self._moves[0][0] <= now:
            _, code, revision = self._moves.pop(0)
            (one,) = (one for one in year() if one.code == code)
            deadline_id = f"deadline-{code}"[:20]
            async with self.workers[0].transaction() as session:
                await session.execute(
                    update(Deadline)
                    .where(Deadline.id == deadline_id)
                    .values(due_at=one.due_at(revision), revision=revision)
                )
                await session.execute(
                    update(Reminder)
                    .where(Reminder.deadline_id == deadline_id, feed.WAITING)
                    .values(state=ReminderState.SKIPPED, reason="moved", at=now)
                )


async def play(workers: Sequence[Database], count: int, early: float) -> tuple[People, Calendar]:
    async with workers[0].transaction() as session:
        people = await furnish(session, count, early)
        calendar = await load_calendar(session)
    await Play(workers, people, calendar).run()
    return people, calendar
