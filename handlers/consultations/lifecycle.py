"""What an office does with a consultation over time: schedule, publish, suspend, move, close."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts
from bot.clock import (
    VIETNAM,
    Calendar,
    Counting,
    DayUnit,
    OutsideCoverage,
    Window,
    closing_day,
    load_calendar,
    window_end,
)
from bot.replies import Until, UserError, Word
from storage.models.base import new_id
from storage.models.consultations import (
    Consultation,
    ConsultationState,
    ForbiddenTransition,
    Publication,
    ScheduleChange,
)
from storage.models.traffic import InboxEvent

OWN_PAGE = "neuguong"
"""The medium of our own public page, in the log of publication."""
LONGEST_REASON = 500
"""Characters of a reason that is shown to the public."""


async def by_code(session: AsyncSession, code: str) -> Consultation:
    """In whatever state, however the code is typed. Raises UserError when there is none."""
    found: Consultation | None = await session.scalar(
        select(Consultation).where(func.lower(Consultation.code) == code.strip().lower())
    )
    if found is None:
        raise UserError("consultations-no-such-code", code=code)
    return found


def window(asked: Consultation, counting: Counting | None = None) -> Window:
    return Window(asked.days, DayUnit(asked.day_unit), counting or Counting(asked.counting))


def schedule(asked: Consultation, calendar: Calendar) -> None:
    """Computes the end from the day of posting. Raises OutsideCoverage beyond the table."""
    if asked.posted_on is None:
        return
    asked.opens_at = asked.opens_at or _posted_at(asked.posted_on)
    asked.computed_ends_at = _computed_end(asked, asked.posted_on, calendar)
    announced = asked.announced_ends_at
    asked.closes_at = (
        max(asked.computed_ends_at, announced) if announced else asked.computed_ends_at
    )


def _posted_at(posted_on: date) -> datetime:
    return datetime.combine(posted_on, time(), VIETNAM).astimezone(UTC)


def _computed_end(asked: Consultation, posted_on: date, calendar: Calendar) -> datetime:
    return window_end(calendar, _posted_at(posted_on), window(asked))


def announced_too_short(asked: Consultation) -> bool:
    """The notice promises less time than the rule gives: staff are warned, citizens get more."""
    announced, computed = asked.announced_ends_at, asked.computed_ends_at
    return announced is not None and computed is not None and announced < computed


def become(
    session: AsyncSession,
    asked: Consultation,
    new: ConsultationState,
    actor: str,
    now: datetime,
    reason: str = "",
) -> None:
    """The one way a consultation changes state. Raises UserError for a forbidden pair."""
    try:
        asked.become(new)
    except ForbiddenTransition:
        raise forbidden(asked) from None
    acts.note(session, now, actor, f"make {new}", "consultation", asked.id, reason)


def forbidden(asked: Consultation) -> UserError:
    """Says where it stands, and what may be done from there."""
    state = ConsultationState(asked.state)
    return UserError(
        "consultations-forbidden-step", code=asked.code,
        state=Word(f"consultations-state-{state}"), ways=Word(f"consultations-ways-{state}"),
    )  # fmt: skip


async def publish(session: AsyncSession, asked: Consultation, actor: str, now: datetime) -> None:
    """Approves a draft if need be and opens it; without a day of posting, today is that day.

    Raises UserError when nobody is proposed, and for a window that is over already.
    """
    if not asked.candidates:
        raise UserError("consultations-no-candidates", code=asked.code)
    if asked.state not in (ConsultationState.DRAFT, ConsultationState.APPROVED):
        raise forbidden(asked)
    if asked.state == ConsultationState.DRAFT:
        become(session, asked, ConsultationState.APPROVED, actor, now)
    if asked.posted_on is None:
        asked.posted_on, asked.opens_at = now.astimezone(VIETNAM).date(), now
    schedule(asked, await load_calendar(session))
    if asked.closes_at is not None and asked.closes_at <= now:
        closes = Until(asked.closes_at)
        raise UserError(
            "consultations-window-over", code=asked.code, posted=asked.posted_on, closes=closes
        )
    become(session, asked, ConsultationState.OPEN, actor, now)
    session.add(Publication(id=new_id(), consultation_id=asked.id, medium=OWN_PAGE, at=now))


def close(
    session: AsyncSession, asked: Consultation, reason: str, actor: str, now: datetime
) -> None:
    """Closes it by hand. Before its end that is a moved end: with a reason, and shown as one.

    Raises UserError for an early close without a reason.
    """
    closes_at, words = asked.closes_at, checked_reason(reason)
    if closes_at is not None and now < closes_at:
        if not words:
            raise UserError("command-close-too-early", code=asked.code, closes=Until(closes_at))
        become(session, asked, ConsultationState.CLOSED, actor, now, words)
        _change_end(session, asked, now, words, now)
    else:
        become(session, asked, ConsultationState.CLOSED, actor, now, words)


def closed_short(asked: Consultation) -> bool:
    """It ended before the rule's own end: the council has to be told."""
    closes, computed = asked.closes_at, asked.computed_ends_at
    return closes is not None and computed is not None and closes < computed


async def move_end(
    session: AsyncSession,
    asked: Consultation,
    closes_at: datetime,
    reason: str,
    actor: str,
    now: datetime,
) -> None:
    """Moves the close to a working day that is not before the computed end.

    The reason and the old date stay, in the open. Raises UserError.
    """
    words = checked_reason(reason)
    if not words:
        raise UserError("consultations-move-needs-reason")
    if asked.closes_at is None or asked.state not in (
        ConsultationState.OPEN,
        ConsultationState.SUSPENDED,
    ):
        raise forbidden(asked)
    if closes_at == asked.closes_at:
        raise UserError("consultations-move-same", closes=Until(closes_at))
    if asked.computed_ends_at and closes_at < asked.computed_ends_at:
        raise UserError("consultations-move-too-short", computed=Until(asked.computed_ends_at))
    _refuse_day_off(await load_calendar(session), closing_day(closes_at))
    _change_end(session, asked, closes_at, words, now)
    acts.note(session, now, actor, "move end", "consultation", asked.id, words)


