"""How a consultation stands, for the office alone: counts, days, and the brake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import VIETNAM, Calendar, OutsideCoverage, day_number, load_calendar
from bot.replies import UserError
from handlers.consultations import lifecycle
from handlers.consultations.review import rights
from handlers.consultations.review import service as review
from storage.models.consultations import (
    LIVE_STATES,
    Consultation,
    ConsultationState,
    Opinion,
    OpinionState,
    Stance,
)
from storage.models.office import Officer, Role

SHOWN = (
    ConsultationState.APPROVED,
    ConsultationState.OPEN,
    ConsultationState.SUSPENDED,
    ConsultationState.CLOSED,
    ConsultationState.COMPILED,
)


@dataclass(frozen=True)
class Standing:
    consultation: Consultation
    by_state: Counter[OpinionState]
    by_stance: Counter[Stance]
    """Of the opinions that stand: neither withdrawn, erased nor in the restricted lane."""
    in_window: int
    outside: int
    day: tuple[int, int] | None
    """(4, 10) for day 4 of 10; None outside the window."""


async def overview(session: AsyncSession, officer: Officer, now: datetime) -> list[Standing]:
    """The office's own consultations, the soonest to close first. Never for the public."""
    rights.require(officer, Role.OFFICER, Role.RESTRICTED)
    found = await session.scalars(
        select(Consultation)
        .where(Consultation.office_id == officer.office_id, Consultation.state.in_(SHOWN))
        .order_by(Consultation.closes_at)
    )
    calendar = await load_calendar(session)
    return [await _standing(session, asked, calendar, now) for asked in found.all()]


async def _standing(
    session: AsyncSession, asked: Consultation, calendar: Calendar, now: datetime
) -> Standing:
    rows = await session.execute(
        select(Opinion.state, Opinion.stance, Opinion.in_window, func.count())
        .where(Opinion.consultation_id == asked.id)
        .group_by(Opinion.state, Opinion.stance, Opinion.in_window)
    )
    by_state: Counter[OpinionState] = Counter()
    by_stance: Counter[Stance] = Counter()
    timely: Counter[bool] = Counter()
    for state, stance, in_window, count in rows:
        by_state[OpinionState(state)] += count
        if state in LIVE_STATES:
            by_stance[Stance(stance)] += count
            timely[bool(in_window)] += count
    return Standing(
        asked, by_state, by_stance, timely[True], timely[False], _day(asked, calendar, now)
    )


def _day(asked: Consultation, calendar: Calendar, now: datetime) -> tuple[int, int] | None:
    if asked.posted_on is None or asked.state != ConsultationState.OPEN:
        return None
    posted = datetime.combine(asked.posted_on, time(), VIETNAM).astimezone(UTC)
    try:
        return day_number(calendar, posted, lifecycle.window(asked), now)
    except OutsideCoverage:
        return None


async def suspend(
    session: AsyncSession, officer: Officer, consultation_id: str, reason: str, now: datetime
) -> Consultation:
    """While a matter is verified (Decree 152/2025, article 4, clause 4)."""
    return await _turn(session, officer, consultation_id, ConsultationState.SUSPENDED, reason, now)


async def resume(
    session: AsyncSession, officer: Officer, consultation_id: str, reason: str, now: datetime
) -> Consultation:
    """Only what was suspended; when its time has run out meanwhile, the clock closes it next."""
    return await _turn(session, officer, consultation_id, ConsultationState.OPEN, reason, now)


async def _turn(
    session: AsyncSession,
    officer: Officer,
    consultation_id: str,
    new: ConsultationState,
    reason: str,
    now: datetime,
) -> Consultation:
    asked = await reach(session, officer, consultation_id)
    words = review.checked_words(reason)
    # An approved one may become open too, but by being published, not from here.
    if new == ConsultationState.OPEN and asked.state != ConsultationState.SUSPENDED:
        raise lifecycle.forbidden(asked)
    lifecycle.become(session, asked, new, rights.actor(officer), now, words)
    return asked


async def reach(session: AsyncSession, officer: Officer, consultation_id: str) -> Consultation:
    """The office's own consultation, locked until the commit. Raises UserError."""
    rights.require(officer, Role.OFFICER, Role.RESTRICTED)
    found: Consultation | None = await session.scalar(
        select(Consultation)
        .where(Consultation.id == consultation_id, Consultation.office_id == officer.office_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise UserError("review-not-yours")
    return found


async def restricted_keepers(session: AsyncSession, office_id: str) -> Sequence[Officer]:
    """Who may open the restricted lane; nobody reads a matter where there are none."""
    found = await session.scalars(
        select(Officer).where(
            Officer.office_id == office_id,
            Officer.role == Role.RESTRICTED,
            Officer.revoked_at.is_(None),
        )
    )
    return found.all()
