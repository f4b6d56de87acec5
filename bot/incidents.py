"""What failed, kept under a short number that the person is told and the operator looks up."""

from __future__ import annotations

import secrets
import traceback
from datetime import datetime

from storage.models.traffic import Incident

_DIGITS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_incident(place: str, error: BaseException, now: datetime) -> Incident:
    """Keeps where the code failed, never the values it failed on: they may be someone's words."""
    number = "".join(secrets.choice(_DIGITS) for _ in range(8))
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-20:]]
    return Incident(
        id=number, at=now, place=place, error="\n".join([type(error).__name__, *lines])
    )
