"""Whoever told a good deed is told, unasked, of each public step and of the end."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot import outbox, politely
from bot.replies import Reply, choice, link, reply
from bot.vault import Vault
from handlers.deeds import people, service
from storage.models.deeds import Deed, DeedState
from storage.models.people import Contact
from storage.models.units import Unit

PUBLIC_STEPS = (
    DeedState.CHECKING, DeedState.CONFIRMED, DeedState.NOT_CONFIRMED, DeedState.UNCHECKABLE,
    DeedState.NURTURED, DeedState.PROPOSED, DeedState.PUBLISHED, DeedState.UNPUBLISHED,
    DeedState.REJECTED,
)  # fmt: skip
"""What witnesses hear of; the office's own papers are not among it."""


async def tell_each(
    session: AsyncSession,
    vault: Vault,
    contact_ids: Iterable[int],
    message: Reply,
    now: datetime,
    key: str,
) -> None:
    """At once, but nobody in their quiet hours or on a day off: nothing of it is urgent. `key` is
    new for each thing told."""
    each = list(dict.fromkeys(contact_ids))
    moments = await politely.moments(session, each, now)
    for contact_id in each:
        outbox.tell(
            session, vault, contact_id, message, due_at=moments[contact_id],
            dedupe_key=f"{key}:{contact_id}",
        )  # fmt: skip


async def tell_office(
    session: AsyncSession, vault: Vault, deed: Deed, message: Reply, now: datetime, key: str
) -> None:
    """Every officer of the deed's office, with the button that opens it."""
    officers = await people.officers_of(session, deed.office_id)
    opened = message.offering(choice("deed_review-open-button", f"vd:o:{deed.id}"))
    await tell_each(session, vault, [one.contact_id for one in officers], opened, now, key)


async def tell_tellers(
    session: AsyncSession, vault: Vault, deed: Deed, now: datetime, *, page: str = ""
) -> int:
    """Once for each version of the deed. Returns how many were told: those who still stand by it
    and left a chat. Answering is not asked of them, so nothing is sent to who blocked us. `page`
    is where the public reads of it."""
    if deed.state not in PUBLIC_STEPS:
        return 0
    told, public = 0, (link("deed_news-page-button", page),) if page else ()
    for row in await service.reports_of(session, deed):
        contact = await session.get(Contact, row.contact_id) if row.contact_id else None
        if contact is None or contact.blocked:
            continue
        step = (await _step(session, vault, deed, row.id)).offering(*public)
        await tell_each(
            session, vault, [contact.id], step, now, f"{service.told_key(row.id)}{deed.version}"
        )
        told += 1
    return told


async def _step(session: AsyncSession, vault: Vault, deed: Deed, report_id: str) -> Reply:
    unit = await session.get(Unit, deed.unit_id) if deed.unit_id else None
    reason = await service.told_reason(session, vault, deed)
    news = reply(
        f"deed_news-{DeedState(deed.state)}", unit=unit.name if unit else "—", reason=reason or "—"
    )
    return news.offering(choice("tell-see-button", f"vr:o:{report_id}"))
