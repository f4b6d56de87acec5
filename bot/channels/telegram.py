"""Telegram: every Bot API method we use, and what its errors mean. Only here."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import cache
from typing import Any

import aiohttp
import structlog
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest
from aiogram.types import BotCommand, Update

from bot.channels.base import (
    Button,
    Caps,
    Doubtful,
    Gone,
    MediaRefused,
    Message,
    Moved,
    Outcome,
    PictureFile,
    Rejected,
    Retry,
    Sent,
    Trace,
    Unreachable,
)
from bot.channels.telegram_door import ALLOWED_UPDATES, NAME, chat_of, subject
from bot.media import MAX_FILE_BYTES, FileStore, Refused, Stored, take_in
from bot.text import utf16_length

log = structlog.get_logger()
SEND_SECONDS = 15
POLL_SECONDS = 30
_FILES = ("document", "voice", "audio", "video", "video_note")
_NO_PREVIEW = {"is_disabled": True}
_SEND = aiohttp.ClientTimeout(total=SEND_SECONDS)
_BEACON = "…"
_IN_GROUP = "@group"
_NOT_THERE = ("message to edit not found", "message can't be edited", "message_id_invalid")


class _No(Exception):
    """Telegram's own answer that a call was not done."""

    def __init__(self, answer: dict[str, Any], status: int) -> None:
        self.code = int(answer.get("error_code") or status)
        self.reason = str(answer.get("description") or "")
        parameters = answer.get("parameters") or {}
        self.retry_after: float | None = parameters.get("retry_after")
        self.moved_to: int | None = parameters.get("migrate_to_chat_id")


class _Session(AiohttpSession):
    async def close(self) -> None:
        """Without the quarter of a second aiogram waits for TLS to end: aiohttp sees to that."""
        if self._session is not None:
            await self._session.close()


