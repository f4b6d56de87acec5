"""The feed: due rows of the ledger become messages in the outbox, one for each person.

It is called when there is room to send, so nothing waits in between: whatever is not wanted any
more by then is not sent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import outbox
from bot.clock import Calendar, OutsideCoverage, load_calendar, next_allowed, quiet_hours
from bot.replies import Reply
from bot.vault import Vault
from handlers.deadlines.reminders import ladder, passing, telling, wording
from handlers.deadlines.reminders.ladder import Occurrence
from handlers.deadlines.reminders.passing import Lost
from handlers.deadlines.reminders.wording import Told
from storage.models.base import table
from storage.models.deadlines import (
    OPEN_DUTIES,
    Audience,
    Deadline,
    DeadlineState,
    Duty,
)
from storage.models.office import Officer
from storage.models.people import Contact
from storage.models.reminders import Reminder, ReminderState
from storage.models.traffic import MessageClass
from storage.models.units import Member, MemberAddress, Unit, UnitKind

Feeder = Callable[[AsyncSession, datetime, int, str, str], Awaitable[int]]
Compose = Callable[[Sequence[Told], str, datetime], Reply]
WAITING = text("reminders.state IN ('planned', 'deferred')")
"""Spelled out: with parameters in it SQLite would not see that its partial indexes fit."""
LOOKS = 8
"""How often more contacts are looked for where some have very many rows."""
BATCH = 5_000
ASKED_AGAIN = timedelta(hours=1)
"""What the holiday table does not reach waits so long before it is looked at again."""
_TABLE = table(Reminder)


def feeder(vault: Vault) -> Feeder:
    """What the outbox calls inside its own claim."""

    async def fed(
        session: AsyncSession, now: datetime, most: int, channel: str, account: str
    ) -> int:
        return await feed(session, vault, now, most, channel, account)

    return fed


async def feed(
    session: AsyncSession,
    vault: Vault,
    now: datetime,
    most: int,
    channel: str,
    account: str,
    compose: Compose = wording.compose,
) -> int:
    """Stores at most `most` messages for contacts of this account; returns how many.

    One contact is fed by one worker at a time, and not while a turn of theirs is under way. A duty
    that is being changed at this moment waits for the next time.
    """
    contacts = await _hold_contacts(session, now, most, channel, account)
    if not contacts:
        return 0
    rows = await _due_rows(session, list(contacts), now)
    sorting = await sort(session, rows, contacts, now)
    for row in rows:
        sorting.judge(row)
    await sorting.write(session)
    kept = await _claim(session, sorting.told(), now)
    await sorting.write_ended(session)
    if kept:
        await _tell(session, vault, kept, sorting, compose, now)
    return len(kept)


# Who and what is due


async def _hold_contacts(
    session: AsyncSession, now: datetime, most: int, channel: str, account: str
) -> dict[int, Any]:
    """At most `most` of them, whoever has waited longest first."""
    account_of = {"channel": channel, "account": account, "now": now}
    held: dict[int, Any] = {}
    for _ in range(LOOKS):
        room = most - len(held)
        if room < 1:
            break
        which = {**account_of, "held": list(held), "most": room}
        found = (await session.execute(_CONTACTS_DUE, which)).all()
        held.update((row.id, row) for row in found)
        if len(found) < room:
            break
    return held


async def _due_rows(session: AsyncSession, contacts: list[int], now: datetime) -> Sequence[Any]:
    """With the duty of each, which nobody changes before this transaction ends."""
    found: list[Any] = []
    for start in range(0, len(contacts), BATCH):
        found += await session.execute(
            ROWS.where(
                WAITING,
                _TABLE.c.contact_id.in_(contacts[start : start + BATCH]),
                _TABLE.c.due_at <= now,
            )
        )
    return found


# What each comes to


async def sort(
    session: AsyncSession, rows: Sequence[Any], contacts: dict[int, Any], now: datetime
) -> Sorting:
    deadlines = await session.scalars(
        select(Deadline)
        .where(Deadline.id.in_({row.deadline_id for row in rows}))
        .execution_options(populate_existing=True)
    )
    people, officers = await _people(session, list(contacts))
    known = {one.id: one for one in deadlines}
    return Sorting(contacts, known, people, officers, await load_calendar(session), now)


async def _people(
    session: AsyncSession, contacts: list[int]
) -> tuple[dict[tuple[str, int], str], set[str]]:
    """(member or officer, their chat) → why it is not used any more, or ""; and the officers."""
    people: dict[tuple[str, int], str] = {}
    of_office: set[str] = set()
    for start in range(0, len(contacts), BATCH):
        some = contacts[start : start + BATCH]
        members = await session.execute(
            select(
                Member.id, Member.left_at, MemberAddress.contact_id, MemberAddress.unreachable_at
            )
            .join(MemberAddress, MemberAddress.member_id == Member.id)
            .where(MemberAddress.contact_id.in_(some))
        )
        for member_id, left_at, contact_id, unreachable_at in members:
            people[member_id, contact_id] = (
                "left" if left_at else "unreachable" if unreachable_at else ""
            )
        officers = await session.execute(
            select(Officer.id, Officer.contact_id, Officer.revoked_at).where(
                Officer.contact_id.in_(some)
            )
        )
        for officer_id, contact_id, revoked_at in officers:
            people[officer_id, contact_id] = "left" if revoked_at else ""
            of_office.add(officer_id)
        elsewhere = await session.execute(
            select(MemberAddress.member_id, _HERE.c.contact_id)
            .join(_HERE, _HERE.c.member_id == MemberAddress.member_id)
            .join(Contact, Contact.id == MemberAddress.contact_id)
            .where(_HERE.c.contact_id.in_(some), Contact.opted_out_at.is_not(None))
        )
        for member_id, contact_id in elsewhere:
            people[member_id, contact_id] = people[member_id, contact_id] or "opted_out"
    return people, of_office


_HERE = table(MemberAddress).alias()


class Sorting:
    """Every due row, judged once: told, passed on, put off, or ended with its reason."""

    def __init__(
        self,
        contacts: dict[int, Any],
        deadlines: dict[str, Deadline],
        people: dict[tuple[str, int], str],
        officers: set[str],
        calendar: Calendar,
        now: datetime,
    ) -> None:
        self.contacts, self.deadlines = contacts, deadlines
        self._people, self._officers = people, officers
        self._calendar, self._now = calendar, now
        self._unknown = now + ASKED_AGAIN
        self._ladders: dict[tuple[str, datetime], dict[str, Occurrence]] = {}
        self._steps: dict[tuple[str, datetime], set[str]] = {}
        self._audiences: dict[tuple[str, str], Audience] = {}
        self._moments: dict[tuple[Any, ...], datetime] = {}
        self._told: dict[int, list[Any]] = defaultdict(list)
        self._ended: list[dict[str, Any]] = []
        self._lost: list[Lost] = []

    def wants(self, row: Any) -> bool:
        """Whether it would be told now."""
        return (
            not self._unwanted(row)
            and not self._unheard(row)
            and self._may_go(row) <= self._now
            and not self._is_too_late(row)
        )

    def judge(self, row: Any) -> None:
        reason = self._unwanted(row)
        if reason:
            self._end(row, ReminderState.SKIPPED, reason)
        elif why := self._unheard(row):
            self._lost.append(
                Lost(
                    row.id, row.unit_id, row.deadline_id, row.step, row.recipient, row.contact_id,
                    row.planned_at, why,
                )
            )  # fmt: skip
        elif (due := self._may_go(row)) > self._now:
            reason = "no_calendar" if due is self._unknown else "quiet_hours"
            self._end(row, ReminderState.DEFERRED, reason, due)
        elif self._is_too_late(row):
            self._end(row, ReminderState.EXPIRED, "too_late")
        else:
            self._told[row.contact_id].append(row)

    def audience(self, row: Any) -> Audience:
        key = row.deadline_id, row.step
        if key not in self._audiences:
            self._audiences[key] = passing.audience(self.deadlines[row.deadline_id], row.step)
        return self._audiences[key]

    def is_officer(self, row: Any) -> bool:
        """It goes to an officer, whomever the step is for."""
        return row.recipient in self._officers

    def is_spared(self, row: Any) -> bool:
        """Meant for people who want no reminders: an officer hears it in their place."""
        meant_for_others = self.audience(row) != Audience.OFFICE and row.kind != UnitKind.OFFICE
        return meant_for_others and self.is_officer(row)

    def due_at(self, row: Any) -> datetime:
        due = self.deadlines[row.deadline_id].due_at
        return due if row.own_due_at is None else max(due, row.own_due_at)

    def _unwanted(self, row: Any) -> str:
        """Why nobody needs to hear it any more, or ""."""
        if row.closed_at is not None:
            return "unit_closed"
        if self.deadlines[row.deadline_id].state != DeadlineState.ARMED:
            return "not_armed"
        if row.duty_state not in OPEN_DUTIES:
            return str(row.duty_state)
        if ladder.is_on_ladder(row.step) and row.step not in self._names(row):
            return "moved"
        return ""

    def _unheard(self, row: Any) -> str:
        """Why this person does not hear it, or ""."""
        contact = self.contacts[row.contact_id]
        problem = self._people.get((row.recipient, row.contact_id), "left")
        if problem == "left":
            return problem
        if problem == "opted_out" or contact.opted_out_at is not None:
            return "opted_out"
        return "unreachable" if problem or contact.blocked else ""

    def _ladder(self, row: Any) -> dict[str, Occurrence]:
        """Step → occurrence, as far as the holiday table reaches."""
        key = row.deadline_id, self.due_at(row)
        if key not in self._ladders:
            terms = ladder.terms(self.deadlines[row.deadline_id], key[1])
            found, _ = ladder.reckoned(terms, self._calendar)
            self._ladders[key] = {one.step: one for one in found}
        return self._ladders[key]

    def _names(self, row: Any) -> set[str]:
        key = row.deadline_id, self.due_at(row)
        if key not in self._steps:
            self._steps[key] = ladder.names(ladder.terms(self.deadlines[row.deadline_id], key[1]))
        return self._steps[key]

    def _may_go(self, row: Any) -> datetime:
        if self.deadlines[row.deadline_id].urgent:
            return self._now
        contact = self.contacts[row.contact_id]
        on_any_day = ladder.was_asked_for(row.step)
        key = contact.quiet_from, contact.quiet_until, on_any_day
        if key not in self._moments:
            quiet = quiet_hours(contact.quiet_from, contact.quiet_until)
            try:
                self._moments[key] = next_allowed(
                    self._calendar, self._now, quiet, working_days_only=not on_any_day
                )
            except OutsideCoverage:
                self._moments[key] = self._unknown
        return self._moments[key]

    def _is_too_late(self, row: Any) -> bool:
        steps = self._ladder(row)
        one = steps.get(row.step)
        return one is not None and ladder.too_late(
            one, steps.values(), self.due_at(row), self._now
        )

    def _end(
        self, row: Any, state: ReminderState, reason: str, due_at: datetime | None = None
    ) -> None:
        self._ended.append(
            {
                "b_id": row.id, "b_state": state, "b_reason": reason, "b_now": self._now,
                "b_due": due_at or row.due_at,
            }
        )  # fmt: skip

    def told(self) -> list[list[Any]]:
        """The rows of each contact that gets a message; the one that carries it first."""
        return [self._newest_steps(rows) for rows in self._told.values()]

    def _newest_steps(self, rows: list[Any]) -> list[Any]:
        """Of several steps of one duty's ladder that waited together, the newest."""
        newest: dict[tuple[str, ...], Any] = {}
        for row in rows:
            newest[self._place(row)] = row
        kept = list(newest.values())
        for row in rows:
            if newest[self._place(row)] is not row:
                self._end(row, ReminderState.EXPIRED, "outage")
        return sorted(kept, key=lambda row: (self.due_at(row), row.deadline_id, row.name))

    def _place(self, row: Any) -> tuple[str, ...]:
        if not ladder.is_on_ladder(row.step):
            return row.unit_id, row.deadline_id, row.step
        to = Audience.OFFICE if self.is_officer(row) else self.audience(row)
        return row.unit_id, row.deadline_id, to

    async def write(self, session: AsyncSession) -> None:
        """Everything but what is told."""
        await passing.pass_on(session, self._lost, self._now)
        self._lost = []
        await self.write_ended(session)

    async def write_ended(self, session: AsyncSession) -> None:
        if self._ended:
            await session.execute(_END, self._ended)
            self._ended = []


