"""What became of the messages: written back into the ledger, with the way round where one is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, bindparam, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import outbox
from bot.clock import VIETNAM, quiet_hours
from bot.replies import Reply
from bot.vault import Vault
from handlers.deadlines.reminders import passing
from handlers.deadlines.reminders.passing import Lost
from storage.models.base import table
from storage.models.office import Officer, Role
from storage.models.people import Contact
from storage.models.reminders import Reminder, ReminderState
from storage.models.traffic import OutboxMessage, OutboxState
from storage.models.units import Member, MemberAddress, Unit

CLAIMED = text("reminders.state = 'claimed'")
"""Spelled out, for the partial index (see `feed.WAITING`)."""
FINAL = (OutboxState.SENT, OutboxState.UNREACHABLE, OutboxState.REJECTED, OutboxState.SET_ASIDE)
BATCH = 5_000
DAY = timedelta(days=1)
ROUND = timedelta(hours=1)
SETTLED_WITHIN = timedelta(minutes=1)
"""By then an outcome stands in the ledger."""
MOST_NAMED = 10
LONGEST_LIST = 400
_TABLE = table(Reminder)


async def settle(session: AsyncSession, now: datetime) -> int:
    """Returns how many rows came to an end or went another way."""
    await _welcome_back(session)
    ended = (await session.execute(_ENDED)).all()
    for start in range(0, len(ended), BATCH):
        await _settle(session, ended[start : start + BATCH], now)
    return len(ended)


_ENDED = (
    select(
        _TABLE.c.id, _TABLE.c.contact_id, _TABLE.c.at, OutboxMessage.state, OutboxMessage.sent_at,
    )
    .join(OutboxMessage, OutboxMessage.id == _TABLE.c.outbox_id, isouter=True)
    .where(CLAIMED, or_(OutboxMessage.id.is_(None), OutboxMessage.state.in_(FINAL)))
    .with_for_update(of=_TABLE, skip_locked=True)
)  # fmt: skip


async def _settle(session: AsyncSession, ended: Sequence[Any], now: datetime) -> None:
    sent = [row for row in ended if row.state == OutboxState.SENT]
    dead = [row for row in ended if row.state == OutboxState.UNREACHABLE]
    failed = [row for row in ended if row.state not in (OutboxState.SENT, OutboxState.UNREACHABLE)]
    if sent:
        rows = [{"b_id": row.id, "b_now": row.sent_at or now} for row in sent]
        await session.execute(_SENT, rows)
    if failed:
        await session.execute(_END, [_end(row, now) for row in failed])
        await _end_merged(session, failed, now)
    if dead:
        await _note_unreachable(session, dead, now)
        await passing.pass_on(session, await _lost(session, dead), now)


def _end(row: Any, now: datetime) -> dict[str, Any]:
    """A message that is gone from the outbox may have been sent: a restored backup's, say."""
    refused = row.state == OutboxState.REJECTED
    return {
        "b_id": row.id, "b_state": ReminderState.FAILED if refused else ReminderState.IN_DOUBT,
        "b_reason": "rejected" if refused else "in_doubt", "b_now": row.sent_at or now,
    }  # fmt: skip


async def _end_merged(session: AsyncSession, failed: Sequence[Any], now: datetime) -> None:
    """What was told in a message that failed, failed with it."""
    ends = {row.id: _end(row, now) for row in failed}
    found = await told_in(session, failed)
    if found:
        await session.execute(_END, [{**ends[row.told_in], "b_id": row.id} for row in found])


async def told_in(session: AsyncSession, carriers: Sequence[Any]) -> Sequence[Any]:
    """They were written in the same transaction as their carrier, and bear its instant."""
    found = await session.execute(
        select(_TABLE)
        .where(
            _TABLE.c.at.in_({row.at for row in carriers}),
            _TABLE.c.told_in.in_([row.id for row in carriers]),
            _TABLE.c.state == ReminderState.MERGED,
        )
        .order_by(_TABLE.c.id)
    )
    return found.all()


# Chats that are dead, and those that live again


async def _note_unreachable(session: AsyncSession, dead: Sequence[Any], now: datetime) -> None:
    since = {row.contact_id: row.sent_at or now for row in dead}
    await session.execute(
        _UNREACHABLE, [{"b_contact": contact, "b_at": at} for contact, at in since.items()]
    )


async def _lost(session: AsyncSession, dead: Sequence[Any]) -> list[Lost]:
    carriers = await session.execute(
        select(_TABLE).where(_TABLE.c.id.in_([row.id for row in dead])).order_by(_TABLE.c.id)
    )
    rows = [*carriers, *await told_in(session, dead)]
    return [
        Lost(
            row.id, row.unit_id, row.deadline_id, row.step, row.recipient, row.contact_id,
            row.planned_at, "unreachable",
        )
        for row in rows
    ]  # fmt: skip


