"""A good deed told without JavaScript: the form, the reading back, the sending, the receipt.

GET  /viectot        the same questions as in chat; `?unit=` of a poster, `?theo=` of an exemplar
POST /viectot        checks it, takes the files in, reads it back beside what was told already
POST /viectot/send   sends it, alone or as a further witness | changes it | drops it

Between the pages it travels in a signed hidden field; nothing is stored but its files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aiohttp import web
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot import i18n, identity, places, receipts
from bot.concerns import looks_like_denunciation
from bot.places import Place
from bot.replies import Reply, UserError, Word
from bot.uploads import RefusedUpload
from bot.vault import Vault
from bot.web.posted import add_files, admit_file, read_form
from bot.web.server import locale_of, own_session, page, services, session_of, source_of
from handlers.deeds import cards, exemplars, forms, repeats, service, similar
from handlers.deeds.pages import tell_form
from handlers.deeds.pages.tell_form import Errors, Form
from handlers.deeds.service import Author
from handlers.deeds.similar import Similar
from storage.models.base import new_id
from storage.models.consultations import Receipt
from storage.models.deeds import DeedFile, DeedReport, Known, Relation, ReportState, SubjectKind
from storage.models.traffic import StoredFile

routes = web.RouteTableDef()
CHANNEL = "form"
NONE = "none"
"""It is none of those told already."""
_KINDS = [(one, Word(f"tell-kind-{one}")) for one in SubjectKind]
_RELATIONS = [(one, Word(f"tell-relation-{one}")) for one in Relation]
_KNOWN = [(one, Word(f"tell-known-{one}")) for one in Known]


# The form


@routes.get("/viectot")
async def show_form(request: web.Request) -> web.Response:
    session = session_of(request)
    unit = await service.invited(session, request.query.get("unit", ""))
    follows = request.query.get("theo", "")
    if follows and await exemplars.one(session, follows) is None:
        follows = ""
    form = tell_form.new_form(unit.code if unit else "", follows)
    return await _form_page(request, session, form)


async def _form_page(
    request: web.Request,
    session: AsyncSession,
    form: Form,
    errors: Errors | None = None,
    found: Sequence[Place] = (),
    refused: Sequence[RefusedUpload] = (),
) -> web.Response:
    wrong = bool(errors or refused)
    unit = await service.invited(session, form.unit_code)
    followed = await exemplars.one(session, form.follows) if form.follows else None
    return page(
        request, "deeds/tell.html", status=422 if wrong else 200, form=form, told=form.told,
        signed=tell_form.sign(services(request).vault, form), errors=errors or {},
        places=[(one.code, places.full_name(one)) for one in found],
        as_written=tell_form.AS_WRITTEN, refused_files=refused,
        lists=await forms.form_of(session), unit=unit.name if unit else "",
        followed=followed.words.title if followed else "", kinds=_KINDS,
        relations=_RELATIONS, known=_KNOWN, words=_say(request),
        longest=forms.LONGEST_WORDS, most_files=forms.MOST_FILES,
    )  # fmt: skip


def _say(request: web.Request) -> object:
    locale = locale_of(request)
    return lambda told: i18n.words(told, locale)


# Reading back


@routes.post("/viectot")
@own_session
async def read_back(request: web.Request) -> web.Response:
    known = services(request)
    posted = await read_form(request, admit=lambda _: admit_file(request))
    held = tell_form.unsign(known.vault, posted["draft"]) or tell_form.new_form()
    form, errors, found = tell_form.filled(held, posted, known.clock())
    files, why = await add_files(
        request, form.files, posted, forms.MOST_FILES, "deeds-too-many-files"
    )
    form = replace(form, files=files)
    if why is not None:
        errors["files"] = why
    async with known.db.reading() as session:
        forms.fitting(await forms.form_of(session), form.told)
        if not form.told.what and "what" not in errors and not await _voice(session, form):
            errors["what"] = Reply("deeds-needs-words")
        if errors or posted.refused:
            return await _form_page(request, session, form, errors, found, posted.refused)
        return await _review_page(request, session, form)


async def _voice(session: AsyncSession, form: Form) -> str:
    """The first of its files that can be listened to; it answers in place of words."""
    found: str | None = await session.scalar(
        select(StoredFile.id)
        .where(StoredFile.id.in_(form.file_ids), StoredFile.kind == "audio")
        .order_by(StoredFile.taken_at, StoredFile.id)
        .limit(1)
    )
    return found or ""


async def _review_page(
    request: web.Request, session: AsyncSession, form: Form, problem: Reply | None = None
) -> web.Response:
    known, told = services(request), form.told
    office = await service.office_for(session, form.unit_code)
    lists, locale = await forms.form_of(session), locale_of(request)
    alike = await similar.find(session, known.vault, told)
    place = cards.place_of(told.province, told.commune)
    return page(
        request, "deeds/tell_review.html", status=422 if problem else 200, form=form, told=told,
        signed=tell_form.sign(known.vault, form), problem=problem,
        where="; ".join(filter(None, (place, "" if place else told.place))),
        field=_name_of(lists.fields, told.field_code, locale),
        groups=[one.name(locale) for one in lists.groups if one.code in told.groups],
        kind=Word(f"tell-kind-{SubjectKind(told.kind)}"),
        relation=Word(f"tell-relation-{Relation(told.relation)}"),
        agreed=Word(f"tell-known-{Known(told.agreed)}"), words=_say(request), another=NONE,
        alike=[
            (one.deed, cards.place_name(one.deed), _shared(one),
             _name_of(lists.fields, one.deed.field_code or "", locale))
            for one in alike
        ],
        warning=office.denunciation_office or office.name
        if looks_like_denunciation(told.what) else "",
    )  # fmt: skip


def _name_of(options: Sequence[forms.Option], code: str, locale: str) -> str:
    return next((one.name(locale) for one in options if one.code == code), "")


def _shared(one: Similar) -> Word:
    return Word(f"tell-shares-{one.shared}")


# Sending


@routes.post("/viectot/send")
@own_session
async def send(request: web.Request) -> web.Response:
    known, posted = services(request), await read_form(request)
    form = tell_form.unsign(known.vault, posted["draft"])
    if form is None:
        raise UserError("tell_pages-start-again")
    alike: set[str] = set()
    async with known.db.reading() as session:
        if posted["action"] == "change":
            return await _form_page(request, session, form)
        # What was sent already would be found to be like itself.
        if posted["action"] != "cancel" and not await _filed_before(session, known.vault, form):
            alike = {one.deed.id for one in await similar.find(session, known.vault, form.told)}
            if alike and posted["joins"] not in alike | {NONE}:
                problem = Reply("tell_pages-same-or-not")
                return await _review_page(request, session, form, problem)
    if posted["action"] == "cancel":
        await _drop(request, form)
        return page(request, "deeds/tell_dropped.html")
    joins = posted["joins"] if posted["joins"] in alike else None
    return await _sent(request, form, joins)


@dataclass(frozen=True)
class Sent:
    code: str
    at: datetime
    joined: bool
    repeated: bool = False
    """It had been filed before; this is one more code of the same report."""


async def _sent(request: web.Request, form: Form, joins: str | None) -> web.Response:
    try:
        try:
            sent = await _file(request, form, joins)
        except IntegrityError:  # The same form, sent twice at once, on two connections.
            sent = await _file(request, form, joins)
    except UserError as error:
        async with services(request).db.reading() as session:
            return await _review_page(request, session, form, error.reply)
    link = f"{services(request).settings.links}/tracuu#{sent.code}"
    return page(request, "deeds/tell_receipt.html", sent=sent, qr=receipts.qr_svg(link))


async def _file(request: web.Request, form: Form, joins: str | None) -> Sent:
    known, source = services(request), source_of(request)
    now, vault = known.clock(), known.vault
    async with known.db.transaction() as session:
        earlier = await _filed_before(session, vault, form)
        if earlier is not None:
            return await _again(session, vault, earlier, now)
        await service.refuse_flood(session, source, now)
        told = replace(form.told, files=form.file_ids)
        if not told.what and (voice := await _voice(session, form)):
            told.voices = {"what": voice}
        author = Author(
            CHANNEL, locale_of(request), f"form:{source.hex()}", unit_code=form.unit_code,
            person_id=await _teller(session, vault, form, now),
        )  # fmt: skip
        filed = await service.report(session, vault, told, author, now, joins=joins)
        if form.follows:
            await repeats.follow(session, filed, form.follows, now)
        # The form's own token lies among the receipts as one that no code opens: it is unique, so
        # that a form files once.
        session.add(
            Receipt(
                id=new_id(), digest=_mark(vault, form), subject_kind=service.RECEIPT,
                subject_id=filed.report.id, made_at=now,
            )
        )  # fmt: skip
        await session.flush()
    return Sent(filed.code, now, joined=joins is not None)


async def _teller(session: AsyncSession, vault: Vault, form: Form, now: datetime) -> str | None:
    if not form.teller:
        return None
    person = identity.new_person(session, vault, now)
    await session.flush()
    identity.seal_identity(vault, person, name=form.teller)
    if form.telephone:
        identity.seal_identity(vault, person, telephone=form.telephone)
    return person.id


def _mark(vault: Vault, form: Form) -> bytes:
    return vault.fingerprint("deed-form", form.token)


async def _filed_before(session: AsyncSession, vault: Vault, form: Form) -> Receipt | None:
    found: Receipt | None = await session.scalar(
        select(Receipt).where(Receipt.digest == _mark(vault, form))
    )
    return found


async def _again(session: AsyncSession, vault: Vault, earlier: Receipt, now: datetime) -> Sent:
    """The answer to a form sent twice: the first answer may never have reached its reader."""
    row = await session.get(DeedReport, earlier.subject_id)
    if row is None or row.state == ReportState.ERASED:
        raise UserError("tell_pages-start-again")
    code = await receipts.issue(session, vault, service.RECEIPT, row.id, now)
    return Sent(code, earlier.made_at, joined=row.number > 1, repeated=True)


async def _drop(request: web.Request, form: Form) -> None:
    """Deletes the rows of the files of a form that is given up; their bytes are swept later."""
    async with services(request).db.transaction() as session:
        named = select(DeedFile.file_id).where(DeedFile.file_id.in_(form.file_ids))
        await session.execute(
            delete(StoredFile).where(
                StoredFile.id.in_(form.file_ids), StoredFile.id.not_in(named),
                StoredFile.public.is_(False),
            )
        )  # fmt: skip
