"""The schema: what the revisions make is what the models say, on both databases, down and up."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from bot import acts
from storage import schema
from storage.db import Database
from storage.models.office import Act
from tests.databases import Postgres

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that holds nothing yet, not even a schema."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/new.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new()


@pytest.fixture
async def db(empty_url: str) -> AsyncIterator[Database]:
    database = Database(empty_url)
    yield database
    await database.close()


async def _log_an_act(db: Database) -> None:
    async with db.transaction() as session:
        session.add(
            Act(at=NOW, actor="clock", verb="close", object_kind="consultation", object_id="x")
        )


async def test_the_revisions_make_exactly_what_the_models_say(empty_url: str) -> None:
    assert await schema.differences(empty_url) == []


async def test_a_model_changed_without_a_revision_is_noticed(db: Database) -> None:
    await schema.migrate(db)
    async with db.transaction() as session:
        await session.execute(text("ALTER TABLE offices ADD COLUMN motto VARCHAR(20)"))
        await session.execute(text("DROP INDEX ix_acts_at"))
    found = " ".join(await schema.differences(db.url.render_as_string(hide_password=False)))
    assert "motto" in found
    assert "ix_acts_at" in found


async def test_the_schema_goes_down_to_nothing_and_up_again(db: Database) -> None:
    await schema.migrate(db)
    await schema.downgrade(db)
    assert await schema.version(db) is None
    await schema.migrate(db)
    assert await schema.is_current(db)
    await _log_an_act(db)


async def test_a_line_of_the_log_of_acts_is_neither_changed_nor_deleted(db: Database) -> None:
    await schema.migrate(db)
    await _log_an_act(db)
    for tampering in (update(Act).values(actor="nobody"), delete(Act)):
        with pytest.raises(DBAPIError, match="never changed"):
            async with db.transaction() as session:
                await session.execute(tampering)
    async with db.reading() as session:
        assert (await session.scalars(select(Act.actor))).all() == ["clock"]


async def test_an_empty_database_is_not_current_and_a_migrated_one_is(db: Database) -> None:
    assert not await schema.is_current(db)
    with pytest.raises(schema.SchemaError, match="starting-schema-older"):
        await schema.refuse_unless_current(db)
    await schema.migrate(db)
    assert await schema.is_current(db)
    await schema.refuse_unless_current(db)


async def test_a_database_of_a_newer_version_is_refused_and_left_alone(db: Database) -> None:
    await schema.migrate(db)
    async with db.transaction() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '0099_future'"))
    for refused in (schema.migrate, schema.refuse_unless_current):
        with pytest.raises(schema.SchemaError, match=r"starting-schema-newer.*0099_future"):
            await refused(db)
    assert await schema.version(db) == "0099_future"


async def test_a_revision_that_fails_half_way_leaves_everything_as_it_was(db: Database) -> None:
    await schema.migrate(db, schema.REVISIONS[0])
    async with db.transaction() as session:
        await session.execute(text("DROP TABLE acts"))
    with pytest.raises(DBAPIError):
        await schema.migrate(db)
    assert await schema.version(db) == schema.REVISIONS[0]


async def test_an_sqlite_file_that_is_behind_is_copied_before_it_is_changed(
    tmp_path: Path,
) -> None:
    db = Database(f"sqlite+aiosqlite:///{tmp_path}/office.db")
    assert await schema.migrate(db, schema.REVISIONS[0]) is None
    await _log_an_act(db)
    copy = await schema.migrate(db)
    await db.close()
    assert copy is not None
    assert copy.parent == tmp_path
    before = Database(f"sqlite+aiosqlite:///{copy}")
    assert await schema.version(before) == schema.REVISIONS[0]
    async with before.reading() as session:
        assert await session.scalar(select(Act.verb)) == "close"
    await before.close()


async def test_migrating_what_is_current_does_nothing(tmp_path: Path) -> None:
    db = Database(f"sqlite+aiosqlite:///{tmp_path}/office.db")
    await schema.migrate(db)
    assert await schema.migrate(db) is None
    await db.close()
    assert not [name for name in os.listdir(tmp_path) if "before" in name]


async def test_foreign_keys_are_on_again_after_a_migration(tmp_path: Path) -> None:
    db = Database(f"sqlite+aiosqlite:///{tmp_path}/office.db")
    await schema.migrate(db)
    async with db.transaction() as session:
        assert (await session.execute(text("PRAGMA foreign_keys"))).scalar_one() == 1
    await db.close()


def test_the_list_of_revisions_is_the_one_in_the_folder() -> None:
    folder = Path(schema.__file__).parent / "migrations"
    revisions = [script.revision for script in ScriptDirectory(str(folder)).walk_revisions()]
    assert list(reversed(revisions)) == list(schema.REVISIONS)


def test_asking_for_the_version_imports_no_alembic() -> None:
    said = "import sys, storage.schema; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", said], check=False).returncode == 0


async def test_awards_shipped_as_verified_that_nobody_verified_are_so_no_longer(
    db: Database,
) -> None:
    """What an office compared itself, by the command that writes an act, stays compared."""
    await schema.migrate(db, schema.REVISIONS[2])
    async with db.transaction() as session:
        acts.note(session, NOW, "command", "change award", "award", "GK")
        for code in ("HCLD3", "LDTT", "GK"):
            await session.execute(
                text(
                    'INSERT INTO awards (code, name_vi, name_en, "group", level, for_kinds,'
                    " requires_consultation, basis, verified, aliases) VALUES"
                    " (:code, 'x', 'x', 'x', 'x', '[]', true, 'x', true, '[]')"
                ),
                {"code": code},
            )
    await schema.migrate(db)
    async with db.reading() as session:
        found = await session.execute(text("SELECT code FROM awards WHERE verified"))
        assert found.scalars().all() == ["GK"]
