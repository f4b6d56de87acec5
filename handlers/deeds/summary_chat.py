"""A unit or an officer sums up what somebody did, and hands it over to be commended.

person: [Summary]              bot: what is written, which award, by which work; buttons
person: [Write it] "…"         bot: reads it back; save
person: [Which commendation]   bot: what the catalogue has for them, the nearest level first
person: [Giấy khen]            bot: noted; by which work of the unit is it proposed?
person: [Đăng ký thi đua]      bot: proposed; the unit is told, its reminders watch the date
"""

from __future__ import annotations

from aiogram import F, Router
from aiogram.filters import Command, StateFilter
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery, Message

from bot.receipts import tidy_code
from bot.replies import Choice, Reply, Until, UserError, Word, choice, link, reply
from handlers.deeds import reading, stages, summary, writing
from handlers.deeds.nurture_chat import LIST, hand_of
from handlers.deeds.people import Hand
from handlers.deeds.reading import Reading
from handlers.deeds.steps import HELP, HOME, Turn, give_turn, parts
from storage.models.consultations import Award
from storage.models.deadlines import Deadline, Duty
from storage.models.deeds import Deed, DeedState, DeedSummary
from storage.models.units import Unit

Event = Message | CallbackQuery
_OPEN = "deed_summary"


class Summing(StatesGroup):
    words = State()
    award = State()


def router() -> Router:
    chat = Router(name="deed_summary")
    give_turn(chat)
    press = chat.callback_query.register
    press(open_one, F.data.startswith("tk:o:"))
    press(ask_words, F.data.startswith("tk:w:"))
    press(send, F.data == "tk:send", Summing.words)
    press(offer_awards, F.data.startswith("tk:a:"))
    press(choose_award, F.data.startswith("tk:c:"))
    press(only_duty, F.data.startswith("tk:d:"))
    press(offer_duties, F.data.startswith("tk:p:"))
    press(propose, F.data.startswith("tk:q:"))
    press(cancel, F.data.startswith("tk:"))
    chat.message.register(cancel, Command("huy", "cancel"), StateFilter(Summing))
    plain = (F.text, ~F.text.startswith("/"), ~F.text.func(tidy_code))
    chat.message.register(find_award, Summing.award, *plain)
    chat.message.register(take, Summing.words, *plain)
    chat.message.register(take, Summing.words, ~F.text)
    return chat


async def open_one(query: CallbackQuery, turn: Turn) -> Reply:
    await _leave(turn)
    return await show(turn, await hand_of(turn, (query.data or "").removeprefix("tk:o:")))


async def show(turn: Turn, hand: Hand) -> Reply:
    deed = hand.deed
    row, words = await summary.read(turn.session, turn.vault, deed)
    address = reading.sign(turn.vault, turn.links, Reading(hand.actor, deed.id))
    ways: list[Choice | tuple[Choice, ...]] = [
        link("deed_check-page-button", address), *_ways(deed, row),
        choice("deed_nurture-open-button", f"bd:o:{deed.id}"), LIST, HELP,
    ]  # fmt: skip
    if row is None:
        return reply("deed_summary-none", state=_state(deed)).offering(*ways)
    card = reply(
        "deed_summary-card", state=_state(deed), words=words or "—",
        award=await _award(turn, deed, row),
    )  # fmt: skip
    if row.duty_id is None:
        return card.offering(*ways)
    duty = await turn.session.get_one(Duty, row.duty_id)
    deadline = await turn.session.get_one(Deadline, duty.deadline_id)
    due = Until(summary.Carrying(duty, deadline).due_at)
    by = reply("deed_summary-by", title=deadline.title, due=due)
    if hand.unit is not None:
        ways.insert(0, choice("deed_summary-duty-button", f"dk:o:{duty.id}"))
    return card.followed_by(by.offering(*ways))


def _state(deed: Deed) -> Word:
    return Word(f"deeds-state-{DeedState(deed.state)}")


