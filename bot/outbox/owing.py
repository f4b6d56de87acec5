"""What is owed to people: stored in the transaction in which it comes to be owed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import replies
from bot.channels.base import Channel
from bot.replies import Reply
from bot.vault import Vault
from storage.db import Database, insert_ignoring
from storage.models.base import table
from storage.models.traffic import MessageClass, OutboxMessage, OutboxState

LEASE = timedelta(seconds=45)
"""How long what a process has claimed is its own."""
KEYS_AT_ONCE = 5_000
TABLE = table(OutboxMessage)
COLUMN = TABLE.c


@dataclass(frozen=True)
class Owed:
    """One message with all that sending it needs."""

    contact_id: int
    channel: Channel
    address: str
    locale: str
    reply: Reply
    kind: MessageClass
    edits: str | None = None
    dedupe_key: str | None = None
    id: int = 0
    attempts: int = 0
    lease_until: datetime | None = None
    slot: float | None = None
    """When a paced message may go, as time.monotonic() tells it; None: at once."""
    floor_id: int | None = None
    strays: int = 0


def tell(
    session: AsyncSession,
    vault: Vault,
    contact_id: int,
    message: Reply,
    *,
    kind: MessageClass = MessageClass.NOTICE,
    due_at: datetime,
    dedupe_key: str | None = None,
) -> None:
    """Owes a message to somebody, later or elsewhere; it goes when the transaction has committed.

    The same `dedupe_key` twice is an IntegrityError: ask first, or let the job fail.
    """
    parts = [message, *message.then]
    for number, part in enumerate(parts):
        session.add(
            OutboxMessage(
                contact_id=contact_id,
                kind=kind,
                reply=vault.seal_system(replies.dump(part), "outbox"),
                dedupe_key=f"{dedupe_key}:{number}" if dedupe_key else None,
                due_at=due_at,
                state=OutboxState.QUEUED,
            )
        )


async def tell_many(
    session: AsyncSession,
    vault: Vault,
    messages: Mapping[str, tuple[int, Reply]],
    *,
    kind: MessageClass,
    due_at: datetime,
) -> dict[str, int]:
    """As `tell`, for many single messages at once: dedupe key → (contact, message).

    Returns dedupe key → the row's id. Each key must be new.
    """
    rows = [
        {
            "contact_id": contact_id, "kind": kind, "due_at": due_at, "attempts": 0,
            "reply": vault.seal_system(replies.dump(message), "outbox"),
            "dedupe_key": f"{key}:0", "state": OutboxState.QUEUED,
        }
        for key, (contact_id, message) in messages.items()
    ]  # fmt: skip
    found: dict[str, int] = {}
    for start in range(0, len(rows), KEYS_AT_ONCE):
        some = rows[start : start + KEYS_AT_ONCE]
        await session.execute(insert(TABLE), some)
        stored = await session.execute(
            select(TABLE.c.dedupe_key, TABLE.c.id).where(
                TABLE.c.dedupe_key.in_([row["dedupe_key"] for row in some])
            )
        )
        found.update((key.removesuffix(":0"), number) for key, number in stored)
    return found


async def withdraw(session: AsyncSession, which: Any, now: datetime) -> list[int]:
    """Queued messages only; returns their ids. What they told may be told anew: by another message
    of the same dedupe key."""
    gone = await session.scalars(
        update(TABLE)
        .where(COLUMN.state == OutboxState.QUEUED, which)
        .values(state=OutboxState.WITHDRAWN, reply=None, dedupe_key=None, sent_at=now)
        .returning(COLUMN.id)
    )
    return list(gone)


async def owe(
    session: AsyncSession, db: Database, vault: Vault, owed: list[Owed], now: datetime
) -> list[Owed]:
    """Stores replies already claimed by this process; what was owed before is left out."""
    if not owed:
        return []
    rows = [_row(one, vault, now) for one in owed]
    if not any(one.dedupe_key for one in owed):
        result = await session.execute(_OWE, rows)
        until = now + LEASE
        return [
            replace(one, id=row.id, lease_until=until)
            for one, row in zip(owed, result, strict=True)
        ]
    kept = []
    for one, row in zip(owed, rows, strict=True):
        found = await session.execute(
            insert_ignoring(db, OutboxMessage).returning(TABLE.c.id), row
        )
        if (number := found.scalar_one_or_none()) is not None:
            kept.append(replace(one, id=number, lease_until=now + LEASE))
    return kept


def _row(one: Owed, vault: Vault, now: datetime) -> dict[str, Any]:
    return {
        "contact_id": one.contact_id,
        "kind": one.kind,
        "reply": vault.seal_system(replies.dump(one.reply), "outbox"),
        "dedupe_key": one.dedupe_key,
        "due_at": now,
        "state": OutboxState.SENDING,
        "lease_until": now + LEASE,
        "attempts": 0,
    }


_OWE = insert(TABLE).returning(TABLE.c.id, sort_by_parameter_order=True)
"""Built once: building it costs more than asking it."""
