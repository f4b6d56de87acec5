"""Once each working day officers hear what waits among the good deeds, what is new, what is late;
and units which milestones fall due.

One message however many there are [C9]; none where nothing waits. It is no part of the digest of
deadlines: an office may do the one work without the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import i18n, outbox
from bot.clock import (
    Calendar,
    OutsideCoverage,
    add_working_days,
    end_of_day,
    load_calendar,
    local_day,
    office_hours_open,
)
from bot.replies import Reply, choice, reply
from bot.vault import Vault
from handlers.deeds import checking, news, nurture, people
from handlers.deeds.naming import in_short
from handlers.deeds.nurture import Silent
from storage.models.deeds import Deed, DeedCheck
from storage.models.office import Office, Officer
from storage.models.people import Contact
from storage.models.traffic import OutboxMessage

log = structlog.get_logger()
MOST_NAMED = 5


@dataclass(frozen=True)
class Morning:
    waiting: int
    new: int
    """Told since the working day before began."""
    late: int
    """Checks that are overdue."""
    silent: list[Silent]

    @property
    def is_empty(self) -> bool:
        return not (self.waiting or self.late or self.silent)


async def tell_offices(session: AsyncSession, vault: Vault, now: datetime) -> int:
    """In office hours. Returns how many officers were told."""
    calendar = await load_calendar(session)
    try:
        if not office_hours_open(calendar, now):
            return 0
        since = end_of_day(add_working_days(calendar, local_day(now), -2))
    except OutsideCoverage:
        log.error("officers are not told of deeds: the holiday table ends before today")
        return 0
    told = 0
    for office_id in (await session.scalars(select(Office.id))).all():
        morning = None
        for officer in await people.officers_of(session, office_id):
            key = f"deeds-wait:{officer.id}:{local_day(now)}"
            if await _was_told(session, key):
                continue
            morning = morning or await look(session, office_id, calendar, since, now)
            if morning.is_empty:
                break
            message = await _words(session, morning, officer)
            outbox.tell(session, vault, officer.contact_id, message, due_at=now, dedupe_key=key)
            told += 1
    return told


async def tell_units(session: AsyncSession, vault: Vault, now: datetime) -> int:
    """In office hours, of milestones that fall due before the next working day. Returns how many
    people were told."""
    calendar = await load_calendar(session)
    today = local_day(now)
    try:
        if not office_hours_open(calendar, now):
            return 0
        following = add_working_days(calendar, today, 1)
    except OutsideCoverage:
        log.error("units are not told of milestones: the holiday table ends before tomorrow")
        return 0
    due: dict[int, dict[str, Deed]] = {}
    for unit_id, deed in await nurture.due_between(session, today, following):
        clerks = await people.chats_of(session, unit_id, *people.CLERKS, willing=True)
        for contact_id in clerks.values():
            due.setdefault(contact_id, {})[deed.id] = deed
    told = 0
    for contact_id, deeds in due.items():
        key = f"deed-milestones:{today}"
        if not await _was_told(session, f"{key}:{contact_id}"):
            message = await _milestones(session, list(deeds.values()), contact_id)
            await news.tell_each(session, vault, [contact_id], message, now, key)
            told += 1
    return told


async def _milestones(session: AsyncSession, deeds: Sequence[Deed], contact_id: int) -> Reply:
    locale = (await session.get_one(Contact, contact_id)).locale
    return reply("deed_news-milestones", n=len(deeds)).offering(
        *[
            choice(
                "deed_news-milestone-button", f"bd:o:{deed.id}",
                place=await in_short(session, deed, locale),
            )
            for deed in deeds[:MOST_NAMED]
        ]
    )  # fmt: skip


async def _was_told(session: AsyncSession, key: str) -> bool:
    asked = select(OutboxMessage.id).where(OutboxMessage.dedupe_key == f"{key}:0")
    return await session.scalar(asked) is not None


async def look(
    session: AsyncSession, office_id: str, calendar: Calendar, since: datetime, now: datetime
) -> Morning:
    async def deeds(*which: ColumnElement[bool]) -> int:
        asked = select(func.count()).select_from(Deed).where(Deed.office_id == office_id, *which)
        return await session.scalar(asked) or 0

    late = (
        select(DeedCheck.id)
        .where(
            DeedCheck.deed_id == Deed.id, DeedCheck.due_at <= now,
            DeedCheck.answered_at.is_(None), DeedCheck.called_back_at.is_(None),
        )
        .exists()
    )  # fmt: skip
    return Morning(
        waiting=await deeds(Deed.state.in_(checking.WAITING)),
        new=await deeds(Deed.made_at > since, Deed.state.in_(checking.WAITING)),
        late=await deeds(late),
        silent=await nurture.silent(session, office_id, calendar, now),
    )


async def _words(session: AsyncSession, morning: Morning, officer: Officer) -> Reply:
    """Whole sentences, only of what there is."""
    locale = (await session.get_one(Contact, officer.contact_id)).locale
    counted = (
        ("deed_news-waiting", morning.waiting),
        ("deed_news-new", morning.new),
        ("deed_news-late", morning.late),
    )
    lines = [i18n.say(locale, key, n=n) for key, n in counted if n]
    ways = []
    if morning.waiting:
        ways.append(choice("deed_review-list-button", "vd:list"))
    if morning.late:
        ways.append(choice("deed_news-late-button", "vd:checked"))
    if morning.silent:
        names = "; ".join(dict.fromkeys(one.unit.name for one in morning.silent[:MOST_NAMED]))
        lines.append(
            i18n.say(
                locale, "deed_news-silent", n=len(morning.silent), units=names,
                days=nurture.SILENT_DAYS,
            )
        )  # fmt: skip
        ways += [
            choice("deed_news-silent-button", f"bd:o:{one.deed.id}", unit=one.unit.name[:40])
            for one in morning.silent[:MOST_NAMED]
        ]
    return reply("deed_news-morning", lines="\n".join(lines)).offering(*ways)
