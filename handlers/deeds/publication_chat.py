"""An officer writes what the public will read of a good deed; two publish it, each in their chat.

officer: /dangguong           bot: what waits for a second person, what may be written, what is out
officer: [a deed] [write]     bot: title … lead … text … a citizen's words, to the letter
officer: [photos] [photo 2]   bot: chosen; the photographs themselves open on a private page
officer: [preview]            bot: the card as a picture, the whole text, a private page
officer: [approve]            bot: done; another officer is told
second:  (told) [open] [confirm and publish]   bot: out, with its address; or [return] "why"
officer: [correct] "what was wrong" | [take down] "why"
"""

from __future__ import annotations

from typing import Any

from aiogram import F, Router
from aiogram.filters import Command, StateFilter
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery, Message

from bot.config import Settings
from bot.receipts import tidy_code
from bot.replies import Choice, Picture, Reply, UserError, Word, choice, link, reply
from handlers.deeds import (
    cards,
    checking,
    consent,
    exemplars,
    preview,
    publication,
    sorting_chat,
    spreading,
    stages,
)
from handlers.deeds.naming import in_short, place_in_words
from handlers.deeds.steps import HELP, HOME, Turn, give_turn, officer_of
from storage.models.deeds import Deed, DeedField, DeedPublication, DeedState
from storage.models.office import Office, Officer

Event = Message | CallbackQuery
_OPEN = "publishing"
LIST = choice("exemplar-list-button", "vp:list")
_LONGEST_LABEL = 60


class Publishing(StatesGroup):
    """What is being written. The draft itself is a row: it lies sealed, and is not lost."""

    correction = State()
    title = State()
    lead = State()
    text = State()
    quote = State()
    ground = State()
    returning = State()
    unpublishing = State()


_WRITTEN = (Publishing.title, Publishing.lead, Publishing.text, Publishing.quote)
_STATES = {state.state: state for state in Publishing.__states__}


def router() -> Router:
    chat = Router(name="exemplars")
    give_turn(chat)
    chat.message.register(show_work, Command("dangguong", "publish"))
    press = chat.callback_query.register
    press(show_work, F.data == "vp:list")
    press(open_one, F.data.startswith("vp:o:"))
    press(show_preview, F.data.startswith("vp:v:"))
    press(begin_writing, F.data.startswith("vp:w:"))
    press(keep_piece, F.data == "vp:keep", StateFilter(Publishing))
    press(empty_piece, F.data == "vp:none", StateFilter(Publishing))
    press(show_photos, F.data.startswith("vp:p:"))
    press(choose_photo, F.data.startswith("vp:t:"))
    press(ask_ground, F.data.startswith("vp:g:"))
    press(approve, F.data.startswith("vp:a:"))
    press(confirm, F.data.startswith("vp:c:"))
    press(prepare_zalo, F.data.startswith("vp:z:"))
    press(ask_return, F.data.startswith("vp:b:"))
    press(ask_unpublish, F.data.startswith("vp:x:"))
    press(show_work, F.data.startswith("vp:"))
    writing = StateFilter(Publishing)
    chat.message.register(cancel, Command("huy", "cancel"), writing)
    plain = (F.text, ~F.text.startswith("/"), ~F.text.func(tidy_code))
    chat.message.register(take_words, writing, *plain)
    return chat


# What there is to do


async def show_work(_: Event, turn: Turn) -> Reply:
    officer = await officer_of(turn)
    await _leave(turn)
    found = await publication.work(turn.session, officer)
    if not (found.to_confirm or found.to_write or found.shown):
        return reply("exemplar-nothing").offering((HOME,), HELP)
    answer = reply(
        "exemplar-work", confirm=len(found.to_confirm), write=len(found.to_write),
        shown=len(found.shown),
    )  # fmt: skip
    for key, deeds in (
        ("exemplar-confirm-one-button", found.to_confirm),
        ("exemplar-write-one-button", found.to_write),
    ):
        for deed in deeds:
            name = await in_short(turn.session, deed, turn.contact.locale)
            answer = answer.offering(choice(key, f"vp:o:{deed.id}", place=name, at=deed.state_at))
    for deed in found.shown:
        out = await publication.current(turn.session, deed)
        if out is not None:
            label = out.title[:_LONGEST_LABEL]
            answer = answer.offering(Choice(label, press=f"vp:o:{deed.id}", literal=True))
    return answer.offering((HOME,), HELP)


