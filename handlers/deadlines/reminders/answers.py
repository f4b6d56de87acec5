"""What a unit's person answers to a reminder: the rules. Each act asks again who acts.

An answer to something no longer open changes nothing and raises `UserError` with how it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts
from bot.clock import (
    VIETNAM,
    Calendar,
    OutsideCoverage,
    QuietHours,
    add_working_days,
    closing_day,
    next_allowed,
)
from bot.replies import Reply, Until, UserError, Word, choice
from bot.text import tidy
from bot.vault import Vault
from handlers.deadlines import duties, people
from handlers.deadlines.people import OfficePost, Post
from handlers.deadlines.reminders import buttons, office
from handlers.deadlines.reminders.buttons import Press
from handlers.deadlines.reminders.ladder import AGAIN, SEND_HOUR
from storage.models.deadlines import (
    OPEN_DUTIES,
    Deadline,
    DeadlineState,
    Duty,
    DutyState,
    Work,
)
from storage.models.office import Officer, Role
from storage.models.people import Contact
from storage.models.reminders import WAITING, Reminder, ReminderState
from storage.models.units import Member, Unit

PAPER = duties.ON_PAPER
FURTHEST = timedelta(days=366)
LONGEST_REASON = 500
SHORTEST_REASON = 5


@dataclass(frozen=True)
class Subject:
    """A duty, and who in its unit speaks of it."""

    deadline: Deadline
    duty: Duty
    post: Post | OfficePost

    @property
    def closes(self) -> datetime:
        return duties.due_at(self.deadline, self.duty)

    @property
    def key(self) -> str:
        return buttons.duty(self.duty.id)

    @property
    def is_open(self) -> bool:
        return self.duty.state in OPEN_DUTIES and self.deadline.state == DeadlineState.ARMED

    @property
    def is_of_office(self) -> bool:
        """The office's own: it asks nobody for anything, and nobody has to look at it after."""
        return isinstance(self.post, OfficePost)

    @property
    def ends_by_itself(self) -> bool:
        """The end of a consultation comes with its hour."""
        return bool(self.deadline.consultation_id) and self.deadline.work == Work.OTHER

    def named(self) -> dict[str, str]:
        return {"title": self.deadline.title, "unit": self.post.unit.name}


@dataclass(frozen=True)
class Asked:
    """A unit somebody else asks after, and the duty in question."""

    unit: Unit
    deadline: Deadline


async def subject_of(session: AsyncSession, contact_id: int, pressed: Press) -> Subject:
    """Raises UserError for what is gone, and for somebody who is not of that unit now."""
    found = await session.execute(_named_by(pressed).with_for_update(of=Duty))
    row = found.one_or_none()
    if row is None:
        raise UserError("remind-gone")
    for post in await _posts(session, contact_id):
        if post.unit.id == row.Duty.unit_id:
            return Subject(row.Deadline, row.Duty, post)
    raise UserError("remind-not-yours")


async def _posts(session: AsyncSession, contact_id: int) -> list[Post | OfficePost]:
    members = await people.posts(session, contact_id)
    return [*members, *await people.office_posts(session, contact_id)]


async def of_office(session: AsyncSession, contact_id: int, deadline_id: str) -> Subject | None:
    """What the officer's own office owes for this deadline and has not done."""
    posts = {post.unit.id: post for post in await people.office_posts(session, contact_id)}
    found = await session.execute(
        select(Deadline, Duty)
        .join(Duty, Duty.deadline_id == Deadline.id)
        .where(Deadline.id == deadline_id, Duty.unit_id.in_(posts))
    )
    subjects = (Subject(deadline, duty, posts[duty.unit_id]) for deadline, duty in found)
    return next((one for one in subjects if one.is_open), None)


def _named_by(pressed: Press) -> Select[Deadline, Duty]:
    chosen = select(Deadline, Duty).join(Duty, Duty.deadline_id == Deadline.id)
    if pressed.kind == buttons.DUTY:
        return chosen.where(Duty.id == pressed.subject)
    return chosen.join(
        Reminder,
        (Reminder.deadline_id == Duty.deadline_id) & (Reminder.unit_id == Duty.unit_id),
    ).where(Reminder.id == int(pressed.subject))


def require_open(subject: Subject) -> None:
    """Raises UserError that tells how it stands: an old button does no harm."""
    if not subject.is_open:
        state = DutyState(subject.duty.state)
        if subject.deadline.state != DeadlineState.ARMED:
            state = DutyState.CANCELLED
        raise UserError("remind-already", state=Word(f"duty-{state}"), **subject.named())


# Done, in progress, not ours


async def finish(session: AsyncSession, subject: Subject, now: datetime, *, paper: bool) -> None:
    """What the office has done itself is accepted with it."""
    require_open(subject)
    require_end(subject)
    reason = PAPER if paper else ""
    actor = subject.post.actor
    await duties.become(session, subject.duty, DutyState.SUBMITTED, actor, now, reason)
    if subject.is_of_office:
        await duties.become(session, subject.duty, DutyState.ACCEPTED, actor, now)


