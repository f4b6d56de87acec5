"""The log of acts takes new lines only: the database itself refuses to change or delete one."""

from __future__ import annotations

from alembic import op

revision = "0002_acts_are_final"
down_revision = "0001_foundation"
branch_labels = None
depends_on = None

_REFUSAL = "a line of the log of acts is never changed and never deleted"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for event in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER acts_no_{event.lower()} BEFORE {event} ON acts "
                f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION refuse_to_change_acts() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER acts_are_final BEFORE UPDATE OR DELETE OR TRUNCATE ON acts "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_acts()"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER acts_no_update")
        op.execute("DROP TRIGGER acts_no_delete")
        return
    op.execute("DROP TRIGGER acts_are_final ON acts")
    op.execute("DROP FUNCTION refuse_to_change_acts()")
