"""Units in chat: coming in, who answers for what, another channel; and the office's own list.

person:  /start u-CODE, or the code     bot: welcome, your unit, what you can do
person:  /donvi                         bot: my units and clusters, apart; a unit: who else
head:    [Invite] [Focal] "Lê Thị Mơ"   bot: the invitation to pass on, as words and a picture
head:    [Remove Lê Thị Mơ] [Yes]       bot: removed
person:  /kenh                          bot: where I reach you; a code for another channel
officer: /donvi trung tam               bot: units found by any part of a name
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import structlog
from aiogram import F, Router
from aiogram.filters import Command, CommandObject, CommandStart, StateFilter
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery, Message
from sqlalchemy.ext.asyncio import AsyncSession

from bot import limits
from bot.clock import local_day
from bot.config import Settings
from bot.contacts import Contact
from bot.replies import Arg, Picture, Reply, UserError, choice, reply
from bot.vault import Vault
from handlers.deadlines import people
from handlers.deadlines.units import (
    cards,
    channels_chat,
    codes,
    invitations,
    members,
    notices,
    service,
)
from handlers.deadlines.units.presses import Pressed, press
from storage.models.office import Officer
from storage.models.units import MemberRank, UnitInvitation

log = structlog.get_logger()
Event = Message | CallbackQuery
PAGE = 8
"""Units on one page of buttons."""


class Typing(StatesGroup):
    name = State()
    words = State()


def router() -> Router:
    chat = Router(name="units")
    for observer in (chat.message, chat.callback_query):
        observer.middleware(_with_way_on)
    chat.message.register(open_link, CommandStart(deep_link=True, magic=F.args.startswith("u-")))
    chat.message.register(take_code, F.text, F.text.func(codes.tidy_code))
    chat.message.register(take_code, StateFilter(None), F.text, F.text.func(codes.looks_like_code))
    chat.message.register(show_mine, Command("donvi", "units"))
    chat.callback_query.register(show_mine, Pressed("mine"))
    chat.callback_query.register(show_unit, Pressed("one"))
    chat.callback_query.register(show_cluster, Pressed("cluster"))
    chat.callback_query.register(ask_rank, Pressed("invite"))
    chat.callback_query.register(ask_name, Pressed("rank"))
    chat.callback_query.register(revoke, Pressed("revoke"))
    chat.callback_query.register(ask_remove, Pressed("out"))
    chat.callback_query.register(remove, Pressed("out-yes"))
    chat.callback_query.register(show_office, Pressed("office"))
    chat.callback_query.register(ask_words, Pressed("find"))
    plain = ~F.text.startswith("/")
    chat.message.register(make_invitation, Typing.name, F.text, plain)
    chat.message.register(find, Typing.words, F.text, plain)
    chat.include_router(channels_chat.router())
    return chat


async def _with_way_on(
    handler: Callable[[Any, dict[str, Any]], Awaitable[Any]], event: Any, data: dict[str, Any]
) -> Any:
    """A refusal leads back to what one may see: one's own units, or the office's list."""
    try:
        return await handler(event, data)
    except UserError as error:
        posts = await people.posts(data["session"], data["contact"].id)
        officer = await members.officer_here(data["session"], data["contact"].id)
        of_office = officer is not None and not posts
        mine = choice("units-mine-button", press("mine"))
        raise error.or_offering(cards.OFFICE_LIST if of_office else mine) from None


async def _stop_typing(state: FSMContext) -> None:
    if await state.get_state() in (Typing.name.state, Typing.words.state):
        await state.set_state(None)
        data = await state.get_data()
        data.pop("inviting", None)
        await state.set_data(data)


# Coming in


async def open_link(
    _: Message,
    command: CommandObject,
    contact: Contact,
    session: AsyncSession,
    vault: Vault,
    now: datetime,
) -> Reply:
    contact.blocked = False
    return await _let_in((command.args or "").removeprefix("u-"), contact, session, vault, now)


async def take_code(
    message: Message,
    contact: Contact,
    session: AsyncSession,
    vault: Vault,
    state: FSMContext,
    now: datetime,
) -> Reply:
    await _stop_typing(state)
    return await _let_in(message.text or "", contact, session, vault, now)


async def _let_in(
    typed: str, contact: Contact, session: AsyncSession, vault: Vault, now: datetime
) -> Reply:
    """A miss is answered, not raised: raising would undo the count of misses."""
    source = limits.source_of(vault, f"contact:{contact.id}", now)
    await limits.refuse_beyond(session, invitations.WRONG_CODES, source, now)
    try:
        joined = await invitations.accept(session, vault, typed, contact.id, now)
    except UserError as error:
        log.warning("unit invitation refused", contact=contact.id, reason=error.reply.key)
        await limits.count(session, invitations.WRONG_CODES, source, now)
        return error.reply
    if joined.how == "joined":
        await notices.tell_heads(session, vault, joined, now)
    key = "units-channel-added" if joined.how == "channel" else "units-welcome"
    rank = cards.RANKS[MemberRank(joined.member.rank)]
    welcome = reply(key, name=joined.member.name, unit=joined.unit.name, rank=rank)
    return welcome.offering(
        choice("units-mine-button", press("mine")),
        choice("units-channel-button", press("channel")),
    )


# My units, apart


async def show_mine(
    event: Event,
    contact: Contact,
    session: AsyncSession,
    state: FSMContext,
    now: datetime,
    command: CommandObject | None = None,
) -> Reply:
    await _stop_typing(state)
    officer = await members.officer_here(session, contact.id)
    if officer and command and command.args:
        return await _found(session, officer, command.args)
    posts = await people.posts(session, contact.id)
    headed = await people.headed_clusters(
        session, [post.unit.id for post in posts], local_day(now).year
    )
    if not posts:
        return await _office_page(session, officer, 0) if officer else reply("units-nobody")
    if len(posts) == 1 and not headed and not officer:
        found = await members.standing(session, posts[0].unit.id, contact.id)
        return await cards.unit_card(session, found, contact.locale, now)
    lines = [cards.post_line(post, contact.locale) for post in posts]
    rows = [cards.unit_button(post.unit) for post in posts]
    rows += [
        choice("units-cluster-button", press("cluster", one.id), cluster=cards.short(one.name))
        for one in headed
    ]
    if officer:
        rows.append(cards.OFFICE_LIST)
    rows.append(choice("units-channel-button", press("channel")))
    return reply("units-mine", n=len(posts), units="\n".join(lines)).offering(*rows)


async def show_unit(
    _: CallbackQuery,
    pressed_id: str,
    contact: Contact,
    session: AsyncSession,
    state: FSMContext,
    now: datetime,
) -> Reply:
    await _stop_typing(state)
    found = await members.standing(session, pressed_id, contact.id)
    return await cards.unit_card(session, found, contact.locale, now)


async def show_cluster(
    _: CallbackQuery, pressed_id: str, contact: Contact, session: AsyncSession, now: datetime
) -> Reply:
    """For the head of the cluster this year, and its deputy."""
    year = local_day(now).year
    posts = await people.posts(session, contact.id)
    headed = await people.headed_clusters(session, [post.unit.id for post in posts], year)
    cluster = next((one for one in headed if one.id == pressed_id), None)
    if cluster is None:
        raise UserError("units-not-yours")
    return await cards.cluster_card(session, cluster, year, contact.locale)


# Inviting


async def ask_rank(
    _: CallbackQuery, pressed_id: str, contact: Contact, session: AsyncSession
) -> Reply:
    found = await members.managing(session, pressed_id, contact.id)
    rows = [
        choice(key, press("rank", found.unit.id, rank))
        for rank, key in cards.RANK_BUTTONS.items()
        if found.officer or rank is not MemberRank.HEAD
    ]
    back = choice("common-back-button", press("one", found.unit.id))
    return reply("units-ask-rank", unit=found.unit.name).offering(*rows, back)


async def ask_name(
    _: CallbackQuery,
    pressed_id: str,
    detail: str,
    contact: Contact,
    session: AsyncSession,
    state: FSMContext,
) -> Reply:
    found = await members.managing(session, pressed_id, contact.id)
    rank = _rank_given(detail, found)
    await state.set_state(Typing.name)
    await state.update_data(inviting=[found.unit.id, rank])
    return reply("units-ask-name", unit=found.unit.name, rank=cards.RANKS[rank]).offering(
        choice("common-cancel-button", press("one", found.unit.id))
    )


def _rank_given(typed: str, found: members.Standing) -> MemberRank:
    """Heads are let in by the office alone. Raises UserError."""
    rank = next((one for one in MemberRank if one == typed), None)
    if rank is None or (rank is MemberRank.HEAD and not found.officer):
        raise UserError("units-not-yours")
    return rank


async def make_invitation(
    message: Message,
    contact: Contact,
    session: AsyncSession,
    vault: Vault,
    settings: Settings,
    state: FSMContext,
    now: datetime,
) -> Reply:
    """Two messages: one to pass on as it is, one for whoever invites."""
    unit_id, asked = (await state.get_data()).get("inviting") or ("", "")
    found = await members.managing(session, unit_id, contact.id)
    rank = _rank_given(asked, found)
    name = invitations.checked_name(message.text or "")
    code = await invitations.invite(session, vault, found.unit, rank, name, found.actor, now)
    await _stop_typing(state)
    way = invitations.ways(settings.links, await invitations.bot_name(session), code)
    key = "units-invitation-telegram" if way.telegram else "units-invitation"
    args: dict[str, Arg] = {
        "name": name, "rank": cards.RANKS[rank], "unit": found.unit.name, "code": way.code,
        "web": way.web, "telegram": way.telegram, "days": invitations.LASTS_DAYS,
    }  # fmt: skip
    picture = Picture("qr", way.telegram or way.web, "units-invitation-alt")
    passed_on = Reply(key, args, picture=picture)
    return passed_on.followed_by(
        reply("units-invitation-made", name=name).offering(
            choice("units-invite-button", press("invite", found.unit.id)),
            cards.unit_button(found.unit),
        )
    )


async def revoke(
    _: CallbackQuery, pressed_id: str, contact: Contact, session: AsyncSession, now: datetime
) -> Reply:
    row = await session.get(UnitInvitation, pressed_id, with_for_update=True)
    if row is None or row.member_id:
        raise UserError("units-not-yours")
    found = await members.managing(session, row.unit_id, contact.id)
    invitations.revoke(session, row, found.actor, now)
    return reply("units-revoked", name=row.name).offering(cards.unit_button(found.unit))


# Removing


async def ask_remove(
    _: CallbackQuery, pressed_id: str, contact: Contact, session: AsyncSession
) -> Reply:
    member = await members.live(session, pressed_id)
    found = await members.may_remove(session, member, contact.id)
    own = found.member is not None and found.member.id == member.id
    key = "units-leave-sure" if own else "units-remove-sure"
    return reply(key, name=member.name, unit=found.unit.name).offering(
        choice("units-remove-yes-button", press("out-yes", member.id)),
        choice("common-back-button", press("one", found.unit.id)),
    )


async def remove(
    _: CallbackQuery,
    pressed_id: str,
    contact: Contact,
    session: AsyncSession,
    vault: Vault,
    now: datetime,
) -> Reply:
    member = await members.live(session, pressed_id)
    found = await members.may_remove(session, member, contact.id)
    await members.remove(session, member, found.actor, now)
    if found.member is not None and found.member.id == member.id:
        return reply("units-left", unit=found.unit.name)
    await notices.tell_removed(session, vault, member, found.unit, now)
    return reply("units-removed", name=member.name, unit=found.unit.name).offering(
        cards.unit_button(found.unit)
    )


# The office's list


async def show_office(
    _: CallbackQuery,
    pressed_id: str,
    contact: Contact,
    session: AsyncSession,
    state: FSMContext,
) -> Reply:
    await _stop_typing(state)
    officer = await _officer(session, contact)
    start = int(pressed_id) if pressed_id.isascii() and pressed_id.isdecimal() else 0
    return await _office_page(session, officer, start)


async def _officer(session: AsyncSession, contact: Contact) -> Officer:
    officer = await members.officer_here(session, contact.id)
    if officer is None:
        raise UserError("units-not-yours")
    return officer


async def _office_page(session: AsyncSession, officer: Officer, start: int) -> Reply:
    units = await service.units_of(session, officer.office_id)
    if not units:
        return reply("units-office-none")
    counts = await service.counts_of_people(session, [unit.id for unit in units])
    rows = [
        cards.office_button(unit, counts.get(unit.id, 0)) for unit in units[start : start + PAGE]
    ]
    if start + PAGE < len(units):
        rows.append(choice("units-more-button", press("office", str(start + PAGE))))
    alone = sum(unit.id not in counts for unit in units)
    listed = reply("units-office", n=len(units), alone=alone)
    return listed.offering(*rows, choice("units-find-button", press("find")))


async def ask_words(
    _: CallbackQuery, contact: Contact, session: AsyncSession, state: FSMContext
) -> Reply:
    await _officer(session, contact)
    await state.set_state(Typing.words)
    return reply("units-ask-words").offering(choice("common-cancel-button", press("office")))


async def find(
    message: Message, contact: Contact, session: AsyncSession, state: FSMContext
) -> Reply:
    officer = await _officer(session, contact)
    return await _found(session, officer, message.text or "")


async def _found(session: AsyncSession, officer: Officer, typed: str) -> Reply:
    units = await service.units_of(session, officer.office_id, typed)
    counts = await service.counts_of_people(session, [unit.id for unit in units[:PAGE]])
    rows = [cards.office_button(unit, counts.get(unit.id, 0)) for unit in units[:PAGE]]
    key = "units-found" if len(units) <= PAGE else "units-found-first"
    found = reply(key if units else "units-found-none", n=len(units), typed=typed[:100])
    return found.offering(*rows, cards.OFFICE_LIST)
