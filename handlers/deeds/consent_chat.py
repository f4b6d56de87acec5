"""An officer records in chat whether the praised agree to be published, and upon what.

officer: [Consent]            bot: who agreed, who refused, upon what; what may be recorded now
officer: [They agree]         bot: how old are they?
officer: [7 to 15 years]      bot: what does it rest on? words, a photo of the paper
officer: "asked at home"      bot: reads it back; record
officer: [Record]             bot: done; the guardian is still to be asked
"""

from __future__ import annotations

from aiogram import F, Router
from aiogram.filters import Command, StateFilter
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery, Message

from bot.receipts import tidy_code
from bot.replies import Choice, Reply, Word, choice, reply
from handlers.deeds import checking, consent, stages, writing
from handlers.deeds.consent import Age, Whose
from handlers.deeds.review_chat import LIST
from handlers.deeds.steps import HELP, HOME, Turn, give_turn, officer_of, parts
from storage.models.deeds import Deed, Known, SubjectKind

Event = Message | CallbackQuery


class Consenting(StatesGroup):
    ground = State()


def router() -> Router:
    chat = Router(name="deed_consent")
    give_turn(chat)
    press = chat.callback_query.register
    press(open_one, F.data.startswith("vc:o:"))
    press(ask_age, F.data.startswith("vc:y:"))
    press(ask_own, F.data.startswith("vc:a:"))
    press(ask_other, F.data.startswith("vc:s:"))
    press(send, F.data == "vc:send", Consenting.ground)
    press(cancel, F.data.startswith("vc:"))
    writes = StateFilter(Consenting)
    chat.message.register(cancel, Command("huy", "cancel"), writes)
    plain = (F.text, ~F.text.startswith("/"), ~F.text.func(tidy_code))
    chat.message.register(take, writes, *plain)
    chat.message.register(take, writes, ~F.text)
    return chat


async def open_one(query: CallbackQuery, turn: Turn) -> Reply:
    await writing.leave(turn)
    deed = await _held(turn, (query.data or "").removeprefix("vc:o:"))
    return _card(deed)


async def _held(turn: Turn, deed_id: str) -> Deed:
    return await checking.held(turn.session, await officer_of(turn), deed_id)


def _card(deed: Deed) -> Reply:
    card = reply(
        "deed_consent-card", said=Word(f"deed_consent-said-{Known(deed.consent)}"),
        ground=_ground(deed.consent_rests_on),
    )  # fmt: skip
    parts = [card]
    if deed.is_child == Known.YES or deed.guardian_consent != Known.UNKNOWN:
        said = Word(f"deed_consent-said-{Known(deed.guardian_consent)}")
        ground = _ground(deed.guardian_rests_on)
        parts.append(reply("deed_consent-card-guardian", said=said, ground=ground))
    *before, last = parts
    last = last.offering(*_ways(deed), choice("common-back-button", f"vd:o:{deed.id}"), HELP)
    return before[0].followed_by(last) if before else last


def _ground(rests_on: str) -> str | Word:
    return Word("deed_consent-under-seven") if rests_on == consent.UNDER_SEVEN else rests_on or "—"


def _ways(deed: Deed) -> list[Choice]:
    """Upon the version that is shown; the guardian is asked only for a child."""
    if not consent.may_record(deed):
        return []
    ways = []
    tail = f"{deed.id}:{deed.version}"
    own, guardian = consent.of(deed, Whose.OWN), consent.of(deed, Whose.GUARDIAN)
    if own is Known.UNKNOWN:
        ways.append(choice("deed_consent-own-yes-button", f"vc:y:{tail}"))
    ways.append(_refusal(Whose.OWN, own, tail))
    if deed.is_child == Known.YES:
        if guardian is Known.UNKNOWN:
            ways.append(choice("deed_consent-guardian-yes-button", f"vc:s:guardian:yes:{tail}"))
        ways.append(_refusal(Whose.GUARDIAN, guardian, tail))
    return ways


