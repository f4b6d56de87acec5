"""A unit stays with somebody who did good, and writes down in chat how it goes.

officer: [Give to a unit] [Xã Suối Mơ] [Nguyễn Thị Mẫu]   bot: the unit is told
person: (told) [open]          bot: who stays with them, what was done, what is to come; buttons
person: [Plan something] "…"   bot: by when? a day in any words, or none; reads it back
person: [Note what was done]   bot: words, photos; save
person: [Done: …]              bot: how did it go? words, photos; save
person: /boiduong              bot: all that this unit, or this office, has in hand
"""

from __future__ import annotations

from datetime import date
from typing import Any

from aiogram import F, Router
from aiogram.filters import Command, StateFilter
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery, Message

from bot import dates, i18n
from bot.clock import local_day
from bot.receipts import tidy_code
from bot.replies import Choice, Reply, UserError, Word, choice, link, reply
from handlers.deeds import checking, nurture, people, reading, stages, writing
from handlers.deeds.naming import in_short, place_in_words
from handlers.deeds.nurture import Entry
from handlers.deeds.people import Hand
from handlers.deeds.reading import Reading
from handlers.deeds.steps import HELP, HOME, Turn, give_turn, officer_of, parts
from storage.models.deeds import Deed, DeedNurture, DeedState
from storage.models.units import Member, Unit

Event = Message | CallbackQuery
_OPEN = "deed_nurture"
_PLAN, _NOTE, _REACH = "plan", "note", "reach"
LIST = choice("deed_nurture-list-button", "bd:list")
MOST_LISTED = 20
MOST_DONE = 6
"""Buttons on one card; the others come up as these are done."""


class Nurturing(StatesGroup):
    unit = State()
    mentor = State()
    writing = State()
    day = State()


def router() -> Router:
    chat = Router(name="deed_nurture")
    give_turn(chat)
    chat.message.register(list_all, Command("boiduong", "nurture"))
    press = chat.callback_query.register
    press(list_all, F.data == "bd:list")
    press(open_one, F.data.startswith("bd:o:"))
    press(offer_units, F.data.startswith("bd:u:"))
    press(offer_mentors, F.data.startswith("bd:m:"))
    press(choose_mentor, F.data.startswith("bd:p:"))
    press(ask_plan, F.data.startswith("bd:plan:"))
    press(ask_note, F.data.startswith("bd:note:"))
    press(ask_reach, F.data.startswith("bd:r:"))
    press(choose_day, F.data.startswith("bd:d:"), Nurturing.day)
    press(send, F.data == "bd:send", StateFilter(Nurturing.writing, Nurturing.day))
    press(cancel, F.data == "bd:cancel")
    press(list_all, F.data.startswith("bd:"))
    chat.message.register(cancel, Command("huy", "cancel"), StateFilter(Nurturing))
    plain = (F.text, ~F.text.startswith("/"), ~F.text.func(tidy_code))
    chat.message.register(find_unit, Nurturing.unit, *plain)
    chat.message.register(take_mentor, Nurturing.mentor, *plain)
    chat.message.register(take_day, Nurturing.day, *plain)
    chat.message.register(take, Nurturing.writing, *plain)
    chat.message.register(take, Nurturing.writing, ~F.text)
    return chat


# The list and the card


async def list_all(_: Event, turn: Turn) -> Reply:
    await _leave(turn)
    found = await nurture.nurtured(turn.session, turn.contact.id)
    if not found:
        return reply("deed_nurture-none").offering((HOME,), HELP)
    answer = reply("deed_nurture-list", n=len(found))
    for deed in found[:MOST_LISTED]:
        answer = answer.offering(
            choice(
                "deed_nurture-one-button", f"bd:o:{deed.id}",
                place=await in_short(turn.session, deed, turn.contact.locale),
                state=Word(f"deeds-state-{DeedState(deed.state)}"),
            )
        )  # fmt: skip
    return answer.offering((HOME,), HELP)


async def open_one(query: CallbackQuery, turn: Turn) -> Reply:
    await _leave(turn)
    return await show(turn, await hand_of(turn, (query.data or "").removeprefix("bd:o:")))


