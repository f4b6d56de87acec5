"""Private links for what must not travel through a chat: names, words, the files.

They last ten minutes, name who reads and one deed, and are asked of the reader's row when opened.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from bot.vault import Vault
from handlers.deeds import people
from storage.models.deeds import Deed, DeedCheck
from storage.models.office import Officer, Role
from storage.models.units import Member

LASTS_SECONDS = 600
_PURPOSE = "deed-reading"


@dataclass(frozen=True)
class Reading:
    reader: str
    """`officer:<id>`, or `member:<id>` of the unit that checks or nurtures."""
    deed_id: str
    check_id: str = ""
    """What a member was asked; "" for an officer, and for a unit that has the deed in hand."""
    file_id: str = ""
    """ "" for the whole."""
    original: bool = False
    """The untouched photograph."""

    @property
    def is_officers(self) -> bool:
        return self.reader.startswith("officer:")


def sign(vault: Vault, site: str, asked: Reading) -> str:
    """The whole address; `site` is the public one, without a slash at its end."""
    original = "1" if asked.original else ""
    value = "|".join((asked.reader, asked.deed_id, asked.check_id, asked.file_id, original))
    return f"{site}/officer/deed/{vault.sign(_PURPOSE, value)}"


def unsign(vault: Vault, signed: str) -> Reading | None:
    """None when forged or too old."""
    value = vault.unsign(_PURPOSE, signed, LASTS_SECONDS)
    if value is None:
        return None
    reader, deed_id, check_id, file_id, original = value.split("|")
    return Reading(reader, deed_id, check_id, file_id, bool(original))


async def may_read(session: AsyncSession, asked: Reading) -> bool:
    """An officer of the deed's office; a member of the unit, while a check waits for them or the
    deed is in their hands."""
    deed = await session.get(Deed, asked.deed_id)
    kind, _, id = asked.reader.partition(":")
    if deed is None:
        return False
    if kind == "officer":
        officer = await session.get(Officer, id)
        return (
            officer is not None
            and officer.revoked_at is None
            and officer.role == Role.OFFICER
            and officer.office_id == deed.office_id
        )
    member, check = await session.get(Member, id), await session.get(DeedCheck, asked.check_id)
    if member is None or member.left_at is not None:
        return False
    if not asked.check_id:
        return people.has_in_hand(deed, member.unit_id)
    return (
        check is not None
        and (check.deed_id, check.unit_id) == (deed.id, member.unit_id)
        and check.answered_at is None
        and check.called_back_at is None
    )