async def open_one(query: CallbackQuery, turn: Turn) -> Reply:
    deed, _ = await _about(turn, _payload(query))
    await _leave(turn)
    return await _card(turn, deed)


async def _card(turn: Turn, deed: Deed) -> Reply:
    """Where its text stands, and only what may be done now."""
    officer = await officer_of(turn)
    draft = await publication.draft_of(turn.session, deed)
    words = await publication.words_of(turn.session, turn.vault, draft) if draft else None
    at = f"{deed.id}:{deed.version}"
    answer = reply(
        "exemplar-card", place=place_in_words(deed), kind=Word(f"tell-kind-{deed.subject_kind}"),
        state=Word(f"deeds-state-{deed.state}"), standing=_standing(deed, draft, officer),
        consent=_consent(deed), title=words.title if words and words.title else "—",
        photos=len(draft.photos) if draft else 0,
    )  # fmt: skip
    if draft is None and deed.state == DeedState.PUBLISHED:
        standing = await spreading.posted(turn.session, deed)
        return answer.followed_by(reply(f"exemplar-channel-{standing}").offering(
            link("exemplar-page-button", _page(turn, deed)), _zalo(deed),
            choice("exemplar-correct-button", f"vp:w:{at}"), *_always(deed),
            choice("exemplar-unpublish-button", f"vp:x:{at}"), LIST, (HOME,), HELP,
        ))  # fmt: skip
    key = "exemplar-write-button" if words is None or not words.text else "exemplar-rewrite-button"
    answer = answer.offering(choice(key, f"vp:w:{at}"))
    if await publication.photographs(turn.session, deed):
        answer = answer.offering(choice("exemplar-photos-button", f"vp:p:{deed.id}"))
    if words is not None and words.text:
        answer = answer.offering(choice("exemplar-preview-button", f"vp:v:{deed.id}"))
    if deed.state == DeedState.PUBLISHED:
        answer = answer.offering(choice("exemplar-unpublish-button", f"vp:x:{at}"))
    return answer.offering(*_always(deed), LIST, (HOME,), HELP)


def _always(deed: Deed) -> list[Choice]:
    """A refusal may come at any time, also when it is out, and so may a better word on groups."""
    if not consent.may_record(deed):
        return []
    return [choice("deed_consent-button", f"vc:o:{deed.id}"), *sorting_chat.way(deed)]


def _standing(deed: Deed, draft: DeedPublication | None, officer: Officer) -> Word:
    if draft is None:
        out = deed.state == DeedState.PUBLISHED
        return Word("exemplar-standing-out" if out else "exemplar-standing-none")
    if draft.approved_by is None:
        return Word("exemplar-standing-draft")
    mine = draft.approved_by == f"officer:{officer.id}"
    return Word("exemplar-standing-waits-other" if mine else "exemplar-standing-waits-you")


def _consent(deed: Deed) -> Word:
    """What the row holds; what a reporter said of it is not counted."""
    recorded = bool(deed.consent_rests_on.strip()) or deed.consent == "no"
    return Word(f"exemplar-consent-{deed.consent if recorded else 'unknown'}")


# Writing


async def begin_writing(query: CallbackQuery, turn: Turn) -> Reply:
    """A correction first says what was wrong."""
    deed, seen = await _about(turn, _payload(query))
    await _hold_open(turn, deed, seen)
    if deed.state == DeedState.PUBLISHED:
        draft = await publication.draft_of(turn.session, deed)
        if draft is None or not draft.correction:
            return await _ask(turn, deed, Publishing.correction)
    return await _ask(turn, deed, Publishing.title)


async def _ask(turn: Turn, deed: Deed, piece: State) -> Reply:
    """What is there already may stay as it is; a lead and a quotation may be left out."""
    await turn.state.set_state(piece)
    name = _name(piece)
    longest = publication.LONGEST.get(name, publication.LONGEST_GROUND)
    answer = reply(f"exemplar-ask-{name}", longest=longest)
    before = await _before(turn, deed, name) if piece in _WRITTEN else ""
    if before:
        answer = reply("exemplar-before", words=before).followed_by(
            answer.offering(choice("exemplar-keep-button", "vp:keep"), *_ways(deed, piece))
        )
        return answer
    return answer.offering(*_ways(deed, piece))


async def _before(turn: Turn, deed: Deed, name: str) -> str:
    newest = await stages.newest_publication(turn.session, deed)
    if newest is None:
        return ""
    words = await publication.words_of(turn.session, turn.vault, newest)
    return str(getattr(words, name))


