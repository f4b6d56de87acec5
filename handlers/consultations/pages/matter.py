"""A matter of the restricted lane, as whoever holds its receipt meets it again.

    POST /tracuu/matter   adds words and files, erases

Of what it says nothing is shown: a receipt that is found in a drawer must not tell who denounced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.replies import Reply, UserError
from bot.uploads import RefusedUpload
from bot.web.posted import Posted, keep_files, read_form
from bot.web.server import own_session, services
from handlers.consultations import erasing, service, uploads
from handlers.consultations.pages.consultations import show
from handlers.consultations.pages.form import (
    OPEN_SECONDS,
    admit_holder,
    confirm,
    count_act,
)
from storage.models.consultations import MatterState, Receipt, RestrictedMatter

routes = web.RouteTableDef()
_PURPOSE = "matter"


def matter_page(
    request: web.Request,
    matter: RestrictedMatter,
    receipt_id: str,
    *,
    again: tuple[str, str] | None = None,
    done: Reply | None = None,
    problem: Reply | None = None,
    refused: Sequence[RefusedUpload] = (),
    typed: str = "",
) -> web.Response:
    return show(
        request,
        "matter",
        status=422 if problem or refused else 200,
        matter=matter,
        signed=services(request).vault.sign(_PURPOSE, receipt_id),
        again=again,
        done=done,
        problem=problem,
        refused_files=refused,
        typed=typed,
        longest=service.LONGEST_OPINION,
        most_files=service.MOST_FILES,
    )


@routes.post("/tracuu/matter")
@own_session
async def act(request: web.Request) -> web.Response:
    posted = await read_form(request, admit_holder(request, _PURPOSE))
    receipt_id = services(request).vault.unsign(_PURPOSE, posted[_PURPOSE], OPEN_SECONDS)
    matter = await _reopened(request, receipt_id) if receipt_id else None
    if receipt_id is None or matter is None:
        return show(request, "ask_code", status=422, problem=Reply("pages-case-expired"))
    match posted["action"]:
        case "add":
            return await _added(request, receipt_id, matter, posted)
        case "erase":
            asked = Reply("pages-matter-erase-sure"), Reply("matter-ask-erase")
            yes = Reply("pages-erase-yes-button")
            return confirm(request, asked, yes, "erase", _PURPOSE, posted[_PURPOSE])
        case "erase-yes":
            return await _erased(request, receipt_id)
    return matter_page(request, matter, receipt_id)


async def _added(
    request: web.Request, receipt_id: str, matter: RestrictedMatter, posted: Posted
) -> web.Response:
    done, problem = None, posted.turned_away
    try:
        if not problem and not posted.refused:
            await _add(request, receipt_id, posted)
            done = Reply("pages-matter-added")
    except UserError as error:
        problem = error.reply
    return matter_page(
        request, matter, receipt_id, done=done, problem=problem, refused=posted.refused,
        typed="" if done else posted["text"],
    )  # fmt: skip


async def _add(request: web.Request, receipt_id: str, posted: Posted) -> None:
    known = services(request)
    now = known.clock()
    file_ids = [one.id for one in await keep_files(request, posted)]
    async with known.db.transaction() as session:
        matter = await _held(session, receipt_id)
        await count_act(request, session, now)
        await service.add_to_matter(session, known.vault, matter, posted["text"], file_ids, now)


async def _erased(request: web.Request, receipt_id: str) -> web.Response:
    known = services(request)
    now = known.clock()
    async with known.db.transaction() as session:
        matter = await _held(session, receipt_id)
        await count_act(request, session, now)
        file_ids = await erasing.erase_matter(session, known.vault, matter, now)
        unused = await uploads.discard(session, file_ids)
    for sha256 in unused:
        await asyncio.to_thread(known.store.delete, sha256)
    return show(request, "erased")


async def _reopened(request: web.Request, receipt_id: str) -> RestrictedMatter | None:
    async with services(request).db.reading() as session:
        return await _matter(session, receipt_id)


async def _held(session: AsyncSession, receipt_id: str) -> RestrictedMatter:
    """Locked until the commit. Raises UserError when it was erased meanwhile."""
    matter = await _matter(session, receipt_id)
    if matter is None:
        raise UserError("pages-start-again")
    return matter


async def _matter(session: AsyncSession, receipt_id: str) -> RestrictedMatter | None:
    found: RestrictedMatter | None = await session.scalar(
        select(RestrictedMatter)
        .join(Receipt, Receipt.subject_id == RestrictedMatter.id)
        .where(
            Receipt.id == receipt_id,
            Receipt.subject_kind == "matter",
            RestrictedMatter.state != MatterState.ERASED,
        )
        .with_for_update(of=RestrictedMatter)
        .execution_options(populate_existing=True)
    )
    return found
