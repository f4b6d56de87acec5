"""What is left when everything has settled, and whether it is what people were told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.db import Database
from storage.models.consultations import Opinion, OpinionVersion, Receipt
from storage.models.reminders import WAITING, Reminder, ReminderState
from storage.models.traffic import (
    OPEN,
    InboxEvent,
    Incident,
    MessageClass,
    OutboxMessage,
    OutboxState,
)
from storage.models.units import Unit
from tests.crash.people import Seat
from tests.telegram.server import TelegramServer


@dataclass
class Findings:
    kills: int
    events: int
    """Different updates that were acknowledged."""
    lost: int = 0
    """Acknowledged but not done, or told of a receipt but not kept."""
    doubled: int = 0
    """Opinions that exist twice, were replaced by themselves, or have two receipts."""
    unanswered: int = 0
    reordered: int = 0
    """Words that stand in another order than they were said, answers sent before earlier ones."""
    misplaced: int = 0
    """Messages of another kind that were given a reminder's buttons."""
    reminders: int = 0
    in_doubt: int = 0
    """Of them, those that were asked after: found, sent again, or set aside for the officer."""
    found: int = 0
    resent: int = 0
    set_aside: int = 0
    details: list[str] = field(default_factory=list)

    @property
    def faults(self) -> int:
        return self.lost + self.doubled + self.unanswered + self.reordered + self.misplaced

    def plain(self) -> dict[str, int]:
        return {name: value for name, value in vars(self).items() if name != "details"}


async def waiting(database_url: str) -> int:
    """Events not done, messages not sent, reminders not accounted for."""
    db = Database(database_url)
    try:
        async with db.reading() as session:
            events = await session.scalar(select(func.count()).where(InboxEvent.done_at.is_(None)))
            messages = await session.scalar(
                select(func.count()).select_from(OutboxMessage).where(OPEN)
            )
            under_way = (*WAITING, ReminderState.CLAIMED)
            reminders = await session.scalar(
                select(func.count()).where(Reminder.state.in_(under_way))
            )
            return int(events or 0) + int(messages or 0) + int(reminders or 0)
    finally:
        await db.close()


async def look(
    kills: int, database_url: str, server: TelegramServer, people: Sequence[Seat]
) -> Findings:
    acked = {str(update_id) for update_id in server.delivery.acked}
    found = Findings(kills, len(acked))
    for one in people:
        found.unanswered += len(one.unanswered)
        found.details += one.unanswered
    db = Database(database_url)
    try:
        async with db.reading() as session:
            await _check_events(session, acked, found)
            await _check_opinions(session, people, found)
            await _check_answers(session, found)
    finally:
        await db.close()
    return found


async def _check_events(session: AsyncSession, acked: set[str], found: Findings) -> None:
    done = set(
        await session.scalars(
            select(InboxEvent.event_id).where(
                InboxEvent.done_at.is_not(None), InboxEvent.incident_id.is_(None)
            )
        )
    )
    for event_id in acked - done:
        found.lost += 1
        found.details.append(f"update {event_id} was acknowledged and is not done")
    for incident in await session.scalars(select(Incident)):
        found.details.append(f"incident at {incident.place}: {incident.error}")


async def _check_opinions(session: AsyncSession, people: Sequence[Seat], found: Findings) -> None:
    kept: dict[str, list[str]] = {}
    for text in await session.scalars(select(Opinion.text)):
        kept.setdefault(_whose(text), []).append(text)
    for words in (words for one in people for words in one.given):
        mine = kept.get(_whose(words), [])
        if not mine:
            found.lost += 1
            found.details.append(f"{words!r} is not kept")
        for text in mine:
            if text != words:
                found.reordered += 1
                found.details.append(f"{words!r} is kept as {text!r}")
    found.doubled += sum(len(mine) - 1 for mine in kept.values())
    versions = await session.scalar(select(func.count()).where(OpinionVersion.number > 1))
    receipts = Counter(await session.scalars(select(Receipt.subject_id)))
    found.doubled += int(versions or 0) + sum(count > 1 for count in receipts.values())


def _whose(words: str) -> str:
    """Each line ends in who says it and of whom."""
    return words.rpartition("của")[2]


async def _check_answers(session: AsyncSession, found: Findings) -> None:
    """Ids of sent messages grow within a contact as what was owed does; none here is an edit."""
    rows = await session.execute(
        select(
            OutboxMessage.contact_id, OutboxMessage.state, OutboxMessage.sent_id,
            OutboxMessage.error,
        )
        .where(OutboxMessage.kind != MessageClass.REMINDER)
        .order_by(OutboxMessage.id)
    )  # fmt: skip
    last: dict[int, int] = {}
    for contact_id, state, sent_id, error in rows:
        if state != OutboxState.SENT or sent_id is None:
            found.unanswered += 1
            found.details.append(f"a message to {contact_id} is {state}: {error}")
            continue
        if int(sent_id) < last.get(contact_id, 0):
            found.reordered += 1
            found.details.append(f"message {sent_id} to {contact_id} went after a later one")
        last[contact_id] = int(sent_id)


async def look_at_reminders(found: Findings, database_url: str, server: TelegramServer) -> None:
    """Each on its person's screen once, or set aside; and no message given its buttons."""
    db = Database(database_url)
    try:
        async with db.reading() as session:
            rows = (await session.execute(_REMINDERS)).all()
    finally:
        await db.close()
    found.reminders = len(rows)
    for number, (unit, state, message) in enumerate(rows):
        shown = _shown(server, int(unit.removeprefix("X")))
        aside = message is not None and message.state == OutboxState.SET_ASIDE
        sent = state == ReminderState.SENT
        found.set_aside += aside
        found.resent += bool(message and message.attempts)
        if len(shown) > 1:
            found.doubled += 1
            found.details.append(f"reminder {number} was shown {len(shown)} times: {shown}")
        elif (not shown and not aside) or not (aside or sent):
            found.lost += 1
            found.details.append(f"reminder {number} is {state}, shown {len(shown)} times")
        if message is not None and message.state == OutboxState.SET_ASIDE:
            found.details.append(f"set aside, shown {len(shown)} times: {message.error}")
    edits = [call for call in server.calls if call.method == "editMessageReplyMarkup"]
    found.found = sum("not modified" in (call.error or "") for call in edits)
    found.in_doubt = found.found + found.resent + found.set_aside
    found.misplaced = sum(
        one.method == "editMessageReplyMarkup" and one.text != "…" for one in server.methods.sent
    )


_REMINDERS = (
    select(Unit.code, Reminder.state, OutboxMessage)
    .join(Unit, Unit.id == Reminder.unit_id)
    .join(OutboxMessage, OutboxMessage.id == Reminder.outbox_id, isouter=True)
    .order_by(Reminder.id)
)


def _shown(server: TelegramServer, chat: int) -> list[str]:
    """Whatever of ours stands there: a beacon left behind is a fault as well."""
    return [one.text for one in server.world.chats[chat].visible() if one.from_bot]
