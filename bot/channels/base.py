"""What a channel is: it turns what came into an aiogram Update, and words into what is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from bot import i18n, receipts
from bot.replies import Picture, Reply
from bot.text import split

if TYPE_CHECKING:
    from aiogram.types import Update

    from bot.media import FileStore, Stored


@dataclass(frozen=True)
class Caps:
    """What a channel can do, as data. Lengths are in the channel's own units (`length`)."""

    edit: bool
    max_text: int
    max_caption: int
    max_buttons: int
    """0: choices become a numbered list, and the number typed counts as the press."""
    links: bool
    """Buttons may open a link."""
    length: Callable[[str], int] = len
    draws_pictures: bool = False
    """The channel keeps the Picture itself and needs no bytes."""


@dataclass(frozen=True)
class Button:
    label: str
    press: str = ""
    url: str = ""


@dataclass(frozen=True)
class PictureFile:
    content: bytes
    name: str


@dataclass(frozen=True)
class Message:
    """A reply in words, within the channel's limits; a long one is several messages."""

    text: str
    rows: tuple[tuple[Button, ...], ...] = ()
    picture: Picture | None = None
    picture_file: PictureFile | None = None
    """None where the channel draws the picture itself."""
    picture_alt: str = ""
    language: str = "vi"
    edits: str | None = None
    """The channel's own id of the message this one takes the place of."""


# What became of a message.


@dataclass(frozen=True)
class Sent:
    message_id: str


@dataclass(frozen=True)
class Retry:
    """Not sent; may be tried again after so many seconds."""

    after: float
    reason: str = ""


@dataclass(frozen=True)
class Doubtful:
    """Nobody knows whether it went (a time-out, a lost answer)."""

    reason: str


class Gone(StrEnum):
    """Why somebody cannot be reached; kept as it stands in `outbox.error`."""

    BLOCKED = "blocked"
    DEACTIVATED = "deactivated"
    """The account was deleted."""
    NO_CHAT = "no_chat"
    """The platform knows no such chat, or not yet."""
    THROWN_OUT = "thrown_out"
    """Of a group."""
    ERASED = "erased"
    """Everything about this person was erased here."""
    NO_CHANNEL = "no_channel"
    """The account by which we talked with them is no longer set up."""
    REFUSED = "refused"


@dataclass(frozen=True)
class Unreachable:
    """The person cannot be reached here any more."""

    why: Gone


@dataclass(frozen=True)
class Moved:
    """The chat has a new address; not sent."""

    address: str


@dataclass(frozen=True)
class Rejected:
    """The channel refuses this message for good: our fault."""

    reason: str


Outcome = Sent | Retry | Doubtful | Unreachable | Moved | Rejected


@dataclass(frozen=True)
class MediaRefused:
    """A file we could not take: the sentence says why and what to do."""

    key: str
    args: Mapping[str, str | int]


class Channel(Protocol):
    name: str
    account: str
    caps: Caps

    def address(self, event: dict[str, Any]) -> str:
        """Where answers to this event go."""

    def language(self, event: dict[str, Any]) -> str | None:
        """The sender's language as the platform tells it, if it does."""

    def update(self, event: dict[str, Any], contact_id: int) -> Update:
        """The event as aiogram routes it."""

    def pressed_message(self, event: dict[str, Any]) -> str | None:
        """The id of the message whose button was pressed."""

    async def fetch(self, event: dict[str, Any], store: FileStore) -> list[Stored | MediaRefused]:
        """Takes the event's files into our own storage. Raises OSError to be tried again."""

    async def acknowledge(self, event: dict[str, Any]) -> None:
        """Tells the platform that a press was seen; failing is harmless."""

    async def send(self, address: str, contact_id: int, message: Message) -> Outcome:
        """One message out. Never raises for what the platform may do."""


class Trace(StrEnum):
    """What asking for a message under a certain id has shown."""

    HERE = "here"
    NOT_HERE = "not_here"
    UNKNOWN = "unknown"
    """No answer, or "later": it may be asked again."""
    GONE = "gone"
    """The whole chat is out of reach."""
    ANOTHER = "another"
    """Another message of ours stood there."""


@runtime_checkable
class Probing(Protocol):
    """A channel that can be asked whether a message went, where its answer was lost.

    All messages of an account, theirs and ours, are numbered in the order in which they came.
    """

    def place(self, message_id: str) -> int | None:
        """The number in that order; None for a message that has none."""

    async def probe(self, address: str, message: Message, place: int) -> Trace:
        """Whether this very message stands there. It changes nothing that people see."""

    async def beacon(self, address: str) -> Outcome:
        """Makes a new number without disturbing anybody, where none has come by itself."""


def compose(
    reply: Reply, locale: str, caps: Caps, picture_file: PictureFile | None, edits: str | None
) -> list[Message]:
    """The messages of a reply, in order. The last one carries the choices."""
    text = i18n.words(reply, locale)
    language = reply.locale or locale
    rows = tuple(
        tuple(Button(i18n.label(choice, language), choice.press, choice.url) for choice in row)
        for row in reply.choices
    )
    if not caps.max_buttons:
        text, rows = _with_numbers(text, rows), ()
    picture = reply.picture if picture_file or caps.draws_pictures else None
    alt = i18n.say(language, picture.alt) if picture and picture.alt else ""
    limit = caps.max_caption if picture else caps.max_text
    pieces = [text] if caps.length(text) <= limit else split(text, caps.max_text, caps.length)
    messages = [Message(piece, language=locale) for piece in pieces]
    if picture:
        carrier = Message(
            "", picture=picture, picture_file=picture_file, picture_alt=alt, language=locale
        )
        if caps.length(text) <= limit:
            messages = [replace(carrier, text=text)]
        else:
            messages.insert(0, carrier)
    messages[-1] = replace(messages[-1], rows=rows)
    if edits and caps.edit and len(messages) == 1 and not picture and reply.replaces:
        messages[0] = replace(messages[0], edits=edits)
    return messages


def _with_numbers(text: str, rows: tuple[tuple[Button, ...], ...]) -> str:
    """The choices as a numbered list under the words, links written out."""
    buttons = [button for row in rows for button in row]
    pressable = [button for button in buttons if button.press]
    lines = [f"{number}. {button.label}" for number, button in enumerate(pressable, 1)]
    lines += [f"{button.label}: {button.url}" for button in buttons if button.url]
    return "\n".join([text, "", *lines]) if lines else text


def qr_picture(payload: str) -> PictureFile:
    """Blocking for some milliseconds."""
    return PictureFile(receipts.qr_png(payload), "qr.png")
