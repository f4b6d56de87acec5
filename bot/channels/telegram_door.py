"""Telegram's side of the door: what an update's id and sender are. Without aiogram, so that
the door opens within a second of a restart."""

from __future__ import annotations

import hmac
import json
from typing import Any

from bot.inbox import Arrival
from bot.vault import Vault

NAME = "telegram"
HEADER = "X-Telegram-Bot-Api-Secret-Token"
_SENDERS = (
    "message",
    "edited_message",
    "callback_query",
    "my_chat_member",
    "inline_query",
    "channel_post",
    "edited_channel_post",
    "chat_member",
)
ALLOWED_UPDATES = ("message", "edited_message", "callback_query", "my_chat_member")
_NOT_AN_UPDATE = (
    AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError,
)  # fmt: skip
_MOST = 1 << 63
_FILES = ("photo", "document", "voice", "audio", "video", "video_note")


class NotAnUpdate(Exception):
    """The body is not what Telegram sends."""


class TelegramDoor:
    """One bot account: its random path, its secret, and how its updates are read."""

    def __init__(self, token: str, vault: Vault) -> None:
        self.account = token.partition(":")[0]
        self._vault = vault
        self.path = "/telegram/" + vault.fingerprint("telegram-path", token).hex()[:32]
        self.secret = vault.fingerprint("telegram-secret", token).hex()

    def admits(self, header: str | None) -> bool:
        """Compared as bytes and in constant time; anything but ASCII is merely wrong."""
        given = (header or "").encode("utf-8", "surrogateescape")
        return hmac.compare_digest(given, self.secret.encode())

    def arrival(self, body: bytes) -> Arrival:
        """Raises NotAnUpdate."""
        try:
            event = json.loads(body)
            event_id = int(event["update_id"])
            lane = self._vault.fingerprint("lane", f"{NAME}:{self.account}:{chat_of(event)}")
            ready, place = not has_files(event), place_of(event)
        except _NOT_AN_UPDATE:
            raise NotAnUpdate from None
        if not 0 <= event_id < _MOST:
            raise NotAnUpdate
        return Arrival(NAME, self.account, str(event_id), lane, body, ready, place=place)


def subject(event: dict[str, Any]) -> dict[str, Any]:
    """The part of an update that says who and where."""
    for name in _SENDERS:
        if isinstance(event.get(name), dict):
            found: dict[str, Any] = event[name]
            return found
    return {}


def chat_of(event: dict[str, Any]) -> str:
    """The chat an update belongs to; a press belongs to the chat of its message."""
    part = subject(event)
    chat = part.get("chat") or (part.get("message") or {}).get("chat") or part.get("from") or {}
    return str(chat.get("id", ""))


def place_of(event: dict[str, Any]) -> int | None:
    """A private message's number in the account's one order of messages."""
    message = event.get("message")
    if not isinstance(message, dict) or message["chat"].get("type") != "private":
        return None
    number = message.get("message_id")
    return number if isinstance(number, int) and 0 < number < _MOST else None


def has_files(event: dict[str, Any]) -> bool:
    """Whether files must be fetched before the turn; those of a group are not for us."""
    message = event.get("message")
    if not isinstance(message, dict) or message["chat"].get("type") != "private":
        return False
    return any(message.get(kind) for kind in _FILES)
