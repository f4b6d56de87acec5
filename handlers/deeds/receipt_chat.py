"""A receipt's code opens how a good deed goes on, from any channel; and takes it back.

citizen: /tracuu 7K3F-…        bot: where it stands, what was told, how many others tell it
citizen: [withdraw] | [erase]  bot: asks once more, then does it

Asked after the consultations' and the units' own codes, which leave those of others alone.
"""

from __future__ import annotations

from aiogram import F, Router
from aiogram.dispatcher.event.bases import SkipHandler
from aiogram.filters import Command, CommandObject
from aiogram.types import CallbackQuery, Message

from bot import receipts
from bot.limits import source_of
from bot.receipts import tidy_code
from bot.replies import Reply, UserError, Word, choice, reply
from handlers.deeds import service, traces
from handlers.deeds.service import Standing
from handlers.deeds.steps import CASE, HELP, HOME, Turn, discard, give_turn, with_code
from storage.models.deeds import Deed, DeedReport, DeedState, ReportState

MOST_LISTED = 20
_NAMED = (DeedState.CHECKING, DeedState.NURTURED, DeedState.PROPOSED)
"""Where the unit that has it in hand is named."""
_ASKED = "Following:code"
"""The state in which the consultations ask for a code."""


def router() -> Router:
    chat = Router(name="deed_receipts")
    give_turn(chat)
    chat.message.register(open_typed, Command("tracuu", "receipt"))
    chat.message.register(open_code, F.text.func(tidy_code))
    press = chat.callback_query.register
    press(see, F.data == "vr:see")
    press(list_own, F.data == "vr:mine")
    press(see_own, F.data.startswith("vr:o:"))
    press(ask_withdraw, F.data == "vr:withdraw")
    press(withdraw, F.data == "vr:withdraw:yes")
    press(ask_erase, F.data == "vr:erase")
    press(erase, F.data == "vr:erase:yes")
    return chat


async def open_typed(_: Message, command: CommandObject, turn: Turn) -> Reply:
    return await _open(turn, command.args or "")


async def open_code(message: Message, turn: Turn) -> Reply:
    return await _open(turn, message.text or "")


async def _open(turn: Turn, typed: str) -> Reply:
    """Whatever is no code of ours is left to others, who count and answer it."""
    code = tidy_code(typed)
    if code is None:
        raise SkipHandler
    source = source_of(turn.vault, f"contact:{turn.contact.id}", turn.now)
    await receipts.refuse_guessing(turn.session, source, turn.now)
    receipt = await receipts.find(turn.session, turn.vault, code)
    if receipt is None or not service.is_ours(receipt):
        raise SkipHandler
    if await turn.state.get_state() == _ASKED:
        await turn.state.set_state(None)
    found = await service.standing(turn.session, turn.vault, receipt.subject_id)
    if found is None:
        return reply("tell-receipt-erased").offering((HOME,), HELP)
    await turn.state.update_data({CASE: found.report.id})
    answer = show(found)
    if receipt.returned_at is not None:
        return answer
    receipt.returned_at = turn.now
    return with_code(turn, reply("receipt-again", code=code), code).followed_by(answer)


def show(found: Standing) -> Reply:
    """Their own words, where the deed stands; of the others only how many there are."""
    key = "tell-standing-alone" if not found.others else "tell-standing"
    answer = reply(
        key, at=found.report.received_at, state=Word(f"deeds-state-{found.state}"),
        text=found.told.what or Word("tell-by-voice"), others=found.others,
    )  # fmt: skip
    parts = [reply("tell-standing-stage", stage=Word(f"deeds-stage-{found.stage}"))]
    if found.unit and found.state in _NAMED:
        parts.append(reply(f"tell-standing-unit-{found.state}", unit=found.unit))
    if found.reason:
        parts.append(reply("tell-standing-reason", reason=found.reason))
    given = found.report.state == ReportState.GIVEN
    ways = [] if not given else [choice("tell-withdraw-button", "vr:withdraw")]
    *between, last = parts
    last = last.offering(*ways, choice("tell-erase-button", "vr:erase"), (HOME,), HELP)
    return answer.followed_by(*between, last)


async def see(_: CallbackQuery, turn: Turn) -> Reply:
    found = await service.standing(turn.session, turn.vault, (await _case(turn)).id)
    if found is None:
        raise UserError("common-start-again")
    return show(found)


async def list_own(_: CallbackQuery, turn: Turn) -> Reply:
    """Without codes, because they were told in this very chat."""
    found = await service.told_by(turn.session, turn.contact.id, MOST_LISTED)
    answer = reply("tell-mine", n=len(found))
    for row in found:
        deed = await turn.session.get_one(Deed, row.deed_id)
        answer = answer.offering(
            choice(
                "tell-mine-one-button", f"vr:o:{row.id}", at=row.received_at,
                state=Word(f"deeds-state-{DeedState(deed.state)}"),
            )
        )  # fmt: skip
    return answer.offering((HOME,), HELP)


async def see_own(query: CallbackQuery, turn: Turn) -> Reply:
    """Without a code, because it was told in this very chat."""
    row = await turn.session.get(DeedReport, (query.data or "").removeprefix("vr:o:"))
    if row is None or row.contact_id != turn.contact.id:
        raise UserError("common-start-again")
    await turn.state.update_data({CASE: row.id})
    return await see(query, turn)


async def _case(turn: Turn) -> DeedReport:
    """The report opened or sent last in this chat. Raises UserError when there is none."""
    held = (await turn.state.get_data()).get(CASE)
    row = await turn.session.get(DeedReport, held, with_for_update=True) if held else None
    if row is None or row.state == ReportState.ERASED:
        raise UserError("common-start-again")
    return row


async def ask_withdraw(_: CallbackQuery, turn: Turn) -> Reply:
    await _case(turn)
    return reply("tell-ask-withdraw").offering(
        choice("tell-withdraw-yes-button", "vr:withdraw:yes"),
        choice("common-back-button", "vr:see"),
    )


async def withdraw(_: CallbackQuery, turn: Turn) -> Reply:
    await service.take_back(turn.session, await _case(turn), turn.now)
    return reply("tell-withdrawn").offering((HOME,), HELP)


async def ask_erase(_: CallbackQuery, turn: Turn) -> Reply:
    await _case(turn)
    return reply("tell-ask-erase").offering(
        choice("tell-erase-yes-button", "vr:erase:yes"), choice("common-back-button", "vr:see")
    )


async def erase(_: CallbackQuery, turn: Turn) -> Reply:
    row = await _case(turn)
    await traces.forget(turn.session, turn.vault, row)
    file_ids = await service.erase(turn.session, turn.vault, row, turn.now)
    await discard(turn.session, file_ids)
    data = {name: value for name, value in (await turn.state.get_data()).items() if name != CASE}
    data.pop("again", None)
    await turn.state.set_data(data)
    return reply("tell-erased").offering((HOME,), HELP)
