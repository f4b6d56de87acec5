"""Movements and who is praised, in chat.

anybody: /phongtrao           bot: the movements  [one] → what it is, and its figures, and its page
officer: [put deeds in]       bot: deeds in no movement  [one]  bot: which movement?  [one]
officer: /aiduockhen          bot: this year's figures as a picture and in words; [the year before]
"""

from __future__ import annotations

from datetime import datetime

from aiogram import F, Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message

from bot import i18n, pictures
from bot.clock import local_day
from bot.pictures import Bar, Mark
from bot.replies import Choice, Picture, Reply, UserError, Word, choice, link, reply
from handlers.deeds import checking, people
from handlers.deeds.figures import movements, praised
from handlers.deeds.figures.movements import Standing
from handlers.deeds.figures.praised import Figures, Row
from handlers.deeds.naming import in_short, place_in_words
from handlers.deeds.steps import HELP, HOME, Turn, give_turn, officer_of
from storage.models.deeds import Deed, DeedState, Stage
from storage.models.office import Office

Event = Message | CallbackQuery
PAGE = 6
LONGEST_LABEL = 60
MOST_LINES = 6
"""Groups told in words; the picture shows more of them."""
MOST_BARS = 14
LIST = choice("movements-list-button", "mv:list")
_NONE = "-"


def router() -> Router:
    chat = Router(name="figures")
    give_turn(chat)
    chat.message.register(list_movements, Command("phongtrao", "movements"))
    chat.message.register(show_praised, Command("aiduockhen", "praised"))
    press = chat.callback_query.register
    press(open_movement, F.data.startswith("mv:o:"))
    press(list_deeds, F.data.startswith("mv:deeds:"))
    press(ask_movement, F.data.startswith("mv:d:"))
    press(assign, F.data.startswith("mv:a:"))
    press(list_movements, F.data.startswith("mv:"))
    press(show_praised, F.data.startswith("pr:"))
    return chat


# Movements


async def list_movements(_: Event, turn: Turn) -> Reply:
    day, locale = local_day(turn.now), turn.contact.locale
    found = [
        one for one in await movements.listed(turn.session, day) if movements.is_running(one, day)
    ]
    answer = reply("movements-list", n=len(found))
    for one in found:
        label = _short(movements.name(one, locale))
        answer = answer.offering(Choice(label, press=f"mv:o:{one.code}", literal=True))
    if await people.acting(turn.session, turn.contact.id) is not None:
        answer = answer.offering(choice("movements-deeds-button", "mv:deeds:0"))
    return answer.offering(link("movements-page-button", f"{turn.links}/phongtrao"), (HOME,), HELP)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_LABEL else name[: LONGEST_LABEL - 1].rstrip() + "…"


async def open_movement(query: CallbackQuery, turn: Turn) -> Reply:
    movement = await movements.by_code(turn.session, _payload(query))
    (found,) = await movements.standings(turn.session, [movement])
    page = link("movements-page-button", f"{turn.links}/phongtrao/{movement.code}")
    return _card(found, turn.contact.locale, turn.now).offering(page, LIST, (HOME,), HELP)


def _card(found: Standing, locale: str, now: datetime) -> Reply:
    one = found.movement
    return reply(
        "movements-card", name=movements.name(one, locale),
        first=one.starts_on or Word("movements-no-day"),
        last=one.ends_on or Word("movements-no-day"), registered=found.registered,
        discovery=found.at(Stage.DISCOVERY), nurture=found.at(Stage.NURTURE),
        summary=found.at(Stage.SUMMARY), example=found.at(Stage.EXAMPLE), at=now,
    )  # fmt: skip


async def list_deeds(query: CallbackQuery, turn: Turn) -> Reply:
    """Facts only, as in every chat: no names."""
    officer = await officer_of(turn)
    typed = _payload(query)
    page = int(typed) if typed.isdecimal() and len(typed) < 6 else 0
    found, n = await movements.unassigned(turn.session, officer, page * PAGE, PAGE)
    if not n:
        return reply("movements-all-assigned").offering(LIST, (HOME,))
    answer = reply("movements-deeds", n=n)
    for deed in found:
        answer = answer.offering(await _deed_button(turn, deed))
    turns = [
        choice(f"consultations-{name}-button", f"mv:deeds:{other}")
        for name, other in (("earlier", page - 1), ("more", page + 1))
        if 0 <= other * PAGE < n
    ]
    return answer.offering(*([turns] if turns else []), LIST, (HOME,))


async def _deed_button(turn: Turn, deed: Deed) -> Choice:
    return choice(
        "movements-deed-button", f"mv:d:{deed.id}",
        place=await in_short(turn.session, deed, turn.contact.locale),
        state=Word(f"deeds-state-{DeedState(deed.state)}"),
    )  # fmt: skip