async def hand_of(turn: Turn, deed_id: str) -> Hand:
    """As officer or as unit. Raises UserError."""
    try:
        return await people.hand(turn.session, turn.contact.id, deed_id)
    except UserError as error:
        raise error.offering(LIST, HOME) from None


async def show(turn: Turn, hand: Hand) -> Reply:
    """Facts and what the unit wrote itself; the name on a private page."""
    deed = hand.deed
    row = await turn.session.get(DeedNurture, deed.id)
    address = reading.sign(turn.vault, turn.links, Reading(hand.actor, deed.id))
    page = link("deed_check-page-button", address)
    if row is None:
        return reply("deed_nurture-not-begun", state=_state(deed)).offering(page, *_ways(hand))
    unit = await turn.session.get_one(Unit, row.unit_id)
    entries = await nurture.timeline(turn.session, turn.vault, deed)
    card = reply(
        "deed_nurture-card", unit=unit.name, place=place_in_words(deed), state=_state(deed),
        kind=Word(f"tell-kind-{deed.subject_kind}"), since=local_day(row.began_at),
        mentor=await nurture.mentor_name(turn.session, turn.vault, deed, row) or "—",
    )  # fmt: skip
    shown = entries[-nurture.MOST_SHOWN :]
    lines = "\n".join(_line(one, turn.contact.locale) for one in shown)
    last = reply("deed_nurture-timeline", n=len(entries), lines=lines)
    if not entries:
        last = reply("deed_nurture-no-timeline")
    return card.followed_by(last.offering(page, *_done_ways(hand, entries), *_ways(hand)))


def _state(deed: Deed) -> Word:
    return Word(f"deeds-state-{DeedState(deed.state)}")


def _line(one: Entry, locale: str) -> str:
    if one.row.reached_at is None:
        key = "deed_nurture-line-planned" if one.row.due_on else "deed_nurture-line-undated"
        return i18n.say(locale, key, what=one.what, day=one.row.due_on or "")
    said = "; ".join(part for part in (one.what, one.came) if part) or "—"
    day = local_day(one.row.reached_at)
    return i18n.say(locale, "deed_nurture-line-done", what=said, day=day, n=one.files)


def _done_ways(hand: Hand, entries: list[Entry]) -> list[Choice]:
    if hand.deed.state != DeedState.NURTURED:
        return []
    to_come = [one for one in entries if one.row.reached_at is None]
    return [
        choice("deed_nurture-reach-button", f"bd:r:{one.row.id}", what=one.what[:40])
        for one in to_come[:MOST_DONE]
    ]


def _ways(hand: Hand) -> list[Choice | tuple[Choice, ...]]:
    deed, ways = hand.deed, list[Choice | tuple[Choice, ...]]()
    if deed.state == DeedState.NURTURED:
        ways += [
            choice("deed_nurture-note-button", f"bd:note:{deed.id}"),
            choice("deed_nurture-plan-button", f"bd:plan:{deed.id}"),
        ]
    ways.append(choice("deed_summary-button", f"tk:o:{deed.id}"))
    if hand.unit is None:
        if deed.state == DeedState.NURTURED:
            tail = f"{deed.id}:{deed.version}"
            ways.append(choice("deed_nurture-change-button", f"bd:u:{tail}"))
        ways.append(choice("deed_review-open-button", f"vd:o:{deed.id}"))
    return [*ways, LIST, (HOME,), HELP]


# The officer gives it to a unit and a mentor


async def offer_units(query: CallbackQuery, turn: Turn) -> Reply:
    deed, seen = await _about(turn, (query.data or "").removeprefix("bd:u:"))
    await _leave(turn)
    await turn.state.update_data({_OPEN: [deed.id, seen]})
    await turn.state.set_state(Nurturing.unit)
    return await _units(turn, deed, seen, "")


async def _about(turn: Turn, payload: str) -> tuple[Deed, int]:
    """Refused at once where it would be refused in the end."""
    deed_id, _, seen = payload.partition(":")
    deed = await checking.held(turn.session, await officer_of(turn), deed_id)
    if deed.state != DeedState.NURTURED and not stages.may_become(deed, DeedState.NURTURED):
        raise stages.cannot(deed).offering(LIST, HOME)
    return deed, int(seen) if seen.isdecimal() else deed.version


