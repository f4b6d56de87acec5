"""Where an officer's private link leads: what a unit handed in, whole. Each reading is an act."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from aiohttp import web

from bot import acts
from bot.replies import UserError, Word
from bot.web.server import download, locale_of, own_session, services
from handlers.deadlines.registration import forms, service
from handlers.deadlines.registration.pages.form import show
from handlers.deadlines.registration.review import decisions, reading, rights
from handlers.deadlines.registration.review.reading import Reading
from handlers.deadlines.registration.service import Handed
from storage.models.office import Officer, Role
from storage.models.traffic import StoredFile

log = structlog.get_logger()
routes = web.RouteTableDef()


@routes.get("/officer/registration/{signed}", allow_head=False)
@own_session
async def read(request: web.Request) -> web.StreamResponse:
    """A GET that writes: only to the log of acts, which is why it opens its own transaction."""
    known = services(request)
    asked = reading.unsign(known.vault, request.match_info["signed"])
    if asked is None:
        raise UserError("registration_review-link-old")
    async with known.db.transaction() as session:
        officer = await session.get(Officer, asked.officer_id)
        if officer is None or officer.revoked_at is not None or officer.role != Role.OFFICER:
            log.warning("refused: not an officer", officer=asked.officer_id)
            raise UserError("registration_review-link-old")
        found = await decisions.held(session, known.vault, officer, asked.duty_id)
        handed = await service.handed_in(session, known.vault, found.duty, asked.version)
        if handed is None:
            raise UserError("registration_review-not-yours")
        verb = "read file" if asked.file_id else "read names"
        acts.note(session, known.clock(), rights.actor(officer), verb, "duty", found.duty.id)
        files = await decisions.files(session, handed)
        if not asked.file_id:
            history = await service.history(session, found.duty)
            return _whole(request, asked, found, handed, files, history)
        file = next((one for one in files if one.id == asked.file_id), None)
    if file is None:
        raise UserError("registration_review-not-yours")
    content = await asyncio.to_thread(known.store.read, file.sha256)
    return download(content, file.mime, file.name)


def _whole(
    request: web.Request,
    asked: Reading,
    found: decisions.Case,
    handed: Handed,
    files: Sequence[StoredFile],
    history: Sequence[service.Version],
) -> web.Response:
    vault = services(request).vault
    downloads = [
        (
            file.name,
            reading.sign(vault, "", asked.officer_id, asked.duty_id, asked.version, file.id),
        )
        for file in files
    ]
    return show(
        request,
        "officer",
        found=found,
        handed=handed,
        history=history,
        lines=forms.lines(handed.form, handed.answers, locale_of(request)),
        downloads=downloads,
        state=Word(f"duty-{found.duty.state}"),
    )
