"""The parameters of a call as the Bot API reads them: JSON, forms and multipart alike."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from aiohttp.web_request import FileField

from tests.telegram import entities, limits
from tests.telegram.refusals import Json, Refused, bad_request

_TRUE = ("true", "1", "yes")


@dataclass(frozen=True)
class Upload:
    name: str
    mime_type: str
    content: bytes


async def read(request: web.BaseRequest) -> Json:
    """All parameters by name; nested values stay as they were sent until they are asked for."""
    params: Json = dict(request.query)
    match request.content_type:
        case "application/json":
            params.update(_object(await request.read() or b"{}"))
        case "multipart/form-data":
            params.update({name: _part(part) for name, part in (await request.post()).items()})
        case _:
            text = (await request.read()).decode()
            params.update(parse_qsl(text, keep_blank_values=True))
    return params


def _object(body: bytes) -> Json:
    try:
        given = json.loads(body)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise bad_request("can't parse JSON object")
    return given


def _part(part: str | bytes | bytearray | FileField) -> str | Upload:
    if isinstance(part, FileField):
        content = part.file.read()
        if len(content) > limits.UPLOAD_BYTES:
            raise Refused(413, "Request Entity Too Large")
        return Upload(part.filename, part.content_type, content)
    return part if isinstance(part, str) else bytes(part).decode()


def text(params: Json, name: str) -> str:
    value = params.get(name, "")
    try:
        str(value).encode()
    except UnicodeEncodeError:
        raise bad_request("strings must be encoded in UTF-8") from None
    return str(value)


def number(params: Json, name: str, default: int = 0) -> int:
    try:
        return int(params.get(name, default))
    except (TypeError, ValueError):
        return default


def flag(params: Json, name: str) -> bool:
    return str(params.get(name, "")).lower() in _TRUE


def value(params: Json, name: str) -> Any:
    """A nested object or list, whether it came as JSON or as text that holds JSON."""
    given = params.get(name)
    if not isinstance(given, str):
        return given
    if not given:
        return None
    try:
        return json.loads(given)
    except ValueError:
        raise bad_request(f"can't parse {name.replace('_', ' ')} JSON object") from None


def upload(params: Json, given: Any) -> Upload | None:
    """The file that came with the call, itself or named by attach://; None for an id or link."""
    if isinstance(given, str) and given.startswith("attach://"):
        given = params.get(given.removeprefix("attach://"))
        if given is None:
            raise bad_request("file must be non-empty")
    return given if isinstance(given, Upload) else None


def _formatted(params: Json, name: str, listed: str) -> tuple[str, list[Json]]:
    mode = str(params.get("parse_mode") or "")
    given = None if mode else value(params, listed)
    return entities.formatted(text(params, name), mode, given)


def message_text(params: Json) -> Json:
    """`text` and `entities` of a message; refused where empty or over 4,096 units."""
    if not text(params, "text"):
        raise bad_request("message text is empty")
    shown, marks = _formatted(params, "text", "entities")
    if not shown:
        raise bad_request("text must be non-empty")
    if entities.utf16_length(shown) > limits.TEXT:
        raise bad_request("message is too long")
    return {"text": shown, "entities": marks} if marks else {"text": shown}


def caption(params: Json) -> Json:
    shown, marks = _formatted(params, "caption", "caption_entities")
    if entities.utf16_length(shown) > limits.CAPTION:
        raise bad_request("message caption is too long")
    content: Json = {"caption": shown} if shown else {}
    return {**content, "caption_entities": marks} if marks else content
