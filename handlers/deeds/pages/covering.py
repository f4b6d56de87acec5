"""Faces and plates are painted over before a photograph goes out [M8], on a private page.

GET  /officer/exemplar/LINK/che   the photograph under a grid of boxes to tick; no JavaScript
POST /officer/exemplar/LINK/che   o7=on, o8=on …: a copy without those cells
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from bot import media
from bot.media import COVER_COLUMNS
from bot.replies import UserError
from bot.web.posted import read_form
from bot.web.server import own_session, page, services
from handlers.deeds import preview, publication
from handlers.deeds.reading import Reading
from storage.models.deeds import Deed
from storage.models.office import Officer

routes = web.RouteTableDef()
PATH = "/officer/exemplar/{signed}/che"


@dataclass(frozen=True)
class Opened:
    asked: Reading
    name: str
    clean: bytes


@routes.get(PATH, allow_head=False)
@own_session
async def show_grid(request: web.Request) -> web.Response:
    opened = await _open(request)
    rows = await asyncio.to_thread(media.cover_rows, opened.clean)
    return page(
        request, "deeds/cover.html", rows=rows, columns=COVER_COLUMNS,
        photo=preview.sign(services(request).vault, "", opened.asked),
        back=_whole(request, opened.asked),
    )  # fmt: skip


@routes.post(PATH)
@own_session
async def cover(request: web.Request) -> web.Response:
    """The painting takes its time outside any transaction."""
    known = services(request)
    opened = await _open(request)
    cells = await _ticked(request, opened)
    covered = await media.cover(opened.clean, cells, opened.name, known.store)
    async with known.db.transaction() as session:
        asked = await _asked(request, session)
        officer = await session.get_one(Officer, asked.reader.partition(":")[2])
        deed = await session.get_one(Deed, asked.deed_id)
        await publication.add_covered(
            session, known.vault, officer, deed, asked.file_id, covered, known.clock()
        )
    raise web.HTTPSeeOther(_whole(request, asked))


async def _asked(request: web.Request, session: AsyncSession) -> Reading:
    asked = await preview.unsign(session, services(request).vault, request.match_info["signed"])
    if asked is None or not asked.file_id:
        raise UserError("deed_pages-link-old")
    return asked


async def _open(request: web.Request) -> Opened:
    """The clean copy, never the original."""
    known = services(request)
    async with known.db.reading() as session:
        asked = await _asked(request, session)
        deed = await session.get_one(Deed, asked.deed_id)
        there = {one.id: one for one in await publication.photographs(session, deed)}
    file = there.get(asked.file_id)
    if file is None:
        raise UserError("exemplar-photo-gone")
    return Opened(asked, file.name, await asyncio.to_thread(known.store.read, file.sha256))


async def _ticked(request: web.Request, opened: Opened) -> set[int]:
    ticked = (await read_form(request)).fields
    rows = await asyncio.to_thread(media.cover_rows, opened.clean)
    cells = {cell for cell in range(rows * COVER_COLUMNS) if f"o{cell}" in ticked}
    if not cells:
        raise UserError("exemplar-cover-nothing")
    return cells


def _whole(request: web.Request, asked: Reading) -> str:
    """The page that shows the draft with every photograph."""
    return preview.sign(services(request).vault, "", replace(asked, file_id=""))
