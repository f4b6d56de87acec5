"""The methods of the Bot API that the bot calls, each as strict as Telegram's own."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.telegram import keyboards, limits, params, uploads
from tests.telegram.delivery import Delivery, Webhook
from tests.telegram.limits import Flood
from tests.telegram.refusals import NOT_MODIFIED, QUERY_TOO_OLD, Json, Refused, bad_request
from tests.telegram.wire import LOCAL
from tests.telegram.world import Chat, File, Shown, World

SENDING = frozenset(
    {
        "sendmessage", "editmessagetext", "editmessagereplymarkup", "deletemessage", "sendphoto",
        "senddocument", "sendvoice", "sendmediagroup", "answercallbackquery",
    }
)  # fmt: skip
# A method named in a webhook's answer may be any but these.
NOT_IN_ANSWERS = ("get", "setwebhook", "deletewebhook", "close", "logout")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_CODED = re.compile(r"([a-z]{2})?")


@dataclass
class Query:
    """A press that waits for answerCallbackQuery."""

    asked_at: float
    answers: list[Json] = field(default_factory=list)
    answered: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True)
class Sent:
    """What Telegram accepted, in order; `told` is False where the bot never got the answer."""

    seq: int
    at: float
    method: str
    chat_id: int
    message_id: int
    text: str
    told: bool = True


@dataclass
class Methods:
    """State of one bot and the calls that change it; a refusal is raised as Refused."""

    world: World
    delivery: Delivery
    flood: Flood
    now: Callable[[], float]
    queries: dict[str, Query] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    actions: list[tuple[int, str]] = field(default_factory=list)
    commands: dict[tuple[str, str], list[Json]] = field(default_factory=dict)
    descriptions: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.table: dict[str, Callable[[Json], Any]] = {
            "getme": lambda _: self.world.me,
            "getwebhookinfo": self.get_webhook_info,
            "sendmessage": self.send_message,
            "sendphoto": lambda call: self.send_file(call, "photo"),
            "senddocument": lambda call: self.send_file(call, "document"),
            "sendvoice": lambda call: self.send_file(call, "voice"),
            "sendmediagroup": self.send_media_group,
            "sendchataction": self.send_chat_action,
            "editmessagetext": self.edit_message_text,
            "editmessagereplymarkup": self.edit_message_reply_markup,
            "deletemessage": self.delete_message,
            "answercallbackquery": self.answer_callback_query,
            "getfile": self.get_file,
            "getchat": self.get_chat,
            "leavechat": self.leave_chat,
            "setmycommands": self.set_my_commands,
            "getmycommands": lambda call: self.commands.get(_scope(call), []),
            "setmydescription": lambda call: self.describe(
                call, "description", limits.DESCRIPTION
            ),
            "setmyshortdescription": lambda call: self.describe(
                call, "short_description", limits.SHORT_DESCRIPTION
            ),
        }

    # Sending

    def _target(self, call: Json) -> Chat:
        if not call.get("chat_id"):
            raise bad_request("chat_id is empty")
        name = str(call["chat_id"])
        chat = (
            self.world.named(name)
            if name.startswith("@")
            else self.world.chat(params.number(call, "chat_id"))
        )
        chat.admit()
        return chat

    def _markup(self, call: Json) -> Json | None:
        markup: Json | None = params.value(call, "reply_markup")
        if markup:
            keyboards.check(markup)
        return markup or None

    def _check_reply(self, call: Json, chat: Chat) -> None:
        if "reply_parameters" not in call and "reply_to_message_id" not in call:
            return
        reply = params.value(call, "reply_parameters") or {}
        wanted = params.number(reply or call, "message_id" if reply else "reply_to_message_id")
        shown = chat.messages.get(wanted)
        lenient = params.flag(reply or call, "allow_sending_without_reply")
        if (shown is None or shown.deleted) and not lenient:
            raise bad_request("message to be replied not found")

    def _record(self, method: str, shown: Shown) -> None:
        seq = len(self.sent) + 1
        self.sent.append(Sent(seq, self.now(), method, shown.chat_id, shown.id, shown.text))

    def _say(
        self, call: Json, method: str, *contents: tuple[Json, tuple[File, ...]]
    ) -> list[Json]:
        """Shows each content as a message; one call counts once for flood control."""
        chat = self._target(call)
        markup = self._markup(call)
        self._check_reply(call, chat)
        self.flood.admit(chat.id)
        shown = [
            self.world.show(chat, self.world.me, one, markup, files) for one, files in contents
        ]
        for one in shown:
            self._record(method, one)
        return [one.body for one in shown]

    def send_message(self, call: Json) -> Json:
        return self._say(call, "sendMessage", (params.message_text(call), ()))[0]

    def send_file(self, call: Json, kind: str) -> Json:
        self._target(call)
        content, file = uploads.content(self.world, call, kind, call.get(kind))
        method = f"send{kind.capitalize()}"
        return self._say(call, method, ({**content, **params.caption(call)}, (file,)))[0]

    def send_media_group(self, call: Json) -> list[Json]:
        items: list[Json] = params.value(call, "media") or []
        if len(items) not in limits.ALBUM:
            raise bad_request("group send failed: an album holds 2 to 10 items")
        kinds = {str(item.get("type")) for item in items}
        if "document" in kinds and len(kinds) > 1:
            raise bad_request("document can't be mixed with other media types")
        if not kinds <= {"photo", "document"}:
            raise bad_request("wrong media type")
        self._target(call)
        album = str(13_579_246_801_357_000 + len(self.sent))
        contents = [self._album_item(call, item, album) for item in items]
        return self._say(call, "sendMediaGroup", *contents)

    def _album_item(self, call: Json, item: Json, album: str) -> tuple[Json, tuple[File]]:
        content, file = uploads.content(self.world, call, str(item["type"]), item.get("media"))
        return {**content, **params.caption(item), "media_group_id": album}, (file,)

    def send_chat_action(self, call: Json) -> bool:
        chat = self._target(call)
        self.actions.append((chat.id, params.text(call, "action")))
        return True

    # Changing what was sent

    def _mine(self, call: Json, what: str) -> tuple[Chat, Shown]:
        chat = self._target(call)
        shown = chat.messages.get(params.number(call, "message_id"))
        if shown is None or shown.deleted:
            raise bad_request(f"message to {what} not found")
        if what == "edit" and not shown.from_bot:
            raise bad_request("message can't be edited")
        return chat, shown

    def edit_message_text(self, call: Json) -> Json:
        chat, shown = self._mine(call, "edit")
        content = params.message_text(call)
        if "text" not in shown.body:
            raise bad_request("there is no text in the message to edit")
        return self._edit(chat, shown, "editMessageText", content, self._markup(call))

    def edit_message_reply_markup(self, call: Json) -> Json:
        chat, shown = self._mine(call, "edit")
        kept = _written(shown)
        return self._edit(chat, shown, "editMessageReplyMarkup", kept, self._markup(call))

    def _edit(
        self, chat: Chat, shown: Shown, method: str, content: Json, markup: Json | None
    ) -> Json:
        if markup is not None and "inline_keyboard" not in markup:
            raise bad_request("inline keyboard expected")
        rows = (markup or {}).get("inline_keyboard") or []
        old_rows = shown.body.get("reply_markup", {}).get("inline_keyboard") or []
        if content == _written(shown) and rows == old_rows:
            raise bad_request(NOT_MODIFIED)
        self.flood.admit(chat.id)
        rest = {
            name: part
            for name, part in shown.body.items()
            if name not in ("text", "entities", "reply_markup")
        }
        shown.markup = {"inline_keyboard": rows} if rows else None
        shown.body = {**rest, **content, "edit_date": int(self.now())}
        if shown.markup:
            shown.body["reply_markup"] = shown.markup
        self._record(method, shown)
        chat.heard(shown)
        return shown.body

    def delete_message(self, call: Json) -> bool:
        chat, shown = self._mine(call, "delete")
        if self.now() - shown.body["date"] > limits.DELETE_SECONDS:
            raise bad_request("message can't be deleted")
        shown.deleted = True
        self._record("deleteMessage", shown)
        chat.wake()
        return True

    def answer_callback_query(self, call: Json) -> bool:
        query = self.queries.get(params.text(call, "callback_query_id"))
        if query is None or self.now() - query.asked_at > limits.QUERY_SECONDS:
            raise bad_request(QUERY_TOO_OLD)
        if len(params.text(call, "text")) > limits.CALLBACK_ANSWER:
            raise bad_request("MESSAGE_TOO_LONG")
        query.answers.append(
            {"text": params.text(call, "text"), "show_alert": params.flag(call, "show_alert")}
        )
        query.answered.set()
        return True

    # The bot itself

    def get_file(self, call: Json) -> Json:
        file = self.world.files.get(params.text(call, "file_id").rstrip("s"))
        if file is None:
            raise bad_request("invalid file_id")
        if file.size > limits.DOWNLOAD_BYTES:
            raise bad_request("file is too big")
        return {
            "file_id": file.id,
            "file_unique_id": f"AgAD{file.id[-8:]}",
            "file_size": file.size,
            "file_path": file.path,
        }

    def get_chat(self, call: Json) -> Json:
        chat = self.world.chat(params.number(call, "chat_id"))
        gifts = ("unlimited", "limited", "unique")
        accepted = {f"{kind}_gifts": False for kind in gifts}
        accepted |= {"premium_subscription": False, "gifts_from_channels": False}
        colours = {"accent_color_id": 0, "max_reaction_count": 11}
        return {**chat.face, **colours, "accepted_gift_types": accepted}

    def leave_chat(self, call: Json) -> bool:
        chat = self._target(call)
        if chat.is_private:
            raise bad_request("chat member status can't be changed in private chats")
        chat.standing = "left"
        return True

    def set_my_commands(self, call: Json) -> bool:
        commands: list[Json] = params.value(call, "commands") or []
        if len(commands) > limits.COMMANDS:
            raise bad_request("BOT_COMMANDS_TOO_MUCH")
        for one in commands:
            if not _COMMAND.fullmatch(one.get("command", "").removeprefix("/")):
                raise bad_request("BOT_COMMAND_INVALID")
            if not 1 <= len(one.get("description", "")) <= limits.COMMAND_DESCRIPTION:
                raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
        self.commands[_scope(call)] = commands
        return True

    def describe(self, call: Json, name: str, longest: int) -> bool:
        if len(params.text(call, name)) > longest:
            raise bad_request("BOT_DESCRIPTION_TOO_LONG")
        self.descriptions[name, _scope(call)[1]] = params.text(call, name)
        return True

    # Updates

    def get_webhook_info(self, _: Json) -> Json:
        self.delivery.lapse()
        webhook = self.delivery.webhook
        info: Json = {
            "url": webhook.url if webhook else "",
            "has_custom_certificate": False,
            "pending_update_count": len(self.delivery.pending),
        }
        if webhook is not None:
            info["max_connections"] = webhook.max_connections
            if self.delivery.last_error is not None:
                when, text = self.delivery.last_error
                info |= {"last_error_date": int(when), "last_error_message": text}
        if self.delivery.allowed:
            info["allowed_updates"] = self.delivery.allowed
        return info

    async def get_updates(self, call: Json) -> list[bytes]:
        self._allow(call)
        limit = params.number(call, "limit", limits.POLL_UPDATES)
        return await self.delivery.poll(
            params.number(call, "offset"), limit, float(call.get("timeout") or 0)
        )

    def _allow(self, call: Json) -> None:
        """What was asked for stays in force until something else is asked for."""
        allowed = params.value(call, "allowed_updates")
        if allowed is not None:
            self.delivery.allowed = [str(kind) for kind in allowed]

    async def set_webhook(self, call: Json) -> bool:
        url = params.text(call, "url")
        secret = params.text(call, "secret_token")
        if not url:
            return await self.delete_webhook(call)
        link = urlsplit(url)
        if link.scheme != "https" and link.hostname not in LOCAL:
            raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
        if secret and not _SECRET.fullmatch(secret):
            raise bad_request("secret token contains unallowed characters")
        self._allow(call)
        self._forget_if_asked(call)
        connections = min(max(params.number(call, "max_connections", 40), 1), 100)
        await self.delivery.set_webhook(Webhook(url, secret, connections))
        return True

    async def delete_webhook(self, call: Json) -> bool:
        await self.delivery.set_webhook(None)
        self._forget_if_asked(call)
        return True

    def _forget_if_asked(self, call: Json) -> None:
        if params.flag(call, "drop_pending_updates"):
            self.delivery.forget()


def _written(shown: Shown) -> Json:
    return {name: part for name, part in shown.body.items() if name in ("text", "entities")}


def _scope(call: Json) -> tuple[str, str]:
    scope = params.value(call, "scope") or {"type": "default"}
    language = params.text(call, "language_code")
    if not _CODED.fullmatch(language):
        raise Refused(400, "Bad Request: invalid language code specified")
    return json.dumps(scope, sort_keys=True), language
