"""What the verbs of the command line share: what is typed, the database, words, progress."""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from bot import i18n
from bot.clock import VIETNAM, OutsideCoverage
from bot.command_line import mistyped as mistyped
from bot.config import ConfigError, Settings, read_secret
from bot.installation import recognise
from bot.intake import Action, Plan
from bot.replies import UserError
from bot.vault import Vault
from storage import schema
from storage.db import Database, Refusal
from storage.models.office import Office
from storage.seed import load_catalogue

Say = Callable[..., str]
ACTOR = "command"
"""Who did it, in the log of acts."""


# What is typed


def verb(verbs: Any, name: str, work: Any, words: str) -> argparse.ArgumentParser:
    """Adds a verb: `work` is `async (settings, args) -> exit code`, `words` a key."""
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=words, description=words)
    parser.set_defaults(work=work)
    return parser


def day(text: str) -> date:
    """For argparse: 2026-12-10 or 10/12/2026."""
    for form in ("%Y-%m-%d", "%d/%m/%Y"):
        with suppress(ValueError):
            return datetime.strptime(text, form).date()  # noqa: DTZ007  # a day has no zone
    raise mistyped("help-wrong-day", written=text)


def instant(text: str) -> datetime:
    """For argparse: a day, and perhaps an hour, in Vietnam; without one, the day's beginning."""
    written, _, hour = text.strip().partition(" ")
    try:
        at = time.fromisoformat(hour.strip()) if hour else time()
    except ValueError:
        raise mistyped("help-wrong-hour", written=hour) from None
    return datetime.combine(day(written), at, VIETNAM)


def fitting(name: str, value: str, longest: int) -> str:
    """Tidied. Raises UserError when it is longer than there is room for."""
    tidy = " ".join(value.split())
    if len(tidy) > longest:
        option = f"--{name.replace('_', '-')}"
        raise UserError("command-too-long", option=option, longest=longest)
    return tidy


# What it comes to


def carry_out(settings: Settings, work: Coroutine[Any, Any, int]) -> int:
    """Runs it. 1 when it could not be done, and then a sentence says what to do about it."""
    say = sayer(settings)
    try:
        return asyncio.run(work)
    except UserError as refusal:
        complain(i18n.words(refusal.reply, settings.default_locale))
    except OutsideCoverage as refusal:
        covered = {"first": refusal.covered_from, "last": refusal.covered_until}
        complain(say("consultations-outside-calendar", day=refusal.day, **covered))
    except BrokenPipeError:
        # Whoever reads has read enough (`| head`): that is no failure, and nothing to be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (SQLAlchemyError, OSError) as error:
        complain(say("command-failed", error=_remedy(error, say)))
    return 1


def _remedy(error: SQLAlchemyError | OSError, say: Say) -> str:
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return say("command-failed-disk-full")
        if error.filename is not None:
            return say(_FILES.get(error.errno or 0, "command-failed-file"), file=error.filename)
    cause = str(getattr(error, "orig", None) or error).strip().splitlines()
    return say("command-failed-database", error=cause[0] if cause else type(error).__name__)


_FILES = {
    errno.ENOENT: "command-failed-no-file",
    errno.EACCES: "command-failed-no-right",
    errno.EPERM: "command-failed-no-right",
    errno.EROFS: "command-failed-no-right",
    errno.EISDIR: "command-failed-folder",
    errno.ENOTDIR: "command-failed-no-file",
}


# What the work stands on


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


async def office(session: AsyncSession, code: str) -> Office:
    """The only one when no code is given. Raises UserError."""
    offices = (await session.scalars(select(Office).order_by(Office.code))).all()
    chosen = [row for row in offices if not code or row.code == code]
    if len(chosen) == 1:
        return chosen[0]
    if not offices:
        raise UserError("command-no-office")
    raise UserError("command-which-office", codes=", ".join(row.code for row in offices))


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


def worded(error: ConfigError | Refusal, locale: str) -> str:
    """Why nothing can be done, in sentences; the errors themselves carry only keys."""
    return " ".join(i18n.say(locale, key, **args) for key, args in error.told)


# What several verbs do


async def office_of(session: AsyncSession, code: str) -> Office:
    """The one with that code, or the only one. Raises UserError."""
    offices = (await session.scalars(select(Office).order_by(Office.code))).all()
    chosen = [row for row in offices if not code or row.code.lower() == code.strip().lower()]
    if len(chosen) == 1:
        return chosen[0]
    if not offices:
        raise UserError("command-no-office")
    raise UserError("command-which-office", codes=", ".join(row.code for row in offices))


class Undo(Exception):
    """Leaves a transaction without a trace: a dry run, or a plan with errors."""


def conclude(plan: Plan[Any], say: Say, *, committed: bool, done: str) -> int:
    """Says what an import came to; `done` is the sentence for one that was written."""
    actions: tuple[Action, ...] = ("create", "update", "remove", "unchanged")
    counts = {action: plan.count(action) for action in actions}
    show(say("command-import-counts", **counts))
    if plan.has_errors:
        complain(say("command-import-refused"))
        return 1
    if plan.changes_nothing:
        show(say("command-import-nothing"))
    else:
        show(say(done if committed else "command-import-dry-run"))
    return 0


class Progress:
    """One line on the error stream, rewritten on a terminal, now and then elsewhere."""

    def __init__(self, say: Say) -> None:
        self._say, self._shown = say, 0
        self._rewrites = sys.stderr.isatty()

    def so_far(self, done: int) -> None:
        if self._rewrites or done >= self._shown + 10_000:
            self._write(self._say("command-rows-so-far", count=done), done)

    def of(self, done: int, total: int) -> None:
        """`done` may be told again and again: off a terminal the last line stands once."""
        is_last = done == total != self._shown
        if self._rewrites or done >= self._shown + 1_000 or is_last:
            self._write(self._say("command-parts-so-far", done=done, total=total), done)

    def _write(self, words: str, done: int) -> None:
        self._shown = done
        sys.stderr.write(f"\r{words}" if self._rewrites else words + os.linesep)
        sys.stderr.flush()

    def end(self) -> None:
        if self._rewrites and self._shown:
            sys.stderr.write("\n")
