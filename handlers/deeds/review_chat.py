"""An officer decides what becomes of a good deed that was told: to be checked, or no further.

officer: /viectotmoi         bot: what waits, rescue first
officer: [a commune · a day] bot: facts, who else tells it, what they share; a private page
officer: [send to be checked] [Xã Suối Mơ]   bot: asked, until when
officer: [no further] "why"  [send]          bot: done; those who told it hear why
"""

from __future__ import annotations

from typing import Any

from aiogram import F, Router
from aiogram.filters import Command, StateFilter
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery, Message

from bot.hearing import Hears
from bot.receipts import tidy_code
from bot.replies import Choice, Reply, Until, UserError, Word, choice, link, reply
from handlers.deeds import checking, people, reading, service, stages
from handlers.deeds.check_chat import place_in_words
from handlers.deeds.reading import Reading
from handlers.deeds.steps import HELP, HOME, Turn, give_turn
from storage.models.deeds import Deed, DeedState
from storage.models.office import Officer
from storage.models.units import Unit

Event = Message | CallbackQuery
_OPEN = "deed_review"
MOST_LISTED = 20
LIST = choice("deed_review-list-button", "vd:list")


class Reviewing(StatesGroup):
    unit = State()
    reason = State()


def router() -> Router:
    chat = Router(name="deed_review")
    chat.message.filter(Hears(Reviewing))
    give_turn(chat)
    chat.message.register(list_waiting, Command("viectotmoi", "newdeeds"))
    press = chat.callback_query.register
    press(list_waiting, F.data == "vd:list")
    press(open_one, F.data.startswith("vd:o:"))
    press(offer_units, F.data.startswith("vd:u:"))
    press(ask_unit, F.data.startswith("vd:q:"))
    press(ask_reason, F.data.startswith("vd:r:"))
    press(only_duty, F.data == "vd:duty", Reviewing.reason)
    press(list_waiting, F.data.startswith("vd:"))
    reviewing = StateFilter(Reviewing)
    chat.message.register(cancel, Command("huy", "cancel"), reviewing)
    plain = (F.text, ~F.text.startswith("/"), ~F.text.func(tidy_code))
    chat.message.register(find_unit, Reviewing.unit, *plain)
    chat.message.register(take_reason, Reviewing.reason, *plain)
    return chat


async def _officer(turn: Turn) -> Officer:
    """Asked of the row each time. Raises UserError."""
    officer = await people.acting(turn.session, turn.contact.id)
    if officer is None:
        raise UserError("deeds-officers-only").offering(HOME)
    return officer


async def list_waiting(_: Event, turn: Turn) -> Reply:
    officer = await _officer(turn)
    await _leave(turn)
    found = await checking.queue(turn.session, officer)
    if not found:
        return reply("deed_review-none").offering((HOME,), HELP)
    answer = reply("deed_review-list", n=len(found))
    for one in found[:MOST_LISTED]:
        key = "deed_review-urgent-button" if one.deed.urgent else "deed_review-one-button"
        answer = answer.offering(
            choice(
                key, f"vd:o:{one.deed.id}", place=place_in_words(one.deed), n=one.tellers,
                at=one.deed.made_at,
            )
        )  # fmt: skip
    return answer.offering((HOME,), HELP)


async def open_one(query: CallbackQuery, turn: Turn) -> Reply:
    officer = await _officer(turn)
    await _leave(turn)
    deed = await checking.held(turn.session, officer, _payload(query))
    return await _card(turn, officer, deed)


async def _card(turn: Turn, officer: Officer, deed: Deed) -> Reply:
    """Facts; names, words and files open on the office's own page for ten minutes."""
    rows = await service.reports_of(turn.session, deed)
    state = DeedState(deed.state)
    parts = [
        reply(
            "deed_review-card", place=place_in_words(deed), day=deed.happened_on or "—",
            kind=Word(f"tell-kind-{deed.subject_kind}"), state=Word(f"deeds-state-{state}"),
            n=len(rows), at=deed.made_at,
        )
    ]  # fmt: skip
    if deed.by_self or deed.by_own_unit:
        parts.append(reply("deed_review-self" if deed.by_self else "deed_review-own-unit"))
    parts += [
        reply(f"deed_review-same-{one.what}", numbers=", ".join(map(str, one.numbers)))
        for one in service.shared(rows)
    ]
    if reason := await service.reason_of(turn.session, turn.vault, deed):
        parts.append(reply("tell-standing-reason", reason=reason))
    address = reading.sign(turn.vault, turn.links, Reading(f"officer:{officer.id}", deed.id))
    last = parts[-1].offering(link("deed_review-page-button", address), *_decisions(deed))
    last = last.offering(LIST, (HOME,), HELP)
    if len(parts) == 1:
        return last
    return parts[0].followed_by(*parts[1:-1], last)