async def _award(turn: Turn, deed: Deed, row: DeedSummary) -> str | Word:
    if deed.duty_only:
        return Word("deed_summary-was-duty")
    award = await turn.session.get(Award, row.award_code) if row.award_code else None
    return _name(turn, award) if award else Word("deed_summary-no-award")


def _name(turn: Turn, award: Award) -> str:
    return award.name_en if turn.contact.locale == "en" else award.name_vi


def _ways(deed: Deed, row: DeedSummary | None) -> list[Choice]:
    """Only what the table allows, upon the version that is shown."""
    tail, ways = f"{deed.id}:{deed.version}", list[Choice]()
    if deed.state == DeedState.SUMMARISED and row is not None:
        if row.award_code:
            ways.append(choice("deed_summary-propose-button", f"tk:p:{tail}"))
        ways.append(choice("deed_summary-award-button", f"tk:a:{tail}"))
    if summary.may_write(deed):
        label = "deed_summary-write-button" if row is None else "deed_summary-anew-button"
        ways.append(choice(label, f"tk:w:{tail}"))
    return ways


# The words


async def ask_words(query: CallbackQuery, turn: Turn) -> Reply:
    deed_id, seen = parts(query, "tk:w:", 2, LIST)
    hand = await hand_of(turn, deed_id)
    if not summary.may_write(hand.deed):
        raise stages.cannot(hand.deed).offering(LIST, HOME)
    await _leave(turn)
    await writing.begin(turn, Summing.words, hand.deed.id, seen)
    return reply("deed_summary-ask", longest=summary.LONGEST).offering(*_back(deed_id))


def _back(deed_id: str) -> tuple[Choice | tuple[Choice, ...], ...]:
    back = choice("common-back-button", f"tk:o:{deed_id}")
    return (back, choice("common-cancel-button", "tk:cancel")), HELP


async def take(message: Message, turn: Turn) -> Reply:
    piece = await writing.add(turn, message, LIST, longest=summary.LONGEST)
    read_back = writing.read_back(turn, piece, "deed_summary-read-back")
    return read_back.offering(
        choice("deed_nurture-save-button", "tk:send"), *_back(piece.about[0])
    )


async def send(_: CallbackQuery, turn: Turn) -> Reply:
    piece = await writing.held(turn, LIST)
    deed_id, seen = piece.about
    hand = await hand_of(turn, deed_id)
    words = writing.words(turn, piece)
    await summary.write(
        turn.session, turn.vault, hand, words, piece.files, turn.now, seen=int(seen)
    )
    await writing.done(turn)
    return reply("deed_summary-saved").followed_by(await show(turn, hand))


# Which commendation


async def offer_awards(query: CallbackQuery, turn: Turn) -> Reply:
    deed_id, seen = parts(query, "tk:a:", 2, LIST)
    hand = await hand_of(turn, deed_id)
    if hand.deed.state != DeedState.SUMMARISED:
        raise stages.cannot(hand.deed).offering(LIST, HOME)
    await _leave(turn)
    await turn.state.update_data({_OPEN: [deed_id, seen]})
    await turn.state.set_state(Summing.award)
    return await _awards(turn, hand, seen, "")


async def find_award(message: Message, turn: Turn) -> Reply:
    held = (await turn.state.get_data()).get(_OPEN)
    if not held:
        raise UserError("common-start-again").offering(LIST)
    deed_id, seen = held
    return await _awards(turn, await hand_of(turn, deed_id), seen, message.text or "")


