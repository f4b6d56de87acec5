"""What the service does: one folder, one feature. Named here, loaded when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiogram import Router
    from aiohttp import web

CHATS = (
    "handlers.deadlines.reminders.optout_chat",
    "handlers.start.chat",
    "handlers.officers.chat",
    "handlers.deadlines.chat",
    "handlers.deeds.chats",
    "handlers.consultations.review.chat",
    "handlers.consultations.follow_up_chat",
    "handlers.deadlines.registration.receipt_chat",
    "handlers.deeds.receipt_chat",
    "handlers.consultations.chat",
    "handlers.start.fallback",
)
"""In the order in which they are asked; the last one answers whatever nobody took."""
PAGES = (
    "handlers.consultations.pages.consultations",
    "handlers.consultations.pages.files",
    "handlers.consultations.pages.form",
    "handlers.consultations.pages.receipt",
    "handlers.consultations.pages.matter",
    "handlers.consultations.review.web",
    "handlers.deadlines.reminders.feed_page",
    "handlers.deadlines.registration.pages.form",
    "handlers.deadlines.registration.pages.receipt",
    "handlers.deadlines.registration.review.web",
    "handlers.deeds.pages.tell",
    "handlers.deeds.pages.gallery",
    "handlers.deeds.pages.exemplar",
    "handlers.deeds.pages.covering",
    "handlers.deeds.pages.rooms",
    "handlers.deeds.figures.pages",
)


def routers(chats: Sequence[str] = CHATS) -> list[Router]:
    """Fresh routers of every dialogue. Imports aiogram, which takes seconds."""
    return [import_module(name).router() for name in chats]


def routes() -> list[web.RouteTableDef]:
    return [import_module(name).routes for name in PAGES]
