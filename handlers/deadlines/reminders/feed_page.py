"""`/lich/TOKEN`: a person's own deadlines for their calendar app, and as a page that explains it.

The address is the key: nothing on the way may keep it or pass it on.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import urlsplit

from aiohttp import web

from bot.replies import Until, Word
from bot.web.server import own_session, page, services, session_of
from handlers.deadlines.reminders import calendar_feed, mine
from handlers.deadlines.reminders.calendar_feed import Content
from storage.models.deadlines import DutyState
from storage.models.reminders import CalendarFeed

routes = web.RouteTableDef()
_TOKEN = "{token:[A-Za-z0-9_-]{22,64}}"  # noqa: S105


@routes.get(f"/lich/{_TOKEN}.ics")
@own_session
async def give_calendar(request: web.Request) -> web.Response:
    """Only the tag decides whether it is new: a unit joined or left moves no date forward."""
    known = services(request)
    now = known.clock()
    async with known.db.reading() as session:
        feed = await calendar_feed.find(session, known.vault, request.match_info["token"])
        if feed is None:
            raise web.HTTPNotFound(headers=_PRIVATE)
        given = None if feed.revoked_at else await calendar_feed.content(session, feed)
    if given is None:
        return web.Response(status=410, headers=_PRIVATE)
    # The time zone's definition is searched for in the zone files: not on the event loop.
    body = await asyncio.to_thread(calendar_feed.ical, given, f"{known.settings.links}/chat")
    if feed.read_at is None or now - feed.read_at >= calendar_feed.READ_EVERY:
        async with known.db.transaction() as session:
            await calendar_feed.note_read(session, feed.id, now)
    return _calendar(request, body, given.changed_at)


def _calendar(request: web.Request, body: bytes, changed_at: datetime) -> web.Response:
    tag = f'"{calendar_feed.tag(body)}"'
    headers = {
        **_PRIVATE,
        "Cache-Control": "private, no-cache",
        "ETag": tag,
        "Last-Modified": format_datetime(changed_at, usegmt=True),
    }
    asked = [one.strip().removeprefix("W/") for one in _tags(request)]
    if tag in asked or "*" in asked:
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = "text/calendar; charset=utf-8"
    headers["Content-Disposition"] = 'inline; filename="lich.ics"'
    return web.Response(body=body, headers=headers)


def _tags(request: web.Request) -> list[str]:
    return request.headers.get("If-None-Match", "").split(",")


_PRIVATE = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow, noarchive"}


@routes.get(f"/lich/{_TOKEN}")
async def show(request: web.Request) -> web.Response:
    feed = await _feed(request)
    if feed.revoked_at:
        return _gone(request)
    known = services(request)
    given = await calendar_feed.content(session_of(request), feed)
    now = known.clock()
    address = f"{known.settings.links}{request.path}.ics"
    answer = page(
        request, "deadlines/feed.html", address=address, now=now,
        webcal=f"webcal://{urlsplit(address).netloc}{request.path}.ics",
        groups=_by_unit(given, now), until=Until, word=_state,
    )  # fmt: skip
    answer.headers.update(_PRIVATE)
    return answer


def _state(one: mine.Owed) -> Word:
    return Word(f"duty-{DutyState(one.duty.state)}")


def _by_unit(given: Content, now: datetime) -> list[tuple[str, list[mine.Owed]]]:
    """As in the chat; what was cancelled is in the calendar alone."""
    groups: dict[str, tuple[str, list[mine.Owed]]] = {}
    for one in mine.listed(given.owed, now):
        groups.setdefault(one.unit.id, (one.unit.name, []))[1].append(one)
    return list(groups.values())


@routes.post(f"/lich/{_TOKEN}")
async def revoke(request: web.Request) -> web.Response:
    feed, session = await _feed(request), session_of(request)
    await calendar_feed.revoke_all(session, feed.contact_id, services(request).clock())
    return _gone(request, status=200)


async def _feed(request: web.Request) -> CalendarFeed:
    token = request.match_info["token"]
    feed = await calendar_feed.find(session_of(request), services(request).vault, token)
    if feed is None:
        raise web.HTTPNotFound
    return feed


def _gone(request: web.Request, status: int = 410) -> web.Response:
    answer = page(request, "deadlines/feed_gone.html", status=status)
    answer.headers.update(_PRIVATE)
    return answer