async def find_unit(message: Message, turn: Turn) -> Reply:
    deed_id, seen = await _opened(turn, 2)
    deed, _ = await _about(turn, deed_id)
    return await _units(turn, deed, int(seen), message.text or "")


async def _units(turn: Turn, deed: Deed, seen: int, typed: str) -> Reply:
    found = await checking.units_near(turn.session, deed, typed)
    answer = reply("deed_nurture-which-unit" if found else "deed_review-no-unit")
    for unit in found:
        press = f"bd:m:{deed.id}:{unit.id}:{seen}"
        answer = answer.offering(Choice(unit.name[:60], press=press, literal=True))
    return answer.offering(choice("common-back-button", f"vd:o:{deed.id}"), LIST)


async def offer_mentors(query: CallbackQuery, turn: Turn) -> Reply:
    """The unit's people as buttons; anybody else by name."""
    deed_id, unit_id, seen = parts(query, "bd:m:", 3, LIST)
    deed, _ = await _about(turn, deed_id)
    unit = await turn.session.get(Unit, unit_id)
    if unit is None or unit.office_id != deed.office_id:
        raise UserError("deed_review-not-yours").offering(LIST)
    await turn.state.update_data({_OPEN: [deed.id, seen, unit.id]})
    await turn.state.set_state(Nurturing.mentor)
    answer = reply("deed_nurture-which-mentor", unit=unit.name)
    for member in await people.members_of(turn.session, unit.id):
        press = f"bd:p:{deed.id}:{member.id}:{seen}"
        answer = answer.offering(Choice(member.name[:60], press=press, literal=True))
    return answer.offering(choice("common-back-button", f"bd:u:{deed.id}:{seen}"), LIST)


async def choose_mentor(query: CallbackQuery, turn: Turn) -> Reply:
    deed_id, member_id, seen = parts(query, "bd:p:", 3, LIST)
    deed, _ = await _about(turn, deed_id)
    member = await turn.session.get(Member, member_id)
    if member is None:
        raise UserError("deed_nurture-mentor-gone").offering(LIST)
    unit = await turn.session.get_one(Unit, member.unit_id)
    return await _begin(turn, deed, unit, member, int(seen))


async def take_mentor(message: Message, turn: Turn) -> Reply:
    deed_id, seen, unit_id = await _opened(turn, 3)
    deed, _ = await _about(turn, deed_id)
    unit = await turn.session.get_one(Unit, unit_id)
    return await _begin(turn, deed, unit, message.text or "", int(seen))


async def _begin(turn: Turn, deed: Deed, unit: Unit, mentor: Member | str, seen: int) -> Reply:
    officer = await officer_of(turn)
    await nurture.begin(turn.session, turn.vault, officer, deed, unit, mentor, turn.now, seen=seen)
    await _leave(turn)
    return reply("deed_nurture-begun", unit=unit.name).offering(
        choice("deed_nurture-open-button", f"bd:o:{deed.id}"), LIST, HOME
    )


# What is planned, what was done


async def ask_plan(query: CallbackQuery, turn: Turn) -> Reply:
    return await _ask(turn, _PLAN, (query.data or "").removeprefix("bd:plan:"))


async def ask_note(query: CallbackQuery, turn: Turn) -> Reply:
    return await _ask(turn, _NOTE, (query.data or "").removeprefix("bd:note:"))


async def _ask(turn: Turn, kind: str, deed_id: str) -> Reply:
    hand = await hand_of(turn, deed_id)
    _refuse_unless_nurtured(hand)
    await _leave(turn)
    await writing.begin(turn, Nurturing.writing, kind, hand.deed.id, "")
    asked = reply(f"deed_nurture-ask-{kind}", longest=nurture.LONGEST)
    return asked.offering(*_back(hand.deed))


async def ask_reach(query: CallbackQuery, turn: Turn) -> Reply:
    """Nothing need be said of it."""
    id = (query.data or "").removeprefix("bd:r:")
    hand, row = await nurture.milestone(turn.session, turn.contact.id, id)
    _refuse_unless_nurtured(hand)
    await _leave(turn)
    await writing.begin(turn, Nurturing.writing, _REACH, hand.deed.id, row.id)
    return reply("deed_nurture-ask-reach", longest=nurture.LONGEST).offering(
        choice("deed_nurture-save-button", "bd:send"), *_back(hand.deed)
    )


