"""A reader opens exemplars in chat, and says that they did as much.

citizen: /guong                 bot: the newest exemplars
citizen: /start g-ID  (a link)  bot: the card as a picture, its page
citizen: [we did it too]        bot: the eight questions; what comes of it counts on the page
"""

from __future__ import annotations

from aiogram import F, Router
from aiogram.filters import Command, CommandObject, CommandStart
from aiogram.types import CallbackQuery, Message

from bot.replies import Choice, Picture, Reply, UserError, choice, link, reply
from handlers.deeds import cards, exemplars
from handlers.deeds.exemplars import Exemplar, Filters
from handlers.deeds.steps import HELP, HOME, Turn, begin, begin_anew, give_turn
from storage.models.deeds import DeedField

Event = Message | CallbackQuery
MOST_LISTED = 8
_LONGEST_LABEL = 60
ALL = choice("exemplar-newest-list-button", "vg:list")


def router() -> Router:
    chat = Router(name="exemplar_readers")
    give_turn(chat)
    chat.message.register(open_link, CommandStart(deep_link=True, magic=F.args.startswith("g-")))
    chat.message.register(show_newest, Command("guong", "exemplars"))
    press = chat.callback_query.register
    press(show_newest, F.data == "vg:list")
    press(open_one, F.data.startswith("vg:o:"))
    press(follow, F.data.startswith("vg:f:"))
    press(follow_anew, F.data.startswith("vg:a:"))
    return chat


async def show_newest(_: Event, turn: Turn) -> Reply:
    found = await exemplars.find(turn.session, Filters(), None, MOST_LISTED)
    answer = reply("exemplar-newest" if found else "exemplar-none-yet")
    for one in found:
        label = one.text.title[:_LONGEST_LABEL]
        answer = answer.offering(Choice(label, press=f"vg:o:{one.deed.id}", literal=True))
    if found:
        answer = answer.offering(link("exemplar-gallery-page-button", f"{turn.links}/guong"))
    return answer.offering((HOME,), HELP)


async def open_link(_: Message, command: CommandObject, turn: Turn) -> Reply:
    turn.contact.blocked = False
    return await _show(turn, (command.args or "").removeprefix("g-"))


async def open_one(query: CallbackQuery, turn: Turn) -> Reply:
    return await _show(turn, _payload(query))


async def _show(turn: Turn, deed_id: str) -> Reply:
    one = await _exemplar(turn, deed_id)
    deed, words = one.deed, one.words
    field = await turn.session.get(DeedField, deed.field_code) if deed.field_code else None
    drawing = cards.describe(turn.contact.locale, deed, words, field, one.office)
    told = {"title": words.title, "lead": words.lead, "office": one.office.name}
    return Reply(
        "exemplar-shown", told, picture=Picture("drawing", drawing, "exemplar-card-alt")
    ).offering(
        link("exemplar-read-button", exemplars.page(turn.links, deed.id)),
        choice("exemplar-follow-button", f"vg:f:{deed.id}"), ALL, (HOME,), HELP,
    )  # fmt: skip


async def _exemplar(turn: Turn, deed_id: str) -> Exemplar:
    """Raises UserError for what the public does not read, or not any more."""
    found = await exemplars.one(turn.session, deed_id)
    if found is None:
        raise UserError("exemplar-gone").offering(ALL, (HOME,), HELP)
    return found


async def follow(query: CallbackQuery, turn: Turn) -> Reply:
    """A draft that lies unsent is offered first, as wherever something is told."""
    one = await _exemplar(turn, _payload(query))
    return await begin(turn, follows=one.deed.id)


async def follow_anew(query: CallbackQuery, turn: Turn) -> Reply:
    one = await _exemplar(turn, _payload(query))
    return await begin_anew(turn, follows=one.deed.id)


def _payload(query: CallbackQuery) -> str:
    return (query.data or "").split(":", 2)[2]
