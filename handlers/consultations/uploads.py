"""Files that came with an opinion and are not wanted any more."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models.consultations import OpinionFile
from storage.models.traffic import StoredFile


async def discard(session: AsyncSession, file_ids: Iterable[str]) -> list[str]:
    """Deletes the rows that no opinion names; returns the hashes nothing points to any more.

    The caller deletes those from the disk once the transaction has committed.
    """
    await session.flush()
    hashes: set[str] = set()
    for file_id in file_ids:
        row = await session.get(StoredFile, file_id)
        used = await session.scalar(select(OpinionFile).where(OpinionFile.file_id == file_id))
        if row is None or row.public or used is not None:
            continue
        hashes |= {row.sha256, row.original_sha256 or row.sha256}
        await session.delete(row)
    await session.flush()
    return [sha256 for sha256 in sorted(hashes) if not await _is_used(session, sha256)]


async def _is_used(session: AsyncSession, sha256: str) -> bool:
    row = await session.scalar(
        select(StoredFile.id)
        .where(or_(StoredFile.sha256 == sha256, StoredFile.original_sha256 == sha256))
        .limit(1)
    )
    return row is not None
