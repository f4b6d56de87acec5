"""The gallery: exemplars by field, group, place, movement and month; as a page, a feed and data.

GET /guong                 twenty at a time, the newest first
GET /guong/atom.xml        the same filters, for readers of feeds
GET /guong/du-lieu.json    what may be counted and drawn, without a name or a word of the text
GET /guong/du-lieu.csv     the same rows
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from weakref import WeakKeyDictionary
from xml.etree import ElementTree

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import i18n, places
from bot.web.server import locale_of, page, services, session_of
from handlers.deeds import exemplars, forms
from handlers.deeds.cards import place_name
from handlers.deeds.exemplars import Filters, Shown
from storage.db import Database
from storage.models.deeds import DeedInGroup

routes = web.RouteTableDef()
IN_FEED = 50
IN_DATA = 1000
KEPT_SECONDS = 60
_BRIEFLY = {"Cache-Control": f"public, max-age={KEPT_SECONDS}"}
_ATOM = "http://www.w3.org/2005/Atom"
_COLUMNS = (
    "address", "published_at", "kind", "field", "groups", "province", "commune", "movement",
    "office",
)  # fmt: skip


@dataclass(frozen=True)
class Facet:
    """One list to choose from."""

    name: str
    chosen: str
    """The name of what was chosen; "" for all."""
    clear: str
    """The address without it."""
    options: Sequence[tuple[str, str, bool]]
    """(address, name, whether it is chosen)."""


@routes.get("/guong")
async def show(request: web.Request) -> web.Response:
    session, asked = session_of(request), exemplars.filters(request.query)
    begin = exemplars.after(request.query.get("after", ""))
    found = await exemplars.find(session, asked, begin, exemplars.MOST + 1)
    more = len(found) > exemplars.MOST
    found = found[: exemplars.MOST]
    answer = page(
        request, "deeds/gallery.html", found=found, facets=await _facets(request, session, asked),
        place_name=place_name, is_first=begin is None, asked=asked,
        first=_address(asked), older=_address(asked, found[-1]) if more else "",
        feed=_address(asked, path="/guong/atom.xml"), now=services(request).clock(),
        json=_address(asked, path="/guong/du-lieu.json"),
        csv=_address(asked, path="/guong/du-lieu.csv"),
    )  # fmt: skip
    answer.headers.update(_BRIEFLY)
    return answer


def _address(asked: Filters, last: Shown | None = None, path: str = "/guong") -> str:
    given = asked.given | ({"after": str(last.place_after)} if last else {})
    return f"{path}?{urlencode(given)}" if given else path


async def _facets(request: web.Request, session: AsyncSession, asked: Filters) -> list[Facet]:
    """Each is chosen within the others; a province opens its communes."""
    db, locale = services(request).db, locale_of(request)
    lists = await _kept(db, locale, lambda: _read_lists(session, locale))
    if asked.province:
        communes = await _kept(db, asked.province, lambda: _communes(session, asked.province))
        lists = [*lists[:_AFTER_PROVINCE], *communes, *lists[_AFTER_PROVINCE:]]
    return [_facet(asked, name, options) for name, options in lists if options]


Lists = list[tuple[str, list[tuple[str, str]]]]
"""(filter, [(code, name)])."""
_AFTER_PROVINCE = 3
_KEPT: WeakKeyDictionary[Database, dict[str, tuple[float, Lists]]] = WeakKeyDictionary()


async def _kept(db: Database, name: str, read: Callable[[], Awaitable[Lists]]) -> Lists:
    """What may be chosen, read once in a minute: as long as a page may be kept. Reading it was
    half of what a page costs; and what was taken down is in none of it."""
    kept = _KEPT.setdefault(db, {})
    until, lists = kept.get(name, (0.0, []))
    if time.monotonic() > until:
        lists = await read()
        kept[name] = (time.monotonic() + KEPT_SECONDS, lists)
    return lists


async def _read_lists(session: AsyncSession, locale: str) -> Lists:
    form, movements = await forms.form_of(session), await exemplars.movements(session)
    return [
        ("field", [(one.code, one.name(locale)) for one in form.fields]),
        ("group", [(one.code, one.name(locale)) for one in form.groups]),
        ("province", [(one.code, one.name) for one in places.places().provinces]),
        ("movement", [
            (one.code, one.name_en if locale == "en" else one.name_vi) for one in movements
        ]),
        ("month", [(one, _month(locale, one)) for one in await exemplars.months(session)]),
    ]  # fmt: skip


async def _communes(session: AsyncSession, province: str) -> Lists:
    codes = await exemplars.communes_with(session, province)
    return [("commune", [(code, places.name_of(code)) for code in codes])]


def _facet(asked: Filters, name: str, options: Sequence[tuple[str, str]]) -> Facet:
    now = getattr(asked, name)
    # Another province's communes mean nothing.
    base = replace(asked, commune="") if name == "province" else asked
    return Facet(
        name, next((words for code, words in options if code == now), ""),
        _address(replace(base, **{name: ""})),
        [(_address(replace(base, **{name: code})), words, code == now) for code, words in options],
    )  # fmt: skip


def _month(locale: str, month: str) -> str:
    year, _, number = month.partition("-")
    return i18n.say(locale, "exemplar-month", month=f"{int(number)}/{year}")


# The feed


@routes.get("/guong/atom.xml")
async def give_feed(request: web.Request) -> web.Response:
    """RFC 4287. The words are the office's; the page has the rest."""
    session, asked = session_of(request), exemplars.filters(request.query)
    found = await exemplars.find(session, asked, None, IN_FEED)
    known, locale = services(request), locale_of(request)
    root = ElementTree.Element("feed", {"xmlns": _ATOM, "xml:lang": "vi"})
    _add(root, "title", i18n.say(locale, "exemplar-gallery-title"))
    _add(root, "id", known.settings.links + _address(asked))
    _add(root, "link", href=known.settings.links + _address(asked))
    _add(root, "link", rel="self", href=known.settings.links + request.path_qs)
    # Its own time is that of the newest entry: asked twice, it is the same twice.
    newest = [_published(one) for one in found]
    _add(root, "updated", _instant(max(newest) if newest else known.clock()))
    _add(_add(root, "author"), "name", i18n.say(locale, "web-name"))
    for one in found:
        entry, address = _add(root, "entry"), exemplars.page(known.settings.links, one.deed.id)
        _add(entry, "title", one.text.title)
        _add(entry, "id", address)
        _add(entry, "link", href=address)
        _add(entry, "published", _instant(one.deed.shown_at or known.clock()))
        _add(entry, "updated", _instant(_published(one)))
        _add(entry, "summary", one.text.lead or one.text.text[:300])
    return web.Response(
        body=ElementTree.tostring(root, "utf-8", xml_declaration=True),
        headers={"Content-Type": "application/atom+xml; charset=utf-8", **_BRIEFLY},
    )


