"""People and groups: what they do in Telegram, and what they see there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.telegram import entities, limits, uploads
from tests.telegram.delivery import CALLBACK_LANE, MEMBER_LANE, Delivery, Update
from tests.telegram.keyboards import Button
from tests.telegram.methods import Query
from tests.telegram.refusals import Json
from tests.telegram.world import Chat, File, Shown, Standing, World, file_face, photo_face

Wanted = str | Callable[[Shown], bool]
PATIENCE = 5.0  # seconds that a person waits for the bot in a test
_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Press:
    """A button pressed; `answered` waits for answerCallbackQuery."""

    id: str
    update: Update | None
    query: Query

    async def answered(self, timeout: float = PATIENCE) -> Json:
        """{text, show_alert} of the bot's first answer to this press."""
        async with asyncio.timeout(timeout):
            await self.query.answered.wait()
        return self.query.answers[0]


@dataclass
class Room:
    """A chat as it looks to those in it."""

    world: World
    delivery: Delivery
    queries: dict[str, Query]
    chat: Chat
    _since: int = 0
    _heard: set[int] = field(default_factory=set)

    def screen(self) -> list[Shown]:
        """Messages visible now, both sides', oldest first; edits applied, deleted ones gone."""
        return self.chat.visible()

    def last(self) -> Shown:
        """The bot's newest message."""
        shown = self.chat.newest(lambda one: one.from_bot)
        if shown is None:
            raise AssertionError(f"the bot has said nothing here\n{self}")
        return shown

    async def hears(
        self, wanted: Wanted = "", timeout: float = PATIENCE, *, anytime: bool = False
    ) -> Shown:
        """The first message or edit of the bot that fits: a part of its text, or a predicate.

        Only what came after this person's last act counts (`anytime`: whatever came), and
        nothing is heard twice. Raises AssertionError with the screen after `timeout` seconds.
        """
        fits = wanted if callable(wanted) else lambda shown: wanted in shown.text
        try:
            async with asyncio.timeout(timeout):
                while True:
                    for at in range(0 if anytime else self._since, len(self.chat.events)):
                        shown = self.chat.events[at]
                        if at not in self._heard and not shown.deleted and fits(shown):
                            self._heard.add(at)
                            return shown
                    await self.chat.changes()
        except TimeoutError:
            sought = "such a message" if callable(wanted) else repr(wanted)
            raise AssertionError(f"{sought} did not come in {timeout} s\n{self}") from None

    async def hears_nothing(self, seconds: float = 0.2) -> None:
        """Raises AssertionError when the bot says anything in these seconds."""
        before = len(self.chat.events)
        await asyncio.sleep(seconds)
        if len(self.chat.events) > before:
            raise AssertionError(f"the bot spoke: {self.chat.events[-1]}\n{self}")

    def _acts(self) -> None:
        self._since = len(self.chat.events)

    def _message(
        self, sender: Json, content: Json, files: tuple[File, ...] = ()
    ) -> tuple[Shown, Update | None]:
        self._acts()
        shown = self.world.show(self.chat, sender, content, None, files)
        return shown, self._tell("message", shown.body, self.chat.id, limits.MESSAGE_LIFE)

    def _tell(self, kind: str, payload: Json, lane: int, life: float) -> Update | None:
        return self.delivery.put(kind, payload, lane, life, self.chat.id)

    def _membership(self, actor: Json, old: Json, new: Json) -> Update | None:
        payload: Json = {
            "chat": self.chat.face,
            "from": actor,
            "date": int(self.world.now()),
            "old_chat_member": {"user": self.world.me, **old},
            "new_chat_member": {"user": self.world.me, **new},
        }
        lane = self.chat.id + MEMBER_LANE
        return self._tell("my_chat_member", payload, lane, limits.MESSAGE_LIFE)

    def __str__(self) -> str:
        return "\n".join(f"  {shown}" for shown in self.screen()) or "  (nothing on the screen)"


