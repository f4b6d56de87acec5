"""The office's morning digest: one message to each officer at 08:30 on working days.

It says what is new, late and failed since the last one, and "nothing" when nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import structlog
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import i18n, outbox
from bot.clock import (
    VIETNAM,
    Calendar,
    OutsideCoverage,
    add_working_days,
    load_calendar,
    local_day,
)
from bot.replies import Arg, Picture, Reply, choice
from bot.vault import Vault
from handlers.deadlines.desk import standing
from handlers.deadlines.desk.standing import Standing
from handlers.deadlines.duties import DUE_AT
from handlers.deadlines.reminders import missed, passing, settle
from storage.models.deadlines import (
    OPEN_DUTIES,
    Audience,
    Deadline,
    Duty,
    DutyState,
    Submission,
)
from storage.models.office import Officer, Role
from storage.models.people import Contact
from storage.models.reminders import Reminder, ReminderState
from storage.models.traffic import OutboxMessage
from storage.models.units import Unit, UnitKind

log = structlog.get_logger()
HOUR = time(8, 30)
LATEST = time(17)
"""After an outage it still comes on the same day, while people work."""
MOST_LINES = 5


@dataclass(frozen=True)
class Morning:
    """What happened in an office since the last digest, and how it stands now."""

    since: datetime
    now: datetime
    standings: Sequence[Standing]
    handed_in: int
    waiting: int
    newly_late: int
    late: int
    more_time: int
    not_ours: int
    unreached: Sequence[str]
    """Names of units that a reminder did not reach, or one of whose chats was found dead."""
    in_doubt: int
    expired: int
    failed: int
    passed_on: int
    """Reminders nobody may opt out of that an officer heard for people who want none."""
    no_calendar: int
    """Reminders that wait for the holiday table."""

    @property
    def missed(self) -> int:
        """Reminders that did not come, or perhaps did not: `reminders.missed` lists them."""
        return self.in_doubt + self.expired + self.failed

    @property
    def nothing(self) -> bool:
        counts = (
            self.handed_in, self.waiting, self.late, self.more_time, self.not_ours,
            len(self.unreached), self.missed, self.passed_on, self.no_calendar,
        )  # fmt: skip
        return not any(counts)


async def tell_offices(session: AsyncSession, vault: Vault, now: datetime) -> int:
    """Returns how many officers were told. Twice a minute or in two processes does no harm."""
    local = now.astimezone(VIETNAM)
    if not HOUR <= local.time() < LATEST:
        return 0
    before = _working_day_before(await load_calendar(session), local.date())
    if before is None:
        return 0
    since = _at_hour(before)
    mornings: dict[str, Morning] = {}
    told = 0
    for officer, locale in await _not_told_yet(session, local.date()):
        if officer.office_id not in mornings:
            mornings[officer.office_id] = await look(session, officer.office_id, since, now)
        message = words(mornings[officer.office_id], locale)
        key = _key(officer.id, local.date())
        outbox.tell(session, vault, officer.contact_id, message, due_at=now, dedupe_key=key)
        told += 1
    return told


def _working_day_before(calendar: Calendar, today: date) -> date | None:
    """None on a day off. Beyond the holiday table every weekday counts: its end must be told."""
    try:
        return add_working_days(calendar, today, -1) if calendar.is_working_day(today) else None
    except OutsideCoverage:
        log.error("the holiday table does not reach today", day=today)
    if today.weekday() > 4:
        return None
    return today - timedelta(days=1 if today.weekday() else 3)


def _at_hour(day: date) -> datetime:
    return datetime.combine(day, HOUR, VIETNAM)


def _key(officer_id: str, day: date) -> str:
    return f"digest:{officer_id}:{day}"


async def _not_told_yet(session: AsyncSession, day: date) -> list[tuple[Officer, str]]:
    """Officers who work for the deadlines and want to hear, with their language."""
    found = await session.execute(
        select(Officer, Contact.locale)
        .join(Contact, Contact.id == Officer.contact_id)
        .where(
            Officer.revoked_at.is_(None),
            Officer.role == Role.OFFICER,
            Contact.opted_out_at.is_(None),
            Contact.blocked.is_(False),
            select(Deadline.id).where(Deadline.office_id == Officer.office_id).exists(),
        )
        .with_for_update(of=Officer, skip_locked=True)
    )
    rows = [(row.Officer, row.locale) for row in found]
    keys = [f"{_key(officer.id, day)}:0" for officer, _ in rows]
    owed = set(
        await session.scalars(
            select(OutboxMessage.dedupe_key).where(OutboxMessage.dedupe_key.in_(keys))
        )
    )
    return [row for row, key in zip(rows, keys, strict=True) if key not in owed]


# What happened


async def look(session: AsyncSession, office_id: str, since: datetime, now: datetime) -> Morning:
    """Counts what happened in (since, now]."""
    is_open = Duty.state.in_(OPEN_DUTIES)
    is_asked = is_open & Duty.more_time_until.is_not(None)

    async def duties(*which: ColumnElement[bool]) -> int:
        asked = select(func.count()).select_from(Duty).join(Deadline).where(*which)
        return await session.scalar(asked.where(Deadline.office_id == office_id)) or 0

    async def reminders(*which: ColumnElement[bool]) -> int:
        asked = select(func.count()).select_from(Reminder).join(Deadline)
        recent = (Deadline.office_id == office_id, Reminder.at > since, Reminder.at <= now)
        return await session.scalar(asked.where(*recent, *which)) or 0

    return Morning(
        since, now,
        await standing.standings(session, office_id, now),
        handed_in=await _handed_in(session, office_id, since, now),
        waiting=await duties(Duty.state == DutyState.SUBMITTED),
        newly_late=await duties(is_open, since < DUE_AT, now >= DUE_AT),
        late=await duties(is_open, now >= DUE_AT),
        more_time=await duties(is_asked),
        not_ours=await duties(Duty.state == DutyState.NOT_APPLICABLE, Duty.state_at > since),
        unreached=await _unreached(session, office_id, since, now),
        in_doubt=await reminders(Reminder.state == ReminderState.IN_DOUBT),
        expired=await reminders(Reminder.state == ReminderState.EXPIRED),
        failed=await reminders(Reminder.state == ReminderState.FAILED),
        passed_on=await _passed_on(session, office_id, since, now),
        no_calendar=await reminders(
            Reminder.state == ReminderState.DEFERRED, Reminder.reason == "no_calendar"
        ),
    )  # fmt: skip


async def _handed_in(session: AsyncSession, office_id: str, since: datetime, now: datetime) -> int:
    asked = (
        select(func.count(Submission.duty_id.distinct()))
        .join(Duty, Duty.id == Submission.duty_id)
        .join(Deadline, Deadline.id == Duty.deadline_id)
        .where(Deadline.office_id == office_id, Submission.at > since, Submission.at <= now)
    )
    return await session.scalar(asked) or 0


async def _passed_on(session: AsyncSession, office_id: str, since: datetime, now: datetime) -> int:
    """Each once, however many officers heard it. By whom it was meant for and who heard it: the
    row's reason may tell by now why it was put off or in which message it went."""
    told = (Reminder.state == ReminderState.SENT) | (
        (Reminder.state == ReminderState.MERGED) & Reminder.told_in.is_not(None)
    )
    found = await session.execute(
        select(Reminder.unit_id, Reminder.step, Deadline)
        .join(Deadline, Deadline.id == Reminder.deadline_id)
        .join(Unit, Unit.id == Reminder.unit_id)
        .join(Officer, Officer.id == Reminder.recipient)
        .where(
            Deadline.office_id == office_id,
            Reminder.at > since,
            Reminder.at <= now,
            told,
            Unit.kind != UnitKind.OFFICE,
        )
    )
    return len(
        {
            (unit_id, deadline.id, step)
            for unit_id, step, deadline in found
            if passing.audience(deadline, step) != Audience.OFFICE
        }
    )


