"""What a notice says of itself, what became of an objection, and awards nobody has verified."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004_papers_of_a_notice"
down_revision = "0003_units_and_deadlines"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("consultations", schema=None) as batch_op:
        for name, length in (
            ("document", 300),
            ("publisher", 300),
            ("receiving_name", 300),
            ("receiving_telephone", 40),
            ("receiving_email", 120),
        ):
            batch_op.add_column(_words(name, length))
        batch_op.add_column(
            sa.Column("receiving_addresses", sa.JSON(), nullable=False, server_default="[]")
        )

    with op.batch_alter_table("opinions", schema=None) as batch_op:
        batch_op.add_column(_words("handling", 1000))
        batch_op.add_column(sa.Column("handled_by", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True))

    # Shipped as verified though nobody had read the clause; no office could have said so itself.
    op.execute(
        "UPDATE awards SET verified = false WHERE code IN ('CSTDTQ', 'HCLD1', 'HCLD2', 'HCLD3',"
        " 'HCDL1', 'HCDL2', 'HCDL3', 'AHLD', 'AHLLVTND', 'BMVNAH')"
    )


def downgrade() -> None:
    with op.batch_alter_table("opinions", schema=None) as batch_op:
        batch_op.drop_column("handled_at")
        batch_op.drop_column("handled_by")
        batch_op.drop_column("handling")

    with op.batch_alter_table("consultations", schema=None) as batch_op:
        batch_op.drop_column("receiving_addresses")
        batch_op.drop_column("receiving_email")
        batch_op.drop_column("receiving_telephone")
        batch_op.drop_column("receiving_name")
        batch_op.drop_column("publisher")
        batch_op.drop_column("document")


def _words(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=False, server_default="")
