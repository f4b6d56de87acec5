"""A person's private calendar: who may read it, and what stands in it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from icalendar import Alarm, Calendar, Event
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import i18n
from bot.clock import VIETNAM, closing_day
from bot.contacts import end_feeds
from bot.replies import Arg, Until, Word
from bot.vault import Vault
from handlers.deadlines.reminders import mine
from handlers.deadlines.reminders.mine import Owed
from storage.models.base import new_id
from storage.models.deadlines import DeadlineMove, DutyState, Work
from storage.models.people import Contact
from storage.models.reminders import CalendarFeed

TOKEN_BYTES = 24
"""192 bits: nobody guesses it, and nothing else guards it."""
LONGEST_TOKEN = 64
ENTRY_LENGTH = timedelta(hours=1)
ALARM_DAYS = (3, 1)
ALARM_HOUR = time(8)
READ_EVERY = timedelta(hours=1)
"""How exactly it is known when it was last read."""


async def live(session: AsyncSession, contact_id: int) -> CalendarFeed | None:
    found: CalendarFeed | None = await session.scalar(
        select(CalendarFeed)
        .where(CalendarFeed.contact_id == contact_id, CalendarFeed.revoked_at.is_(None))
        .order_by(CalendarFeed.made_at.desc())
        .limit(1)
    )
    return found


async def make(session: AsyncSession, vault: Vault, contact_id: int, now: datetime) -> str:
    """A new address, in clear for the only time; whatever was there before ends."""
    await revoke_all(session, contact_id, now)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    session.add(
        CalendarFeed(
            id=new_id(), contact_id=contact_id, fingerprint=_fingerprint(vault, token),
            made_at=now,
        )
    )  # fmt: skip
    return token


async def revoke_all(session: AsyncSession, contact_id: int, now: datetime) -> None:
    await end_feeds(session, contact_id, now)


async def find(session: AsyncSession, vault: Vault, token: str) -> CalendarFeed | None:
    """Revoked ones too: their readers are told so."""
    if len(token) > LONGEST_TOKEN:
        return None
    found: CalendarFeed | None = await session.scalar(
        select(CalendarFeed).where(CalendarFeed.fingerprint == _fingerprint(vault, token))
    )
    return found


def _fingerprint(vault: Vault, token: str) -> bytes:
    return vault.fingerprint("calendar-feed", token)


async def note_read(session: AsyncSession, feed_id: str, now: datetime) -> None:
    await session.execute(
        update(CalendarFeed).where(CalendarFeed.id == feed_id).values(read_at=now)
    )


# What stands in it


@dataclass(frozen=True)
class Dated:
    """A duty, how often its date was changed, and when it was last touched."""

    owed: Owed
    sequence: int
    changed_at: datetime


@dataclass(frozen=True)
class Content:
    locale: str
    dates: Sequence[Dated]
    changed_at: datetime

    @property
    def owed(self) -> list[Owed]:
        return [one.owed for one in self.dates]


async def content(session: AsyncSession, feed: CalendarFeed) -> Content:
    """As it stands now: of a unit the person has left nothing is told any more."""
    contact = await session.get_one(Contact, feed.contact_id)
    owed = await mine.every(session, feed.contact_id)
    moves = await session.execute(
        select(DeadlineMove.deadline_id, func.max(DeadlineMove.at))
        .where(DeadlineMove.deadline_id.in_({one.deadline.id for one in owed}))
        .group_by(DeadlineMove.deadline_id)
    )
    moved_at = dict(moves.tuples().all())
    dates = [_dated(one, moved_at.get(one.deadline.id)) for one in owed]
    changed_at = max((one.changed_at for one in dates), default=feed.made_at)
    return Content(contact.locale, dates, max(changed_at, feed.made_at))


def _dated(one: Owed, moved_at: datetime | None) -> Dated:
    """Calendars keep the entry with the highest number: each change makes it higher."""
    state = DutyState(one.duty.state)
    ended = one.is_cancelled or state is DutyState.NOT_APPLICABLE
    sequence = 4 * one.deadline.revision + 2 * (one.duty.own_due_at is not None) + ended
    touched = [at for at in (one.duty.state_at, moved_at, one.deadline.armed_at) if at]
    return Dated(one, sequence, max(touched))


def ical(given: Content, link: str) -> bytes:
    """Blocking: the time zone's definition is looked up in the zone files."""
    calendar = Calendar()
    calendar.add("prodid", f"-//neuguong//deadlines//{given.locale.upper()}")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    name = i18n.say(given.locale, "feed-name")
    calendar.add("x-wr-calname", name)
    calendar.add("name", name)
    calendar.add("refresh-interval", timedelta(hours=6), parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT6H")
    for one in given.dates:
        calendar.add_component(_entry(given.locale, one, link))
    calendar.add_missing_timezones()
    body: bytes = calendar.to_ical()
    return body


def tag(body: bytes) -> str:
    """The same calendar has the same tag, whoever draws it and when."""
    return hashlib.sha256(body).hexdigest()[:32]


def _entry(locale: str, dated: Dated, link: str) -> Event:
    """The last hour before the deadline."""
    one = dated.owed
    state = DutyState(one.duty.state)
    ended = one.is_cancelled or state is DutyState.NOT_APPLICABLE
    told: dict[str, Arg] = {
        "title": one.deadline.title, "unit": one.unit.name, "closes": Until(one.closes),
        "state": Word(f"duty-{state}"), "work": Word(f"remind-work-{Work(one.deadline.work)}"),
        "link": link,
    }  # fmt: skip
    begins = (one.closes - ENTRY_LENGTH).astimezone(VIETNAM)
    entry = Event()
    entry.add("uid", f"{one.duty.id}@neuguong")
    entry.add("sequence", dated.sequence)
    entry.add("dtstamp", dated.changed_at.astimezone(UTC))
    entry.add("last-modified", dated.changed_at.astimezone(UTC))
    entry.add("dtstart", begins)
    entry.add("dtend", one.closes.astimezone(VIETNAM))
    entry.add("summary", i18n.say(locale, _summary(one, ended), **told))
    entry.add("description", i18n.say(locale, "feed-description", **told))
    entry.add("transp", "TRANSPARENT")
    entry.add("class", "PRIVATE")
    entry.add("status", "CANCELLED" if ended else "CONFIRMED")
    if one.is_open and not ended:
        for days in ALARM_DAYS:
            entry.add_component(_alarm(locale, one, days, begins, told))
    return entry


def _summary(one: Owed, ended: bool) -> str:
    if ended:
        return "feed-summary-cancelled"
    return "feed-summary" if one.is_open else "feed-summary-done"


def _alarm(locale: str, one: Owed, days: int, begins: datetime, told: dict[str, Arg]) -> Alarm:
    """In the morning, some days before the last one."""
    day = closing_day(one.closes) - timedelta(days=days)
    rings_at = datetime.combine(day, ALARM_HOUR, VIETNAM)
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", i18n.say(locale, "feed-summary", **told))
    alarm.add("trigger", rings_at - begins)
    return alarm
