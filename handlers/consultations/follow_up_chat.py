"""A person comes back with the receipt, from any channel.

citizen: /tracuu                       bot: type or paste the code
citizen: 7K3F-9QAZ-…                   bot: where it stands, the office's question
citizen: [answer]  "Here is the proof" bot: added
citizen: [withdraw] | [erase]          bot: asks once more, then does it
citizen: [replace]                     bot: agree | remark | object | inform, and so on
citizen: (of the restricted lane) [add] | [erase]
"""

from __future__ import annotations

from aiogram import F, Router
from aiogram.dispatcher.event.bases import SkipHandler
from aiogram.filters import Command, CommandObject, CommandStart, StateFilter
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery, Message

from bot import receipts
from bot.limits import count, source_of
from bot.locations import place_of
from bot.receipts import looks_like_code, tidy_code
from bot.replies import Reply, UserError, Word, choice, reply
from bot.text import tidy
from handlers.consultations import erasing, service, uploads
from handlers.consultations.steps import (
    HELP,
    HOME,
    Draft,
    Giving,
    Turn,
    ask_stance,
    ask_which,
    draft_of,
    drop,
    give_turn,
    keep,
    with_code,
)
from storage.models.consultations import (
    MatterState,
    Openness,
    Opinion,
    OpinionState,
    RestrictedMatter,
)


class Following(StatesGroup):
    code = State()
    answering = State()
    adding = State()


def router() -> Router:
    chat = Router(name="follow_up")
    give_turn(chat)
    chat.message.register(open_typed, Command("tracuu", "receipt"))
    chat.message.register(ask_code, CommandStart(deep_link=True, magic=F.args == "tracuu"))
    chat.callback_query.register(ask_code, F.data == "receipt")
    chat.message.register(take_code, Following.code, F.text, ~F.text.startswith("/"))
    chat.message.register(take_code, F.text.func(tidy_code))
    chat.message.register(take_code, ~StateFilter(Giving), F.text.func(looks_like_code))
    chat.message.register(take_answer, Following.answering, ~F.text.startswith("/"))
    chat.message.register(take_answer, Following.answering, ~F.text)
    chat.message.register(take_addition, Following.adding, ~F.text.startswith("/"))
    chat.message.register(take_addition, Following.adding, ~F.text)
    chat.callback_query.register(ask_answer, F.data == "f:answer")
    chat.callback_query.register(replace_opinion, F.data == "f:replace")
    chat.callback_query.register(replace_anew, F.data == "f:replace:anew")
    chat.callback_query.register(ask_withdraw, F.data == "f:withdraw")
    chat.callback_query.register(withdraw, F.data == "f:withdraw:yes")
    chat.callback_query.register(ask_erase, F.data == "f:erase")
    chat.callback_query.register(erase, F.data == "f:erase:yes")
    chat.callback_query.register(open_own, F.data.startswith("f:"))
    chat.callback_query.register(ask_addition, F.data == "m:add")
    chat.callback_query.register(ask_erase_matter, F.data == "m:erase")
    chat.callback_query.register(erase_matter, F.data == "m:erase:yes")
    return chat


async def ask_code(_: Message | CallbackQuery, turn: Turn) -> Reply:
    await turn.state.set_state(Following.code)
    return reply("receipt-ask-code").offering((HOME,), HELP)


async def open_typed(message: Message, command: CommandObject, turn: Turn) -> Reply:
    if not command.args:
        return await ask_code(message, turn)
    return await _open(turn, command.args)


async def take_code(message: Message, turn: Turn) -> Reply:
    return await _open(turn, message.text or "")


