"""An officer sets right in which field and groups of people a deed is counted.

officer: [Field and groups]     bot: the fields, the groups; what is chosen is marked
officer: [☐ Workers]            bot: the same, with ☑ Workers
"""

from __future__ import annotations

import re

from aiogram import F, Router
from aiogram.types import CallbackQuery

from bot.replies import Choice, Reply, UserError, choice
from handlers.deeds import checking, forms, sorting
from handlers.deeds.steps import HELP, HOME, Turn, give_turn, officer_of
from storage.models.deeds import Deed

_PRESS = re.compile(r"vl:(?P<kind>[fg]):(?P<code>\w{1,32}):(?P<deed>\w{20}):(?P<seen>\d{1,9})")


def router() -> Router:
    chat = Router(name="deed_sorting")
    give_turn(chat)
    press = chat.callback_query.register
    press(show, F.data.startswith("vl:o:"))
    press(change, F.data.startswith("vl:"))
    return chat


def way(deed: Deed) -> list[Choice]:
    """The button that leads here, where anything can be set right."""
    return [choice("deed_sorting-button", f"vl:o:{deed.id}")] if sorting.may_sort(deed) else []


async def show(query: CallbackQuery, turn: Turn) -> Reply:
    deed_id = (query.data or "").removeprefix("vl:o:")
    return await _lists(turn, await checking.held(turn.session, await officer_of(turn), deed_id))


async def change(query: CallbackQuery, turn: Turn) -> Reply:
    """One field in place of another; a group in or out."""
    found = _PRESS.fullmatch(query.data or "")
    if found is None:
        raise UserError("deed_sorting-gone")
    officer = await officer_of(turn)
    deed = await checking.held(turn.session, officer, found["deed"])
    do = sorting.set_field if found["kind"] == "f" else sorting.toggle_group
    await do(turn.session, officer, deed, found["code"], turn.now, seen=int(found["seen"]))
    return await _lists(turn, deed, again=True)


async def _lists(turn: Turn, deed: Deed, *, again: bool = False) -> Reply:
    form, locale = await forms.form_of(turn.session), turn.contact.locale
    held = [one.code for one in await sorting.groups_of(turn.session, deed)]
    answer = Reply("deed_sorting-ask", {}, replaces=again)
    for kind, options, chosen in (
        ("f", form.fields, [deed.field_code]), ("g", form.groups, held)
    ):  # fmt: skip
        for one in options:
            key = "deed_sorting-on-button" if one.code in chosen else "deed_sorting-off-button"
            press = f"vl:{kind}:{one.code}:{deed.id}:{deed.version}"
            answer = answer.offering(choice(key, press, name=one.name(locale)))
    return answer.offering(choice("deed_sorting-back-button", f"vd:o:{deed.id}"), (HOME,), HELP)
