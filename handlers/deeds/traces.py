"""What a report leaves in the web chat in which it was told: its lines go when it is erased."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import chat_lines, identity, receipts
from bot.vault import Vault
from handlers.deeds import service
from storage.models.consultations import Receipt
from storage.models.deeds import Deed, DeedReport
from storage.models.people import Contact, Person

_CODE = re.compile(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){4}\b")
_TELLING = 5
"""Letters: a shorter piece is looked for as a whole line alone, not within others."""


@dataclass(frozen=True)
class _Known:
    pieces: frozenset[str]
    file_ids: frozenset[str]
    digests: frozenset[bytes]
    pepper: bytes = field(repr=False)

    async def stand_in(self, line: dict[str, Any]) -> bool:
        bare = _bare(str(line.get("text", "")))
        return (
            any(one == bare or (len(one) >= _TELLING and one in bare) for one in self.pieces)
            or any(file["id"] in self.file_ids for file in line.get("files", []))
            or any([await self._opens(code) for code in _codes(str(line.get("text", "")))])
        )

    async def _opens(self, code: str) -> bool:
        return await asyncio.to_thread(receipts.digest, code, self.pepper) in self.digests


async def forget(session: AsyncSession, vault: Vault, row: DeedReport) -> None:
    """Before the report itself is erased: afterwards nobody knows what to look for."""
    if row.contact_id is None or await session.get(Contact, row.contact_id) is None:
        return
    known = await _known(session, vault, row)

    async def choose(lines: Sequence[dict[str, Any]]) -> set[int]:
        return {int(line["seq"]) for line in lines if await known.stand_in(line)}

    await chat_lines.erase_some(session, vault, row.contact_id, choose)


async def _known(session: AsyncSession, vault: Vault, row: DeedReport) -> _Known:
    told = await service.told_in(session, vault, row)
    deed = await session.get_one(Deed, row.deed_id)
    teller = identity.identity(vault, await session.get(Person, row.person_id))
    said = [*teller.values(), await service.subject_name(session, vault, deed)]
    if told is not None:
        said += [told.name, told.place, told.what, told.when, told.outcome, told.links]
    digests = await session.scalars(select(Receipt.digest).where(Receipt.subject_id == row.id))
    pieces = {_bare(line) for text in said for line in text.splitlines()}
    files = told.all_files if told is not None else []
    return _Known(frozenset(pieces - {""}), frozenset(files), frozenset(digests), vault.pepper())


def _bare(text: str) -> str:
    """Letters and digits alone, however it is written."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _codes(text: str) -> list[str]:
    typed = receipts.tidy_code(text.removeprefix("/tracuu"))
    shown = [receipts.tidy_code(code) for code in _CODE.findall(text)]
    return [code for code in (typed, *shown) if code]