def checked_reason(reason: str) -> str:
    """Tidied. Raises UserError when the public would be shown more than there is room for."""
    words = " ".join(reason.split())
    if len(words) > LONGEST_REASON:
        raise UserError("consultations-reason-too-long", length=len(words), longest=LONGEST_REASON)
    return words


def _refuse_day_off(calendar: Calendar, day: date) -> None:
    try:
        if calendar.is_working_day(day):
            return
    except OutsideCoverage as error:
        raise outside_calendar(error) from None
    raise UserError("consultations-move-day-off", day=day)


def outside_calendar(error: OutsideCoverage) -> UserError:
    """The day that cannot be counted with, in words for whoever keeps the holiday table."""
    return UserError(
        "consultations-outside-calendar",
        day=error.day, first=error.covered_from, last=error.covered_until,
    )  # fmt: skip


def _change_end(
    session: AsyncSession, asked: Consultation, closes_at: datetime, reason: str, now: datetime
) -> None:
    assert asked.closes_at is not None
    session.add(
        ScheduleChange(
            id=new_id(), consultation_id=asked.id, at=now, old_closes_at=asked.closes_at,
            new_closes_at=closes_at, reason=reason[:LONGEST_REASON],
        )
    )  # fmt: skip
    asked.closes_at = closes_at


@dataclass(frozen=True)
class Recount:
    """An open consultation whose computed end the holiday table now puts elsewhere."""

    asked: Consultation
    computed_before: datetime | None
    computed_now: datetime
    closes_before: datetime
    closes_now: datetime
    """Never earlier than what the public has been told: that is changed by `move_end` alone."""


async def recounts(session: AsyncSession, calendar: Calendar) -> list[Recount]:
    """What the calendar would change, without changing it. Raises OutsideCoverage."""
    running = await session.scalars(
        select(Consultation)
        .where(Consultation.state.in_((ConsultationState.OPEN, ConsultationState.SUSPENDED)))
        .order_by(Consultation.code)
        .with_for_update()
    )
    found = []
    for asked in running.all():
        if asked.posted_on is None or asked.closes_at is None:
            continue
        computed = _computed_end(asked, asked.posted_on, calendar)
        if computed != asked.computed_ends_at:
            old = asked.closes_at
            found.append(Recount(asked, asked.computed_ends_at, computed, old, max(old, computed)))
    return found


def recount(session: AsyncSession, found: Recount, reason: str, actor: str, now: datetime) -> None:
    """Takes over what `recounts` found; a close that moves is shown with its old date."""
    asked = found.asked
    asked.computed_ends_at = found.computed_now
    if found.closes_now != found.closes_before:
        _change_end(session, asked, found.closes_now, reason, now)
    acts.note(session, now, actor, "recount end", "consultation", asked.id, reason)


def record_posting(
    session: AsyncSession,
    asked: Consultation,
    medium: str,
    at: datetime,
    url: str,
    actor: str,
    now: datetime,
) -> None:
    """Adds a place where the notice has appeared: evidence for the council, shown to the public.

    Raises UserError for a draft, and for what is still to come.
    """
    if asked.state == ConsultationState.DRAFT:
        raise UserError("consultations-posting-of-draft", code=asked.code)
    if at > now:
        raise UserError("consultations-posting-to-come", at=at)
    session.add(Publication(id=new_id(), consultation_id=asked.id, medium=medium, at=at, url=url))
    acts.note(session, now, actor, "record posting", "consultation", asked.id, f"{medium} {url}")


def keep_late(
    session: AsyncSession, asked: Consultation, keeps: bool, actor: str, now: datetime
) -> None:
    """Whether opinions after the end are kept apart or refused. Raises UserError once it may
    have been applied to somebody: the rule holds for everybody alike."""
    if asked.state not in (
        ConsultationState.DRAFT,
        ConsultationState.APPROVED,
        ConsultationState.OPEN,
    ):
        raise UserError("consultations-late-rule-fixed", code=asked.code)
    asked.keeps_late = keeps
    acts.note(
        session, now, actor, "keep late" if keeps else "refuse late", "consultation", asked.id
    )


async def changes(session: AsyncSession, asked: Consultation) -> Sequence[ScheduleChange]:
    """Every move of the end, oldest first: shown to the public with the old dates."""
    found = await session.scalars(
        select(ScheduleChange)
        .where(ScheduleChange.consultation_id == asked.id)
        .order_by(ScheduleChange.at)
    )
    return found.all()


async def close_due(session: AsyncSession, now: datetime) -> int:
    """Closes what has run out; returns how many. A suspended one waits until it is resumed.

    So does one for which something that came in time still waits for its turn.
    """
    in_time = exists().where(
        InboxEvent.done_at.is_(None), InboxEvent.received_at < Consultation.closes_at
    )
    due = await session.scalars(
        select(Consultation)
        .where(
            Consultation.state == ConsultationState.OPEN,
            Consultation.closes_at <= now,
            ~in_time,
        )
        .with_for_update(skip_locked=True)
    )
    rows = due.all()
    for asked in rows:
        become(session, asked, ConsultationState.CLOSED, "clock", now)
    return len(rows)
