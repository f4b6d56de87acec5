"""An officer moves a date, in chat: what is typed is read back, and only the last press counts.

officer: [Move]               bot: until when?
officer: "17h ngày 15/3"      bot: reads it back with its weekday; why?
officer: "Cấp trên lùi hạn"   bot: old, new, why, which reminders change  [Move] [Other date] [No]
officer: [Move]               bot: moved; how many people are told
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from aiogram import F, Router
from aiogram.filters import Command, StateFilter
from aiogram.types import CallbackQuery, Message

from bot.clock import VIETNAM, load_calendar, local_day
from bot.dates import understand
from bot.day_words import example
from bot.replies import Choice, Reply, Until, UserError, choice, reply
from handlers.deadlines.calendar import preview as previews
from handlers.deadlines.calendar import service
from handlers.deadlines.calendar.chat import (
    MOVING,
    Desk,
    Moving,
    officers_only,
    reach,
    stop_moving,
    ways_on,
)
from handlers.deadlines.calendar.telling import short
from storage.models.deadlines import Deadline, DeadlineState

_MOMENT = "%Y%m%d%H%M"
"""As a press carries it; in Vietnam."""


@dataclass(frozen=True)
class Asked:
    """A move as far as it has been typed. Instants are written as ISO."""

    id: str
    old: str
    """The date it had then: another one since, and the officer must look again."""
    new: str = ""
    reason: str = ""

    @property
    def due_at(self) -> datetime:
        return datetime.fromisoformat(self.new)

    @property
    def seen(self) -> str:
        """What the officer read before the last press."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:16]


def router() -> Router:
    chat = Router(name="moving")
    for observer in (chat.message, chat.callback_query):
        observer.middleware(officers_only)
    chat.callback_query.register(ask_due, F.data.startswith("dm:ask:"))
    chat.callback_query.register(take_pressed_due, F.data.startswith("dm:due:"))
    chat.callback_query.register(move, F.data.startswith("dm:yes:"))
    plain = ~F.text.startswith("/")
    chat.message.register(leave, Command("huy", "cancel"), StateFilter(Moving))
    chat.message.register(_typed(take_due), Moving.due, F.text, plain)
    chat.message.register(_typed(take_reason), Moving.reason, F.text, plain)
    chat.message.register(only_words, StateFilter(Moving), ~F.text)
    return chat


async def ask_due(query: CallbackQuery, desk: Desk) -> Reply:
    (deadline_id, *_) = _parts(query)
    deadline = await reach(desk, deadline_id)
    service.require_movable(deadline)
    await desk.state.set_state(Moving.due)
    await _keep(desk, Asked(deadline.id, deadline.due_at.isoformat()))
    return reply(
        "calendar-move-ask", title=short(deadline.title), due=Until(deadline.due_at),
        example=example(local_day(desk.now)),
    ).offering(_leave(deadline))  # fmt: skip


async def take_due(desk: Desk, asked: Asked, deadline: Deadline, words: str) -> Reply:
    try:
        typed = understand(words, desk.now)
        if typed.other:
            return _which(deadline, (typed.end, typed.other.end))
        return await _ask_reason(desk, asked, deadline, typed.end)
    except UserError as error:
        raise error.offering(_leave(deadline)) from None


def _which(deadline: Deadline, meant: Sequence[datetime]) -> Reply:
    """The words may mean either; a press says which."""
    return reply("calendar-move-which").offering(
        *(
            choice(
                "calendar-move-due-button",
                f"dm:due:{deadline.id}:{one.astimezone(VIETNAM):{_MOMENT}}", due=Until(one),
            )
            for one in meant
        ),
        _leave(deadline),
    )  # fmt: skip


async def take_pressed_due(query: CallbackQuery, desk: Desk) -> Reply:
    deadline_id, moment, *_ = (*_parts(query), "")
    asked, deadline = await _held(desk, deadline_id)
    try:
        due_at = datetime.strptime(moment, _MOMENT).replace(tzinfo=VIETNAM)
    except ValueError:
        raise _old_button(deadline) from None
    return await _ask_reason(desk, asked, deadline, due_at)


async def _ask_reason(desk: Desk, asked: Asked, deadline: Deadline, due_at: datetime) -> Reply:
    await service.check_move(desk.session, deadline, due_at, desk.now)
    await desk.state.set_state(Moving.reason)
    await _keep(desk, replace(asked, new=due_at.isoformat(), reason=""))
    return reply(
        "calendar-move-why", title=short(deadline.title), old=Until(deadline.due_at),
        new=Until(due_at),
    ).offering(_other_date(deadline), _leave(deadline))  # fmt: skip