_MEMBER: Json = {"status": "member"}
_BANNED: Json = {"status": "kicked", "until_date": 0}


@dataclass
class Person(Room):
    """Somebody who writes to the bot in private. Each act returns when Telegram has it."""

    face: Json = field(default_factory=dict)

    @property
    def id(self) -> int:
        return self.chat.id

    def _send(self, content: Json, files: tuple[File, ...] = ()) -> Update | None:
        if self.chat.standing == "blocked":
            raise AssertionError(f"{self.id} has blocked the bot; call unblocks() first")
        self.chat.standing = "open"
        return self._message(self.face, content, files)[1]

    async def says(self, text: str) -> Update | None:
        """Text over 4,096 units goes as several messages, as clients do; returns the last."""
        update = None
        for piece in entities.split_utf16(text, limits.TEXT):
            marks = entities.written_entities(piece)
            update = self._send({"text": piece, "entities": marks} if marks else {"text": piece})
        return update

    async def forwards(self, *texts: str, photos: Sequence[bytes] = ()) -> list[Update | None]:
        """Messages of somebody else, marked and sent on together: an update each."""
        origin: Json = {
            "type": "hidden_user", "sender_user_name": "Một người khác",
            "date": int(self.world.now()),
        }  # fmt: skip
        contents: list[tuple[Json, tuple[File, ...]]] = [({"text": text}, ()) for text in texts]
        contents += [self._photo(content, "") for content in photos]
        return [self._send({**body, "forward_origin": origin}, files) for body, files in contents]

    async def opens_link(self, payload: str) -> Update | None:
        """Opens t.me/bot?start=payload and presses Start."""
        if not _PAYLOAD.fullmatch(payload):
            raise AssertionError(f"{payload!r} cannot be in a link: 1-64 of A-Za-z0-9_-")
        return await self.says(f"/start {payload}")

    async def taps(self, label: str, timeout: float = PATIENCE) -> Press:
        """Presses the newest inline button with this label, or whose label begins so."""
        shown, button = await self._find(label, timeout)
        if button.data is None:
            raise AssertionError(f"[{button.label}] opens {button.url}, it is not for the bot")
        return await self.presses(button.data, shown)

    async def _find(self, label: str, timeout: float) -> tuple[Shown, Button]:
        try:
            async with asyncio.timeout(timeout):
                while True:
                    shown = self.chat.newest(lambda one: one.button(label) is not None)
                    button = shown.button(label) if shown is not None else None
                    if shown is not None and button is not None:
                        return shown, button
                    await self.chat.changes()
        except TimeoutError:
            raise AssertionError(f"there is no button [{label}…]\n{self}") from None

    async def presses(self, data: str, shown: Shown | None = None) -> Press:
        """A press with any data, under any message (None: the bot's last): forged or stale."""
        shown = shown or self.last()
        self._acts()
        number = f"{(self.id << 20) + len(self.queries) + 1}"
        query = self.queries[number] = Query(self.world.now())
        gone: Json = {"chat": self.chat.face, "message_id": shown.id, "date": 0}
        payload: Json = {
            "id": number,
            "from": self.face,
            "message": gone if shown.deleted else shown.body,
            "chat_instance": str(-4_112_233_445_566_000_000 - self.id % 1_000_000),
            "data": data,
        }
        lane = self.id + CALLBACK_LANE
        return Press(number, self._tell("callback_query", payload, lane, limits.PRESS_LIFE), query)

    async def chooses(self, label: str) -> Update | None:
        """Taps a key of the reply keyboard: its label goes as text."""
        shown = self.chat.newest(lambda one: label in one.reply_labels)
        if shown is None:
            raise AssertionError(f"there is no key {label!r} on the keyboard\n{self}")
        return await self.says(label)

    async def edits(self, text: str, shown: Shown | None = None) -> Update | None:
        """Changes one of this person's own texts; the newest where none is named."""
        shown = shown or self.chat.newest(lambda one: not one.from_bot and "text" in one.body)
        if shown is None:
            raise AssertionError(f"nothing to edit\n{self}")
        self._acts()
        shown.body = {**shown.body, "text": text, "edit_date": int(self.world.now())}
        return self._tell("edited_message", shown.body, self.chat.id, limits.MESSAGE_LIFE)

    async def sends_photo(self, content: bytes, caption: str = "") -> Update | None:
        return self._send(*self._photo(content, caption))

    async def sends_album(self, photos: Sequence[bytes], caption: str = "") -> list[Update | None]:
        """Photos under one media_group_id: an update each, the caption on the first."""
        album = str(13_579_246_000_000_000 + self.world.last_message_id)
        updates = []
        for at, content in enumerate(photos):
            body, files = self._photo(content, "" if at else caption)
            updates.append(self._send({**body, "media_group_id": album}, files))
        return updates

    def _photo(self, content: bytes, caption: str) -> tuple[Json, tuple[File, ...]]:
        file = self.world.keep("photos", content)
        size = uploads.picture_size(content) or (1280, 960)
        body: Json = {"photo": photo_face(file, *size)}
        return ({**body, "caption": caption} if caption else body), (file,)

    async def sends_document(
        self,
        content: bytes,
        name: str,
        caption: str = "",
        mime_type: str = "application/octet-stream",
        size: int = 0,
    ) -> Update | None:
        """`size`: what the file claims to weigh, where it should be more than `content`."""
        file = self.world.keep("documents", content, name, mime_type, size)
        body: Json = {"document": file_face(file)}
        return self._send({**body, "caption": caption} if caption else body, (file,))

    async def sends_voice(self, content: bytes = b"OggS", seconds: int = 9) -> Update | None:
        file = self.world.keep("voice", content, mime_type="audio/ogg")
        return self._send({"voice": {**file_face(file), "duration": seconds}}, (file,))

    async def sends_location(self, latitude: float, longitude: float) -> Update | None:
        return self._send({"location": {"latitude": latitude, "longitude": longitude}})

    async def shares_contact(self, phone: str, *, own: bool = True) -> Update | None:
        contact: Json = {"phone_number": phone, "first_name": self.face["first_name"]}
        return self._send({"contact": {**contact, "user_id": self.id} if own else contact})

    async def blocks(self) -> Update | None:
        self.chat.standing = "blocked"
        return self._membership(self.face, _MEMBER, _BANNED)

    async def unblocks(self) -> Update | None:
        self.chat.standing = "open"
        return self._membership(self.face, _BANNED, _MEMBER)

    async def deactivates(self) -> None:
        """Deletes the account: the bot is told nothing, and refused from then on."""
        self.chat.standing = "deactivated"


@dataclass
class Group(Room):
    """A group or supergroup; the bot may write there once it has been added."""

    async def adds_bot(self, by: Person) -> Update | None:
        self.chat.standing = "open"
        return self._membership(by.face, {"status": "left"}, _MEMBER)

    async def removes_bot(self, by: Person) -> Update | None:
        self.chat.standing = "kicked"
        return self._membership(by.face, _MEMBER, _BANNED)

    async def says(self, by: Person, text: str) -> Update | None:
        marks = entities.written_entities(text)
        return self._message(by.face, {"text": text, **({"entities": marks} if marks else {})})[1]

    async def migrates(self, by: Person, new_id: int) -> Update | None:
        """Becomes a supergroup under a new id: the old one answers migrate_to_chat_id."""
        update = self._message(by.face, {"migrate_to_chat_id": new_id})[1]
        standing: Standing = "migrated"
        self.chat.standing, self.chat.migrated_to = standing, new_id
        face = {**self.chat.face, "id": new_id, "type": "supergroup"}
        self.world.chats[new_id] = Chat(new_id, face, "open")
        return update
