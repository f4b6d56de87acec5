"""What a new database starts with: awards, movements, fields and groups of people."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models.consultations import Award
from storage.models.deadlines import Movement
from storage.models.deeds import DeedField, DeedGroup

CATALOGUES: tuple[tuple[type[Award | Movement | DeedField | DeedGroup], str], ...] = (
    (Award, "awards.json"),
    (Movement, "movements_vn.json"),
    (DeedField, "deed_fields_vn.json"),
    (DeedGroup, "deed_groups_vn.json"),
)


async def load_catalogue(session: AsyncSession) -> int:
    """Adds the rows that are missing and returns how many; never touches one that is there, so
    what an office corrected stays corrected."""
    added = 0
    for model, name in CATALOGUES:
        known = set(await session.scalars(select(model.code)))
        new = [_columns(row) for row in shipped(name) if row["code"] not in known]
        session.add_all(model(**row) for row in new)
        added += len(new)
    await session.flush()
    return added


def _columns(row: dict[str, Any]) -> dict[str, Any]:
    return {"for_kinds" if name == "for" else name: value for name, value in row.items()}


def shipped(name: str) -> list[dict[str, Any]]:
    """The rows of a catalogue as it was released."""
    text = (files("storage") / "catalogue" / name).read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = json.loads(text)
    return rows
