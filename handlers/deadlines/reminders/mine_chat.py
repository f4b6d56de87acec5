"""`/nhacviec`: my deadlines as a list, as a month, as a calendar on my telephone; my quiet hours.

member: /nhacviec          bot: the list, unit by unit, overdue first   [1] [2] …
member: [The month]        bot: a picture of the month, and the same in words
member: [Calendar]         bot: a private address to subscribe to; [make anew] [revoke]
member: [Quiet hours] "21h-7h"   bot: reads them back  [Yes]
member: [Stop reminders]   bot: as after the word "Dừng"
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import groupby

from aiogram import F, Router
from aiogram.filters import Command
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery, Message
from babel.dates import format_date
from sqlalchemy.ext.asyncio import AsyncSession

from bot import i18n, pictures
from bot.clock import OutsideCoverage, QuietHours, closing_day, load_calendar, local_day
from bot.config import Settings
from bot.contacts import Contact
from bot.pictures import Entry
from bot.replies import Arg, Choice, Picture, Reply, UserError, Word, choice, link, reply
from bot.vault import Vault
from handlers.deadlines import people
from handlers.deadlines.reminders import (
    answers,
    buttons,
    calendar_feed,
    mine,
    optout,
    preferences,
)
from handlers.deadlines.reminders.buttons import Acts, press
from handlers.deadlines.reminders.mine import Owed
from storage.models.deadlines import DutyState
from storage.models.reminders import CalendarFeed

Event = Message | CallbackQuery
PAGE = 8
LONGEST_LABEL = 40
MOST_MONTHS = 24
"""How far the months may be turned either way."""
_MINE = choice("mine-button", "mine")


class Quieting(StatesGroup):
    """The hours typed now are the person's quiet hours."""

    hours = State()


def router() -> Router:
    chat = Router(name="mine")
    chat.message.register(show_list, Command("nhacviec", "deadlines"))
    chat.callback_query.register(show_list, F.data.in_({"mine", "mine:list"}))
    chat.callback_query.register(show_page, F.data.startswith("mine:page:"))
    chat.callback_query.register(show_month, F.data.startswith("mine:month"))
    chat.callback_query.register(show_feed, F.data == "mine:feed")
    chat.callback_query.register(make_feed, F.data == "mine:feed:new")
    chat.callback_query.register(revoke_feed, F.data == "mine:feed:revoke")
    chat.callback_query.register(show_settings, F.data == "mine:settings")
    chat.callback_query.register(ask_hours, F.data == "mine:quiet")
    chat.callback_query.register(set_hours, F.data.startswith("mine:quiet:"))
    chat.message.register(leave_hours, Command("huy", "cancel"), Quieting.hours)
    chat.message.register(read_hours, Quieting.hours, F.text, ~F.text.startswith("/"))
    return chat


# The list


async def show_list(
    _: Event, contact: Contact, session: AsyncSession, state: FSMContext, now: datetime
) -> Reply:
    if await state.get_state() == Quieting.hours.state:
        await state.set_state(None)
    return await _list(session, contact, 0, now)


async def show_page(
    query: CallbackQuery, contact: Contact, session: AsyncSession, now: datetime
) -> Reply:
    page = (query.data or "").rpartition(":")[2]
    return await _list(session, contact, int(page) if _is_small(page) else 0, now)


