"""The composition root: the one place where the parts are made and joined."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

import handlers
from bot.background import Background
from bot.channels.telegram_door import NAME as TELEGRAM
from bot.channels.telegram_door import TelegramDoor
from bot.chat_lines import Bell
from bot.config import ConfigError, Settings, read_secret
from bot.inbox import Door
from bot.installation import recognise
from bot.media import FileStore
from bot.vault import Vault
from bot.web import chat, health, server, webhooks
from handlers.consultations import drafts
from storage.db import Database
from storage.schema import is_current, migrate
from storage.seed import load_catalogue

if TYPE_CHECKING:
    from aiogram import Dispatcher, Router

    from bot.channels.base import Channel
    from bot.channels.telegram import Telegram
    from bot.conversation import Conversation
    from bot.outbox import Feeder, Guard, Outbox

log = structlog.get_logger()
FAREWELL_SECONDS = 3
Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Foundation:
    """What stands before any channel is loaded: enough to take events in and to show pages."""

    settings: Settings
    db: Database
    vault: Vault
    store: FileStore
    door: Door
    bell: Bell
    background: Background
    clock: Clock

    @property
    def services(self) -> server.Services:
        return server.Services(
            self.settings, self.db, self.vault, self.store, self.door, self.bell,
            self.background, drafts.forget_dialogue, self.clock,
        )  # fmt: skip

    async def close(self) -> None:
        await self.background.stop()
        await self.db.close()


def found(settings: Settings, clock: Clock = _now) -> Foundation:
    """Opens nothing yet but the key. Raises ConfigError."""
    vault = Vault(read_secret(settings))
    db = Database(settings.database)
    background = Background()
    return Foundation(
        settings=settings,
        db=db,
        vault=vault,
        store=FileStore(settings.home / "files"),
        door=Door(db, vault, background, clock),
        bell=Bell(),
        background=background,
        clock=clock,
    )


@dataclass
class Dialogue:
    """The part that needs aiogram: channels, turns, sending."""

    conversation: Conversation
    outbox: Outbox
    channels: Sequence[Channel]
    telegram: Telegram | None

    async def close(self) -> None:
        if self.telegram:
            await self.telegram.close()


def load_dialogue(base: Foundation) -> Dialogue:
    """Imports aiogram: seconds of work, done in a thread while the door is open already."""
    from bot.channels.telegram import Telegram, settle_memory
    from bot.channels.webchat import WebChat
    from bot.conversation import Conversation
    from bot.outbox import Outbox

    settings = base.settings
    webchat = WebChat(base.db, base.vault, base.bell)
    channels: list[Channel] = [webchat]
    bots = {webchat.name: webchat.bot}
    telegram = None
    token = settings.telegram_token.get_secret_value()
    if token:
        telegram = Telegram(token, settings.telegram_api_url)
        channels.append(telegram)
        bots[TELEGRAM] = telegram.bot
    outbox = Outbox(
        base.db, base.vault, channels, base.store, base.background, settings.telegram_rate,
        base.clock, _feeders(base.vault), guards=_guards(),
    )  # fmt: skip
    conversation = Conversation(
        base.db, base.vault, base.door, outbox, _dispatcher(handlers.CHATS), channels, bots,
        base.store, base.background, settings, base.clock,
    )  # fmt: skip
    settle_memory()
    return Dialogue(conversation, outbox, channels, telegram)


@cache
def _dispatcher(chats: tuple[str, ...]) -> Dispatcher:
    """Of the process: dialogues hold nothing of a service, each turn brings what they need."""
    from aiogram import Dispatcher

    dispatcher = Dispatcher(disable_fsm=True)
    dispatcher.include_routers(*handlers.routers(chats))
    _filter_at_once(dispatcher)
    return dispatcher


def _feeders(vault: Vault) -> Sequence[Feeder]:
    """Features whose messages are made when there is room to send them."""
    from handlers.deadlines.reminders import feed

    return (feed.feeder(vault),)


def _guards() -> Sequence[Guard]:
    """Features that are asked about what waited."""
    from handlers.deadlines.reminders import recall

    return (recall.may_go,)


def _filter_at_once(router: Router) -> None:
    """aiogram asks every plain filter (F.text, a State) in a thread, where it only compares: a
    turn passes dozens of them, and the way there and back was a third of its cost."""
    for observer in router.observers.values():
        for handler in observer.handlers:
            for one in handler.filters or ():
                if not one.awaitable:
                    one.callback, one.awaitable = _at_once(one.callback), True
    for included in router.sub_routers:
        _filter_at_once(included)


def _at_once(compare: Callable[..., object]) -> Callable[..., Awaitable[object]]:
    async def compare_here(*event: object, **known: object) -> object:
        return compare(*event, **known)

    return compare_here


def make_web(base: Foundation) -> web.Application:
    tables = [*handlers.routes(), chat.routes, health.routes]
    token = base.settings.telegram_token.get_secret_value()
    if token and base.settings.telegram_mode == "webhook":
        tables.append(webhooks.telegram_route(TelegramDoor(token, base.vault)))
    return server.make_app(base.services, tables)


async def prepare(base: Foundation) -> None:
    """Brings the schema up to date, checks the durability settings and whose database it is."""
    if not await is_current(base.db):
        await migrate(base.db)
    await base.db.refuse_if_unsafe()
    async with base.db.transaction() as session:
        await recognise(session, base.vault, base.clock())
        await load_catalogue(session)


async def run(settings: Settings, role: str, announce: Callable[[], None]) -> None:
    """Serves until SIGTERM or SIGINT; then finishes what it holds and stops."""
    base = found(settings)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with AsyncExitStack() as opened:
        opened.push_async_callback(base.close)
        await prepare(base)
        if role in ("all", "web"):
            await _serve(base, opened)
        announce()
        if role in ("all", "worker"):
            base.background.start(_work(base, role, opened, stop), "dialogue")
        await stop.wait()
        log.info("stopping")


async def _serve(base: Foundation, opened: AsyncExitStack) -> None:
    runner = web.AppRunner(make_web(base), access_log=None, shutdown_timeout=3)
    await runner.setup()
    opened.push_async_callback(runner.cleanup)
    host, port = base.settings.host, base.settings.port
    try:
        await web.TCPSite(runner, host, port, reuse_address=True).start()
    except (OSError, socket.gaierror) as error:
        where = {"host": host, "port": str(port), "error": error.strerror or ""}
        raise ConfigError(_NO_PORT.get(error.errno or 0, "starting-host"), **where) from None


_NO_PORT = {
    errno.EADDRINUSE: "starting-port-taken",
    errno.EACCES: "starting-port-low",
    errno.EPERM: "starting-port-low",
}


async def _finish_sending(dialogue: Dialogue) -> None:
    """What is on its way is recorded before we stop, or it would go twice."""
    with suppress(TimeoutError):
        async with asyncio.timeout(FAREWELL_SECONDS):
            await dialogue.outbox.settled()


_REGISTRATIONS = "handlers.deadlines.registration.service"


async def _work(base: Foundation, role: str, opened: AsyncExitStack, stop: asyncio.Event) -> None:
    try:
        dialogue = await asyncio.to_thread(load_dialogue, base)
        opened.push_async_callback(dialogue.close)
        opened.push_async_callback(_finish_sending, dialogue)
        if await base.db.join():
            await dialogue.outbox.reclaim()
            async with base.db.transaction() as session:
                await import_module(_REGISTRATIONS).note_all_movements(session, base.vault)
        base.background.start(dialogue.conversation.run(), "conversation")
        base.background.start(dialogue.outbox.run(), "outbox")
        jobs = import_module("bot.jobs")
        scheduler = jobs.make_scheduler(base)
        scheduler.start()
        base.background.start(scheduler.watch(), "clock")
        opened.callback(scheduler.stop)
        if dialogue.telegram:
            polling = import_module("bot.accounts")
            base.background.start(polling.connect(base, dialogue.telegram), "telegram")
        log.info("ready", role=role)
    except Exception:
        log.exception("cannot start the dialogue")
        stop.set()
