"""Files that a bot sends: what Telegram takes as a photo, a document, a voice note."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from tests.telegram import limits, params
from tests.telegram.params import Upload
from tests.telegram.refusals import Json, bad_request
from tests.telegram.world import File, World, file_face, photo_face

_FOLDERS = {"photo": "photos", "document": "documents", "voice": "voice"}


def content(world: World, call: Json, kind: str, given: Any) -> tuple[Json, File]:
    """The part of a message that shows the file, and the file, kept if it is new."""
    sent = params.upload(call, given)
    if sent is not None and not sent.content:
        raise bad_request("file must be non-empty")
    size = _photo_size(sent) if kind == "photo" and sent is not None else (1280, 960)
    file = _known(world, given) if sent is None else _kept(world, kind, sent)
    faces: dict[str, Callable[[], Any]] = {
        "photo": lambda: photo_face(file, *size),
        "document": lambda: file_face(file),
        "voice": lambda: {**file_face(file), "duration": params.number(call, "duration")},
    }
    return {kind: faces[kind]()}, file


def _known(world: World, given: Any) -> File:
    if not given:
        raise bad_request("there is no file in the request")
    file = world.files.get(str(given))
    if file is None:
        raise bad_request("wrong file identifier/HTTP URL specified")
    return file


def _kept(world: World, kind: str, sent: Upload) -> File:
    name = "" if kind == "photo" else sent.name
    return world.keep(_FOLDERS[kind], sent.content, name, sent.mime_type)


def _photo_size(sent: Upload) -> tuple[int, int]:
    if len(sent.content) > limits.PHOTO_BYTES:
        raise bad_request(
            f"file of size {len(sent.content)} bytes is too big for a photo; "
            f"the maximum size is {limits.PHOTO_BYTES} bytes"
        )
    size = picture_size(sent.content)
    if size is None:
        raise bad_request("IMAGE_PROCESS_FAILED")
    ratio = max(size) / max(1, min(size))
    if sum(size) > limits.PHOTO_SIDES or ratio > limits.PHOTO_RATIO:
        raise bad_request("PHOTO_INVALID_DIMENSIONS")
    return size


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG or JPEG, from its header; None for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    return _jpeg_size(data) if data.startswith(b"\xff\xd8") else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], struct.unpack(">H", data[at + 2 : at + 4])[0]
        # Frame headers are C0 to CF but for C4, C8 and CC, which hold tables.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return None
