"""What Telegram knows: people, chats, messages and files of one bot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from tests.telegram import keyboards
from tests.telegram.keyboards import Button
from tests.telegram.refusals import Json, Refused, bad_request, forbidden, migrated

Standing = Literal["unknown", "open", "blocked", "deactivated", "left", "kicked", "migrated"]
FIRST_MESSAGE_ID = 100


@dataclass(frozen=True)
class File:
    id: str
    path: str
    content: bytes
    size: int
    name: str = ""
    mime_type: str = ""


@dataclass(eq=False, slots=True)
class Shown:
    """A message as a person sees it now."""

    chat_id: int
    id: int
    from_bot: bool
    body: Json
    markup: Json | None = None
    files: tuple[File, ...] = ()
    deleted: bool = False

    @property
    def text(self) -> str:
        """The text or the caption; empty where there is neither."""
        return str(self.body.get("text") or self.body.get("caption") or "")

    @property
    def rows(self) -> list[list[Button]]:
        return keyboards.inline_rows(self.markup)

    @property
    def buttons(self) -> list[Button]:
        return [button for row in self.rows for button in row]

    @property
    def labels(self) -> list[str]:
        return [button.label for button in self.buttons]

    @property
    def reply_labels(self) -> list[str]:
        """Labels of the keyboard that stands in place of the telephone's own."""
        return list(keyboards.reply_labels(self.markup))

    @property
    def photo(self) -> bytes | None:
        return self.files[0].content if "photo" in self.body else None

    @property
    def document(self) -> tuple[str, bytes] | None:
        if "document" not in self.body:
            return None
        return self.files[0].name, self.files[0].content

    @property
    def entities(self) -> list[Json]:
        found: list[Json] = self.body.get("entities") or self.body.get("caption_entities") or []
        return found

    @property
    def edited(self) -> bool:
        return "edit_date" in self.body

    def button(self, label: str) -> Button | None:
        """The button with this label, or the first whose label begins so."""
        exact = (button for button in self.buttons if button.label == label)
        begun = (button for button in self.buttons if button.label.startswith(label))
        return next(exact, None) or next(begun, None)

    def __str__(self) -> str:
        who = "bot" if self.from_bot else "person"
        kinds = "".join(
            f" <{kind}>" for kind in ("photo", "document", "voice") if kind in self.body
        )
        labels = "".join(f" [{label}]" for label in (*self.labels, *self.reply_labels))
        return f"{self.id} {who}:{kinds} {self.text!r}{labels}"


@dataclass(eq=False)
class Chat:
    """A private chat or a group; `events` are the bot's messages and edits, as they came."""

    id: int
    face: Json
    standing: Standing = "unknown"
    migrated_to: int = 0
    messages: dict[int, Shown] = field(default_factory=dict)
    events: list[Shown] = field(default_factory=list)
    last_id: int = FIRST_MESSAGE_ID
    _waiters: list[asyncio.Future[None]] = field(default_factory=list)

    @property
    def is_private(self) -> bool:
        return bool(self.face["type"] == "private")

    def visible(self) -> list[Shown]:
        return [shown for _, shown in sorted(self.messages.items()) if not shown.deleted]

    def newest(self, wanted: Callable[[Shown], bool]) -> Shown | None:
        standing = (one for one in reversed(self.messages.values()) if not one.deleted)
        return next((one for one in standing if wanted(one)), None)

    def heard(self, shown: Shown) -> None:
        self.events.append(shown)
        self.wake()

    def wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def changes(self) -> None:
        """Returns at the next event in this chat."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    def admit(self) -> None:
        """Raises what Telegram answers to a bot that may not write here."""
        if self.standing != "open":
            raise self._refusal()

    def _refusal(self) -> Refused:
        kind = self.face["type"]
        match self.standing:
            case "blocked":
                return forbidden("bot was blocked by the user")
            case "deactivated":
                return forbidden("user is deactivated")
            case "left":
                return forbidden(f"bot is not a member of the {kind} chat")
            case "kicked":
                return forbidden(f"bot was kicked from the {kind} chat")
            case "migrated":
                return migrated(self.migrated_to)
        return bad_request("chat not found")


@dataclass
class World:
    """Chats and files of one bot, and the counters that number them."""

    me: Json
    now: Callable[[], float]
    chats: dict[int, Chat] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    paths: dict[str, File] = field(default_factory=dict)
    last_message_id: int = FIRST_MESSAGE_ID

    def chat(self, chat_id: int) -> Chat:
        """The chat a bot names; raises 400 for one it has never met."""
        chat = self.chats.get(chat_id)
        if chat is None or chat.standing == "unknown":
            raise bad_request("chat not found")
        return chat

    def named(self, name: str) -> Chat:
        """A channel or group that has a public name, as `@name`."""
        for chat in self.chats.values():
            if f"@{chat.face.get('username')}" == name:
                return chat
        raise bad_request("chat not found")

    def next_message_id(self, chat: Chat) -> int:
        """Private chats and plain groups share the account's ids; a supergroup has its own."""
        if chat.face["type"] == "supergroup":
            chat.last_id += 1
            return chat.last_id
        self.last_message_id += 1
        return self.last_message_id

    def show(
        self,
        chat: Chat,
        sender: Json,
        content: Json,
        markup: Json | None = None,
        files: tuple[File, ...] = (),
    ) -> Shown:
        body: Json = {
            "message_id": self.next_message_id(chat),
            "from": sender,
            "chat": chat.face,
            "date": int(self.now()),
            **content,
        }
        if markup and "inline_keyboard" in markup:
            body["reply_markup"] = markup
        shown = Shown(chat.id, body["message_id"], sender is self.me, body, markup, files)
        chat.messages[shown.id] = shown
        if shown.from_bot:
            chat.heard(shown)
        return shown

    def keep(
        self, folder: str, content: bytes, name: str = "", mime_type: str = "", size: int = 0
    ) -> File:
        """A file under a new id and path; `size` where it should claim to be larger."""
        number = len(self.files) + 1
        ending = "." + name.rsplit(".", 1)[1] if "." in name else _ENDINGS[folder]
        file = File(
            f"BQACAgUAAxkBAA{number:08d}",
            f"{folder}/file_{number}{ending}",
            content,
            size or len(content),
            name,
            mime_type,
        )
        self.files[file.id] = file
        self.paths[file.path] = file
        return file


_ENDINGS = {"photos": ".jpg", "documents": "", "voice": ".oga"}


def file_face(file: File) -> Json:
    face: Json = {
        "file_id": file.id,
        "file_unique_id": f"AgAD{file.id[-8:]}",
        "file_size": file.size,
    }
    if file.name:
        face["file_name"] = file.name
    if file.mime_type:
        face["mime_type"] = file.mime_type
    return face


def photo_face(file: File, width: int = 1280, height: int = 960) -> list[Json]:
    """The sizes of a photo, smallest first; the small one is the same bytes under its own id."""
    whole = {**file_face(file), "width": width, "height": height}
    whole.pop("file_name", None)
    whole.pop("mime_type", None)
    small = {**whole, "file_id": file.id + "s", "file_unique_id": whole["file_unique_id"] + "s"}
    return [{**small, "width": max(1, width // 4), "height": max(1, height // 4)}, whole]
