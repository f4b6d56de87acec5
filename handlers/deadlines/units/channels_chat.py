"""Another chat of one's own: a code that adds it, and letting go of one that was lost.

person: /kenh            bot: where I reach you  [Another channel] [Let go of Telegram, 3/3]
person: [Another]        bot: the code, for a day, as words and a picture
"""

from __future__ import annotations

from datetime import datetime

from aiogram import Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import local_day
from bot.config import Settings
from bot.contacts import Contact
from bot.replies import Picture, Reply, UserError, choice, reply
from bot.vault import Vault
from handlers.deadlines import people
from handlers.deadlines.units import cards, invitations, members
from handlers.deadlines.units.presses import Pressed, press

Event = Message | CallbackQuery


def router() -> Router:
    chat = Router(name="unit channels")
    chat.message.register(show_channels, Command("kenh", "channel"))
    chat.callback_query.register(show_channels, Pressed("channel"))
    chat.callback_query.register(make_code, Pressed("channel-new"))
    chat.callback_query.register(ask_drop, Pressed("drop"))
    chat.callback_query.register(drop, Pressed("drop-yes"))
    return chat


async def show_channels(_: Event, contact: Contact, session: AsyncSession) -> Reply:
    channels = await members.channels_of(session, contact.id)
    if not channels:
        return reply("units-nobody")
    lines = [cards.channel_line(one, contact.id, contact.locale) for one in channels]
    rows = [
        choice(
            "units-drop-button", press("drop", str(one.contact_id)),
            channel=people.channel_word(one.name), day=local_day(one.added_at),
        )
        for one in channels
        if one.contact_id != contact.id
    ]  # fmt: skip
    return reply("units-channels", channels="\n".join(lines)).offering(
        choice("units-channel-new-button", press("channel-new")), *rows
    )


async def make_code(
    _: CallbackQuery,
    contact: Contact,
    session: AsyncSession,
    vault: Vault,
    settings: Settings,
    now: datetime,
) -> Reply:
    posts = await people.posts(session, contact.id)
    if not posts:
        return reply("units-nobody")
    code = await invitations.add_channel(session, vault, posts[0].member, now)
    way = invitations.ways(settings.links, await invitations.bot_name(session), code)
    key = "units-channel-code-telegram" if way.telegram else "units-channel-code"
    # Whoever is here already wants to be reached elsewhere.
    elsewhere = way.web if contact.channel == "telegram" or not way.telegram else way.telegram
    picture = Picture("qr", elsewhere, "units-channel-alt")
    return Reply(
        key, {"code": way.code, "web": way.web, "telegram": way.telegram}, picture=picture
    ).offering(choice("units-channel-button", press("channel")))


async def ask_drop(
    _: CallbackQuery, pressed_id: str, contact: Contact, session: AsyncSession
) -> Reply:
    one = await _theirs(session, contact, pressed_id)
    return reply(
        "units-drop-sure", channel=people.channel_word(one.name), day=local_day(one.added_at)
    ).offering(
        choice("units-drop-yes-button", press("drop-yes", pressed_id)),
        choice("common-back-button", press("channel")),
    )


async def drop(
    _: CallbackQuery, pressed_id: str, contact: Contact, session: AsyncSession, now: datetime
) -> Reply:
    one = await _theirs(session, contact, pressed_id)
    await members.drop_chat(session, contact.id, one.contact_id, now)
    return reply("units-dropped", channel=people.channel_word(one.name)).offering(
        choice("units-channel-button", press("channel"))
    )


async def _theirs(session: AsyncSession, contact: Contact, pressed: str) -> members.Channel:
    for one in await members.channels_of(session, contact.id):
        if str(one.contact_id) == pressed and one.contact_id != contact.id:
            return one
    raise UserError("units-channel-not-yours")
