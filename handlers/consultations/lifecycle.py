"""What an office does with a consultation over time: schedule, publish, suspend, move, close."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import VIETNAM, Calendar, Counting, DayUnit, Window, load_calendar, window_end
from bot.replies import Until, UserError
from handlers.consultations.service import note
from storage.models.base import new_id
from storage.models.consultations import (
    Consultation,
    ConsultationState,
    ForbiddenTransition,
    Publication,
    ScheduleChange,
)
from storage.models.traffic import InboxEvent


async def by_code(session: AsyncSession, code: str) -> Consultation:
    """In whatever state. Raises UserError when there is none."""
    found: Consultation | None = await session.scalar(
        select(Consultation).where(Consultation.code == code)
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
        raise UserError("consultations-forbidden-step", code=asked.code) from None
    note(session, now, actor, f"make {new}", "consultation", asked.id, reason)


async def publish(session: AsyncSession, asked: Consultation, actor: str, now: datetime) -> None:
    """Approves a draft if need be and opens it; without a day of posting, today is that day."""
    if not asked.candidates:
        raise UserError("consultations-no-candidates", code=asked.code)
    if asked.state == ConsultationState.DRAFT:
        become(session, asked, ConsultationState.APPROVED, actor, now)
    if asked.posted_on is None:
        asked.posted_on, asked.opens_at = now.astimezone(VIETNAM).date(), now
    schedule(asked, await load_calendar(session))
    become(session, asked, ConsultationState.OPEN, actor, now)
    session.add(
        Publication(
            id=new_id(), consultation_id=asked.id, medium="neuguong", at=now, url=asked.notice_url
        )
    )


async def move_end(
    session: AsyncSession,
    asked: Consultation,
    closes_at: datetime,
    reason: str,
    actor: str,
    now: datetime,
) -> None:
    """Moves the close, with its reason and the old date kept; never below the computed end."""
    if not reason.strip():
        raise UserError("consultations-move-needs-reason")
    if asked.closes_at is None or asked.state not in (
        ConsultationState.OPEN,
        ConsultationState.SUSPENDED,
    ):
        raise UserError("consultations-forbidden-step", code=asked.code)
    if asked.computed_ends_at and closes_at < asked.computed_ends_at:
        raise UserError("consultations-move-too-short", computed=Until(asked.computed_ends_at))
    session.add(
        ScheduleChange(
            id=new_id(), consultation_id=asked.id, at=now, old_closes_at=asked.closes_at,
            new_closes_at=closes_at, reason=reason,
        )
    )  # fmt: skip
    asked.closes_at = closes_at
    note(session, now, actor, "move end", "consultation", asked.id, reason)


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
        asked.closes_at = found.closes_now
        session.add(
            ScheduleChange(
                id=new_id(), consultation_id=asked.id, at=now, reason=reason[:500],
                old_closes_at=found.closes_before, new_closes_at=found.closes_now,
            )
        )  # fmt: skip
    note(session, now, actor, "recount end", "consultation", asked.id, reason)


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
    note(session, now, actor, "record posting", "consultation", asked.id, f"{medium} {url}")


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
    note(session, now, actor, "keep late" if keeps else "refuse late", "consultation", asked.id)


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
