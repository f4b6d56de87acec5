"""The ladder as officers type it: "T-30,T-7,T0,T+1:head", days before and after the last day."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.replies import UserError
from handlers.deadlines.reminders.ladder import DEFAULT_LADDER, rung
from storage.models.deadlines import Audience, Rung

FURTHEST = 365
"""Days before or after: further is a slip of the pen."""
MOST_RUNGS = 20
_STEP = re.compile(r"T(?:(?P<sign>[+-])(?P<days>\d{1,4})|0)(?::(?P<to>\w+))?", re.IGNORECASE)


def parse(text: str) -> list[Rung]:
    """In order of time; "default" is the usual one. Raises UserError that names the step."""
    if text.strip().lower() == "default":
        return list(DEFAULT_LADDER)
    written = [part.strip() for part in text.replace(";", ",").split(",") if part.strip()]
    if not written:
        raise UserError("calendar-ladder-empty")
    if len(written) > MOST_RUNGS:
        raise UserError("calendar-ladder-long", most=MOST_RUNGS)
    rungs: dict[int, Rung] = {}
    for step in written:
        one = _rung(step)
        if one["days"] in rungs:
            raise UserError("calendar-ladder-twice", step=one["step"])
        rungs[one["days"]] = one
    return [rungs[days] for days in sorted(rungs)]


def _rung(step: str) -> Rung:
    found = _STEP.fullmatch(step)
    if found is None:
        raise UserError("calendar-ladder-step", step=step[:20])
    to = (found["to"] or Audience.FOCAL).lower()
    if to not in list(Audience):
        raise UserError("calendar-ladder-to", step=step[:20], known=", ".join(Audience))
    days = int(found["days"] or 0) * (-1 if found["sign"] == "-" else 1)
    if abs(days) > FURTHEST:
        raise UserError("calendar-ladder-far", step=step[:20], most=FURTHEST)
    return rung(days, Audience(to))


def written(ladder: Sequence[Rung]) -> str:
    """As `parse` reads it."""
    return ",".join(
        one["step"] if one["to"] == Audience.FOCAL else f"{one['step']}:{one['to']}"
        for one in ladder or DEFAULT_LADDER
    )
