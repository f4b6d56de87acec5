"""What the service does: one folder, one feature. Named here, loaded when they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiogram import Router
    from aiohttp import web

CHATS = (
    "handlers.start.chat",
    "handlers.officers.chat",
    "handlers.consultations.review_chat",
    "handlers.consultations.follow_up_chat",
    "handlers.consultations.chat",
    "handlers.start.fallback",
)
"""In the order in which they are asked; the last one answers whatever nobody took."""
PAGES = (
    "handlers.consultations.web",
    "handlers.consultations.web_files",
    "handlers.consultations.web_form",
    "handlers.consultations.web_receipt",
    "handlers.consultations.review_web",
)


def routers() -> list[Router]:
    """Fresh routers of every dialogue. Imports aiogram, which takes seconds."""
    return [import_module(name).router() for name in CHATS]


def routes() -> list[web.RouteTableDef]:
    return [import_module(name).routes for name in PAGES]
