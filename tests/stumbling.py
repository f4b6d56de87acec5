"""A dialogue made to fail, for the tests of the turn: its router stands before all others."""

from __future__ import annotations

from datetime import datetime, timedelta

from aiogram import F, Router
from aiogram.filters import Command
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.contacts import Contact
from bot.replies import Reply, UserError, reply
from storage.models.people import Attempt

MARK = "stumbling"
SECRET_WORDS = "lời không được lọt ra ngoài"


def router() -> Router:
    stumbling = Router(name="stumbling")
    stumbling.message.register(write, Command("ghi"))
    stumbling.message.register(fail_after_writing, Command("vap"))
    stumbling.message.register(fail_at_once, Command("vapngay"))
    stumbling.message.register(ask_nonsense, Command("vapcsdl"))
    stumbling.message.register(refuse_after_writing, Command("tuchoi"))
    stumbling.message.register(refuse_at_once, Command("tuchoingay"))
    stumbling.message.register(note_order, F.text.startswith("thứ "))
    stumbling.callback_query.register(note_order, F.data.startswith("thứ "))
    return stumbling


async def _write(
    session: AsyncSession, contact: Contact, state: FSMContext, now: datetime
) -> None:
    """A row, the dialogue's state, and the contact's own row: all of a turn's kinds of traces."""
    source = contact.id.to_bytes(8)
    session.add(Attempt(purpose=MARK, source=source, count=1, ends_at=now + timedelta(days=1)))
    await session.flush()
    await state.set_state("Stumbling:here")
    await state.update_data(trace=MARK)


async def write(
    _: Message, session: AsyncSession, contact: Contact, state: FSMContext, now: datetime
) -> Reply:
    await _write(session, contact, state, now)
    return reply("start-language")


async def fail_after_writing(
    _: Message, session: AsyncSession, contact: Contact, state: FSMContext, now: datetime
) -> Reply:
    await _write(session, contact, state, now)
    raise RuntimeError(SECRET_WORDS)


async def fail_at_once(_: Message, contact: Contact, state: FSMContext) -> Reply:
    await state.update_data(trace=MARK)
    contact.locale = "en"
    raise KeyError(SECRET_WORDS)


async def ask_nonsense(_: Message, session: AsyncSession) -> Reply:
    await session.execute(text("SELECT nothing FROM nowhere"))
    raise AssertionError("there is no such table")


async def refuse_after_writing(
    _: Message, session: AsyncSession, contact: Contact, state: FSMContext, now: datetime
) -> Reply:
    await _write(session, contact, state, now)
    raise UserError("opinion-needs-words")


async def refuse_at_once(_: Message, state: FSMContext) -> Reply:
    await state.set_state("Stumbling:here")
    raise UserError("opinion-needs-words")


async def note_order(event: Message | CallbackQuery, state: FSMContext) -> None:
    words = (event.text if isinstance(event, Message) else event.data) or ""
    seen = (await state.get_data()).get("seen", [])
    await state.update_data(seen=[*seen, int(words.partition(" ")[2])])
