"""What the public reads of a good deed: sealed until then, and found fast."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0007_publications"
down_revision = "0006_awards_nobody_compared"
branch_labels = None
depends_on = None

_SHOWN = sa.text("shown_at IS NOT NULL")
_ORDERED = ("field_code", "province", "commune", "movement_code")


def upgrade() -> None:
    with op.batch_alter_table("offices", schema=None) as batch_op:
        batch_op.add_column(_words("telegram_channel", 64))

    with op.batch_alter_table("deeds", schema=None) as batch_op:
        batch_op.add_column(sa.Column("shown_at", sa.DateTime(timezone=True), nullable=True))
        _index(batch_op, "ix_deeds_shown_at", "shown_at", "id")
        for column in _ORDERED:
            _index(batch_op, f"ix_deeds_{column}_shown_at", column, "shown_at", "id")

    with op.batch_alter_table("deeds_in_groups", schema=None) as batch_op:
        batch_op.add_column(sa.Column("shown_at", sa.DateTime(timezone=True), nullable=True))
        _index(batch_op, "ix_deeds_in_groups_shown_at", "group_code", "shown_at", "deed_id")

    with op.batch_alter_table("deed_publications", schema=None) as batch_op:
        batch_op.add_column(sa.Column("words", sa.LargeBinary(), nullable=True))
        batch_op.add_column(_words("lead", 600))
        batch_op.add_column(sa.Column("quoted_id", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("photos", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.create_foreign_key(
            batch_op.f("fk_deed_publications_quoted_id"),
            "deed_reports", ["quoted_id"], ["id"],
        )  # fmt: skip


def downgrade() -> None:
    with op.batch_alter_table("deed_publications", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_deed_publications_quoted_id"), type_="foreignkey")
        for column in ("photos", "quoted_id", "lead", "words"):
            batch_op.drop_column(column)

    with op.batch_alter_table("deeds_in_groups", schema=None) as batch_op:
        batch_op.drop_index("ix_deeds_in_groups_shown_at")
        batch_op.drop_column("shown_at")

    with op.batch_alter_table("deeds", schema=None) as batch_op:
        for column in _ORDERED:
            batch_op.drop_index(f"ix_deeds_{column}_shown_at")
        batch_op.drop_index("ix_deeds_shown_at")
        batch_op.drop_column("shown_at")

    with op.batch_alter_table("offices", schema=None) as batch_op:
        batch_op.drop_column("telegram_channel")


def _words(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=False, server_default="")


def _index(batch_op: BatchOperations, name: str, *columns: str) -> None:
    batch_op.create_index(name, [*columns], sqlite_where=_SHOWN, postgresql_where=_SHOWN)
