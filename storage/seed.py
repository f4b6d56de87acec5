"""What a new database starts with: the catalogue of awards, as far as it is known."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models.consultations import Award


async def load_catalogue(session: AsyncSession) -> int:
    """Adds the awards that are missing and returns how many; never touches one that is there,
    so what an office corrected stays corrected."""
    known = set(await session.scalars(select(Award.code)))
    missing = [row for row in _shipped_awards() if row["code"] not in known]
    session.add_all(Award(for_kinds=row.pop("for"), **row) for row in missing)
    await session.flush()
    return len(missing)


def _shipped_awards() -> list[dict[str, Any]]:
    text = (files("storage") / "catalogue" / "awards.json").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = json.loads(text)
    return rows
