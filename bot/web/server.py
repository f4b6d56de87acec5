"""The web: one transaction per request, pages in the reader's language, nothing from elsewhere."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import structlog
from aiohttp import web
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from bot import i18n, limits
from bot.background import Background
from bot.chat_lines import Bell
from bot.clock import local_day
from bot.config import Settings
from bot.inbox import CannotStore, Door
from bot.incidents import new_incident
from bot.media import FileStore
from bot.replies import Arg, Reply, UserError
from bot.replies import reply as say
from bot.vault import Vault
from bot.web import bodies
from bot.web.streams import Streams
from storage.db import Database

log = structlog.get_logger()
HERE = Path(__file__).resolve().parent
FEATURES = HERE.parent.parent / "handlers"
LANGUAGE_COOKIE = "neuguong_lang"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ForgetDialogue = Callable[[AsyncSession, int, datetime], Awaitable[list[str]]]
"""Everything a contact's unfinished dialogue holds; returns the hashes of files to delete."""


@dataclass(frozen=True)
class Services:
    """What a page may need; the one thing handlers take from the application."""

    settings: Settings
    db: Database
    vault: Vault
    store: FileStore
    door: Door
    bell: Bell
    background: Background
    forget_dialogue: ForgetDialogue
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    streams: Streams = field(default_factory=Streams)


SERVICES = web.AppKey("services", Services)
_SESSION = web.RequestKey("session", AsyncSession)
_NONCE = web.RequestKey("nonce", str)


def services(request: web.Request) -> Services:
    return request.config_dict[SERVICES]


def session_of(request: web.Request) -> AsyncSession:
    """The request's own transaction: it only reads on GET, and opens when the body has come."""
    return request[_SESSION]


def own_session(handler: Handler) -> Handler:
    """For handlers that open their transactions themselves (streams, uploads)."""
    handler.__dict__["own_session"] = True
    return handler


