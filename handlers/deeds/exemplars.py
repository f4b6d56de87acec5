"""What the public reads of good deeds. Every public surface asks here, and nowhere else.

A deed is shown while it is published and one of its versions is out; a filter or a page never
widens that. Lists go on after the last one seen, so that the hundredth page costs what the first
one does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot import places
from bot.clock import VIETNAM
from handlers.deeds import publication, sorting
from storage.models.deadlines import Movement
from storage.models.deeds import (
    Deed,
    DeedFile,
    DeedGroup,
    DeedInGroup,
    DeedPublication,
    DeedRepeat,
    DeedReport,
    DeedState,
    ReportState,
)
from storage.models.office import Office

MOST = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
REPEATED = (
    DeedState.CONFIRMED, DeedState.NURTURED, DeedState.SUMMARISED, DeedState.PROPOSED,
    DeedState.PUBLISHED,
)  # fmt: skip
"""A deed done after an exemplar counts once it was found true, and while it is."""


# What is asked for


@dataclass(frozen=True)
class Filters:
    """Codes of the lists; "" for all. `month` is YYYY-MM, in which it was published."""

    field: str = ""
    group: str = ""
    province: str = ""
    commune: str = ""
    movement: str = ""
    month: str = ""

    @property
    def given(self) -> dict[str, str]:
        return {name: value for name, value in vars(self).items() if value}


def filters(asked: Mapping[str, str]) -> Filters:
    """What an address asks for; what is no code and no month is left out."""
    known = {name: asked.get(name, "")[:32] for name in Filters.__dataclass_fields__}
    found = Filters(**known)
    commune = places.by_code(found.commune)
    if commune is not None and not commune.is_province:
        found = replace(found, province=commune.province)
    else:
        known_one = places.by_code(found.province)
        province = found.province if known_one is not None and known_one.is_province else ""
        found = replace(found, commune="", province=province)
    return found if _span(found.month) else replace(found, month="")


def _span(month: str) -> tuple[datetime, datetime] | None:
    """From its first instant to that of the next, in Vietnam."""
    year, _, number = month.partition("-")
    if not (year.isdecimal() and number.isdecimal() and len(year) == 4 and 1 <= int(number) <= 12):
        return None
    begins = datetime(int(year), int(number), 1, tzinfo=VIETNAM)
    return begins, (begins + timedelta(days=32)).replace(day=1)


@dataclass(frozen=True)
class After:
    """The last one seen: what follows it comes next."""

    at: datetime
    id: str

    def __str__(self) -> str:
        return f"{(self.at - _EPOCH) // timedelta(microseconds=1)}-{self.id}"


def after(written: str) -> After | None:
    """None for what is no place in the list: then it begins at its head."""
    number, _, id = written.partition("-")
    if not (number.isascii() and number.isdecimal() and len(number) < 18):
        return None
    return After(_EPOCH + timedelta(microseconds=int(number)), id)


# What there is


@dataclass(frozen=True)
class Shown:
    """One exemplar in a list."""

    deed: Deed
    text: DeedPublication
    photo: str = ""
    """The id of its first photograph; "" for none."""

    @property
    def place_after(self) -> After:
        assert self.deed.shown_at is not None
        return After(self.deed.shown_at, self.deed.id)


async def find(
    session: AsyncSession, asked: Filters, begin: After | None = None, most: int = MOST
) -> list[Shown]:
    """The newest first; those after `begin`. One more than `most` is never read twice."""
    by_group = set(asked.given) <= {"group", "month"} and bool(asked.group)
    at, id = (DeedInGroup.shown_at, DeedInGroup.deed_id) if by_group else (Deed.shown_at, Deed.id)
    rows = select(Deed)
    if by_group:
        rows = rows.join(DeedInGroup, DeedInGroup.deed_id == Deed.id)
    rows = rows.where(*_conditions(asked, at, by_group=by_group))
    if begin is not None:
        rows = rows.where(at <= begin.at, or_(at < begin.at, id < begin.id))
    deeds = (await session.scalars(rows.order_by(at.desc(), id.desc()).limit(most))).all()
    return await _with_texts(session, deeds)


def _conditions(asked: Filters, at: Any, *, by_group: bool) -> list[ColumnElement[bool]]:
    """A group alone is read from its own index. Beside another filter it is asked of each deed in
    that one's order: what both hold in common is met soon, or one of them is short."""
    wanted = [at.is_not(None), Deed.state == DeedState.PUBLISHED]
    for column, value in (
        (Deed.field_code, asked.field), (Deed.commune, asked.commune),
        (Deed.movement_code, asked.movement),
    ):  # fmt: skip
        if value:
            wanted.append(column == value)
    if asked.province and not asked.commune:
        wanted.append(Deed.province == asked.province)
    if asked.group:
        in_group = DeedInGroup.group_code == asked.group
        wanted.append(
            in_group if by_group else exists().where(DeedInGroup.deed_id == Deed.id, in_group)
        )
    if span := _span(asked.month):
        wanted += [at >= span[0], at < span[1]]
    return wanted


_OUT = and_(DeedPublication.published_at.is_not(None), DeedPublication.ended_at.is_(None))


