"""What a new database starts with: the catalogues of awards and of movements, as far as known."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models.consultations import Award
from storage.models.deadlines import Movement


async def load_catalogue(session: AsyncSession) -> int:
    """Adds the awards and movements that are missing and returns how many; never touches one that
    is there, so what an office corrected stays corrected."""
    awards = set(await session.scalars(select(Award.code)))
    movements = set(await session.scalars(select(Movement.code)))
    new_awards = [row for row in shipped("awards.json") if row["code"] not in awards]
    new_movements = [row for row in shipped("movements_vn.json") if row["code"] not in movements]
    session.add_all(Award(for_kinds=row.pop("for"), **row) for row in new_awards)
    session.add_all(Movement(**row) for row in new_movements)
    await session.flush()
    return len(new_awards) + len(new_movements)


def shipped(name: str) -> list[dict[str, Any]]:
    """The rows of a catalogue as it was released."""
    text = (files("storage") / "catalogue" / name).read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = json.loads(text)
    return rows
