"""One word stops whatever nobody asked for: what counts as that word, and what it does."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts
from bot.clock import local_day
from bot.replies import Reply
from bot.text import tidy
from bot.vault import Vault
from handlers.deadlines import people
from handlers.deadlines.people import Post
from handlers.deadlines.reminders import office, passing, recall
from handlers.deadlines.reminders.passing import Lost
from storage.models.deadlines import OPEN_DUTIES, Deadline, DeadlineState, Duty
from storage.models.people import Contact
from storage.models.reminders import WAITING, Reminder
from storage.models.traffic import MessageClass, OutboxMessage
from storage.models.units import ClusterSeat

REASON = "opted_out"
_STOP = frozenset({"huỷ", "hủy", "huy", "dừng", "dung", "stop"})
"""With all their accents or with none: "đúng", "dùng" and "đứng" are other words."""
_START = frozenset({"bật", "bat", "start"})
_LONGEST = 40
UNASKED = (MessageClass.REMINDER, MessageClass.BULK)


def says_stop(text: str) -> bool:
    """Whether the message is that one word and nothing else but punctuation after it."""
    return _sole(text) in _STOP


def says_start(text: str) -> bool:
    return _sole(text) in _START


def _sole(text: str) -> str:
    """Lower case, in NFC, without quotes around it and without what ends a sentence."""
    if len(text) > _LONGEST:
        return ""
    bare = " ".join(unicodedata.normalize("NFKC", tidy(text)).casefold().split())
    while bare and not bare[-1].isalnum():
        bare = bare[:-1]
    return bare.lstrip("\"'“‘«([ ")


async def is_stopped(session: AsyncSession, contact_id: int) -> bool:
    return bool(await session.scalar(select(Contact.opted_out_at).where(Contact.id == contact_id)))


async def stop(
    session: AsyncSession, vault: Vault, contact_id: int, now: datetime
) -> Sequence[Post]:
    """Twice is as good as once. Returns what the person answers for; the offices are told."""
    posts = await people.posts(session, contact_id)
    stopped = await session.execute(
        update(Contact)
        .where(Contact.id == contact_id, Contact.opted_out_at.is_(None))
        .values(opted_out_at=now)
        .returning(Contact.id)
    )
    if stopped.scalar_one_or_none() is None:
        return posts
    await _take_back_queued(session, contact_id, now)
    await _skip_waiting(session, contact_id, now)
    for post in posts:
        acts.note(session, now, post.actor, "opt out", "member", post.member.id)
        owes = await has_mandatory(session, [post], now)
        key = "optout-office-mandatory" if owes else "optout-office"
        told = Reply(key, {"name": post.member.name, "unit": post.unit.name})
        await office.tell(session, vault, post.unit.office_id, told, now)
    return posts


async def has_mandatory(session: AsyncSession, posts: Sequence[Post], now: datetime) -> bool:
    """Whether something is owed, by these units or in the clusters they lead, whose reminders the
    office hears in place of people who want none."""
    units = [post.unit.id for post in posts]
    year = local_day(now).year
    led = [one.id for one in await people.headed_clusters(session, units, year)]
    members = select(ClusterSeat.unit_id).where(
        ClusterSeat.cluster_id.in_(led), ClusterSeat.year == year
    )
    found = await session.scalar(
        select(Duty.id)
        .join(Deadline, Deadline.id == Duty.deadline_id)
        .where(
            Deadline.mandatory,
            Deadline.state == DeadlineState.ARMED,
            Duty.state.in_(OPEN_DUTIES),
            Duty.unit_id.in_(units) | Duty.unit_id.in_(members),
        )
        .limit(1)
    )
    return found is not None


async def _take_back_queued(session: AsyncSession, contact_id: int, now: datetime) -> None:
    """What stands in the outbox and is not being sent yet does not go either."""
    theirs = OutboxMessage.contact_id == contact_id
    await recall.take_back(session, theirs & OutboxMessage.kind.in_(UNASKED), now)


async def _skip_waiting(session: AsyncSession, contact_id: int, now: datetime) -> None:
    """Others of the unit hear it instead; what is mandatory reaches the office in the end."""
    waiting = await session.scalars(
        select(Reminder).where(Reminder.contact_id == contact_id, Reminder.state.in_(WAITING))
    )
    lost = [
        Lost(
            one.id, one.unit_id, one.deadline_id, one.step, one.recipient, contact_id,
            one.planned_at, REASON,
        )
        for one in waiting
    ]  # fmt: skip
    await passing.pass_on(session, lost, now)


async def resume(session: AsyncSession, contact_id: int, now: datetime) -> bool:
    """Whether anything changed. What was skipped meanwhile does not come afterwards."""
    resumed = await session.execute(
        update(Contact)
        .where(Contact.id == contact_id, Contact.opted_out_at.is_not(None))
        .values(opted_out_at=None)
        .returning(Contact.id)
    )
    if resumed.scalar_one_or_none() is None:
        return False
    for post in await people.posts(session, contact_id):
        acts.note(session, now, post.actor, "opt in", "member", post.member.id)
    return True
