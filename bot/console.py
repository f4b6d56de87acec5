"""What the verbs of the command line share: the database made ready, words, lines, progress."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from bot import i18n
from bot.config import Settings, read_secret
from bot.installation import recognise
from bot.vault import Vault
from storage import schema
from storage.db import Database
from storage.seed import load_catalogue

Say = Callable[..., str]


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[Database]:
    """Ready to be used; a new one is set up at once, an old one is never changed unasked."""
    make_home(settings)
    db = Database(settings.database)
    try:
        if await schema.version(db) is None:
            await schema.migrate(db)
        await schema.refuse_unless_current(db)
        async with db.transaction() as session:
            await load_catalogue(session)
            await recognise(session, vault(settings), now())
        yield db
    finally:
        await db.close()


def make_home(settings: Settings) -> None:
    """The key is made here at the first use; raises ConfigError where nothing can be written."""
    read_secret(settings)
    settings.home.mkdir(parents=True, exist_ok=True)


def vault(settings: Settings) -> Vault:
    return Vault(read_secret(settings))


def sayer(settings: Settings) -> Say:
    return partial(i18n.say, settings.default_locale)


def now() -> datetime:
    return datetime.now(UTC)


def show(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def complain(line: str) -> None:
    sys.stderr.write(line + "\n")


class Progress:
    """One line on the error stream, rewritten on a terminal, now and then elsewhere."""

    def __init__(self, say: Say) -> None:
        self._say, self._shown = say, 0
        self._rewrites = sys.stderr.isatty()

    def so_far(self, done: int) -> None:
        if self._rewrites or done >= self._shown + 10_000:
            self._write(self._say("command-rows-so-far", count=done), done)

    def of(self, done: int, total: int) -> None:
        if self._rewrites or done >= self._shown + 1_000 or done == total:
            self._write(self._say("command-parts-so-far", done=done, total=total), done)

    def _write(self, words: str, done: int) -> None:
        self._shown = done
        sys.stderr.write(f"\r{words}" if self._rewrites else words + os.linesep)
        sys.stderr.flush()

    def end(self) -> None:
        if self._rewrites and self._shown:
            sys.stderr.write("\n")
