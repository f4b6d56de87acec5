"""The rows of a good deed: code lists with their source, and names that outlive no key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from bot.vault import Vault
from handlers.consultations import drafts
from storage.db import Database
from storage.models.base import new_id
from storage.models.deadlines import Movement
from storage.models.deeds import (
    DEED_TRANSITIONS,
    STAGES,
    Deed,
    DeedField,
    DeedFile,
    DeedForm,
    DeedGroup,
    DeedReport,
    DeedState,
    Relation,
    SubjectKind,
)
from storage.models.office import Office
from storage.models.people import Person
from storage.models.traffic import StoredFile
from storage.seed import load_catalogue, shipped

LONG_AGO = datetime(2026, 1, 5, 3, tzinfo=UTC)
NOW = LONG_AGO + timedelta(days=400)
VAULT = Vault("a secret of the tests, long enough to be one")


@pytest.fixture
async def db(database_url: str) -> Database:
    return Database(database_url)


async def test_fields_and_groups_come_with_their_source_and_what_was_corrected_stays(
    db: Database,
) -> None:
    async with db.transaction() as session:
        await load_catalogue(session)
        (await session.get_one(DeedGroup, "NONG_DAN")).name_vi = "Nông dân (đã sửa)"
        await session.flush()
        assert await load_catalogue(session) == 0
        assert (await session.get_one(DeedGroup, "NONG_DAN")).name_vi == "Nông dân (đã sửa)"
        urgent = await session.scalars(select(DeedField.code).where(DeedField.urgent))
        assert urgent.all() == ["CUU_NGUOI"]
    await db.close()
    for name in ("deed_fields_vn.json", "deed_groups_vn.json"):
        rows = shipped(name)
        assert len({row["code"] for row in rows}) == len(rows) > 10
        assert all(row["source"] and row["verified"] is False for row in rows)


async def test_a_movement_has_its_period_targets_criteria_and_who_takes_part(
    db: Database,
) -> None:
    async with db.transaction() as session:
        await load_catalogue(session)
        one = await session.get_one(Movement, "NTM")
        assert (one.starts_on, one.ends_on) == (None, None)
        one.starts_on, one.targets = NOW.date(), ["Mỗi thôn một vườn mẫu"]
        one.criteria, one.takes_part = ["Có người làm theo"], ["commune", "NONG_DAN"]
    async with db.reading() as session:
        kept = await session.get_one(Movement, "NTM")
        assert (kept.starts_on, kept.targets) == (NOW.date(), ["Mỗi thôn một vườn mẫu"])
        assert kept.takes_part == ["commune", "NONG_DAN"]
    await db.close()


async def test_what_a_deed_holds_is_no_forgotten_draft(db: Database) -> None:
    """Names and files nothing was filed with go after sixty days; these were filed."""
    async with db.transaction() as session:
        office = Office(code="AH", name="Phòng Thi đua tỉnh An Hòa", addresses=[])
        people = [
            Person(id=new_id(), wrapped_key=VAULT.new_person_key(), made_at=LONG_AGO)
            for _ in range(3)
        ]
        files = [
            StoredFile(
                id=new_id(), sha256=f"{n:064}", size=1, mime="image/jpeg", kind="image",
                name="a.jpg", taken_at=LONG_AGO,
            )
            for n in range(2)
        ]  # fmt: skip
        form = DeedForm(hash="f" * 64, questions={}, first_used_at=LONG_AGO)
        session.add_all([office, form, *people, *files])
        await session.flush()
        deed = Deed(
            office_id=office.id, subject_kind=SubjectKind.PERSON, subject_id=people[0].id,
            state_at=LONG_AGO, made_at=LONG_AGO,
        )  # fmt: skip
        session.add(deed)
        await session.flush()
        session.add(
            DeedReport(
                deed_id=deed.id, number=1, person_id=people[1].id, channel="webchat",
                locale="vi", form_hash=form.hash, relation=Relation.SAW, source_mark=b"s" * 32,
                words_mark=b"w" * 32, received_at=LONG_AGO,
            )
        )  # fmt: skip
        session.add(DeedFile(deed_id=deed.id, file_id=files[0].id, added_at=LONG_AGO))
    async with db.transaction() as session:
        await drafts.forget_drafts(session, NOW)
    async with db.reading() as session:
        keys = [(await session.get_one(Person, one.id)).wrapped_key for one in people]
        kept = (await session.scalars(select(StoredFile.id))).all()
    await db.close()
    assert [bool(key) for key in keys] == [True, True, False]
    assert kept == [files[0].id]


def test_every_state_has_its_stage_and_every_way_is_between_states() -> None:
    assert set(DEED_TRANSITIONS) == set(DeedState)
    assert set(STAGES) == set(DeedState) - {DeedState.REJECTED, DeedState.WITHDRAWN}
