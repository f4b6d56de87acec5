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

from bot.receipts import tidy_code
from bot.replies import Choice, Reply, Until, UserError, Word, choice, link, reply
from handlers.deeds import checking, consent, people, reading, service, sorting_chat, stages
from handlers.deeds.naming import in_short, place_in_words
from handlers.deeds.reading import Reading
from handlers.deeds.steps import HELP, HOME, Turn, give_turn, officer_of
from storage.models.deeds import Deed, DeedState
from storage.models.office import Officer
from storage.models.units import Unit

Event = Message | CallbackQuery
_OPEN, _DAYS = "deed_review", "deed_review_days"
MOST_LISTED = 20
LIST = choice("deed_review-list-button", "vd:list")


class Reviewing(StatesGroup):
    unit = State()
    reason = State()
    again = State()


def router() -> Router:
    chat = Router(name="deed_review")
    give_turn(chat)
    chat.message.register(list_waiting, Command("viectotmoi", "newdeeds"))
    press = chat.callback_query.register
    press(list_waiting, F.data == "vd:list")
    press(open_one, F.data.startswith("vd:o:"))
    press(list_checked, F.data == "vd:checked")
    press(list_ended, F.data == "vd:ended")
    press(ask_why_again, F.data.startswith("vd:b:"))
    press(offer_units, F.data.startswith("vd:u:"))
    press(ask_unit, F.data.startswith("vd:q:"))
    press(choose_days, F.data.startswith("vd:n:"), Reviewing.unit)
    press(ask_reason, F.data.startswith("vd:r:"))
    press(only_duty, F.data == "vd:duty", Reviewing.reason)
    press(list_waiting, F.data.startswith("vd:"))
    reviewing = StateFilter(Reviewing)
    chat.message.register(cancel, Command("huy", "cancel"), reviewing)
    plain = (F.text, ~F.text.startswith("/"), ~F.text.func(tidy_code))
    chat.message.register(find_unit, Reviewing.unit, *plain)
    chat.message.register(take_reason, Reviewing.reason, *plain)
    chat.message.register(begin_again, Reviewing.again, *plain)
    return chat


async def list_waiting(_: Event, turn: Turn) -> Reply:
    officer = await officer_of(turn)
    await _leave(turn)
    found, others = await checking.queue(turn.session, officer), await _other_lists(turn, officer)
    if not found:
        return reply("deed_review-none").offering(*others, (HOME,), HELP)
    answer = reply("deed_review-list", n=len(found))
    for one in found[:MOST_LISTED]:
        key = "deed_review-urgent-button" if one.deed.urgent else "deed_review-one-button"
        answer = answer.offering(
            choice(
                key, f"vd:o:{one.deed.id}", n=one.tellers, at=one.deed.made_at,
                place=await in_short(turn.session, one.deed, turn.contact.locale),
            )
        )  # fmt: skip
    return answer.offering(*others, (HOME,), HELP)


async def _other_lists(turn: Turn, officer: Officer) -> list[Choice]:
    """What does not wait for the office, and can be called back or taken up again."""
    ways = []
    if checked := await checking.being_checked(turn.session, officer):
        ways.append(choice("deed_review-checked-button", "vd:checked", n=len(checked)))
    if ended := await checking.gone_no_further(turn.session, officer):
        ways.append(choice("deed_review-ended-button", "vd:ended", n=len(ended)))
    return ways


async def list_checked(_: CallbackQuery, turn: Turn) -> Reply:
    found = await checking.being_checked(turn.session, await officer_of(turn))
    answer = reply("deed_review-checked", n=len(found))
    for deed, check in found[:MOST_LISTED]:
        late = check.due_at <= turn.now
        key = "deed_review-late-one-button" if late else "deed_review-checked-one-button"
        place = await in_short(turn.session, deed, turn.contact.locale)
        due = Until(check.due_at)
        answer = answer.offering(choice(key, f"vd:o:{deed.id}", place=place, due=due))
    return answer.offering(LIST, (HOME,), HELP)


async def list_ended(_: CallbackQuery, turn: Turn) -> Reply:
    found = await checking.gone_no_further(turn.session, await officer_of(turn))
    answer = reply("deed_review-ended", n=len(found))
    for deed in found[:MOST_LISTED]:
        answer = answer.offering(
            choice(
                "deed_review-ended-one-button", f"vd:o:{deed.id}",
                place=await in_short(turn.session, deed, turn.contact.locale),
                state=Word(f"deeds-state-{DeedState(deed.state)}"),
            )
        )  # fmt: skip
    return answer.offering(LIST, (HOME,), HELP)


async def open_one(query: CallbackQuery, turn: Turn) -> Reply:
    officer = await officer_of(turn)
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
        units = deed.reason.startswith(service.CHECK)
        key = "deed_review-said-unit" if units else "deed_review-said-office"
        parts.append(reply(key, reason=reason))
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
    if stages.may_become(deed, DeedState.RECEIVED):
        is_out = deed.state == DeedState.CHECKING
        key = "deed_review-call-back-button" if is_out else "deed_review-again-button"
        ways.append(choice(key, f"vd:b:{deed.id}:{deed.version}"))
    if stages.may_become(deed, DeedState.REJECTED):
        ways.append(choice("deed_review-reject-button", f"vd:r:{deed.id}:{deed.version}"))
    if stages.may_become(deed, DeedState.NURTURED):
        ways.append(choice("deed_nurture-button", f"bd:u:{deed.id}:{deed.version}"))
    if deed.state in people.IN_HAND:
        ways.append(choice("deed_nurture-open-button", f"bd:o:{deed.id}"))
    if deed.state == DeedState.CONFIRMED:
        ways.append(choice("deed_summary-button", f"tk:o:{deed.id}"))
    if consent.may_record(deed):
        ways.append(choice("deed_consent-button", f"vc:o:{deed.id}"))
    return [*ways, *sorting_chat.way(deed), choice("movements-assign-button", f"mv:d:{deed.id}")]