async def _welcome_back(session: AsyncSession) -> None:
    """Whoever wrote after their chat had been found dead is reached there again."""
    address = table(MemberAddress)
    back = await session.execute(
        select(address.c.member_id, address.c.contact_id)
        .join(Contact, Contact.id == address.c.contact_id)
        .where(
            address.c.unreachable_at.is_not(None),
            ~Contact.blocked,
            Contact.seen_at > address.c.unreachable_at,
        )
    )
    found = [{"b_member": member, "b_contact": contact} for member, contact in back]
    if found:
        await session.execute(_BACK, found)


# The officer is told that day


async def tell_officers(session: AsyncSession, vault: Vault, now: datetime) -> int:
    """One message an hour at most on who cannot be reached any more; returns how many were told.

    By day only, but on any day: whoever is not reached may miss a date.
    """
    await session.execute(_BLOCKED, {"b_at": now})
    until = now - SETTLED_WITHIN
    if not await session.scalar(dead(Officer.office_id, now - DAY, until).limit(1)):
        return 0
    officers = await session.execute(
        select(Officer, Contact)
        .join(Contact, Contact.id == Officer.contact_id)
        .where(
            Officer.revoked_at.is_(None), Officer.role == Role.OFFICER,
            Contact.opted_out_at.is_(None), ~Contact.blocked,
        )
        .with_for_update(of=Officer, skip_locked=True)
    )  # fmt: skip
    told = 0
    for officer, contact in officers.all():
        quiet = quiet_hours(contact.quiet_from, contact.quiet_until)
        told_at = await _told_at(session, officer)
        if quiet.covers(now.astimezone(VIETNAM).time()) or told_at > now - ROUND:
            continue
        since = max(told_at - SETTLED_WITHIN, now - DAY)
        found = (await session.execute(dead(officer.office_id, since, until))).all()
        if found:
            outbox.tell(
                session, vault, contact.id, _news(found), due_at=now,
                dedupe_key=f"unreachable:{officer.id}:{now.isoformat()}",
            )  # fmt: skip
            told += 1
    return told


def dead(office_id: Any, since: datetime, until: datetime) -> Select[str, str]:
    """(unit, member) whose chat was found dead in that time; several chats are one person."""
    return (
        select(Unit.name, Member.name)
        .join(Member, Member.unit_id == Unit.id)
        .join(MemberAddress, MemberAddress.member_id == Member.id)
        .where(
            Unit.office_id == office_id,
            Member.left_at.is_(None),
            MemberAddress.unreachable_at > since,
            MemberAddress.unreachable_at <= until,
        )
        .distinct()
        .order_by(Unit.name, Member.name)
    )


async def _told_at(session: AsyncSession, officer: Officer) -> datetime:
    """When this officer last heard of it; a day long gone if never."""
    key = OutboxMessage.dedupe_key
    found = await session.scalar(
        select(OutboxMessage.due_at)
        .where(key > f"unreachable:{officer.id}:", key < f"unreachable:{officer.id};")
        .order_by(OutboxMessage.dedupe_key.desc())
        .limit(1)
    )
    return found or datetime.min.replace(tzinfo=UTC) + 2 * DAY


def _news(found: Sequence[Any]) -> Reply:
    lines = [f"• {unit}: {member}" for unit, member in found[:MOST_NAMED]]
    while len(lines) > 1 and sum(map(len, lines)) > LONGEST_LIST:
        lines.pop()
    more = len(found) - len(lines)
    key = "reminders-unreachable-more" if more else "reminders-unreachable"
    return Reply(key, {"n": len(found), "more": more, "lines": "\n".join(lines)})


_END = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("b_id"))
    .values(state=bindparam("b_state"), reason=bindparam("b_reason"), at=bindparam("b_now"))
)
_SENT = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("b_id"))
    .values(state=ReminderState.SENT, at=bindparam("b_now"))
)
_ADDRESS = table(MemberAddress)
_UNREACHABLE = (
    update(_ADDRESS)
    .where(_ADDRESS.c.contact_id == bindparam("b_contact"))
    .values(unreachable_at=bindparam("b_at"))
)
_BLOCKED = (
    update(_ADDRESS)
    .where(
        _ADDRESS.c.unreachable_at.is_(None),
        select(Contact.id).where(Contact.id == _ADDRESS.c.contact_id, Contact.blocked).exists(),
    )
    .values(unreachable_at=bindparam("b_at"))
)
"""However it was learnt: the platform said so, or a notice failed, before any reminder did."""
_BACK = (
    update(_ADDRESS)
    .where(
        _ADDRESS.c.member_id == bindparam("b_member"),
        _ADDRESS.c.contact_id == bindparam("b_contact"),
    )
    .values(unreachable_at=None)
)
