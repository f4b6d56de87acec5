"""Whether the service is well, for the one who watches it: no figure here tells of a person."""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from bot.clock import coverage_warning, load_calendar, local_day
from bot.web.server import own_session, services
from storage.models.traffic import InboxEvent, Installation, OutboxMessage, OutboxState

routes = web.RouteTableDef()
LATE = timedelta(minutes=2)


@routes.get("/health")
@own_session
async def tell_health(request: web.Request) -> web.Response:
    """200 when well, 503 when not; each line says what is wrong."""
    known = services(request)
    now, troubles = known.clock(), []
    try:
        async with known.db.transaction() as session:
            row = await session.get(Installation, 1, with_for_update=True)
            if row is None:
                troubles.append("database: not set up")
            oldest = await session.scalar(
                select(func.min(InboxEvent.received_at)).where(InboxEvent.done_at.is_(None))
            )
            if oldest and now - oldest > LATE:
                troubles.append("inbox: an event has waited for more than two minutes")
            late = await session.scalar(
                select(func.count()).where(
                    OutboxMessage.state == OutboxState.QUEUED, OutboxMessage.due_at < now - LATE
                )
            )
            if late:
                troubles.append(f"outbox: {late} messages are late")
            left = coverage_warning(await load_calendar(session), local_day(now))
            if left is not None:
                troubles.append(f"calendar: {left} days of the holiday table are left")
    except (SQLAlchemyError, OSError):
        troubles.append("database: cannot be written")
    return web.json_response(
        {"well": not troubles, "troubles": troubles}, status=503 if troubles else 200
    )