def _ways(deed: Deed, piece: State) -> tuple[Any, ...]:
    may_be_empty = piece in (Publishing.lead, Publishing.quote)
    empty = (choice("exemplar-without-button", "vp:none"),) if may_be_empty else ()
    return (*empty, choice("common-back-button", f"vp:o:{deed.id}"), LIST, HELP)


async def keep_piece(_: CallbackQuery, turn: Turn) -> Reply:
    """Of what was taken down, too: then the new version begins with it."""
    officer, piece = await officer_of(turn), await _piece(turn)
    deed, seen = await _opened(turn)
    if await publication.draft_of(turn.session, deed) is None:
        await publication.write(turn.session, turn.vault, officer, deed, turn.now, seen=seen)
        await _hold_open(turn, deed, deed.version)
    return await _next(turn, deed, piece)


async def empty_piece(_: CallbackQuery, turn: Turn) -> Reply:
    piece = await _piece(turn)
    if piece not in (Publishing.lead, Publishing.quote):
        deed, _seen = await _opened(turn)
        return await _ask(turn, deed, piece)
    return await _write(turn, piece, "")


async def take_words(message: Message, turn: Turn) -> Reply:
    """Whatever is being written, or the reason that was asked for."""
    piece, typed = await _piece(turn), message.text or ""
    if piece is Publishing.returning:
        return await _send_back(turn, typed)
    if piece is Publishing.unpublishing:
        return await _unpublish(turn, typed)
    return await _write(turn, piece, typed)


async def _write(turn: Turn, piece: State, typed: str) -> Reply:
    officer = await officer_of(turn)
    deed, seen = await _opened(turn)
    try:
        await publication.write(
            turn.session, turn.vault, officer, deed, turn.now, seen=seen, **{_name(piece): typed}
        )
    except UserError as error:
        raise error.offering(*_ways(deed, piece)) from None
    await _hold_open(turn, deed, deed.version)
    return await _next(turn, deed, piece)


async def _next(turn: Turn, deed: Deed, piece: State) -> Reply:
    if piece is Publishing.ground:
        return await _leave_with_preview(turn, deed)
    if piece is Publishing.correction:
        return await _ask(turn, deed, Publishing.title)
    if piece is not _WRITTEN[-1]:
        return await _ask(turn, deed, _WRITTEN[_WRITTEN.index(piece) + 1])
    return await _leave_with_preview(turn, deed)


async def ask_ground(query: CallbackQuery, turn: Turn) -> Reply:
    """In place of a consent that could not be asked for, never against a refusal."""
    deed, seen = await _about(turn, _payload(query))
    await _hold_open(turn, deed, seen)
    return await _ask(turn, deed, Publishing.ground)


# Photographs


async def show_photos(query: CallbackQuery, turn: Turn) -> Reply:
    deed, _ = await _about(turn, _payload(query))
    await _leave(turn)
    return await _photos(turn, deed)


async def _photos(turn: Turn, deed: Deed, *, again: bool = False) -> Reply:
    """By number: the photographs themselves do not travel through the chat."""
    officer = await officer_of(turn)
    draft = await publication.draft_of(turn.session, deed)
    chosen = draft.photos if draft else []
    told = {"n": len(chosen), "most": publication.MOST_PHOTOS}
    answer = Reply("exemplar-photos", told, replaces=again).offering(_look(turn, officer, deed))
    for number, file in enumerate(await publication.photographs(turn.session, deed), 1):
        key = "exemplar-chosen-button" if file.id in chosen else "exemplar-choose-button"
        press = f"vp:t:{number}:{deed.id}:{deed.version}"
        answer = answer.offering(choice(key, press, number=number))
    return answer.offering(choice("exemplar-preview-button", f"vp:v:{deed.id}"), LIST, HELP)


async def choose_photo(query: CallbackQuery, turn: Turn) -> Reply:
    number, _, payload = _payload(query).partition(":")
    officer = await officer_of(turn)
    deed, seen = await _about(turn, payload)
    there = await publication.photographs(turn.session, deed)
    if not (number.isdecimal() and 1 <= int(number) <= len(there)):
        raise UserError("exemplar-photo-gone").offering(LIST)
    await publication.choose_photo(
        turn.session, turn.vault, officer, deed, there[int(number) - 1].id, turn.now, seen=seen
    )
    return await _photos(turn, deed, again=True)