async def _open(turn: Turn, typed: str) -> Reply:
    """One answer for every wrong code; five in ten minutes, then a pause.

    A code of another feature's is left to whoever is asked next.
    """
    source = source_of(turn.vault, f"contact:{turn.contact.id}", turn.now)
    await receipts.refuse_guessing(turn.session, source, turn.now)
    receipt = await receipts.find(turn.session, turn.vault, typed)
    if receipt is not None and not service.is_ours(receipt):
        raise SkipHandler
    found = await service.opened_by(turn.session, receipt, typed) if receipt else None
    if found is None:
        await count(turn.session, receipts.WRONG_CODES, source, turn.now)
        await turn.state.set_state(Following.code)
        return reply("receipt-unknown").offering((HOME,), HELP)
    await turn.state.set_state(None)
    if found.matter is not None:
        await turn.state.update_data(matter=found.matter.id)
        answer = _show_matter(found.matter)
    else:
        answer = await _show(turn, found.opinion)
    if found.first_return:
        found.receipt.returned_at = turn.now
        again = with_code(turn, reply("receipt-again", code=found.code), found.code)
        return again.followed_by(answer)
    return answer


async def open_own(query: CallbackQuery, turn: Turn) -> Reply:
    """Without a code, because it was given in this very chat."""
    opinion = await turn.session.get(Opinion, (query.data or "").partition(":")[2])
    if opinion is None or opinion.contact_id != turn.contact.id:
        return await ask_code(query, turn)
    return await _show(turn, opinion)


async def _show(turn: Turn, opinion: Opinion | None) -> Reply:
    if opinion is None:
        raise UserError("common-start-again")
    await turn.state.update_data(case=opinion.id)
    about = await service.candidate(turn.session, opinion.candidate_id)
    said = await service.questions(turn.session, opinion)
    state = OpinionState(opinion.state)
    answer = reply(
        "case-state",
        name=about.name,
        title=about.consultation.title,
        at=opinion.received_at,
        stance=Word(f"stance-{opinion.stance}"),
        state=Word(f"case-{state}"),
        text=opinion.text or "—",
    )
    parts = [
        reply("case-question" if one.from_office else "case-answer", text=one.text, at=one.at)
        for one in said[-5:]
    ]
    if opinion.reason and state in (OpinionState.ACCEPTED, OpinionState.SET_ASIDE):
        parts.insert(0, reply("case-reason", reason=opinion.reason))
    last = (parts or [answer])[-1]
    if state is not OpinionState.WITHDRAWN:
        last = last.offering(choice("case-answer-button", "f:answer"))
        if about.consultation.openness(turn.now) is Openness.OPEN:
            last = last.offering(
                (
                    choice("case-replace-button", "f:replace"),
                    choice("case-withdraw-button", "f:withdraw"),
                )
            )
    last = last.offering(
        choice("case-erase-button", "f:erase"),
        (HOME,),
        HELP,
    )
    if not parts:
        return last
    return answer.followed_by(*parts[:-1], last)


async def _case(turn: Turn) -> Opinion:
    """The opinion opened last in this chat. Raises UserError when there is none any more."""
    case = (await turn.state.get_data()).get("case")
    opinion = await turn.session.get(Opinion, case) if case else None
    if opinion is None or opinion.state == OpinionState.ERASED:
        raise UserError("common-start-again")
    if opinion.state == OpinionState.RESTRICTED:
        raise UserError("matter-state", at=opinion.received_at)
    await service.candidate(turn.session, opinion.candidate_id)
    await turn.session.refresh(opinion, ["consultation"], with_for_update=True)
    return opinion


async def ask_answer(_: CallbackQuery, turn: Turn) -> Reply:
    await _case(turn)
    await turn.state.set_state(Following.answering)
    return reply("case-ask-answer", longest=service.LONGEST_OPINION).offering((HOME,), HELP)


async def take_answer(message: Message, turn: Turn) -> Reply:
    opinion = await _case(turn)
    words, files = _said(message, turn)
    await service.answer_office(turn.session, opinion, words, files, turn.now)
    done = Reply("case-answer-taken", {"n": len(files)}, once=_album(message))
    return done.offering(choice("case-see-button", f"f:{opinion.id}"), HOME)


def _said(message: Message, turn: Turn) -> tuple[str, list[str]]:
    """Words (a place is one) and the ids of files. Raises UserError for a file not taken."""
    refused = [file for file in turn.files if "refused" in file]
    if refused:
        raise UserError(refused[0]["refused"], **refused[0]["args"])
    words = tidy(message.text or message.caption or "")
    return words or place_of(message, turn.contact.locale), [file["id"] for file in turn.files]