async def ask_movement(query: CallbackQuery, turn: Turn) -> Reply:
    officer = await officer_of(turn)
    deed = await checking.held(turn.session, officer, _payload(query))
    day, locale = local_day(turn.now), turn.contact.locale
    answer = reply("movements-which", place=place_in_words(deed))
    for one in await movements.listed(turn.session, day):
        if one.code != deed.movement_code and movements.is_running(one, day):
            press = f"mv:a:{deed.id}:{deed.version}:{one.code}"
            label = _short(movements.name(one, locale))
            answer = answer.offering(Choice(label, press=press, literal=True))
    if deed.movement_code is not None:
        press = f"mv:a:{deed.id}:{deed.version}:{_NONE}"
        answer = answer.offering(choice("movements-none-button", press))
    return answer.offering(choice("movements-deeds-button", "mv:deeds:0"), (HOME,))


async def assign(query: CallbackQuery, turn: Turn) -> Reply:
    officer = await officer_of(turn)
    parts = _payload(query).split(":")
    if len(parts) != 3 or not parts[1].isdecimal():
        raise UserError("common-start-again").offering(LIST)
    deed_id, seen, code = parts
    deed = await checking.held(turn.session, officer, deed_id)
    movement = await movements.assign(
        turn.session, deed, "" if code == _NONE else code, f"officer:{officer.id}", turn.now,
        seen=int(seen),
    )  # fmt: skip
    more = choice("movements-deeds-button", "mv:deeds:0")
    if movement is None:
        return reply("movements-taken-out").offering(more, LIST, (HOME,))
    name = movements.name(movement, turn.contact.locale)
    return reply("movements-assigned", name=name).offering(more, LIST, (HOME,))


# Who is praised


async def show_praised(event: Event, turn: Turn) -> Reply:
    officer = await officer_of(turn)
    this_year = local_day(turn.now).year
    typed = _payload(event) if isinstance(event, CallbackQuery) else ""
    year = int(typed) if typed.isdecimal() and len(typed) == 4 else this_year
    locale = turn.contact.locale
    period = praised.year(min(max(year, 2000), this_year))
    found = await praised.figures(turn.session, officer.office_id, period, locale, turn.now)
    office = await turn.session.get_one(Office, officer.office_id)
    lines = "\n".join(_line(one, locale) for one in found.groups[:MOST_LINES])
    answer = reply(
        "praised-told", first=period.first, last=period.last, at=turn.now, n=found.shown,
        proposed=found.proposed, lines=lines or Word("praised-nobody"),
    )  # fmt: skip
    if found.groups:
        drawn = drawing(found, office.name, locale)
        answer = Reply(
            answer.key, answer.args, picture=Picture("drawing", drawn, "praised-picture-alt")
        )
    before = choice("praised-before-button", f"pr:{period.first.year - 1}")
    page = link("praised-page-button", f"{turn.links}/aiduockhen?nam={period.first.year}")
    return answer.offering(before, page, (HOME,), HELP)


def _line(row: Row, locale: str) -> str:
    key = "praised-line-none" if row.percent is None else "praised-line"
    if row.asked is not None and row.percent is not None:
        key = "praised-line-behind" if row.is_behind else "praised-line-asked"
    return i18n.say(
        locale, key, name=row.name, shown=row.shown, percent=row.percent or 0, asked=row.asked or 0
    )


def drawing(found: Figures, office: str, locale: str) -> str:
    """Bars by group, for `Picture("drawing", …)`; striped below the share that is asked for."""
    rows = [
        Bar(
            i18n.spell(locale, one.name),
            ((Mark.LATE if one.is_behind else Mark.DONE, one.shown),),
            _told(one, locale),
        )
        for one in found.groups[:MOST_BARS]
    ]
    period = {"first": found.period.first, "last": found.period.last}
    return pictures.bars(
        locale, i18n.say(locale, "praised-title"), rows, shares=False, legend=False,
        subtitle=i18n.say(locale, "praised-picture-of", office=office, n=found.shown, **period),
        note=i18n.say(locale, "praised-picture-note", at=found.made_at),
    )  # fmt: skip


def _told(row: Row, locale: str) -> str:
    if row.percent is None:
        return str(row.shown)
    key = "praised-share" if row.asked is None else "praised-share-asked"
    return i18n.say(locale, key, shown=row.shown, percent=row.percent, asked=row.asked or 0)


def _payload(query: CallbackQuery) -> str:
    """`mv:o:NTM` → "NTM", `pr:2026` → "2026"."""
    kind, _, rest = (query.data or "").partition(":")
    return rest.partition(":")[2] if kind == "mv" else rest
