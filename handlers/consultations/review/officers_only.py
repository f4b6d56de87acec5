"""The gate before every officer's command and press: the row is asked again each time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiogram import BaseMiddleware, Router
from aiogram.filters import Filter
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery, TelegramObject

from bot.replies import reply
from handlers.consultations.review import presses, rights
from storage.models.office import Role

log = structlog.get_logger()


class Writing(StatesGroup):
    """The officer is typing words; see officer_writing."""

    words = State()


async def forget_writing(state: FSMContext) -> None:
    """Leaves alone what the same contact drafts as a citizen; one let go is stuck in no state."""
    if await state.get_state() == Writing.words.state:
        await state.set_state(None)
    kept = await state.get_data()
    if kept.pop("review", None) is not None:
        await state.set_data(kept)


class OfficersOnly(BaseMiddleware):
    """Hands `officer` to the handlers; everybody else gets a polite sentence."""

    def __init__(self, *roles: Role) -> None:
        self._roles = roles

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        contact = data["contact"]
        officer = await rights.acting(data["session"], contact.id, *self._roles)
        if officer is None:
            verb = data["pressed"].verb if "pressed" in data else "command"
            log.warning("refused: not an officer", contact=contact.id, verb=verb)
            await forget_writing(data["state"])
            return reply("review-officers-only")
        data["officer"] = officer
        return await handler(event, data)


class Pressed(Filter):
    """One of these verbs; hands it, `pressed`, to the handler."""

    def __init__(self, *verbs: str) -> None:
        self._verbs = verbs

    async def __call__(self, query: CallbackQuery) -> bool | dict[str, Any]:
        found = presses.parse(query.data or "")
        return {"pressed": found} if found and found.verb in self._verbs else False


def guarded(name: str, *roles: Role) -> Router:
    router = Router(name=name)
    router.message.middleware(OfficersOnly(*roles))
    router.callback_query.middleware(OfficersOnly(*roles))
    return router
