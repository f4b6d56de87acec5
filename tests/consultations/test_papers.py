"""From the database to the office's papers: who is in them, who is not, and at what size."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import docx
import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from bot.clock import VIETNAM, load_calendar
from bot.media import FileStore
from bot.replies import UserError
from bot.vault import Vault
from handlers.consultations import demo, lifecycle, service
from handlers.consultations.papers import council as papers
from handlers.consultations.papers import report
from storage import schema
from storage.db import Database
from storage.models.base import new_id
from storage.models.consultations import (
    Candidate,
    CandidateDocument,
    Consultation,
    ConsultationState,
    Opinion,
    OpinionFile,
    OpinionState,
    Stance,
)
from storage.models.people import Person
from tests.consultations.papers import VI

VAULT = Vault("an invented secret, long enough for tests")
NOW = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
CLOSED = "AH-2026-01"
CANARY = "canary words that belong to nobody"


class Template:
    """The invented office, made once in a database of each kind and copied for each test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, str] = {}

    async def copy(self, to: URL) -> None:
        kind = to.get_backend_name()
        if kind == "sqlite":
            kept = str(self._folder / "template.db")
            if kind not in self._made:
                self._made[kind] = await self._make(to.set(database=kept))
            shutil.copy(kept, str(to.database))
            return
        if kind not in self._made:
            await _on_server(to, f"CREATE DATABASE {to.database}_kept")
            self._made[kind] = await self._make(to.set(database=f"{to.database}_kept"))
        await _on_server(to, f"DROP DATABASE {to.database}")
        await _on_server(to, f"CREATE DATABASE {to.database} TEMPLATE {self._made[kind]}")

    async def _make(self, url: URL) -> str:
        db = Database(url.render_as_string(hide_password=False))
        await schema.migrate(db)
        async with db.transaction() as session:
            await demo.load(session, VAULT, FileStore(self._folder / "files"), NOW)
        await db.close()
        return str(url.database)


async def _on_server(url: URL, words: str) -> None:
    """Outside any transaction, as PostgreSQL wants databases to be made."""
    server = create_async_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    async with server.connect() as connection:
        await connection.execute(text(words))
    await server.dispose()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return Template(tmp_path_factory.mktemp("template"))


@pytest.fixture
async def db(database_url: str, template: Template) -> AsyncIterator[Database]:
    """The invented office: its closed consultation has seven opinions and one matter."""
    await template.copy(make_url(database_url))
    database = Database(database_url)
    yield database
    await database.close()


async def _export(db: Database, folder: Path, **options: Any) -> list[dict[str, Any]]:
    out = folder / "opinions.json"
    async with db.reading() as session:
        count = await papers.export_opinions(session, VAULT, out, "json", VI, NOW, **options)
    rows: list[dict[str, Any]] = json.loads(out.read_text(encoding="utf-8"))
    assert len(rows) == count
    return rows


async def _report(db: Database, code: str = CLOSED) -> report.CouncilReport:
    async with db.reading() as session:
        return await papers.council_report(session, code, await load_calendar(session), NOW)


async def _one(db: Database, stance: Stance) -> Opinion:
    async with db.reading() as session:
        found = await session.scalars(select(Opinion).where(Opinion.stance == stance))
        return found.one()


async def _change(db: Database, opinion: Opinion, **values: object) -> None:
    async with db.transaction() as session:
        await session.execute(update(Opinion).where(Opinion.id == opinion.id).values(**values))


async def test_an_export_has_one_row_for_each_opinion_in_the_order_of_the_notice(
    db: Database, tmp_path: Path
) -> None:
    rows = await _export(db, tmp_path, code=CLOSED)
    assert [row["candidate_number"] for row in rows] == [1, 1, 1, 2, 2, 2, 2]
    assert rows[0]["candidate"] == "Hồ Thị Bích Nương"
    assert rows[0]["award"] == "Huân chương Lao động hạng Ba"
    assert rows[0]["received_at"] == "2026-10-20T10:00:00+07:00"
    assert Counter(row["state"] for row in rows)["accepted"] == 3


