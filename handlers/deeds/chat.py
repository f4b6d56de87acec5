"""Somebody tells of a good deed, buttons first; eight questions, most of which may be left out.

citizen: /viectot  (or /start d-SM)   bot: who did it? a person | a collective | a household
citizen: [a person]                   bot: the name, or "I do not know it"
citizen: "Tran Van A"                 bot: where? any part of a name; a place on the map
citizen: "suoi mo" [Xã Suối Mơ]       bot: what happened? words, voice, photos
citizen: (voice)                      bot: when … field … groups … what came of it … photos …
citizen: [send now]                   bot: was it told already? [the same: I saw it too] | another
citizen: [another]                    bot: reads it back; send | change
citizen: [send]                       bot: the receipt, in letters and as a picture
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from aiogram import F, Router
from aiogram.filters import Command, CommandObject, CommandStart, StateFilter
from aiogram.fsm.state import State
from aiogram.types import CallbackQuery, Message

from bot import identity, places
from bot.clock import local_day
from bot.concerns import looks_like_denunciation
from bot.limits import source_of
from bot.locations import place_of
from bot.receipts import tidy_code
from bot.replies import Reply, UserError, choice, reply
from bot.text import tidy, utf16_length
from handlers.deeds import forms, people, repeats, service
from handlers.deeds.days import day_gone_by
from handlers.deeds.service import Author
from handlers.deeds.steps import (
    CASE,
    CHANGED,
    HELP,
    HOME,
    MOST_PLACES,
    NAVIGATION,
    STATES,
    VOICED,
    Draft,
    Telling,
    Turn,
    begin,
    begin_anew,
    draft_of,
    drop,
    enter,
    forget_draft,
    forget_teller,
    give_turn,
    keep,
    next_step,
    offer_places,
    resume,
    show_step,
    step_back,
    to_the_end,
    with_code,
)
from storage.models.deeds import EnteredAs, Known, Relation, SubjectKind
from storage.models.people import Person

Event = Message | CallbackQuery


def router() -> Router:
    chat = Router(name="deed_telling")
    give_turn(chat)
    telling = StateFilter(Telling)
    chat.message.register(open_poster, CommandStart(deep_link=True, magic=F.args.startswith("d-")))
    chat.message.register(start, Command("viectot", "gooddeed"))
    press = chat.callback_query.register
    press(start, F.data == "vt:start")
    press(start_anew, F.data.startswith("vt:anew"))
    press(go_on, F.data == "vt:resume")
    press(back, F.data == "vt:back", telling)
    press(cancel, F.data == "vt:cancel")
    press(skip, F.data == "vt:next", telling)
    press(hurry, F.data == "vt:now", telling)
    press(choose_kind, F.data.startswith("vt:k:"), Telling.kind)
    press(leave_name, F.data == "vt:noname", Telling.name)
    press(choose_place, F.data.startswith("vt:p:"), Telling.place)
    press(clear_words, F.data == "vt:clear", Telling.what)
    press(choose_day, F.data.startswith("vt:d:"), Telling.when)
    press(choose_field, F.data.startswith("vt:f:"), Telling.field)
    press(tick_group, F.data.startswith("vt:g:"), Telling.groups)
    press(choose_relation, F.data.startswith("vt:r:"), Telling.relation)
    press(stay_nameless, F.data == "vt:nameless", Telling.teller)
    press(answer_known, F.data.startswith("vt:y:"), telling)
    press(join, F.data.startswith("vt:join:"), Telling.similar)
    press(tell_another, F.data == "vt:other", Telling.similar)
    press(offer_changes, F.data == "vt:change", Telling.reading_back)
    press(change, F.data.startswith("vt:c:"), Telling.changing)
    press(send, F.data == "vt:send", Telling.reading_back)
    press(ask_again, F.data.startswith("vt:"))
    plain = (F.text, ~F.text.startswith("/"), ~F.text.func(tidy_code))
    chat.message.register(cancel, Command("huy", "cancel"), telling)
    chat.message.register(take_words, telling, *plain)
    chat.message.register(take_card, Telling.telephone, F.contact)
    chat.message.register(take_location, telling, F.location)
    chat.message.register(take_files, telling, ~F.text)
    chat.edited_message.register(explain_edit, telling)
    return chat


# In and out


async def open_poster(_: Message, command: CommandObject, turn: Turn) -> Reply:
    turn.contact.blocked = False
    return await begin(turn, (command.args or "").removeprefix("d-"))


async def start(_: Event, turn: Turn) -> Reply:
    return await begin(turn)


async def start_anew(query: CallbackQuery, turn: Turn) -> Reply:
    """The draft that lay unsent was told of, and is given up."""
    return await begin_anew(turn, _payload(query))


async def go_on(_: CallbackQuery, turn: Turn) -> Reply:
    return await resume(turn)


async def back(_: CallbackQuery, turn: Turn) -> Reply:
    return await step_back(turn)


async def cancel(_: Event, turn: Turn) -> Reply:
    await drop(turn)
    return reply("tell-cancelled").offering(choice("tell-start-button", "vt:start"), (HOME,), HELP)


async def ask_again(_: CallbackQuery, turn: Turn) -> Reply:
    """An old button: the present question once more."""
    return await resume(turn)


async def explain_edit(_: Message) -> Reply:
    return reply("tell-edit-not-taken").offering(
        choice("common-continue-button", "vt:resume"), *NAVIGATION
    )


async def _draft(turn: Turn) -> Draft:
    draft = await draft_of(turn)
    if draft is None:
        raise UserError("common-start-again").offering(choice("tell-start-button", "vt:start"))
    return draft


# Buttons


async def skip(_: CallbackQuery, turn: Turn) -> Reply:
    draft = await _draft(turn)
    if draft.step == Telling.what.state and not _has_words(draft):
        raise UserError("deeds-needs-words")
    return await next_step(turn, draft)


def _has_words(draft: Draft) -> bool:
    return bool(draft.told.what) or "what" in draft.told.voices


async def hurry(_: CallbackQuery, turn: Turn) -> Reply:
    return await to_the_end(turn, await _draft(turn))


async def choose_kind(query: CallbackQuery, turn: Turn) -> Reply:
    draft = await _draft(turn)
    if _payload(query) in SubjectKind.__members__.values():
        draft.told.kind = _payload(query)
    return await next_step(turn, draft)


async def leave_name(_: CallbackQuery, turn: Turn) -> Reply:
    draft = await _draft(turn)
    draft.told.name, draft.compared = "", False
    return await next_step(turn, draft)


async def choose_place(query: CallbackQuery, turn: Turn) -> Reply:
    draft = await _draft(turn)
    return await _settle(turn, draft, _payload(query))


async def _settle(turn: Turn, draft: Draft, code: str) -> Reply:
    """A commune answers the question; a province leaves the commune to be asked."""
    place = places.by_code(code)
    if place is None:
        return await show_step(turn, draft)
    draft.told.province = place.province
    draft.told.commune = "" if place.is_province else place.code
    draft.compared = False
    if place.is_province:
        await keep(turn, draft)
        return await show_step(turn, draft)
    noted = reply("tell-place-noted", place=places.full_name(place))
    return noted.followed_by(await next_step(turn, draft))


async def clear_words(_: CallbackQuery, turn: Turn) -> Reply:
    draft = await _draft(turn)
    draft.told.what, draft.compared = "", False
    draft.told.voices.pop("what", None)
    await keep(turn, draft)
    return await show_step(turn, draft)


async def choose_day(query: CallbackQuery, turn: Turn) -> Reply:
    draft, today = await _draft(turn), local_day(turn.now)
    days = {"today": today, "yesterday": today - timedelta(days=1)}
    day = days.get(_payload(query))
    draft.told.happened_on = day.isoformat() if day else ""
    draft.told.lasting, draft.told.when = _payload(query) == "lasting", ""
    draft.compared = False
    return await next_step(turn, draft)


async def choose_field(query: CallbackQuery, turn: Turn) -> Reply:
    draft = await _draft(turn)
    draft.told.field_code = _payload(query)
    forms.fitting(await forms.form_of(turn.session), draft.told)
    return await next_step(turn, draft)


async def tick_group(query: CallbackQuery, turn: Turn) -> Reply:
    draft, code = await _draft(turn), _payload(query)
    groups = draft.told.groups
    draft.told.groups = [one for one in groups if one != code] if code in groups else [
        *groups, code,
    ]  # fmt: skip
    forms.fitting(await forms.form_of(turn.session), draft.told)
    await keep(turn, draft)
    return await show_step(turn, draft)


async def choose_relation(query: CallbackQuery, turn: Turn) -> Reply:
    draft = await _draft(turn)
    if _payload(query) in Relation.__members__.values():
        draft.told.relation = _payload(query)
    if draft.told.relation == Relation.SELF:
        draft.told.agreed = Known.UNKNOWN
    return await next_step(turn, draft)


async def stay_nameless(_: CallbackQuery, turn: Turn) -> Reply:
    draft = await _draft(turn)
    await forget_teller(turn, draft)
    return await next_step(turn, draft)


async def answer_known(query: CallbackQuery, turn: Turn) -> Reply:
    """Yes, no or unknown, to whichever question stands."""
    draft = await _draft(turn)
    said = _payload(query)
    if said not in Known.__members__.values():
        return await show_step(turn, draft)
    match STATES.get(draft.step):
        case Telling.show_name:
            draft.told.may_show_name = said == Known.YES
        case Telling.agreed:
            draft.told.agreed = said
        case Telling.child:
            draft.told.child = said
        case Telling.rewarded:
            draft.told.rewarded = said
        case _:
            return await show_step(turn, draft)
    return await next_step(turn, draft)


# Words, places, files


async def take_words(message: Message, turn: Turn) -> Reply:
    """The door of the web chat takes words and files in one message."""
    if turn.files:
        return await take_files(message, turn)
    return await _take(turn, await _draft(turn), message)


async def _take(turn: Turn, draft: Draft, message: Message) -> Reply:
    """Words typed at any step, a caption too. What is no answer to the question that stands is
    added to what happened: a forwarded message, and more than the question has room for."""
    told, text = draft.told, message.text or message.caption or ""
    words, step = tidy(text), STATES.get(draft.step)
    if message.forward_origin or len(words) > _ROOM.get(step, forms.LONGEST_WORDS):
        step = Telling.what if step is Telling.what else None
    match step:
        case Telling.name:
            told.name, draft.compared = forms.checked_subject(words), False
        case Telling.place:
            return await _take_place(turn, draft, words)
        case Telling.when:
            told.when = forms.checked_words(words, forms.LONGEST_SHORT)
            day = day_gone_by(words, turn.now)
            told.happened_on, told.lasting = day.isoformat() if day else "", False
            draft.compared = False
        case Telling.outcome:
            told.outcome = forms.checked_words(_added(told.outcome, words))
        case Telling.evidence:
            told.links = forms.checked_words(_added(told.links, words))
            await keep(turn, draft)
            return reply("tell-link-taken").followed_by(await show_step(turn, draft))
        case Telling.teller:
            await _name_teller(turn, draft, name=identity.checked_name(words))
        case Telling.telephone:
            await _name_teller(turn, draft, telephone=identity.checked_telephone(words))
        case Telling.what:
            return await _take_story(turn, draft, words, more=_more_may_come(message, text))
        case _:
            return await _take_story(turn, draft, words, more=True)
    return await next_step(turn, draft)


_ROOM: dict[State | None, int] = {
    Telling.name: forms.LONGEST_NAME,
    Telling.place: forms.LONGEST_SHORT,
    Telling.when: forms.LONGEST_SHORT,
    Telling.teller: forms.LONGEST_NAME,
    Telling.telephone: forms.LONGEST_SHORT,
}
_NEARLY_FULL = 3_900
"""UTF-16 units. Telegram's apps cut a long text at 4,096 or at the word before."""


