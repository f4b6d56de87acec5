"""Finding candidates by any part of a name, a unit or an award, with or without accents."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from bot.text import fold
from storage.models.consultations import PUBLIC_STATES, Candidate, Consultation

SHORTEST = 3
MOST_FOUND = 8


async def find_candidates(session: AsyncSession, typed: str) -> Sequence[Candidate]:
    """At most MOST_FOUND published candidates that hold every word typed, the newest first.

    Folding is done here and not in the database, which knows no đ: a province publishes
    hundreds of candidates a year, not millions.
    """
    words = fold(typed).split()
    if len("".join(words)) < SHORTEST:
        return []
    rows = await session.scalars(
        select(Candidate)
        .join(Candidate.consultation)
        .where(Consultation.state.in_(PUBLIC_STATES))
        .order_by(Consultation.closes_at.desc(), Candidate.number)
        .options(selectinload(Candidate.award), selectinload(Candidate.consultation))
    )
    found = (one for one in rows if _holds(one, words))
    return [one for one, _ in zip(found, range(MOST_FOUND), strict=False)]


def _holds(one: Candidate, words: Sequence[str]) -> bool:
    text = fold(f"{one.name} {one.position} {one.unit} {one.award.name_vi} {one.award.name_en}")
    return all(word in text for word in words)
