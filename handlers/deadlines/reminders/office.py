"""A word to the office's officers about what a unit answered: owed for the next working hour."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import outbox
from bot.clock import OutsideCoverage, load_calendar, next_office_opening
from bot.contacts import WILLING
from bot.replies import Reply
from bot.vault import Vault
from storage.models.office import Officer, Role
from storage.models.people import Contact


async def tell(
    session: AsyncSession,
    vault: Vault,
    office_id: str,
    message: Reply,
    now: datetime,
    *,
    but: str = "",
) -> int:
    """Returns how many officers will hear of it. Who opted out sees it at the desk only; `but`
    is the id of the one who said it."""
    officers = await session.scalars(
        select(Officer)
        .join(Contact, Contact.id == Officer.contact_id)
        .where(
            Officer.office_id == office_id,
            Officer.role == Role.OFFICER,
            Officer.revoked_at.is_(None),
            Officer.id != but,
            WILLING,
        )
    )
    due_at = await _opening(session, now)
    told = officers.all()
    for officer in told:
        outbox.tell(session, vault, officer.contact_id, message, due_at=due_at)
    return len(told)


async def _opening(session: AsyncSession, now: datetime) -> datetime:
    try:
        return next_office_opening(await load_calendar(session), now)
    except OutsideCoverage:
        return now
