"""Public pages of figures. Each says of which period, when it was made and what is counted [X6].

GET /phongtrao          every movement
GET /phongtrao/{code}   one: what it is, who takes part, and its figures
GET /aiduockhen         who is praised, by group, level, place and month; ?nam=2026, ?coquan=AH
"""

from __future__ import annotations

from aiohttp import web
from sqlalchemy import select

from bot.clock import local_day
from bot.replies import UserError, Word
from bot.web.server import locale_of, page, services, session_of
from handlers.deeds.figures import movements, praised
from storage.models.office import Office

routes = web.RouteTableDef()
EARLIEST = 2000


@routes.get("/phongtrao")
async def list_movements(request: web.Request) -> web.Response:
    session, now = session_of(request), services(request).clock()
    day, locale = local_day(now), locale_of(request)
    found = await movements.standings(session, await movements.listed(session, day))
    return page(
        request, "deeds/movements.html", now=now,
        running=[one for one in found if movements.is_running(one.movement, day)],
        others=[one for one in found if not movements.is_running(one.movement, day)],
        name=lambda movement: movements.name(movement, locale),
    )  # fmt: skip


@routes.get("/phongtrao/{code:[A-Z][A-Z0-9_]{1,31}}")
async def show_movement(request: web.Request) -> web.Response:
    session, now, locale = session_of(request), services(request).clock(), locale_of(request)
    try:
        movement = await movements.by_code(session, request.match_info["code"])
    except UserError:
        raise web.HTTPNotFound from None
    (found,) = await movements.standings(session, [movement])
    groups = await movements.participants(session, movement, locale)
    kinds = [Word(f"units-kind-{kind}") for kind in movements.kinds(movement)]
    stages = [(Word(f"movements-stage-{stage}"), count) for stage, count in found.by_stage]
    return page(
        request, "deeds/movement.html", found=found, movement=movement, now=now, stages=stages,
        name=movements.name(movement, locale), takes_part=[*kinds, *groups],
        running=movements.is_running(movement, local_day(now)),
    )  # fmt: skip


@routes.get("/aiduockhen")
async def show_praised(request: web.Request) -> web.Response:
    session, now = session_of(request), services(request).clock()
    offices = (await session.scalars(select(Office).order_by(Office.code))).all()
    asked = request.query.get("coquan", "")
    office = next((one for one in offices if one.code == asked), offices[0] if offices else None)
    if office is None:
        raise web.HTTPNotFound
    typed, this_year = request.query.get("nam", ""), local_day(now).year
    year = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) == 4 else this_year
    period = praised.year(min(max(year, EARLIEST), this_year))
    found = await praised.figures(session, office.id, period, locale_of(request), now)
    return page(
        request, "deeds/praised.html", found=praised.for_the_public(found), office=office,
        offices=offices, year=period.first.year, this_year=this_year, small=praised.SMALL,
        earliest=EARLIEST,
    )  # fmt: skip