def _more_may_come(message: Message, text: str) -> bool:
    """The rest of a bundle, or of a text that one message could not hold."""
    return message.forward_origin is not None or utf16_length(text) >= _NEARLY_FULL


async def _take_story(turn: Turn, draft: Draft, words: str, *, more: bool) -> Reply:
    draft.told.what = forms.checked_words(_added(draft.told.what, words))
    draft.compared = False
    if looks_like_denunciation(draft.told.what) and not draft.warned:
        return await _warn(turn, draft)
    if not more:
        return await next_step(turn, draft)
    await keep(turn, draft)
    if draft.step == Telling.what.state:
        return await show_step(turn, draft)
    return reply("tell-words-added").followed_by(await show_step(turn, draft))


async def _warn(turn: Turn, draft: Draft) -> Reply:
    """Once: where a lawful denunciation is handed in. Going on is left to whoever tells it."""
    draft.warned = True
    await keep(turn, draft)
    office = await service.office_for(turn.session, draft.unit_code)
    return reply("tell-warn", where=office.denunciation_office or office.name).offering(
        choice("tell-go-on-button", "vt:next"), choice("tell-words-anew-button", "vt:clear"),
        *NAVIGATION,
    )  # fmt: skip


def _added(before: str, words: str) -> str:
    """A long message reaches us in pieces."""
    return f"{before}\n{words}" if before else words