# Looking at it, and the two persons


async def show_preview(query: CallbackQuery, turn: Turn) -> Reply:
    deed, _ = await _about(turn, _payload(query))
    return await _leave_with_preview(turn, deed)


async def _leave_with_preview(turn: Turn, deed: Deed) -> Reply:
    await _leave(turn)
    draft = await publication.draft_of(turn.session, deed)
    if draft is None:
        return await _card(turn, deed)
    words = await publication.words_of(turn.session, turn.vault, draft)
    if not words.title or not words.text:
        return await _card(turn, deed)
    drawn = Picture("drawing", await _drawing(turn, deed, words), "exemplar-card-alt")
    parts = [
        Reply("exemplar-preview-head", {"title": words.title, "lead": words.lead}, picture=drawn),
        reply("exemplar-preview-text", text=words.text),
    ]
    if words.quote:
        parts.append(reply("exemplar-preview-quote", quote=words.quote))
    if draft.correction:
        parts.append(reply("exemplar-preview-correction", correction=draft.correction))
    if draft.ground:
        parts.append(reply("exemplar-preview-ground", ground=draft.ground))
    last = await _decisions(turn, deed, draft)
    return parts[0].followed_by(*parts[1:], last)


async def _drawing(turn: Turn, deed: Deed, words: publication.Words) -> str:
    office = await turn.session.get_one(Office, deed.office_id)
    field = await turn.session.get(DeedField, deed.field_code) if deed.field_code else None
    return cards.describe(turn.contact.locale, deed, words, field, office)


async def _decisions(turn: Turn, deed: Deed, draft: DeedPublication) -> Reply:
    officer = await officer_of(turn)
    at = f"{deed.id}:{deed.version}"
    page = _look(turn, officer, deed)
    rewrite = choice("exemplar-rewrite-button", f"vp:w:{at}")
    photos = choice("exemplar-photos-button", f"vp:p:{deed.id}")
    if draft.approved_by is None:
        answer = reply("exemplar-preview-unapproved")
        ways = [choice("exemplar-approve-button", f"vp:a:{at}"), rewrite, photos]
    elif draft.approved_by == f"officer:{officer.id}":
        answer, ways = reply("exemplar-preview-waits"), [rewrite]
    else:
        first = await turn.session.get_one(Officer, draft.approved_by.removeprefix("officer:"))
        answer = reply("exemplar-preview-second", name=first.name)
        ways = [
            choice("exemplar-confirm-button", f"vp:c:{at}"),
            choice("exemplar-return-button", f"vp:b:{at}"),
        ]
    return answer.offering(page, *ways, LIST, (HOME,), HELP)


async def approve(query: CallbackQuery, turn: Turn) -> Reply:
    officer = await officer_of(turn)
    deed, seen = await _about(turn, _payload(query))
    try:
        told = await publication.approve(
            turn.session, turn.vault, officer, deed, turn.now, seen=seen
        )
    except UserError as error:
        raise _with_ground(error, deed) from None
    return reply("exemplar-approved", n=told).offering(LIST, HOME)


def _with_ground(error: UserError, deed: Deed) -> UserError:
    """A consent that is missing may be asked for, or a ground be stated in its place."""
    if error.reply.key in ("deeds-needs-consent", "deeds-child-unknown", "deeds-needs-guardian"):
        error = error.offering(choice("exemplar-ground-button", f"vp:g:{deed.id}:{deed.version}"))
    return error.offering(choice("common-back-button", f"vp:v:{deed.id}"), LIST, (HOME,), HELP)


async def confirm(query: CallbackQuery, turn: Turn, settings: Settings) -> Reply:
    officer = await officer_of(turn)
    deed, seen = await _about(turn, _payload(query))
    is_new = deed.state != DeedState.PUBLISHED
    try:
        await publication.confirm(
            turn.session, turn.vault, officer, deed, turn.now, seen=seen, page=_page(turn, deed)
        )
    except UserError as error:
        raise error.offering(
            choice("common-back-button", f"vp:v:{deed.id}"), LIST, (HOME,), HELP
        ) from None
    done = reply("exemplar-confirmed" if is_new else "exemplar-corrected-out")
    if is_new and (channel := await _post(turn, deed, settings)):
        done = reply("exemplar-confirmed-posted", channel=channel)
    return done.offering(
        link("exemplar-page-button", _page(turn, deed)), _zalo(deed), LIST, (HOME,)
    )


