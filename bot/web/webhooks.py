"""Where platforms knock: check, store, acknowledge; the rest happens later."""

from __future__ import annotations

import structlog
from aiohttp import web

from bot.channels.telegram_door import HEADER, NotAnUpdate, TelegramDoor
from bot.web import bodies
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
        body = await bodies.read(request.clone(client_max_size=MOST_BYTES), MOST_BYTES)
        try:
            arrival = door.arrival(body)
        except NotAnUpdate:
            log.warning("a webhook call was not an update", size=len(body))
            return web.Response()
        await services(request).door.store(arrival)
        return web.Response()

    return routes
