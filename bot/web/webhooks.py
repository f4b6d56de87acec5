"""Where platforms knock: check, store, acknowledge; the rest happens later."""

from __future__ import annotations

import structlog
from aiohttp import web

from bot.channels.telegram_door import HEADER, NotAnUpdate, TelegramDoor
from bot.web.server import own_session, services

log = structlog.get_logger()
MOST_BYTES = 256 << 10


def telegram_route(door: TelegramDoor) -> web.RouteTableDef:
    routes = web.RouteTableDef()

    @routes.post(door.path)
    @own_session
    async def take_update(request: web.Request) -> web.Response:
        """401 without the secret; 200 for what is stored or can never be; 503 by CannotStore."""
        if not door.admits(request.headers.get(HEADER)):
            return web.Response(status=401)
        if (request.content_length or 0) > MOST_BYTES:
            return web.Response(status=413)
        body = await request.read()
        if len(body) > MOST_BYTES:
            return web.Response(status=413)
        try:
            arrival = door.arrival(body)
        except NotAnUpdate:
            log.warning("a webhook call was not an update", size=len(body))
            return web.Response()
        await services(request).door.store(arrival)
        return web.Response()

    return routes
