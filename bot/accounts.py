"""Our accounts with the platforms: introduced at the start, polled or reached by webhook."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

import structlog
from aiogram.exceptions import AiogramError
from sqlalchemy import update

from bot import i18n
from bot.channels.telegram import Telegram
from bot.channels.telegram_door import NotAnUpdate, TelegramDoor
from bot.inbox import CannotStore
from storage.models.traffic import Installation

if TYPE_CHECKING:
    from bot.app import Foundation

log = structlog.get_logger()
COMMANDS = {
    "start": "start-command-start",
    "nhacviec": "start-command-deadlines",
    "ykien": "start-command-opinions",
    "viectot": "start-command-deed",
    "tracuu": "start-command-receipt",
    "dangky": "registration-command",
    "trogiup": "start-command-help",
    "ngonngu": "start-command-language",
    "riengtu": "start-command-privacy",
    "gapcanbo": "start-command-human",
    "donvi": "units-command-units",
    "kenh": "units-command-channel",
    "huy": "start-command-cancel",
}
RETRY_SECONDS = 30
WATCH_SECONDS = 60
"""How soon a webhook that somebody removed is noticed and set again."""


async def connect(base: Foundation, telegram: Telegram) -> None:
    """Introduces the bot, then takes its updates for ever."""
    door = TelegramDoor(base.settings.telegram_token.get_secret_value(), base.vault)
    if base.settings.telegram_mode == "webhook":
        url = base.settings.public_url + door.path
        await _until_done(partial(telegram.use_webhook, url, door.secret))
        await _until_done(partial(introduce, base, telegram))
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            await _until_done(partial(telegram.use_webhook, url, door.secret))
    base.background.start(_until_done(partial(introduce, base, telegram)), "introduce")
    await _until_done(partial(poll, base, telegram, door))


async def introduce(base: Foundation, telegram: Telegram) -> None:
    """Commands and descriptions in each language; and our own name, for the pages' links."""
    name = await telegram.username()
    async with base.db.transaction() as session:
        await session.execute(update(Installation).values(telegram_name=name))
    commands = {
        locale: [(name, i18n.say(locale, key)) for name, key in COMMANDS.items()]
        for locale in i18n.LOCALES
    }
    about = {locale: i18n.say(locale, "start-about") for locale in i18n.LOCALES}
    await telegram.introduce(commands, about)


async def poll(base: Foundation, telegram: Telegram, door: TelegramDoor) -> None:
    """The offset moves only after the batch has committed: the next question confirms it."""
    async for bodies in telegram.poll():
        arrivals = []
        for body in bodies:
            try:
                arrivals.append(door.arrival(body))
            except NotAnUpdate:
                log.warning("an update could not be read")
        while True:
            try:
                await base.door.store_all(arrivals)
                break
            except CannotStore:
                await asyncio.sleep(1)


async def _until_done(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            return await work()
        except AiogramError as error:
            log.error("Telegram does not answer; trying again", error=type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)