async def _take_place(turn: Turn, draft: Draft, words: str) -> Reply:
    """Any part of a present or an old name; what no list knows is kept as it was said."""
    forms.checked_words(words, forms.LONGEST_SHORT)
    province = draft.told.province if not draft.told.commune else ""
    found = places.find(words, province, MOST_PLACES) or places.find(words, "", MOST_PLACES)
    exact = [one for one in found if not one.is_province]
    if len(found) == 1 and exact:
        return await _settle(turn, draft, found[0].code)
    if found:
        return offer_places(found)
    draft.told.place = words
    await keep(turn, draft)
    return reply("tell-place-unknown").offering(
        choice("tell-keep-place-button", "vt:next"), *NAVIGATION
    )


async def take_location(message: Message, turn: Turn) -> Reply:
    """A place on the map becomes words; the commune is still asked where it is unknown."""
    draft = await _draft(turn)
    draft.told.place = forms.checked_words(
        place_of(message, turn.contact.locale), forms.LONGEST_SHORT
    )
    await keep(turn, draft)
    return reply("tell-location-taken").followed_by(await show_step(turn, draft))


async def take_card(message: Message, turn: Turn) -> Reply:
    """A contact card sent in place of the number; somebody else's is not taken."""
    draft, card, sender = await _draft(turn), message.contact, message.from_user
    if card is None or sender is None or card.user_id != sender.id:
        return await show_step(turn, draft)
    await _name_teller(
        turn, draft, telephone=identity.checked_telephone("+" + card.phone_number.lstrip("+"))
    )
    return await next_step(turn, draft)


