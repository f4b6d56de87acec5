"""Which messages a whole feature listens to, asked once before each of its handlers is asked."""

from __future__ import annotations

from collections.abc import Callable

from aiogram.filters import Filter
from aiogram.fsm.state import StatesGroup
from aiogram.types import Message


class Hears(Filter):
    """A command, whatever comes from somebody in one of these dialogues, or such words.

    A turn is offered to every router in turn, and most of its cost was there. As the first filter
    of a router (`router.message.filter`) it spares plain words all those they cannot be meant for.
    """

    def __init__(
        self, *dialogues: type[StatesGroup], words: Callable[[str], bool] = lambda text: False
    ) -> None:
        self.states = frozenset(name for one in dialogues for name in one.__all_states_names__)
        self._words = words

    async def __call__(self, message: Message, raw_state: str | None = None) -> bool:
        if raw_state in self.states:
            return True
        text = (message.text or message.caption or "").lstrip()
        return text.startswith("/") or self._words(text)
