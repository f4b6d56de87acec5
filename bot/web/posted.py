"""A form as a browser posts it, read whole before any transaction opens; and its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from bot.limits import Limit, count, refuse_beyond
from bot.replies import Reply, UserError
from bot.uploads import RefusedUpload, Upload, judge, keep
from bot.web.server import services, source_of

UPLOADED = Limit("form-files", 60, minutes=60)
UPLOADED_OVERALL = Limit("form-files-all", 3000, minutes=10)


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


@dataclass(frozen=True)
class Taken:
    id: str
    name: str


async def take_files(
    request: web.Request, new_files: Sequence[Upload]
) -> tuple[list[Taken], list[RefusedUpload]]:
    """Judges files between two short transactions. Raises UserError beyond the limits."""
    known, source = services(request), source_of(request)
    now = known.clock()
    async with known.db.transaction() as session:
        await refuse_beyond(session, UPLOADED, source, now)
        await refuse_beyond(session, UPLOADED_OVERALL, b"", now)
        for _ in new_files:
            await count(session, UPLOADED, source, now)
            await count(session, UPLOADED_OVERALL, b"", now)
    stored, refused = await judge(new_files, known.store)
    async with known.db.transaction() as session:
        rows = keep(session, stored, now)
    return [Taken(row.id, row.name) for row in rows], refused


Held = tuple[tuple[str, str], ...]
"""(id, name) of each file that a form holds."""


async def add_files(
    request: web.Request, held: Held, new: Sequence[Upload], most: int, too_many: str
) -> tuple[Held, list[RefusedUpload], Reply | None]:
    """What the form holds now, what was refused, and why nothing was taken if nothing was."""
    if not new:
        return held, [], None
    if len(held) + len(new) > most:
        return held, [], Reply(too_many, {"most": most})
    try:
        taken, refused = await take_files(request, new)
    except UserError as error:
        return held, [], error.reply
    return (*held, *((one.id, one.name) for one in taken)), refused, None
