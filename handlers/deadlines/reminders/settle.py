"""What became of the messages: written back into the ledger, with the way round where one is."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession


async def settle(session: AsyncSession, now: datetime) -> int:
    """Returns how many rows came to an end."""
    raise NotImplementedError
