"""What the gallery costs: `python -m tests.bench.gallery`, or with the others.

`gallery.p95`, `gallery.p95.postgresql` (ms): 100,000 exemplars are out, over five years, in 34
provinces and their communes, every field and group, some in a movement; people who follow links
ask the real web application for the gallery over a socket, one at a time: unfiltered, by each
filter and by two, the first page and pages far down. The whole page is measured, with what may be
chosen.
`gallery.growth`: the median beside that with 1,000 exemplars, on SQLite.
"""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot import app, places
from bot.config import Settings
from bot.web import server
from handlers.deeds.exemplars import After
from handlers.deeds.pages import gallery
from storage.db import Database
from storage.models.base import new_id
from storage.models.deadlines import Movement
from storage.models.deeds import Deed, DeedField, DeedGroup, DeedInGroup, DeedPublication
from storage.models.office import Office
from storage.models.people import Person
from storage.seed import load_catalogue
from tests.bench.measures import Figure, progress
from tests.databases import Postgres, migrate

MANY, FEW = 100_000, 1_000
ASKED = 300
AT_ONCE = 5_000
NEWEST = datetime(2026, 11, 1, 2, tzinfo=UTC)
YEARS = timedelta(days=5 * 365)
TEXT = "Trưa hôm đó nước lũ về nhanh, anh bơi ra kéo hai em nhỏ vào bờ rồi quay lại. " * 12


class Lists:
    """The codes that exemplars have and people ask for."""

    def __init__(self, fields: list[str], groups: list[str], movements: list[str]) -> None:
        self.fields, self.groups, self.movements = fields, groups, movements
        self.communes = [(one.province, one.code) for one in places.places().communes]


async def measure(folder: Path, postgresql: str) -> list[Figure]:
    few = await _asked(folder, f"sqlite+aiosqlite:///{folder}/gallery-few.db", FEW)
    many = await _asked(folder, f"sqlite+aiosqlite:///{folder}/gallery-many.db", MANY)
    elsewhere = await _asked(folder, postgresql, MANY)
    return [
        Figure("gallery.p95", _p95(many), "ms"),
        Figure("gallery.p95.postgresql", _p95(elsewhere), "ms"),
        Figure("gallery.growth", median(many) / median(few), "times"),
    ]


def _p95(taken: list[float]) -> float:
    return quantiles(taken, n=20)[-1]


async def _asked(folder: Path, url: str, count: int) -> list[float]:
    await migrate(url)
    lists = await _fill(url, count)
    settings = Settings(
        home=folder / f"home-{count}-{url[:6]}", database_url=url,
        secret_key="a secret of the bench, long enough to be one",
    )  # fmt: skip
    base = app.found(settings)
    made = server.make_app(base.services, [gallery.routes])
    async with TestClient(TestServer(made)) as reader:
        taken = await _follow(reader, lists)
    await base.close()
    progress(
        f"{count} exemplars in {url.partition('+')[0]}: p50 {median(taken):.1f} "
        f"p95 {_p95(taken):.1f} max {max(taken):.1f} ms"
    )
    return taken


async def _fill(url: str, count: int) -> Lists:
    db, draw = Database(url), random.Random(2026)
    started = time.perf_counter()
    async with db.transaction() as session:
        await load_catalogue(session)
        office = Office(id=new_id(), code="AH", name="Phòng Thi đua", addresses=[])
        subject = Person(id=new_id(), wrapped_key=None, made_at=NEWEST)
        session.add_all([office, subject])
        await session.flush()
        lists = Lists(
            list(await session.scalars(select(DeedField.code))),
            list(await session.scalars(select(DeedGroup.code))),
            list(await session.scalars(select(Movement.code))),
        )
        for _ in range(0, count, AT_ONCE):
            await _store(session, office.id, subject.id, lists, draw, min(AT_ONCE, count))
    async with db.transaction() as session:
        await session.execute(text("ANALYZE"))
    progress(f"{count} exemplars laid down in {time.perf_counter() - started:.0f} s")
    await db.close()
    return lists


async def _store(
    session: AsyncSession, office_id: str, subject_id: str, lists: Lists, draw: random.Random,
    count: int,
) -> None:  # fmt: skip
    deeds: list[dict[str, Any]] = []
    groups: list[dict[str, Any]] = []
    texts: list[dict[str, Any]] = []
    for _ in range(count):
        id, at = new_id(), NEWEST - YEARS * draw.random()
        province, commune = draw.choice(lists.communes)
        deeds.append(
            {
                "id": id, "office_id": office_id, "subject_id": subject_id,
                "subject_kind": "person", "province": province, "commune": commune,
                "field_code": draw.choice(lists.fields), "state": "published",
                "movement_code": draw.choice(lists.movements) if draw.random() < 0.3 else None,
                "stage": "example", "state_at": at, "made_at": at, "shown_at": at,
            }
        )  # fmt: skip
        groups += [
            {"deed_id": id, "group_code": code, "shown_at": at}
            for code in draw.sample(lists.groups, draw.randint(0, 3))
        ]
        texts.append(
            {
                "id": new_id(), "deed_id": id, "version": 1, "title": TEXT[:80],
                "lead": TEXT[:200], "text": TEXT, "written_by": "command", "written_at": at,
                "published_at": at, "photos": [],
            }
        )  # fmt: skip
    for model, rows in ((Deed, deeds), (DeedInGroup, groups), (DeedPublication, texts)):
        await session.execute(insert(model), rows)


def _questions(lists: Lists) -> list[str]:
    """Addresses as the links of the page make them."""
    draw = random.Random(7)
    asked: list[str] = []
    for number in range(ASKED):
        province, commune = draw.choice(lists.communes)
        each: list[dict[str, str]] = [
            {},
            {"field": draw.choice(lists.fields)},
            {"group": draw.choice(lists.groups)},
            {"province": province},
            {"province": province, "commune": commune},
            {"movement": draw.choice(lists.movements)},
            {"month": f"2025-{draw.randint(1, 12):02}"},
            {"field": draw.choice(lists.fields), "group": draw.choice(lists.groups)},
            {"province": province, "group": draw.choice(lists.groups)},
            {"movement": draw.choice(lists.movements), "month": "2024-03"},
        ]
        given = each[number % len(each)]
        if number % 3 == 2:
            given["after"] = str(After(NEWEST - YEARS * draw.random(), "a" * 20))
        asked.append(f"/guong?{urlencode(given)}")
    return asked


async def _follow(reader: TestClient[Any, Any], lists: Lists) -> list[float]:
    """One person after another; the first pages warm templates and lists, and are not counted."""
    taken: list[float] = []
    for number, address in enumerate(_questions(lists)[:10] + _questions(lists)):
        started = time.perf_counter()
        async with reader.get(address) as response:
            await response.read()
        if response.status != 200:
            raise RuntimeError(f"{address}: {response.status}")
        if number >= 10:
            taken.append(1000 * (time.perf_counter() - started))
    return taken


async def run(folder: Path) -> list[Figure]:
    postgres = await asyncio.to_thread(Postgres, folder / "gallery-server")
    try:
        return await measure(folder, postgres.new())
    finally:
        postgres.stop()


if __name__ == "__main__":
    with TemporaryDirectory(prefix="neuguong-bench-") as at:
        for figure in asyncio.run(run(Path(at))):
            print(f"{figure.name:<24}{figure.value:10.2f} {figure.unit}")
