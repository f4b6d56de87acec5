"""The web chat's own doors: opened by a proof of work, then posts up and a stream down."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import altcha
from aiohttp import web
from aiohttp_sse import sse_response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import chat_lines, contacts, i18n, pictures, receipts
from bot.background import heard
from bot.inbox import Arrival, CannotStore
from bot.limits import Limit, count, refuse_beyond, source_of
from bot.media import MAX_FILE_BYTES, Refused, Stored, take_in
from bot.replies import UserError
from bot.text import tidy
from bot.web import bodies, server
from bot.web.server import Services, locale_of, own_session, page, services
from bot.web.streams import Full
from storage.models.base import new_id
from storage.models.people import Contact
from storage.models.traffic import SpentChallenge, StoredFile

routes = web.RouteTableDef()
CHANNEL, ACCOUNT = "webchat", "web"
COOKIE = "neuguong_chat"
COOKIE_SECONDS = 180 * 24 * 3600
LONGEST_TEXT = 8000
HASHES = 60, 2500
"""(cost, highest counter): about a second on a cheap phone."""
CHALLENGE_MINUTES = 20
SESSIONS = Limit("sessions", 60, minutes=60)
MESSAGES = Limit("messages", 60, minutes=1)
STREAM_SECONDS = 1.0
ALONE_SECONDS = 5.0
"""How often a stream looks by itself: other processes write without ringing this one's bell. On
SQLite there is none, and whatever writes a line rings."""


@dataclass(frozen=True)
class Visitor:
    """The browser behind the cookie: an address, and the contact it belongs to."""

    address: str
    lane: bytes
    contact_id: int


@routes.get("/chat")
async def show_chat(request: web.Request) -> web.Response:
    start = "".join(c for c in request.query.get("start", "")[:64] if c.isalnum() or c in "-_")
    return page(
        request, "chat.html", start=start, limit_text=LONGEST_TEXT,
        limit_mb=MAX_FILE_BYTES >> 20,
    )  # fmt: skip


@routes.get("/embed.js")
@own_session
async def show_launcher(request: web.Request) -> web.Response:
    """The launcher for an office's portal; it may be loaded from anywhere."""
    answer = page(request, "embed.js", say_in=i18n.say)
    answer.content_type = "text/javascript"
    answer.headers["Cache-Control"] = "public, max-age=3600"
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return answer


@routes.get("/chat/challenge")
@own_session
async def offer_challenge(request: web.Request) -> web.Response:
    known = services(request)
    cost, highest = HASHES
    challenge = altcha.create_challenge(
        "SHA-256",
        cost,
        counter=secrets.randbelow(highest),
        expires_at=_challenge_end(),
        hmac_secret=known.vault.fingerprint("altcha", "challenge").hex(),
    )
    return web.json_response(challenge.to_dict())


@routes.post("/chat/session")
async def open_session(request: web.Request) -> web.Response:
    known, session, now = services(request), server.session_of(request), services(request).clock()
    await refuse_beyond(session, SESSIONS, server.source_of(request), now)
    given = await bodies.read_json(request)
    await _spend(session, known, given)
    await count(session, SESSIONS, server.source_of(request), now)
    address = secrets.token_hex(16)
    lane = contacts.lane(known.vault, CHANNEL, ACCOUNT, address)
    stranger = contacts.Stranger(CHANNEL, ACCOUNT, address, locale_of(request))
    await contacts.meet(session, known.vault, {lane: stranger}, now)
    answer = web.Response(status=204)
    secure = known.settings.links.startswith("https:")
    framed = bool(given.get("framed")) and secure and bool(known.settings.portal_origins)
    answer.set_cookie(
        COOKIE, address, max_age=COOKIE_SECONDS, httponly=True, path="/chat",
        samesite="None" if framed else "Lax", secure=secure,
    )  # fmt: skip
    if framed:
        answer.cookies[COOKIE]["partitioned"] = True
    return answer


async def _spend(session: AsyncSession, known: Services, given: dict[str, Any]) -> None:
    """A proof of work opens one conversation, once. Raises HTTPForbidden."""
    payload = str(given.get("altcha", ""))[:4000]
    secret = known.vault.fingerprint("altcha", "challenge").hex()
    try:
        solved = altcha.verify_solution(payload, secret)
    except (ValueError, KeyError, TypeError):
        raise web.HTTPForbidden from None
    digest = known.vault.fingerprint("challenge", _signature(payload))
    spent: SpentChallenge | None = await session.get(SpentChallenge, digest)
    if not solved.verified or spent is not None:
        raise web.HTTPForbidden
    session.add(SpentChallenge(digest=digest, expires_at=_challenge_end()))


def _challenge_end() -> datetime:
    """By the machine's own clock: the library that verifies a challenge asks no other."""
    return datetime.now(UTC) + timedelta(minutes=CHALLENGE_MINUTES)


