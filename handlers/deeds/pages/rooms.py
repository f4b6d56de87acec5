"""How a good deed goes on, by its receipt; and what officers and units read of it, by a link.

GET /tracuu/deed/PASS    where it stands, for whoever told it
GET /viectot/danh-sach.xlsx   the list a unit fills in
GET /officer/deed/LINK   names, words and files, for ten minutes; each reading is an act
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import i18n, identity, receipts
from bot.replies import UserError, Word
from bot.vault import Vault
from bot.web.server import download, locale_of, own_session, page, services, session_of
from handlers.deeds import cards, forms, reading, series, service, stages
from handlers.deeds.forms import Told
from handlers.deeds.naming import field_in_words, groups_in_words
from handlers.deeds.reading import Reading
from storage.models.deeds import Deed, DeedFile, DeedReport, Known
from storage.models.people import Person
from storage.models.traffic import StoredFile

routes = web.RouteTableDef()
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@routes.get("/tracuu/deed/{signed}")
async def show_standing(request: web.Request) -> web.Response:
    """Old, forged or erased: back to where the code is typed."""
    session, vault = session_of(request), services(request).vault
    receipt = await receipts.passed(session, vault, request.match_info["signed"], service.RECEIPT)
    found = await service.standing(session, vault, receipt.subject_id) if receipt else None
    if found is None:
        raise web.HTTPSeeOther("/tracuu")
    state = Word(f"deeds-state-{found.state}")
    stage = Word(f"deeds-stage-{found.stage}")
    return page(request, "deeds/standing.html", found=found, state=state, stage=stage)


@routes.get(series.TEMPLATE)
async def give_template(request: web.Request) -> web.Response:
    form, locale = await forms.form_of(session_of(request)), locale_of(request)
    written, say = io.BytesIO(), partial(i18n.say, locale)
    await asyncio.to_thread(series.write_template, written, form, say, locale)
    return download(written.getvalue(), XLSX, "danh-sach-viec-tot.xlsx")


@dataclass(frozen=True)
class Witness:
    """One report, opened. Who tells it is for officers only."""

    number: int
    relation: Word
    told: Told
    who: str
    entered: Word | None = None
    """How it came, where an officer wrote it down."""

    def known(self, what: str) -> Word:
        """What the teller says of `agreed`, `child` or `rewarded`: a hint, nothing more."""
        return Word(f"tell-known-{getattr(self.told, what)}")

    @property
    def may_show(self) -> Word:
        """Whether the teller may be named as such."""
        return Word(f"tell-known-{Known.YES if self.told.may_show_name else Known.NO}")


@routes.get("/officer/deed/{signed}", allow_head=False)
@own_session
async def read(request: web.Request) -> web.StreamResponse:
    """A GET that writes: only to the log of acts, which is why it opens its own transaction."""
    known = services(request)
    asked = reading.unsign(known.vault, request.match_info["signed"])
    if asked is None:
        raise UserError("deed_pages-link-old")
    async with known.db.transaction() as session:
        if not await reading.may_read(session, asked):
            raise UserError("deed_pages-link-old")
        deed = await session.get_one(Deed, asked.deed_id)
        files = await _files(session, deed, asked)
        verb = "read file" if asked.file_id else "read names"
        verb = "read original" if asked.original else verb
        stages.note(session, known.clock(), asked.reader, verb, deed.id, asked.file_id)
        if not asked.file_id:
            name = await service.subject_name(session, known.vault, deed)
            witnesses = await _witnesses(session, known.vault, deed, asked)
            locale = locale_of(request)
            field = await field_in_words(session, deed, locale)
            groups = await groups_in_words(session, deed, locale)
            return _whole(request, asked, deed, name, field, groups, witnesses, files)
    file = next((one for one in files if one.id == asked.file_id), None)
    if file is None or (asked.original and not asked.is_officers):
        raise UserError("deed_pages-link-old")
    sha256 = (file.original_sha256 if asked.original else None) or file.sha256
    return download(await asyncio.to_thread(known.store.read, sha256), file.mime, file.name)


async def _files(session: AsyncSession, deed: Deed, asked: Reading) -> Sequence[StoredFile]:
    """The papers of a consent are for officers."""
    shown = () if asked.is_officers else (DeedFile.answers != service.CONSENT_PAPER,)
    found = await session.scalars(
        select(StoredFile)
        .join(DeedFile, DeedFile.file_id == StoredFile.id)
        .where(DeedFile.deed_id == deed.id, *shown)
        .order_by(DeedFile.added_at, StoredFile.id)
    )
    return found.all()


async def _witnesses(
    session: AsyncSession, vault: Vault, deed: Deed, asked: Reading
) -> list[Witness]:
    found = []
    for row in await service.reports_of(session, deed):
        told = await service.told_in(session, vault, row)
        if told is not None:
            who = await _who(session, vault, row) if asked.is_officers else ""
            relation = Word(f"tell-relation-{row.relation}")
            entered = Word(f"enter-how-{row.entered_as}") if row.entered_as else None
            found.append(Witness(row.number, relation, told, who, entered))
    return found


async def _who(session: AsyncSession, vault: Vault, row: DeedReport) -> str:
    known = identity.identity(vault, await session.get(Person, row.person_id))
    return ", ".join(known.values())


def _whole(
    request: web.Request,
    asked: Reading,
    deed: Deed,
    name: str,
    field: str,
    groups: Sequence[str],
    witnesses: Sequence[Witness],
    files: Sequence[StoredFile],
) -> web.Response:
    vault = services(request).vault
    downloads = [
        (
            file.name,
            reading.sign(vault, "", replace(asked, file_id=file.id)),
            reading.sign(vault, "", replace(asked, file_id=file.id, original=True))
            if asked.is_officers and file.original_sha256
            else "",
        )
        for file in files
    ]
    return page(
        request, "deeds/officer.html", deed=deed, name=name, field=field, groups=groups,
        witnesses=witnesses,
        downloads=downloads, place=cards.place_name(deed) or "—",
        state=Word(f"deeds-state-{deed.state}"),
    )  # fmt: skip