class Telegram:
    name = NAME
    caps = Caps(
        edit=True, max_text=4096, max_caption=1024, max_buttons=100, links=True,
        length=utf16_length,
    )  # fmt: skip

    def __init__(self, token: str, api_url: str) -> None:
        server = TelegramAPIServer.from_base(api_url)
        session = _Session(api=server, timeout=SEND_SECONDS, limit=100)
        self._session = session
        self.bot = Bot(token, session)
        self.account = str(self.bot.id)

    # What came in.

    def address(self, event: dict[str, Any]) -> str:
        return chat_of(event)

    def language(self, event: dict[str, Any]) -> str | None:
        code = str((subject(event).get("from") or {}).get("language_code") or "")
        return None if not code else "vi" if code.startswith("vi") else "en"

    def update(self, event: dict[str, Any], contact_id: int) -> Update:
        return Update.model_validate(event, context={"bot": self.bot})

    def pressed_message(self, event: dict[str, Any]) -> str | None:
        message = (event.get("callback_query") or {}).get("message") or {}
        return str(message["message_id"]) if message.get("date") else None

    async def fetch(self, event: dict[str, Any], store: FileStore) -> list[Stored | MediaRefused]:
        return [
            await self._fetch(file, name, store)
            for file, name in _files(event.get("message") or {})
        ]

    async def _fetch(
        self, file: dict[str, Any], name: str, store: FileStore
    ) -> Stored | MediaRefused:
        if int(file.get("file_size") or 0) > MAX_FILE_BYTES:
            return MediaRefused("media-too-big", {"limit_mb": MAX_FILE_BYTES >> 20})
        try:
            content = await self._download(str(file["file_id"]))
            return await take_in(content, name, store)
        except Refused as refused:
            return MediaRefused(refused.key, refused.details)
        except TelegramBadRequest:
            return MediaRefused("media-too-big", {"limit_mb": MAX_FILE_BYTES >> 20})
        except (TelegramAPIError, TimeoutError, aiohttp.ClientError) as error:
            raise OSError("the file did not come") from error

    async def _download(self, file_id: str) -> bytes:
        file = await self.bot.get_file(file_id)
        if file.file_path is None:
            raise OSError("Telegram gave no path")
        buffer = await self.bot.download_file(file.file_path, timeout=60)
        return buffer.read() if buffer else b""

    async def acknowledge(self, event: dict[str, Any]) -> None:
        query = event.get("callback_query") or {}
        if not query.get("id"):
            return
        try:
            await self._call("answerCallbackQuery", {"callback_query_id": str(query["id"])})
        except (_No, aiohttp.ClientError, TimeoutError, ValueError):
            log.debug("a press could not be acknowledged")

    # What goes out. These calls are made at every turn and so made plainly: building and checking
    # each as an object of aiogram's cost more than the rest of the turn.

    async def send(self, address: str, contact_id: int, message: Message) -> Outcome:
        """Names what happened; whether to try again is the outbox's business."""
        chat = address if address.startswith("@") else int(address)
        try:
            sent = await self._send(chat, message)
        except _No as no:
            if message.edits and "message is not modified" in no.reason:
                return Sent(message.edits)
            if message.edits and isinstance(refused := _outcome(no), Rejected):
                log.info("not editable, sent anew", reason=refused.reason)
                return await self.send(address, contact_id, replace(message, edits=None))
            return _outcome(no)
        except aiohttp.ClientConnectorError:
            return Retry(2, "no connection")
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return Doubtful(type(error).__name__)
        if not isinstance(sent, dict):
            return Sent("")
        private = isinstance(chat, int) and chat > 0
        return Sent(f"{sent['message_id']}{'' if private else _IN_GROUP}")

    async def _send(self, chat: int | str, message: Message) -> Any:
        given: dict[str, Any] = {"chat_id": chat}
        if message.rows:
            given["reply_markup"] = _keyboard(message.rows)
        if message.picture_file is not None:
            if message.text:
                given["caption"] = message.text
            return await self._call("sendPhoto", given, photo=message.picture_file)
        given |= {"text": message.text, "link_preview_options": _NO_PREVIEW}
        if message.edits:
            return await self._call("editMessageText", given | {"message_id": int(message.edits)})
        return await self._call("sendMessage", given)

    async def _call(self, method: str, given: dict[str, Any], **files: PictureFile) -> Any:
        """The result. Raises _No; ClientError, TimeoutError, ValueError where nobody knows."""
        body: Any = aiohttp.JsonPayload(given)
        if files:
            body = aiohttp.FormData()
            for name, value in given.items():
                body.add_field(name, value if isinstance(value, str) else json.dumps(value))
            for name, file in files.items():
                body.add_field(name, file.content, filename=file.name)
        session = await self._session.create_session()
        url = self._session.api.api_url(self.bot.token, method)
        async with session.post(url, data=body, timeout=_SEND) as response:
            answer = await response.json(content_type=None)
        if not isinstance(answer, dict):
            raise ValueError("not an answer of the Bot API")
        if not answer.get("ok"):
            raise _No(answer, response.status)
        return answer["result"]

    # What went, although no answer came. Private chats share one order of ids, people's messages
    # among them; a group may have one of its own.

    def place(self, message_id: str) -> int | None:
        return int(message_id) if message_id.isdecimal() else None

    async def probe(self, address: str, message: Message, place: int) -> Trace:
        """An edit that changes nothing: Telegram says so where the message is the same, and knows
        none where it never came. The keyboard is the message's own; nobody else has it."""
        if not message.rows or int(address) < 0:
            return Trace.GONE
        given = {"chat_id": int(address), "message_id": place}
        try:
            edited = await self._call(
                "editMessageReplyMarkup", {**given, "reply_markup": _keyboard(message.rows)}
            )
        except _No as no:
            return _trace(no)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return Trace.UNKNOWN
        if isinstance(edited, dict) and edited.get("text") == _BEACON:
            await self._remove(given)
            return Trace.NOT_HERE
        log.error("a probe met another message of ours")
        return Trace.ANOTHER

    async def beacon(self, address: str) -> Outcome:
        """A silent message that is taken away at once."""
        given = {"chat_id": int(address), "text": _BEACON, "disable_notification": True}
        try:
            sent = await self._call("sendMessage", given)
        except _No as no:
            return _outcome(no)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return Doubtful(type(error).__name__)
        await self._remove({"chat_id": int(address), "message_id": sent["message_id"]})
        return Sent(str(sent["message_id"]))

    async def _remove(self, given: dict[str, Any]) -> None:
        for pause in (0.5, 2, 5, None):
            try:
                await self._call("deleteMessage", given)
                return
            except _No as no:
                if "not found" in no.reason:
                    return
            except (aiohttp.ClientError, TimeoutError, ValueError):
                log.debug("trying again to remove a beacon")
            if pause is not None:
                await asyncio.sleep(pause)
        log.warning("a message made to number others could not be removed")

    async def leave(self, chat: int) -> None:
        try:
            await self.bot.leave_chat(chat)
        except TelegramAPIError:
            log.info("could not leave a group")

    # The account itself.

    async def username(self) -> str:
        me = await self.bot.me()
        return me.username or ""

    async def introduce(
        self, commands: dict[str, list[tuple[str, str]]], about: dict[str, str]
    ) -> None:
        """Sets commands and descriptions for each language; the first language is the default."""
        for number, (locale, listed) in enumerate(commands.items()):
            entries = [BotCommand(command=name, description=text) for name, text in listed]
            for code in [None, locale] if number == 0 else [locale]:
                await self.bot.set_my_commands(entries, language_code=code)
                await self.bot.set_my_description(about[locale][:512], language_code=code)
                await self.bot.set_my_short_description(about[locale][:120], language_code=code)

    async def use_webhook(self, url: str, secret: str) -> None:
        """Registers the webhook only when Telegram knows another one."""
        known = await self.bot.get_webhook_info()
        if known.url != url or set(known.allowed_updates or ()) != set(ALLOWED_UPDATES):
            await self.bot.set_webhook(
                url,
                secret_token=secret,
                allowed_updates=list(ALLOWED_UPDATES),
                max_connections=100,
            )

    async def poll(self) -> AsyncIterator[list[bytes]]:
        """Batches of raw updates; asking for the next batch confirms the one before.

        What was not confirmed comes again after a restart, and the inbox knows it already.
        """
        offset = 0
        await self.bot.delete_webhook()
        url = self.bot.session.api.api_url(self.bot.token, "getUpdates")
        limit = aiohttp.ClientTimeout(total=POLL_SECONDS + 10)
        async with aiohttp.ClientSession(timeout=limit) as session:
            while True:
                updates = await _get_updates(session, url, offset)
                if updates:
                    offset = max(int(update["update_id"]) for update in updates) + 1
                    yield [json.dumps(update).encode() for update in updates]

    async def close(self) -> None:
        await self.bot.session.close()