def require_end(subject: Subject) -> None:
    """Raises UserError for what nobody ends: it comes with its hour."""
    if subject.ends_by_itself:
        raise UserError("remind-ends-by-itself", closes=Until(subject.closes), **subject.named())


async def begin(session: AsyncSession, subject: Subject, now: datetime) -> None:
    """Twice is as good as once."""
    require_open(subject)
    if subject.duty.state != DutyState.IN_PROGRESS:
        actor = subject.post.actor
        await duties.become(session, subject.duty, DutyState.IN_PROGRESS, actor, now)


async def refuse(
    session: AsyncSession, vault: Vault, subject: Subject, reason: str, now: datetime
) -> None:
    """Not this unit's work; the office is told and may take it back."""
    require_open(subject)
    require_end(subject)
    state = DutyState.NOT_APPLICABLE
    await duties.become(session, subject.duty, state, subject.post.actor, now, reason)
    subject.duty.more_time_until, subject.duty.more_time_reason = None, ""
    key = "remind-office-own-not-ours" if subject.is_of_office else "remind-office-not-ours"
    await _tell_office(session, vault, subject, Reply(key), reason, now)


def checked_reason(typed: str) -> str:
    """Raises UserError for what says nothing, and for what is too long to be read."""
    reason = tidy(typed)
    if len(reason) < SHORTEST_REASON:
        raise UserError("remind-reason-short")
    if len(reason) > LONGEST_REASON:
        raise UserError("remind-reason-long", longest=LONGEST_REASON, length=len(reason))
    return reason


# More time


def checked_more(subject: Subject, day: date, now: datetime) -> date:
    """Raises UserError for a day that gives no more time than there is."""
    require_open(subject)
    require_asking(subject)
    if day <= closing_day(subject.closes) or datetime.combine(day, time.max, VIETNAM) <= now:
        raise UserError("remind-more-too-early", closes=Until(subject.closes))
    if day > closing_day(subject.closes) + FURTHEST:
        raise UserError("remind-too-far")
    return day


def require_asking(subject: Subject) -> None:
    """Raises UserError for the office's own date: it asks nobody, it moves the date."""
    if subject.is_of_office:
        raise UserError("remind-own-more", **subject.named()).offering(
            choice("calendar-open-button", f"dl:open:{subject.deadline.id}")
        )


async def ask_more(
    session: AsyncSession, vault: Vault, subject: Subject, day: date, reason: str, now: datetime
) -> None:
    """Changes no date by itself: the office decides."""
    day = checked_more(subject, day, now)
    asked = (day, reason)
    if asked == (subject.duty.more_time_until, subject.duty.more_time_reason):
        return
    subject.duty.more_time_until, subject.duty.more_time_reason = asked
    actor = subject.post.actor
    acts.note(session, now, actor, "ask more time", "duty", subject.duty.id, f"{day}: {reason}")
    await _tell_office(
        session, vault, subject, Reply("remind-office-more", {"day": day}), reason, now
    )


async def _tell_office(
    session: AsyncSession,
    vault: Vault,
    subject: Subject,
    message: Reply,
    reason: str,
    now: datetime,
) -> None:
    told = {
        **message.args, **subject.named(), "reason": reason, "name": subject.post.name,
        "closes": Until(subject.closes),
    }  # fmt: skip
    office_id = subject.deadline.office_id
    said_by = subject.post.id if subject.is_of_office else ""
    await office.tell(session, vault, office_id, Reply(message.key, told), now, but=said_by)


# Who answers for it


async def may_ask_who(session: AsyncSession, contact_id: int, pressed: Press) -> Asked | None:
    """Whom the reminder spoke to may ask, too: the head of the cluster, an officer."""
    if pressed.kind != buttons.REMINDER:
        return None
    found = await session.execute(
        select(Reminder.recipient, Unit, Deadline)
        .join(Unit, Unit.id == Reminder.unit_id)
        .join(Deadline, Deadline.id == Reminder.deadline_id)
        .where(Reminder.id == int(pressed.subject))
    )
    row = found.one_or_none()
    if row is None:
        return None
    members = {post.member.id for post in await people.posts(session, contact_id)}
    officers = await session.scalars(
        select(Officer.id).where(Officer.contact_id == contact_id, Officer.revoked_at.is_(None))
    )
    if row.recipient in members | set(officers):
        return Asked(row.Unit, row.Deadline)
    return None


async def officers(session: AsyncSession, office_id: str) -> Sequence[str]:
    """The names of those who answer for the office's own dates."""
    found = await session.scalars(
        select(Officer.name)
        .where(
            Officer.office_id == office_id,
            Officer.role == Role.OFFICER,
            Officer.revoked_at.is_(None),
        )
        .order_by(Officer.joined_at)
    )
    return found.all()