async def _awards(turn: Turn, hand: Hand, seen: str, typed: str) -> Reply:
    """A basis is named only where it was verified."""
    found = await summary.awards(turn.session, hand.deed, typed)
    tail = f"{hand.deed.id}:{seen}"
    answer = reply("deed_summary-which-award" if found else "deed_summary-no-such-award")
    for award in found:
        press = f"tk:c:{award.code}:{tail}"
        answer = answer.offering(Choice(_name(turn, award)[:60], press=press, literal=True))
    answer = answer.offering(choice("deed_summary-none-button", f"tk:c:-:{tail}"))
    if hand.unit is None:
        answer = answer.offering(choice("deed_review-duty-button", f"tk:d:{tail}"))
    return answer.offering(*_back(hand.deed.id))


async def choose_award(query: CallbackQuery, turn: Turn) -> Reply:
    code, deed_id, seen = parts(query, "tk:c:", 3, LIST)
    hand = await hand_of(turn, deed_id)
    award = None if code == "-" else await turn.session.get(Award, code)
    if award is None and code != "-":
        raise UserError("deed_summary-not-for-them").offering(LIST)
    await summary.merit(turn.session, hand, award, turn.now, seen=int(seen))
    await _leave(turn)
    if award is None:
        return reply("deed_summary-noted").followed_by(await show(turn, hand))
    noted = reply("deed_summary-award-noted", award=_name(turn, award))
    if award.verified:
        noted = reply(
            "deed_summary-award-noted-by-law", award=_name(turn, award), basis=award.basis
        )
    return noted.followed_by(await _duties(turn, hand))


async def only_duty(query: CallbackQuery, turn: Turn) -> Reply:
    deed_id, seen = parts(query, "tk:d:", 2, LIST)
    hand = await hand_of(turn, deed_id)
    await summary.merit(turn.session, hand, None, turn.now, seen=int(seen), duty_only=True)
    await _leave(turn)
    return reply("deed_summary-noted").followed_by(await show(turn, hand))


# By which registration


async def offer_duties(query: CallbackQuery, turn: Turn) -> Reply:
    deed_id, _ = parts(query, "tk:p:", 2, LIST)
    hand = await hand_of(turn, deed_id)
    if not stages.may_become(hand.deed, DeedState.PROPOSED):
        raise stages.cannot(hand.deed).offering(LIST, HOME)
    await _leave(turn)
    return await _duties(turn, hand)


async def _duties(turn: Turn, hand: Hand) -> Reply:
    deed = hand.deed
    found = await summary.open_duties(turn.session, deed, turn.now)
    unit = await turn.session.get(Unit, deed.unit_id) if deed.unit_id else None
    if unit is None:
        return reply("deed_summary-no-unit").offering(*_back(deed.id))
    if not found:
        return reply("deed_summary-no-duty", unit=unit.name).offering(*_back(deed.id))
    answer = reply("deed_summary-which-duty", unit=unit.name)
    for one in found[:8]:
        press = f"tk:q:{one.duty.id}:{deed.id}:{deed.version}"
        answer = answer.offering(
            choice(
                "deed_summary-one-duty-button", press, title=one.deadline.title[:60],
                due=Until(one.due_at),
            )
        )  # fmt: skip
    return answer.offering(*_back(deed.id))


async def propose(query: CallbackQuery, turn: Turn) -> Reply:
    duty_id, deed_id, seen = parts(query, "tk:q:", 3, LIST)
    hand = await hand_of(turn, deed_id)
    carrying = await summary.propose(
        turn.session, turn.vault, hand, duty_id, turn.now, seen=int(seen)
    )
    await _leave(turn)
    told = reply(
        "deed_summary-proposed", title=carrying.deadline.title, due=Until(carrying.due_at)
    )
    return told.followed_by(await show(turn, hand))


async def cancel(_: Event, turn: Turn) -> Reply:
    await _leave(turn)
    return reply("deed_review-cancelled").offering(LIST, HOME)


async def _leave(turn: Turn) -> None:
    await writing.leave(turn)
    if (await turn.state.get_state() or "").startswith("Summing:"):
        await turn.state.set_state(None)
    data = await turn.state.get_data()
    if data.pop(_OPEN, None) is not None:
        await turn.state.set_data(data)