def _refusal(whose: Whose, held: Known, tail: str) -> Choice:
    """Who agreed may always refuse later."""
    if held is Known.NO:
        return choice(f"deed_consent-{whose}-again-button", f"vc:s:{whose}:unknown:{tail}")
    return choice(f"deed_consent-{whose}-no-button", f"vc:s:{whose}:no:{tail}")


async def ask_age(query: CallbackQuery, turn: Turn) -> Reply:
    """Of a person only: what was said by whoever told the deed is no ground."""
    deed_id, seen = parts(query, "vc:y:", 2, LIST)
    deed = await _held(turn, deed_id)
    if deed.subject_kind != SubjectKind.PERSON:
        return await _ask(turn, deed, Whose.OWN, Known.YES, "", seen)
    answer = reply("deed_consent-ask-age")
    for age in Age:
        answer = answer.offering(
            choice(f"deed_consent-age-{age}-button", f"vc:a:{age}:{deed.id}:{seen}")
        )
    return answer.offering(choice("common-back-button", f"vc:o:{deed.id}"), HELP)


async def ask_own(query: CallbackQuery, turn: Turn) -> Reply:
    age, deed_id, seen = parts(query, "vc:a:", 3, LIST)
    deed = await _held(turn, deed_id)
    if age not in Age.__members__.values():
        return _card(deed)
    return await _ask(turn, deed, Whose.OWN, Known.YES, age, seen)


async def ask_other(query: CallbackQuery, turn: Turn) -> Reply:
    whose, said, deed_id, seen = parts(query, "vc:s:", 4, LIST)
    deed = await _held(turn, deed_id)
    if whose not in Whose.__members__.values() or said not in Known.__members__.values():
        return _card(deed)
    return await _ask(turn, deed, Whose(whose), Known(said), "", seen)


async def _ask(turn: Turn, deed: Deed, whose: Whose, said: Known, age: str, seen: str) -> Reply:
    if not consent.may_record(deed):
        raise stages.cannot(deed).offering(LIST, HOME)
    await writing.begin(turn, Consenting.ground, deed.id, seen, whose, said, age)
    key = "again" if said is Known.UNKNOWN else "guardian" if age == Age.UNDER_SEVEN else "ground"
    return reply(f"deed_consent-ask-{key}", longest=consent.LONGEST).offering(*_back(deed.id))


def _back(deed_id: str) -> tuple[Choice | tuple[Choice, ...], ...]:
    back = choice("common-back-button", f"vc:o:{deed_id}")
    return (back, choice("common-cancel-button", "vc:cancel")), HELP


async def take(message: Message, turn: Turn) -> Reply:
    piece = await writing.add(turn, message, LIST, longest=consent.LONGEST)
    deed_id, _, whose, said, _ = piece.about
    answer = writing.read_back(
        turn, piece, f"deed_consent-read-back-{Whose(whose)}",
        said=Word(f"deed_consent-said-{Known(said)}"),
    )  # fmt: skip
    return answer.offering(choice("deed_consent-send-button", "vc:send"), *_back(deed_id))


async def send(_: CallbackQuery, turn: Turn) -> Reply:
    piece = await writing.held(turn, LIST)
    deed_id, seen, whose, said, age = piece.about
    officer = await officer_of(turn)
    deed = await checking.held(turn.session, officer, deed_id)
    await consent.record(
        turn.session, turn.vault, officer, deed, Whose(whose), Known(said),
        writing.words(turn, piece), piece.files, turn.now, seen=int(seen),
        age=Age(age) if age else None,
    )  # fmt: skip
    await writing.done(turn)
    return reply("deed_consent-recorded").followed_by(_card(deed))


async def cancel(_: Event, turn: Turn) -> Reply:
    await officer_of(turn)
    await writing.leave(turn)
    return reply("deed_review-cancelled").offering(LIST, HOME)
