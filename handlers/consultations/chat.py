"""A citizen gives an opinion, buttons first.

citizen: /start c-CODE-2           bot: the candidate's card; agree | remark | object | inform
citizen: [object]                  bot: your words, up to 8,000 characters; photos and voice too
citizen: "He did not build it."    bot: who will see what; anonymous | to the office | signed
citizen: [anonymous]               bot: reads it back; send | change
citizen: [send]                    bot: the receipt, in letters and as a picture
"""

from __future__ import annotations

from aiogram import F, Router
from aiogram.dispatcher.event.bases import SkipHandler
from aiogram.filters import Command, CommandObject, CommandStart, StateFilter
from aiogram.types import CallbackQuery, Message

from bot.concerns import looks_like_denunciation
from bot.contacts import Contact
from bot.identity import checked_address, checked_name, checked_telephone
from bot.limits import Limit, count, refuse_beyond, source_of
from bot.locations import place_of
from bot.replies import Reply, UserError, choice, reply
from bot.text import tidy
from handlers.consultations import service, uploads
from handlers.consultations.search import find_candidates
from handlers.consultations.steps import (
    HELP,
    HOME,
    NAVIGATION,
    Draft,
    Giving,
    Turn,
    after_words,
    ask_which,
    draft_of,
    drop,
    enter,
    give_turn,
    keep,
    missing_step,
    resume,
    short,
    show_candidate,
    show_consultation,
    show_list,
    show_step,
    step_back,
    with_code,
    with_identities,
)
from storage.models.consultations import IdentityLevel, Opinion, Stance
from storage.models.people import Person

_LIST = choice("start-consultations-button", "list")
_SAYING = StateFilter(
    Giving.words, Giving.warned, Giving.identity, Giving.reading_back, Giving.changing
)
"""Where a place is part of what is said, and not of who says it."""
OPINIONS = Limit("opinions", 30, minutes=60)
"""Opinions from one contact: a whole list of candidates, not a flood."""


def router() -> Router:
    chat = Router(name="consultations")
    give_turn(chat)
    chat.message.register(open_link, CommandStart(deep_link=True, magic=F.args.startswith("c-")))
    chat.message.register(offer_consultations, Command("ykien", "opinions"))
    chat.callback_query.register(offer_consultations, F.data == "list")
    chat.callback_query.register(offer_candidates, F.data.startswith("c:"))
    chat.callback_query.register(offer_stances, F.data.startswith("k:"))
    chat.callback_query.register(choose_stance, F.data.startswith("s:"))
    chat.callback_query.register(begin_anew, F.data.startswith("anew:"))
    giving = StateFilter(Giving)
    chat.callback_query.register(go_on, F.data == "resume")
    chat.callback_query.register(back, F.data == "back")
    chat.callback_query.register(cancel, F.data == "cancel")
    chat.message.register(cancel, Command("huy", "cancel"))
    chat.callback_query.register(finish_words, F.data == "words:done", Giving.words)
    chat.callback_query.register(hand_over, F.data == "matter", Giving.warned)
    chat.callback_query.register(go_on_ordinary, F.data == "ordinary", Giving.warned)
    chat.callback_query.register(choose_identity, F.data.startswith("n:"), giving)
    chat.callback_query.register(skip_telephone, F.data == "skip", Giving.telephone)
    chat.callback_query.register(send, F.data == "send", Giving.reading_back)
    chat.callback_query.register(offer_changes, F.data == "change", Giving.reading_back)
    chat.callback_query.register(change, F.data.startswith("change:"), giving)
    chat.callback_query.register(ask_again, giving)
    plain = ~F.text.startswith("/")
    chat.message.register(take_name, Giving.name, F.text, plain)
    chat.message.register(take_telephone, Giving.telephone, F.text, plain)
    chat.message.register(take_card, Giving.telephone, F.contact)
    chat.message.register(take_address, Giving.address, F.text, plain)
    chat.message.register(take_words, giving, F.text, plain)
    chat.message.register(take_place, _SAYING, F.location)
    chat.message.register(take_files, giving, ~F.text)
    chat.edited_message.register(explain_edit, giving)
    chat.message.register(search, StateFilter(None), F.text, plain)
    return chat


