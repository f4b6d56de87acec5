"""A form as a browser posts it, read whole before any transaction opens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from bot.replies import UserError
from handlers.consultations.uploads import Upload


@dataclass(frozen=True)
class Posted:
    fields: dict[str, str]
    """The first value of each field; a field that was not posted is read as empty."""
    kept: Sequence[str]
    """Ids of earlier files whose box is ticked."""
    files: Sequence[Upload]

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")


async def read_form(request: web.Request) -> Posted:
    """Raises UserError when it is not written in the letters it says it is."""
    try:
        posted = await request.post()
    except ValueError:
        raise UserError("common-start-again") from None
    fields: dict[str, str] = {}
    for name, value in posted.items():
        if isinstance(value, str):
            fields.setdefault(name, value)
    chosen = [one for one in posted.getall("files", []) if isinstance(one, web.FileField)]
    return Posted(
        fields,
        [one for one in posted.getall("keep", []) if isinstance(one, str)],
        [Upload(one.filename, one.file.read()) for one in chosen],
    )
