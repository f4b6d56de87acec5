"""Files that come with a form: judged one by one, kept, and forgotten again when not wanted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.media import FileStore, Refused, Stored, take_in
from bot.replies import Reply
from bot.text import tidy
from storage.models.base import new_id
from storage.models.consultations import OpinionFile
from storage.models.traffic import StoredFile

_SHOWN_NAME = 60


@dataclass(frozen=True)
class RefusedUpload:
    name: str
    why: Reply


async def judge(name: str, content: bytes, store: FileStore) -> Stored | RefusedUpload:
    """Cleans and stores what may be kept. Up to ten seconds: outside any transaction."""
    try:
        return await take_in(content, name, store)
    except Refused as error:
        return RefusedUpload(tidy(name)[-_SHOWN_NAME:], Reply(error.key, error.details))


def keep(session: AsyncSession, taken: Iterable[Stored], now: datetime) -> list[StoredFile]:
    """Rows for what `judge` stored; they belong to nobody until an opinion names them."""
    rows = [
        StoredFile(
            id=new_id(), sha256=one.sha256, original_sha256=one.original_sha256, size=one.size,
            mime=one.mime, kind=one.kind, name=one.name, public=False, taken_at=now,
        )
        for one in taken
    ]  # fmt: skip
    session.add_all(rows)
    return rows


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