def _add(parent: ElementTree.Element, name: str, words: str = "", **given: str) -> Any:
    made = ElementTree.SubElement(parent, name, given)
    made.text = words or None
    return made


def _published(one: Shown) -> datetime:
    assert one.text.published_at is not None
    return one.text.published_at


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


# Open data


@routes.get("/guong/du-lieu.json")
async def give_json(request: web.Request) -> web.Response:
    """A thousand at a time; `next` is the address of the following ones."""
    found, more = await _rows(request)
    asked = exemplars.filters(request.query)
    known = services(request)
    rest = _address(asked, found[-1][0], "/guong/du-lieu.json") if more else None
    answer = web.json_response(
        {
            "what": i18n.say("vi", "exemplar-data-what"), "period": asked.month or None,
            "filters": asked.given, "made_at": _instant(known.clock()), "columns": _COLUMNS,
            "rows": [row for _, row in found],
            "next": known.settings.links + rest if rest else None,
        }
    )  # fmt: skip
    answer.headers.update({**_BRIEFLY, "Access-Control-Allow-Origin": "*"})
    return answer


@routes.get("/guong/du-lieu.csv")
async def give_csv(request: web.Request) -> web.Response:
    """The following ones are named in the Link header (RFC 8288)."""
    found, more = await _rows(request)
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\r\n")
    table.writerow(_COLUMNS)
    table.writerows([";".join(v) if isinstance(v, list) else v for v in row] for _, row in found)
    headers = {"Content-Type": "text/csv; charset=utf-8", **_BRIEFLY}
    headers["Content-Disposition"] = 'attachment; filename="guong.csv"'
    headers["Access-Control-Allow-Origin"] = "*"
    if more:
        rest = _address(exemplars.filters(request.query), found[-1][0], "/guong/du-lieu.csv")
        headers["Link"] = f'<{services(request).settings.links}{rest}>; rel="next"'
    # The mark at its head tells Excel that it is UTF-8.
    return web.Response(body=b"\xef\xbb\xbf" + written.getvalue().encode(), headers=headers)


async def _rows(request: web.Request) -> tuple[list[tuple[Shown, list[Any]]], bool]:
    """Codes of the lists, and no word of what was written."""
    session, asked = session_of(request), exemplars.filters(request.query)
    begin = exemplars.after(request.query.get("after", ""))
    found = await exemplars.find(session, asked, begin, IN_DATA + 1)
    some, links = found[:IN_DATA], services(request).settings.links
    groups = await _groups_of(session, some)
    offices = await exemplars.office_codes(session)
    rows = [(one, _row(one, links, groups, offices)) for one in some]
    return rows, len(found) > IN_DATA


def _row(
    one: Shown, links: str, groups: dict[str, list[str]], offices: dict[str, str]
) -> list[Any]:
    deed = one.deed
    return [
        exemplars.page(links, deed.id), _instant(one.place_after.at), deed.subject_kind,
        deed.field_code or "", groups.get(deed.id, []), deed.province, deed.commune,
        deed.movement_code or "", offices[deed.office_id],
    ]  # fmt: skip


async def _groups_of(session: AsyncSession, found: Sequence[Shown]) -> dict[str, list[str]]:
    rows = await session.execute(
        select(DeedInGroup.deed_id, DeedInGroup.group_code)
        .where(DeedInGroup.deed_id.in_([one.deed.id for one in found]))
        .order_by(DeedInGroup.group_code)
    )
    groups: dict[str, list[str]] = {}
    for deed_id, code in rows:
        groups.setdefault(deed_id, []).append(code)
    return groups
