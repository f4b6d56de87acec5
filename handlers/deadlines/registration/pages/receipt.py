"""Where a hand-in stands, opened with its receipt's code on the page that takes codes."""

from __future__ import annotations

from aiohttp import web

from bot import receipts
from bot.replies import Word
from bot.web.server import services, session_of
from handlers.deadlines.registration import service
from handlers.deadlines.registration.pages.form import show

routes = web.RouteTableDef()


@routes.get("/tracuu/submission/{signed}")
async def show_standing(request: web.Request) -> web.Response:
    """Old or forged, the pass leads back to where the code is typed."""
    session, vault = session_of(request), services(request).vault
    receipt = await receipts.passed(session, vault, request.match_info["signed"], service.RECEIPT)
    found = await service.standing(session, receipt) if receipt else None
    if found is None:
        raise web.HTTPSeeOther("/tracuu")
    return show(request, "standing", found=found, state=Word(f"duty-{found.duty.state}"))