async def take_files(message: Message, turn: Turn) -> Reply:
    """Photos, papers, voice, at any step, with words or without. A voice note answers the question
    that stands; an album is answered once; what is refused takes nothing else with it."""
    draft, words = await _draft(turn), message.text or message.caption
    album = f"album:{message.media_group_id}" if message.media_group_id else ""
    if not turn.files and not words:
        return reply("tell-cannot-take").followed_by(await show_step(turn, draft))
    taken = [file for file in turn.files if "refused" not in file]
    if len(draft.told.all_files) + len(taken) > forms.MOST_FILES:
        raise UserError("deeds-too-many-files", most=forms.MOST_FILES).once(album)
    answered = _keep_files(draft, taken)
    await keep(turn, draft)
    told = _of_files(turn.files, len(draft.told.files), answered=answered, album=album)
    if words:
        then = await _take(turn, draft, message)
    elif album:
        return told.offering(choice("common-continue-button", "vt:resume"), *NAVIGATION)
    else:
        then = await (next_step if answered else show_step)(turn, draft)
    return told.followed_by(then) if turn.files else then


def _of_files(files: Sequence[dict[str, Any]], n: int, *, answered: bool, album: str) -> Reply:
    """Why one is refused comes first: its sender has something to do."""
    for file in files:
        if "refused" in file:
            once = f"{album}:refused" if album else ""
            return Reply(file["refused"], file["args"], once=once)
    if answered:
        return reply("tell-voice-taken")
    return Reply("tell-album-taken", once=album) if album else reply("tell-files-taken", n=n)


