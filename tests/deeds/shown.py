"""Exemplars that are out, laid down behind the dialogue's back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.vault import Vault
from storage.models.base import new_id
from storage.models.deeds import (
    Deed,
    DeedInGroup,
    DeedPublication,
    DeedState,
    Stage,
    SubjectKind,
)
from storage.models.people import Person


async def exemplar(
    session: AsyncSession, vault: Vault, office_id: str, at: datetime, *, title: str = "Gương tốt",
    groups: tuple[str, ...] = (), lead: str = "", text: str = "Bà con có cầu đi.",
    **given: Any,
) -> Deed:  # fmt: skip
    """Published at that moment, as the two officers leave it."""
    person = Person(id=new_id(), wrapped_key=vault.new_person_key(), made_at=at)
    session.add(person)
    await session.flush()
    columns = {
        "id": new_id(), "office_id": office_id, "state": DeedState.PUBLISHED,
        "subject_kind": SubjectKind.PERSON, "subject_id": person.id, "stage": Stage.EXAMPLE,
        "state_at": at, "made_at": at, "shown_at": at,
    }  # fmt: skip
    deed = Deed(**{**columns, **given})
    session.add(deed)
    await session.flush()
    session.add_all(
        DeedInGroup(deed_id=deed.id, group_code=code, shown_at=deed.shown_at) for code in groups
    )
    session.add(
        DeedPublication(
            deed_id=deed.id, version=1, title=title, lead=lead, text=text, written_by="command",
            written_at=at, published_at=at, photos=[],
        )
    )  # fmt: skip
    await session.flush()
    return deed
