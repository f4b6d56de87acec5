"""Seals: what a receipt's page shows, and anyone finds again in the list published at the close.

The list proves that no opinion was dropped or altered after it was filed, and tells nothing else:
it is sorted, and without the opinion's own random id nobody guesses its words from its seal.
"""

from __future__ import annotations

import hashlib
import json

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models.consultations import LIVE_STATES, Consultation, Opinion, Stance

BATCH = 1_000


def of(opinion: Opinion) -> str:
    """64 hexadecimal digits (SHA-256) over the opinion as it stands, its version included."""
    return _seal(opinion.id, opinion.version, opinion.stance, opinion.text)


def is_listed(opinion: Opinion) -> bool:
    """What was withdrawn, erased or went to the restricted lane stands in no list."""
    return opinion.state in LIVE_STATES


async def published(session: AsyncSession, asked: Consultation) -> list[str]:
    """The seals of all that was filed for this consultation, sorted."""
    rows = await session.stream(
        select(Opinion.id, Opinion.version, Opinion.stance, Opinion.text)
        .where(Opinion.consultation_id == asked.id, Opinion.state.in_(LIVE_STATES))
        .execution_options(yield_per=BATCH)
    )
    return sorted([_seal(*row) async for row in rows])


def _seal(id: str, version: int, stance: Stance, text: str) -> str:
    said = json.dumps([id, version, str(stance), text], ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()
