"""An officer looks at the calendar in chat, sees what arming would do, and arms.

officer: /lichviec            bot: the year's dates, soonest first
officer: [31/03 · Đăng ký …]  bot: what, for whom, until when, on what it rests  [Preview] [Arm]
officer: [Preview]            bot: how many, when, which channels, the words, who is out of reach
officer: [Arm]                bot: really?  [Arm] [No]; asks once more for a repetition
officer: [Move]               goes on in `moving_chat`
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from aiogram import F, Router
from aiogram.filters import Command, CommandObject
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery, Message
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import OutsideCoverage, closing_day
from bot.contacts import Contact
from bot.replies import Choice, Reply, UserError, choice, reply
from bot.vault import Vault
from handlers.deadlines.calendar import arming, describing, service
from handlers.deadlines.calendar import preview as previews
from handlers.deadlines.calendar.telling import short
from handlers.deadlines.reminders import answers
from handlers.deadlines.reminders.chat import of_office
from storage.models.deadlines import Deadline, DeadlineState
from storage.models.office import Officer, Role

log = structlog.get_logger()
Event = Message | CallbackQuery
PAGE = 8
MOST_MOVES = 3
MOST_STEPS = 5
"""Lines of a preview in one message."""
MOST_NAMES = 10
LONGEST_LABEL = 42
MOVING = "moving"
"""What the dialogue of a move remembers."""


class Moving(StatesGroup):
    """The officer is typing the new date, or why."""

    due = State()
    reason = State()


@dataclass(frozen=True)
class Desk:
    """What every handler here needs; only officers get one."""

    session: AsyncSession
    state: FSMContext
    vault: Vault
    officer: Officer
    locale: str
    now: datetime

    @property
    def actor(self) -> str:
        return f"officer:{self.officer.id}"


def router() -> Router:
    chat = Router(name="calendar")
    for observer in (chat.message, chat.callback_query):
        observer.middleware(officers_only)
        observer.middleware(_not_moving)
    chat.message.register(show_year, Command("lichviec", "calendar"))
    chat.callback_query.register(turn_page, F.data.startswith("dl:list:"))
    chat.callback_query.register(open_one, F.data.startswith("dl:open:"))
    chat.callback_query.register(show_preview, F.data.startswith("dl:preview:"))
    chat.callback_query.register(ask_to_arm, F.data.startswith("dl:arm:"))
    chat.callback_query.register(arm, F.data.startswith("dl:yes:"))
    chat.callback_query.register(arm_again, F.data.startswith("dl:again:"))
    return chat


async def officers_only(
    handler: Callable[[Any, dict[str, Any]], Awaitable[Any]], event: Any, data: dict[str, Any]
) -> Any:
    """The row is asked again at each press."""
    contact: Contact = data["contact"]
    session: AsyncSession = data["session"]
    working = await session.scalars(
        select(Officer).where(
            Officer.contact_id == contact.id,
            Officer.revoked_at.is_(None),
            Officer.role == Role.OFFICER,
        )
    )
    officer = working.first()
    if officer is None:
        log.warning("refused: not an officer", contact=contact.id, verb="calendar")
        await stop_moving(data["state"])
        return reply("calendar-officers-only")
    data["desk"] = Desk(
        session, data["state"], data["vault"], officer, contact.locale, data["now"]
    )
    try:
        return await handler(event, data)
    except OutsideCoverage as error:
        refusal = UserError(
            "calendar-outside", day=error.day, first=error.covered_from, last=error.covered_until
        )
    except UserError as error:
        refusal = error
    year = service.current_year(data["now"])
    raise refusal.or_offering(choice("calendar-back-button", f"dl:list:{year}:0")) from None


async def _not_moving(
    handler: Callable[[Any, dict[str, Any]], Awaitable[Any]], event: Any, data: dict[str, Any]
) -> Any:
    """Whoever looks at something else has left the move."""
    await stop_moving(data["state"])
    return await handler(event, data)


async def stop_moving(state: FSMContext) -> None:
    if (await state.get_state() or "").startswith(f"{Moving.__name__}:"):
        await state.set_state(None)
    kept = await state.get_data()
    if kept.pop(MOVING, None) is not None:
        await state.set_data(kept)


# The year


async def show_year(_: Message, command: CommandObject, desk: Desk) -> Reply:
    typed = (command.args or "").strip()
    is_year = typed.isascii() and typed.isdecimal() and len(typed) == 4
    year = int(typed) if is_year else service.current_year(desk.now)
    return await _year(desk, year, None)


async def turn_page(query: CallbackQuery, desk: Desk) -> Reply:
    year, _, page = _payload(query).partition(":")
    if not (year.isdecimal() and page.isdecimal()):
        return await _year(desk, service.current_year(desk.now), None)
    return await _year(desk, int(year), int(page))


async def _year(desk: Desk, year: int, page: int | None) -> Reply:
    """Without a page, the one that what comes next stands on."""
    every = [
        one
        for one in await service.listed(desk.session, desk.officer.office_id, year)
        if one.state != DeadlineState.CANCELLED
    ]
    if not every:
        return reply("calendar-empty", year=str(year)).offering(_years(year))
    if page is None:
        ahead = [place for place, one in enumerate(every) if one.due_at > desk.now]
        page = ahead[0] // PAGE if ahead else (len(every) - 1) // PAGE
    shown = every[page * PAGE : (page + 1) * PAGE]
    armed = sum(one.state == DeadlineState.ARMED for one in every)
    answer = reply(
        "calendar-year", year=str(year), n=len(every), armed=armed, drafts=len(every) - armed
    )
    answer = answer.offering(*(_label(one) for one in shown))
    turns = []
    if page:
        turns.append(choice("calendar-earlier-button", f"dl:list:{year}:{page - 1}"))
    if (page + 1) * PAGE < len(every):
        turns.append(choice("calendar-later-button", f"dl:list:{year}:{page + 1}"))
    return answer.offering(*([turns] if turns else []), _years(year))


def _label(one: Deadline) -> Choice:
    mark = "▶" if one.state == DeadlineState.ARMED else "○"
    words = f"{mark} {closing_day(one.due_at):%d/%m} · {short(one.title, LONGEST_LABEL)}"
    return Choice(words, press=f"dl:open:{one.id}", literal=True)


def _years(year: int) -> Sequence[Choice]:
    return tuple(
        choice("calendar-other-year-button", f"dl:list:{other}:0", year=str(other))
        for other in (year - 1, year + 1)
    )


# One date


async def open_one(query: CallbackQuery, desk: Desk) -> Reply:
    deadline = await reach(desk, _payload(query))
    stand = (await service.standing(desk.session, [deadline]))[deadline.id]
    parts = [describing.card(deadline, stand, desk.locale)]
    if (basis := describing.basis(deadline)) is not None:
        parts.append(basis)
    moved = await service.moves(desk.session, deadline)
    parts += [describing.move(one) for one in moved[-MOST_MOVES:]]
    own = await answers.of_office(desk.session, desk.officer.contact_id, deadline.id)
    answering = of_office(own) if own else ()
    return _joined(parts, *answering, *ways_on(deadline))


async def reach(desk: Desk, deadline_id: str) -> Deadline:
    """Of the officer's own office. Raises UserError for every other."""
    found = await desk.session.get(
        Deadline, deadline_id, with_for_update=True, populate_existing=True
    )
    if found is None or found.office_id != desk.officer.office_id:
        raise UserError("calendar-gone")
    return found


