"""What came with an opinion, and who gave it: pictures here, the rest on private pages.

officer: [3 files]         bot: the pictures; a link for each document and voice note
officer: [Who is it?]      bot: what for?  [To ask] [To verify] …  → a link, ten minutes
"""

from __future__ import annotations

from datetime import datetime

from aiogram import Router
from aiogram.types import CallbackQuery
from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts
from bot.config import Settings
from bot.replies import Picture, Reply, choice, link, reply
from bot.vault import Vault
from handlers.consultations.review import reading_links, rights
from handlers.consultations.review import service as review
from handlers.consultations.review.officers_only import Pressed, guarded
from handlers.consultations.review.presses import Press, press
from storage.models.office import Officer, Role

IDENTITY_REASONS = (
    "review-identity-to-ask-button",
    "review-identity-to-verify-button",
    "review-identity-for-authority-button",
)


def router() -> Router:
    chat = guarded("evidence", Role.OFFICER)
    chat.callback_query.register(send_files, Pressed("files"))
    chat.callback_query.register(ask_purpose, Pressed("who"))
    chat.callback_query.register(link_identity, Pressed("whofor"))
    return chat


async def send_files(
    _: CallbackQuery,
    pressed: Press,
    officer: Officer,
    session: AsyncSession,
    vault: Vault,
    settings: Settings,
    now: datetime,
) -> Reply:
    """Clean copies of pictures here; everything else by a private link, as it came."""
    case = await review.held(session, officer, pressed.id)
    acts.note(session, now, rights.actor(officer), "read files", "opinion", pressed.id)
    pictures = [file for file in case.files if file.kind == "image"]
    shown = [
        Reply(
            "review-picture",
            {"number": number},
            picture=Picture("file", file.id, "review-picture-alt"),
        )
        for number, file in enumerate(pictures, 1)
    ]
    links = [
        link(
            "review-file-button",
            reading_links.sign(vault, settings.links, officer.id, "file", pressed.id, file.id),
            name=file.name,
        )
        for file in case.files
        if file.kind != "image"
    ]
    back = choice("review-open-again-button", press("open", pressed.id))
    if links:
        shown.append(reply("review-file-links", n=len(links)).offering(*links))
    if not shown:
        return reply("review-no-files").offering(back)
    first, *others = [*shown[:-1], shown[-1].offering(back)]
    return first.followed_by(*others)


async def ask_purpose(
    _: CallbackQuery, pressed: Press, officer: Officer, session: AsyncSession
) -> Reply:
    await review.held(session, officer, pressed.id)
    reasons = [
        choice(key, press("whofor", pressed.id, n=number))
        for number, key in enumerate(IDENTITY_REASONS, 1)
    ]
    back = choice("review-back-button", press("open", pressed.id))
    return reply("review-identity-why").offering(*reasons, back)


async def link_identity(
    _: CallbackQuery,
    pressed: Press,
    officer: Officer,
    session: AsyncSession,
    vault: Vault,
    settings: Settings,
) -> Reply:
    """Names do not travel through the chat's provider: the page that shows one logs it."""
    await review.held(session, officer, pressed.id)
    if not 1 <= pressed.n <= len(IDENTITY_REASONS):
        return reply("review-nothing-to-send")
    reason = IDENTITY_REASONS[pressed.n - 1]
    url = reading_links.sign(vault, settings.links, officer.id, "identity", pressed.id, reason)
    return reply("review-identity-link").offering(
        link("review-identity-open-button", url),
        choice("review-open-again-button", press("open", pressed.id)),
    )
