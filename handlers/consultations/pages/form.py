"""An opinion without JavaScript: the form, the reading back, the sending, the receipt.

    GET  /c/CODE/1/opinion   the form
    POST /c/CODE/1/opinion   checks it, takes the files in, reads it back
    POST /c/CODE/1/send      sends it | changes it | hands it to the restricted desk | drops it

Between the pages the opinion travels in a signed hidden field; nothing is stored but its files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot import receipts
from bot.concerns import looks_like_denunciation
from bot.limits import Limit, count, refuse_beyond
from bot.replies import Reply, UserError, Word
from bot.uploads import RefusedUpload
from bot.vault import Vault
from bot.web.posted import Admit, Posted, add_files, admit_file, read_form
from bot.web.server import locale_of, own_session, services, session_of, source_of
from handlers.consultations import seals, service, uploads
from handlers.consultations.pages import opinion_form
from handlers.consultations.pages.consultations import About, about_of, show
from handlers.consultations.pages.files import qr
from handlers.consultations.pages.opinion_form import Errors, Form
from storage.models.base import new_id
from storage.models.consultations import IdentityLevel, Opinion, OpinionState, Receipt, Stance

routes = web.RouteTableDef()
CHANNEL = "form"
SENT = Limit("form", 20, minutes=60)
"""Opinions from one address: a household or a small office, not a flood."""
SENT_OVERALL = Limit("form-all", 3000, minutes=10)
ACTED = Limit("form-case", 60, minutes=60)
OPEN_SECONDS = 1800
"""How long a page opened with a receipt can be acted on before the code must be typed again."""
_PLACE = r"/c/{code}/{number:\d{1,4}}"


# The form


@routes.get(_PLACE + "/opinion")
async def show_form(request: web.Request) -> web.Response:
    about = await about_of(request, session_of(request))
    if about.refused:
        return show(request, "refused", status=200, about=about)
    return _form_page(request, about, opinion_form.new_form(about.candidate.id))


def _form_page(
    request: web.Request,
    about: About,
    form: Form,
    errors: Errors | None = None,
    refused: Sequence[RefusedUpload] = (),
    status: int = 200,
) -> web.Response:
    return show(
        request,
        "form",
        status=status,
        about=about,
        form=form,
        signed=opinion_form.sign(services(request).vault, form),
        errors=errors or {},
        refused_files=refused,
        stances=[
            (one, Word(f"pages-stance-{one}"), Word(f"pages-stance-hint-{one}")) for one in Stance
        ],
        identities=[
            (one, Word(f"pages-identity-{one}"), Word(f"pages-identity-hint-{one}"))
            for one in IdentityLevel
        ],
        longest=service.LONGEST_OPINION,
        most_files=service.MOST_FILES,
    )


# Reading back


@routes.post(_PLACE + "/opinion")
@own_session
async def read_back(request: web.Request) -> web.Response:
    async with services(request).db.reading() as session:
        about = await about_of(request, session)
    posted = await read_form(request, admit=lambda _: admit_file(request))
    held = _held(request, posted, about)
    form, errors = opinion_form.filled(held or opinion_form.new_form(about.candidate.id), posted)
    form = await _with_files(request, form, posted, errors)
    if "text" not in errors and opinion_form.needs_words(form, bool(form.files)):
        errors["text"] = Reply("opinion-needs-words")
    if errors or posted.refused:
        return _form_page(request, about, form, errors, posted.refused, status=422)
    return _review_page(request, about, form, about.refused)


async def _with_files(request: web.Request, form: Form, posted: Posted, errors: Errors) -> Form:
    files, why = await add_files(
        request, form.files, posted, service.MOST_FILES, "opinion-too-many-files"
    )
    if why is not None:
        errors["files"] = why
    return replace(form, files=files)


def _review_page(
    request: web.Request, about: About, form: Form, problem: Reply | None
) -> web.Response:
    concern = looks_like_denunciation(form.text)
    return show(
        request,
        "review",
        status=422 if problem else 200,
        about=about,
        form=form,
        signed=opinion_form.sign(services(request).vault, form),
        stance=Word(f"pages-stance-{form.stance}"),
        identity=Word(f"pages-identity-{form.identity}"),
        concern=concern,
        problem=problem,
    )


# Sending


@routes.post(_PLACE + "/send")
@own_session
async def send(request: web.Request) -> web.Response:
    async with services(request).db.reading() as session:
        about = await about_of(request, session)
    posted = await read_form(request)
    form = _held(request, posted, about)
    if form is None:
        raise UserError("pages-start-again")
    match posted["action"]:
        case "change":
            return _form_page(request, about, form)
        case "cancel":
            await _drop(request, form)
            return show(request, "cancelled", about=about)
    return await _sent(request, about, form, as_matter=posted["action"] == "matter")


async def _sent(request: web.Request, about: About, form: Form, as_matter: bool) -> web.Response:
    try:
        try:
            sent = await _file(request, form, as_matter)
        except IntegrityError:  # The same form, sent twice at once, on two connections.
            sent = await _file(request, form, as_matter)
    except UserError as error:
        return _review_page(request, about, form, error.reply)
    return show(
        request,
        "receipt",
        about=about,
        form=form,
        sent=sent,
        qr=qr(receipt_link(request, sent.code)),
        stance=Word(f"pages-stance-{form.stance}"),
    )


@dataclass(frozen=True)
class Sent:
    code: str
    at: datetime
    is_matter: bool
    in_window: bool
    seal: str = ""
    """Of an opinion; what goes to the restricted lane stands in no published list."""
    repeated: bool = False
    """It had been filed before; this is one more code of the same opinion."""


async def _file(request: web.Request, form: Form, as_matter: bool) -> Sent:
    known, source = services(request), source_of(request)
    now = known.clock()
    async with known.db.transaction() as session:
        earlier = await _filed_before(session, known.vault, form)
        if earlier is not None:
            return await _again(session, known.vault, earlier, now)
        await refuse_beyond(session, SENT, source, now)
        await refuse_beyond(session, SENT_OVERALL, b"", now)
        draft = await opinion_form.draft(session, known.vault, form, now)
        author = service.Author(CHANNEL, locale_of(request))
        if as_matter:
            code = await service.hand_over_matter(session, known.vault, draft, author, now)
            sent = Sent(code, now, is_matter=True, in_window=True)
            await _remember(
                session, known.vault, form, await _subject(session, known.vault, code), now
            )
        else:
            filed = await service.give_opinion(session, known.vault, draft, author, now)
            said = filed.opinion
            sent = Sent(filed.code, now, False, said.in_window, seals.of(said))
            await _remember(session, known.vault, form, ("opinion", said.id), now)
        await count(session, SENT, source, now)
        await count(session, SENT_OVERALL, b"", now)
    return sent


# The form's own token lies among the receipts as one that no code opens: unique, so that a form
# files once, and pointing at what it filed, so that who sends it again is answered with a code.


def _mark(vault: Vault, form: Form) -> bytes:
    return vault.fingerprint("opinion-form", form.token)


async def _filed_before(session: AsyncSession, vault: Vault, form: Form) -> Receipt | None:
    found: Receipt | None = await session.scalar(
        select(Receipt).where(Receipt.digest == _mark(vault, form))
    )
    return found


async def _subject(session: AsyncSession, vault: Vault, code: str) -> tuple[str, str]:
    await session.flush()
    found = await service.look_up(session, vault, code)
    if found is None:
        raise LookupError("a receipt made a moment ago is not there")
    return found.receipt.subject_kind, found.receipt.subject_id


async def _remember(
    session: AsyncSession, vault: Vault, form: Form, subject: tuple[str, str], now: datetime
) -> None:
    kind, subject_id = subject
    session.add(
        Receipt(
            id=new_id(), digest=_mark(vault, form), subject_kind=kind, subject_id=subject_id,
            made_at=now,
        )
    )  # fmt: skip
    await session.flush()


async def _again(session: AsyncSession, vault: Vault, earlier: Receipt, now: datetime) -> Sent:
    """The answer to a form sent twice: the first answer may never have reached its reader."""
    is_matter = earlier.subject_kind == "matter"
    opinion = None if is_matter else await session.get(Opinion, earlier.subject_id)
    if opinion is not None and opinion.state == OpinionState.ERASED:
        raise UserError("pages-start-again")
    code = await receipts.issue(session, vault, earlier.subject_kind, earlier.subject_id, now)
    return Sent(
        code,
        earlier.made_at,
        is_matter,
        opinion is None or opinion.in_window,
        seals.of(opinion) if opinion and seals.is_listed(opinion) else "",
        repeated=True,
    )


async def _drop(request: web.Request, form: Form) -> None:
    """Deletes the files of a form that is given up; not those of one already sent."""
    known = services(request)
    async with known.db.transaction() as session:
        if await _filed_before(session, known.vault, form) is not None:
            return
        unused = await uploads.discard(session, form.file_ids)
    for sha256 in unused:
        await asyncio.to_thread(known.store.delete, sha256)


# What forms share


def admit_holder(request: web.Request, purpose: str) -> Admit:
    """Files are looked at only beside a pass of this purpose, in the field named after it."""

    async def admit(fields: Mapping[str, str]) -> None:
        if services(request).vault.unsign(purpose, fields.get(purpose, ""), OPEN_SECONDS) is None:
            raise UserError("pages-case-expired")
        await admit_file(request)

    return admit


def confirm(
    request: web.Request,
    asked: tuple[Reply, Reply],
    yes: Reply,
    action: str,
    purpose: str,
    signed: str,
) -> web.Response:
    """Asks once more, in a title and a sentence, before what cannot be undone."""
    title, text = asked
    return show(
        request, "confirm", title=title, text=text, yes=yes, action=action, purpose=purpose,
        signed=signed,
    )  # fmt: skip


async def count_act(request: web.Request, session: AsyncSession, now: datetime) -> None:
    """One more act with a receipt. Raises UserError beyond the limit."""
    source = source_of(request)
    await refuse_beyond(session, ACTED, source, now)
    await count(session, ACTED, source, now)


def _held(request: web.Request, posted: Posted, about: About) -> Form | None:
    return opinion_form.unsign(services(request).vault, posted["draft"], about.candidate.id)


def receipt_link(request: web.Request, code: str) -> str:
    """What the receipt's picture holds. A browser sends no server what follows the hash sign."""
    return f"{services(request).settings.links}/tracuu#{code}"