async def responsible(session: AsyncSession, unit_id: str) -> Sequence[Member]:
    """The unit's people: who does the work first, its head last."""
    return (await people.members(session, [unit_id])).get(unit_id, [])


# Remind me again


@dataclass(frozen=True)
class Wake:
    """When a reminder that was asked for really comes, and why not when it was asked for."""

    asked_at: datetime
    comes_at: datetime
    reason: str = ""
    """"day_off", "quiet_hours" or "brought_forward"; "" when it comes as asked."""


def wake(
    subject: Subject,
    calendar: Calendar,
    quiet: QuietHours,
    day: date,
    at: time | None,
    now: datetime,
) -> Wake:
    """Never in the past, and never after a deadline still to come. Raises UserError."""
    require_open(subject)
    asked_at = datetime.combine(day, at or SEND_HOUR, VIETNAM).astimezone(UTC)
    if asked_at <= now:
        raise UserError("remind-past")
    if asked_at > now + FURTHEST:
        raise UserError("remind-too-far")
    closes = subject.closes
    if now < closes <= asked_at:
        raise UserError("remind-after-deadline", closes=Until(closes), **subject.named())
    if subject.deadline.urgent:
        return Wake(asked_at, asked_at)
    comes_at, reason = _allowed(calendar, quiet, asked_at, closes)
    if now < closes <= comes_at:
        return _before(calendar, quiet, asked_at, now, Until(closes))
    return Wake(asked_at, comes_at, reason)


def _allowed(
    calendar: Calendar, quiet: QuietHours, asked_at: datetime, closes: datetime
) -> tuple[datetime, str]:
    """After a day off at the same hour, or else in the morning, where the hour is too late.

    Beyond the holiday table every day counts as a working day: the feed asks again.
    """
    try:
        comes_at = next_allowed(calendar, asked_at, quiet, working_days_only=True)
        day_off = not calendar.is_working_day(asked_at.astimezone(VIETNAM).date())
    except OutsideCoverage:
        comes_at, day_off = next_allowed(calendar, asked_at, quiet, False), False
    if comes_at == asked_at:
        return comes_at, ""
    if not day_off:
        return comes_at, "quiet_hours"
    day = comes_at.astimezone(VIETNAM).date()
    same_hour = _on(day, asked_at)
    if not quiet.covers(_hour(asked_at)) and not comes_at < closes <= same_hour:
        return same_hour, "day_off"
    return max(comes_at, _morning(day)), "day_off"


def _before(
    calendar: Calendar, quiet: QuietHours, asked_at: datetime, now: datetime, closes: Until
) -> Wake:
    """Put off it would come too late: so it comes earlier that day, or the working day before.

    Raises UserError when there is no such moment any more.
    """
    asked_on = asked_at.astimezone(VIETNAM).date()
    try:
        both = (asked_on, add_working_days(calendar, asked_on, -1))
        days = [day for day in both if calendar.is_working_day(day)]
    except OutsideCoverage:
        days = [asked_on]
    for day in days:
        for moment in (_on(day, asked_at), _morning(day)):
            if now < moment < closes.at and not quiet.covers(_hour(moment)):
                return Wake(asked_at, moment, "brought_forward")
    raise UserError("remind-no-time", closes=closes)


def _on(day: date, moment: datetime) -> datetime:
    """That day, at the same hour."""
    return datetime.combine(day, _hour(moment), VIETNAM).astimezone(UTC)


def _hour(moment: datetime) -> time:
    return moment.astimezone(VIETNAM).time()


def _morning(day: date) -> datetime:
    return datetime.combine(day, SEND_HOUR, VIETNAM).astimezone(UTC)


async def quiet_hours(session: AsyncSession, contact_id: int) -> QuietHours:
    """The person's own, else the usual ones."""
    contact = await session.get_one(Contact, contact_id)
    if contact.quiet_from is None or contact.quiet_until is None:
        return QuietHours()
    return QuietHours(contact.quiet_from, contact.quiet_until)


async def remind_again(
    session: AsyncSession, subject: Subject, contact_id: int, when: Wake, now: datetime
) -> None:
    """One row for each moment, however often it is asked for."""
    step = f"{AGAIN}{when.asked_at.astimezone(VIETNAM):%Y-%m-%d %H:%M}"
    where = {
        "unit_id": subject.post.unit.id,
        "deadline_id": subject.deadline.id,
        "step": step,
        "recipient": subject.post.id,
    }
    row = await session.scalar(select(Reminder).filter_by(**where))
    if row is None:
        row = Reminder(**where)
        session.add(row)
    elif row.state not in (*WAITING, ReminderState.SKIPPED):
        return
    row.contact_id, row.planned_at, row.due_at = contact_id, when.asked_at, when.comes_at
    row.state = ReminderState.DEFERRED if when.reason else ReminderState.PLANNED
    row.reason, row.at = when.reason, now
    actor = subject.post.actor
    acts.note(session, now, actor, "remind again", "duty", subject.duty.id, step)
