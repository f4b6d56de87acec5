"""A form as a browser posts it, read whole before any transaction opens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from aiohttp import web

from bot.media import Stored
from bot.replies import Reply, UserError
from bot.web import bodies
from bot.web.bodies import Part
from bot.web.server import services
from handlers.consultations import service, uploads

_MOST_FIELDS = 100
_FORM = "multipart/form-data"
Admit = Callable[[Mapping[str, str]], Awaitable[None]]
"""Asked before each file with the fields that came before it. Raises UserError to take none."""


@dataclass
class Posted:
    fields: dict[str, str] = field(default_factory=dict)
    """The first value of each field; a field that was not posted is read as empty."""
    kept: list[str] = field(default_factory=list)
    """Ids of earlier files whose box is ticked."""
    taken: list[Stored] = field(default_factory=list)
    refused: list[uploads.RefusedUpload] = field(default_factory=list)
    offered: int = 0
    """How many files came, whether or not they could be taken."""
    turned_away: Reply | None = None
    """Why no file was looked at."""

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")

    def note(self, pairs: Sequence[tuple[str, str]]) -> None:
        for name, value in pairs:
            self.fields.setdefault(name, value)
            if name == "keep":
                self.kept.append(value)


async def read_form(request: web.Request, admit: Admit | None = None) -> Posted:
    """Files are taken only where `admit` is given, and each is judged as it comes in."""
    posted = Posted()
    if request.content_type != _FORM:
        posted.note(_pairs(await bodies.read(request)))
        return posted
    most = bodies.MOST_UPLOAD if admit else bodies.MOST_TEXT
    async for part in bodies.parts(request, most):
        if not part.filename:
            posted.note([(part.name, part.text)] if part.name else [])
        elif admit and part.name == "files":
            await _take(request, posted, part, admit)
    return posted


def _pairs(body: bytes) -> list[tuple[str, str]]:
    """Raises UserError for what is no form."""
    try:
        return parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="replace"
        )
    except ValueError:
        raise UserError("pages-start-again") from None


async def _take(request: web.Request, posted: Posted, part: Part, admit: Admit) -> None:
    posted.offered += 1
    if posted.offered > service.MOST_FILES:
        posted.turned_away = Reply("opinion-too-many-files", {"most": service.MOST_FILES})
    if posted.turned_away:
        return
    try:
        await admit(posted.fields)
    except UserError as error:
        posted.turned_away = error.reply
        return
    taken = await uploads.judge(part.filename, part.content, services(request).store)
    if isinstance(taken, Stored):
        posted.taken.append(taken)
    else:
        posted.refused.append(taken)
