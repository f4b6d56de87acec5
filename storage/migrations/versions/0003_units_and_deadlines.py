"""Units, clusters, deadlines, duties and the ledger of reminders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003_units_and_deadlines"
down_revision = "0002_acts_are_final"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "movements",
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name_vi", sa.String(length=300), nullable=False),
        sa.Column("name_en", sa.String(length=300), nullable=False),
        sa.Column("source", sa.String(length=500), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_movements")),
    )
    op.create_table(
        "send_budgets",
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replies_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("newest_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_send_budgets")),
    )
    op.create_table(
        "clusters",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("office_id", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["office_id"], ["offices.id"], name=op.f("fk_clusters_office_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clusters")),
        sa.UniqueConstraint("office_id", "code", name=op.f("uq_clusters_office_id_code")),
    )
    op.create_table(
        "calendar_feeds",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_calendar_feeds_contact_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_feeds")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_calendar_feeds_fingerprint")),
    )
    with op.batch_alter_table("calendar_feeds", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_calendar_feeds_contact_id"), ["contact_id"], unique=False
        )

    op.create_table(
        "cluster_seats",
        sa.Column("cluster_id", sa.String(length=20), nullable=False),
        sa.Column("unit_id", sa.String(length=20), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rank", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["clusters.id"], name=op.f("fk_cluster_seats_cluster_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_cluster_seats_unit_id")),
        sa.PrimaryKeyConstraint("cluster_id", "unit_id", "year", name=op.f("pk_cluster_seats")),
    )
    with op.batch_alter_table("cluster_seats", schema=None) as batch_op:
        batch_op.create_index("ix_cluster_seats_unit_id_year", ["unit_id", "year"], unique=False)

    op.create_table(
        "deadlines",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("office_id", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(length=48), nullable=False),
        sa.Column("template", sa.String(length=32), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("work", sa.String(length=16), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("for_kinds", sa.JSON(), nullable=False),
        sa.Column("checklist", sa.JSON(), nullable=False),
        sa.Column("ladder", sa.JSON(), nullable=False),
        sa.Column("in_working_days", sa.Boolean(), nullable=False),
        sa.Column("mandatory", sa.Boolean(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("basis", sa.String(length=500), nullable=False),
        sa.Column("source", sa.String(length=500), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("armed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("planned_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("consultation_id", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(
            ["consultation_id"], ["consultations.id"], name=op.f("fk_deadlines_consultation_id")
        ),
        sa.ForeignKeyConstraint(
            ["office_id"], ["offices.id"], name=op.f("fk_deadlines_office_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deadlines")),
        sa.UniqueConstraint(
            "consultation_id", "work", name=op.f("uq_deadlines_consultation_id_work")
        ),
        sa.UniqueConstraint("office_id", "code", name=op.f("uq_deadlines_office_id_code")),
    )
    op.create_table(
        "members",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("unit_id", sa.String(length=20), nullable=False),
        sa.Column("rank", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_members_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_members")),
    )
    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_members_unit_id"), ["unit_id"], unique=False)

    op.create_table(
        "deadline_moves",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("deadline_id", sa.String(length=20), nullable=False),
        sa.Column("old_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("new_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("actor", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["deadline_id"], ["deadlines.id"], name=op.f("fk_deadline_moves_deadline_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deadline_moves")),
    )
    with op.batch_alter_table("deadline_moves", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_deadline_moves_deadline_id"), ["deadline_id"], unique=False
        )

    op.create_table(
        "duties",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("deadline_id", sa.String(length=20), nullable=False),
        sa.Column("unit_id", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("state_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("more_time_until", sa.Date(), nullable=True),
        sa.Column("more_time_reason", sa.String(length=500), nullable=False),
        sa.Column("own_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["deadline_id"], ["deadlines.id"], name=op.f("fk_duties_deadline_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_duties_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duties")),
        sa.UniqueConstraint("deadline_id", "unit_id", name=op.f("uq_duties_deadline_id_unit_id")),
    )
    with op.batch_alter_table("duties", schema=None) as batch_op:
        batch_op.create_index("ix_duties_unit_id_state", ["unit_id", "state"], unique=False)

    op.create_table(
        "member_addresses",
        sa.Column("member_id", sa.String(length=20), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("unreachable_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_member_addresses_contact_id")
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_member_addresses_member_id")
        ),
        sa.PrimaryKeyConstraint("member_id", "contact_id", name=op.f("pk_member_addresses")),
    )
    with op.batch_alter_table("member_addresses", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_member_addresses_contact_id"), ["contact_id"], unique=False
        )

    op.create_table(
        "reminders",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("unit_id", sa.String(length=20), nullable=False),
        sa.Column("deadline_id", sa.String(length=20), nullable=False),
        sa.Column("step", sa.String(length=24), nullable=False),
        sa.Column("recipient", sa.String(length=24), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=True),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outbox_id", sa.BigInteger(), nullable=True),
        sa.Column("told_in", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_reminders_contact_id")
        ),
        sa.ForeignKeyConstraint(
            ["deadline_id"], ["deadlines.id"], name=op.f("fk_reminders_deadline_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_reminders_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminders")),
        sa.UniqueConstraint(
            "unit_id",
            "deadline_id",
            "step",
            "recipient",
            name=op.f("uq_reminders_unit_id_deadline_id_step_recipient"),
        ),
    )
    with op.batch_alter_table("reminders", schema=None) as batch_op:
        batch_op.create_index("ix_reminders_at", ["at"], unique=False)
        batch_op.create_index(
            "ix_reminders_claimed",
            ["outbox_id"],
            unique=False,
            sqlite_where=sa.text("state = 'claimed'"),
            postgresql_where=sa.text("state = 'claimed'"),
        )
        batch_op.create_index(
            "ix_reminders_waiting",
            ["due_at", "contact_id"],
            unique=False,
            sqlite_where=sa.text("state IN ('planned', 'deferred')"),
            postgresql_where=sa.text("state IN ('planned', 'deferred')"),
        )
        batch_op.create_index(
            "ix_reminders_waiting_of",
            ["contact_id"],
            unique=False,
            sqlite_where=sa.text("state IN ('planned', 'deferred')"),
            postgresql_where=sa.text("state IN ('planned', 'deferred')"),
        )

    op.create_table(
        "unit_invitations",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("unit_id", sa.String(length=20), nullable=False),
        sa.Column("rank", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("member_id", sa.String(length=20), nullable=True),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("made_by", sa.String(length=40), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_unit_invitations_member_id")
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["units.id"], name=op.f("fk_unit_invitations_unit_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_invitations")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_unit_invitations_fingerprint")),
    )
    with op.batch_alter_table("unit_invitations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_unit_invitations_unit_id"), ["unit_id"], unique=False)

    op.create_table(
        "submissions",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("duty_id", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("form_hash", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("file_ids", sa.JSON(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("member_id", sa.String(length=20), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["duty_id"], ["duties.id"], name=op.f("fk_submissions_duty_id")),
        sa.ForeignKeyConstraint(
            ["member_id"], ["members.id"], name=op.f("fk_submissions_member_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submissions")),
        sa.UniqueConstraint("duty_id", "version", name=op.f("uq_submissions_duty_id_version")),
    )
    with op.batch_alter_table("contacts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("opted_out_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("quiet_from", sa.Time(), nullable=True))
        batch_op.add_column(sa.Column("quiet_until", sa.Time(), nullable=True))

    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("floor_id", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("ceil_id", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("strays", sa.Integer(), nullable=False, server_default="0"))
    _index_what_is_open("state IN ('queued', 'sending', 'in_doubt')")
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("place", sa.BigInteger(), nullable=True))
        batch_op.create_index(
            "ix_inbox_place", ["place"], sqlite_where=sa.text("place IS NOT NULL"),
            postgresql_where=sa.text("place IS NOT NULL"),
        )  # fmt: skip

    with op.batch_alter_table("units", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("province", sa.String(length=8), nullable=False, server_default="")
        )
        batch_op.add_column(
            sa.Column("commune", sa.String(length=8), nullable=False, server_default="")
        )
        batch_op.add_column(sa.Column("aliases", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index("ix_units_office_id_code", ["office_id", "code"], unique=True)


def downgrade() -> None:
    with op.batch_alter_table("units", schema=None) as batch_op:
        batch_op.drop_index("ix_units_office_id_code")
        batch_op.drop_column("closed_at")
        batch_op.drop_column("aliases")
        batch_op.drop_column("commune")
        batch_op.drop_column("province")

    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.drop_index("ix_inbox_place")
        batch_op.drop_column("place")
    _index_what_is_open("state IN ('queued', 'sending')")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_column("strays")
        batch_op.drop_column("ceil_id")
        batch_op.drop_column("floor_id")

    with op.batch_alter_table("contacts", schema=None) as batch_op:
        batch_op.drop_column("quiet_until")
        batch_op.drop_column("quiet_from")
        batch_op.drop_column("opted_out_at")

    op.drop_table("submissions")
    with op.batch_alter_table("unit_invitations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_unit_invitations_unit_id"))

    op.drop_table("unit_invitations")
    with op.batch_alter_table("reminders", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_reminders_waiting_of",
            sqlite_where=sa.text("state IN ('planned', 'deferred')"),
            postgresql_where=sa.text("state IN ('planned', 'deferred')"),
        )
        batch_op.drop_index(
            "ix_reminders_waiting",
            sqlite_where=sa.text("state IN ('planned', 'deferred')"),
            postgresql_where=sa.text("state IN ('planned', 'deferred')"),
        )
        batch_op.drop_index(
            "ix_reminders_claimed",
            sqlite_where=sa.text("state = 'claimed'"),
            postgresql_where=sa.text("state = 'claimed'"),
        )
        batch_op.drop_index("ix_reminders_at")

    op.drop_table("reminders")
    with op.batch_alter_table("member_addresses", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_member_addresses_contact_id"))

    op.drop_table("member_addresses")
    with op.batch_alter_table("duties", schema=None) as batch_op:
        batch_op.drop_index("ix_duties_unit_id_state")

    op.drop_table("duties")
    with op.batch_alter_table("deadline_moves", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deadline_moves_deadline_id"))

    op.drop_table("deadline_moves")
    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_members_unit_id"))

    op.drop_table("members")
    op.drop_table("deadlines")
    with op.batch_alter_table("cluster_seats", schema=None) as batch_op:
        batch_op.drop_index("ix_cluster_seats_unit_id_year")

    op.drop_table("cluster_seats")
    with op.batch_alter_table("calendar_feeds", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_calendar_feeds_contact_id"))

    op.drop_table("calendar_feeds")
    op.drop_table("clusters")
    op.drop_table("send_budgets")
    op.drop_table("movements")


def _index_what_is_open(which: str) -> None:
    op.drop_index("ix_outbox_open", "outbox")
    op.create_index(
        "ix_outbox_open", "outbox", ["due_at", "id"],
        sqlite_where=sa.text(which), postgresql_where=sa.text(which),
    )  # fmt: skip
