"""An officer sets right in which field and groups of people a deed is counted.

officer: [Field and groups]     bot: the fields, the groups; what is chosen is marked
officer: [☐ Workers]            bot: the same, with ☑ Workers
"""

from __future__ import annotations

from aiogram import F, Router
from aiogram.types import CallbackQuery

from bot.replies import Choice, Reply, choice
from handlers.deeds import checking, forms, sorting
from handlers.deeds.steps import HELP, HOME, Turn, give_turn, officer_of
from storage.models.deeds import Deed


def router() -> Router:
    chat = Router(name="deed_sorting")
    give_turn(chat)
    press = chat.callback_query.register
    press(show, F.data.startswith("vl:o:"))
    press(choose_field, F.data.startswith("vl:f:"))
    press(toggle_group, F.data.startswith("vl:g:"))
    return chat


def way(deed: Deed) -> list[Choice]:
    """The button that leads here, where anything can be set right."""
    return [choice("deed_sorting-button", f"vl:o:{deed.id}")] if sorting.may_sort(deed) else []


async def show(query: CallbackQuery, turn: Turn) -> Reply:
    deed = await checking.held(turn.session, await officer_of(turn), _payload(query)[0])
    return await _lists(turn, deed)


async def choose_field(query: CallbackQuery, turn: Turn) -> Reply:
    code, deed_id, seen = _payload(query)
    officer = await officer_of(turn)
    deed = await checking.held(turn.session, officer, deed_id)
    await sorting.set_field(turn.session, officer, deed, code, turn.now, seen=int(seen))
    return await _lists(turn, deed, again=True)


async def toggle_group(query: CallbackQuery, turn: Turn) -> Reply:
    code, deed_id, seen = _payload(query)
    officer = await officer_of(turn)
    deed = await checking.held(turn.session, officer, deed_id)
    await sorting.toggle_group(turn.session, officer, deed, code, turn.now, seen=int(seen))
    return await _lists(turn, deed, again=True)


async def _lists(turn: Turn, deed: Deed, *, again: bool = False) -> Reply:
    form, locale = await forms.form_of(turn.session), turn.contact.locale
    held = await sorting.groups_of(turn.session, deed)
    answer = Reply("deed_sorting-ask", {}, replaces=again)
    for kind, options, chosen in (
        ("f", form.fields, [deed.field_code]), ("g", form.groups, held)
    ):  # fmt: skip
        for one in options:
            key = "deed_sorting-on-button" if one.code in chosen else "deed_sorting-off-button"
            press = f"vl:{kind}:{one.code}:{deed.id}:{deed.version}"
            answer = answer.offering(choice(key, press, name=one.name(locale)))
    return answer.offering(choice("deed_sorting-back-button", f"vd:o:{deed.id}"), (HOME,), HELP)


def _payload(query: CallbackQuery) -> list[str]:
    return (query.data or "").split(":")[2:]