def _refuse_unless_nurtured(hand: Hand) -> None:
    if hand.deed.state != DeedState.NURTURED:
        raise stages.cannot(hand.deed).offering(LIST, HOME)


def _back(deed: Deed) -> tuple[Choice | tuple[Choice, ...], ...]:
    back = choice("common-back-button", f"bd:o:{deed.id}")
    return (back, choice("common-cancel-button", "bd:cancel")), HELP


async def take(message: Message, turn: Turn) -> Reply:
    piece = await writing.add(turn, message, LIST, longest=nurture.LONGEST)
    kind, deed_id, _ = piece.about
    hand = await hand_of(turn, deed_id)
    if kind == _PLAN:
        return await _ask_when(turn, hand)
    read_back = writing.read_back(turn, piece, "deed_nurture-read-back")
    return read_back.offering(choice("deed_nurture-save-button", "bd:send"), *_back(hand.deed))


async def _ask_when(turn: Turn, hand: Hand) -> Reply:
    await turn.state.set_state(Nurturing.day)
    return reply("deed_nurture-ask-day").offering(
        choice("deed_nurture-no-day-button", "bd:d:none"), *_back(hand.deed)
    )


async def take_day(message: Message, turn: Turn) -> Reply:
    """What may mean two days is asked again, with both as buttons."""
    read = dates.understand(message.text or "", turn.now)
    meant = [one.day for one in (read, read.other) if one is not None and not one.past]
    if not meant:
        raise UserError("deed_nurture-day-gone")
    if len(meant) == 1:
        return await _plan_for(turn, meant[0])
    answer = reply("deed_nurture-which-day")
    for day in meant:
        answer = answer.offering(choice("deed_nurture-day-button", f"bd:d:{day}", day=day))
    return answer.offering(choice("common-cancel-button", "bd:cancel"))


async def choose_day(query: CallbackQuery, turn: Turn) -> Reply:
    said = (query.data or "").removeprefix("bd:d:")
    try:
        return await _plan_for(turn, date.fromisoformat(said) if said != "none" else None)
    except ValueError:
        raise UserError("common-start-again").offering(LIST) from None


async def _plan_for(turn: Turn, day: date | None) -> Reply:
    piece = await writing.held(turn, LIST)
    kind, deed_id, _ = piece.about
    hand = await hand_of(turn, deed_id)
    await writing.note(turn, kind, deed_id, day.isoformat() if day else "")
    words = writing.words(turn, piece)
    read_back = reply("deed_nurture-read-back-undated", words=words)
    if day is not None:
        read_back = reply("deed_nurture-read-back-plan", words=words, day=day)
    return read_back.offering(choice("deed_nurture-save-button", "bd:send"), *_back(hand.deed))


async def send(_: CallbackQuery, turn: Turn) -> Reply:
    piece = await writing.held(turn, LIST)
    kind, deed_id, rest = piece.about
    hand, words = await hand_of(turn, deed_id), writing.words(turn, piece)
    if kind == _PLAN:
        day = date.fromisoformat(rest) if rest else None
        await nurture.plan(turn.session, turn.vault, hand, words, day, piece.files, turn.now)
    elif kind == _NOTE:
        await nurture.note(turn.session, turn.vault, hand, words, piece.files, turn.now)
    else:
        hand, row = await nurture.milestone(turn.session, turn.contact.id, rest)
        await nurture.reach(turn.session, turn.vault, hand, row, words, piece.files, turn.now)
    await writing.done(turn)
    await turn.session.flush()
    return reply("deed_nurture-saved").followed_by(await show(turn, hand))


async def cancel(_: Event, turn: Turn) -> Reply:
    await _leave(turn)
    return reply("deed_review-cancelled").offering(LIST, HOME)


# What is open


async def _opened(turn: Turn, most: int) -> list[Any]:
    held: list[Any] = (await turn.state.get_data()).get(_OPEN) or []
    if len(held) != most:
        raise UserError("common-start-again").offering(LIST)
    return held


async def _leave(turn: Turn) -> None:
    await writing.leave(turn)
    if (await turn.state.get_state() or "").startswith("Nurturing:"):
        await turn.state.set_state(None)
    data = await turn.state.get_data()
    if data.pop(_OPEN, None) is not None:
        await turn.state.set_data(data)
