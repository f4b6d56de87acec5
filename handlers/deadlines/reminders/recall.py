"""Recalling: a reminder that waited in the outbox is judged again before it goes.

It waits there when it had not gone after all, when the platform asked for a pause, and behind
another. It goes as it stands or not at all: where the day it counts from is over, or one of the
things it tells is not wanted any more, the message is withdrawn and all of them wait in the ledger
again. The feed ends each with its reason, and words what is left anew.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import outbox
from bot.clock import local_day
from handlers.deadlines.reminders import feed, settle
from storage.models.base import table
from storage.models.people import Contact
from storage.models.reminders import Reminder, ReminderState
from storage.models.traffic import OutboxMessage

ANEW = "worded_anew"
_TABLE = table(Reminder)


async def may_go(session: AsyncSession, now: datetime, messages: Sequence[int]) -> set[int]:
    """The outbox's guard. A message of which something is being changed at this moment is neither
    sent nor withdrawn; one that the ledger knows nothing of is not held up."""
    carried_by = await _told(session, messages)
    judged = await _judge(session, list(carried_by), now)
    busy = {carried_by[row] for row in carried_by if row not in judged}
    stale = {carried_by[row] for row, wanted in judged.items() if not wanted} - busy
    if stale:
        await take_back(session, OutboxMessage.id.in_(stale), now)
    return {*messages} - busy - stale


async def take_back(session: AsyncSession, which: ColumnElement[bool], now: datetime) -> None:
    """Withdraws these queued messages; what they told waits in the ledger again."""
    withdrawn = await outbox.withdraw(session, which, now)
    await session.execute(
        update(_TABLE)
        .where(_TABLE.c.id.in_(await _told(session, withdrawn)))
        .values(state=ReminderState.PLANNED, reason=ANEW, at=now, outbox_id=None, told_in=None)
    )


async def _told(session: AsyncSession, messages: Collection[int]) -> dict[int, int]:
    """Row of the ledger → the message that tells it."""
    found = await session.execute(
        select(_TABLE.c.id, _TABLE.c.at, _TABLE.c.outbox_id).where(
            settle.CLAIMED, _TABLE.c.outbox_id.in_(messages)
        )
    )
    carriers = found.all()
    told = {row.id: row.outbox_id for row in carriers}
    return told | {row.id: told[row.told_in] for row in await settle.told_in(session, carriers)}


async def _judge(session: AsyncSession, ids: Sequence[int], now: datetime) -> dict[int, bool]:
    """Row → whether it is wanted as it was worded; without those that are not free now."""
    theirs = select(_TABLE.c.contact_id).where(_TABLE.c.id.in_(ids))
    found = await session.execute(feed.CONTACTS.where(Contact.id.in_(theirs)))
    contacts: dict[int, Any] = {row.id: row for row in found}
    locked = await session.execute(feed.ROWS.where(_TABLE.c.id.in_(ids)))
    rows = [row for row in locked if row.contact_id in contacts]
    sorting = await feed.sort(session, rows, contacts, now)
    return {row.id: sorting.wants(row) and local_day(row.at) == local_day(now) for row in rows}
