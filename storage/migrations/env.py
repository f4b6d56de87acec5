"""Alembic's entry: runs on the connection that storage.schema hands over, and on nothing else."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection

from storage.models import Base
from storage.models.base import Instant


def _frozen(kind: str, item: Any, _: AutogenContext) -> str | Literal[False]:
    """A revision says DateTime, not Instant: it must run when that class is long gone."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, Instant) else False


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        render_item=_frozen,
        compare_type=True,
        # SQLite undoes DDL too, once BEGIN is said explicitly, as storage.db does.
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


_run(context.config.attributes["connection"])
