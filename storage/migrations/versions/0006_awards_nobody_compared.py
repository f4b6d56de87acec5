"""Awards shipped as compared with the law though nobody had compared them."""

from __future__ import annotations

from alembic import op

revision = "0006_awards_nobody_compared"
down_revision = "0005_good_deeds"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # An office that compared one said so by the command, and the log of acts kept it.
    op.execute(
        "UPDATE awards SET verified = false WHERE verified AND code NOT IN"
        " (SELECT object_id FROM acts WHERE object_kind = 'award' AND verb = 'change award')"
    )


def downgrade() -> None:
    """What nobody compared is not marked as compared again."""
