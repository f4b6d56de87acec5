"""Files that come with a form: judged one by one, then kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.media import FileStore, Refused, Stored, take_in
from bot.replies import Reply
from bot.text import tidy
from storage.models.base import new_id
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
    """Rows for what `judge` stored; they belong to nobody until something filed names them."""
    rows = [
        StoredFile(
            id=new_id(), sha256=one.sha256, original_sha256=one.original_sha256, size=one.size,
            mime=one.mime, kind=one.kind, name=one.name, public=False, taken_at=now,
        )
        for one in taken
    ]  # fmt: skip
    session.add_all(rows)
    return rows
