"""How often somebody may try: counted per hashed source, shared by all processes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import local_day
from bot.replies import UserError
from bot.vault import Vault
from storage.models.people import Attempt


@dataclass(frozen=True)
class Limit:
    purpose: str
    most: int
    minutes: int


def source_of(vault: Vault, address: str, now: datetime) -> bytes:
    """A network address or contact hashed with the day: worthless for finding anyone tomorrow."""
    return vault.fingerprint("source", f"{local_day(now)}:{address}")


async def refuse_beyond(session: AsyncSession, limit: Limit, source: bytes, now: datetime) -> None:
    """Raises UserError, naming when to try again, once `count` has reached the limit."""
    row = await session.get(Attempt, (limit.purpose, source))
    if row is not None and row.ends_at > now and row.count >= limit.most:
        minutes = max(1, round((row.ends_at - now).total_seconds() / 60))
        raise UserError("common-slow-down", n=minutes)


async def count(session: AsyncSession, limit: Limit, source: bytes, now: datetime) -> None:
    """Counts one more; the span begins anew once it has ended."""
    row = await session.get(Attempt, (limit.purpose, source), with_for_update=True)
    ends_at = now + timedelta(minutes=limit.minutes)
    if row is None:
        session.add(Attempt(purpose=limit.purpose, source=source, count=1, ends_at=ends_at))
    elif row.ends_at <= now:
        row.count, row.ends_at = 1, ends_at
    else:
        row.count += 1


async def forget_old(session: AsyncSession, now: datetime) -> None:
    await session.execute(delete(Attempt).where(Attempt.ends_at < now))
