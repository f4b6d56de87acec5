"""An officer opens what the morning's digest only counts.

officer: [See the list]    bot: which reminders did not come, why, and whom to call; page by page
"""

from __future__ import annotations

from datetime import UTC, datetime

from aiogram import F, Router
from aiogram.types import CallbackQuery

from bot.replies import Choice, Reply, choice, reply
from handlers.deadlines.calendar.chat import Desk, officers_only
from handlers.deadlines.reminders import missed

PAGE = 3
"""Each takes some lines of a telephone's screen."""


def router() -> Router:
    chat = Router(name="digest")
    chat.callback_query.middleware(officers_only)
    chat.callback_query.register(show_missed, F.data.startswith("dg:missed:"))
    return chat


async def show_missed(query: CallbackQuery, desk: Desk) -> Reply:
    since, until, page = _read(query.data or "", desk.now)
    office_id = desk.officer.office_id
    n = await missed.count(desk.session, office_id, since, until)
    if not n:
        return reply("missed-none").offering(_WORK)
    page = min(page, (n - 1) // PAGE)
    found = await missed.missed(
        desk.session, office_id, since, until, first=page * PAGE, most=PAGE
    )
    lines = "\n\n".join(missed.written(found, desk.locale))
    turns = [
        choice(f"consultations-{name}-button", f"{_stem(query.data or '')}:{other}")
        for name, other in (("earlier", page - 1), ("more", page + 1))
        if 0 <= other * PAGE < n
    ]
    return reply("missed-list", n=n, lines=lines).offering(*([turns] if turns else []), _WORK)


_WORK: Choice = choice("registration_review-list-button", "dv:list")


def _stem(pressed: str) -> str:
    return pressed.rpartition(":")[0]


def _read(pressed: str, now: datetime) -> tuple[datetime, datetime, int]:
    """Nothing has been missed in what is no press of ours."""
    parts = pressed.split(":")[2:]
    if len(parts) != 3 or not all(one.isdecimal() and len(one) < 12 for one in parts):
        return now, now, 0
    since, until, page = map(int, parts)
    return datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC), page
