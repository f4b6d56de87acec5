"""`check`: what an installation needs, each found well or said how to mend."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import coverage_warning, load_calendar, local_day, unverified_ahead
from bot.config import ConfigError, Settings, read_secret
from bot.console import worded
from bot.installation import recognise
from bot.replies import Arg
from bot.vault import Vault
from storage import schema
from storage.db import Database, UnsafeStorage
from storage.models.office import Office
from storage.models.traffic import OutboxMessage, OutboxState

if TYPE_CHECKING:
    from aiohttp import ClientSession

LEAST_FREE_BYTES = 500 * 1024 * 1024


@dataclass(frozen=True)
class Finding:
    """A sentence; when not `ok` it ends with what to do."""

    ok: bool
    key: str
    args: Mapping[str, Arg] = field(default_factory=dict)


Check = Callable[[Settings, Database], Awaitable[Finding]]


class _TryOnly(Exception):
    """Undoes what was written to see whether it can be."""


async def findings(settings: Settings) -> AsyncIterator[Finding]:
    """In order; one check that fails does not stop the others."""
    yield Finding(True, "command-check-settings")
    yield _folder(settings)
    yield _key(settings)
    db = Database(settings.database)
    try:
        for check in CHECKS:
            try:
                yield await check(settings, db)
            except (SQLAlchemyError, OSError) as error:
                cause = str(getattr(error, "orig", None) or error)
                yield Finding(False, "command-check-database-fails", {"error": cause})
                return
    finally:
        await db.close()


def _folder(settings: Settings) -> Finding:
    home = str(settings.home)
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        trial = settings.home / ".check"
        trial.write_bytes(b"neuguong")
        trial.unlink()
        free = shutil.disk_usage(settings.home).free
    except OSError as error:
        said: dict[str, Arg] = {"home": home, "error": error.strerror or ""}
        return Finding(False, "command-check-home-fails", said)
    args: dict[str, Arg] = {"home": home, "megabytes": free // 1024**2}
    if free < LEAST_FREE_BYTES:
        return Finding(False, "command-check-disk-full", args)
    return Finding(True, "command-check-home", args)


def _key(settings: Settings) -> Finding:
    if settings.secret_key.get_secret_value():
        return Finding(True, "command-check-key-setting")
    file = settings.home / "secret.key"
    with suppress(ConfigError):
        read_secret(settings)
        seen_by_others = os.name == "posix" and file.stat().st_mode & 0o077
        key = "command-check-key-open" if seen_by_others else "command-check-key-file"
        return Finding(not seen_by_others, key, {"file": str(file)})
    return Finding(False, "command-check-key-missing", {"file": str(file)})


async def _schema(settings: Settings, db: Database) -> Finding:
    found = await schema.version(db)
    if found == schema.HEAD:
        return Finding(True, "command-check-schema", {"schema": found})
    if found is None or found in schema.REVISIONS:
        return Finding(False, "command-check-schema-behind", {"schema": found or "-"})
    return Finding(False, "command-check-schema-newer", {"schema": found})


async def _durable(settings: Settings, db: Database) -> Finding:
    try:
        await db.refuse_if_unsafe()
    except UnsafeStorage as error:
        return Finding(
            False, "command-check-durable-fails", {"error": worded(error, settings.default_locale)}
        )
    return Finding(True, "command-check-durable")


async def _writes(settings: Settings, db: Database) -> Finding:
    """Writes, looks whose database it is, and undoes it."""
    if not await schema.is_current(db):
        return Finding(False, "command-check-write-later")
    try:
        async with db.transaction() as session:
            await recognise(session, Vault(read_secret(settings)), datetime.now(UTC))
            session.add(Office(code="check", name="check"))
            await session.flush()
            raise _TryOnly
    except _TryOnly:
        return Finding(True, "command-check-write")
    except ConfigError as error:
        why = worded(error, settings.default_locale)
        return Finding(False, "command-check-other-key", {"error": why})


async def _clock(settings: Settings, db: Database) -> Finding:
    if not await schema.is_current(db):
        return Finding(False, "command-check-write-later")
    async with db.reading() as session:
        calendar = await load_calendar(session)
    today = local_day(datetime.now(UTC))
    until: dict[str, Arg] = {"until": calendar.covered_until}
    if coverage_warning(calendar, today) is not None:
        return Finding(False, "command-check-clock-short", until)
    unverified = len(unverified_ahead(calendar, today))
    if unverified:
        return Finding(True, "command-check-clock-unverified", {**until, "n": unverified})
    return Finding(True, "command-check-clock", until)


async def _office(settings: Settings, db: Database) -> Finding:
    if not await schema.is_current(db):
        return Finding(False, "command-check-write-later")
    async with db.reading() as session:
        office = await session.scalar(select(Office.name).limit(1))
        waiting = await _set_aside(session)
    if office is None:
        return Finding(False, "command-check-no-office")
    if waiting:
        return Finding(False, "command-check-set-aside", {"n": waiting})
    return Finding(True, "command-check-office", {"office": office})


async def _set_aside(session: AsyncSession) -> int:
    count = await session.scalar(
        select(func.count())
        .select_from(OutboxMessage)
        .where(OutboxMessage.state == OutboxState.SET_ASIDE)
    )
    return count or 0


async def _telegram(settings: Settings, db: Database) -> Finding:
    """Asks Telegram who we are, and in webhook mode what it says of the last deliveries."""
    token = settings.telegram_token.get_secret_value()
    if not token:
        return Finding(True, "command-check-no-telegram")
    from aiohttp import ClientError, ClientSession, ClientTimeout

    try:
        async with ClientSession(timeout=ClientTimeout(total=10)) as http:
            me = await _ask_telegram(http, settings, "getMe")
            hook = await _ask_telegram(http, settings, "getWebhookInfo")
    except (ClientError, TimeoutError, ValueError):
        return Finding(False, "command-check-telegram-silent", {"url": settings.telegram_api_url})
    if not me.get("ok"):
        return Finding(False, "command-check-telegram-token")
    name = str(me["result"].get("username", ""))
    trouble = hook.get("result", {}).get("last_error_message")
    if settings.telegram_mode == "webhook" and trouble:
        args: dict[str, Arg] = {
            "error": str(trouble),
            "n": int(hook["result"].get("pending_update_count", 0)),
        }
        return Finding(False, "command-check-telegram-webhook", args)
    return Finding(True, "command-check-telegram", {"name": name, "mode": settings.telegram_mode})


async def _ask_telegram(http: ClientSession, settings: Settings, method: str) -> dict[str, Any]:
    """The one call to the Bot API beside the channel: checking shall not cost an aiogram."""
    token = settings.telegram_token.get_secret_value()
    async with http.get(f"{settings.telegram_api_url}/bot{token}/{method}") as response:
        answer: dict[str, Any] = await response.json(content_type=None)
    return answer


CHECKS: tuple[Check, ...] = (_durable, _schema, _writes, _clock, _office, _telegram)
