"""How often somebody may try: counted per hashed source, shared by all processes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, delete, select
from sqlalchemy.dialects import postgresql, sqlite
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
    ends_at = await session.scalar(
        select(Attempt.ends_at).where(
            Attempt.purpose == limit.purpose, Attempt.source == source,
            Attempt.ends_at > now, Attempt.count >= limit.most,
        )
    )  # fmt: skip
    if ends_at is not None:
        minutes = max(1, round((ends_at - now).total_seconds() / 60))
        raise UserError("common-slow-down", n=minutes)


async def count(session: AsyncSession, limit: Limit, source: bytes, now: datetime) -> None:
    """Counts one more; the span begins anew once it has ended.

    One statement, so that two connections that meet at a new source both count.
    """
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    first = dialect.insert(Attempt).values(
        purpose=limit.purpose, source=source, count=1,
        ends_at=now + timedelta(minutes=limit.minutes),
    )  # fmt: skip
    ended, anew = Attempt.ends_at <= now, first.excluded
    await session.execute(
        first.on_conflict_do_update(
            index_elements=[Attempt.purpose, Attempt.source],
            set_={
                "count": case((ended, anew.count), else_=Attempt.count + 1),
                "ends_at": case((ended, anew.ends_at), else_=Attempt.ends_at),
            },
        )
    )


async def forget_old(session: AsyncSession, now: datetime) -> None:
    await session.execute(delete(Attempt).where(Attempt.ends_at < now))
