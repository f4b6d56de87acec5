"""A rescue is told to officers at once, outside the quiet hours each of them has set."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot import outbox, places
from bot.clock import load_calendar, next_allowed, quiet_hours
from bot.replies import choice, reply
from bot.vault import Vault
from handlers.deeds import people
from storage.models.deeds import Deed
from storage.models.people import Contact


async def tell_officers(session: AsyncSession, vault: Vault, deed: Deed, now: datetime) -> None:
    """Says that there is something and where, not who: a telephone lies about."""
    calendar = await load_calendar(session)
    place = places.name_of(deed.commune) or places.name_of(deed.province)
    message = reply("deed_news-urgent", place=place or "—").offering(
        choice("deed_review-open-button", f"vd:o:{deed.id}")
    )
    for officer in await people.officers_of(session, deed.office_id):
        contact = await session.get_one(Contact, officer.contact_id)
        quiet = quiet_hours(contact.quiet_from, contact.quiet_until)
        due_at = next_allowed(calendar, now, quiet, working_days_only=False)
        key = f"deed-urgent:{deed.id}:{officer.id}"
        outbox.tell(session, vault, contact.id, message, due_at=due_at, dedupe_key=key)
