"""All that is done about good deeds in chat, but for receipts, which are asked for later."""

from __future__ import annotations

from aiogram import Router

from bot.hearing import Hears
from handlers.deeds import chat as telling
from handlers.deeds import check_chat, review_chat
from handlers.deeds.check_chat import Checking
from handlers.deeds.review_chat import Reviewing
from handlers.deeds.steps import Telling


def router() -> Router:
    deeds = Router(name="deeds")
    deeds.message.filter(Hears(Reviewing, Checking, Telling))
    deeds.include_routers(review_chat.router(), check_chat.router(), telling.router())
    return deeds