async def _unreached(
    session: AsyncSession, office_id: str, since: datetime, now: datetime
) -> Sequence[str]:
    """Also where another heard it instead, and where no reminder was due yet."""
    failed = await session.scalars(
        select(Unit.name)
        .join(Reminder, Reminder.unit_id == Unit.id)
        .where(
            Unit.office_id == office_id,
            Reminder.state == ReminderState.FAILED,
            Reminder.at > since,
            Reminder.at <= now,
        )
    )
    dead = await session.execute(settle.dead(office_id, since, now))
    return sorted({*failed, *(unit for unit, _ in dead)})


# What is said


def words(morning: Morning, locale: str) -> Reply:
    """The digest in the officer's language, with a chart where there is something to draw."""
    args: dict[str, Arg] = {"day": local_day(morning.now)}
    picture = None
    if morning.standings:
        drawn = standing.drawing(morning.standings, locale, morning.now)
        picture = Picture("drawing", drawn, "digest-picture-alt")
    if morning.nothing:
        return Reply("digest-nothing", args, picture=picture)
    told = Reply(
        "digest-morning", {**args, "lines": "\n".join(_lines(morning, locale))}, picture=picture
    )
    if not morning.missed:
        return told
    opened = missed.opening(morning.since, morning.now)
    return told.offering(choice("digest-missed-button", opened))


def _lines(morning: Morning, locale: str) -> list[str]:
    """Whole sentences, only of what there is."""
    counted = (
        ("digest-handed-in", morning.handed_in),
        ("digest-waiting", morning.waiting),
        ("digest-newly-late", morning.newly_late),
        ("digest-late", morning.late),
        ("digest-more-time", morning.more_time),
        ("digest-not-ours", morning.not_ours),
        ("digest-in-doubt", morning.in_doubt),
        ("digest-expired", morning.expired),
        ("digest-passed-on", morning.passed_on),
        ("digest-no-calendar", morning.no_calendar),
    )
    lines = [i18n.say(locale, key, n=count) for key, count in counted if count]
    if morning.unreached:
        names = "; ".join(morning.unreached[:MOST_LINES])
        lines.append(i18n.say(locale, "digest-unreached", n=len(morning.unreached), units=names))
    return lines
