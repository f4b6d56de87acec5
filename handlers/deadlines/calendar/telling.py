"""Telling once, and politely, the people of the units that owe a deadline."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import outbox, politely
from bot.clock import load_calendar
from bot.replies import Reply
from bot.vault import Vault
from handlers.deadlines import duties
from handlers.deadlines.reminders import recipients
from handlers.deadlines.reminders.recipients import Chat, Directory
from storage.models.deadlines import OPEN_DUTIES, Deadline, Duty
from storage.models.traffic import MessageClass
from storage.models.units import Unit

LONGEST = 120
"""Characters of a title or a reason within a notice."""
MOST_NAMED = 3
"""Units named to a person who answers for several."""


def short(text: str, most: int = LONGEST) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


async def tell(
    session: AsyncSession,
    vault: Vault,
    deadline: Deadline,
    news: Reply,
    key: str,
    now: datetime,
    *,
    moved_from: datetime | None = None,
) -> int:
    """Every person of a unit whose duty is open, each once, however many units they have.

    After a move not those whose unit has a date of its own that stays. {units} is filled in here.
    """
    units = await _units(session, deadline, moved_from)
    directory = await recipients.load(session, (), set(units))
    calendar = await load_calendar(session)
    told = 0
    for chat, names in _chats(directory, units).items():
        message = replace(news, args={**news.args, "units": _named(names)})
        due_at = now if deadline.urgent else politely.moment(calendar, chat.quiet, now)
        kind = MessageClass.URGENT if deadline.urgent else MessageClass.NOTICE
        outbox.tell(
            session, vault, chat.contact_id, message, kind=kind, due_at=due_at,
            dedupe_key=f"{key}:{chat.contact_id}",
        )  # fmt: skip
        told += 1
    return told


async def _units(
    session: AsyncSession, deadline: Deadline, moved_from: datetime | None
) -> dict[str, str]:
    """Id → name of the units that owe it, and for whom something has changed."""
    found = await session.execute(
        select(Unit, Duty)
        .join(Duty, Duty.unit_id == Unit.id)
        .where(
            Duty.deadline_id == deadline.id,
            Duty.state.in_(OPEN_DUTIES),
            Unit.closed_at.is_(None),
        )
        .order_by(Unit.name)
    )
    return {
        unit.id: unit.name
        for unit, duty in found
        if moved_from is None or _had(duty, moved_from) != duties.due_at(deadline, duty)
    }


def _had(duty: Duty, due_at: datetime) -> datetime:
    return max(due_at, duty.own_due_at) if duty.own_due_at else due_at


def _chats(directory: Directory, units: Mapping[str, str]) -> dict[Chat, list[str]]:
    """One chat for each person, with the names of their units."""
    chats: dict[Chat, list[str]] = defaultdict(list)
    for unit_id, name in units.items():
        for person in directory.members.get(unit_id, []):
            if person.chats and not person.opted_out and name not in chats[person.chats[0]]:
                chats[person.chats[0]].append(name)
    return {chat: names for chat, names in chats.items() if names}


def _named(names: Sequence[str]) -> str:
    listed = "; ".join(short(name, 60) for name in names[:MOST_NAMED])
    return f"{listed}; +{len(names) - MOST_NAMED}" if len(names) > MOST_NAMED else listed
