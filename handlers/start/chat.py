"""Hello, help, language, privacy, "a person, please"; groups refused; who blocked us noted.

citizen: /start            bot: what I am for, three buttons
citizen: /trogiup          bot: what can be done here
citizen: /ngonngu          bot: Tiếng Việt | English
citizen: [a person]        bot: the office's telephone and hours
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiogram import F, Router
from aiogram.filters import (
    JOIN_TRANSITION,
    LEAVE_TRANSITION,
    ChatMemberUpdatedFilter,
    Command,
    CommandStart,
)
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, ChatMemberUpdated, Message
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import load_calendar, next_office_opening, office_hours_open
from bot.config import Settings
from bot.contacts import Contact
from bot.replies import Choice, Picture, Reply, choice, link, reply
from bot.vault import Vault
from storage.models.office import Office, Officer, Role

Event = Message | CallbackQuery
OFFICERS_HELP = {
    Role.OFFICER: "start-help-officer",
    Role.RESTRICTED: "start-help-restricted",
    Role.ADMIN: "start-help-admin",
}


def router() -> Router:
    start = Router(name="start")
    private = F.chat.type == "private"
    start.message.register(refuse_group, ~private)
    start.edited_message.register(say_nothing, ~private)
    start.edited_message.register(say_nothing, F.location)
    start.callback_query.register(say_nothing, F.message.chat.type != "private")
    start.my_chat_member.register(say_nothing, F.chat.type == "channel")
    start.my_chat_member.register(refuse_added, ~private)
    start.my_chat_member.register(note_block, ChatMemberUpdatedFilter(LEAVE_TRANSITION))
    start.my_chat_member.register(note_return, ChatMemberUpdatedFilter(JOIN_TRANSITION))
    start.message.register(greet, CommandStart(magic=~F.args))
    start.message.register(help_me, Command("help", "trogiup"))
    start.callback_query.register(help_me, F.data == "help")
    start.callback_query.register(greet, F.data == "home")
    start.message.register(offer_languages, Command("ngonngu", "language"))
    start.callback_query.register(set_language, F.data.startswith("lang:"))
    start.message.register(explain_privacy, Command("riengtu", "privacy"))
    start.callback_query.register(explain_privacy, F.data == "privacy")
    start.message.register(offer_person, Command("gapcanbo", "human"))
    start.callback_query.register(offer_person, F.data == "human")
    return start


async def refuse_group(_: Message) -> Reply:
    return Reply("start-no-groups", once="group")


async def say_nothing(_: Event) -> None:
    """A group already told once, a press there, and a place that moves: each would be told again
    and again."""


async def refuse_added(event: ChatMemberUpdated) -> Reply | None:
    if event.new_chat_member.status in ("member", "administrator"):
        return Reply("start-no-groups", once="group")
    return None


async def note_block(_: ChatMemberUpdated, contact: Contact) -> None:
    contact.blocked = True


async def note_return(_: ChatMemberUpdated, contact: Contact) -> None:
    contact.blocked = False


async def greet(
    _: Event,
    state: FSMContext,
    contact: Contact,
    session: AsyncSession,
    vault: Vault,
    settings: Settings,
) -> Reply:
    """The way in. A draft under way is not lost: its button stands on top, and what is typed
    before it is pressed is not for the draft."""
    contact.blocked = False
    data = await state.get_data()
    await state.set_state(None)
    office = await session.scalar(select(Office).order_by(Office.code))
    hello = reply("start-hello", office=office.name if office else "").offering(
        *way_back(data),
        choice("start-consultations-button", "list"),
        choice("start-deed-button", "vt:start"),
        choice("start-receipt-button", "receipt"),
        (choice("start-help-button", "help"), choice("start-language-button", "lang:ask")),
    )
    sealed = data.pop("again", None)
    if sealed is None:
        return hello
    await state.set_data(data)
    code = vault.unseal_system(bytes.fromhex(sealed), "receipt-again").decode()
    picture = Picture("qr", f"{settings.links}/tracuu#{code}", "opinion-receipt-alt")
    return Reply("receipt-again", {"code": code}, picture=picture).followed_by(hello)


def way_back(held: Mapping[str, Any]) -> tuple[Choice, ...]:
    """The buttons that lead back into drafts, where there are any."""
    opinion = (choice("start-draft-button", "resume"),) if held.get("draft") else ()
    deed = (choice("start-deed-draft-button", "vt:resume"),) if held.get("deed") else ()
    return opinion + deed


async def help_me(
    _: Event, state: FSMContext, contact: Contact, session: AsyncSession, settings: Settings
) -> Reply:
    """Whoever works for the office reads first what that brings."""
    working = await session.scalars(
        select(Officer.role)
        .where(Officer.contact_id == contact.id, Officer.revoked_at.is_(None))
        .order_by(Officer.joined_at)
    )
    general = reply("start-help").offering(
        *way_back(await state.get_data()),
        choice("start-consultations-button", "list"),
        choice("start-receipt-button", "receipt"),
        choice("common-human-button", "human"),
        choice("start-privacy-button", "privacy"),
        link("start-page-button", settings.links),
    )
    first, *others = [*(reply(OFFICERS_HELP[Role(role)]) for role in working), general]
    return first.followed_by(*others)


async def offer_languages(_: Event) -> Reply:
    return reply("start-language").offering(
        (choice("start-vietnamese-button", "lang:vi"), choice("start-english-button", "lang:en"))
    )


async def set_language(query: CallbackQuery, contact: Contact) -> Reply:
    asked = (query.data or "").partition(":")[2]
    if asked not in ("vi", "en"):
        return await offer_languages(query)
    contact.locale = asked
    return reply("start-language-set").offering(choice("start-home-button", "home"))


async def explain_privacy(_: Event, contact: Contact, settings: Settings) -> Reply:
    """What is kept, by whom and for how long, said from the settings in force."""
    through = "start-privacy-telegram" if contact.channel == "telegram" else "start-privacy-web"
    return reply("start-privacy").followed_by(
        reply(through).offering(
            choice("start-home-button", "home"), link("start-page-button", settings.links)
        )
    )


async def offer_person(_: Event, state: FSMContext, session: AsyncSession, now: datetime) -> Reply:
    """A person's address, and when one will answer; said once, by the bot alone."""
    office = await session.scalar(select(Office).order_by(Office.code))
    if office is None:
        return reply("start-no-office")
    calendar = await load_calendar(session)
    args = {
        "office": office.name,
        "address": "; ".join(office.addresses),
        "telephone": office.telephone,
        "email": office.email,
    }
    if office_hours_open(calendar, now):
        answer = reply("start-person-now", **args)
    else:
        answer = reply("start-person-later", opens=next_office_opening(calendar, now), **args)
    way_on = (*way_back(await state.get_data()), choice("start-home-button", "home"))
    return answer.offering(*way_on)
