"""What we say, as values: a handler returns them, a channel words them and sends them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, Literal


@dataclass(frozen=True)
class Word:
    """A key of the catalogue used inside another sentence; translated when it is sent."""

    key: str


@dataclass(frozen=True)
class Until:
    """The instant a window ends. Shown as 24:00 of its last day when it is a local midnight."""

    at: datetime


Arg = str | int | Word | Until | datetime | date
"""What may stand in a sentence. Instants and dates are written out in the reader's language."""


@dataclass(frozen=True)
class Choice:
    """A button. `label` is a key, or plain words when `literal`; it presses or opens a link."""

    label: str
    press: str = ""
    url: str = ""
    args: Mapping[str, Arg] = field(default_factory=dict)
    literal: bool = False


@dataclass(frozen=True)
class Picture:
    """An image beside the words: a stored file by its id, a QR code of some text, or a drawing as
    `bot.pictures` describes it."""

    kind: Literal["file", "qr", "drawing"]
    value: str
    alt: str = ""
    """A key of the catalogue: what the picture shows, for those who cannot see it."""


@dataclass(frozen=True)
class Reply:
    key: str
    args: Mapping[str, Arg] = field(default_factory=dict)
    choices: tuple[tuple[Choice, ...], ...] = ()
    replaces: bool = False
    """Takes the place of the message whose button was pressed, where the channel can."""
    picture: Picture | None = None
    once: str = ""
    """Of several replies with the same value only the first is owed (an album's photos)."""
    then: tuple[Reply, ...] = ()
    """Further messages after this one, in order."""
    locale: str | None = None
    """Set when these words must be in a language other than the reader's usual one."""

    def offering(self, *rows: Choice | Sequence[Choice]) -> Reply:
        """The same reply with these rows of choices below those it has."""
        added = tuple((row,) if isinstance(row, Choice) else tuple(row) for row in rows)
        return replace(self, choices=self.choices + added)

    def followed_by(self, *others: Reply) -> Reply:
        return replace(self, then=self.then + others)


def reply(key: str, **args: Arg) -> Reply:
    return Reply(key, args)


def choice(label: str, press: str, **args: Arg) -> Choice:
    """Raises ValueError beyond 64 bytes: Telegram refuses longer presses."""
    if len(press.encode()) > 64:
        raise ValueError(f"a press holds at most 64 bytes: {press!r}")
    return Choice(label, press=press, args=args)


def link(label: str, url: str, **args: Arg) -> Choice:
    return Choice(label, url=url, args=args)


class UserError(Exception):
    """Something the person can mend; the sentence says how. Undoes the turn, becomes its reply."""

    def __init__(self, key: str, /, **args: Arg) -> None:
        super().__init__(key)
        self.reply = Reply(key, args)

    def once(self, value: str) -> UserError:
        """Of several refusals with the same value only the first is owed; see `Reply.once`."""
        self.reply = replace(self.reply, once=f"{value}:refused" if value else "")
        return self

    def offering(self, *rows: Choice | Sequence[Choice]) -> UserError:
        self.reply = self.reply.offering(*rows)
        return self

    def or_offering(self, *rows: Choice | Sequence[Choice]) -> UserError:
        """As `offering`, where it has no way on of its own."""
        return self if self.reply.choices else self.offering(*rows)


def dump(value: Reply) -> bytes:
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":")).encode()


def load(raw: bytes) -> Reply:
    return _reply(json.loads(raw))


def _plain(value: Reply) -> dict[str, Any]:
    plain: dict[str, Any] = {"key": value.key}
    if value.args:
        plain["args"] = {name: _plain_arg(arg) for name, arg in value.args.items()}
    if value.choices:
        plain["choices"] = [[_plain_choice(c) for c in row] for row in value.choices]
    if value.picture:
        plain["picture"] = [value.picture.kind, value.picture.value, value.picture.alt]
    if value.replaces:
        plain["replaces"] = True
    if value.locale:
        plain["locale"] = value.locale
    return plain


def _plain_choice(value: Choice) -> list[Any]:
    args = {name: _plain_arg(arg) for name, arg in value.args.items()}
    return [value.label, value.press, value.url, args, value.literal]


def _plain_arg(arg: Arg) -> Any:
    match arg:
        case Word():
            return {"word": arg.key}
        case Until():
            return {"until": arg.at.astimezone(UTC).isoformat()}
        case datetime():
            return {"at": arg.astimezone(UTC).isoformat()}
        case date():
            return {"on": arg.isoformat()}
    return arg


def _reply(plain: dict[str, Any]) -> Reply:
    picture = plain.get("picture")
    return Reply(
        plain["key"],
        _args(plain.get("args", {})),
        tuple(tuple(_choice(c) for c in row) for row in plain.get("choices", ())),
        plain.get("replaces", False),
        Picture(*picture) if picture else None,
        locale=plain.get("locale"),
    )


def _choice(plain: list[Any]) -> Choice:
    label, press, url, args, literal = plain
    return Choice(label, press, url, _args(args), literal)


def _args(plain: dict[str, Any]) -> dict[str, Arg]:
    return {name: _arg(value) for name, value in plain.items()}


def _arg(value: Any) -> Arg:
    if not isinstance(value, dict):
        return value if isinstance(value, int) else str(value)
    ((kind, held),) = value.items()
    if kind == "word":
        return Word(held)
    if kind == "on":
        return date.fromisoformat(held)
    instant = datetime.fromisoformat(held)
    return Until(instant) if kind == "until" else instant
