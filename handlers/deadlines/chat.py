"""All that units' people and their officers do about deadlines in chat."""

from __future__ import annotations

from aiogram import Router

from bot.hearing import Hears
from handlers.deadlines.calendar import chat as calendar
from handlers.deadlines.calendar import moving_chat
from handlers.deadlines.calendar.chat import Moving
from handlers.deadlines.desk import cluster_chat, digest_chat
from handlers.deadlines.registration import chat as registration
from handlers.deadlines.registration.review import chat as registration_review
from handlers.deadlines.registration.review.chat import Deciding
from handlers.deadlines.registration.steps import Filing
from handlers.deadlines.reminders import chat as reminders
from handlers.deadlines.reminders import mine_chat
from handlers.deadlines.reminders.chat import Answering
from handlers.deadlines.reminders.mine_chat import Quieting
from handlers.deadlines.units import chat as units
from handlers.deadlines.units import codes
from handlers.deadlines.units.chat import Typing


def router() -> Router:
    deadlines = Router(name="deadlines")
    deadlines.message.filter(
        Hears(Answering, Quieting, Typing, Deciding, Filing, Moving, words=_is_invitation)
    )
    deadlines.include_routers(
        calendar.router(), moving_chat.router(), reminders.router(), mine_chat.router(),
        units.router(), cluster_chat.router(), digest_chat.router(),
        registration_review.router(), registration.router(),
    )  # fmt: skip
    return deadlines


def _is_invitation(text: str) -> bool:
    return bool(codes.tidy_code(text)) or codes.looks_like_code(text)
