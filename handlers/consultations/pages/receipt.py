"""Back with the receipt: where an opinion stands, questions, more evidence, withdrawing, erasing.

    GET  /tracuu          asks for the code
    POST /tracuu          opens what it is of
    POST /tracuu/case     answers, changes, withdraws, erases
    POST /tracuu/matter   the same of the restricted lane: see matter.py

The code is never in an address: the page it opened carries a signed, short-lived pass instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from bot import receipts
from bot.limits import count
from bot.replies import Reply, UserError, Word
from bot.uploads import RefusedUpload
from bot.web.posted import Posted, keep_files, read_form
from bot.web.server import locale_of, own_session, services, source_of
from handlers.consultations import erasing, seals, service, uploads
from handlers.consultations.pages.consultations import award_name, show
from handlers.consultations.pages.files import qr, seals_link
from handlers.consultations.pages.form import (
    CHANNEL,
    OPEN_SECONDS,
    admit_holder,
    confirm,
    count_act,
    receipt_link,
)
from handlers.consultations.pages.matter import matter_page
from storage.models.consultations import (
    LIVE_STATES,
    Candidate,
    CaseMessage,
    Openness,
    Opinion,
    OpinionFile,
    OpinionState,
    Receipt,
    Stance,
)
from storage.models.traffic import StoredFile

routes = web.RouteTableDef()
_PURPOSE = "case"


@dataclass(frozen=True)
class Case:
    """An opinion as its author sees it again."""

    opinion: Opinion
    office: service.Receiver
    award: str
    said: Sequence[CaseMessage]
    files: Sequence[str]
    open: bool
    """It can still be changed and withdrawn."""
    seals: str
    """Where the list of seals is published; empty before the close."""

    @property
    def state(self) -> Word:
        return Word(f"pages-case-{self.opinion.state}")

    @property
    def seal(self) -> str:
        return seals.of(self.opinion) if seals.is_listed(self.opinion) else ""

    @property
    def stance(self) -> Word:
        return Word(f"pages-stance-{self.opinion.stance}")

    @property
    def identity(self) -> Word:
        return Word(f"pages-identity-{self.opinion.identity}")

    @property
    def ended(self) -> bool:
        return self.opinion.state == OpinionState.WITHDRAWN

    @property
    def waits_for_author(self) -> bool:
        return bool(self.said) and self.said[-1].from_office and not self.ended


# The code


@routes.get("/tracuu")
async def ask_code(request: web.Request) -> web.Response:
    return show(request, "ask_code", problem=None)


@routes.post("/tracuu")
@own_session
async def open_case(request: web.Request) -> web.Response:
    typed = (await read_form(request))["code"]
    known, source = services(request), source_of(request)
    now = known.clock()
    async with known.db.transaction() as session:
        try:
            await receipts.refuse_guessing(session, source, now)
        except UserError as error:
            return show(request, "ask_code", status=429, problem=error.reply)
        receipt = await receipts.find(session, known.vault, typed)
        if receipt is not None and not service.is_ours(receipt):
            # Whoever gave the code has a page of that name.
            signed = receipts.sign_pass(known.vault, receipt)
            raise web.HTTPSeeOther(f"/tracuu/{receipt.subject_kind}/{signed}")
        found = await service.opened_by(session, receipt, typed) if receipt else None
        if found is None:
            await count(session, receipts.WRONG_CODES, source, now)
            problem = Reply("pages-code-unknown")
            return show(request, "ask_code", status=422, problem=problem)
        if found.first_return:
            found.receipt.returned_at = now
        case = await _case(request, session, found.opinion, now) if found.opinion else None
    again = found.code if found.first_return else None
    if found.matter is not None:
        return matter_page(request, found.matter, found.receipt.id, again=_again(request, again))
    assert case is not None
    return _case_page(request, case, found.receipt.id, again=again)


def _again(request: web.Request, code: str | None) -> tuple[str, str] | None:
    """The code and its picture once more, on the first return alone."""
    return (code, qr(receipt_link(request, code))) if code else None


def _case_page(
    request: web.Request,
    case: Case,
    receipt_id: str,
    *,
    again: str | None = None,
    done: Reply | None = None,
    problem: Reply | None = None,
    refused: Sequence[RefusedUpload] = (),
    typed: str = "",
) -> web.Response:
    return show(
        request,
        "case",
        status=422 if problem or refused else 200,
        case=case,
        opinion=case.opinion,
        signed=services(request).vault.sign(_PURPOSE, receipt_id),
        done=done,
        problem=problem,
        refused_files=refused,
        typed=typed,
        stances=[(one, Word(f"pages-stance-{one}")) for one in Stance],
        longest=service.LONGEST_OPINION,
        most_files=service.MOST_FILES,
        again=_again(request, again),
    )


async def _case(
    request: web.Request, session: AsyncSession, opinion: Opinion, now: datetime
) -> Case:
    names = await session.scalars(
        select(StoredFile.name)
        .join(OpinionFile, OpinionFile.file_id == StoredFile.id)
        .where(OpinionFile.opinion_id == opinion.id)
        .order_by(StoredFile.taken_at, StoredFile.id)
    )
    live = opinion.state in (*LIVE_STATES, OpinionState.RESTRICTED)
    openness = opinion.consultation.openness(now)
    return Case(
        opinion,
        await service.receiver_of(session, opinion.consultation),
        award_name(request, opinion.candidate.award),
        await service.questions(session, opinion),
        names.all(),
        live and openness is Openness.OPEN,
        seals_link(opinion.consultation) if openness is Openness.CLOSED else "",
    )


# Acting on it


@dataclass(frozen=True)
class Asked:
    """What the author wants done, as it was posted."""

    action: str
    text: str
    stance: str
    files: Sequence[str] = ()


@routes.post("/tracuu/case")
@own_session
async def act(request: web.Request) -> web.Response:
    known = services(request)
    posted = await read_form(request, admit_holder(request, _PURPOSE))
    receipt_id = known.vault.unsign(_PURPOSE, posted["case"], OPEN_SECONDS)
    case = await _reopened(request, receipt_id) if receipt_id else None
    if receipt_id is None or case is None:
        return show(request, "ask_code", status=422, problem=Reply("pages-case-expired"))
    action = posted["action"]
    if action in ("withdraw", "erase"):
        return _confirm(request, action, posted["case"])
    done, problem = await _acted(request, receipt_id, posted)
    if done and done.key == "pages-case-erased":
        return show(request, "erased")
    case = await _reopened(request, receipt_id) or case
    typed = posted["text"] if (problem or posted.refused) and action == "answer" else ""
    return _case_page(
        request, case, receipt_id, done=done, problem=problem, refused=posted.refused, typed=typed
    )


def _confirm(request: web.Request, action: str, signed: str) -> web.Response:
    if action == "erase":
        asked = Reply("pages-erase-title"), Reply("pages-erase-text")
        return confirm(request, asked, Reply("pages-erase-yes-button"), action, "case", signed)
    asked = Reply("pages-withdraw-title"), Reply("pages-withdraw-text")
    return confirm(request, asked, Reply("pages-withdraw-yes-button"), action, "case", signed)


async def _acted(
    request: web.Request, receipt_id: str, posted: Posted
) -> tuple[Reply | None, Reply | None]:
    """What was done, or why nothing was."""
    if posted.turned_away or posted.refused:
        return None, posted.turned_away
    asked = Asked(posted["action"], posted["text"], posted["stance"])
    try:
        if asked.action in ("answer", "replace"):
            asked = replace(asked, files=[one.id for one in await keep_files(request, posted)])
        return await _do(request, receipt_id, asked), None
    except UserError as error:
        return None, error.reply


async def _reopened(request: web.Request, receipt_id: str) -> Case | None:
    known = services(request)
    async with known.db.reading() as session:
        opinion = await _opinion(session, receipt_id)
        return await _case(request, session, opinion, known.clock()) if opinion else None


async def _opinion(session: AsyncSession, receipt_id: str) -> Opinion | None:
    found: Opinion | None = await session.scalar(
        select(Opinion)
        .join(Receipt, Receipt.subject_id == Opinion.id)
        .where(
            Receipt.id == receipt_id,
            Receipt.subject_kind == "opinion",
            Opinion.state != OpinionState.ERASED,
        )
        .options(
            selectinload(Opinion.candidate).selectinload(Candidate.award),
            selectinload(Opinion.consultation),
        )
        .with_for_update(of=Opinion)
        .execution_options(populate_existing=True)
    )
    return found


async def _do(request: web.Request, receipt_id: str, asked: Asked) -> Reply | None:
    """One act in one transaction. Raises UserError; None for nothing known."""
    known = services(request)
    now, unused = known.clock(), []
    async with known.db.transaction() as session:
        opinion = await _opinion(session, receipt_id)
        if opinion is None:
            raise UserError("pages-start-again")
        await count_act(request, session, now)
        match asked.action:
            case "answer":
                done = await _answer(session, opinion, asked, now)
            case "replace":
                done = await _replace(request, session, opinion, asked, now)
            case "withdraw-yes":
                await service.withdraw(session, opinion, now)
                done = Reply("pages-case-withdrawn-now")
            case "erase-yes":
                file_ids = await erasing.erase(session, known.vault, opinion, now)
                unused = await uploads.discard(session, file_ids)
                done = Reply("pages-case-erased")
            case _:
                return None
    for sha256 in unused:
        await asyncio.to_thread(known.store.delete, sha256)
    return done


async def _answer(session: AsyncSession, opinion: Opinion, asked: Asked, now: datetime) -> Reply:
    said = await service.questions(session, opinion)
    words = service.checked_text(asked.text)
    repeated = said and not said[-1].from_office and said[-1].text == words and not asked.files
    if not repeated:
        await service.answer_office(session, opinion, words, asked.files, now)
    return Reply("pages-case-answered")


async def _replace(
    request: web.Request, session: AsyncSession, opinion: Opinion, asked: Asked, now: datetime
) -> Reply:
    if opinion.state == OpinionState.WITHDRAWN:
        raise UserError("opinion-already-withdrawn")
    if asked.stance not in Stance.__members__.values():
        raise UserError("pages-error-stance")
    words, stance = service.checked_text(asked.text), Stance(asked.stance)
    if (words, stance) != (opinion.text, opinion.stance) or asked.files:
        draft = service.Draft(
            opinion.candidate_id, stance, words, list(asked.files), opinion.identity,
            opinion.person_id,
        )  # fmt: skip
        author = service.Author(CHANNEL, locale_of(request))
        await service.give_opinion(session, services(request).vault, draft, author, now, opinion)
    return Reply("pages-case-replaced")