def locale_of(request: web.Request) -> str:
    """`?lang=`, else the cookie, else what the browser asks for, else the office's default."""
    for asked in (request.query.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if asked in i18n.LOCALES:
            return asked
    header = request.headers.get("Accept-Language", "")[:100].lower()
    if header.startswith("en") and "vi" not in header:
        return "en"
    return services(request).settings.default_locale


def page(request: web.Request, template: str, status: int = 200, **context: Any) -> web.Response:
    """A page from bot/web/templates or from a feature's own (`<feature>/<name>.html`)."""
    locale = locale_of(request)

    def say(key: str, **args: Arg) -> str:
        return i18n.say(locale, key, **args)

    html = _templates().get_template(template).render(
        say=say, locale=locale, nonce=request[_NONCE], static=static_url, request=request,
        spell=lambda arg: i18n.spell(locale, arg), local_day=local_day,
        links=services(request).settings.links,
        **context,
    )  # fmt: skip
    return web.Response(text=html, status=status, content_type="text/html", charset="utf-8")


def download(content: bytes, mime: str, name: str) -> web.Response:
    """To be saved, never run here: it came from outside."""
    return web.Response(
        body=content,
        headers={
            "Content-Type": mime,
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )


def source_of(request: web.Request) -> bytes:
    """The visitor's address, hashed with the day; X-Forwarded-For only from a trusted proxy."""
    known = services(request)
    return limits.source_of(known.vault, _address(request, known.settings), known.clock())


def _address(request: web.Request, settings: Settings) -> str:
    """An IPv6 visitor is counted by its /64: one household holds that many addresses."""
    address = request.remote or "unknown"
    forwarded = request.headers.get("X-Forwarded-For", "")
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    while address in settings.trusted_proxies and hops:
        address = hops.pop()
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 6:
        return str(ipaddress.ip_network(f"{parsed}/64", strict=False))
    return str(parsed)


def static_url(name: str) -> str:
    return f"/static/{name}?v={_static_hash(name)}"


@lru_cache(maxsize=64)
def _static_hash(name: str) -> str:
    return hashlib.sha256((HERE / "static" / name).read_bytes()).hexdigest()[:12]


def make_app(known: Services, routes: Iterable[web.RouteTableDef]) -> web.Application:
    app = web.Application(
        middlewares=[_security, _errors, _own_forms, _transaction],
        client_max_size=bodies.MOST_TEXT,
    )
    app[SERVICES] = known
    for table in routes:
        app.add_routes(table)
    app.router.add_get("/static/{name:[a-z0-9._-]+}", _static)
    return app


@cache
def _templates() -> Environment:
    """Of all features; each is compiled once in a process."""
    loader = ChoiceLoader(
        [
            FileSystemLoader(HERE / "templates"),
            *(
                _Feature(folder)
                for folder in sorted(FEATURES.iterdir())
                if (folder / "templates").is_dir()
            ),
        ]
    )
    return Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip


class _Feature(FileSystemLoader):
    """`consultations/list.html` lies in handlers/consultations/templates/list.html."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "templates")
        self._prefix = f"{folder.name}/"

    def get_source(self, environment: Environment, template: str) -> Any:
        return super().get_source(environment, template.removeprefix(self._prefix))


async def _static(request: web.Request) -> web.StreamResponse:
    path = HERE / "static" / request.match_info["name"]
    if not path.is_file():
        raise web.HTTPNotFound
    age = "31536000, immutable" if "v" in request.query else "300"
    return web.FileResponse(path, headers={"Cache-Control": f"public, max-age={age}"})


@web.middleware
async def _security(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Outermost, so that an error's page has the headers too."""
    request[_NONCE] = secrets.token_urlsafe(16)
    try:
        response = await handler(request)
    except web.HTTPException as error:
        secure(request, error)
        raise
    if not response.prepared:
        secure(request, response)
    return response


def secure(request: web.Request, response: web.StreamResponse) -> None:
    """The headers of every answer; a stream calls this itself before it is prepared."""
    origins = services(request).settings.portal_origins if request.path == "/chat" else ()
    ancestors = " ".join(("'self'", *origins)) if request.path == "/chat" else "'none'"
    response.headers.setdefault(
        "Content-Security-Policy",
        f"default-src 'none'; script-src 'self' 'nonce-{request[_NONCE]}'; style-src 'self'; "
        "img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; "
        "worker-src 'self' blob:; form-action 'self'; base-uri 'none'; "
        f"frame-ancestors {ancestors}",
    )
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cache-Control", "no-store")
    lang = request.query.get("lang")
    if lang in i18n.LOCALES:
        response.set_cookie(LANGUAGE_COOKIE, lang, max_age=31536000, samesite="Lax", path="/")


@web.middleware
async def _own_forms(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.method not in ("GET", "HEAD", "OPTIONS") and _from_elsewhere(request):
        raise web.HTTPForbidden
    return await handler(request)


def _from_elsewhere(request: web.Request) -> bool:
    """A form on another site may not act here. Servers (webhooks) send neither header."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    if origin is None:
        return False
    known = {request.host, urlsplit(services(request).settings.links).netloc}
    return urlsplit(origin).netloc not in known


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except UserError as error:
        return _sorry(request, 422, error.reply)
    except CannotStore:
        return _sorry(request, 503, say("web-try-later"), {"Retry-After": "10"})
    except bodies.SlowBody:
        return _sorry(request, 408, say("web-too-slow"))
    except web.HTTPRequestEntityTooLarge:
        return _sorry(request, 413, say("web-too-much"))
    except web.HTTPException as error:
        if error.status in _TOLD:
            return _sorry(request, error.status, say(_TOLD[error.status]), error.headers)
        raise
    except Exception as error:  # the top of the request
        if isinstance(error, ConnectionError) and _is_gone(request):
            raise  # Nobody is left to be answered, and nothing of ours is broken.
        return await _incident(request, error)


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


async def _incident(request: web.Request, error: Exception) -> web.Response:
    known = services(request)
    incident = new_incident("request", error, known.clock())
    log.error("request failed", incident=incident.id, error=type(error).__name__)
    try:
        async with known.db.transaction() as session:
            session.add(incident)
    except (SQLAlchemyError, OSError):
        log.error("the incident could not be stored", incident=incident.id)
    return _sorry(request, 500, say("common-incident", incident=incident.id))


_TOLD = {
    400: "web-not-readable", 401: "web-chat-not-here", 403: "web-refused", 404: "web-not-found",
    405: "web-not-found",
}  # fmt: skip


def _sorry(
    request: web.Request, status: int, reply: Reply, headers: Mapping[str, str] | None = None
) -> web.Response:
    text = i18n.words(reply, locale_of(request))
    if "json" in request.headers.get("Accept", ""):
        answer = web.json_response({"message": text}, status=status)
    else:
        answer = page(request, "error.html", status=status, message=text)
    if headers and "Retry-After" in headers:
        answer.headers["Retry-After"] = headers["Retry-After"]
    return answer


@web.middleware
async def _transaction(request: web.Request, handler: Handler) -> web.StreamResponse:
    match = request.match_info.handler
    if getattr(match, "own_session", False) or request.match_info.http_exception:
        return await handler(request)
    db = services(request).db
    reads = request.method in ("GET", "HEAD")
    if not reads:
        await bodies.read(request)  # Whoever sends slowly must not hold a transaction meanwhile.
    async with db.reading() if reads else db.transaction() as session:
        request[_SESSION] = session
        return await handler(request)
