"""Private addresses of the form, handed out in chat.

An address names the chat that asked for it and one duty, lasts a week, and is good only while
that chat holds its mark: a new address takes the place of the old one, "close the link" takes the
mark away, and whoever leaves the unit opens nothing more.
"""

from __future__ import annotations

import hmac
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.replies import UserError
from bot.vault import Vault, new_id
from handlers.deadlines.registration import service
from handlers.deadlines.registration.service import Owing
from storage.models.people import Contact

LASTS_SECONDS = 7 * 24 * 3600
LASTS_DAYS = 7
MARKS = "registration_links"
"""Where a contact's data holds the marks, by duty."""
_PURPOSE = "registration-link"


def issue(
    vault: Vault, data: dict[str, Any], contact_id: int, duty_id: str
) -> tuple[str, dict[str, Any]]:
    """The signed part of a new address, and the data of the contact with its mark."""
    mark = new_id(60)
    signed = vault.sign(_PURPOSE, f"{contact_id}|{duty_id}|{mark}")
    return signed, {**data, MARKS: {**data.get(MARKS, {}), duty_id: mark}}


def revoke(data: dict[str, Any], duty_id: str) -> dict[str, Any]:
    marks = {key: mark for key, mark in data.get(MARKS, {}).items() if key != duty_id}
    return {**data, MARKS: marks}


async def follow(session: AsyncSession, vault: Vault, signed: str) -> tuple[Owing, Contact]:
    """Raises UserError for an address that is forged, old or closed, or whose holder left."""
    value = vault.unsign(_PURPOSE, signed, LASTS_SECONDS)
    if value is None:
        raise UserError("registration_pages-link-old")
    contact_id, duty_id, mark = value.split("|")
    contact = await session.get(Contact, int(contact_id))
    held = (contact.data or {}).get(MARKS, {}).get(duty_id, "") if contact else ""
    if contact is None or not hmac.compare_digest(held, mark):
        raise UserError("registration_pages-link-old")
    return await service.hold(session, contact.id, duty_id), contact
