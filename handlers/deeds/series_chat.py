"""A unit's person tells of many good deeds at once, by a spreadsheet.

person: /danhsachviectot    bot: the template; send it back filled in
person: (an .xlsx)          bot: sheet, row, column, value and what to do; or how many, and
                                 which of them may have been told already
person: [Send them]         bot: sent; each can be followed
"""

from __future__ import annotations

import asyncio
from functools import partial

from aiogram import F, Router
from aiogram.filters import Command, StateFilter
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery, Message

from bot import i18n
from bot.intake import explain
from bot.limits import source_of
from bot.replies import Choice, Reply, UserError, choice, link, reply
from handlers.deeds import forms, people, series, service, writing
from handlers.deeds.series import Filled
from handlers.deeds.service import Author
from handlers.deeds.steps import HELP, HOME, Turn, give_turn
from storage.models.traffic import StoredFile
from storage.models.units import Unit

Event = Message | CallbackQuery


class Listing(StatesGroup):
    sheet = State()


def router() -> Router:
    chat = Router(name="deed_series")
    give_turn(chat)
    chat.message.register(begin, Command("danhsachviectot", "deedlist"))
    press = chat.callback_query.register
    press(choose_unit, F.data.startswith("vs:u:"))
    press(send, F.data == "vs:send", Listing.sheet)
    press(cancel, F.data == "vs:cancel")
    press(begin, F.data.startswith("vs:"))
    listing = StateFilter(Listing)
    chat.message.register(cancel, Command("huy", "cancel"), listing)
    chat.message.register(take, listing, ~F.text)
    return chat


async def begin(_: Event, turn: Turn) -> Reply:
    """Whoever answers for several units says for which."""
    await writing.leave(turn)
    units = [post.unit for post in await people.posts(turn.session, turn.contact.id)]
    if not units:
        raise UserError("series-units-only").offering(
            choice("tell-start-button", "vt:start"), HOME
        )
    if len(units) == 1:
        return await _ask(turn, units[0])
    answer = reply("series-which-unit")
    for unit in units:
        answer = answer.offering(Choice(unit.name[:60], press=f"vs:u:{unit.id}", literal=True))
    return answer.offering((HOME,), HELP)


async def choose_unit(query: CallbackQuery, turn: Turn) -> Reply:
    return await _ask(turn, await _unit(turn, (query.data or "").removeprefix("vs:u:")))


async def _unit(turn: Turn, unit_id: str) -> Unit:
    """Asked of the row each time. Raises UserError."""
    for post in await people.posts(turn.session, turn.contact.id):
        if post.unit.id == unit_id:
            return post.unit
    raise UserError("series-units-only").offering(HOME)


async def _ask(turn: Turn, unit: Unit) -> Reply:
    await writing.begin(turn, Listing.sheet, unit.id)
    return reply("series-ask", unit=unit.name, most=series.MOST_ROWS).offering(
        link("series-template-button", f"{turn.links}{series.TEMPLATE}"),
        choice("common-cancel-button", "vs:cancel"), HELP,
    )  # fmt: skip


async def take(message: Message, turn: Turn) -> Reply:
    """A dry run: nothing is told yet. A newer file takes the place of the one before."""
    piece = await writing.held(turn, HOME)
    unit = await _unit(turn, piece.about[0])
    if not turn.files:
        return await _ask(turn, unit)
    await writing.begin(turn, Listing.sheet, unit.id)
    piece = await writing.add(turn, message, HOME)
    filled = await _read(turn, unit, piece.files)
    again = (
        link("series-template-button", f"{turn.links}{series.TEMPLATE}"),
        choice("common-cancel-button", "vs:cancel"),
    )
    if filled.problems:
        say = partial(i18n.say, turn.contact.locale)
        shown = filled.problems[: series.PROBLEMS_SHOWN]
        told = "\n".join(explain(one, say) for one in shown)
        return reply("series-problems", n=len(filled.problems), problems=told).offering(*again)
    parts = [reply("series-read", n=len(filled.rows), unit=unit.name)]
    known = await series.told_already(turn.session, turn.vault, filled.rows)
    if known:
        numbers = ", ".join(map(str, known))
        parts.append(reply("series-known", n=len(known), numbers=numbers))
    *before, last = parts
    send_them = choice("series-send-button", "vs:send", n=len(filled.rows))
    last = last.offering(send_them, *again, HELP)
    return before[0].followed_by(last) if before else last


async def _read(turn: Turn, unit: Unit, file_ids: list[str]) -> Filled:
    row = await turn.session.get(StoredFile, file_ids[-1]) if file_ids else None
    if row is None:
        raise UserError("common-start-again").offering(HOME)
    form = await forms.form_of(turn.session)
    return await asyncio.to_thread(series.read, turn.store.path(row.sha256), form, unit, turn.now)


async def send(_: CallbackQuery, turn: Turn) -> Reply:
    """Read once more: what was shown is what is filed."""
    piece = await writing.held(turn, HOME)
    unit = await _unit(turn, piece.about[0])
    filled = await _read(turn, unit, piece.files)
    if filled.problems:
        raise UserError("common-start-again").offering(HOME)
    source = source_of(turn.vault, f"contact:{turn.contact.id}", turn.now)
    await service.refuse_flood(turn.session, source, turn.now)
    contact = turn.contact
    author = Author(
        contact.channel, contact.locale, f"contact:{contact.id}", contact.id,
        unit_code=unit.code,
    )  # fmt: skip
    n = await series.file(turn.session, turn.vault, unit, author, filled.rows, turn.now)
    await writing.leave(turn)
    return reply("series-sent", n=n).offering(choice("tell-mine-button", "vr:mine"), (HOME,), HELP)


async def cancel(_: Event, turn: Turn) -> Reply:
    await writing.leave(turn)
    return reply("series-cancelled").offering(HOME)