def ways_on(deadline: Deadline) -> list[Choice]:
    rows = []
    if deadline.state != DeadlineState.CANCELLED:
        rows.append(choice("calendar-preview-button", f"dl:preview:{deadline.id}"))
    if deadline.state == DeadlineState.DRAFT:
        rows.append(choice("calendar-arm-button", f"dl:arm:{deadline.id}"))
    if deadline.state != DeadlineState.CANCELLED and not service.follows_consultation(deadline):
        rows.append(choice("calendar-move-button", f"dm:ask:{deadline.id}"))
    return [*rows, choice("calendar-back-button", f"dl:list:{deadline.year}:0")]


def _joined(parts: Sequence[Reply], *rows: Choice | tuple[Choice, ...]) -> Reply:
    """In order, with the buttons below the last."""
    *earlier, last = parts
    last = last.offering(*rows)
    if not earlier:
        return last
    first, *rest = earlier
    return first.followed_by(*rest, last)


# Preview, and arming


async def show_preview(query: CallbackQuery, desk: Desk) -> Reply:
    deadline = await reach(desk, _payload(query))
    found = await previews.preview(desk.session, deadline, desk.now, desk.locale)
    parts = [describing.summary(found, desk.locale)]
    lines = list(describing.steps(found, desk.locale))
    for start in range(0, len(lines), MOST_STEPS):
        parts.append(reply("calendar-steps", lines="\n".join(lines[start : start + MOST_STEPS])))
    if found.recipients:
        parts.append(_people("calendar-recipients", found.recipients, desk.locale))
    if found.unreachable:
        parts.append(_out_of_reach(found))
    if found.text is not None:
        parts += [reply("calendar-text"), Reply(found.text.key, found.text.args)]
    return _joined(parts, *ways_on(deadline))


