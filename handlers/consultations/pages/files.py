"""What a page points to: QR codes, the closing as a calendar entry, an office's own files."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from aiohttp import web
from icalendar import Alarm, Calendar, Event

from bot import i18n, receipts
from bot.clock import VIETNAM
from bot.replies import Until
from bot.web.server import locale_of, services, session_of
from handlers.consultations import lifecycle, seals, service
from handlers.consultations.pages.consultations import consultation_of, path_of
from storage.models.consultations import Consultation, Openness
from storage.models.traffic import StoredFile

routes = web.RouteTableDef()
_SIZE = re.compile(r'<svg width="(\d+)" height="(\d+)"')
_SHOWN_IN_PAGES = ("image/jpeg", "image/png", "image/webp")
_ALARM_BEFORE = timedelta(days=1)
_ENTRY_LENGTH = timedelta(hours=1)


def qr(payload: str) -> str:
    """An <svg> that grows and shrinks with its place, in a page or in a file of its own."""
    return _SIZE.sub(
        r'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \1 \2"', receipts.qr_svg(payload)
    )


@routes.get("/c/{code}/qr.svg")
async def draw_consultation(request: web.Request) -> web.Response:
    asked = await consultation_of(request, session_of(request))
    return _drawn(request, path_of(asked))


@routes.get(r"/c/{code}/{number:\d{1,4}}/qr.svg")
async def draw_candidate(request: web.Request) -> web.Response:
    asked = await consultation_of(request, session_of(request))
    number = int(request.match_info["number"])
    if all(one.number != number for one in asked.candidates):
        raise web.HTTPNotFound
    return _drawn(request, f"{path_of(asked)}/{number}")


def _drawn(request: web.Request, path: str) -> web.Response:
    drawn = qr(services(request).settings.links + path)
    return web.Response(
        body=drawn.encode(),
        content_type="image/svg+xml",
        headers={"Cache-Control": "public, max-age=3600"},
    )


# The seals


def seals_link(asked: Consultation) -> str:
    return f"{path_of(asked)}/seals.txt"


@routes.get("/c/{code}/seals.txt")
async def give_seals(request: web.Request) -> web.Response:
    """One seal a line under a heading in words; only when nothing more is taken."""
    session, now = session_of(request), services(request).clock()
    asked = await consultation_of(request, session)
    if asked.openness(now) is not Openness.CLOSED:
        raise web.HTTPNotFound
    listed = await seals.published(session, asked)
    heading = i18n.say(
        locale_of(request), "pages-seals-heading", title=asked.title, code=asked.code, at=now,
        n=len(listed),
    )  # fmt: skip
    text = "".join(f"# {line}\n" for line in heading.splitlines())
    return web.Response(text=text + "".join(f"{one}\n" for one in listed))


# The calendar


@routes.get("/c/{code}/closing.ics")
async def give_closing(request: web.Request) -> web.Response:
    session = session_of(request)
    asked = await consultation_of(request, session)
    if asked.closes_at is None:
        raise web.HTTPNotFound
    moves = len(await lifecycle.changes(session, asked))
    entry = await _entry(request, asked, asked.closes_at, moves)
    # The time zone's definition is searched for in the zone files: not on the event loop.
    body = await asyncio.to_thread(_calendar, entry, locale_of(request))
    return web.Response(
        body=body,
        headers={
            "Content-Type": "text/calendar; charset=utf-8",
            "Content-Disposition": _disposition("attachment", f"{asked.code}.ics"),
        },
    )


async def _entry(
    request: web.Request, asked: Consultation, closes_at: datetime, moves: int
) -> Event:
    """The last hour before the close; a later download replaces it when the end has moved."""
    office = await service.receiver_of(session_of(request), asked)
    link = services(request).settings.links + path_of(asked)
    told: dict[str, Any] = {
        "title": asked.title,
        "closes": Until(closes_at),
        "office": office.name,
    }
    locale = locale_of(request)
    summary = i18n.say(locale, "pages-calendar-summary", **told)
    entry = Event()
    entry.add("uid", f"{asked.id}@neuguong")
    entry.add("sequence", moves)
    entry.add("dtstamp", services(request).clock().astimezone(UTC))
    entry.add("dtstart", (closes_at - _ENTRY_LENGTH).astimezone(VIETNAM))
    entry.add("dtend", closes_at.astimezone(VIETNAM))
    entry.add("summary", summary)
    entry.add("description", i18n.say(locale, "pages-calendar-description", link=link, **told))
    entry.add("url", link)
    entry.add("transp", "TRANSPARENT")
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", summary)
    alarm.add("trigger", -_ALARM_BEFORE)
    entry.add_component(alarm)
    return entry


def _calendar(entry: Event, locale: str) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", f"-//neuguong//consultations//{locale.upper()}")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(entry)
    calendar.add_missing_timezones()
    body: bytes = calendar.to_ical()
    return body


# Files


@routes.get("/files/{id:[0-9a-z]{20}}")
async def give_file(request: web.Request) -> web.StreamResponse:
    """Only what an office published; what citizens send is never reached from here."""
    row = await session_of(request).get(StoredFile, request.match_info["id"])
    if row is None or not row.public:
        raise web.HTTPNotFound
    path = services(request).store.path(row.sha256)
    if not await asyncio.to_thread(path.is_file):
        raise web.HTTPNotFound
    shown = "inline" if row.mime in _SHOWN_IN_PAGES else "attachment"
    return web.FileResponse(
        path,
        headers={
            "Content-Type": row.mime,
            "Content-Disposition": _disposition(shown, row.name),
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "public, max-age=3600",
        },
    )


def _disposition(kind: str, name: str) -> str:
    """RFC 6266: the real name in UTF-8, and a plain one for whoever cannot read that."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name.encode("ascii", "ignore").decode()) or "file"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