async def visitor(request: web.Request, session: AsyncSession) -> Visitor:
    """Raises a 401 that asks for a proof of work."""
    address = request.cookies.get(COOKIE, "")
    lane = contacts.lane(services(request).vault, CHANNEL, ACCOUNT, address)
    found = await session.scalar(select(Contact.id).where(Contact.address_hash == lane))
    if not address or found is None:
        raise web.HTTPUnauthorized(
            text=json.dumps({"challenge": True}), content_type="application/json"
        )
    return Visitor(address, lane, found)


def _signature(payload: str) -> str:
    """Of the challenge itself: the same solution written otherwise is still the same."""
    challenge = json.loads(base64.b64decode(payload)).get("challenge", {})
    return str(challenge.get("signature") or challenge)


@routes.get("/chat/messages")
async def show_messages(request: web.Request) -> web.Response:
    session = server.session_of(request)
    who = await visitor(request, session)
    lines = await chat_lines.read(
        session, services(request).vault, who.contact_id, _after(request)
    )
    last = lines[-1]["seq"] if lines else _after(request)
    return web.json_response({"messages": [_shown(line) for line in lines], "last": last})


@routes.get("/chat/stream")
@own_session
async def stream_messages(request: web.Request) -> web.StreamResponse:
    known = services(request)
    async with known.db.reading() as session:
        who = await visitor(request, session)
    try:
        with known.streams.listening(who.contact_id) as gives_way:
            known.bell.ring(who.contact_id)
            return await _stream(request, who.contact_id, gives_way)
    except Full:
        raise CannotStore from None


async def _stream(
    request: web.Request, contact_id: int, gives_way: asyncio.Event
) -> web.StreamResponse:
    known = services(request)
    seconds = ALONE_SECONDS if known.db.sqlite else STREAM_SECONDS
    after = _number(request.headers.get("Last-Event-ID", "")) or _after(request)
    async with sse_response(request, headers={"X-Accel-Buffering": "no"}) as stream:
        while stream.is_connected() and not gives_way.is_set():
            ringing = known.bell.listen(contact_id)
            async with known.db.reading() as session:
                lines = await chat_lines.read(session, known.vault, contact_id, after)
                gone = not lines and await chat_lines.last(session, contact_id) < after
            try:
                if gone:
                    await stream.send("{}", event="erased")
                    break
                for line in lines:
                    shown = json.dumps(_shown(line), ensure_ascii=False)
                    await stream.send(shown, id=str(line["seq"]), event="message")
                    after = line["seq"]
            except (ConnectionResetError, RuntimeError):
                break
            await heard(ringing, seconds)
        if gives_way.is_set():
            with suppress(ConnectionResetError, RuntimeError):
                await stream.send("{}", event="elsewhere")
    return stream


@routes.post("/chat/messages")
@own_session
async def take_message(request: web.Request) -> web.Response:
    """Stored, then 202. The same id again changes nothing and is answered the same."""
    known = services(request)
    now = known.clock()
    async with known.db.reading() as session:
        who = await visitor(request, session)
    try:
        async with known.db.transaction() as session:
            source = source_of(known.vault, f"chat:{who.address}", now)
            await refuse_beyond(session, MESSAGES, source, now)
            await count(session, MESSAGES, source, now)
        said = await _said(request, known)
    except UserError as error:
        return _refused(request, error)
    event = {**said, "address": who.address}
    del event["files"]
    async with known.db.transaction() as session:
        line = await chat_lines.said(session, known.vault, who.contact_id, said["id"])
        if line is None:
            line = {
                "from": "me",
                "press": bool(said["press"]),
                "text": said.get("label") or said.get("text", ""),
                "files": _file_rows(session, said["files"], who.contact_id, now),
            }
            await chat_lines.write(session, known.vault, who.contact_id, line, now, said["id"])
        files = line["files"]
    known.bell.ring(who.contact_id)
    body = json.dumps(event, ensure_ascii=False).encode()
    event_id = f"{who.contact_id}:{said['id']}"
    await known.door.store(Arrival(CHANNEL, ACCOUNT, event_id, who.lane, body, files=tuple(files)))
    return web.json_response({"accepted": True}, status=202)


