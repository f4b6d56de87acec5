"""How a good deed goes on, opened with its receipt's code on the page that takes codes."""

from __future__ import annotations

from aiohttp import web

from bot import receipts
from bot.replies import Word
from bot.web.server import page, services, session_of
from handlers.deeds import service

routes = web.RouteTableDef()


@routes.get("/tracuu/deed/{signed}")
async def show_standing(request: web.Request) -> web.Response:
    """Old, forged or erased: back to where the code is typed."""
    session, vault = session_of(request), services(request).vault
    receipt = await receipts.passed(session, vault, request.match_info["signed"], service.RECEIPT)
    found = await service.standing(session, vault, receipt.subject_id) if receipt else None
    if found is None:
        raise web.HTTPSeeOther("/tracuu")
    state = Word(f"deeds-state-{found.state}")
    return page(request, "deeds/standing.html", found=found, state=state)
