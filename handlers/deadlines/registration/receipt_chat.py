"""A receipt's code opens where a hand-in stands, from any channel. No name is shown for it.

Asked after the consultations' own codes, which leave those of others alone.
"""

from __future__ import annotations

from aiogram import F, Router
from aiogram.dispatcher.event.bases import SkipHandler
from aiogram.filters import Command, CommandObject, StateFilter
from aiogram.types import Message

from bot import receipts
from bot.limits import source_of
from bot.receipts import looks_like_code, tidy_code
from bot.replies import Reply, UserError, Word, choice, reply
from handlers.deadlines.registration import service
from handlers.deadlines.registration.chat import with_code
from handlers.deadlines.registration.steps import HOME, Turn, give_turn

_ASKED = "Following:code"
"""The state in which the consultations ask for a code."""


def router() -> Router:
    chat = Router(name="registration_receipts")
    give_turn(chat)
    chat.message.register(open_typed, Command("tracuu", "receipt"))
    chat.message.register(open_code, F.text.func(looks_like_code))
    chat.message.register(open_code, StateFilter(_ASKED), F.text, ~F.text.startswith("/"))
    return chat


async def open_typed(_: Message, command: CommandObject, turn: Turn) -> Reply:
    return await _open(turn, command.args or "")


async def open_code(message: Message, turn: Turn) -> Reply:
    return await _open(turn, message.text or "")


async def _open(turn: Turn, typed: str) -> Reply:
    """Whatever is no code of ours is left to others, who count and answer it."""
    if tidy_code(typed) is None:
        raise SkipHandler
    source = source_of(turn.vault, f"contact:{turn.contact.id}", turn.now)
    await receipts.refuse_guessing(turn.session, source, turn.now)
    receipt = await receipts.find(turn.session, turn.vault, typed)
    if receipt is None or receipt.subject_kind != service.RECEIPT:
        raise SkipHandler
    found = await service.standing(turn.session, receipt)
    if found is None:
        raise SkipHandler
    if await turn.state.get_state() == _ASKED:
        await turn.state.set_state(None)
    answer = await _told(turn, found)
    if receipt.returned_at is not None:
        return answer
    receipt.returned_at = turn.now
    code = tidy_code(typed) or ""
    return with_code(turn, reply("registration-receipt-again", code=code), code).followed_by(
        answer
    )


async def _told(turn: Turn, found: service.Standing) -> Reply:
    duty = found.duty
    key = "registration-standing-late" if duty.late else "registration-standing"
    answer = reply(
        key, unit=found.unit.name, title=found.deadline.title, version=duty.version, at=found.at,
        state=Word(f"duty-{duty.state}"),
    )  # fmt: skip
    parts = []
    if duty.reason:
        parts.append(reply("registration-office-says", reason=duty.reason, at=duty.state_at))
    try:
        await service.hold(turn.session, turn.contact.id, duty.id)
    except UserError:
        ways = [HOME]
    else:
        ways = [choice("registration-card-button", f"dk:o:{duty.id}"), HOME]
    if not parts:
        return answer.offering(*ways)
    return answer.followed_by(*parts[:-1], parts[-1].offering(*ways))
