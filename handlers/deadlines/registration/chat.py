"""A unit's person hands in what is due, buttons first.

person: /dangky              bot: what is due, the soonest on top
person: [Đăng ký thi đua]    bot: its date and state; fill in | on a page | Excel | not ours
person: [Fill in]            bot: titles for the collective: tick what you register
person: [☐ …] [Go on]        bot: titles for people … how many … names, one a line, or skip
person: "12"  "An\\nBình"     bot: targets of each movement … a photo of the signed page
person: (photo) [Go on]      bot: reads it back; send | change
person: [Send]               bot: the receipt
person: (an .xlsx)           bot: read; or sheet, row, column, value and what to do
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import replace
from datetime import date

from aiogram import F, Router
from aiogram.dispatcher.event.bases import SkipHandler
from aiogram.filters import Command, StateFilter
from aiogram.types import CallbackQuery, Message
from sqlalchemy import delete

from bot.limits import count, refuse_beyond, source_of
from bot.receipts import tidy_code
from bot.replies import Arg, Picture, Reply, UserError, choice, reply
from bot.text import tidy
from handlers.deadlines.registration import forms, links, service, spreadsheet
from handlers.deadlines.registration.forms import Individuals
from handlers.deadlines.registration.limits import HANDED_IN
from handlers.deadlines.registration.steps import (
    NAVIGATION,
    STATES,
    TO_LIST,
    Current,
    Filing,
    Turn,
    begin,
    chosen,
    current,
    draft_of,
    drop,
    enter,
    first_step,
    give_turn,
    keep,
    next_step,
    opened_last,
    page_link,
    route,
    show_card,
    show_handed_in,
    show_list,
    show_step,
    step_back,
)
from storage.models.deadlines import Work
from storage.models.traffic import StoredFile

_DAY = "registration_day"
_NUMBER = re.compile(r"(?<!\d)\d{1,6}(?!\d)")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def router() -> Router:
    chat = Router(name="registration")
    give_turn(chat)
    chat.message.register(list_work, Command("dangky", "register"))
    press = chat.callback_query.register
    press(list_work, F.data == "dk:list")
    press(list_unit, F.data.startswith("dk:u:"))
    press(open_one, F.data.startswith("dk:o:"))
    press(see, F.data.startswith("dk:see:"))
    press(start, F.data.startswith("dk:b:"))
    press(hand_link, F.data.startswith("dk:w:"))
    press(close_link, F.data.startswith("dk:wx:"))
    press(offer_excel, F.data.startswith("dk:x:"))
    press(ask_not_ours, F.data.startswith("dk:na:"))
    press(reopen, F.data.startswith("dk:ro:"))
    press(ask_more_time, F.data.startswith("dk:mt:"))
    press(choose_day, F.data.startswith("dk:md:"), Filing.more_time)
    filing = StateFilter(Filing)
    press(back, F.data == "dk:back")
    press(cancel, F.data == "dk:cancel")
    press(forget, F.data.startswith("dk:drop:"))
    press(help_step, F.data == "dk:help")
    press(go_on, F.data == "dk:next", filing)
    press(tick, F.data.regexp(r"^dk:[cim]:"), filing)
    press(tick_paper, F.data.startswith("dk:p:"), Filing.papers)
    press(press_count, F.data.startswith("dk:n:"), Filing.count)
    press(clear, F.data == "dk:clear", filing)
    press(offer_changes, F.data == "dk:change", filing)
    press(undo, F.data == "dk:undo", Filing.reading_back)
    press(change, F.data.startswith("dk:g:"), Filing.changing)
    press(send, F.data == "dk:send", filing)
    press(ask_again, F.data.startswith("dk:"))
    plain = (F.text, ~F.text.startswith("/"), ~F.text.func(tidy_code))
    take = chat.message.register
    take(cancel, Command("huy", "cancel"), filing)
    take(take_count, Filing.count, *plain)
    take(take_names, Filing.names, *plain)
    take(take_target, Filing.target, *plain)
    take(take_report, Filing.words, *plain)
    take(take_not_ours, Filing.not_ours, *plain)
    take(take_more_time, Filing.more_time, *plain)
    take(take_files, filing, ~F.text)
    take(words_out_of_place, filing, *plain)
    return chat


Event = Message | CallbackQuery


# The list and the card


async def list_work(_: Event, turn: Turn) -> Reply:
    await _leave(turn)
    return await show_list(turn)


async def list_unit(query: CallbackQuery, turn: Turn) -> Reply:
    await _leave(turn)
    unit_id, _, page = _payload(query).partition(":")
    return await show_list(turn, unit_id, int(page) if _is_small(page) else 0)


async def open_one(query: CallbackQuery, turn: Turn) -> Reply:
    return await show_card(turn, _payload(query))


async def see(query: CallbackQuery, turn: Turn) -> Reply:
    return await show_handed_in(turn, _payload(query))


async def start(query: CallbackQuery, turn: Turn) -> Reply:
    """Fills in from the first step; what was begun earlier is read back instead."""
    owing = await service.hold(turn.session, turn.contact.id, _payload(query))
    held = await draft_of(turn, owing.duty.id)
    now = await begin(turn, owing)
    goes_on = held is not None and held.seen == owing.duty.version
    if (goes_on or owing.duty.version) and not now.answers.is_empty:
        return await enter(turn, now, (Filing.reading_back, ""))
    return await first_step(turn, now)


# Other ways in


async def hand_link(query: CallbackQuery, turn: Turn) -> Reply:
    owing = await service.hold(turn.session, turn.contact.id, _payload(query))
    service.refuse_closed(owing, turn.now)
    signed, data = links.issue(
        turn.vault, await turn.state.get_data(), turn.contact.id, owing.duty.id
    )
    await turn.state.set_data(data)
    return reply("registration-link", days=links.LASTS_DAYS, title=owing.deadline.title).offering(
        page_link(turn, signed),
        choice("registration-close-link-button", f"dk:wx:{owing.duty.id}"),
        choice("common-back-button", f"dk:o:{owing.duty.id}"),
    )


async def close_link(query: CallbackQuery, turn: Turn) -> Reply:
    await turn.state.set_data(links.revoke(await turn.state.get_data(), _payload(query)))
    return reply("registration-link-closed").offering(
        choice("common-back-button", f"dk:o:{_payload(query)}")
    )


async def offer_excel(query: CallbackQuery, turn: Turn) -> Reply:
    """The template by its link; the file comes back as a message."""
    card = await hand_link(query, turn)
    page = card.choices[0][0]
    template = replace(page, label="registration-template-button", url=f"{page.url}/mau.xlsx")
    await turn.state.set_state(Filing.card)
    await turn.state.update_data(registration=_payload(query))
    return reply("registration-ask-excel", days=links.LASTS_DAYS).offering(
        template, choice("common-back-button", f"dk:o:{_payload(query)}")
    )


# Not ours; more time


async def ask_not_ours(query: CallbackQuery, turn: Turn) -> Reply:
    await show_card(turn, _payload(query))
    await turn.state.set_state(Filing.not_ours)
    return await show_step(turn)


async def take_not_ours(message: Message, turn: Turn) -> Reply:
    owing = await service.hold(turn.session, turn.contact.id, await opened_last(turn))
    await service.not_applicable(turn.session, owing, message.text or "", turn.now)
    await drop(turn, owing.duty.id, with_files=True)
    return reply("registration-not-ours-taken").followed_by(await show_card(turn, owing.duty.id))


async def reopen(query: CallbackQuery, turn: Turn) -> Reply:
    owing = await service.hold(turn.session, turn.contact.id, _payload(query))
    await service.reopen(turn.session, owing, turn.now)
    return await show_card(turn, owing.duty.id)


async def ask_more_time(query: CallbackQuery, turn: Turn) -> Reply:
    await show_card(turn, _payload(query))
    await turn.state.set_state(Filing.more_time)
    await turn.state.update_data({_DAY: None})
    return await show_step(turn)


async def choose_day(query: CallbackQuery, turn: Turn) -> Reply:
    with suppress(ValueError):
        day = date.fromisoformat(_payload(query))
        await turn.state.update_data({_DAY: day.isoformat()})
    return await show_step(turn)


async def take_more_time(message: Message, turn: Turn) -> Reply:
    chosen_day = (await turn.state.get_data()).get(_DAY)
    if not chosen_day:
        return await show_step(turn)
    owing = await service.hold(turn.session, turn.contact.id, await opened_last(turn))
    day = date.fromisoformat(chosen_day)
    await service.ask_more_time(turn.session, owing, day, message.text or "", turn.now)
    return reply("registration-more-time-taken").followed_by(await show_card(turn, owing.duty.id))


# Moving about


async def back(_: CallbackQuery, turn: Turn) -> Reply:
    return await step_back(turn)


async def go_on(_: CallbackQuery, turn: Turn) -> Reply:
    now = await current(turn)
    state = await turn.state.get_state()
    if state == Filing.count.state and not now.answers.individual[now.draft.at].count:
        return await show_step(turn, now)
    return await next_step(turn, now)


async def cancel(_: Event, turn: Turn) -> Reply:
    """What was filled in is not lost by a slip: it is kept until somebody says otherwise."""
    duty_id = await opened_last(turn)
    held = await draft_of(turn, duty_id)
    await _leave(turn)
    if held is None or held.answers.is_empty:
        return reply("registration-cancelled").offering(TO_LIST)
    # Begun anew from what was handed in, a draft says nothing of what stands with the office.
    key = "registration-cancelled-handed" if held.seen else "registration-cancelled-kept"
    return reply(key, version=held.seen).offering(
        choice("registration-resume-button", f"dk:b:{duty_id}"),
        choice("registration-drop-button", f"dk:drop:{duty_id}"),
        TO_LIST,
    )


async def forget(query: CallbackQuery, turn: Turn) -> Reply:
    await drop(turn, _payload(query), with_files=True)
    await _leave(turn)
    return reply("registration-dropped").offering(TO_LIST)


async def help_step(_: CallbackQuery, turn: Turn) -> Reply:
    state = (await turn.state.get_state() or Filing.card.state or "").partition(":")[2]
    told = reply(f"registration-help-{state}" if state in _HELPED else "registration-help-card")
    return told.followed_by(await show_step(turn))


_HELPED = {state.partition(":")[2] for state in STATES if state}


async def ask_again(_: CallbackQuery, turn: Turn) -> Reply:
    """An old button in the middle of something: the present question once more."""
    return await show_step(turn)


async def words_out_of_place(_: Message, turn: Turn) -> Reply:
    if await turn.state.get_state() == Filing.card.state:
        raise SkipHandler
    return reply("registration-use-buttons").followed_by(await show_step(turn))


async def _leave(turn: Turn) -> None:
    if await turn.state.get_state() in STATES:
        await turn.state.set_state(None)


# The answers


async def tick(query: CallbackQuery, turn: Turn) -> Reply:
    """Ticks and unticks; pressed on an old message, the present question comes once more."""
    now, kind, code = await current(turn), (query.data or "")[3], _payload(query)
    state = await turn.state.get_state()
    if state == Filing.target.state and kind == "m":
        now.answers.targets.pop(code, None)
        return await enter(turn, now, (Filing.movements, ""))
    if state != _TICKED[kind].state or code not in {one.code for one in now.form.options()}:
        return await show_step(turn, now)
    if code in chosen(now, kind):
        _untick(now, kind, code)
    elif kind == "c":
        now.answers.collective.append(code)
    elif kind == "i":
        now.answers.individual[code] = Individuals()
    else:
        now.answers.targets[code] = ""
    await keep(turn, now.draft)
    return await show_step(turn, now)


_TICKED = {"c": Filing.collective, "i": Filing.individual, "m": Filing.movements}


def _untick(now: Current, kind: str, code: str) -> None:
    if kind == "c":
        now.answers.collective.remove(code)
    elif kind == "i":
        del now.answers.individual[code]
    else:
        del now.answers.targets[code]


async def tick_paper(query: CallbackQuery, turn: Turn) -> Reply:
    now, number = await current(turn), _payload(query)
    if _is_small(number) and int(number) < len(now.form.papers):
        paper = now.form.papers[int(number)]
        held = now.answers.papers
        now.answers.papers = (
            [one for one in held if one != paper] if paper in held else [*held, paper]
        )
        await keep(turn, now.draft)
    return await show_step(turn, now)


async def press_count(query: CallbackQuery, turn: Turn) -> Reply:
    return await _counted(turn, _payload(query))


async def take_count(message: Message, turn: Turn) -> Reply:
    return await _counted(turn, message.text or "")


async def _counted(turn: Turn, said: str) -> Reply:
    now = await current(turn)
    found = _NUMBER.findall(said.replace(".", ""))
    number = int(found[0]) if len(found) == 1 else 0
    if not 1 <= number <= forms.MOST_PEOPLE:
        return reply("registration-count-unclear").followed_by(await show_step(turn, now))
    held = now.answers.individual[now.draft.at]
    held.count = number
    if len(held.names) > number:
        held.names = []
    return await next_step(turn, now)


async def take_names(message: Message, turn: Turn) -> Reply:
    """Added to those already there: a long list reaches us in pieces."""
    now = await current(turn)
    held = now.answers.individual[now.draft.at]
    names = list(dict.fromkeys([*held.names, *forms.checked_names(message.text or "")]))
    if len(names) > forms.MOST_NAMES:
        raise UserError("registration-list-too-long", most=forms.MOST_NAMES)
    held.names = names
    raised = len(names) > held.count
    held.count = max(held.count, len(names))
    await keep(turn, now.draft)
    asked = await show_step(turn, now)
    if raised:
        return reply("registration-count-raised", n=held.count).followed_by(asked)
    return asked


async def take_target(message: Message, turn: Turn) -> Reply:
    now = await current(turn)
    words = forms.checked_words(message.text or "", forms.LONGEST_TARGET)
    now.answers.targets[now.draft.at] = words
    return await next_step(turn, now)


async def take_report(message: Message, turn: Turn) -> Reply:
    """Added to the words already there: a long message reaches us in pieces."""
    now = await current(turn)
    _add_words(now, message.text or "")
    await keep(turn, now.draft)
    return await show_step(turn, now)


def _add_words(now: Current, said: str) -> None:
    held = now.answers.words
    words = f"{held}\n{tidy(said)}" if held else said
    now.answers.words = forms.checked_words(words, forms.LONGEST_REPORT)


async def clear(_: CallbackQuery, turn: Turn) -> Reply:
    """Names, words or files of this step are begun anew."""
    now, state = await current(turn), await turn.state.get_state()
    if state == Filing.names.state:
        now.answers.individual[now.draft.at].names = []
    elif state == Filing.words.state:
        now.answers.words, now.answers.files = "", []
    elif state == Filing.files.state:
        now.answers.files = []
    await keep(turn, now.draft)
    return await show_step(turn, now)


# Files


async def take_files(message: Message, turn: Turn) -> Reply:
    """A photo of the signed page, papers, the spreadsheet filled in; wherever one stands."""
    album = f"album:{message.media_group_id}" if message.media_group_id else ""
    for file in turn.files:
        if "refused" in file:
            raise UserError(file["refused"], **file["args"]).once(album)
    if not turn.files:
        return reply("registration-cannot-take").followed_by(await show_step(turn))
    now = await _under_way(turn)
    sheet = await _spreadsheet(turn, now)
    if sheet is not None:
        return await _fill_in(turn, now, sheet)
    if now.form.work is Work.OTHER:
        return reply("registration-no-files-here").followed_by(await show_step(turn, now))
    now.answers.files += [file["id"] for file in turn.files]
    if len(now.answers.files) > forms.MOST_FILES:
        raise UserError("registration-too-many-files", most=forms.MOST_FILES).once(album)
    if message.caption and now.form.work is Work.REPORT:
        _add_words(now, message.caption)
    await keep(turn, now.draft)
    return await _files_taken(turn, now, album)


async def _under_way(turn: Turn) -> Current:
    """The draft; sent to an open card, a file begins one."""
    state = await turn.state.get_state()
    if state not in (Filing.card.state, Filing.not_ours.state, Filing.more_time.state):
        return await current(turn)
    owing = await service.hold(turn.session, turn.contact.id, await opened_last(turn))
    now = await begin(turn, owing)
    way = [step for step, _ in route(now.form, now.answers)]
    ends = Filing.words if Filing.words in way else Filing.files
    await turn.state.set_state(ends if ends in way else way[0])
    now.draft.at = ""
    await keep(turn, now.draft)
    return now


async def _files_taken(turn: Turn, now: Current, album: str) -> Reply:
    n = len(now.answers.files)
    if album:
        return Reply("registration-album-taken", {"n": n}, once=album).offering(
            choice("common-continue-button", "dk:next"), NAVIGATION
        )
    return reply("registration-files-taken", n=n).followed_by(await show_step(turn, now))


async def _spreadsheet(turn: Turn, now: Current) -> spreadsheet.Filled | None:
    """What an .xlsx says, where one is asked for; a dossier may also hold one as a paper."""
    if len(turn.files) != 1 or now.form.work not in (Work.REGISTRATION, Work.DOSSIER):
        return None
    row = await turn.session.get(StoredFile, turn.files[0]["id"])
    if row is None or row.mime != XLSX:
        return None
    path = turn.store.path(row.sha256)
    read = await asyncio.to_thread(spreadsheet.read, path, now.form, now.owing.deadline.code)
    if now.form.work is Work.DOSSIER and not read.is_ours:
        return None
    await turn.session.execute(delete(StoredFile).where(StoredFile.id == row.id))
    return read


async def _fill_in(turn: Turn, now: Current, read: spreadsheet.Filled) -> Reply:
    """All of it or nothing: half a file read would be taken for the whole."""
    if read.problems:
        shown = read.problems[: spreadsheet.PROBLEMS_SHOWN]
        told = "\n".join(spreadsheet.explain(one, turn.locale) for one in shown)
        return reply("registration-excel-problems", n=len(read.problems), problems=told).offering(
            choice("registration-excel-again-button", f"dk:x:{now.owing.duty.id}"),
            choice("common-back-button", f"dk:o:{now.owing.duty.id}"),
        )
    now.draft.before = now.draft.before or now.answers
    now.draft.answers = replace(read.answers, files=now.answers.files, words=now.answers.words)
    asked = await enter(turn, now, (Filing.reading_back, ""))
    return reply("registration-excel-read").followed_by(asked)


async def undo(_: CallbackQuery, turn: Turn) -> Reply:
    """As it was before the file; what came with the draft since stays."""
    now = await current(turn)
    if now.draft.before is not None:
        files, words = now.answers.files, now.answers.words
        before = replace(now.draft.before, files=files, words=words)
        now.draft.answers = forms.fitting(now.form, before)
        now.draft.before = None
    return await enter(turn, now, (Filing.reading_back, ""))


# Reading back, changing, sending


async def offer_changes(_: CallbackQuery, turn: Turn) -> Reply:
    return await enter(turn, await current(turn), (Filing.changing, ""))


async def change(query: CallbackQuery, turn: Turn) -> Reply:
    now, number = await current(turn), _payload(query)
    way = route(now.form, now.answers)
    if not _is_small(number) or int(number) >= len(way):
        return await show_step(turn, now)
    return await enter(turn, now, way[int(number)])


async def send(_: CallbackQuery, turn: Turn) -> Reply:
    now = await current(turn)
    if await turn.state.get_state() != Filing.reading_back.state:
        return await show_step(turn, now)
    source = source_of(turn.vault, f"contact:{turn.contact.id}", turn.now)
    await refuse_beyond(turn.session, HANDED_IN, source, turn.now)
    await count(turn.session, HANDED_IN, source, turn.now)
    filed = await service.submit(
        turn.session, turn.vault, now.owing, now.answers, turn.contact.channel, turn.now,
        now.draft.seen,
    )  # fmt: skip
    await drop(turn, now.owing.duty.id, with_files=False)
    await turn.state.set_state(Filing.card)
    return _sent(turn, now, filed).offering(
        choice("registration-see-button", f"dk:see:{now.owing.duty.id}"),
        choice("registration-card-button", f"dk:o:{now.owing.duty.id}"),
        TO_LIST,
    )


def _sent(turn: Turn, now: Current, filed: service.Filed) -> Reply:
    told: dict[str, Arg] = {
        "unit": now.owing.unit.name,
        "title": now.owing.deadline.title,
        "at": turn.now,
    }
    if filed.repeated:
        return reply("registration-repeated", version=filed.version, **told)
    if filed.code is None:
        return reply("registration-amended", version=filed.version, **told)
    key = "registration-receipt-late" if now.owing.duty.late else "registration-receipt"
    return with_code(turn, Reply(key, {"code": filed.code, **told}), filed.code)


def with_code(turn: Turn, answer: Reply, code: str) -> Reply:
    """Beside the letters a picture; the code stands after # and never reaches a server's log."""
    picture = Picture("qr", f"{turn.links}/tracuu#{code}", "registration-receipt-alt")
    return replace(answer, picture=picture)


def _payload(query: CallbackQuery) -> str:
    return (query.data or "").split(":", 2)[-1]


def _is_small(typed: str) -> bool:
    return typed.isdecimal() and len(typed) <= 4
