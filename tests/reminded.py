"""Units whose people are all due a reminder at once, to see how they go out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.contacts import Stranger
from bot.vault import Vault
from storage.db import Database
from storage.models.base import new_id, table
from storage.models.deadlines import Deadline, DeadlineState, Duty, DutyState, Work
from storage.models.office import Office
from storage.models.reminders import Reminder, ReminderState
from storage.models.units import Member, MemberAddress, Unit
from tests.service import SECRET
from tests.telegram.server import TOKEN

FIRST_CHAT = 8_100_000_001
SOME = 500


async def owe_reminders(database_url: str, count: int) -> None:
    """So many people, each of a unit of their own, are to be reminded now, at any hour."""
    db = Database(database_url)
    try:
        async with db.transaction() as session:
            now = datetime.now(UTC)
            deadline_id = await _deadline(session, now)
            for first in range(0, count, SOME):
                chats = range(FIRST_CHAT + first, FIRST_CHAT + min(count, first + SOME))
                await _people(session, deadline_id, chats, now)
    finally:
        await db.close()


async def _deadline(session: AsyncSession, now: datetime) -> str:
    """Urgent, so that the hour of the run does not matter; no step of its ladder is near."""
    deadline = Deadline(
        id=new_id(), office_id=(await session.scalars(select(Office.id))).one(), code="BC-2026",
        year=2026, title="Nộp báo cáo tổng kết", work=Work.REPORT, urgent=True,
        due_at=now + timedelta(days=40), ladder=[{"step": "T-1", "days": -1, "to": "focal"}],
        state=DeadlineState.ARMED, armed_at=now, planned_until=now,
    )  # fmt: skip
    session.add(deadline)
    await session.flush()
    return deadline.id


async def _people(session: AsyncSession, deadline_id: str, chats: range, now: datetime) -> None:
    office_id = (await session.scalars(select(Office.id))).one()
    vault, account = Vault(SECRET), TOKEN.partition(":")[0]
    strangers = {
        contacts.lane(vault, "telegram", account, str(chat)): Stranger(
            "telegram", account, str(chat), "vi"
        )
        for chat in chats
    }
    met = await contacts.meet(session, vault, strangers, now)
    units, members = {chat: new_id() for chat in chats}, {chat: new_id() for chat in chats}
    reached = dict(zip(chats, (one.id for one in met.values()), strict=True))
    await session.execute(
        insert(table(Unit)),
        [
            {"id": units[chat], "office_id": office_id, "code": f"X{chat}", "name": f"Xã {chat}",
             "kind": "commune", "province": "", "commune": "", "aliases": []}
            for chat in chats
        ],
    )  # fmt: skip
    await session.execute(
        insert(table(Duty)),
        [
            {"id": new_id(), "deadline_id": deadline_id, "unit_id": units[chat], "state_at": now,
             "state": DutyState.NOT_STARTED.value, "reason": "", "late": False, "version": 0,
             "more_time_reason": ""}
            for chat in chats
        ],
    )  # fmt: skip
    await session.execute(
        insert(table(Member)),
        [
            {"id": members[chat], "unit_id": units[chat], "rank": "focal", "name": f"Bà {chat}",
             "joined_at": now}
            for chat in chats
        ],
    )  # fmt: skip
    await session.execute(
        insert(table(MemberAddress)),
        [
            {"member_id": members[chat], "contact_id": reached[chat], "added_at": now}
            for chat in chats
        ],
    )
    await session.execute(
        insert(table(Reminder)),
        [
            {"unit_id": units[chat], "deadline_id": deadline_id, "recipient": members[chat],
             "step": f"again {now:%Y-%m-%d}", "contact_id": reached[chat], "planned_at": now,
             "due_at": now, "state": ReminderState.PLANNED.value, "reason": "", "at": now}
            for chat in chats
        ],
    )  # fmt: skip