async def _with_texts(session: AsyncSession, deeds: Sequence[Deed]) -> list[Shown]:
    rows = await session.scalars(
        select(DeedPublication).where(
            DeedPublication.deed_id.in_([deed.id for deed in deeds]), _OUT
        )
    )
    texts = {one.deed_id: one for one in rows}
    first = {one.photos[0]: deed_id for deed_id, one in texts.items() if one.photos}
    there = set(await session.scalars(_photo_ids(list(first)))) if first else set()
    photo = {deed_id: file_id for file_id, deed_id in first.items() if file_id in there}
    return [
        Shown(deed, texts[deed.id], photo.get(deed.id, "")) for deed in deeds if deed.id in texts
    ]


def _photo_ids(ids: Sequence[str]) -> Any:
    """Of photographs whose witness still stands by them."""
    return (
        select(DeedFile.file_id)
        .outerjoin(DeedReport, DeedReport.id == DeedFile.report_id)
        .where(
            DeedFile.file_id.in_(ids),
            or_(DeedFile.report_id.is_(None), DeedReport.state == ReportState.GIVEN),
        )
    )


@dataclass(frozen=True)
class Exemplar:
    """All that the page of one exemplar says."""

    deed: Deed
    text: DeedPublication
    words: publication.Words
    photos: Sequence[str]
    office: Office
    groups: Sequence[DeedGroup]
    corrections: Sequence[DeedPublication]
    """Later versions that are or were out, with what each corrected."""
    repeats: int
    """Of others who did as much and were found to have."""


async def one(session: AsyncSession, deed_id: str) -> Exemplar | None:
    """None unless the public may read it now."""
    deed = await session.get(Deed, deed_id)
    if deed is None or deed.state != DeedState.PUBLISHED or deed.shown_at is None:
        return None
    out = await publication.current(session, deed)
    return await about(session, deed, out) if out is not None else None


async def about(
    session: AsyncSession, deed: Deed, version: DeedPublication,
    words: publication.Words | None = None,
) -> Exemplar:  # fmt: skip
    """As the page of this version would say it; `words` where it is not out yet."""
    if words is None:
        said = await publication.still_said(session, version)
        words = publication.Words(
            version.title, version.lead, version.text, version.quote if said else ""
        )
    groups = await sorting.groups_of(session, deed)
    corrections = await session.scalars(
        select(DeedPublication)
        .where(
            DeedPublication.deed_id == deed.id, DeedPublication.published_at.is_not(None),
            DeedPublication.correction != "",
        )
        .order_by(DeedPublication.version)
    )  # fmt: skip
    photos = [file.id for file in await publication.photos_of(session, deed, version)]
    office = await session.get_one(Office, deed.office_id)
    return Exemplar(
        deed, version, words, photos, office, groups, corrections.all(),
        await repeats(session, deed.id),
    )  # fmt: skip


async def taken_down(session: AsyncSession, deed_id: str) -> datetime | None:
    """When the public read it last; None for what it never read, and for what it still does."""
    found: datetime | None = await session.scalar(
        select(func.max(DeedPublication.ended_at))
        .join(Deed, Deed.id == DeedPublication.deed_id)
        .where(
            Deed.id == deed_id, Deed.shown_at.is_(None),
            DeedPublication.published_at.is_not(None),
        )
    )  # fmt: skip
    return found


async def repeats(session: AsyncSession, deed_id: str) -> int:
    """Those who took it up elsewhere and were found to have."""
    found = await session.scalar(
        select(func.count())
        .select_from(DeedRepeat)
        .outerjoin(Deed, Deed.id == DeedRepeat.deed_id)
        .where(
            DeedRepeat.exemplar_id == deed_id,
            or_(
                Deed.state.in_(REPEATED),
                and_(DeedRepeat.deed_id.is_(None), DeedRepeat.confirmed_by.is_not(None)),
            ),
        )
    )
    return found or 0


# What may be chosen


async def communes_with(session: AsyncSession, province: str) -> list[str]:
    """Codes of those of its communes in which there is one, each asked of the index by itself."""
    codes = [place.code for place in places.places().communes_of(province)] if province else []
    if not codes:
        return []
    each = " UNION ALL ".join(_ONE.format(n=n) for n in range(len(codes)))
    found = await session.scalars(text(each), {f"c{n}": code for n, code in enumerate(codes)})
    return list(found)


_ONE = (
    "SELECT commune FROM (SELECT commune FROM deeds WHERE commune = :c{n}"
    " AND shown_at IS NOT NULL LIMIT 1) AS held{n}"
)


async def months(session: AsyncSession, most: int = 24) -> list[str]:
    """YYYY-MM, the newest first, from the first exemplar to the last."""
    shown = Deed.shown_at.is_not(None)
    newest = await session.scalar(
        select(Deed.shown_at).where(shown).order_by(Deed.shown_at.desc()).limit(1)
    )
    oldest = await session.scalar(
        select(Deed.shown_at).where(shown).order_by(Deed.shown_at).limit(1)
    )
    found: list[str] = []
    if newest is None or oldest is None:
        return found
    day, last = newest.astimezone(VIETNAM), f"{oldest.astimezone(VIETNAM):%Y-%m}"
    while len(found) < most and (not found or found[-1] > last):
        found.append(f"{day:%Y-%m}")
        day = day.replace(day=1) - timedelta(days=1)
    return found


async def movements(session: AsyncSession) -> Sequence[Movement]:
    return (await session.scalars(select(Movement).order_by(Movement.code))).all()


def page(site: str, deed_id: str) -> str:
    """Its address; `site` is the public one, without a slash at its end."""
    return f"{site}/guong/{deed_id}"


async def office_codes(session: AsyncSession) -> dict[str, str]:
    return dict((await session.execute(select(Office.id, Office.code))).all())
