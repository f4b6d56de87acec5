"""Private links to what is not out yet: the page as it would be, with every photograph.

They last ten minutes and name who reads; the reader's row is asked when they are opened.
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from bot.vault import Vault
from handlers.deeds.reading import LASTS_SECONDS, Reading, may_read
from storage.models.deeds import Deed
from storage.models.office import Officer

_PURPOSE = "exemplar-preview"


def address(vault: Vault, site: str, officer: Officer, deed: Deed, file_id: str = "") -> str:
    """The whole address; `site` is the public one, without a slash at its end."""
    return sign(vault, site, Reading(f"officer:{officer.id}", deed.id, file_id=file_id))


def sign(vault: Vault, site: str, asked: Reading) -> str:
    value = "|".join((asked.reader, asked.deed_id, asked.file_id))
    return f"{site}/officer/exemplar/{vault.sign(_PURPOSE, value)}"


async def unsign(session: AsyncSession, vault: Vault, signed: str) -> Reading | None:
    """None when forged, too old, or no officer's of that office any more."""
    value = vault.unsign(_PURPOSE, signed, LASTS_SECONDS)
    if value is None:
        return None
    reader, deed_id, file_id = value.split("|")
    asked = Reading(reader, deed_id, file_id=file_id)
    return asked if await may_read(session, asked) else None
