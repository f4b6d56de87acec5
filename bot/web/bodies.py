"""Bodies of requests: read within limits of size and time, and before any transaction opens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import BodyPartReader, web

from bot.media import MAX_FILE_BYTES

MOST_TEXT = 64 << 10
"""Bytes of a body without files: 8,000 characters, signed and carried along, are under 50,000."""
MOST_FIELD = 256 << 10
"""Bytes of one written field beside files: too long an opinion is told by how much."""
MOST_FILES = 10
MOST_UPLOAD = MOST_FILES * MAX_FILE_BYTES + (1 << 20)
TEXT_SECONDS = 30
PIECE = 64 << 10
PIECE_SECONDS = 60
"""For each piece of an upload: under a kilobyte a second is no network, but somebody idle."""


class SlowBody(Exception):
    """The rest of a request did not come in time."""


@dataclass(frozen=True)
class Part:
    """One field of a multipart body; of a file, its name and at most one byte too many."""

    name: str
    filename: str
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace")


async def read(request: web.Request, most: int = MOST_TEXT) -> bytes:
    """A body without files. Raises HTTPRequestEntityTooLarge and SlowBody.

    aiohttp keeps what was read: whoever asks again, in a transaction, waits for nobody.
    """
    if (request.content_length or 0) > most:
        raise web.HTTPRequestEntityTooLarge(most, request.content_length or 0)
    async with _within(TEXT_SECONDS):
        return await request.read()


async def read_json(request: web.Request) -> dict[str, Any]:
    """Raises HTTPBadRequest for what is no JSON; what is no object is read as empty."""
    try:
        given = json.loads(await read(request))
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest from None
    return given if isinstance(given, dict) else {}


async def parts(request: web.Request, most: int = MOST_UPLOAD) -> AsyncIterator[Part]:
    """The fields of a multipart body, one in memory at a time, where `own_session` is said.

    Raises HTTPRequestEntityTooLarge, SlowBody, and HTTPBadRequest for what is no multipart body.
    """
    if (request.content_length or 0) > most:
        raise web.HTTPRequestEntityTooLarge(most, request.content_length or 0)
    left = most
    try:
        async with _within(TEXT_SECONDS):
            reader = await request.multipart()
        while True:
            async with _within(TEXT_SECONDS):
                part = await reader.next()
            if part is None:
                return
            if not isinstance(part, BodyPartReader):
                raise web.HTTPBadRequest
            content, size = await _content(part, left)
            left -= size
            yield Part(part.name or "", part.filename or "", content)
    except (ValueError, AssertionError):
        raise web.HTTPBadRequest from None


async def _content(part: BodyPartReader, left: int) -> tuple[bytes, int]:
    """What is kept of a part, and how long it was: the rest of too big a file is not held."""
    most = min(left, MAX_FILE_BYTES + 1 if part.filename else MOST_FIELD)
    content, size = bytearray(), 0
    while piece := await _piece(part):
        size += len(piece)
        if size > left or (size > most and not part.filename):
            raise web.HTTPRequestEntityTooLarge(most, size)
        content += piece[: max(0, most - len(content))]
    return bytes(content), size


async def _piece(part: BodyPartReader) -> bytes:
    piece = bytearray()
    async with _within(PIECE_SECONDS):
        while len(piece) < PIECE and (chunk := await part.read_chunk(PIECE)):
            piece += chunk
    return bytes(piece)


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise SlowBody from None
