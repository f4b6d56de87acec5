"""An officer comes in by an invitation's link, asks who they are here, and leaves.

officer: /start i-CODE     bot: welcome, your office, your role; the list of work
officer: /toi              bot: whom I take you for
officer: /roi              bot: really leave?  [Leave] [Stay]
"""

from __future__ import annotations

from datetime import datetime

import structlog
from aiogram import F, Router
from aiogram.filters import Command, CommandObject, CommandStart
from aiogram.types import CallbackQuery, Message
from sqlalchemy.ext.asyncio import AsyncSession

from bot import limits
from bot.contacts import Contact
from bot.replies import Choice, Reply, UserError, Word, choice, reply
from bot.vault import Vault
from handlers.officers import service
from storage.models.office import Officer, Role

log = structlog.get_logger()
Event = Message | CallbackQuery

ROLES = {
    Role.OFFICER: Word("officers-role-officer"),
    Role.RESTRICTED: Word("officers-role-restricted"),
    Role.ADMIN: Word("officers-role-admin"),
}
WORK: dict[Role, tuple[Choice, ...]] = {
    Role.OFFICER: (
        choice("officers-work-button", "r:list"),
        choice("officers-units-button", "dv:list"),
        choice("officers-overview-button", "r:overview"),
    ),
    Role.RESTRICTED: (
        choice("officers-matters-button", "r:matters"),
        choice("officers-overview-button", "r:overview"),
    ),
    Role.ADMIN: (),
}


def router() -> Router:
    officers = Router(name="officers")
    officers.message.register(let_in, CommandStart(magic=F.args.startswith("i-")))
    officers.message.register(say_who, Command("toi", "whoami"))
    officers.message.register(ask_to_leave, Command("roi", "leave"))
    officers.callback_query.register(ask_to_leave, F.data == "officer:leave")
    officers.callback_query.register(part, F.data == "officer:left")
    officers.callback_query.register(say_who, F.data == "officer:who")
    return officers


async def let_in(
    _: Message,
    command: CommandObject,
    contact: Contact,
    session: AsyncSession,
    vault: Vault,
    now: datetime,
) -> Reply:
    """A miss is answered, not raised: raising would undo the count of misses."""
    source = limits.source_of(vault, f"contact:{contact.id}", now)
    await limits.refuse_beyond(session, service.WRONG_INVITATIONS, source, now)
    code = (command.args or "").removeprefix("i-").strip()
    try:
        officer = await service.join(session, vault, code, contact, now)
    except UserError as error:
        log.warning("invitation refused", contact=contact.id, reason=error.reply.key)
        await limits.count(session, service.WRONG_INVITATIONS, source, now)
        return error.reply
    return await _introduce(session, "officers-welcome", officer)


async def say_who(_: Event, contact: Contact, session: AsyncSession) -> Reply:
    working = await service.officers_of(session, contact.id)
    if not working:
        return reply("officers-nobody")
    first, *others = [await _introduce(session, "officers-who", one) for one in working]
    return first.followed_by(*others)


async def _introduce(session: AsyncSession, key: str, officer: Officer) -> Reply:
    office = await service.office_name(session, officer)
    introduced = reply(key, name=officer.name, office=office, role=ROLES[Role(officer.role)])
    return introduced.offering(
        *WORK[Role(officer.role)], choice("officers-leave-button", "officer:leave")
    )


async def ask_to_leave(_: Event, contact: Contact, session: AsyncSession) -> Reply:
    if await service.officer_of(session, contact.id) is None:
        return reply("officers-nobody")
    return reply("officers-leave-sure").offering(
        (
            choice("officers-left-button", "officer:left"),
            choice("officers-stay-button", "officer:who"),
        )
    )


async def part(_: CallbackQuery, contact: Contact, session: AsyncSession, now: datetime) -> Reply:
    if not await service.leave(session, contact.id, now):
        return reply("officers-nobody")
    return reply("officers-gone")
