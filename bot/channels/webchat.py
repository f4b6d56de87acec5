"""The web chat: a browser is a contact, its lines are rows sealed with the person's own key."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

from aiogram import Bot
from aiogram.client.session.base import BaseSession
from aiogram.types import CallbackQuery, Chat, InaccessibleMessage, Update, User
from aiogram.types import Message as TelegramMessage

from bot import chat_lines
from bot.channels.base import Caps, Gone, MediaRefused, Message, Outcome, Sent, Unreachable
from bot.chat_lines import Bell
from bot.media import FileStore, Stored
from bot.vault import Vault
from storage.db import Database

NAME = "webchat"
ACCOUNT = "web"


class NotTelegram(BaseSession):
    """Stands behind the bots of channels that are not Telegram and refuses, saying what to do."""

    async def make_request(self, bot: Bot, method: Any, timeout: Any = None) -> Any:
        raise TypeError(
            f"{type(method).__name__} is Telegram's alone: return a Reply from the handler instead"
        )

    async def stream_content(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("files come in through Channel.fetch")
        yield b""

    async def close(self) -> None:
        """There is no connection."""


class WebChat:
    name = NAME
    account = ACCOUNT
    caps = Caps(
        edit=False, max_text=20_000, max_caption=20_000, max_buttons=100, links=True,
        draws_pictures=True,
    )  # fmt: skip

    def __init__(self, db: Database, vault: Vault, bell: Bell) -> None:
        self._db, self._vault, self._bell = db, vault, bell
        self.bot = Bot("1:web", NotTelegram())
        self._numbers = count(1)
        """aiogram tells updates apart by their number, and compares whole those that share one."""

    # What came in: {"id", "address", "locale", "text" | "press", "label", "files"}

    def address(self, event: dict[str, Any]) -> str:
        return str(event["address"])

    def language(self, event: dict[str, Any]) -> str | None:
        return event.get("locale")

    def update(self, event: dict[str, Any], contact_id: int) -> Update:
        user = User(id=contact_id, is_bot=False, first_name="-")
        chat = Chat(id=contact_id, type="private")
        if event.get("press"):
            query = CallbackQuery(
                id=str(event["id"]), from_user=user, chat_instance="web", data=event["press"],
                message=InaccessibleMessage(chat=chat, message_id=1),
            )  # fmt: skip
            return Update(update_id=next(self._numbers), callback_query=query).as_(self.bot)
        message = TelegramMessage(
            message_id=1, date=datetime.now(UTC), chat=chat, from_user=user,
            text=event.get("text") or None, media_group_id=event.get("album"),
        )  # fmt: skip
        return Update(update_id=next(self._numbers), message=message).as_(self.bot)

    def pressed_message(self, event: dict[str, Any]) -> str | None:
        return None

    async def fetch(self, event: dict[str, Any], store: FileStore) -> list[Stored | MediaRefused]:
        return []

    async def acknowledge(self, event: dict[str, Any]) -> None:
        """The page shows by itself that a press was taken."""

    # What goes out.

    async def send(self, address: str, contact_id: int, message: Message) -> Outcome:
        line: dict[str, Any] = {"from": "bot", "text": message.text, "lang": message.language}
        if message.rows:
            line["choices"] = [
                [
                    {"label": b.label, "url": b.url}
                    if b.url
                    else {"label": b.label, "press": b.press}
                    for b in row
                ]
                for row in message.rows
            ]
        if message.picture is not None:
            shown = message.picture
            line["picture"] = {
                "kind": shown.kind,
                "value": shown.value,
                "alt": message.picture_alt,
            }
        async with self._db.transaction() as session:
            now = datetime.now(UTC)
            number = await chat_lines.write(session, self._vault, contact_id, line, now)
        self._bell.ring(contact_id)
        return Sent(str(number)) if number else Unreachable(Gone.ERASED)
