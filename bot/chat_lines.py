"""The lines of web conversations: sealed with the reader's own key, streamed as they come."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.vault import Unreadable, Vault
from storage.models.people import Contact, Person
from storage.models.traffic import ChatLine

MOST_AT_ONCE = 200


class Bell:
    """Wakes the streams of a contact in this process; other processes look once a second."""

    def __init__(self) -> None:
        self._events: dict[int, asyncio.Event] = defaultdict(asyncio.Event)

    def ring(self, contact_id: int) -> None:
        if contact_id in self._events:
            self._events.pop(contact_id).set()

    def listen(self, contact_id: int) -> asyncio.Event:
        """Set at the next ring: to be asked before looking, so that no ring in between is lost."""
        return self._events[contact_id]


async def write(
    session: AsyncSession,
    vault: Vault,
    contact_id: int,
    line: dict[str, Any],
    at: datetime,
    event_id: str | None = None,
) -> int | None:
    """Adds a line; its number, or None when the person was forgotten."""
    key = await _key(session, contact_id)
    if key is None:
        return None
    sealed = vault.seal(key, json.dumps(line, ensure_ascii=False), _place(contact_id))
    row = await session.execute(
        insert(ChatLine)
        .values(contact_id=contact_id, line=sealed, at=at, event_id=event_id)
        .returning(ChatLine.id)
    )
    return row.scalar_one()


async def read(
    session: AsyncSession, vault: Vault, contact_id: int, after: int
) -> list[dict[str, Any]]:
    """The lines after a number, oldest first: {seq, at, echo, …what was written}."""
    key = await _key(session, contact_id)
    rows = await session.execute(
        select(ChatLine)
        .where(ChatLine.contact_id == contact_id, ChatLine.id > after)
        .order_by(ChatLine.id)
        .limit(MOST_AT_ONCE)
    )
    return [_opened(row, vault, key) for row in rows.scalars()] if key else []


async def one(
    session: AsyncSession, vault: Vault, contact_id: int, number: int
) -> dict[str, Any] | None:
    key = await _key(session, contact_id)
    row = await session.get(ChatLine, number)
    if key is None or row is None or row.contact_id != contact_id:
        return None
    return _opened(row, vault, key)


async def said(
    session: AsyncSession, vault: Vault, contact_id: int, event_id: str
) -> dict[str, Any] | None:
    """The person's own line of that event, when it came before: a post may be repeated."""
    key = await _key(session, contact_id)
    row = await session.scalar(
        select(ChatLine).where(ChatLine.contact_id == contact_id, ChatLine.event_id == event_id)
    )
    return _opened(row, vault, key) if row is not None and key is not None else None


async def last(session: AsyncSession, contact_id: int) -> int:
    return (
        await session.scalar(
            select(func.coalesce(func.max(ChatLine.id), 0)).where(
                ChatLine.contact_id == contact_id
            )
        )
        or 0
    )


async def erase(session: AsyncSession, contact_id: int) -> None:
    await session.execute(delete(ChatLine).where(ChatLine.contact_id == contact_id))


async def erase_some(
    session: AsyncSession,
    vault: Vault,
    contact_id: int,
    choose: Callable[[Sequence[dict[str, Any]]], Awaitable[set[int]]],
) -> None:
    """Deletes those whose numbers `choose` returns, having read them all, oldest first."""
    key = await _key(session, contact_id)
    if key is None:
        return await erase(session, contact_id)
    rows = await session.scalars(
        select(ChatLine).where(ChatLine.contact_id == contact_id).order_by(ChatLine.id)
    )
    gone = await choose([_opened(row, vault, key) for row in rows])
    if gone:
        await session.execute(
            delete(ChatLine).where(ChatLine.contact_id == contact_id, ChatLine.id.in_(gone))
        )


def _opened(row: ChatLine, vault: Vault, key: bytes) -> dict[str, Any]:
    try:
        line: dict[str, Any] = json.loads(vault.unseal(key, row.line, _place(row.contact_id)))
    except Unreadable:
        line = {"from": "bot", "text": ""}
    return {"seq": row.id, "at": row.at.isoformat(), "echo": row.event_id, **line}


async def _key(session: AsyncSession, contact_id: int) -> bytes | None:
    key: bytes | None = await session.scalar(
        select(Person.wrapped_key)
        .join(Contact, Contact.person_id == Person.id)
        .where(Contact.id == contact_id)
    )
    return key


def _place(contact_id: int) -> str:
    return f"chat_lines.line:{contact_id}"
