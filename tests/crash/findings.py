"""What is left when everything has settled, and whether it is what people were told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.db import Database
from storage.models.consultations import Opinion, OpinionVersion, Receipt
from storage.models.traffic import InboxEvent, Incident, OutboxMessage, OutboxState
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
    details: list[str] = field(default_factory=list)

    @property
    def faults(self) -> int:
        return self.lost + self.doubled + self.unanswered + self.reordered

    def plain(self) -> dict[str, int]:
        return {name: value for name, value in vars(self).items() if name != "details"}


async def waiting(database_url: str) -> int:
    """Events not done and messages not sent."""
    db = Database(database_url)
    try:
        async with db.reading() as session:
            events = await session.scalar(select(func.count()).where(InboxEvent.done_at.is_(None)))
            open_states = (OutboxState.QUEUED, OutboxState.SENDING)
            messages = await session.scalar(
                select(func.count()).where(OutboxMessage.state.in_(open_states))
            )
            return int(events or 0) + int(messages or 0)
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
        ).order_by(OutboxMessage.id)
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
