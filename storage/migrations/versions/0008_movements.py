"""Which registrations name a movement, and the shares that councils ask for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008_movements"
down_revision = "0007_publications"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "asked_shares",
        sa.Column("office_id", sa.String(length=20), nullable=False),
        sa.Column("group_code", sa.String(length=32), nullable=False),
        sa.Column("percent", sa.SmallInteger(), nullable=False),
        sa.Column("basis", sa.String(length=500), nullable=False),
        sa.Column("set_by", sa.String(length=40), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_code"], ["deed_groups.code"], name=op.f("fk_asked_shares_group_code")
        ),
        sa.ForeignKeyConstraint(
            ["office_id"], ["offices.id"], name=op.f("fk_asked_shares_office_id")
        ),
        sa.PrimaryKeyConstraint("office_id", "group_code", name=op.f("pk_asked_shares")),
    )
    op.create_table(
        "duties_in_movements",
        sa.Column("duty_id", sa.String(length=20), nullable=False),
        sa.Column("movement_code", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["duty_id"], ["duties.id"], name=op.f("fk_duties_in_movements_duty_id")
        ),
        sa.ForeignKeyConstraint(
            ["movement_code"],
            ["movements.code"],
            name=op.f("fk_duties_in_movements_movement_code"),
        ),
        sa.PrimaryKeyConstraint("duty_id", "movement_code", name=op.f("pk_duties_in_movements")),
    )
    with op.batch_alter_table("duties_in_movements", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_duties_in_movements_movement_code"), ["movement_code"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("duties_in_movements", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_duties_in_movements_movement_code"))
    op.drop_table("duties_in_movements")
    op.drop_table("asked_shares")
