"""All that is done about good deeds in chat, but for receipts, which are asked for later."""

from __future__ import annotations

from aiogram import Router

from bot.hearing import Hears
from handlers.deeds import chat as telling
from handlers.deeds import (
    check_chat,
    consent_chat,
    entry_chat,
    exemplar_chat,
    nurture_chat,
    publication_chat,
    review_chat,
    series_chat,
    sorting_chat,
    summary_chat,
)
from handlers.deeds.check_chat import Checking
from handlers.deeds.consent_chat import Consenting
from handlers.deeds.figures import chat as figures
from handlers.deeds.nurture_chat import Nurturing
from handlers.deeds.publication_chat import Publishing
from handlers.deeds.review_chat import Reviewing
from handlers.deeds.series_chat import Listing
from handlers.deeds.steps import Telling
from handlers.deeds.summary_chat import Summing


def router() -> Router:
    deeds = Router(name="deeds")
    deeds.message.filter(
        Hears(
            Reviewing,
            Consenting,
            Checking,
            Nurturing,
            Summing,
            Publishing,
            Listing,
            Telling,
        )
    )
    deeds.include_routers(
        review_chat.router(), sorting_chat.router(), consent_chat.router(),
        check_chat.router(), nurture_chat.router(), summary_chat.router(),
        publication_chat.router(), exemplar_chat.router(), entry_chat.router(),
        series_chat.router(), figures.router(), telling.router(),
    )  # fmt: skip
    return deeds
