"""One exemplar: its page, its photographs, its card; and the same as it would be, for officers.

GET /guong/ID                the page
GET /guong/ID/anh/FILE       a photograph's clean copy, while the page shows it
GET /guong/ID/the.png        the card that other sites show of the link
GET /officer/exemplar/LINK   the draft with every photograph, for ten minutes
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import pictures
from bot.replies import UserError
from bot.vault import Vault
from bot.web.server import locale_of, page, services, session_of
from handlers.deeds import cards, exemplars, preview, publication, stages
from handlers.deeds.exemplars import Exemplar
from handlers.deeds.reading import Reading
from storage.models.deadlines import Movement
from storage.models.deeds import Deed, DeedField, DeedPublication
from storage.models.traffic import Installation, StoredFile

routes = web.RouteTableDef()
ID = "{id:[0-9a-z]{20}}"
_BRIEFLY = {"Cache-Control": "public, max-age=60"}
"""What was taken down is gone from every copy within a minute."""


@dataclass(frozen=True)
class About:
    """What the page says beside the words of the office."""

    field: str
    place: str
    movement: str
    groups: tuple[tuple[str, str], ...]
    """(code, name)."""


@routes.get(f"/guong/{ID}")
async def show(request: web.Request) -> web.Response:
    session, id = session_of(request), request.match_info["id"]
    found = await exemplars.one(session, id)
    if found is None:
        return await _gone(request, session, id)
    answer = page(
        request, "deeds/exemplar.html", one=found, about=await about(request, session, found),
        photos=[f"/guong/{id}/anh/{file_id}" for file_id in found.photos], choices=(),
        is_draft=False, paragraphs=found.words.text.split("\n"), wholly=f"/guong/{id}",
        now=services(request).clock(), telegram=await _telegram(session, id),
    )  # fmt: skip
    answer.headers.update(_BRIEFLY)
    return answer


async def _telegram(session: AsyncSession, id: str) -> str:
    """Opens this exemplar in the chat there; "" where there is no bot."""
    name = await session.scalar(select(Installation.telegram_name))
    return f"https://t.me/{name}?start=g-{id}" if name else ""


async def _gone(request: web.Request, session: AsyncSession, id: str) -> web.Response:
    """What was out once is said to have been taken down; nothing is said of it. Raises
    HTTPNotFound for what never was."""
    at = await exemplars.taken_down(session, id)
    if at is None:
        raise web.HTTPNotFound
    return page(request, "deeds/taken_down.html", status=410, at=at)


async def about(request: web.Request, session: AsyncSession, found: Exemplar) -> About:
    deed, english = found.deed, locale_of(request) == "en"
    field = await session.get(DeedField, deed.field_code) if deed.field_code else None
    movement = await session.get(Movement, deed.movement_code) if deed.movement_code else None
    return About(
        _named(field, english), cards.place_name(deed), _named(movement, english),
        tuple((one.code, _named(one, english)) for one in found.groups),
    )  # fmt: skip


def _named(row: object, english: bool) -> str:
    return str(getattr(row, "name_en" if english else "name_vi", ""))


@routes.get(f"/guong/{ID}/anh/{{file:[0-9a-z]{{20}}}}")
async def show_photo(request: web.Request) -> web.StreamResponse:
    session = session_of(request)
    found = await exemplars.one(session, request.match_info["id"])
    if found is None or request.match_info["file"] not in found.photos:
        raise web.HTTPNotFound
    return await _photo(request, session, request.match_info["file"], _BRIEFLY)


async def _photo(
    request: web.Request, session: AsyncSession, file_id: str, headers: dict[str, str]
) -> web.StreamResponse:
    """The copy without metadata, never the original."""
    file = await session.get_one(StoredFile, file_id)
    path = services(request).store.path(file.sha256)
    if not await asyncio.to_thread(path.is_file):
        raise web.HTTPNotFound
    shown = {"Content-Type": file.mime, "Content-Security-Policy": "default-src 'none'; sandbox"}
    return web.FileResponse(path, headers={**shown, **headers})


@routes.get(f"/guong/{ID}/the.png")
async def show_card(request: web.Request) -> web.Response:
    """In Vietnamese whoever asks: it is the office's own card."""
    session = session_of(request)
    found = await exemplars.one(session, request.match_info["id"])
    if found is None:
        raise web.HTTPNotFound
    field = await session.get(DeedField, found.deed.field_code or "")
    drawing = cards.describe("vi", found.deed, found.words, field, found.office)
    return web.Response(
        body=await asyncio.to_thread(pictures.png, drawing), content_type="image/png",
        headers=_BRIEFLY,
    )  # fmt: skip


# Before it is out


@routes.get("/officer/exemplar/{signed}")
async def show_draft(request: web.Request) -> web.StreamResponse:
    session, vault = session_of(request), services(request).vault
    asked = await preview.unsign(session, vault, request.match_info["signed"])
    if asked is None:
        raise UserError("deed_pages-link-old")
    deed = await session.get_one(Deed, asked.deed_id)
    there = [file.id for file in await publication.photographs(session, deed)]
    if asked.file_id:
        if asked.file_id not in there:
            raise UserError("deed_pages-link-old")
        return await _photo(request, session, asked.file_id, {})
    text = await stages.newest_publication(session, deed)
    found = await _as_it_would_be(session, vault, deed, text)
    return page(
        request, "deeds/exemplar.html", one=found, about=await about(request, session, found),
        photos=[_private(vault, asked, file_id) for file_id in found.photos],
        choices=[
            (number, _private(vault, asked, id), id in found.photos)
            for number, id in enumerate(there, 1)
        ],
        is_draft=True, paragraphs=found.words.text.split("\n"), wholly="", now=None, telegram="",
    )  # fmt: skip


async def _as_it_would_be(
    session: AsyncSession, vault: Vault, deed: Deed, text: DeedPublication | None
) -> Exemplar:
    """Also where nothing is written yet: the photographs are looked at all the same."""
    if text is None:
        text = DeedPublication(deed_id=deed.id, version=0, photos=[], correction="")
        return await exemplars.about(session, deed, text, publication.Words())
    words = await publication.words_of(session, vault, text)
    return await exemplars.about(session, deed, text, words)


def _private(vault: Vault, asked: Reading, file_id: str) -> str:
    return preview.sign(vault, "", replace(asked, file_id=file_id))
