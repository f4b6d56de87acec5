"""A unit's person says whether a good deed is true, from the telephone.

clerk: (told that something is to be checked) [open]   bot: place, day, field, until when; buttons
clerk: [it is so]        bot: a photo or a few words, please
clerk: (photo) [send]    bot: thank you; the office and those who told it hear of it
clerk: [it is not so] | [cannot be checked]  "why"  [send]
clerk: /xacminh          bot: everything that waits for an answer
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from aiogram import F, Router
from aiogram.filters import Command, StateFilter
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery, Message

from bot.receipts import tidy_code
from bot.replies import Choice, Picture, Reply, Until, UserError, Word, choice, link, reply
from handlers.deeds import checking, people, reading, service, writing
from handlers.deeds.checking import Asked
from handlers.deeds.naming import field_in_words, in_short, place_in_words
from handlers.deeds.reading import Reading
from handlers.deeds.steps import HELP, HOME, Turn, give_turn
from storage.models.deeds import CheckAnswer

Event = Message | CallbackQuery
MOST_POSTERS = 5
LIST = choice("deed_check-list-button", "vx:list")


class Checking(StatesGroup):
    saying = State()


def router() -> Router:
    chat = Router(name="deed_checks")
    give_turn(chat)
    chat.message.register(list_checks, Command("xacminh", "check"))
    press = chat.callback_query.register
    press(list_checks, F.data == "vx:list")
    press(show_poster, F.data == "vx:poster")
    press(open_one, F.data.startswith("vx:o:"))
    press(choose, F.data.startswith("vx:a:"))
    press(send, F.data == "vx:send", Checking.saying)
    press(cancel, F.data == "vx:cancel")
    press(list_checks, F.data.startswith("vx:"))
    saying = StateFilter(Checking)
    chat.message.register(cancel, Command("huy", "cancel"), saying)
    plain = (F.text, ~F.text.startswith("/"), ~F.text.func(tidy_code))
    chat.message.register(take, saying, *plain)
    chat.message.register(take, saying, ~F.text)
    return chat


async def list_checks(_: Event, turn: Turn) -> Reply:
    await writing.leave(turn)
    found = await checking.open_checks(turn.session, turn.contact.id)
    posts = await people.posts(turn.session, turn.contact.id)
    poster = [choice("deed_check-poster-button", "vx:poster")] if posts else []
    if not found:
        return reply("deed_check-none").offering(*poster, (HOME,), HELP)
    answer = reply("deed_check-list", n=len(found))
    for one in found:
        place = await in_short(turn.session, one.deed, turn.contact.locale)
        answer = answer.offering(
            choice(
                "deed_check-one-button", f"vx:o:{one.check.id}", place=place,
                due=Until(one.check.due_at),
            )
        )  # fmt: skip
    return answer.offering(*poster, (HOME,), HELP)


async def show_poster(_: CallbackQuery, turn: Turn) -> Reply:
    """What a unit prints and puts up: who scans it tells of a good deed there."""
    posts = (await people.posts(turn.session, turn.contact.id))[:MOST_POSTERS]
    if not posts:
        raise UserError("deed_check-not-yours").offering(LIST, HOME)
    parts = []
    for post in posts:
        page = f"{turn.links}/viectot?unit={quote(post.unit.code)}"
        picture = Picture("qr", page, "deed_check-poster-alt")
        told = {"unit": post.unit.name, "page": page}
        parts.append(Reply("deed_check-poster", told, picture=picture))
    last = parts[-1].offering(LIST, (HOME,), HELP)
    return last if len(parts) == 1 else parts[0].followed_by(*parts[1:-1], last)


async def open_one(query: CallbackQuery, turn: Turn) -> Reply:
    await writing.leave(turn)
    asked = await _hold(turn, (query.data or "").removeprefix("vx:o:"))
    return await _card(turn, asked)


async def _hold(turn: Turn, check_id: str) -> Asked:
    try:
        return await checking.hold(turn.session, turn.contact.id, check_id)
    except UserError as error:
        raise error.offering(LIST, HOME) from None


async def _card(turn: Turn, asked: Asked) -> Reply:
    """Facts only; names and words open on the office's own page for ten minutes."""
    deed, check = asked.deed, asked.check
    tellers = await service.reports_of(turn.session, deed)
    field = await field_in_words(turn.session, deed, turn.contact.locale)
    address = reading.sign(turn.vault, turn.links, Reading(asked.post.actor, deed.id, check.id))
    answers = [choice(f"deed_check-{one}-button", f"vx:a:{one}:{check.id}") for one in CheckAnswer]
    card = reply(
        "deed_check-card", unit=asked.post.unit.name, place=place_in_words(deed),
        day=deed.happened_on or "—", field=field or "—", n=len(tellers), due=Until(check.due_at),
        kind=Word(f"tell-kind-{deed.subject_kind}"),
    )  # fmt: skip
    ways: list[Choice | tuple[Choice, ...]] = [*answers, LIST, (HOME,), HELP]
    if check.answer is None:
        return card.offering(link("deed_check-page-button", address), *ways)
    said = Word(f"deed_check-said-{CheckAnswer(check.answer)}")
    return card.followed_by(reply("deed_check-said-already", said=said).offering(*ways))


# The answer


async def choose(query: CallbackQuery, turn: Turn) -> Reply:
    said, _, check_id = (query.data or "").removeprefix("vx:a:").partition(":")
    asked = await _hold(turn, check_id)
    if said not in CheckAnswer.__members__.values():
        return await _card(turn, asked)
    await writing.begin(turn, Checking.saying, check_id, said)
    return reply(f"deed_check-ask-{CheckAnswer(said)}").offering(*_ways(asked))


def _ways(asked: Asked) -> tuple[Any, ...]:
    back = choice("common-back-button", f"vx:o:{asked.check.id}")
    return (back, choice("common-cancel-button", "vx:cancel")), HELP


async def take(message: Message, turn: Turn) -> Reply:
    piece = await writing.add(turn, message, LIST)
    check_id, said = piece.about
    asked = await _hold(turn, check_id)
    answer = Word(f"deed_check-said-{CheckAnswer(said)}")
    read_back = writing.read_back(turn, piece, "deed_check-read-back", said=answer)
    return read_back.offering(choice("deed_check-send-button", "vx:send"), *_ways(asked))


async def send(_: CallbackQuery, turn: Turn) -> Reply:
    piece = await writing.held(turn, LIST)
    check_id, said = piece.about
    asked = await _hold(turn, check_id)
    await checking.answer(
        turn.session, turn.vault, asked, CheckAnswer(said), writing.words(turn, piece),
        piece.files, turn.now,
    )  # fmt: skip
    await writing.done(turn)
    amend = choice("deed_check-amend-button", f"vx:o:{check_id}")
    return reply("deed_check-thanks").offering(amend, LIST, (HOME,))


async def cancel(_: Event, turn: Turn) -> Reply:
    await writing.leave(turn)
    return reply("deed_check-cancelled").offering(LIST, (HOME,))