async def open_link(_: Message, command: CommandObject, turn: Turn) -> Reply:
    """`c-CODE` opens a consultation, `c-CODE-3` its third candidate."""
    key = (command.args or "").removeprefix("c-")
    turn.contact.blocked = False
    try:
        return await show_consultation(turn, key)
    except UserError as error:
        code, dash, number = key.rpartition("-")
        if not (dash and _is_page(number)):
            raise error.offering(_LIST) from None
    try:
        asked = await service.consultation(turn.session, code)
    except UserError as error:
        raise error.offering(_LIST) from None
    for one in asked.candidates:
        if one.number == int(number):
            return await show_candidate(turn, one.id)
    return await show_consultation(turn, code)


async def offer_consultations(_: Message | CallbackQuery, turn: Turn) -> Reply:
    return await show_list(turn)


async def offer_candidates(query: CallbackQuery, turn: Turn) -> Reply:
    key, _, page = _payload(query).partition(":")
    return await show_consultation(turn, key, int(page) if _is_page(page) else 0)


async def offer_stances(query: CallbackQuery, turn: Turn) -> Reply:
    return await show_candidate(turn, _payload(query))


async def choose_stance(query: CallbackQuery, turn: Turn) -> Reply:
    name, _, candidate_id = _payload(query).partition(":")
    if name not in Stance.__members__.values():
        return await show_step(turn)
    about = await service.candidate(turn.session, candidate_id)
    in_window = await service.admit(turn.session, about.consultation, turn.now)
    earlier = await service.live_opinion(turn.session, about.id, turn.contact.id)
    await service.refuse_late_change(turn.session, about, earlier, in_window)
    held = await draft_of(turn)
    if held and held.candidate_id != candidate_id and held.is_begun:
        return await ask_which(turn, held, f"anew:{name}:{candidate_id}")
    if held and held.candidate_id == candidate_id:
        held.stance = Stance(name)
        draft = held
    else:
        await drop(turn)
        draft = Draft(candidate_id, Stance(name))
    await keep(turn, draft)
    wants_words = draft.stance in service.NEEDS_WORDS
    if draft.text or draft.file_ids:
        return await enter(turn, Giving.reading_back if draft.warned else Giving.words)
    return await enter(turn, Giving.words if wants_words else Giving.identity)


async def begin_anew(query: CallbackQuery, turn: Turn) -> Reply:
    """The draft about somebody else was told of, and is given up."""
    await drop(turn)
    return await choose_stance(query, turn)


async def go_on(_: CallbackQuery, turn: Turn) -> Reply:
    return await resume(turn)


async def ask_again(_: CallbackQuery, turn: Turn) -> Reply:
    """An old button in the middle of an opinion: the present question once more."""
    return await show_step(turn)


async def back(_: CallbackQuery, turn: Turn) -> Reply:
    return await step_back(turn)


async def cancel(_: Message | CallbackQuery, turn: Turn) -> Reply:
    await drop(turn)
    return reply("opinion-cancelled").offering(
        choice("start-consultations-button", "list"), (HOME,), HELP
    )


async def search(message: Message, turn: Turn) -> Reply:
    """Words out of a dialogue may be a name; what finds nobody is left for others to take."""
    found = await find_candidates(turn.session, message.text or "")
    if not found:
        raise SkipHandler
    answer = reply("consultations-found", n=len(found))
    for one in found:
        answer = answer.offering(
            choice("consultations-found-button", f"k:{one.id}", name=short(one.name, 60))
        )
    return answer.offering((HOME,), HELP)


# Words and files


async def take_words(message: Message, turn: Turn) -> Reply:
    """Words are added to those already there: a long message reaches us in pieces."""
    return await _add_words(turn, tidy(message.text or ""))


async def take_place(message: Message, turn: Turn) -> Reply:
    """A place on the map becomes a line of words, which is read back and can be taken out."""
    return await _add_words(turn, place_of(message, turn.contact.locale))


async def _add_words(turn: Turn, words: str) -> Reply:
    draft = await draft_of(turn)
    if draft is None:
        return await show_list(turn)
    draft.text = service.checked_text(f"{draft.text}\n{words}" if draft.text else words)
    if await turn.state.get_state() == Giving.words.state:
        return await after_words(turn, draft, suspicious=looks_like_denunciation(draft.text))
    if looks_like_denunciation(words):
        draft.warned = False
        return await after_words(turn, draft, suspicious=True)
    await keep(turn, draft)
    return reply("opinion-words-added").followed_by(await show_step(turn))