def _keep_files(draft: Draft, taken: Sequence[dict[str, Any]]) -> bool:
    """Whether one of them, a voice note, answers the question that stands."""
    question = draft.step.rpartition(":")[2]
    voices = [file["id"] for file in taken if file["kind"] == "audio"]
    answers = voices[:1] if question in VOICED else []
    for id in answers:
        draft.told.voices[question] = id
        draft.compared = False
    draft.told.files += [file["id"] for file in taken if file["id"] not in answers]
    return bool(answers)


async def _name_teller(turn: Turn, draft: Draft, **given: str) -> None:
    """Seals what was told at once into a row of its own; the draft keeps only that row's id."""
    if draft.person_id is None:
        person = identity.new_person(turn.session, turn.vault, turn.now)
        await turn.session.flush()
        draft.person_id = person.id
    person = await turn.session.get_one(Person, draft.person_id)
    identity.seal_identity(turn.vault, person, **given)


# The same, or another


async def join(query: CallbackQuery, turn: Turn) -> Reply:
    draft = await _draft(turn)
    draft.joins, draft.compared = _payload(query), True
    return await to_the_end(turn, draft)


async def tell_another(_: CallbackQuery, turn: Turn) -> Reply:
    draft = await _draft(turn)
    draft.joins, draft.compared = None, True
    return await to_the_end(turn, draft)


# Reading back, changing, sending


async def offer_changes(_: CallbackQuery, turn: Turn) -> Reply:
    return await enter(turn, await _draft(turn), Telling.changing)


async def change(query: CallbackQuery, turn: Turn) -> Reply:
    """One answer anew, then the read-back again."""
    draft, what = await _draft(turn), _payload(query)
    if what not in CHANGED:
        return await show_step(turn, draft)
    told = draft.told
    draft.hurried = True
    match what:
        case "place":
            told.province = told.commune = told.place = ""
        case "what":
            told.what = ""
            told.voices.pop("what", None)
        case "outcome":
            told.outcome = ""
        case "evidence":
            told.files, told.links = [], ""
        case "teller":
            await forget_teller(turn, draft)
    return await enter(turn, draft, STATES[f"Telling:{what}"])


async def send(_: CallbackQuery, turn: Turn) -> Reply:
    draft = await _draft(turn)
    if draft.entered_as:
        return await _enter(turn, draft)
    source = source_of(turn.vault, f"contact:{turn.contact.id}", turn.now)
    await service.refuse_flood(turn.session, source, turn.now)
    filed = await service.report(
        turn.session, turn.vault, draft.told, _author(turn, draft), turn.now, joins=draft.joins
    )
    if draft.follows:
        await repeats.follow(turn.session, filed, draft.follows, turn.now)
    await forget_draft(turn)
    again = turn.vault.seal_system(filed.code.encode(), "receipt-again").hex()
    await turn.state.update_data({"again": again, CASE: filed.report.id})
    key = "tell-receipt-joined" if draft.joins else "tell-receipt"
    answer = with_code(turn, reply(key, code=filed.code, at=turn.now), filed.code)
    return answer.offering(
        choice("tell-see-button", "vr:see"), choice("tell-more-button", "vt:start"), (HOME,)
    )


async def _enter(turn: Turn, draft: Draft) -> Reply:
    """The receipt is shown once, for the citizen; nothing of it stays with the officer's chat."""
    officer = await people.acting(turn.session, turn.contact.id)
    if officer is None:
        raise UserError("deeds-officers-only").offering(HOME)
    filed = await service.enter(
        turn.session, turn.vault, draft.told, officer, EnteredAs(draft.entered_as), turn.now,
        person_id=draft.person_id, joins=draft.joins,
    )  # fmt: skip
    await forget_draft(turn)
    answer = with_code(turn, reply("enter-receipt", code=filed.code, at=turn.now), filed.code)
    return answer.offering(choice("enter-more-button", "vn:start"), (HOME,))


def _author(turn: Turn, draft: Draft) -> Author:
    contact = turn.contact
    return Author(
        contact.channel, contact.locale, f"contact:{contact.id}", contact.id, draft.person_id,
        draft.unit_code,
    )  # fmt: skip


def _payload(query: CallbackQuery) -> str:
    """`vt:p:01273` → "01273", `vt:anew` → ""."""
    return (query.data or "").removeprefix("vt:").partition(":")[2]