# The messages


async def _claim(
    session: AsyncSession, groups: Iterable[list[Any]], now: datetime
) -> list[list[Any]]:
    """Only what still waits: a date may have been moved, a calendar taken back, just now."""
    groups = list(groups)
    wanted = [row.id for rows in groups for row in rows]
    claimed: set[int] = set()
    for start in range(0, len(wanted), BATCH):
        claimed |= set(
            await session.scalars(
                update(_TABLE)
                .where(_TABLE.c.id.in_(wanted[start : start + BATCH]), WAITING)
                .values(state=ReminderState.CLAIMED, at=now)
                .returning(_TABLE.c.id)
            )
        )
    kept = [[row for row in rows if row.id in claimed] for rows in groups]
    return [rows for rows in kept if rows]


async def _tell(
    session: AsyncSession,
    vault: Vault,
    groups: Sequence[list[Any]],
    sorting: Sorting,
    compose: Compose,
    now: datetime,
) -> None:
    messages = {}
    around = await telling.look(session, (row for rows in groups for row in rows), sorting)
    for rows in groups:
        contact = sorting.contacts[rows[0].contact_id]
        told = [telling.told(row, sorting, around) for row in rows]
        messages[_key(rows[0])] = contact.id, compose(told, contact.locale, now)
    carried = await outbox.tell_many(
        session, vault, messages, kind=MessageClass.REMINDER, due_at=now
    )
    await session.execute(
        _CARRY,
        [{"b_id": rows[0].id, "b_outbox": carried[_key(rows[0])]} for rows in groups],
    )
    merged = [{"b_id": row.id, "b_in": rows[0].id} for rows in groups for row in rows[1:]]
    if merged:
        await session.execute(_MERGE, merged)