def _decisions(deed: Deed) -> list[Choice]:
    """Only what the table allows, upon the version that is shown."""
    ways = []
    if stages.may_become(deed, DeedState.CHECKING):
        ways.append(choice("deed_review-check-button", f"vd:u:{deed.id}:{deed.version}"))
    if stages.may_become(deed, DeedState.REJECTED):
        ways.append(choice("deed_review-reject-button", f"vd:r:{deed.id}:{deed.version}"))
    return [*ways, choice("movements-assign-button", f"mv:d:{deed.id}")]


# To be checked


async def offer_units(query: CallbackQuery, turn: Turn) -> Reply:
    """The nearest units as buttons; any other by a part of its name."""
    officer = await _officer(turn)
    deed, seen = await _about(turn, officer, _payload(query))
    await turn.state.update_data({_OPEN: [deed.id, seen]})
    await turn.state.set_state(Reviewing.unit)
    return await _units(turn, deed, seen, "")


async def find_unit(message: Message, turn: Turn) -> Reply:
    deed, seen = await _opened(turn)
    return await _units(turn, deed, seen, message.text or "")


async def _units(turn: Turn, deed: Deed, seen: int, typed: str) -> Reply:
    found: list[Unit] = await checking.units_near(turn.session, deed, typed)
    answer = reply("deed_review-which-unit" if found else "deed_review-no-unit")
    for unit in found:
        press = f"vd:q:{deed.id}:{unit.id}:{seen}"
        answer = answer.offering(Choice(unit.name[:60], press=press, literal=True))
    return answer.offering(choice("common-back-button", f"vd:o:{deed.id}"), LIST)


async def ask_unit(query: CallbackQuery, turn: Turn) -> Reply:
    officer = await _officer(turn)
    deed_id, unit_id, seen = _payload(query).split(":")
    deed = await checking.held(turn.session, officer, deed_id)
    unit = await turn.session.get(Unit, unit_id)
    if unit is None:
        raise UserError("deed_review-not-yours").offering(LIST)
    check = await checking.ask(
        turn.session, turn.vault, officer, deed, unit, turn.now, seen=int(seen)
    )
    await _leave(turn)
    return reply("deed_review-asked", unit=unit.name, due=Until(check.due_at)).offering(LIST, HOME)


# No further


async def ask_reason(query: CallbackQuery, turn: Turn) -> Reply:
    officer = await _officer(turn)
    deed, seen = await _about(turn, officer, _payload(query))
    await turn.state.update_data({_OPEN: [deed.id, seen]})
    await turn.state.set_state(Reviewing.reason)
    return reply("deed_review-ask-reason").offering(
        choice("deed_review-duty-button", "vd:duty"),
        choice("common-back-button", f"vd:o:{deed.id}"), LIST,
    )  # fmt: skip


async def only_duty(_: CallbackQuery, turn: Turn) -> Reply:
    """A stated ground of its own: it was the assigned duty and no more."""
    return await _reject(turn, service.ONLY_DUTY, duty_only=True)


async def take_reason(message: Message, turn: Turn) -> Reply:
    return await _reject(turn, message.text or "")


async def _reject(turn: Turn, reason: str, *, duty_only: bool = False) -> Reply:
    officer = await _officer(turn)
    deed, seen = await _opened(turn)
    await checking.reject(
        turn.session, turn.vault, officer, deed, reason, turn.now, seen=seen, duty_only=duty_only
    )
    await _leave(turn)
    return reply("deed_review-rejected").offering(LIST, HOME)


async def cancel(_: Message, turn: Turn) -> Reply:
    await _leave(turn)
    return reply("deed_review-cancelled").offering(LIST, HOME)


# What is open


async def _about(turn: Turn, officer: Officer, payload: str) -> tuple[Deed, int]:
    deed_id, _, seen = payload.partition(":")
    deed = await checking.held(turn.session, officer, deed_id)
    return deed, int(seen) if seen.isdecimal() else deed.version


async def _opened(turn: Turn) -> tuple[Deed, int]:
    held: list[Any] = (await turn.state.get_data()).get(_OPEN) or []
    if len(held) != 2:
        raise UserError("common-start-again").offering(LIST)
    return await checking.held(turn.session, await _officer(turn), held[0]), int(held[1])


async def _leave(turn: Turn) -> None:
    if (await turn.state.get_state() or "").startswith("Reviewing:"):
        await turn.state.set_state(None)
    data = await turn.state.get_data()
    if data.pop(_OPEN, None) is not None:
        await turn.state.set_data(data)


def _payload(query: CallbackQuery) -> str:
    return (query.data or "").split(":", 2)[2]
