"""A form as a browser posts it, read whole before any transaction opens; and its files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from aiohttp import web

from bot.limits import Limit, count, refuse_beyond
from bot.media import Stored
from bot.replies import Reply, UserError
from bot.uploads import RefusedUpload, judge, keep
from bot.web import bodies
from bot.web.bodies import Part
from bot.web.server import services, source_of
from storage.models.traffic import StoredFile

UPLOADED = Limit("form-files", 60, minutes=60)
UPLOADED_OVERALL = Limit("form-files-all", 3000, minutes=10)
_MOST_FIELDS = 300
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
    refused: list[RefusedUpload] = field(default_factory=list)
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


async def read_form(
    request: web.Request, admit: Admit | None = None, most: int = bodies.MOST_FILES
) -> Posted:
    """At most so many files, where `admit` is given; each is judged as it comes in."""
    posted = Posted()
    if request.content_type != _FORM:
        posted.note(_pairs(await bodies.read(request)))
        return posted
    async for part in bodies.parts(request, bodies.MOST_UPLOAD if admit else bodies.MOST_TEXT):
        if not part.filename:
            posted.note([(part.name, part.text)] if part.name else [])
        elif admit and part.name == "files":
            posted.offered += 1
            if posted.offered > most:
                posted.turned_away = Reply("web-too-many-files", {"count": most})
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
    if posted.turned_away:
        return
    try:
        await admit(posted.fields)
    except UserError as error:
        posted.turned_away = error.reply
        return
    taken = await judge(part.filename, part.content, services(request).store)
    if isinstance(taken, Stored):
        posted.taken.append(taken)
    else:
        posted.refused.append(taken)


async def admit_file(request: web.Request) -> None:
    """Counts one more file before it is looked at. Raises UserError beyond the limits."""
    known, source = services(request), source_of(request)
    now = known.clock()
    async with known.db.transaction() as session:
        await refuse_beyond(session, UPLOADED, source, now)
        await refuse_beyond(session, UPLOADED_OVERALL, b"", now)
        await count(session, UPLOADED, source, now)
        await count(session, UPLOADED_OVERALL, b"", now)


async def keep_files(request: web.Request, posted: Posted) -> list[StoredFile]:
    """Rows for the files of a form that were taken in."""
    if not posted.taken:
        return []
    known = services(request)
    async with known.db.transaction() as session:
        return keep(session, posted.taken, known.clock())


Held = tuple[tuple[str, str], ...]
"""(id, name) of each file that a form holds."""


async def add_files(
    request: web.Request, held: Held, posted: Posted, most: int, too_many: str
) -> tuple[Held, Reply | None]:
    """What the form holds now, and why nothing was taken if nothing was."""
    if len(held) + posted.offered > most:
        return held, Reply(too_many, {"most": most})
    if posted.turned_away:
        return held, posted.turned_away
    kept = await keep_files(request, posted)
    return (*held, *((one.id, one.name) for one in kept)), None
