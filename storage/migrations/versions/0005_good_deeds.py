"""One life of a good deed; movements with their period and criteria."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005_good_deeds"
down_revision = "0004_papers_of_a_notice"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deed_fields",
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name_vi", sa.String(length=200), nullable=False),
        sa.Column("name_en", sa.String(length=200), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(length=500), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_deed_fields")),
    )
    op.create_table(
        "deed_forms",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("questions", sa.JSON(), nullable=False),
        sa.Column("first_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_deed_forms")),
    )
    op.create_table(
        "deed_groups",
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name_vi", sa.String(length=200), nullable=False),
        sa.Column("name_en", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=500), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_deed_groups")),
    )
    op.create_table(
        "deeds",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("office_id", sa.String(length=20), nullable=False),
        sa.Column("movement_code", sa.String(length=32), nullable=True),
        sa.Column("inspired_by_id", sa.String(length=20), nullable=True),
        sa.Column("unit_id", sa.String(length=20), nullable=True),
        sa.Column("subject_kind", sa.String(length=12), nullable=False),
        sa.Column("subject_id", sa.String(length=20), nullable=False),
        sa.Column("province", sa.String(length=8), nullable=False),
        sa.Column("commune", sa.String(length=8), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=True),
        sa.Column("lasting", sa.Boolean(), nullable=False),
        sa.Column("field_code", sa.String(length=32), nullable=True),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("by_self", sa.Boolean(), nullable=False),
        sa.Column("by_own_unit", sa.Boolean(), nullable=False),
        sa.Column("duty_only", sa.Boolean(), nullable=False),
        sa.Column("consent", sa.String(length=8), nullable=False),
        sa.Column("consent_rests_on", sa.String(length=300), nullable=False),
        sa.Column("consent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_child", sa.String(length=8), nullable=False),
        sa.Column("guardian_consent", sa.String(length=8), nullable=False),
        sa.Column("guardian_rests_on", sa.String(length=300), nullable=False),
        sa.Column("rewarded", sa.String(length=8), nullable=False),
        sa.Column("rewarded_how", sa.String(length=300), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("state_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stage", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("changed_by", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["field_code"], ["deed_fields.code"], name=op.f("fk_deeds_field_code")
        ),
        sa.ForeignKeyConstraint(
            ["inspired_by_id"], ["deeds.id"], name=op.f("fk_deeds_inspired_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["movement_code"], ["movements.code"], name=op.f("fk_deeds_movement_code")
        ),
        sa.ForeignKeyConstraint(["office_id"], ["offices.id"], name=op.f("fk_deeds_office_id")),
        sa.ForeignKeyConstraint(["subject_id"], ["people.id"], name=op.f("fk_deeds_subject_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_deeds_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deeds")),
    )
    with op.batch_alter_table("deeds", schema=None) as batch_op:
        batch_op.create_index(
            "ix_deeds_commune_happened_on", ["commune", "happened_on"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_deeds_movement_code"), ["movement_code"], unique=False
        )
        batch_op.create_index(
            "ix_deeds_office_id_state", ["office_id", "state", "made_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_deeds_subject_id"), ["subject_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_deeds_unit_id"), ["unit_id"], unique=False)

    op.create_table(
        "deed_checks",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("deed_id", sa.String(length=20), nullable=False),
        sa.Column("unit_id", sa.String(length=20), nullable=False),
        sa.Column("asked_by", sa.String(length=40), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("working_days", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("question", sa.LargeBinary(), nullable=True),
        sa.Column("answer", sa.String(length=12), nullable=True),
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        sa.Column("answered_by", sa.String(length=40), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("called_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["deed_id"], ["deeds.id"], name=op.f("fk_deed_checks_deed_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_deed_checks_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deed_checks")),
    )
    with op.batch_alter_table("deed_checks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_deed_checks_deed_id"), ["deed_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_deed_checks_due_at"), ["due_at"], unique=False)
        batch_op.create_index(
            "ix_deed_checks_unit_id_answered_at", ["unit_id", "answered_at"], unique=False
        )

    op.create_table(
        "deed_nurtures",
        sa.Column("deed_id", sa.String(length=20), nullable=False),
        sa.Column("unit_id", sa.String(length=20), nullable=False),
        sa.Column("mentor_member_id", sa.String(length=20), nullable=True),
        sa.Column("mentor", sa.LargeBinary(), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["deed_id"], ["deeds.id"], name=op.f("fk_deed_nurtures_deed_id")),
        sa.ForeignKeyConstraint(
            ["mentor_member_id"], ["members.id"], name=op.f("fk_deed_nurtures_mentor_member_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_deed_nurtures_unit_id")),
        sa.PrimaryKeyConstraint("deed_id", name=op.f("pk_deed_nurtures")),
    )
    with op.batch_alter_table("deed_nurtures", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_deed_nurtures_unit_id"), ["unit_id"], unique=False)

    op.create_table(
        "deed_publications",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("deed_id", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("quote", sa.Text(), nullable=False),
        sa.Column("written_by", sa.String(length=40), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.String(length=40), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", sa.String(length=40), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ground", sa.String(length=500), nullable=False),
        sa.Column("correction", sa.String(length=500), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_because", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["deed_id"], ["deeds.id"], name=op.f("fk_deed_publications_deed_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deed_publications")),
        sa.UniqueConstraint(
            "deed_id", "version", name=op.f("uq_deed_publications_deed_id_version")
        ),
    )
    with op.batch_alter_table("deed_publications", schema=None) as batch_op:
        batch_op.create_index("ix_deed_publications_published_at", ["published_at"], unique=False)

    op.create_table(
        "deed_repeats",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("exemplar_id", sa.String(length=20), nullable=False),
        sa.Column("deed_id", sa.String(length=20), nullable=True),
        sa.Column("unit_id", sa.String(length=20), nullable=True),
        sa.Column("province", sa.String(length=8), nullable=False),
        sa.Column("commune", sa.String(length=8), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(["deed_id"], ["deeds.id"], name=op.f("fk_deed_repeats_deed_id")),
        sa.ForeignKeyConstraint(
            ["exemplar_id"], ["deeds.id"], name=op.f("fk_deed_repeats_exemplar_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_deed_repeats_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deed_repeats")),
    )
    with op.batch_alter_table("deed_repeats", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_deed_repeats_exemplar_id"), ["exemplar_id"], unique=False
        )

    op.create_table(
        "deed_reports",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("deed_id", sa.String(length=20), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.String(length=20), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=True),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("locale", sa.String(length=5), nullable=False),
        sa.Column("form_hash", sa.String(length=64), nullable=False),
        sa.Column("told", sa.LargeBinary(), nullable=True),
        sa.Column("relation", sa.String(length=12), nullable=False),
        sa.Column("may_show_name", sa.Boolean(), nullable=False),
        sa.Column("entered_by", sa.String(length=20), nullable=True),
        sa.Column("entered_as", sa.String(length=12), nullable=True),
        sa.Column("invited_by", sa.String(length=32), nullable=False),
        sa.Column("source_mark", sa.LargeBinary(length=32), nullable=False),
        sa.Column("words_mark", sa.LargeBinary(length=32), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["deed_id"], ["deeds.id"], name=op.f("fk_deed_reports_deed_id")),
        sa.ForeignKeyConstraint(
            ["form_hash"], ["deed_forms.hash"], name=op.f("fk_deed_reports_form_hash")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_deed_reports_person_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deed_reports")),
        sa.UniqueConstraint("deed_id", "number", name=op.f("uq_deed_reports_deed_id_number")),
    )
    with op.batch_alter_table("deed_reports", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_deed_reports_contact_id"), ["contact_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_deed_reports_person_id"), ["person_id"], unique=False)

    op.create_table(
        "deeds_in_groups",
        sa.Column("deed_id", sa.String(length=20), nullable=False),
        sa.Column("group_code", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["deed_id"], ["deeds.id"], name=op.f("fk_deeds_in_groups_deed_id")
        ),
        sa.ForeignKeyConstraint(
            ["group_code"], ["deed_groups.code"], name=op.f("fk_deeds_in_groups_group_code")
        ),
        sa.PrimaryKeyConstraint("deed_id", "group_code", name=op.f("pk_deeds_in_groups")),
    )
    with op.batch_alter_table("deeds_in_groups", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_deeds_in_groups_group_code"), ["group_code"], unique=False
        )

    op.create_table(
        "deed_milestones",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("deed_id", sa.String(length=20), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("words", sa.LargeBinary(), nullable=True),
        sa.Column("reached_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["deed_id"], ["deed_nurtures.deed_id"], name=op.f("fk_deed_milestones_deed_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deed_milestones")),
    )
    with op.batch_alter_table("deed_milestones", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_deed_milestones_deed_id"), ["deed_id"], unique=False)

    op.create_table(
        "deed_summaries",
        sa.Column("deed_id", sa.String(length=20), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=True),
        sa.Column("award_code", sa.String(length=32), nullable=True),
        sa.Column("duty_id", sa.String(length=20), nullable=True),
        sa.Column("written_by", sa.String(length=40), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["award_code"], ["awards.code"], name=op.f("fk_deed_summaries_award_code")
        ),
        sa.ForeignKeyConstraint(["deed_id"], ["deeds.id"], name=op.f("fk_deed_summaries_deed_id")),
        sa.ForeignKeyConstraint(
            ["duty_id"], ["duties.id"], name=op.f("fk_deed_summaries_duty_id")
        ),
        sa.PrimaryKeyConstraint("deed_id", name=op.f("pk_deed_summaries")),
    )
    with op.batch_alter_table("deed_summaries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_deed_summaries_duty_id"), ["duty_id"], unique=False)

    op.create_table(
        "deed_tokens",
        sa.Column("token", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("report_id", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["report_id"], ["deed_reports.id"], name=op.f("fk_deed_tokens_report_id")
        ),
        sa.PrimaryKeyConstraint("token", "report_id", name=op.f("pk_deed_tokens")),
    )
    with op.batch_alter_table("deed_tokens", schema=None) as batch_op:
        batch_op.create_index("ix_deed_tokens_report_id", ["report_id"], unique=False)

    op.create_table(
        "deed_files",
        sa.Column("deed_id", sa.String(length=20), nullable=False),
        sa.Column("file_id", sa.String(length=20), nullable=False),
        sa.Column("report_id", sa.String(length=20), nullable=True),
        sa.Column("check_id", sa.String(length=20), nullable=True),
        sa.Column("milestone_id", sa.String(length=20), nullable=True),
        sa.Column("answers", sa.String(length=16), nullable=False),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["check_id"], ["deed_checks.id"], name=op.f("fk_deed_files_check_id")
        ),
        sa.ForeignKeyConstraint(["deed_id"], ["deeds.id"], name=op.f("fk_deed_files_deed_id")),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_deed_files_file_id")),
        sa.ForeignKeyConstraint(
            ["milestone_id"], ["deed_milestones.id"], name=op.f("fk_deed_files_milestone_id")
        ),
        sa.ForeignKeyConstraint(
            ["report_id"], ["deed_reports.id"], name=op.f("fk_deed_files_report_id")
        ),
        sa.PrimaryKeyConstraint("deed_id", "file_id", name=op.f("pk_deed_files")),
    )
    with op.batch_alter_table("deed_files", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_deed_files_file_id"), ["file_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_deed_files_report_id"), ["report_id"], unique=False)

    with op.batch_alter_table("movements", schema=None) as batch_op:
        batch_op.add_column(sa.Column("starts_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("ends_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("targets", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("criteria", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(
            sa.Column("takes_part", sa.JSON(), nullable=False, server_default="[]")
        )


def downgrade() -> None:
    with op.batch_alter_table("movements", schema=None) as batch_op:
        batch_op.drop_column("takes_part")
        batch_op.drop_column("criteria")
        batch_op.drop_column("targets")
        batch_op.drop_column("ends_on")
        batch_op.drop_column("starts_on")

    with op.batch_alter_table("deed_files", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deed_files_report_id"))
        batch_op.drop_index(batch_op.f("ix_deed_files_file_id"))

    op.drop_table("deed_files")
    with op.batch_alter_table("deed_tokens", schema=None) as batch_op:
        batch_op.drop_index("ix_deed_tokens_report_id")

    op.drop_table("deed_tokens")
    with op.batch_alter_table("deed_summaries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deed_summaries_duty_id"))

    op.drop_table("deed_summaries")
    with op.batch_alter_table("deed_milestones", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deed_milestones_deed_id"))

    op.drop_table("deed_milestones")
    with op.batch_alter_table("deeds_in_groups", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deeds_in_groups_group_code"))

    op.drop_table("deeds_in_groups")
    with op.batch_alter_table("deed_reports", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deed_reports_person_id"))
        batch_op.drop_index(batch_op.f("ix_deed_reports_contact_id"))

    op.drop_table("deed_reports")
    with op.batch_alter_table("deed_repeats", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deed_repeats_exemplar_id"))

    op.drop_table("deed_repeats")
    with op.batch_alter_table("deed_publications", schema=None) as batch_op:
        batch_op.drop_index("ix_deed_publications_published_at")

    op.drop_table("deed_publications")
    with op.batch_alter_table("deed_nurtures", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deed_nurtures_unit_id"))

    op.drop_table("deed_nurtures")
    with op.batch_alter_table("deed_checks", schema=None) as batch_op:
        batch_op.drop_index("ix_deed_checks_unit_id_answered_at")
        batch_op.drop_index(batch_op.f("ix_deed_checks_due_at"))
        batch_op.drop_index(batch_op.f("ix_deed_checks_deed_id"))

    op.drop_table("deed_checks")
    with op.batch_alter_table("deeds", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deeds_unit_id"))
        batch_op.drop_index(batch_op.f("ix_deeds_subject_id"))
        batch_op.drop_index("ix_deeds_office_id_state")
        batch_op.drop_index(batch_op.f("ix_deeds_movement_code"))
        batch_op.drop_index("ix_deeds_commune_happened_on")

    op.drop_table("deeds")
    op.drop_table("deed_groups")
    op.drop_table("deed_forms")
    op.drop_table("deed_fields")
