"""Asked before every other dialogue: the one word that stops what nobody asked for.

anybody, anywhere: "Dừng"   bot: stopped; what still reaches you; [turn on again]
anybody stopped:   "Bật"    bot: on again
A dialogue under way stays as it is. `/huy` is another thing: it only leaves that dialogue.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aiogram import F, Router
from aiogram.dispatcher.event.bases import SkipHandler
from aiogram.filters import Command
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message
from sqlalchemy.ext.asyncio import AsyncSession

from bot.contacts import Contact
from bot.replies import Reply, choice, reply
from bot.vault import Vault
from handlers.deadlines.people import Post
from handlers.deadlines.reminders import buttons, optout

Event = Message | CallbackQuery


def router() -> Router:
    chat = Router(name="optout")
    private = F.chat.type == "private"
    chat.message.register(stop, private, _stops)
    chat.message.register(stop, private, Command("stop", "dung"))
    pressed = F.message.chat.type == "private"
    chat.callback_query.register(stop, pressed, F.data == "optout:stop")
    chat.message.register(start, private, _starts)
    chat.message.register(start, private, Command("bat"))
    chat.callback_query.register(start, pressed, F.data == "optout:resume")
    return chat


def _stops(message: Message) -> bool:
    return optout.says_stop(message.text or "")


def _starts(message: Message) -> bool:
    return optout.says_start(message.text or "")


async def stop(
    _: Event,
    contact: Contact,
    session: AsyncSession,
    state: FSMContext,
    vault: Vault,
    now: datetime,
) -> Reply:
    posts = await optout.stop(session, vault, contact.id, now)
    told = reply(await _stopped(session, posts, now))
    told = told.offering(choice("optout-resume-button", "optout:resume"))
    under_way = await state.get_state()
    if under_way is None:
        return told
    kept = reply("optout-kept").offering(*buttons.way_back(under_way))
    return told.followed_by(kept.offering(choice("optout-resume-button", "optout:resume")))


async def _stopped(session: AsyncSession, posts: Sequence[Post], now: datetime) -> str:
    if not posts:
        return "optout-stopped"
    owes = await optout.has_mandatory(session, posts, now)
    return "optout-stopped-mandatory" if owes else "optout-stopped-member"


async def start(
    event: Event, contact: Contact, session: AsyncSession, state: FSMContext, now: datetime
) -> Reply:
    """Whoever stopped nothing may mean something else by the word."""
    if not await optout.resume(session, contact.id, now) and isinstance(event, Message):
        raise SkipHandler
    told = reply("optout-resumed").offering(*buttons.way_back(await state.get_state()))
    return told.offering(choice("optout-stop-button", "optout:stop"))
