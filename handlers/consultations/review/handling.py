"""What the office checked and found of an objection or information, kept for the council."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from bot import acts
from bot.replies import UserError
from handlers.consultations.review import rights
from handlers.consultations.review import service as review
from storage.models.consultations import Consultation, Opinion, OpinionState, Stance
from storage.models.office import Officer, Role

CHECKED = (Stance.OBJECT, Stance.INFORM)
"""What the council is told of one by one."""


def may_be_noted(opinion: Opinion) -> bool:
    """Until the file for the council is compiled."""
    return (
        opinion.stance in CHECKED
        and opinion.state == OpinionState.ACCEPTED
        and opinion.consultation.state in review.DECIDABLE
    )


async def note_result(
    session: AsyncSession, officer: Officer, opinion_id: str, text: str, now: datetime
) -> Opinion:
    """Keeps the words with who wrote them and when, in place of earlier ones; nobody is told.

    Raises UserError for what is not in the record, and once the file is compiled.
    """
    opinion = (await review.held(session, officer, opinion_id)).opinion
    review.refuse_compiled(opinion)
    if not may_be_noted(opinion):
        raise UserError("review-handling-not-accepted")
    opinion.handling = review.checked_words(text)
    opinion.handled_by, opinion.handled_at = officer.id, now
    acts.note(session, now, rights.actor(officer), "note result", "opinion", opinion_id)
    return opinion


async def to_note(session: AsyncSession, officer: Officer) -> int:
    """How many in the record still have no result."""
    without = _in_the_record(officer).where(Opinion.handling == "").subquery()
    return await session.scalar(select(func.count()).select_from(without)) or 0


async def in_the_record(session: AsyncSession, officer: Officer, most: int) -> Sequence[Opinion]:
    """Objections and information that were accepted: those without a result first."""
    found = await session.scalars(
        _in_the_record(officer)
        .options(selectinload(Opinion.candidate))
        .order_by(Opinion.handling != "", Opinion.received_at, Opinion.id)
        .limit(most)
    )
    return found.all()


def _in_the_record(officer: Officer) -> Select[Opinion]:
    rights.require(officer, Role.OFFICER)
    return (
        select(Opinion)
        .join(Consultation, Consultation.id == Opinion.consultation_id)
        .where(
            Consultation.office_id == officer.office_id,
            Consultation.state.in_(review.DECIDABLE),
            Opinion.state == OpinionState.ACCEPTED,
            Opinion.stance.in_(CHECKED),
            ~rights.is_involved(officer, Opinion.candidate_id),
        )
    )
