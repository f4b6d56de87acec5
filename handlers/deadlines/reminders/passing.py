"""The way round: when one person cannot or will not hear it, who hears it instead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from handlers.deadlines.reminders import ladder, recipients
from handlers.deadlines.reminders.recipients import Chat, Directory, Person, Seat
from storage.db import insert_ignoring
from storage.models.base import table
from storage.models.deadlines import Audience, Deadline
from storage.models.reminders import Reminder, ReminderState

_TABLE = table(Reminder)
FINAL = {
    "unreachable": ReminderState.FAILED,
    "opted_out": ReminderState.SKIPPED,
    "left": ReminderState.SKIPPED,
}
"""What a row comes to when its own recipient does not hear it."""


@dataclass(frozen=True)
class Lost:
    """A row whose recipient does not hear it, and why: "unreachable", "opted_out" or "left"."""

    id: int
    unit_id: str
    deadline_id: str
    step: str
    recipient: str
    contact_id: int | None
    planned_at: datetime
    why: str


async def pass_on(session: AsyncSession, lost: Sequence[Lost], now: datetime) -> int:
    """Gives each to the same person's next chat, or to the next person, or lets it end.

    Returns how many went on. Whatever goes on is due at once; quiet hours are asked when it goes.
    """
    if not lost:
        return 0
    deadlines = await _deadlines(session, {one.deadline_id for one in lost})
    directory = await recipients.load(
        session, {one.year for one in deadlines.values()}, {one.unit_id for one in lost}
    )
    tried = await _tried(session, lost)
    moved, ended, new = [], [], []
    for one in lost:
        deadline = deadlines[one.deadline_id]
        seat = _seat(deadline, one.step)
        known = tried[one.unit_id, one.deadline_id, one.step]
        chat = _next_chat(directory, seat, one)
        if chat is not None:
            moved.append({"b_id": one.id, "b_contact": chat.contact_id, "b_now": now})
            continue
        ended.append({"b_id": one.id, "b_state": FINAL[one.why], "b_why": one.why, "b_now": now})
        for person, reason in _instead(directory, deadline, seat, one, known):
            known.add(person.id)
            new.append(_row(one, person, reason, now))
    if moved:
        await session.execute(_MOVE, moved)
    if ended:
        await session.execute(_END, ended)
    if new:
        await session.execute(insert_ignoring(session, Reminder), new)
    return len(moved) + len(new)


def audience(deadline: Deadline, step: str) -> Audience:
    """Of a row of the ledger; the focal person for what is on no ladder."""
    name = ladder.rung_name(step)
    for rung in deadline.ladder or ladder.DEFAULT_LADDER:
        if rung["step"] == name:
            return Audience(rung["to"])
    return Audience.FOCAL


async def _deadlines(session: AsyncSession, ids: Collection[str]) -> dict[str, Deadline]:
    found = await session.scalars(select(Deadline).where(Deadline.id.in_(ids)))
    return {one.id: one for one in found}


async def _tried(
    session: AsyncSession, lost: Sequence[Lost]
) -> dict[tuple[str, str, str], set[str]]:
    """(unit, deadline, step) → everybody who has a row for it."""
    tried: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    keys = sorted({(one.unit_id, one.deadline_id) for one in lost})
    for start in range(0, len(keys), 1_000):
        found = await session.execute(
            select(
                Reminder.unit_id, Reminder.deadline_id, Reminder.step, Reminder.recipient
            ).where(
                tuple_(Reminder.unit_id, Reminder.deadline_id).in_(keys[start : start + 1_000])
            )
        )
        for unit_id, deadline_id, step, recipient in found:
            tried[unit_id, deadline_id, step].add(recipient)
    return tried


def _seat(deadline: Deadline, step: str) -> Seat:
    to = audience(deadline, step)
    return Seat(to, deadline.office_id, deadline.year, deadline.mandatory)


def _next_chat(directory: Directory, seat: Seat, one: Lost) -> Chat | None:
    """Another chat of the same person, where only this one is dead."""
    if one.why != "unreachable":
        return None
    queues = directory.queues(one.unit_id, seat)
    for person in (person for queue in queues for person in queue):
        if person.id == one.recipient and not person.opted_out:
            for chat in person.chats:
                if chat.contact_id != one.contact_id:
                    return chat
    return None


def _instead(
    directory: Directory, deadline: Deadline, seat: Seat, one: Lost, tried: set[str]
) -> list[tuple[Person, str]]:
    """Other people, and why they hear it. Nobody where the person alone had asked for it."""
    to_office = seat.to == Audience.OFFICE or one.unit_id in directory.of_office
    if ladder.was_asked_for(one.step) or to_office:
        return []
    opted_out = one.why == "opted_out"
    for queue in directory.queues(one.unit_id, seat):
        if any(person.id == one.recipient for person in queue) or one.why == "left":
            for person in queue:
                opted_out = opted_out or person.opted_out
                if person.chats and not person.opted_out and person.id not in tried:
                    return [(person, "instead")]
    if opted_out and deadline.mandatory:
        return [
            (person, "reaches_office")
            for person in directory.officers.get(deadline.office_id, [])
            if person.chats and not person.opted_out and person.id not in tried
        ]
    return []


def _row(one: Lost, person: Person, reason: str, now: datetime) -> dict[str, Any]:
    return {
        "unit_id": one.unit_id, "deadline_id": one.deadline_id, "step": one.step,
        "recipient": person.id, "contact_id": person.chats[0].contact_id,
        "planned_at": one.planned_at, "due_at": now, "state": ReminderState.PLANNED.value,
        "reason": reason, "at": now,
    }  # fmt: skip


_MOVE = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("b_id"))
    .values(
        contact_id=bindparam("b_contact"), state=ReminderState.PLANNED, reason="next_chat",
        due_at=bindparam("b_now"), at=bindparam("b_now"), outbox_id=None, told_in=None,
    )
)  # fmt: skip
_END = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("b_id"))
    .values(state=bindparam("b_state"), reason=bindparam("b_why"), at=bindparam("b_now"))
)
