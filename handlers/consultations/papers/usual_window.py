"""What a notice that leaves its window open gets: data with a basis, and never in silence."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from importlib.resources import files

from handlers.consultations.papers.draft import Counting, DayUnit, Layer


@dataclass(frozen=True)
class UsualWindow:
    layer: Layer
    days: int
    day_unit: DayUnit
    counting: Counting
    basis: str
    effective_from: date
    effective_to: date | None
    verified: bool


def usual_window(layer: Layer, on: date) -> UsualWindow | None:
    """The rule in force on that day; None where no rule is known, and then nothing is assumed."""
    for rule in _shipped():
        ended = rule.effective_to is not None and rule.effective_to < on
        if rule.layer == layer and rule.effective_from <= on and not ended:
            return rule
    return None


def _shipped() -> list[UsualWindow]:
    text = (files("storage") / "catalogue" / "windows.json").read_text(encoding="utf-8")
    return [
        UsualWindow(
            row["layer"], row["days"], row["day_unit"], row["counting"], row["basis"],
            date.fromisoformat(row["effective_from"]),
            date.fromisoformat(row["effective_to"]) if row["effective_to"] else None,
            row["verified"],
        )
        for row in json.loads(text)
    ]  # fmt: skip
