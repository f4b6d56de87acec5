"""How a deed is told from others in chat, without anybody's name."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from handlers.deeds import cards, sorting
from storage.models.deeds import Deed, DeedField
from storage.models.units import Unit

LONGEST = 60
"""Characters of a label, of which telephones show about forty."""


def place_in_words(deed: Deed) -> str:
    return cards.place_name(deed) or "—"


async def field_in_words(session: AsyncSession, deed: Deed, locale: str) -> str:
    """Empty where nobody said in which field of life it was done."""
    field = await session.get(DeedField, deed.field_code) if deed.field_code else None
    return "" if field is None else field.name_en if locale == "en" else field.name_vi


async def groups_in_words(session: AsyncSession, deed: Deed, locale: str) -> list[str]:
    found = await sorting.groups_of(session, deed)
    return [one.name_en if locale == "en" else one.name_vi for one in found]


async def in_short(session: AsyncSession, deed: Deed, locale: str) -> str:
    """For a list: where it was, or who has it in hand where no list knows the place; its field."""
    place = cards.place_name(deed)
    if not place and deed.unit_id:
        place = (await session.get_one(Unit, deed.unit_id)).name
    label = " · ".join(filter(None, (place, await field_in_words(session, deed, locale)))) or "—"
    return label if len(label) <= LONGEST else label[: LONGEST - 1].rstrip() + "…"
