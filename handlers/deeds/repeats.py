"""An exemplar taken up elsewhere: "this inspired me, we did it too" is a deed that is checked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from handlers.deeds import exemplars, service
from handlers.deeds.service import Filed
from storage.models.base import new_id
from storage.models.deeds import DeedRepeat


async def follow(session: AsyncSession, filed: Filed, exemplar_id: str, now: datetime) -> bool:
    """Ties a report just filed to what it followed. False where the public does not read of that
    any more, and where the deed is tied already: a further witness is no further repeat."""
    deed = filed.deed
    if deed.id == exemplar_id or await exemplars.one(session, exemplar_id) is None:
        return False
    tied = select(DeedRepeat.id).where(DeedRepeat.deed_id == deed.id)
    if await session.scalar(tied.limit(1)) is not None:
        return False
    deed.inspired_by_id = deed.inspired_by_id or exemplar_id
    unit = await service.invited(session, filed.report.invited_by)
    session.add(
        DeedRepeat(
            id=new_id(), exemplar_id=exemplar_id, deed_id=deed.id,
            unit_id=unit.id if unit else None, province=deed.province, commune=deed.commune,
            at=now,
        )
    )  # fmt: skip
    await session.flush()
    return True
