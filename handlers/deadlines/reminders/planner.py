"""The planner: steps of the ladder that have come become rows of the ledger."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession


async def plan(session: AsyncSession, now: datetime) -> int:
    """Writes what has come due since the last time; returns how many rows were written."""
    raise NotImplementedError
