"""The invented office: on any day, one consultation is open, one closes tonight, one is closed."""

from __future__ import annotations

import asyncio
import io
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import docx
import pytest
from PIL import Image
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from bot.clock import end_of_day, local_day
from bot.media import FileStore
from bot.replies import UserError
from bot.vault import Vault
from handlers.consultations import demo
from storage import schema
from storage.db import Database
from storage.models.consultations import (
    Award,
    Candidate,
    CandidateDocument,
    CandidateKind,
    Consultation,
    ConsultationState,
    Openness,
    Opinion,
    RestrictedMatter,
)
from storage.models.office import Act, Office, Officer
from storage.models.traffic import StoredFile
from storage.models.units import Unit
from storage.seed import load_catalogue

VAULT = Vault("an invented secret, long enough for tests")
MONDAY = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
PROVINCES = (
    "Hà Nội", "Hồ Chí Minh", "Hải Phòng", "Đà Nẵng", "Huế", "Cần Thơ", "Tuyên Quang", "Cao Bằng",
    "Lai Châu", "Lào Cai", "Thái Nguyên", "Điện Biên", "Lạng Sơn", "Sơn La", "Phú Thọ",
    "Bắc Ninh", "Quảng Ninh", "Hưng Yên", "Ninh Bình", "Thanh Hóa", "Nghệ An", "Hà Tĩnh",
    "Quảng Trị", "Quảng Ngãi", "Gia Lai", "Đắk Lắk", "Khánh Hòa", "Lâm Đồng", "Đồng Nai",
    "Tây Ninh", "Đồng Tháp", "An Giang", "Vĩnh Long", "Cà Mau",
)  # fmt: skip


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the demo in it, for the tests that only look."""
    folder = tmp_path_factory.mktemp("demo")
    asyncio.run(_make(f"sqlite+aiosqlite:///{folder}/demo.db", folder, MONDAY))
    return folder


async def _make(url: str, folder: Path, now: datetime) -> None:
    db = Database(url)
    await schema.migrate(db)
    await _load(db, folder, now)
    await db.close()


async def _load(db: Database, folder: Path, now: datetime = MONDAY) -> None:
    async with db.transaction() as session:
        await demo.load(session, VAULT, FileStore(folder / "files"), now)


@pytest.fixture
async def db(loaded: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{loaded}/demo.db")
    yield database
    await database.close()


@pytest.fixture
async def empty(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await schema.migrate(database)
    yield database
    await database.close()


async def _consultations(session: AsyncSession) -> list[Consultation]:
    found = await session.scalars(
        select(Consultation)
        .options(selectinload(Consultation.candidates))
        .order_by(Consultation.closes_at.desc())
    )
    return list(found)


@pytest.mark.parametrize(
    "now",
    [
        MONDAY,
        datetime(2026, 11, 24, 3, 0, tzinfo=UTC),  # a holiday
        datetime(2026, 11, 28, 16, 59, tzinfo=UTC),  # the last minute of a Saturday
        datetime(2026, 11, 28, 17, 0, tzinfo=UTC),  # the first of a Sunday
        datetime(2027, 2, 8, 1, 0, tzinfo=UTC),  # in the middle of Tết
    ],
)
async def test_one_is_open_one_closes_tonight_and_one_is_closed_on_any_day(
    tmp_path: Path, now: datetime
) -> None:
    await _make(f"sqlite+aiosqlite:///{tmp_path}/demo.db", tmp_path, now)
    db = Database(f"sqlite+aiosqlite:///{tmp_path}/demo.db")
    async with db.reading() as session:
        is_open, closing, closed = await _consultations(session)
        assert is_open.openness(now) is Openness.OPEN
        assert is_open.closes_at
        assert is_open.closes_at - now > timedelta(days=2)
        assert closing.openness(now) is Openness.OPEN
        assert closing.closes_at == end_of_day(local_day(now))
        assert closing.computed_ends_at
        assert closing.computed_ends_at <= closing.closes_at
        assert closed.state == ConsultationState.CLOSED
        assert closed.openness(now) is Openness.CLOSED
    await db.close()


async def test_the_open_one_has_five_candidates_of_five_kinds(db: Database) -> None:
    async with db.reading() as session:
        is_open = (await _consultations(session))[0]
        assert {candidate.kind for candidate in is_open.candidates} == set(CandidateKind)
        assert [candidate.number for candidate in is_open.candidates] == [1, 2, 3, 4, 5]


async def test_each_award_is_one_that_needs_a_consultation_and_may_go_to_its_candidate(
    db: Database,
) -> None:
    async with db.reading() as session:
        for candidate in await session.scalars(
            select(Candidate).options(selectinload(Candidate.award))
        ):
            assert candidate.award.requires_consultation, candidate.name
            assert candidate.kind in candidate.award.for_kinds, candidate.name
            assert 60 <= len(candidate.summary.split()) <= 120, candidate.name


async def test_portraits_and_documents_are_real_public_files(db: Database, loaded: Path) -> None:
    store = FileStore(loaded / "files")
    async with db.reading() as session:
        for candidate in await session.scalars(select(Candidate)):
            portrait = await session.get_one(StoredFile, candidate.portrait_id)
            with Image.open(io.BytesIO(store.read(portrait.sha256))) as image:
                assert image.size == (640, 640)
            paper_id = await session.scalar(
                select(CandidateDocument.file_id).where(
                    CandidateDocument.candidate_id == candidate.id
                )
            )
            paper = await session.get_one(StoredFile, paper_id)
            words = docx.Document(io.BytesIO(store.read(paper.sha256)))
            assert candidate.summary in [p.text for p in words.paragraphs]
            assert portrait.public
            assert paper.public


async def test_the_closed_one_has_opinions_in_several_states_and_a_restricted_matter(
    db: Database,
) -> None:
    async with db.reading() as session:
        states = Counter(await session.scalars(select(Opinion.state)))
        assert states == {"accepted": 3, "filed": 2, "set_aside": 1, "withdrawn": 1}
        assert len((await session.scalars(select(RestrictedMatter.id))).all()) == 1


async def test_each_decision_is_an_officers_who_works_there_no_more(db: Database) -> None:
    async with db.reading() as session:
        (officer,) = await session.scalars(select(Officer))
        assert officer.revoked_at == MONDAY
        decided = select(Opinion).where(Opinion.state.in_(("accepted", "set_aside")))
        for opinion in await session.scalars(decided):
            assert opinion.decided_by == officer.id
            assert opinion.decided_at
            acts = await session.scalars(select(Act).where(Act.object_id == opinion.id))
            by = {act.actor for act in acts if act.verb.startswith("make")}
            assert by == {f"officer:{officer.id}"}


async def test_nothing_in_it_is_a_real_province_or_says_it_was_verified(db: Database) -> None:
    async with db.reading() as session:
        office = await session.scalar(select(Office))
        units = (await session.scalars(select(Unit.name))).all()
        assert office is not None
        assert len(units) == 8
        for words in (office.name, *office.addresses, *units):
            assert not [name for name in PROVINCES if f"tỉnh {name}" in words]
        for asked in await _consultations(session):
            assert {basis["verified"] for basis in asked.legal_bases} == {False}


async def test_it_loads_into_an_empty_database_and_never_a_second_time(
    empty: Database, tmp_path: Path
) -> None:
    await _load(empty, tmp_path)
    with pytest.raises(UserError, match="command-demo-not-empty"):
        await _load(empty, tmp_path)


async def test_an_award_that_the_office_corrected_stays_corrected(empty: Database) -> None:
    async with empty.transaction() as session:
        assert await load_catalogue(session) > 50
        award = await session.get_one(Award, "HCLD3")
        award.name_vi = "Huân chương Lao động hạng Ba (đã sửa)"
        await session.delete(await session.get_one(Award, "GK"))
    async with empty.transaction() as session:
        assert await load_catalogue(session) == 1
    async with empty.reading() as session:
        award = await session.get_one(Award, "HCLD3")
        assert award.name_vi.endswith("(đã sửa)")
