"""Text as Telegram reads it: HTML parsed, ends trimmed, lengths in UTF-16 units."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.telegram.refusals import Json, Refused, bad_request

_TAG = re.compile(
    r"""<(?P<end>/?)(?P<name>[^\s>]*)(?P<rest>(?:[^>"']|"[^"]*"|'[^']*')*)(?P<close>>?)"""
)
_ATTRIBUTE = re.compile(r"""([^\s=]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+))?""")
_REFERENCE = re.compile(r"&(#[0-9]+|#[xX][0-9a-fA-F]+|lt|gt|amp|quot);")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_SPAN_CLASS = "tg-spoiler"
_KINDS = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline",
    "ins": "underline", "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough",
    "tg-spoiler": "spoiler", "span": "spoiler", "code": "code", "pre": "pre", "a": "text_link",
    "blockquote": "blockquote", "tg-emoji": "custom_emoji",
}  # fmt: skip
_WRITTEN = re.compile(
    r"(?P<bot_command>(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?)"
    r"|(?P<url>https?://[^\s<>]+)"
    r"|(?P<mention>(?<![\w@])@[A-Za-z0-9_]{4,32})"
)


def utf16_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def split_utf16(text: str, limit: int) -> Iterator[str]:
    """Pieces of at most `limit` units, as a Telegram client cuts what a person pastes."""
    while utf16_length(text) > limit:
        end = limit
        while utf16_length(text[:end]) > limit:
            end -= 1
        yield text[:end]
        text = text[end:]
    yield text


def written_entities(text: str) -> list[Json]:
    """Commands, links and mentions that Telegram marks in what a person writes."""
    return [
        {
            "offset": utf16_length(text[: found.start()]),
            "length": utf16_length(found.group()),
            "type": found.lastgroup,
        }
        for found in _WRITTEN.finditer(text)
    ]


@dataclass
class _Open:
    tag: str
    at: int
    entity: Json


@dataclass
class _Parser:
    source: str
    pieces: list[str] = field(default_factory=list)
    units: int = 0
    opened: list[_Open] = field(default_factory=list)
    entities: list[Json] = field(default_factory=list)

    def parse(self) -> tuple[str, list[Json]]:
        position = 0
        for tag in _TAG.finditer(self.source):
            self._add(self.source[position : tag.start()])
            self._tag(tag)
            position = tag.end()
        self._add(self.source[position:])
        if self.opened:
            name = self.opened[-1].tag
            raise _unparsable(f'Can\'t find end tag corresponding to start tag "{name}"')
        self.entities.sort(key=lambda entity: (entity["offset"], -entity["length"]))
        return "".join(self.pieces), self.entities

    def _add(self, raw: str) -> None:
        text = _REFERENCE.sub(_character, raw)
        self.pieces.append(text)
        self.units += utf16_length(text)

    def _tag(self, tag: re.Match[str]) -> None:
        byte = len(self.source[: tag.start()].encode())
        name = tag["name"].lower()
        kind = "end" if tag["end"] else "start"
        if not tag["close"]:
            raise _unparsable(f"Unclosed {kind} tag at byte offset {byte}")
        if tag["end"]:
            self._close(name, byte)
        elif name not in _KINDS:
            raise _unparsable(f'Unsupported start tag "{name}" at byte offset {byte}')
        else:
            self.opened.append(_Open(name, self.units, _entity(name, tag["rest"], byte)))

    def _close(self, name: str, byte: int) -> None:
        if not self.opened:
            raise _unparsable(f"Unexpected end tag at byte offset {byte}")
        tag = self.opened.pop()
        if name and name != tag.tag:
            raise _unparsable(
                f"Unmatched end tag at byte offset {byte}, "
                f'expected "</{tag.tag}>", found "</{name}>"'
            )
        if self.units > tag.at:
            self.entities.append({**tag.entity, "offset": tag.at, "length": self.units - tag.at})


def _unparsable(text: str) -> Refused:
    return bad_request(f"can't parse entities: {text}")


def _character(reference: re.Match[str]) -> str:
    name = reference[1]
    if name in _NAMED:
        return _NAMED[name]
    number = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
    return chr(number) if 0 < number < 0x110000 else reference[0]


def _entity(tag: str, rest: str, byte: int) -> Json:
    attributes = {
        found[1].lower(): _REFERENCE.sub(_character, (found[2] or "").strip("\"'"))
        for found in _ATTRIBUTE.finditer(rest)
    }
    if tag == "span" and attributes.get("class") != _SPAN_CLASS:
        raise _unparsable(f'Tag "span" must have class "{_SPAN_CLASS}" at byte offset {byte}')
    entity: Json = {"type": _KINDS[tag]}
    if tag == "a":
        entity["url"] = attributes.get("href", "")
    elif tag == "tg-emoji":
        entity["custom_emoji_id"] = attributes.get("emoji-id", "")
    elif tag == "blockquote" and "expandable" in attributes:
        entity["type"] = "expandable_blockquote"
    return entity


def formatted(text: str, parse_mode: str, entities: Any = None) -> tuple[str, list[Json]]:
    """What is shown of `text`: markup read, blanks at both ends cut, entities moved along.

    Of the markup languages the server reads HTML alone; the others are refused as unknown.
    """
    if parse_mode:
        if parse_mode.lower() != "html":
            raise bad_request("unsupported parse_mode")
        text, entities = _Parser(text).parse()
    shown = text.strip()
    if not entities:
        return shown, []
    cut = utf16_length(text[: len(text) - len(text.lstrip())])
    return shown, list(_moved(entities, cut, utf16_length(shown)))


def _moved(entities: list[Json], cut: int, units: int) -> Iterator[Json]:
    for entity in entities:
        start = max(entity["offset"] - cut, 0)
        end = min(entity["offset"] - cut + entity["length"], units)
        if end > start:
            yield {**entity, "offset": start, "length": end - start}