async def take_files(message: Message, turn: Turn) -> Reply:
    """Photos, papers, voice; a caption counts as words. An album is answered once."""
    draft = await draft_of(turn)
    if draft is None:
        return await show_list(turn)
    if not turn.files and not message.caption:
        return reply("opinion-cannot-take").followed_by(await show_step(turn))
    album = f"album:{message.media_group_id}" if message.media_group_id else ""
    taken = [file["id"] for file in turn.files if "id" in file]
    if len(draft.file_ids) + len(taken) > service.MOST_FILES:
        raise UserError("opinion-too-many-files", most=service.MOST_FILES).once(album)
    draft.file_ids += taken
    caption = tidy(message.caption or "")
    if caption:
        draft.text = service.checked_text(f"{draft.text}\n{caption}" if draft.text else caption)
    await keep(turn, draft)
    for file in turn.files:
        if "refused" in file:
            told = reply(file["refused"], **file["args"])
            return told.followed_by(await show_step(turn))
    if looks_like_denunciation(caption):
        draft.warned = False
        return await after_words(turn, draft, suspicious=True)
    return await _after_files(turn, draft, len(taken), album)


async def _after_files(turn: Turn, draft: Draft, taken: int, album: str) -> Reply:
    """At the words the question that comes next stands below: nobody has to press to go on."""
    if await turn.state.get_state() == Giving.words.state:
        await enter(turn, Giving.identity)
        key = "opinion-album-taken" if album else "opinion-files-taken"
        return with_identities(Reply(key, {"n": len(draft.file_ids)}, once=album))
    added = Reply("opinion-file-added", {"n": taken}, once=album)
    if album:
        return added.offering(choice("common-continue-button", "resume"), *NAVIGATION)
    return added.followed_by(await show_step(turn))


async def finish_words(_: CallbackQuery, turn: Turn) -> Reply:
    draft = await draft_of(turn)
    if draft is None:
        return await show_list(turn)
    if not draft.text and not draft.file_ids:
        raise UserError("opinion-needs-words")
    return await after_words(turn, draft, suspicious=looks_like_denunciation(draft.text))


async def explain_edit(_: Message) -> Reply:
    return reply("opinion-edit-not-taken").offering(
        choice("opinion-change-words-button", "change:words"),
        choice("common-continue-button", "resume"),
        *NAVIGATION,
    )


# When it looks like a denunciation


async def hand_over(_: CallbackQuery, turn: Turn) -> Reply:
    draft = await draft_of(turn)
    if draft is None:
        return await show_list(turn)
    code = await service.hand_over_matter(
        turn.session, turn.vault, draft, _author(turn.contact), turn.now
    )
    await turn.state.set_state(None)
    await _forget_draft(turn, code)
    answer = with_code(turn, reply("matter-receipt", code=code), code)
    return answer.offering((HOME,), HELP)


async def go_on_ordinary(_: CallbackQuery, turn: Turn) -> Reply:
    return await enter(turn, Giving.identity)


# Who gives it


async def choose_identity(query: CallbackQuery, turn: Turn) -> Reply:
    draft = await draft_of(turn)
    if draft is None or _payload(query) not in IdentityLevel.__members__.values():
        return await show_step(turn)
    draft.identity = IdentityLevel(_payload(query))
    if draft.person_id:
        service.forget(await turn.session.get_one(Person, draft.person_id), turn.now)
        draft.person_id = None
    await keep(turn, draft)
    anonymous = draft.identity is IdentityLevel.ANONYMOUS
    return await enter(turn, Giving.reading_back if anonymous else Giving.name)


async def take_name(message: Message, turn: Turn) -> Reply:
    await _tell_identity(turn, name=checked_name(message.text or ""))
    return await enter(turn, Giving.telephone)


async def take_telephone(message: Message, turn: Turn) -> Reply:
    draft = await _tell_identity(turn, telephone=checked_telephone(message.text or ""))
    signed = draft.identity is IdentityLevel.SIGNED
    return await enter(turn, Giving.address if signed else Giving.reading_back)


