"""What arming would do, before it is done: to whom, when, through which channel, in which words.

Nothing is written and nothing is sent. Who cannot be reached at all is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Calendar, load_calendar, next_allowed
from bot.replies import Reply
from handlers.deadlines import duties
from handlers.deadlines.calendar import arming
from handlers.deadlines.reminders import ladder, recipients, wording
from handlers.deadlines.reminders.ladder import Occurrence
from handlers.deadlines.reminders.recipients import Directory, Seat
from storage.models.deadlines import (
    OPEN_DUTIES,
    Audience,
    Deadline,
    DeadlineState,
    Duty,
    DutyState,
    Work,
)
from storage.models.office import Officer
from storage.models.people import Contact
from storage.models.units import Member, MemberAddress, Unit, UnitKind


@dataclass(frozen=True)
class Recipient:
    unit: str
    name: str
    channel: str


@dataclass
class Sending:
    """One step of the ladder."""

    occurrence: Occurrence
    people: set[int] = field(default_factory=set)
    """Contacts: one message each, however many units they answer for."""
    channels: Counter[str] = field(default_factory=Counter)
    later: int = 0
    """Of them, those whose own quiet hours put it off."""
    nobody: int = 0
    """Units for whom there is nobody to tell."""


@dataclass
class Preview:
    deadline: Deadline
    units: Sequence[Unit]
    sendings: Sequence[Sending]
    past: Sequence[Occurrence]
    """Steps that would have come before now: they are never sent."""
    recipients: Sequence[Recipient]
    """Who hears first, by unit."""
    unreachable: Sequence[Unit]
    """Nobody of theirs can be told anything."""
    text: Reply | None
    """As the first of them will read it."""
    repeats: Sequence[Deadline]
    """Armed lately with the same words for the same units."""

    @property
    def channels(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for sending in self.sendings:
            total += sending.channels
        return total


@dataclass(frozen=True)
class _Names:
    people: Mapping[str, str]
    channels: Mapping[int, str]


async def preview(
    session: AsyncSession,
    deadline: Deadline,
    now: datetime,
    locale: str,
    due_at: datetime | None = None,
) -> Preview:
    """As if it fell due at `due_at`, where that is given.

    Raises OutsideCoverage where the ladder leaves the holiday table.
    """
    calendar = await load_calendar(session)
    units = await _units(session, deadline)
    directory = await recipients.load(session, {deadline.year}, {one.id for one in units})
    names = await _names(session)
    due = due_at or deadline.due_at
    every = ladder.occurrences(ladder.terms(deadline, due), calendar)
    coming = [one for one in every if one.send_at > now and not one.merged_into]
    sendings = [_sending(deadline, one, units, directory, names, calendar) for one in coming]
    repeated = await arming.repeats(session, [deadline], now)
    return Preview(
        deadline, units, sendings, [one for one in every if one.send_at <= now],
        list(_first_told(deadline, units, directory, names)),
        [one for one in units if _is_out_of_reach(deadline, one, directory)],
        _text(deadline, due, units, coming, locale), [earlier for _, earlier in repeated],
    )  # fmt: skip


async def _units(session: AsyncSession, deadline: Deadline) -> Sequence[Unit]:
    """Who owes it; of an armed one, who still does."""
    asked = duties.bearers(deadline)
    if deadline.state == DeadlineState.ARMED:
        asked = (
            select(Unit)
            .join(Duty, Duty.unit_id == Unit.id)
            .where(
                Duty.deadline_id == deadline.id,
                Duty.state.in_(OPEN_DUTIES),
                Unit.closed_at.is_(None),
            )
        )
    return (await session.scalars(asked.order_by(Unit.name, Unit.code))).all()


async def _names(session: AsyncSession) -> _Names:
    members = await session.execute(
        select(Member.id, Member.name, Contact.id, Contact.channel)
        .join(MemberAddress, MemberAddress.member_id == Member.id)
        .join(Contact, Contact.id == MemberAddress.contact_id)
        .where(Member.left_at.is_(None))
    )
    officers = await session.execute(
        select(Officer.id, Officer.name, Contact.id, Contact.channel)
        .join(Contact, Contact.id == Officer.contact_id)
        .where(Officer.revoked_at.is_(None))
    )
    rows = [*members, *officers]
    return _Names({row[0]: row[1] for row in rows}, {row[2]: row[3] for row in rows})


def _sending(
    deadline: Deadline,
    one: Occurrence,
    units: Sequence[Unit],
    directory: Directory,
    names: _Names,
    calendar: Calendar,
) -> Sending:
    sending = Sending(one)
    for unit in units:
        told = [
            found for found in directory.choose(unit.id, _seat(deadline, one.to)) if found.chat
        ]
        sending.nobody += not told
        for chosen in told:
            assert chosen.chat is not None
            if chosen.chat.contact_id in sending.people:
                continue
            sending.people.add(chosen.chat.contact_id)
            sending.channels[names.channels.get(chosen.chat.contact_id, "")] += 1
            if not deadline.urgent:
                goes = next_allowed(calendar, one.send_at, chosen.chat.quiet, True)
                sending.later += goes > one.send_at
    return sending


def _seat(deadline: Deadline, to: Audience) -> Seat:
    return Seat(to, deadline.office_id, deadline.year, deadline.mandatory)


def _first_told(
    deadline: Deadline, units: Sequence[Unit], directory: Directory, names: _Names
) -> Iterator[Recipient]:
    for unit in units:
        for chosen in directory.choose(unit.id, _seat(deadline, Audience.FOCAL)):
            if chosen.chat is not None:
                name = names.people.get(chosen.recipient, "")
                channel = names.channels.get(chosen.chat.contact_id, "")
                yield Recipient(unit.name, name, channel)


def _is_out_of_reach(deadline: Deadline, unit: Unit, directory: Directory) -> bool:
    """Nobody of the unit itself; that the office hears of it does not reach the unit."""
    seat = Seat(Audience.FOCAL, deadline.office_id, deadline.year, False)
    return all(chosen.chat is None for chosen in directory.choose(unit.id, seat))


def _text(
    deadline: Deadline,
    due_at: datetime,
    units: Sequence[Unit],
    coming: Sequence[Occurrence],
    locale: str,
) -> Reply | None:
    """The engine's own words at the moment of the first step."""
    if not units or not coming:
        return None
    first = coming[0]
    told = wording.Told(
        0, units[0].id, units[0].name, deadline.id, deadline.title, Work(deadline.work),
        due_at, DutyState.NOT_STARTED, first.to, deadline.mandatory,
        own=units[0].kind == UnitKind.OFFICE, of_consultation=deadline.consultation_id is not None,
    )  # fmt: skip
    return wording.compose([told], locale, first.send_at)