async def _said(request: web.Request, known: Services) -> dict[str, Any]:
    """{id, text | press, label, files: [Stored]}. Raises UserError."""
    given: dict[str, Any] = {}
    stored: list[Stored] = []
    if request.content_type.startswith("multipart/"):
        async for part in bodies.parts(request):
            if not part.filename:
                given[part.name] = part.text
                continue
            if len(stored) == bodies.MOST_FILES:
                raise UserError("web-too-many-files", count=bodies.MOST_FILES)
            stored.append(await _take_file(part, known))
    else:
        given = await bodies.read_json(request)
    said_id = "".join(c for c in str(given.get("id", "")) if c.isalnum() or c == "-")[:36]
    text = tidy(str(given.get("text") or ""))
    press = tidy(str(given.get("press") or ""))
    if len(text) > LONGEST_TEXT:
        raise UserError("opinion-too-long", longest=LONGEST_TEXT, length=len(text))
    if not said_id or not (text or press or stored) or len(press.encode()) > 64:
        raise UserError("start-not-understood")
    label = tidy(str(given.get("label") or ""))[:200] if press else ""
    return {"id": said_id, "text": text, "press": press, "label": label, "files": stored}


async def _take_file(part: bodies.Part, known: Services) -> Stored:
    try:
        return await take_in(part.content, part.filename, known.store)
    except Refused as refused:
        raise UserError(refused.key, **refused.details) from None


def _file_rows(
    session: AsyncSession, stored: list[Stored], contact_id: int, now: Any
) -> list[dict[str, Any]]:
    files = []
    for one in stored:
        row = StoredFile(
            id=new_id(), sha256=one.sha256, original_sha256=one.original_sha256, size=one.size,
            mime=one.mime, kind=one.kind, name=one.name, contact_id=contact_id, taken_at=now,
        )  # fmt: skip
        session.add(row)
        files.append({"id": row.id, "kind": one.kind, "name": one.name})
    return files


@routes.post("/chat/erase")
@own_session
async def erase_conversation(request: web.Request) -> web.Response:
    """The lines go, and a draft with its name and files; what was filed has its receipt."""
    known = services(request)
    await bodies.read(request)
    async with known.db.transaction() as session:
        who = await visitor(request, session)
        await chat_lines.erase(session, who.contact_id)
        unused = await known.forget_dialogue(session, who.contact_id, known.clock())
        await contacts.end_feeds(session, who.contact_id, known.clock())
    known.bell.ring(who.contact_id)
    for sha256 in unused:
        await asyncio.to_thread(known.store.delete, sha256)
    answer = web.Response(status=204)
    answer.del_cookie(COOKIE, path="/chat")
    return answer


@routes.get("/chat/picture/{seq:[0-9]{1,18}}")
async def show_picture(request: web.Request) -> web.StreamResponse:
    """The picture of one of this visitor's own lines."""
    known, session = services(request), server.session_of(request)
    who = await visitor(request, session)
    line = await chat_lines.one(
        session, known.vault, who.contact_id, int(request.match_info["seq"])
    )
    picture = (line or {}).get("picture")
    if not picture:
        raise web.HTTPNotFound
    if picture["kind"] == "qr":
        content = await asyncio.to_thread(receipts.qr_png, picture["value"])
        return web.Response(body=content, content_type="image/png")
    if picture["kind"] == "drawing":
        content = await asyncio.to_thread(pictures.png, picture["value"])
        return web.Response(body=content, content_type="image/png")
    return await _file(session, known, picture["value"])


@routes.get("/chat/file/{file_id}")
async def show_own_file(request: web.Request) -> web.StreamResponse:
    """A file this visitor sent, back to this visitor alone."""
    known, session = services(request), server.session_of(request)
    who = await visitor(request, session)
    row = await session.get(StoredFile, request.match_info["file_id"])
    if row is None or row.contact_id != who.contact_id:
        raise web.HTTPNotFound
    return await _file(session, known, row.id)


async def _file(session: AsyncSession, known: Services, file_id: str) -> web.Response:
    row = await session.get(StoredFile, file_id)
    if row is None:
        raise web.HTTPNotFound
    content = await asyncio.to_thread(known.store.read, row.sha256)
    return web.Response(
        body=content, content_type=row.mime, headers={"Content-Security-Policy": "sandbox"}
    )


def _shown(line: dict[str, Any]) -> dict[str, Any]:
    """What the page gets: addresses of pictures and files in place of their ids."""
    shown = {"choices": [], "replaces": None, **line}
    picture = line.get("picture")
    shown["picture"] = (
        {"src": f"/chat/picture/{line['seq']}", "alt": picture["alt"]} if picture else None
    )
    shown["files"] = [
        {"name": f["name"], "kind": f["kind"], "src": f"/chat/file/{f['id']}"}
        for f in line.get("files", [])
    ]
    return shown


def _refused(request: web.Request, error: UserError) -> web.Response:
    text = i18n.say(locale_of(request), error.reply.key, **error.reply.args)
    slow = error.reply.key == "common-slow-down"
    minutes = error.reply.args.get("n", 1)
    wait = {"retry_after": 60 * minutes} if slow and isinstance(minutes, int) else {}
    return web.json_response({"message": text, **wait}, status=429 if slow else 422)


def _after(request: web.Request) -> int:
    return _number(request.query.get("after", ""))


def _number(typed: str) -> int:
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 19 else 0