@pytest.mark.parametrize("state", [OpinionState.RESTRICTED, OpinionState.ERASED])
async def test_what_is_restricted_or_erased_is_in_no_paper(
    db: Database, tmp_path: Path, state: OpinionState
) -> None:
    objection = await _one(db, Stance.OBJECT)
    await _change(db, objection, state=state, text=CANARY)
    rows = await _export(db, tmp_path)
    assert objection.id not in [row["opinion_id"] for row in rows]
    assert CANARY not in json.dumps(rows)
    told = await _report(db)
    assert [one.stance for one in told.objections] == ["inform"]
    assert sum(count.number for count in told.counts) == 4


async def test_the_words_of_a_matter_that_looks_like_a_denunciation_are_only_counted(
    db: Database, tmp_path: Path
) -> None:
    told = await _report(db)
    assert told.restricted == 1
    out = tmp_path / "report.docx"
    report.write(told, out, VI)
    words = "\n".join(p.text for p in docx.Document(str(out)).paragraphs)
    assert "áo phao không đúng" not in words
    assert "áo phao không đúng" not in json.dumps(await _export(db, tmp_path), ensure_ascii=False)


async def test_a_withdrawn_opinion_is_shown_as_such_without_its_words(
    db: Database, tmp_path: Path
) -> None:
    (row,) = [r for r in await _export(db, tmp_path) if r["state"] == "withdrawn"]
    assert (row["text"], row["attachments"]) == ("", 0)


async def test_names_are_exported_only_when_asked_for(db: Database, tmp_path: Path) -> None:
    assert {row["name"] for row in await _export(db, tmp_path)} == {""}
    rows = await _export(db, tmp_path, names=True)
    named = {row["identity_level"]: row for row in rows if row["name"]}
    assert named["to_office"]["name"] == "Trịnh Thị Cẩm Sương"
    assert named["signed"]["telephone"] == "+842003550144"
    assert named["signed"]["address"].startswith("Tổ 00")
    assert "anonymous" not in named


async def test_a_forgotten_person_has_no_name_in_an_export(db: Database, tmp_path: Path) -> None:
    async with db.transaction() as session:
        for person in await session.scalars(select(Person)):
            service.forget(person, NOW)
    assert {row["name"] for row in await _export(db, tmp_path, names=True)} == {""}


async def test_attachments_are_counted(db: Database, tmp_path: Path) -> None:
    objection = await _one(db, Stance.OBJECT)
    async with db.transaction() as session:
        for file_id in (await session.scalars(select(CandidateDocument.file_id).limit(2))).all():
            assert file_id is not None
            session.add(OpinionFile(opinion_id=objection.id, file_id=file_id))
    rows = await _export(db, tmp_path, code=CLOSED)
    (row,) = [row for row in rows if row["opinion_id"] == objection.id]
    assert row["attachments"] == 2
    assert [o.evidence for o in (await _report(db)).objections] == [0, 2]


