"""Where an officer's private links lead: an identity, a matter, a file. Each reading is an act."""

from __future__ import annotations

import asyncio

import structlog
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts, i18n
from bot.replies import UserError
from bot.web.server import Services, download, own_session, page, services
from handlers.consultations.review import matters, reading_links, rights
from handlers.consultations.review import service as review
from handlers.consultations.review.reading_links import Reading
from storage.models.office import Officer
from storage.models.traffic import StoredFile

log = structlog.get_logger()
routes = web.RouteTableDef()


@routes.get("/officer/read/{signed}", allow_head=False)
@own_session
async def read(request: web.Request) -> web.StreamResponse:
    """A GET that writes: only to the log of acts, which is why it opens its own transaction."""
    known = services(request)
    asked = reading_links.unsign(known.vault, request.match_info["signed"])
    if asked is None:
        raise UserError("review-link-old")
    async with known.db.transaction() as session:
        officer = await session.get(Officer, asked.officer_id)
        if officer is None or officer.revoked_at is not None:
            log.warning("refused: not an officer", officer=asked.officer_id, verb=asked.kind)
            raise UserError("review-link-old")
        if asked.kind == "identity":
            return await _identity(request, session, officer, asked)
        if asked.kind == "matter":
            return await _matter(request, session, officer, asked)
        file = await _file(session, known, officer, asked)
    content = await asyncio.to_thread(known.store.read, file.sha256)
    return download(content, file.mime, file.name)


async def _identity(
    request: web.Request, session: AsyncSession, officer: Officer, asked: Reading
) -> web.Response:
    known = services(request)
    reason = i18n.say("vi", asked.detail)
    identity = await review.read_identity(
        session, known.vault, officer, asked.object_id, reason, known.clock()
    )
    return page(request, "consultations/officer_identity.html", identity=identity)


async def _matter(
    request: web.Request, session: AsyncSession, officer: Officer, asked: Reading
) -> web.Response:
    known = services(request)
    opened = await matters.open_matter(
        session, known.vault, officer, asked.object_id, known.clock()
    )
    downloads = [
        (
            file.name,
            reading_links.sign(
                known.vault, "", officer.id, "matter-file", asked.object_id, file.id
            ),
        )
        for file in opened.files
    ]
    return page(request, "consultations/officer_matter.html", opened=opened, downloads=downloads)


async def _file(
    session: AsyncSession, known: Services, officer: Officer, asked: Reading
) -> StoredFile:
    """The file, if it belongs to what the link names and the officer may read that."""
    if asked.kind == "file":
        case = await review.held(session, officer, asked.object_id)
        belonging = {file.id for file in case.files}
    else:
        belonging = set((await matters.reach(session, officer, asked.object_id)).file_ids)
    file = await session.get(StoredFile, asked.detail)
    if file is None or file.id not in belonging:
        raise UserError("review-not-yours")
    acts.note(session, known.clock(), rights.actor(officer), "read", "file", file.id)
    return file