async def _list(session: AsyncSession, contact: Contact, page: int, now: datetime) -> Reply:
    await _require_post(session, contact)
    shown = mine.listed(await mine.every(session, contact.id), now)
    if not shown:
        return reply("mine-nothing").offering(*_views())
    first = max(0, min(page, (len(shown) - 1) // PAGE)) * PAGE
    some = shown[first : first + PAGE]
    late = sum(one.is_late(now) for one in shown)
    key = "mine-list-late" if late else "mine-list"
    numbered = list(enumerate(some, first + 1))
    answer = reply(
        key,
        n=late if late else sum(one.is_open for one in shown),
        lines=_lines(contact.locale, numbered, now),
    )
    several = len({one.unit.id for one in shown}) > 1
    for number, one in numbered:
        if one.is_open:
            answer = answer.offering(_open(number, one, several))
    turns = [
        choice(f"consultations-{name}-button", f"mine:page:{number}")
        for name, number in (("earlier", first // PAGE - 1), ("more", first // PAGE + 1))
        if 0 <= number * PAGE < len(shown)
    ]
    return answer.offering(*([turns] if turns else []), *_views())


def _open(number: int, one: Owed, several: bool) -> Choice:
    title = _short(one.deadline.title)
    label = f"{number}. {_short(one.unit.name)}: {title}" if several else f"{number}. {title}"
    return Choice(label, press(buttons.duty(one.duty.id), Acts.OPEN), literal=True)


def _views() -> tuple[tuple[Choice, ...], ...]:
    return (
        (choice("mine-month-button", "mine:month"), choice("mine-feed-button", "mine:feed")),
        (choice("mine-settings-button", "mine:settings"), choice("common-home-button", "home")),
    )


def _lines(locale: str, numbered: Sequence[tuple[int, Owed]], now: datetime) -> str:
    """Under the name of each unit its duties; a duty in one line."""
    parts = []
    for unit, some in groupby(numbered, key=lambda pair: pair[1].unit):
        lines = [_line(locale, number, one, now) for number, one in some]
        parts.append("\n".join([unit.name, *lines]))
    return "\n\n".join(parts)


def _line(locale: str, number: int, one: Owed, now: datetime) -> str:
    left, day = one.days_left(now), closing_day(one.closes)
    told: dict[str, Arg] = {"number": number, "title": one.deadline.title, "day": day}
    state = Word(f"duty-{DutyState(one.duty.state)}")
    if not one.is_open:
        return i18n.say(locale, "mine-line-done", state=state, **told)
    if one.is_late(now):
        return i18n.say(locale, "mine-line-late", n=max(1, -left), state=state, **told)
    if left == 0:
        return i18n.say(locale, "mine-line-today", state=state, **told)
    return i18n.say(locale, "mine-line", n=left, state=state, **told)


def _short(text: str) -> str:
    if len(text) <= LONGEST_LABEL:
        return text
    return text[:LONGEST_LABEL].rsplit(" ", 1)[0].rstrip(" ,.;:-") + "…"


# The month


async def show_month(
    query: CallbackQuery, contact: Contact, session: AsyncSession, now: datetime
) -> Reply:
    await _require_post(session, contact)
    first = _month_of((query.data or "").removeprefix("mine:month:"), local_day(now))
    owed = [o for o in await mine.every(session, contact.id) if not o.is_cancelled]
    inside = [one for one in owed if closing_day(one.closes).replace(day=1) == first]
    name = _month_name(contact.locale, first)
    drawing = pictures.month(
        contact.locale, name, first, [_entry(one, now) for one in inside],
        off=await _days_off(session, first), today=local_day(now),
    )  # fmt: skip
    numbered = list(enumerate(inside[: pictures.MOST_ROWS], 1))
    key = "mine-month" if inside else "mine-month-empty"
    told = reply(key, month=name, n=len(inside), lines=_lines(contact.locale, numbered, now))
    before, after = _turned(first, -1), _turned(first, 1)
    return replace(told, picture=Picture("drawing", drawing, "mine-month-alt")).offering(
        tuple(
            choice("mine-turn-button", f"mine:month:{one:%Y-%m}", month=name)
            for one in (before, after)
            for name in (_month_name(contact.locale, one),)
        ),
        (_MINE, choice("mine-feed-button", "mine:feed")),
    )


def _entry(one: Owed, now: datetime) -> Entry:
    return Entry(closing_day(one.closes), one.deadline.title, one.mark(now), one.unit.name)


def _month_of(typed: str, today: date) -> date:
    """The month asked for; this one for anything else, and for what is too far off."""
    this = today.replace(day=1)
    try:
        asked = date.fromisoformat(f"{typed}-01")
    except ValueError:
        return this
    away = abs((asked.year - this.year) * 12 + asked.month - this.month)
    return asked if away <= MOST_MONTHS else this


def _turned(first: date, by: int) -> date:
    return (first + timedelta(days=32 if by > 0 else -1)).replace(day=1)


def _month_name(locale: str, first: date) -> str:
    return i18n.say(
        locale, "mine-month-name", month=format_date(first, "LLLL", locale=locale),
        year=str(first.year),
    )  # fmt: skip


async def _days_off(session: AsyncSession, first: date) -> set[date]:
    """Weekends alone where the holiday table does not reach."""
    days = [first + timedelta(days=number) for number in range(31)]
    try:
        calendar = await load_calendar(session)
        return {day for day in days if not calendar.is_working_day(day)}
    except OutsideCoverage:
        return {day for day in days if day.weekday() >= 5}


# The private calendar


async def show_feed(_: CallbackQuery, contact: Contact, session: AsyncSession) -> Reply:
    await _require_post(session, contact)
    feed = await calendar_feed.live(session, contact.id)
    if feed is None:
        return reply("feed-offer").offering(choice("feed-make-button", "mine:feed:new"), _MINE)
    return _standing(feed).offering(
        choice("feed-remake-button", "mine:feed:new"),
        choice("feed-revoke-button", "mine:feed:revoke"),
        _MINE,
    )


def _standing(feed: CalendarFeed) -> Reply:
    if feed.read_at is None:
        return reply("feed-unread", made=feed.made_at)
    return reply("feed-standing", made=feed.made_at, read=feed.read_at)


async def make_feed(
    _: CallbackQuery,
    contact: Contact,
    session: AsyncSession,
    vault: Vault,
    settings: Settings,
    now: datetime,
) -> Reply:
    """The address is said this once: we keep its fingerprint alone. An older one ends."""
    await _require_post(session, contact)
    token = await calendar_feed.make(session, vault, contact.id, now)
    page = f"{settings.links}/lich/{token}"
    return reply("feed-made", address=f"{page}.ics").offering(
        link("feed-page-button", page), choice("feed-revoke-button", "mine:feed:revoke"), _MINE
    )


async def revoke_feed(
    _: CallbackQuery, contact: Contact, session: AsyncSession, now: datetime
) -> Reply:
    await calendar_feed.revoke_all(session, contact.id, now)
    return reply("feed-revoked").offering(choice("feed-make-button", "mine:feed:new"), _MINE)


# Settings


async def show_settings(
    _: CallbackQuery, contact: Contact, session: AsyncSession, now: datetime
) -> Reply:
    await _require_post(session, contact)
    quiet = await answers.quiet_hours(session, contact.id)
    stopped = await preferences.opted_out_at(session, contact.id)
    key = "mine-settings-none" if quiet.start == quiet.end else "mine-settings"
    told = reply(key, **_hours(quiet))
    if stopped:
        posts = await people.posts(session, contact.id)
        owes = await optout.has_mandatory(session, posts, now)
        key = "mine-settings-stopped-mandatory" if owes else "mine-settings-stopped"
        told = reply(key, since=stopped)
    toggle = choice("optout-resume-button", "optout:resume") if stopped else None
    return told.offering(
        choice("mine-quiet-button", "mine:quiet"),
        toggle or choice("optout-stop-button", "optout:stop"),
        _MINE,
    )


def _hours(quiet: QuietHours) -> dict[str, str]:
    return {"start": f"{quiet.start:%H:%M}", "end": f"{quiet.end:%H:%M}"}


async def ask_hours(
    _: CallbackQuery, contact: Contact, session: AsyncSession, state: FSMContext
) -> Reply:
    await _require_post(session, contact)
    await state.set_state(Quieting.hours)
    return _question()


def _question() -> Reply:
    usual = QuietHours()
    return reply("mine-ask-quiet", **_hours(usual)).offering(
        choice("mine-quiet-usual-button", _quiet_press(usual), **_hours(usual)),
        choice("mine-quiet-none-button", _quiet_press(QuietHours(time(0), time(0)))),
        choice("mine-settings-back-button", "mine:settings"),
    )


async def read_hours(message: Message) -> Reply:
    """Read back before they count."""
    try:
        quiet = preferences.read_quiet_hours(message.text or "")
    except UserError as error:
        usual, nothing, back = [row[0] for row in _question().choices]
        if error.reply.key == preferences.ALL_DAY:
            nothing = choice("mine-quiet-stop-button", "optout:stop")
        raise error.offering(usual, nothing, back) from None
    key = "mine-read-back-no-quiet" if quiet.start == quiet.end else "mine-read-back-quiet"
    return reply(key, **_hours(quiet)).offering(
        choice("mine-quiet-yes-button", _quiet_press(quiet)),
        choice("mine-quiet-again-button", "mine:quiet"),
    )


def _quiet_press(quiet: QuietHours) -> str:
    return f"mine:quiet:{quiet.start:%H%M}{quiet.end:%H%M}"


async def set_hours(
    query: CallbackQuery,
    contact: Contact,
    session: AsyncSession,
    state: FSMContext,
    now: datetime,
) -> Reply:
    typed = (query.data or "").rpartition(":")[2]
    try:
        start, end = (datetime.strptime(one, "%H%M").time() for one in (typed[:4], typed[4:]))  # noqa: DTZ007
    except ValueError:
        return _question()
    if await state.get_state() == Quieting.hours.state:
        await state.set_state(None)
    quiet = QuietHours(start, end)
    await preferences.set_quiet_hours(session, contact.id, quiet, now)
    key = "mine-quiet-off" if start == end else "mine-quiet-set"
    return reply(key, **_hours(quiet)).offering(_MINE)


async def leave_hours(_: Message, state: FSMContext) -> Reply:
    await state.set_state(None)
    return reply("mine-quiet-left").offering(_MINE)


async def _require_post(session: AsyncSession, contact: Contact) -> None:
    """Raises UserError for whoever answers for no unit."""
    if not await mine.answered_for(session, contact.id):
        raise UserError("mine-nobody").offering(choice("common-home-button", "home"))


def _is_small(typed: str) -> bool:
    return typed.isdecimal() and len(typed) <= 4
