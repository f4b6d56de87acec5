"""Instants as SQLite keeps them: as SQLAlchemy writes them, whatever the shortcut."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.dialects import sqlite

from storage.models.base import Instant

HANOI = timezone(timedelta(hours=7))


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 2, 17, 0, 0, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2027, 1, 1, 6, 59, 59, 1, tzinfo=HANOI),
        datetime(987, 3, 4, 5, 6, 7, tzinfo=UTC),
    ],
)
def test_an_instant_is_written_as_sqlalchemy_writes_it(instant: datetime) -> None:
    dialect = sqlite.dialect()
    ours = Instant().dialect_impl(dialect).bind_processor(dialect)
    theirs = sqlite.DATETIME().bind_processor(dialect)  # type: ignore[no-untyped-call]
    assert ours is not None
    assert theirs is not None
    assert ours(instant) == theirs(instant.astimezone(UTC))
    assert ours(None) is None
