"""The feed: due rows of the ledger become messages in the outbox, one for each person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.vault import Vault

Feeder = Callable[[AsyncSession, datetime, int, str, str], Awaitable[int]]


async def feed(
    session: AsyncSession, vault: Vault, now: datetime, most: int, channel: str, account: str
) -> int:
    """Stores at most `most` messages for contacts of this account; returns how many."""
    raise NotImplementedError


def feeder(vault: Vault) -> Feeder:
    """What the outbox calls inside its own claim."""

    async def fed(
        session: AsyncSession, now: datetime, most: int, channel: str, account: str
    ) -> int:
        return await feed(session, vault, now, most, channel, account)

    return fed
