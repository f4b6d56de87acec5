"""What finding a deed that was told already costs: `python -m tests.bench.duplicates`.

Also alone, because filling two databases takes some ten minutes.

`duplicates.p95`, `duplicates.p95.postgresql` (ms): 100,000 reports of invented words are
there; one more is compared with them before it is sent, many times over, one at a time: every
third the same event in other words, every third a text copied, the rest new. Words are drawn as
languages have them, few often and many seldom; names and days as they meet in a province of 200
communes in one year. The whole question is measured: hashing, looking up, opening the nearest.
`duplicates.growth`: the median beside that with 1,000 reports, on SQLite.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.vault import Vault
from handlers.deeds import forms, similar
from handlers.deeds.forms import Told
from storage.db import Database
from storage.models.base import new_id, table
from storage.models.deeds import Deed, DeedForm, DeedReport, DeedToken
from storage.models.office import Office
from storage.models.people import Person
from tests.bench.measures import Figure, progress
from tests.databases import Postgres, migrate

MANY, FEW = 100_000, 1_000
ASKED = 300
AT_ONCE = 5_000
VAULT = Vault("a secret of the bench, long enough to be one")
MADE = datetime(2026, 1, 5, 2, tzinfo=UTC)
FORM = "f" * 64
SURNAMES = (
    "Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Vũ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương",
    "Lý", "Lò", "Quàng", "Giàng",
)  # fmt: skip
MIDDLE = (
    "Văn", "Thị", "Đức", "Minh", "Ngọc", "Thanh", "Quang", "Hữu",
)  # fmt: skip
GIVEN = (
    "An", "Bình", "Chi", "Dung", "Giang", "Hà", "Hải", "Hạnh", "Hoa", "Hùng", "Khánh", "Lan",
    "Linh", "Long", "Mai", "Nam", "Nga", "Phong",
)  # fmt: skip
INITIALS = (
    "b", "c", "ch", "d", "đ", "g", "h", "kh", "l", "m", "n", "ng", "nh", "ph", "qu", "r", "s",
    "t", "th", "tr", "v", "x",
)  # fmt: skip
FINALS = (
    "ac", "ach", "ai", "am", "an", "ang", "anh", "ao", "ap", "at", "au", "ay", "e", "ec", "em",
    "en", "eng", "eo", "ep", "et", "eu", "i", "ia", "ich", "iem", "ien", "ieng", "iet", "ieu",
    "im", "in", "inh", "ip", "it", "iu", "o", "oa", "oai", "oan", "oang", "oc", "oi", "om",
    "on", "ong", "op", "ot", "oe", "u", "ua", "uc", "ui", "um", "un", "ung", "uoc", "uoi",
    "uom", "uon", "uong", "uot", "uou", "up", "ut", "uy", "uyen", "uyet", "y", "yen",
)  # fmt: skip
SYLLABLES = [first + last for first in INITIALS for last in FINALS]
"""Some 1,600, as Vietnamese has without its accents."""


class Drawn:
    """The same reports each time."""

    def __init__(self) -> None:
        self._random = random.Random(2026)
        self._often = [1 / (rank + 3) for rank in range(len(SYLLABLES))]

    def told(self) -> Told:
        draw = self._random
        words = draw.choices(SYLLABLES, self._often, k=draw.randint(30, 120))
        day = date(2026, 1, 1) + timedelta(days=draw.randrange(365))
        name = " ".join(map(draw.choice, (SURNAMES, MIDDLE, GIVEN)))
        return Told(
            name=name if draw.random() < 0.7 else "", province="04",
            commune=f"{1200 + draw.randrange(200):05}", what=" ".join(words),
            happened_on=day.isoformat() if draw.random() < 0.8 else "",
        )  # fmt: skip

    def again(self, told: Told) -> Told:
        """The same event by another witness: a third of the words, shuffled in threes."""
        words = told.what.split()
        threes = [words[at : at + 3] for at in range(0, len(words), 3)]
        kept = self._random.sample(threes, max(1, len(threes) // 3))
        new = self._random.choices(SYLLABLES, self._often, k=len(words))
        what = " ".join([*new[: len(new) // 2], *chain.from_iterable(kept)])
        return Told(
            name="", province=told.province, commune=told.commune, what=what,
            happened_on=told.happened_on,
        )  # fmt: skip


async def measure(folder: Path, postgresql: str) -> list[Figure]:
    few = await _filled(f"sqlite+aiosqlite:///{folder}/few.db", FEW)
    many = await _filled(f"sqlite+aiosqlite:///{folder}/many.db", MANY)
    base, sqlite = await _ask(few), await _ask(many)
    elsewhere = await _ask(await _filled(postgresql, MANY))
    return [
        Figure("duplicates.p95", _p95(sqlite), "ms"),
        Figure("duplicates.p95.postgresql", _p95(elsewhere), "ms"),
        Figure("duplicates.growth", median(sqlite) / median(base), "times"),
    ]


def _p95(taken: list[float]) -> float:
    return quantiles(taken, n=20)[-1]


async def _filled(url: str, reports: int) -> Database:
    await migrate(url)
    db = Database(url)
    started, drawn = time.perf_counter(), Drawn()
    async with db.transaction() as session:
        if db.sqlite:  # the index is built in memory, or it takes a quarter of an hour
            await session.execute(text("PRAGMA cache_size=-600000"))
        office = Office(id=new_id(), code="AH", name="Phòng Thi đua", addresses=[])
        subject = Person(id=new_id(), wrapped_key=VAULT.new_person_key(), made_at=MADE)
        form = DeedForm(hash=FORM, questions={}, first_used_at=MADE)
        session.add_all([office, subject, form])
        await session.flush()
        for _ in range(0, reports, AT_ONCE):
            some = [drawn.told() for _ in range(min(AT_ONCE, reports))]
            await _store(session, office.id, subject.id, some)
    async with db.transaction() as session:
        await session.execute(text("ANALYZE"))
    progress(
        f"{reports} reports in {db.url.get_backend_name()}: {time.perf_counter() - started:.0f} s"
    )
    return db


async def _store(session: AsyncSession, office_id: str, subject_id: str, some: list[Told]) -> None:
    people, deeds, reports, tokens = [], [], [], []
    for told in some:
        person, deed, report = new_id(), new_id(), new_id()
        key = VAULT.new_person_key()
        people.append({"id": person, "wrapped_key": key, "made_at": MADE})
        deeds.append(_deed(deed, office_id, subject_id, told))
        sealed = VAULT.seal(key, forms.dump(told), similar.told_place(report))
        reports.append(_report(report, deed, person, sealed))
        kinds = similar.tokens(VAULT, told)
        del kinds["near"]
        tokens += [{"token": t, "report_id": report} for t in set().union(*kinds.values())]
    for model, rows in ((Person, people), (Deed, deeds), (DeedReport, reports)):
        await session.execute(insert(model), rows)
    await _store_tokens(session, tokens)


async def _store_tokens(session: AsyncSession, rows: list[dict[str, Any]]) -> None:
    """Seventy for each report: PostgreSQL takes them by COPY."""
    if session.get_bind().dialect.name == "sqlite":
        await session.execute(insert(table(DeedToken)), rows)
        return
    raw = await (await session.connection()).get_raw_connection()
    assert raw.driver_connection is not None
    await raw.driver_connection.copy_records_to_table(
        "deed_tokens",
        columns=["token", "report_id"],
        records=[tuple(row.values()) for row in rows],
    )


def _deed(id: str, office_id: str, subject_id: str, told: Told) -> dict[str, Any]:
    return {
        "id": id, "office_id": office_id, "subject_id": subject_id, "subject_kind": "person",
        "province": told.province, "commune": told.commune, "happened_on": told.day,
        "state_at": MADE, "made_at": MADE,
    }  # fmt: skip


def _report(id: str, deed_id: str, person_id: str, sealed: bytes) -> dict[str, Any]:
    return {
        "id": id, "deed_id": deed_id, "number": 1, "person_id": person_id, "channel": "webchat",
        "locale": "vi", "form_hash": FORM, "told": sealed, "relation": "saw",
        "source_mark": b"s", "words_mark": b"w", "received_at": MADE,
    }  # fmt: skip


def _questions() -> Iterator[tuple[Told, str]]:
    """What is asked, and what kind of question it is; of texts that are there in either size."""
    drawn, asking = Drawn(), Drawn()
    there = [drawn.told() for _ in range(FEW)]
    new = Drawn()
    new._random.seed(7)
    for number in range(ASKED):
        told = there[number % FEW]
        match number % 3:
            case 0:
                yield told, "copied"
            case 1:
                yield asking.again(told), "again"
            case _:
                yield new.told(), "new"


async def _ask(db: Database) -> list[float]:
    taken: list[float] = []
    hit = {"copied": 0, "again": 0, "new": 0}
    for told, kind in _questions():
        async with db.reading() as session:
            started = time.perf_counter()
            found = await similar.find(session, VAULT, told)
            taken.append(1000 * (time.perf_counter() - started))
        hit[kind] += bool(found)
    progress(
        f"{db.url.get_backend_name()}: p50 {median(taken):.1f} p95 {_p95(taken):.1f} "
        f"max {max(taken):.1f} ms; found of {ASKED // 3} each: {hit}"
    )
    await db.close()
    return taken


async def run(folder: Path) -> list[Figure]:
    postgres = await asyncio.to_thread(Postgres, folder / "server")
    try:
        return await measure(folder, postgres.new())
    finally:
        postgres.stop()


if __name__ == "__main__":
    with TemporaryDirectory(prefix="neuguong-bench-") as at:
        for figure in asyncio.run(run(Path(at))):
            print(f"{figure.name:<24}{figure.value:10.2f} {figure.unit}")
