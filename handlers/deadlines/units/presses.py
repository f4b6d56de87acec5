"""What a button of the units' dialogue says: verb, object, detail. It proves nothing."""

from __future__ import annotations

from typing import Any

from aiogram.filters import Filter
from aiogram.types import CallbackQuery

PREFIX = "un"


def press(verb: str, id: str = "", detail: str = "") -> str:
    return ":".join((PREFIX, verb, id, detail)).rstrip(":")


class Pressed(Filter):
    """This verb; hands its object, `pressed_id`, and its `detail` to the handler."""

    def __init__(self, verb: str) -> None:
        self._verb = verb

    async def __call__(self, query: CallbackQuery) -> bool | dict[str, Any]:
        prefix, _, rest = (query.data or "").partition(":")
        verb, *parts = rest.split(":")
        if prefix != PREFIX or verb != self._verb or len(parts) > 2:
            return False
        pressed_id, detail = (*parts, "", "")[:2]
        return {"pressed_id": pressed_id, "detail": detail}