async def _get_updates(
    session: aiohttp.ClientSession, url: str, offset: int
) -> list[dict[str, Any]]:
    """Empty after a fault, having waited; a second poller is named in the log."""
    form = {
        "offset": offset, "timeout": POLL_SECONDS, "limit": 100,
        "allowed_updates": list(ALLOWED_UPDATES),
    }  # fmt: skip
    try:
        async with session.post(url, json=form) as response:
            answer = await response.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError):
        log.warning("polling Telegram failed; trying again")
        await asyncio.sleep(2)
        return []
    if answer.get("ok"):
        return list(answer["result"])
    code = answer.get("error_code")
    if code == 409:
        log.error("another copy of this bot is polling Telegram, or a webhook is set: stop it")
    elif code == 401:
        log.error("Telegram refuses the token: set NEUGUONG_TELEGRAM_TOKEN anew and restart")
    wait = (answer.get("parameters") or {}).get("retry_after") or (30 if code == 401 else 3)
    await asyncio.sleep(float(wait))
    return []


def _outcome(no: _No) -> Outcome:
    if no.retry_after is not None:
        return Retry(float(no.retry_after), "429")
    if no.moved_to is not None:
        return Moved(str(no.moved_to))
    if no.code == 400:
        return _bad_request(no.reason)
    if no.code == 403:
        return Unreachable(_why_gone(no.reason))
    if no.code in (401, 409):
        log.error("Telegram refuses the token: set NEUGUONG_TELEGRAM_TOKEN anew and restart")
        return Retry(60, no.reason)
    return Doubtful(no.reason) if no.code >= 500 else Rejected(no.reason)


def _bad_request(reason: str) -> Outcome:
    why = _why_gone(reason)
    return Rejected(reason) if why == Gone.REFUSED else Unreachable(why)


def _why_gone(reason: str) -> Gone:
    for words, why in _GONE.items():
        if words in reason:
            return why
    return Gone.REFUSED


_GONE = {
    "bot was blocked": Gone.BLOCKED,
    "user is deactivated": Gone.DEACTIVATED,
    "chat not found": Gone.NO_CHAT,
    "PEER_ID_INVALID": Gone.NO_CHAT,
    "can't initiate conversation": Gone.NO_CHAT,
    "bot was kicked": Gone.THROWN_OUT,
    "bot is not a member": Gone.THROWN_OUT,
}


def _trace(no: _No) -> Trace:
    reason = no.reason.lower()
    if "message is not modified" in reason:
        return Trace.HERE
    if any(words in reason for words in _NOT_THERE):
        return Trace.NOT_HERE
    return Trace.GONE if isinstance(_outcome(no), Unreachable | Moved) else Trace.UNKNOWN


def _keyboard(rows: tuple[tuple[Button, ...], ...]) -> dict[str, Any]:
    return {
        "inline_keyboard": [
            [
                {"text": button.label, "url": button.url}
                if button.url
                else {"text": button.label, "callback_data": button.press}
                for button in row
            ]
            for row in rows
        ]
    }


def _files(message: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """The files of a message with their names; of a photo the largest size."""
    found = []
    if message.get("photo"):
        largest = max(message["photo"], key=lambda size: int(size["width"]) * int(size["height"]))
        found.append((largest, "photo.jpg"))
    for kind in _FILES:
        if message.get(kind):
            found.append((message[kind], str(message[kind].get("file_name") or kind)))
    return found


@cache
def settle_memory() -> None:
    """Once everything is imported: what is loaded now is never garbage (120 ms a collection).

    Once in a process: what a second time would freeze with it is garbage for ever.
    """
    gc.collect()
    gc.freeze()
