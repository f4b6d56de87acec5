"""The form of a deadline without JavaScript, at a private address that was handed out in chat.

    GET  /viec/LINK            the form, filled in with what was handed in before
    POST /viec/LINK            checks it, takes the files in, reads it back
    POST /viec/LINK/gui        sends it | changes it
    GET  /viec/LINK/mau.xlsx   the spreadsheet of the same form

The address is asked for again at each step: see `links`.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import i18n, receipts
from bot.limits import count, refuse_beyond
from bot.limits import source_of as limit_source
from bot.replies import Reply, Until, UserError, Word
from bot.uploads import RefusedUpload
from bot.web.posted import Posted, add_files, admit_file, read_form
from bot.web.server import locale_of, own_session, page, services, session_of
from handlers.deadlines.registration import forms, links, service, spreadsheet
from handlers.deadlines.registration.drafts import draft_in
from handlers.deadlines.registration.forms import Answers, Form
from handlers.deadlines.registration.limits import HANDED_IN
from handlers.deadlines.registration.pages import fields
from handlers.deadlines.registration.pages.fields import Errors, Filled
from handlers.deadlines.registration.service import Owing
from storage.models.deadlines import Work
from storage.models.people import Contact
from storage.models.traffic import StoredFile

routes = web.RouteTableDef()
CHANNEL = "form"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_PLACE = "/viec/{signed}"


@dataclass(frozen=True)
class Opened:
    """What a link opens."""

    owing: Owing
    form: Form
    contact_id: int
    now: datetime

    @property
    def due(self) -> Until:
        return Until(self.owing.due_at)

    @property
    def state(self) -> Word:
        return Word(f"duty-{self.owing.state}")

    @property
    def work(self) -> Word:
        return Word(f"registration-work-{self.owing.deadline.work}")

    @property
    def overdue(self) -> bool:
        return self.now >= self.owing.due_at


def show(request: web.Request, template: str, status: int = 200, **context: Any) -> web.Response:
    """One of this feature's pages; `words` in it writes a Reply out."""
    locale = locale_of(request)

    def words(told: Reply) -> str:
        return i18n.words(told, locale)

    name = f"deadlines/registration/{template}.html"
    return page(request, name, status=status, words=words, **context)


async def _open(request: web.Request, session: AsyncSession) -> Opened:
    """Raises UserError when the link opens nothing any more."""
    known = services(request)
    owing, contact = await links.follow(session, known.vault, request.match_info["signed"])
    form = await forms.form_of(session, owing.deadline)
    return Opened(owing, form, contact.id, known.clock())


def _path(request: web.Request) -> str:
    return f"/viec/{request.match_info['signed']}"


# The form


@routes.get(_PLACE)
async def show_form(request: web.Request) -> web.Response:
    session = session_of(request)
    opened = await _open(request, session)
    service.refuse_closed(opened.owing, opened.now)
    handed = await service.handed_in(session, services(request).vault, opened.owing.duty)
    filled = Filled(opened.owing.duty.id, opened.owing.duty.version)
    if handed is not None:
        filled = replace(filled, answers=forms.fitting(opened.form, handed.answers))
        filled = filled.with_files(await _named(session, handed.answers.files))
    return _form_page(request, opened, filled)


async def _named(session: AsyncSession, file_ids: Sequence[str]) -> tuple[tuple[str, str], ...]:
    rows = await session.execute(
        select(StoredFile.id, StoredFile.name).where(StoredFile.id.in_(file_ids))
    )
    names: dict[str, str] = {row.id: row.name for row in rows}
    return tuple((file_id, names[file_id]) for file_id in file_ids if file_id in names)


def _form_page(
    request: web.Request,
    opened: Opened,
    filled: Filled,
    errors: Errors | None = None,
    refused: Sequence[RefusedUpload] = (),
    status: int = 200,
) -> web.Response:
    return show(
        request,
        "form",
        status=status,
        opened=opened,
        form=opened.form,
        filled=filled,
        path=_path(request),
        signed=fields.sign(services(request).vault, filled),
        errors=errors or {},
        refused_files=refused,
        most_files=forms.MOST_FILES,
        longest=forms.LONGEST_REPORT,
        counts=_counts(filled),
    )


def _counts(filled: Filled) -> dict[str, str]:
    """As typed, else as they were handed in."""
    held = {code: str(one.count) for code, one in filled.answers.individual.items()}
    return {**held, **filled.counts}


# Reading back


