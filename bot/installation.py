"""Whose database this is: one row that tells at once when the key is not its own."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.config import ConfigError
from bot.vault import Vault
from storage.models.traffic import Installation


async def recognise(session: AsyncSession, vault: Vault, now: datetime) -> None:
    """Marks a new database; raises ConfigError for one made under another key: nothing in it
    could be read, and what is added could not be read by its owner."""
    check = vault.fingerprint("installation", "neuguong")
    row = await session.get(Installation, 1)
    if row is None:
        session.add(Installation(id=1, secret_check=check, made_at=now))
    elif row.secret_check != check:
        raise ConfigError("starting-other-key")