async def take_card(message: Message, turn: Turn) -> Reply:
    """A contact card sent in place of the number; somebody else's is not taken."""
    card, sender = message.contact, message.from_user
    if card is None or sender is None or card.user_id != sender.id:
        return await show_step(turn)
    number = checked_telephone("+" + card.phone_number.lstrip("+"))
    draft = await _tell_identity(turn, telephone=number)
    signed = draft.identity is IdentityLevel.SIGNED
    return await enter(turn, Giving.address if signed else Giving.reading_back)


async def skip_telephone(_: CallbackQuery, turn: Turn) -> Reply:
    draft = await draft_of(turn)
    if draft and draft.identity is IdentityLevel.SIGNED:
        return await show_step(turn)
    return await enter(turn, Giving.reading_back)


async def take_address(message: Message, turn: Turn) -> Reply:
    await _tell_identity(turn, postal_address=checked_address(message.text or ""))
    return await enter(turn, Giving.reading_back)


async def _tell_identity(turn: Turn, **given: str) -> Draft:
    """Seals what was told at once into a row of its own; the draft keeps only that row's id."""
    draft = await draft_of(turn)
    if draft is None:
        raise UserError("common-start-again")
    if draft.person_id is None:
        person = service.new_person(turn.session, turn.vault, turn.now)
        await turn.session.flush()
        draft.person_id = person.id
        await keep(turn, draft)
    person = await turn.session.get_one(Person, draft.person_id)
    service.seal_identity(turn.vault, person, **given)
    return draft


# Reading back, changing, sending


async def offer_changes(_: CallbackQuery, turn: Turn) -> Reply:
    return await enter(turn, Giving.changing)


async def change(query: CallbackQuery, turn: Turn) -> Reply:
    draft = await draft_of(turn)
    what = _payload(query)
    if draft is None:
        return await show_list(turn)
    if what == "stance":
        return await show_candidate(turn, draft.candidate_id)
    if what == "words":
        await uploads.discard(turn.session, draft.file_ids)
        draft.text, draft.file_ids, draft.warned = "", [], False
        await keep(turn, draft)
        return await enter(turn, Giving.words)
    return await enter(turn, Giving.identity)


async def send(_: CallbackQuery, turn: Turn) -> Reply:
    draft = await draft_of(turn)
    if draft is None:
        return await show_list(turn)
    missing = await missing_step(turn, draft)
    if missing is not None:
        return await enter(turn, missing)
    source = source_of(turn.vault, f"contact:{turn.contact.id}", turn.now)
    await refuse_beyond(turn.session, OPINIONS, source, turn.now)
    await count(turn.session, OPINIONS, source, turn.now)
    earlier = await turn.session.get(Opinion, draft.case) if draft.case else None
    filed = await service.give_opinion(
        turn.session, turn.vault, draft, _author(turn.contact), turn.now, earlier
    )
    await turn.state.set_state(None)
    await _forget_draft(turn, filed.code)
    key = "opinion-receipt" if filed.opinion.in_window else "opinion-receipt-late"
    if filed.opinion.version > 1:
        key = "opinion-receipt-replaced"
    about = await service.candidate(turn.session, filed.opinion.candidate_id)
    asked = about.consultation
    office = await service.receiver_of(turn.session, asked)
    signed = (
        reply("opinion-also-in-writing", office=office.name, address="; ".join(office.addresses)),
    )
    answer = with_code(turn, reply(key, code=filed.code, name=about.name, at=turn.now), filed.code)
    answer = answer.offering(
        choice("opinion-see-button", f"f:{filed.opinion.id}"),
        choice("opinion-next-candidate-button", f"c:{asked.id}"),
        HOME,
    )
    return answer.followed_by(*(signed if asked.signed_writing else ()))


async def _forget_draft(turn: Turn, code: str) -> None:
    """Keeps only the code, sealed, to be shown once more on the first return."""
    data = await turn.state.get_data()
    data.pop("draft", None)
    data["again"] = turn.vault.seal_system(code.encode(), "receipt-again").hex()
    await turn.state.set_data(data)


def _author(contact: Contact) -> service.Author:
    return service.Author(contact.channel, contact.locale, contact.id)


def _is_page(typed: str) -> bool:
    return typed.isdecimal() and len(typed) <= 4


def _payload(query: CallbackQuery) -> str:
    return (query.data or "").partition(":")[2]