# To be checked


async def offer_units(query: CallbackQuery, turn: Turn) -> Reply:
    """The nearest units as buttons; any other by a part of its name."""
    officer = await officer_of(turn)
    deed, seen = await _about(turn, officer, _payload(query))
    await turn.state.update_data({_OPEN: [deed.id, seen]})
    await turn.state.set_state(Reviewing.unit)
    return await _units(turn, deed, seen, "")


async def choose_days(query: CallbackQuery, turn: Turn) -> Reply:
    """One of the usual numbers; any other is typed where the unit's name is."""
    deed, seen = await _opened(turn)
    said = _payload(query)
    return await _set_days(turn, deed, seen, int(said) if said.isdecimal() else 0)


async def _set_days(turn: Turn, deed: Deed, seen: int, days: int) -> Reply:
    if not 1 <= days <= checking.MOST_DAYS:
        raise UserError("deed_review-bad-days", most=checking.MOST_DAYS)
    await turn.state.update_data({_DAYS: days})
    return await _units(turn, deed, seen, "")


async def find_unit(message: Message, turn: Turn) -> Reply:
    """Digits alone are the working days: no unit is called so."""
    deed, seen = await _opened(turn)
    typed = message.text or ""
    if typed.strip().isdecimal():
        return await _set_days(turn, deed, seen, int(typed.strip()[:4]))
    return await _units(turn, deed, seen, typed)


async def _units(turn: Turn, deed: Deed, seen: int, typed: str) -> Reply:
    found: list[Unit] = await checking.units_near(turn.session, deed, typed)
    days = await _days(turn)
    answer = reply("deed_review-which-unit", n=days) if found else reply("deed_review-no-unit")
    for unit in found:
        press = f"vd:q:{deed.id}:{unit.id}:{seen}"
        answer = answer.offering(Choice(unit.name[:60], press=press, literal=True))
    others = [one for one in checking.OFTEN_DAYS if one != days]
    answer = answer.offering(
        [choice("deed_review-days-button", f"vd:n:{one}", n=one) for one in others]
    )
    return answer.offering(choice("common-back-button", f"vd:o:{deed.id}"), LIST)


async def _days(turn: Turn) -> int:
    return int((await turn.state.get_data()).get(_DAYS) or checking.USUAL_DAYS)


async def ask_unit(query: CallbackQuery, turn: Turn) -> Reply:
    officer = await officer_of(turn)
    deed_id, unit_id, seen = _payload(query).split(":")
    deed = await checking.held(turn.session, officer, deed_id)
    unit = await turn.session.get(Unit, unit_id)
    if unit is None:
        raise UserError("deed_review-not-yours").offering(LIST)
    check = await checking.ask(
        turn.session, turn.vault, officer, deed, unit, turn.now, seen=int(seen),
        days=await _days(turn),
    )  # fmt: skip
    await _leave(turn)
    return reply("deed_review-asked", unit=unit.name, due=Until(check.due_at)).offering(LIST, HOME)


# No further


async def ask_reason(query: CallbackQuery, turn: Turn) -> Reply:
    officer = await officer_of(turn)
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
    officer = await officer_of(turn)
    deed, seen = await _opened(turn)
    await checking.reject(
        turn.session, turn.vault, officer, deed, reason, turn.now, seen=seen, duty_only=duty_only
    )
    await _leave(turn)
    return reply("deed_review-rejected").offering(LIST, HOME)


# From the beginning again


async def ask_why_again(query: CallbackQuery, turn: Turn) -> Reply:
    officer = await officer_of(turn)
    deed, seen = await _about(turn, officer, _payload(query))
    await turn.state.update_data({_OPEN: [deed.id, seen]})
    await turn.state.set_state(Reviewing.again)
    return reply("deed_review-ask-why-again").offering(
        choice("common-back-button", f"vd:o:{deed.id}"), LIST
    )


async def begin_again(message: Message, turn: Turn) -> Reply:
    officer = await officer_of(turn)
    deed, seen = await _opened(turn)
    await checking.begin_again(
        turn.session, turn.vault, officer, deed, message.text or "", turn.now, seen=seen
    )
    await _leave(turn)
    return reply("deed_review-began-again").offering(
        choice("deed_review-open-button", f"vd:o:{deed.id}"), LIST, (HOME,)
    )


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
    return await checking.held(turn.session, await officer_of(turn), held[0]), int(held[1])


async def _leave(turn: Turn) -> None:
    if (await turn.state.get_state() or "").startswith("Reviewing:"):
        await turn.state.set_state(None)
    data = await turn.state.get_data()
    kept = {name: value for name, value in data.items() if name not in (_OPEN, _DAYS)}
    if kept != data:
        await turn.state.set_data(kept)


def _payload(query: CallbackQuery) -> str:
    return (query.data or "").split(":", 2)[2]