async def take_reason(desk: Desk, asked: Asked, deadline: Deadline, words: str) -> Reply:
    """Typed once more, it takes the place of the first."""
    try:
        asked = replace(asked, reason=service.checked_reason(words))
    except UserError as error:
        raise error.offering(_leave(deadline)) from None
    await _keep(desk, asked)
    told = await _what_changes(desk, deadline, asked)
    calendar = await load_calendar(desk.session)
    buttons = (
        choice("calendar-move-yes-button", f"dm:yes:{deadline.id}:{asked.seen}"),
        _other_date(deadline),
        _leave(deadline),
    )
    if service.is_day_off(calendar, asked.due_at):
        return told.followed_by(reply("calendar-day-off").offering(*buttons))
    return told.offering(*buttons)


async def _what_changes(desk: Desk, deadline: Deadline, asked: Asked) -> Reply:
    dropped = await service.waiting(desk.session, deadline)
    dropped += await _foreseen(desk, deadline, deadline.due_at)
    is_armed = deadline.state == DeadlineState.ARMED
    return reply(
        "calendar-move-sure" if is_armed else "calendar-move-sure-draft",
        title=short(deadline.title), old=Until(deadline.due_at), new=Until(asked.due_at),
        reason=short(asked.reason), dropped=dropped,
        planned=await _foreseen(desk, deadline, asked.due_at),
    )  # fmt: skip


async def _foreseen(desk: Desk, deadline: Deadline, due_at: datetime) -> int:
    """Messages still to come, were it due then."""
    found = await previews.preview(desk.session, deadline, desk.now, desk.locale, due_at)
    return sum(found.channels.values())


async def move(query: CallbackQuery, desk: Desk) -> Reply:
    deadline_id, seen, *_ = (*_parts(query), "")
    asked, deadline = await _held(desk, deadline_id)
    if not asked.reason or asked.seen != seen:
        raise _old_button(deadline)
    told = await service.move(
        desk.session, desk.vault, deadline, asked.due_at, asked.reason, desk.actor, desk.now
    )
    await stop_moving(desk.state)
    is_armed = deadline.state == DeadlineState.ARMED
    return Reply(
        "calendar-moved" if is_armed else "calendar-moved-draft",
        {"title": short(deadline.title), "new": Until(deadline.due_at), "told": told},
        replaces=True,
    ).offering(*ways_on(deadline))


async def leave(_: Message, desk: Desk) -> Reply:
    await stop_moving(desk.state)
    return reply("calendar-move-left")


async def only_words(_: Message) -> Reply:
    return reply("calendar-move-only-words")


# What the dialogue remembers

Step = Callable[[Desk, Asked, Deadline, str], Awaitable[Reply]]


def _typed(step: Step) -> Callable[[Message, Desk], Awaitable[Reply]]:
    """Words typed for a move. Was the date changed meanwhile, the dialogue ends and says so."""

    async def take(message: Message, desk: Desk) -> Reply:
        try:
            asked, deadline = await _held(desk)
        except UserError as error:
            await stop_moving(desk.state)
            return error.reply
        return await step(desk, asked, deadline, message.text or "")

    return take


async def _keep(desk: Desk, asked: Asked) -> None:
    await desk.state.update_data({MOVING: asdict(asked)})


async def _held(desk: Desk, deadline_id: str = "") -> tuple[Asked, Deadline]:
    """The move under way, of this deadline when one was pressed. Raises UserError."""
    kept = (await desk.state.get_data()).get(MOVING)
    deadline = await reach(desk, deadline_id or (kept or {}).get("id", ""))
    asked = Asked(**kept) if kept else None
    is_stale = asked is None or asked.id != deadline.id
    if asked is None or is_stale or datetime.fromisoformat(asked.old) != deadline.due_at:
        raise _old_button(deadline)
    return asked, deadline


def _old_button(deadline: Deadline) -> UserError:
    return UserError("calendar-move-old-button", due=Until(deadline.due_at)).offering(
        choice("calendar-open-button", f"dl:open:{deadline.id}")
    )


def _other_date(deadline: Deadline) -> Choice:
    return choice("calendar-move-other-button", f"dm:ask:{deadline.id}")


def _leave(deadline: Deadline) -> Choice:
    return choice("calendar-no-button", f"dl:open:{deadline.id}")


def _parts(query: CallbackQuery) -> tuple[str, ...]:
    """What stands after the verb."""
    return tuple((query.data or "").split(":")[2:])
