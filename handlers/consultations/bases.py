"""The legal bases of a consultation: data with a standing, which an office keeps true."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts
from bot.replies import UserError
from storage.models.consultations import Consultation

Basis = Mapping[str, Any]
UNCHECKED: Basis = {
    "effective_from": None,
    "effective_to": None,
    "checked_on": None,
    "verified": False,
}


def words(basis: Basis) -> str:
    """The line as the office wrote it; a basis kept without one is its article and document."""
    parts = (basis.get("article"), basis.get("document"))
    return basis.get("text") or " ".join(part for part in parts if part)


def mark(
    session: AsyncSession,
    asked: Consultation,
    number: int,
    told: Mapping[str, date | bool],
    actor: str,
    now: datetime,
) -> None:
    """What was found on comparing one basis, counted from 1, with its document.

    Raises UserError when there is none of that number.
    """
    if not 1 <= number <= len(asked.legal_bases):
        raise UserError(
            "consultations-no-such-basis", code=asked.code, number=number,
            bases=len(asked.legal_bases),
        )  # fmt: skip
    found = {name: str(v) if isinstance(v, date) else v for name, v in told.items()}
    rows = [dict(basis) for basis in asked.legal_bases]
    rows[number - 1] |= found
    asked.legal_bases = rows
    said = "; ".join(f"{name}={value}" for name, value in found.items())
    acts.note(session, now, actor, "mark basis", "consultation", asked.id, f"{number}: {said}")
