"""A console for the tests: what operators and officers type, and what they are told."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot import verbs
from bot.command_line import Parser
from bot.config import read_settings


@dataclass
class Said:
    code: int
    out: str
    err: str


def type_verb(*words: str, **settings: str) -> int:
    """Runs a verb in this process; returns its exit code."""
    parser = Parser(prog="neuguong")
    verbs.add_verbs(parser.add_subparsers(dest="verb", required=True))
    read = read_settings({f"NEUGUONG_{k.upper()}": v for k, v in settings.items()}, None)
    return verbs.run(read, parser.read(words))


@dataclass
class Desk:
    """A console on one data folder; `types` runs a verb in this process."""

    home: Path
    capture: pytest.CaptureFixture[str]

    def types(self, *words: str, **settings: str) -> Said:
        code = type_verb(*words, **{"home": str(self.home), **settings})
        said = self.capture.readouterr()
        return Said(code, said.out, said.err)

    def asks(self, sql: str, *values: str) -> list[tuple[str, ...]]:
        with sqlite3.connect(self.home / "neuguong.db") as db:
            return db.execute(sql, values).fetchall()

    def changes(self, sql: str, *values: str) -> None:
        with sqlite3.connect(self.home / "neuguong.db") as db:
            db.execute(sql, values)

    @property
    def codes(self) -> list[str]:
        """Of the demo's consultations: closed, closing today, open."""
        return [row[0] for row in self.asks("SELECT code FROM consultations ORDER BY closes_at")]