@routes.post(_PLACE)
@own_session
async def read_back(request: web.Request) -> web.Response:
    async with services(request).db.reading() as session:
        opened = await _open(request, session)
    posted = await read_form(request, lambda _: admit_file(request), forms.MOST_FILES)
    service.refuse_closed(opened.owing, opened.now)
    filled, errors = fields.read(opened.form, _held(request, posted, opened), posted)
    filled = await _with_files(request, filled, posted, errors)
    if not errors and not posted.refused:
        try:
            forms.check(opened.form, forms.fitting(opened.form, filled.answers))
        except UserError as error:
            errors["form"] = error.reply
    if errors or posted.refused:
        return _form_page(request, opened, filled, errors, posted.refused, status=422)
    return _review_page(request, opened, filled)


def _held(request: web.Request, posted: Posted, opened: Opened) -> Filled:
    duty = opened.owing.duty
    held = fields.unsign(services(request).vault, posted["draft"], duty.id)
    return held or Filled(duty.id, duty.version)


async def _with_files(
    request: web.Request, filled: Filled, posted: Posted, errors: Errors
) -> Filled:
    files, why = await add_files(
        request, filled.files, posted, forms.MOST_FILES, "registration-too-many-files"
    )
    if why is not None:
        errors["files"] = why
    return filled.with_files(files)


def _review_page(
    request: web.Request, opened: Opened, filled: Filled, problem: Reply | None = None
) -> web.Response:
    answers = forms.fitting(opened.form, filled.answers)
    return show(
        request,
        "review",
        status=422 if problem else 200,
        opened=opened,
        filled=filled,
        path=_path(request),
        lines=forms.lines(opened.form, answers, locale_of(request)),
        signed=fields.sign(services(request).vault, filled),
        unsigned=opened.form.work is Work.REGISTRATION and not filled.files,
        problem=problem,
    )


# Sending


@routes.post(_PLACE + "/gui")
@own_session
async def send(request: web.Request) -> web.Response:
    posted = await read_form(request)
    async with services(request).db.reading() as session:
        opened = await _open(request, session)
    filled = fields.unsign(services(request).vault, posted["draft"], opened.owing.duty.id)
    if filled is None:
        raise UserError("common-start-again")
    if posted["action"] == "change":
        return _form_page(request, opened, filled)
    try:
        filed, code, late = await _file(request, filled)
    except UserError as error:
        return _review_page(request, opened, filled, error.reply)
    qr = receipts.qr_svg(f"{services(request).settings.links}/tracuu#{code}") if code else ""
    return show(
        request, "receipt", opened=opened, filed=filed, code=code, qr=qr, late=late,
        at=services(request).clock(),
    )  # fmt: skip


async def _file(request: web.Request, filled: Filled) -> tuple[service.Filed, str | None, bool]:
    """In one transaction. Sent twice, the second answer brings one more code of the same."""
    known = services(request)
    now = known.clock()
    async with known.db.transaction() as session:
        opened = await _open(request, session)
        source = limit_source(known.vault, f"contact:{opened.contact_id}", now)
        await refuse_beyond(session, HANDED_IN, source, now)
        await count(session, HANDED_IN, source, now)
        filed = await service.submit(
            session, known.vault, opened.owing, filled.answers, CHANNEL, now, filled.seen
        )
        code = filed.code
        if filed.repeated and filed.version == 1:
            code = await service.more_receipts(session, known.vault, opened.owing, now)
        return filed, code, opened.owing.duty.late


# The spreadsheet


async def _answered(request: web.Request, session: AsyncSession, opened: Opened) -> Answers:
    """The draft begun in chat, else what was handed in: nobody fills in again what stands."""
    vault, duty = services(request).vault, opened.owing.duty
    contact = await session.get_one(Contact, opened.contact_id)
    draft = draft_in(vault, contact.id, contact.data, duty.id)
    if draft is not None and draft.seen == duty.version and not draft.answers.is_empty:
        return forms.fitting(opened.form, draft.answers)
    handed = await service.handed_in(session, vault, duty)
    return forms.fitting(opened.form, handed.answers) if handed else Answers()


@routes.get(_PLACE + "/mau.xlsx")
async def give_template(request: web.Request) -> web.Response:
    session = session_of(request)
    opened = await _open(request, session)
    deadline = opened.owing.deadline
    answers = await _answered(request, session, opened)
    about = spreadsheet.About(deadline.code, deadline.title, opened.owing.due_at)
    written = io.BytesIO()
    locale = locale_of(request)
    say = partial(i18n.say, locale)
    await asyncio.to_thread(
        spreadsheet.write_template, written, opened.form, about, say, locale, answers
    )
    return web.Response(
        body=written.getvalue(),
        headers={
            "Content-Type": XLSX,
            "Content-Disposition": f'attachment; filename="{deadline.code}.xlsx"',
        },
    )