async def test_an_export_of_an_unknown_code_is_refused(db: Database, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no-such-code"):
        await _export(db, tmp_path, code="NOT-THERE")


async def test_the_report_says_both_ways_of_counting_and_who_published_it(db: Database) -> None:
    told = await _report(db)
    assert told.posted_on == date(2026, 10, 19)
    assert told.ends == {"civil_code": date(2026, 11, 2), "posting_day": date(2026, 10, 30)}
    assert told.closed_at == datetime(2026, 11, 3, 0, 0, tzinfo=VIETNAM)
    assert "Báo An Hòa điện tử" in [line.medium for line in told.media]
    words = "khoản 2 Điều 44 Nghị định số 152/2025/NĐ-CP"
    assert told.legal_bases[1] == report.BasisLine(words, verified=False)
    assert told.parent_agency == "Sở Nội vụ tỉnh An Hòa"


async def test_the_report_counts_what_stands_and_keeps_the_rest_apart(db: Database) -> None:
    told = await _report(db)
    sums: Counter[str] = Counter()
    for count in told.counts:
        sums[count.stance] += count.number
    assert sums == {"agree": 2, "remark": 1, "inform": 1, "object": 1}
    assert (told.undecided, told.set_aside, told.withdrawn) == (2, 1, 1)


async def test_each_objection_comes_with_what_the_office_did_about_it(db: Database) -> None:
    inform, objection = (await _report(db)).objections
    assert (inform.candidate_number, inform.handling, inform.accepted_at) == (1, "", None)
    assert "241 vụ" in objection.handling
    assert "286 vụ" in objection.text
    assert objection.accepted_at
    assert objection.handled_at
    assert objection.accepted_at < objection.handled_at
    assert [one.from_office for one in objection.exchange] == [True, False]
    assert "ngã ba sông" in objection.exchange[1].text


async def test_our_own_page_stands_among_the_media_by_its_name_and_its_link(db: Database) -> None:
    async with db.reading() as session:
        calendar = await load_calendar(session)
        told = await papers.council_report(session, CLOSED, calendar, NOW, "https://gopy.example")
    (ours,) = [line for line in told.media if line.reference]
    assert (ours.medium, ours.reference) == ("", f"https://gopy.example/c/{CLOSED}")
    assert "neuguong" not in {line.medium for line in told.media}


async def test_an_early_close_is_told_as_it_was(db: Database) -> None:
    async with db.transaction() as session:
        asked = await lifecycle.by_code(session, "ah-2026-03")
        announced = asked.closes_at
        lifecycle.close(session, asked, "Đơn vị đã rút tờ trình", "command", NOW)
    told = await _report(db, "AH-2026-03")
    assert told.closed_at == NOW
    (moved,) = told.moved
    assert (moved.old, moved.new, moved.reason) == (announced, NOW, "Đơn vị đã rút tờ trình")
    assert report.cut_short(told) == "papers-report-cut-short-both"


async def test_a_close_after_the_end_is_no_early_one(db: Database) -> None:
    async with db.transaction() as session:
        asked = await lifecycle.by_code(session, "AH-2026-03")
        assert asked.closes_at
        lifecycle.close(session, asked, "", "command", asked.closes_at)
    told = await _report(db, "AH-2026-03")
    assert (told.moved, report.cut_short(told)) == ((), None)


@pytest.mark.parametrize(
    ("days", "reason", "refused"),
    [
        (0, "Bổ sung", "move-same"),
        (9, "Bổ sung", "move-day-off"),
        (2000, "Bổ sung", "outside-calendar"),
        (7, "x" * 501, "reason-too-long"),
        (7, " ", "needs-reason"),
    ],
)
async def test_an_end_is_not_moved_to_where_it_cannot_be(
    db: Database, days: int, reason: str, refused: str
) -> None:
    async with db.reading() as session:
        asked = await lifecycle.by_code(session, "AH-2026-03")
        assert asked.closes_at
        later = asked.closes_at + timedelta(days=days)
        with pytest.raises(UserError, match=refused):
            await lifecycle.move_end(session, asked, later, reason, "command", NOW)


async def test_a_moved_end_stands_in_the_report_with_its_reason(db: Database) -> None:
    async with db.transaction() as session:
        asked = await lifecycle.by_code(session, "AH-2026-03")
        assert asked.closes_at
        later = asked.closes_at + timedelta(days=7)
        await lifecycle.move_end(session, asked, later, "Bổ sung hồ sơ", "command", NOW)
        lifecycle.become(session, asked, ConsultationState.CLOSED, "clock", later)
    told = await _report(db, "AH-2026-03")
    assert [move.reason for move in told.moved] == ["Bổ sung hồ sơ"]
    assert told.counts == ()
    assert told.objections == ()


async def test_there_is_no_report_while_a_consultation_is_open(db: Database) -> None:
    with pytest.raises(UserError, match="report-not-closed"):
        await _report(db, "AH-2026-03")


async def test_twenty_thousand_opinions_are_exported_a_chunk_at_a_time(
    db: Database, tmp_path: Path
) -> None:
    seen: list[int] = []
    async with db.transaction() as session:
        asked = await session.scalar(select(Consultation).where(Consultation.code == CLOSED))
        assert asked is not None
        about = await session.scalar(
            select(Candidate.id).where(Candidate.consultation_id == asked.id).limit(1)
        )
        shared = {
            "consultation_id": asked.id, "candidate_id": about, "channel": "form", "locale": "vi",
            "stance": "agree", "text": "", "identity": "anonymous", "in_window": True,
            "version": 1, "state": "filed", "reason": "",
        }  # fmt: skip
        rows = [{"id": new_id(), "received_at": NOW, **shared} for _ in range(20_000)]
        await session.execute(insert(Opinion), rows)
    rows_written = await _export(db, tmp_path, code=CLOSED, progress=seen.append)
    assert len(rows_written) == 20_007
    assert seen[0] == 1_000
    assert seen[-1] == 20_007
    assert (await _report(db)).counts[0].number > 0
