"""What waits for an officer: undecided, or decided and contested; never another office's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from handlers.consultations.review import rights
from handlers.consultations.review import service as review
from storage.models.consultations import (
    Candidate,
    CaseMessage,
    Consultation,
    Opinion,
    OpinionState,
    OpinionVersion,
)
from storage.models.office import Officer, Role


@dataclass(frozen=True)
class Group:
    """What waits on one candidate."""

    consultation_id: str
    title: str
    candidate_id: str
    name: str
    count: int
    oldest: datetime
    newest: datetime
    """When the last of it came in, words or answer."""


def _asked_at() -> ScalarSelect[datetime]:
    return (
        select(func.max(CaseMessage.at))
        .where(CaseMessage.opinion_id == Opinion.id, CaseMessage.from_office.is_(True))
        .scalar_subquery()
    )


def _answered_at() -> ScalarSelect[datetime]:
    return (
        select(func.max(CaseMessage.at))
        .where(CaseMessage.opinion_id == Opinion.id, CaseMessage.from_office.is_(False))
        .scalar_subquery()
    )


def _words_at() -> ScalarSelect[datetime]:
    return (
        select(func.max(OpinionVersion.at))
        .where(OpinionVersion.opinion_id == Opinion.id)
        .scalar_subquery()
    )


def _waits() -> ColumnElement[bool]:
    """Undecided and not waiting for its author; or decided, and its author wrote again since."""
    asked, answered = _asked_at(), _answered_at()
    undecided = and_(
        Opinion.state == OpinionState.FILED,
        or_(asked.is_(None), answered >= asked, _words_at() > asked),
    )
    contested = and_(
        Opinion.state.in_((OpinionState.ACCEPTED, OpinionState.SET_ASIDE)),
        answered > Opinion.decided_at,
    )
    return or_(undecided, contested)


def _waiting(
    officer: Officer,
) -> Select[str, str, str, datetime, datetime | None, datetime | None]:
    return (
        select(
            Opinion.id,
            Opinion.consultation_id,
            Opinion.candidate_id,
            Opinion.received_at,
            _words_at().label("words_at"),
            _answered_at().label("answered_at"),
        )
        .join(Consultation, Consultation.id == Opinion.consultation_id)
        .where(
            Consultation.office_id == officer.office_id,
            Consultation.state.in_(review.DECIDABLE),
            _waits(),
            ~rights.is_involved(officer, Opinion.candidate_id),
        )
    )


async def groups(session: AsyncSession, officer: Officer) -> list[Group]:
    """By candidate, in the order of the notices; only of the officer's own office."""
    rights.require(officer, Role.OFFICER)
    each = _waiting(officer).subquery()
    rows = await session.execute(
        select(
            Consultation.id, Consultation.title, Candidate.id, Candidate.name, func.count(),
            func.min(each.c.received_at), func.max(each.c.words_at), func.max(each.c.answered_at),
        )
        .join(Candidate, Candidate.id == each.c.candidate_id)
        .join(Consultation, Consultation.id == each.c.consultation_id)
        .group_by(
            Consultation.id, Consultation.title, Consultation.closes_at, Candidate.id,
            Candidate.name, Candidate.number,
        )
        .order_by(Consultation.closes_at, Consultation.id, Candidate.number)
    )  # fmt: skip
    return [
        Group(asked_id, title, candidate_id, name, count, oldest, max(filter(None, arrived)))
        for asked_id, title, candidate_id, name, count, oldest, *arrived in rows
    ]


async def next_one(
    session: AsyncSession, officer: Officer, candidate_id: str, after: Opinion | None = None
) -> str | None:
    """The id of the oldest that waits on this candidate, or of the one that follows `after`."""
    rights.require(officer, Role.OFFICER)
    query = _waiting(officer).where(Opinion.candidate_id == candidate_id)
    if after is not None:
        later = and_(Opinion.received_at == after.received_at, Opinion.id > after.id)
        query = query.where(or_(Opinion.received_at > after.received_at, later))
    found: str | None = await session.scalar(
        query.order_by(Opinion.received_at, Opinion.id).limit(1)
    )
    return found