def _album(message: Message) -> str:
    return f"album:{message.media_group_id}" if message.media_group_id else ""


async def replace_opinion(_: CallbackQuery, turn: Turn) -> Reply:
    """From the stance on: what is said anew may be the other way round."""
    opinion = await _case(turn)
    await service.admit(turn.session, opinion.consultation, turn.now)
    held = await draft_of(turn)
    if held and held.is_begun and held.case != opinion.id:
        return await ask_which(turn, held, "f:replace:anew")
    await drop(turn)
    draft = Draft(opinion.candidate_id, opinion.stance, case=opinion.id)
    await keep(turn, draft)
    return await ask_stance(turn, draft)


async def replace_anew(query: CallbackQuery, turn: Turn) -> Reply:
    await drop(turn)
    return await replace_opinion(query, turn)


async def ask_withdraw(_: CallbackQuery, turn: Turn) -> Reply:
    opinion = await _case(turn)
    return reply("case-ask-withdraw").offering(
        choice("case-withdraw-yes-button", "f:withdraw:yes"),
        choice("common-back-button", f"f:{opinion.id}"),
    )


async def withdraw(_: CallbackQuery, turn: Turn) -> Reply:
    await service.withdraw(turn.session, await _case(turn), turn.now)
    return reply("case-withdrawn").offering((HOME,), HELP)


async def ask_erase(_: CallbackQuery, turn: Turn) -> Reply:
    opinion = await _case(turn)
    return reply("case-ask-erase").offering(
        choice("case-erase-yes-button", "f:erase:yes"),
        choice("common-back-button", f"f:{opinion.id}"),
    )


async def erase(_: CallbackQuery, turn: Turn) -> Reply:
    opinion = await _case(turn)
    file_ids = await erasing.erase(turn.session, turn.vault, opinion, turn.now, turn.contact)
    await uploads.discard(turn.session, file_ids)
    return reply("case-erased").offering((HOME,), HELP)


# The restricted lane


def _show_matter(matter: RestrictedMatter) -> Reply:
    """That it is there, and since when; of what it says nothing is shown."""
    answer = reply("matter-state", at=matter.received_at)
    if matter.state != MatterState.CLOSED:
        answer = answer.offering(choice("matter-add-button", "m:add"))
    return answer.offering(choice("case-erase-button", "m:erase"), (HOME,), HELP)


async def ask_addition(_: CallbackQuery, turn: Turn) -> Reply:
    service.refuse_closed(await _matter(turn))
    await turn.state.set_state(Following.adding)
    return reply("matter-ask-addition", longest=service.LONGEST_OPINION).offering((HOME,), HELP)


async def take_addition(message: Message, turn: Turn) -> Reply:
    matter = await _matter(turn)
    words, files = _said(message, turn)
    await service.add_to_matter(turn.session, turn.vault, matter, words, files, turn.now)
    done = Reply("matter-added", {"n": len(files)}, once=_album(message))
    return done.offering((HOME,), HELP)


async def ask_erase_matter(_: CallbackQuery, turn: Turn) -> Reply:
    await _matter(turn)
    return reply("matter-ask-erase").offering(choice("case-erase-yes-button", "m:erase:yes"), HOME)


async def erase_matter(_: CallbackQuery, turn: Turn) -> Reply:
    matter = await _matter(turn)
    file_ids = await erasing.erase_matter(turn.session, turn.vault, matter, turn.now, turn.contact)
    await uploads.discard(turn.session, file_ids)
    return reply("case-erased").offering((HOME,), HELP)


async def _matter(turn: Turn) -> RestrictedMatter:
    """The matter opened last in this chat with its receipt. Raises UserError without one."""
    held = (await turn.state.get_data()).get("matter")
    matter = await turn.session.get(RestrictedMatter, held, with_for_update=True) if held else None
    if matter is None or matter.state == MatterState.ERASED:
        raise UserError("common-start-again")
    return matter