async def _post(turn: Turn, deed: Deed, settings: Settings) -> str:
    """To the office's channel, by the bot of this installation."""
    account = settings.telegram_token.get_secret_value().partition(":")[0]
    out = await publication.current(turn.session, deed)
    assert out is not None
    words = await publication.words_of(turn.session, turn.vault, out)
    return await spreading.post(
        turn.session, turn.vault, deed, words, _page(turn, deed), account, turn.now
    )


def _zalo(deed: Deed) -> Choice:
    return choice("exemplar-zalo-button", f"vp:z:{deed.id}")


async def prepare_zalo(query: CallbackQuery, turn: Turn) -> Reply:
    """Nothing is sent there from here: the officer copies the picture and the words."""
    deed, _ = await _about(turn, _payload(query))
    out = await publication.current(turn.session, deed)
    if out is None:
        return await _card(turn, deed)
    words = await publication.words_of(turn.session, turn.vault, out)
    share = await spreading.words_to_share(turn.session, deed, words, _page(turn, deed))
    return reply("exemplar-zalo").followed_by(share.offering(LIST, (HOME,), HELP))


async def ask_return(query: CallbackQuery, turn: Turn) -> Reply:
    return await _ask_reason(query, turn, Publishing.returning)


async def ask_unpublish(query: CallbackQuery, turn: Turn) -> Reply:
    return await _ask_reason(query, turn, Publishing.unpublishing)


async def _ask_reason(query: CallbackQuery, turn: Turn, piece: State) -> Reply:
    deed, seen = await _about(turn, _payload(query))
    await _hold_open(turn, deed, seen)
    return await _ask(turn, deed, piece)


async def _send_back(turn: Turn, reason: str) -> Reply:
    officer = await officer_of(turn)
    deed, seen = await _opened(turn)
    await publication.send_back(
        turn.session, turn.vault, officer, deed, reason, turn.now, seen=seen
    )
    await _leave(turn)
    return reply("exemplar-returned").offering(LIST, HOME)


async def _unpublish(turn: Turn, reason: str) -> Reply:
    officer = await officer_of(turn)
    deed, seen = await _opened(turn)
    await spreading.recall(turn.session, deed, turn.now)
    await publication.unpublish(
        turn.session, turn.vault, officer, deed, reason, turn.now, seen=seen
    )
    await _leave(turn)
    return reply("exemplar-unpublished").offering(LIST, HOME)


async def cancel(_: Message, turn: Turn) -> Reply:
    await _leave(turn)
    return reply("exemplar-left").offering(LIST, HOME)


# What is open


async def _about(turn: Turn, payload: str) -> tuple[Deed, int]:
    """The deed of a button and the version it stood upon. Raises UserError."""
    officer = await officer_of(turn)
    deed_id, _, seen = payload.partition(":")
    try:
        deed = await checking.held(turn.session, officer, deed_id)
    except UserError as error:
        raise error.offering(LIST, HOME) from None
    return deed, int(seen) if seen.isdecimal() else deed.version


async def _hold_open(turn: Turn, deed: Deed, seen: int) -> None:
    await turn.state.update_data({_OPEN: [deed.id, seen]})


async def _opened(turn: Turn) -> tuple[Deed, int]:
    held: list[Any] = (await turn.state.get_data()).get(_OPEN) or []
    if len(held) != 2:
        raise UserError("common-start-again").offering(LIST)
    deed, _ = await _about(turn, held[0])
    return deed, int(held[1])


async def _piece(turn: Turn) -> State:
    state = _STATES.get(await turn.state.get_state())
    if state is None:
        raise UserError("common-start-again").offering(LIST)
    return state


def _name(piece: State) -> str:
    return (piece.state or "").rpartition(":")[2]


async def _leave(turn: Turn) -> None:
    if await turn.state.get_state() in _STATES:
        await turn.state.set_state(None)
    data = await turn.state.get_data()
    if data.pop(_OPEN, None) is not None:
        await turn.state.set_data(data)


def _look(turn: Turn, officer: Officer, deed: Deed) -> Choice:
    return link("exemplar-look-button", preview.address(turn.vault, turn.links, officer, deed))


def _page(turn: Turn, deed: Deed) -> str:
    return exemplars.page(turn.links, deed.id)


def _payload(query: CallbackQuery) -> str:
    return (query.data or "").split(":", 2)[2]
