"""What every table shares: the metadata with its naming convention, instants, random ids."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import DateTime, Dialect, MetaData, String, Table, TypeDecorator
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeEngine


class _Remembered(sqlite.DATETIME):
    """Works out the text of an instant once: a day's plan writes a few of them 144,000 times."""

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str | None]:
        written = super().bind_processor(dialect)
        assert written is not None
        return lru_cache(maxsize=256)(written)


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant. Naive ones are refused: SQLite would keep them, asyncpg shift them."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return _Remembered()  # type: ignore[no-untyped-call]
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs its time zone: use datetime.now(UTC)")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def table(model: type[Base]) -> Table:
    """The model's table, for statements on the path of every turn: there the ORM costs much."""
    found = model.__table__
    if not isinstance(found, Table):
        raise TypeError(f"{model.__name__} has no table of its own")
    return found


_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id() -> str:
    """100 random bits as 20 characters: may stand in a link or a button, tells no order."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(20))


def random_id() -> Mapped[str]:
    """The primary key of whatever may appear in a link."""
    return mapped_column(String(20), primary_key=True, default=new_id)