def _people(key: str, told: Sequence[previews.Recipient], locale: str) -> Reply:
    shown = told[: MOST_NAMES - 3]
    named = "\n".join(short(describing.recipient(one, locale), 70) for one in shown)
    return reply(key, n=len(told), names=named)


def _out_of_reach(found: previews.Preview) -> Reply:
    names = "; ".join(short(one.name, 45) for one in found.unreachable[:MOST_NAMES])
    return reply("calendar-unreachable", n=len(found.unreachable), names=names)


async def ask_to_arm(query: CallbackQuery, desk: Desk) -> Reply:
    deadline = await reach(desk, _payload(query))
    found = await previews.preview(desk.session, deadline, desk.now, desk.locale)
    return reply(
        "calendar-arm-sure", title=short(deadline.title), units=len(found.units),
        unreached=len(found.unreachable), steps=len(found.sendings),
    ).offering(
        choice("calendar-arm-yes-button", f"dl:yes:{deadline.id}"),
        choice("calendar-preview-button", f"dl:preview:{deadline.id}"),
        choice("calendar-no-button", f"dl:open:{deadline.id}"),
    )  # fmt: skip


async def arm(query: CallbackQuery, desk: Desk) -> Reply:
    deadline = await reach(desk, _payload(query))
    if repeated := await arming.repeats(desk.session, [deadline], desk.now):
        _, earlier = repeated[0]
        return reply(
            "calendar-arm-again-sure", title=short(deadline.title), earlier=earlier.code
        ).offering(
            choice("calendar-arm-again-button", f"dl:again:{deadline.id}"),
            choice("calendar-no-button", f"dl:open:{deadline.id}"),
        )
    return await _arm(desk, deadline, again=False)


async def arm_again(query: CallbackQuery, desk: Desk) -> Reply:
    return await _arm(desk, await reach(desk, _payload(query)), again=True)


async def _arm(desk: Desk, deadline: Deadline, *, again: bool) -> Reply:
    (done,) = await arming.arm(desk.session, [deadline], desk.actor, desk.now, again=again)
    return Reply(
        "calendar-armed", {"title": short(deadline.title), "units": done.units}, replaces=True
    ).offering(*ways_on(deadline))


def _payload(query: CallbackQuery) -> str:
    return (query.data or "").split(":", 2)[2]
