"""An officer writes down a good deed that came by telephone, on paper or in person.

officer: /nhapviectot      bot: how did it come? by telephone | on paper | in person
officer: [By telephone]    bot: the questions everybody is asked; then the citizen's receipt
"""

from __future__ import annotations

from aiogram import F, Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message

from bot.replies import Reply, Word, choice, reply
from handlers.deeds.steps import HELP, HOME, Turn, begin, begin_anew, give_turn, officer_of
from storage.models.deeds import EnteredAs

Event = Message | CallbackQuery


def router() -> Router:
    chat = Router(name="deed_entry")
    give_turn(chat)
    chat.message.register(ask_how, Command("nhapviectot", "enterdeed"))
    press = chat.callback_query.register
    press(start, F.data.startswith("vn:h:"))
    press(start_anew, F.data.startswith("vn:a:"))
    press(ask_how, F.data.startswith("vn:"))
    return chat


async def ask_how(_: Event, turn: Turn) -> Reply:
    await officer_of(turn)
    answer = reply("enter-ask-how")
    for how in EnteredAs:
        answer = answer.offering(choice(f"enter-{how}-button", f"vn:h:{how}"))
    return answer.offering((HOME,), HELP)


async def start(query: CallbackQuery, turn: Turn) -> Reply:
    await officer_of(turn)
    how = (query.data or "").removeprefix("vn:h:")
    if how not in EnteredAs.__members__.values():
        return await ask_how(query, turn)
    return _labelled(how, await begin(turn, entered_as=how))


async def start_anew(query: CallbackQuery, turn: Turn) -> Reply:
    """The draft that lay unsent was told of, and is given up."""
    await officer_of(turn)
    how = (query.data or "").removeprefix("vn:a:")
    if how not in EnteredAs.__members__.values():
        return await ask_how(query, turn)
    return _labelled(how, await begin_anew(turn, entered_as=how))


def _labelled(how: str, first: Reply) -> Reply:
    label = Word(f"enter-how-{EnteredAs(how)}")
    return reply("enter-begun", how=label).followed_by(first)