def _key(row: Any) -> str:
    """The same reminder goes twice to one chat never; to another chat when the first is dead."""
    return f"reminder:{row.id}:{row.contact_id}"


CONTACTS = select(
    Contact.id, Contact.locale, Contact.blocked, Contact.opted_out_at, Contact.quiet_from,
    Contact.quiet_until,
).with_for_update(of=Contact, skip_locked=True, key_share=True)  # fmt: skip
"""All that sorting needs to know of them, and each free at this moment."""
_CONTACTS_DUE = (
    CONTACTS.join(Reminder, Reminder.contact_id == Contact.id)
    .where(
        WAITING,
        Reminder.due_at <= bindparam("now", type_=_TABLE.c.due_at.type),
        Contact.channel == bindparam("channel"),
        Contact.account == bindparam("account"),
        Reminder.contact_id.not_in(bindparam("held", expanding=True)),
    )
    .order_by(Reminder.due_at, Reminder.contact_id)
    .limit(bindparam("most"))
)
"""Built once: it is asked twice a second."""
ROWS = (
    select(
        _TABLE.c.id, _TABLE.c.unit_id, _TABLE.c.deadline_id, _TABLE.c.step, _TABLE.c.recipient,
        _TABLE.c.contact_id, _TABLE.c.planned_at, _TABLE.c.due_at, _TABLE.c.at,
        Duty.state.label("duty_state"), Duty.own_due_at, Unit.name, Unit.kind,
        Unit.closed_at,
    )
    .join(Duty, (Duty.unit_id == _TABLE.c.unit_id) & (Duty.deadline_id == _TABLE.c.deadline_id))
    .join(Unit, Unit.id == _TABLE.c.unit_id)
    .order_by(_TABLE.c.planned_at, _TABLE.c.id)
    .with_for_update(of=Duty, read=True, skip_locked=True)
)  # fmt: skip
"""Of the ledger, each with its duty."""
_END = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("b_id"))
    .values(
        state=bindparam("b_state"), reason=bindparam("b_reason"), at=bindparam("b_now"),
        due_at=bindparam("b_due"),
    )
)  # fmt: skip
_CARRY = (
    update(_TABLE).where(_TABLE.c.id == bindparam("b_id")).values(outbox_id=bindparam("b_outbox"))
)
_MERGE = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("b_id"))
    .values(
        state=ReminderState.MERGED, reason="told_together", told_in=bindparam("b_in"),
    )
)  # fmt: skip
