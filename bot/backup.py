"""One archive of everything but the key, and the way back from it.

A zip of `manifest.json`, the database and the files under their hashes. The key is not in it on
purpose: with the archive alone nobody reads who a citizen is.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.media import FileStore
from bot.replies import UserError
from storage import schema
from storage.db import Database
from storage.models.office import Office
from storage.models.people import Contact
from storage.models.traffic import OPEN, InboxEvent, OutboxMessage, OutboxState

FORMAT = "neuguong-backup/1"
_DATABASES = {True: "database.sqlite", False: "database.pgdump"}
_NAME = re.compile(r"manifest\.json|database\.(sqlite|pgdump)|files/[0-9a-f]{2}/[0-9a-f]{62}")
_BLOCK = 1024 * 1024
_LONGEST_DUMP_SECONDS = 6 * 3600

Progress = Callable[[int, int], None]
"""Called with how many parts are done, and of how many."""


class BackupError(UserError):
    """What is wrong with an archive, or stands in its way."""


@dataclass(frozen=True)
class Restored:
    made_at: datetime
    """When the backup was made: what came in later is not in it."""
    files: int
    set_aside: int
    """Messages that may have been sent since: an officer decides on each."""
    replaced: Path | None
    """Where the database that was there before was kept, of SQLite."""


async def backup(
    db: Database, home: Path, file: Path, now: datetime, progress: Progress | None = None
) -> int:
    """Writes the archive whole or not at all, readable by its owner only; returns its size.

    The service may run on meanwhile. Raises BackupError.
    """
    version = await schema.version(db)
    if version is None:
        raise BackupError("backup-empty-database")
    if await asyncio.to_thread(file.exists):
        raise BackupError("backup-file-exists", file=str(file))
    about = {"format": FORMAT, "made_at": now.isoformat(), "schema": version}
    return await asyncio.to_thread(_write, db, home, file, about, progress or _silent)


async def restore(
    db: Database,
    home: Path,
    file: Path,
    now: datetime,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Restored:
    """Puts everything back; the service must not be running. Every hash is checked beforehand.

    What was still to be sent when the backup was made is set aside, for it may have been sent
    since. A database with data in it is refused unless `overwrite`. Raises BackupError.
    """
    with await asyncio.to_thread(_open, file) as archive:
        manifest = await asyncio.to_thread(_checked_manifest, archive)
        _refuse_foreign(manifest, db)
        holds_data = await _holds_data(db)
        if holds_data and not overwrite:
            raise BackupError("backup-database-holds-data")
        await db.close()
        replaced, files = await asyncio.to_thread(
            _put_back, archive, db, home, now if holds_data else None, progress or _silent
        )
    await schema.migrate(db)
    made_at = datetime.fromisoformat(manifest["made_at"])
    async with db.transaction() as session:
        set_aside = await _set_aside(session, made_at, now)
    return Restored(made_at, files, set_aside, replaced)


def _silent(done: int, total: int) -> None:
    """No progress shown."""


# Writing


def _write(db: Database, home: Path, file: Path, about: dict[str, Any], progress: Progress) -> int:
    unfinished = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=file.parent) as folder, unfinished.open("xb") as raw:
            os.chmod(unfinished, 0o600)
            dump = Path(folder) / _DATABASES[db.sqlite]
            _dump(db, dump)
            # The database first: a file is on the disk before the row that names it commits.
            parts = [(dump.name, dump), *_files(home)]
            with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                about["parts"] = _add_all(archive, parts, progress)
                archive.writestr("manifest.json", json.dumps(about, indent=1))
            raw.flush()
            os.fsync(raw.fileno())
        os.replace(unfinished, file)
    except OSError as error:
        raise BackupError("backup-cannot-write", file=str(file)) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return file.stat().st_size


def _dump(db: Database, target: Path) -> None:
    if db.sqlite:
        schema.copy_sqlite(Path(str(db.url.database)), target)
        return
    _run_postgres_tool(db, "pg_dump", "--format=custom", f"--file={target}")


def _files(home: Path) -> list[tuple[str, Path]]:
    root = home / "files"
    found = sorted(path for path in root.glob("??/*") if path.is_file())
    named = ((f"files/{path.parent.name}/{path.name}", path) for path in found)
    return [(name, path) for name, path in named if _NAME.fullmatch(name)]


def _add_all(
    archive: zipfile.ZipFile, parts: list[tuple[str, Path]], progress: Progress
) -> dict[str, dict[str, Any]]:
    added = {}
    for done, (name, path) in enumerate(parts, start=1):
        # A file that a citizen had erased while we were busy is no part of the backup.
        if path.exists():
            added[name] = _add(archive, name, path)
        progress(done, len(parts))
    return added


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as source, archive.open(name, "w", force_zip64=True) as target:
        while block := source.read(_BLOCK):
            digest.update(block)
            size += len(block)
            target.write(block)
    return {"sha256": digest.hexdigest(), "size": size}


# Reading


def _open(file: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except FileNotFoundError:
        raise BackupError("backup-no-file", file=str(file)) from None
    except (OSError, zipfile.BadZipFile):
        raise BackupError("backup-unreadable", file=str(file)) from None


def _checked_manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    """Reads every part once, before anything is touched."""
    names = archive.namelist()
    try:
        manifest: dict[str, Any] = json.loads(archive.read("manifest.json"))
        parts: dict[str, dict[str, Any]] = manifest["parts"]
        whole = set(names) == {*parts, "manifest.json"} and len(names) == len(set(names))
        sound = all(
            _NAME.fullmatch(name) and _hash(archive, name) == part["sha256"]
            for name, part in parts.items()
        )
    except (KeyError, TypeError, ValueError, zipfile.BadZipFile, OSError, EOFError):
        whole = sound = False
    if not (whole and sound) or manifest["format"] != FORMAT:
        raise BackupError("backup-altered")
    return manifest


def _hash(archive: zipfile.ZipFile, name: str) -> str:
    digest = hashlib.sha256()
    with archive.open(name) as source:
        while block := source.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _refuse_foreign(manifest: dict[str, Any], db: Database) -> None:
    if _DATABASES[db.sqlite] not in manifest["parts"]:
        kinds = ("SQLite", "PostgreSQL") if not db.sqlite else ("PostgreSQL", "SQLite")
        raise BackupError("backup-other-database", archive=kinds[0], database=kinds[1])
    if manifest["schema"] not in schema.REVISIONS:
        raise BackupError("backup-newer")


async def _holds_data(db: Database) -> bool:
    if await schema.version(db) is None:
        return False
    async with db.reading() as session:
        for column in (Office.id, Contact.id, InboxEvent.id):
            if await session.scalar(select(column).limit(1)) is not None:
                return True
    return False


def _put_back(
    archive: zipfile.ZipFile,
    db: Database,
    home: Path,
    keep_as_of: datetime | None,
    progress: Progress,
) -> tuple[Path | None, int]:
    """Files first: they harm nobody when the database then cannot be put back."""
    names = [name for name in archive.namelist() if name.startswith("files/")]
    try:
        home.mkdir(parents=True, exist_ok=True)
        _put_files(archive, names, FileStore(home / "files"), progress)
        with TemporaryDirectory(dir=home) as folder:
            archive.extract(_DATABASES[db.sqlite], folder)
            dump = Path(folder) / _DATABASES[db.sqlite]
            if db.sqlite:
                return _swap_in(dump, Path(str(db.url.database)), keep_as_of), len(names)
            tool = ("pg_restore", "--clean", "--if-exists", "--no-owner", "--single-transaction")
            _run_postgres_tool(db, *tool, f"--dbname={_libpq_url(db)}", str(dump))
            return None, len(names)
    except OSError as error:
        raise BackupError("backup-cannot-write-home", home=str(home)) from error


def _put_files(
    archive: zipfile.ZipFile, names: Iterable[str], store: FileStore, progress: Progress
) -> None:
    wanted = list(names)
    for done, name in enumerate(wanted, start=1):
        sha256 = name.removeprefix("files/").replace("/", "")
        if store.put(archive.read(name)) != sha256:
            raise BackupError("backup-altered")
        progress(done, len(wanted))


def _swap_in(copy: Path, target: Path, keep_as_of: datetime | None) -> Path | None:
    """A database with data in it is kept beside the new one, under a name with that instant."""
    kept = None
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        _refuse_in_use(target)
    if target.exists() and keep_as_of:
        kept = target.with_name(f"{target.name}.replaced-{keep_as_of:%Y%m%dT%H%M%SZ}")
        schema.copy_sqlite(target, kept)
    for leftover in ("-wal", "-shm"):
        target.with_name(target.name + leftover).unlink(missing_ok=True)
    os.chmod(copy, 0o600)
    with copy.open("rb+") as written:
        os.fsync(written.fileno())
    shutil.move(copy, target)
    return kept


def _refuse_in_use(path: Path) -> None:
    """In write-ahead mode only the sole user of a file may lock it whole."""
    held = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        held.execute("PRAGMA locking_mode=EXCLUSIVE")
        held.execute("BEGIN EXCLUSIVE")
        held.execute("ROLLBACK")
    except sqlite3.OperationalError:
        raise BackupError("backup-database-in-use", file=str(path)) from None
    finally:
        held.close()


async def _set_aside(session: AsyncSession, made_at: datetime, now: datetime) -> int:
    """What was due by now may have been sent after the backup; what is due later was not."""
    may_have_gone = (OutboxMessage.state != OutboxState.QUEUED) | (OutboxMessage.due_at <= now)
    told = await session.execute(
        update(OutboxMessage)
        .where(OPEN, may_have_gone)
        .values(
            state=OutboxState.SET_ASIDE,
            lease_until=None,
            error=f"restored from a backup of {made_at:%Y-%m-%d %H:%M} UTC",
        )
        .returning(OutboxMessage.id)
    )
    return len(told.all())


# PostgreSQL's own tools


def _run_postgres_tool(db: Database, tool: str, *arguments: str) -> None:
    found = shutil.which(tool)
    if found is None:
        raise BackupError("backup-no-tool", tool=tool)
    target = [] if tool == "pg_restore" else [_libpq_url(db)]
    environment = {**os.environ, "PGPASSWORD": db.url.password or ""}
    done = subprocess.run(  # noqa: S603  # our own arguments; the password is not among them
        [found, *arguments, *target],
        env=environment,
        capture_output=True,
        text=True,
        timeout=_LONGEST_DUMP_SECONDS,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise BackupError("backup-tool-failed", tool=tool, error=lines[-1])


def _libpq_url(db: Database) -> str:
    """Without the password, which goes by the environment: arguments are seen by everybody."""
    query = {name: value for name, value in db.url.query.items() if name in ("host", "port")}
    plain = db.url.set(drivername="postgresql", password=None, query=query)
    return plain.render_as_string(hide_password=False)
