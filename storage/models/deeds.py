"""One life of a good deed: told by those who saw it, checked, nurtured, summed up, published.

No name lies here in clear. What was told is sealed with its teller's key; who is praised, and
what offices write of them before publication, with the key of the praised.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Date,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Instant, random_id

# The code lists: data with their source


class DeedField(Base):
    """A field of life (lĩnh vực) in which something good was done."""

    __tablename__ = "deed_fields"

    code: Mapped[str] = mapped_column(String(32), primary_key=True)
    name_vi: Mapped[str] = mapped_column(String(200))
    name_en: Mapped[str] = mapped_column(String(200))
    urgent: Mapped[bool] = mapped_column(Boolean, default=False)
    """Rescue: officers are told at once (khen thưởng đột xuất)."""
    source: Mapped[str] = mapped_column(String(500))
    verified: Mapped[bool]


class DeedGroup(Base):
    """A group of people (nhóm đối tượng) the council wants to see praised more often."""

    __tablename__ = "deed_groups"

    code: Mapped[str] = mapped_column(String(32), primary_key=True)
    name_vi: Mapped[str] = mapped_column(String(200))
    name_en: Mapped[str] = mapped_column(String(200))
    source: Mapped[str] = mapped_column(String(500))
    verified: Mapped[bool]


# The deed


class SubjectKind(StrEnum):
    PERSON = "person"
    COLLECTIVE = "collective"
    HOUSEHOLD = "household"


class Known(StrEnum):
    """An answer that may be missing; missing is never taken for a yes."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Stage(StrEnum):
    DISCOVERY = "discovery"
    """Phát hiện."""
    NURTURE = "nurture"
    """Bồi dưỡng."""
    SUMMARY = "summary"
    """Tổng kết."""
    EXAMPLE = "example"
    """Nhân điển hình."""


class DeedState(StrEnum):
    RECEIVED = "received"
    CHECKING = "checking"
    """Sent to the commune or unit that can check it."""
    CONFIRMED = "confirmed"
    NOT_CONFIRMED = "not_confirmed"
    UNCHECKABLE = "uncheckable"
    NURTURED = "nurtured"
    SUMMARISED = "summarised"
    PROPOSED = "proposed"
    """Handed over to a unit's registration."""
    PUBLISHED = "published"
    UNPUBLISHED = "unpublished"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    """Nobody stands by it any more."""


_S = DeedState
DEED_TRANSITIONS: dict[DeedState, frozenset[DeedState]] = {
    _S.RECEIVED: frozenset({_S.CHECKING, _S.REJECTED, _S.WITHDRAWN}),
    _S.CHECKING: frozenset(
        {
            _S.RECEIVED, _S.CONFIRMED, _S.NOT_CONFIRMED, _S.UNCHECKABLE, _S.REJECTED,
            _S.WITHDRAWN,
        }
    ),
    _S.CONFIRMED: frozenset({_S.CHECKING, _S.NURTURED, _S.SUMMARISED, _S.WITHDRAWN}),
    _S.NOT_CONFIRMED: frozenset({_S.CHECKING, _S.WITHDRAWN}),
    _S.UNCHECKABLE: frozenset({_S.CHECKING, _S.REJECTED, _S.WITHDRAWN}),
    _S.NURTURED: frozenset({_S.CHECKING, _S.SUMMARISED, _S.WITHDRAWN}),
    _S.SUMMARISED: frozenset(
        {_S.CHECKING, _S.NURTURED, _S.PROPOSED, _S.PUBLISHED, _S.WITHDRAWN}
    ),
    _S.PROPOSED: frozenset({_S.SUMMARISED, _S.PUBLISHED, _S.WITHDRAWN}),
    _S.PUBLISHED: frozenset({_S.UNPUBLISHED}),
    _S.UNPUBLISHED: frozenset({_S.CHECKING, _S.PUBLISHED, _S.WITHDRAWN}),
    _S.REJECTED: frozenset({_S.RECEIVED}),
    _S.WITHDRAWN: frozenset(),
}  # fmt: skip
"""Closed: every pair not listed is refused, in every way in."""

STAGES: dict[DeedState, Stage] = {
    _S.RECEIVED: Stage.DISCOVERY, _S.CHECKING: Stage.DISCOVERY, _S.CONFIRMED: Stage.DISCOVERY,
    _S.NOT_CONFIRMED: Stage.DISCOVERY, _S.UNCHECKABLE: Stage.DISCOVERY,
    _S.NURTURED: Stage.NURTURE, _S.SUMMARISED: Stage.SUMMARY, _S.PROPOSED: Stage.SUMMARY,
    _S.PUBLISHED: Stage.EXAMPLE, _S.UNPUBLISHED: Stage.EXAMPLE,
}  # fmt: skip
"""Where each state belongs; who is rejected or withdrawn stays in the stage that was reached."""

LIVE_DEEDS = tuple(
    state for state in DeedState if state not in (_S.REJECTED, _S.WITHDRAWN, _S.UNPUBLISHED)
)
"""What a second witness may still join. The others are offered to nobody."""


_SHOWN: dict[str, Any] = {
    "sqlite_where": text("shown_at IS NOT NULL"),
    "postgresql_where": text("shown_at IS NOT NULL"),
}
"""Indexes of what the public reads hold nothing else."""


class Deed(Base):
    """One case about somebody. What each witness said of it is in the reports."""

    __tablename__ = "deeds"
    __table_args__ = (
        Index("ix_deeds_office_id_state", "office_id", "state", "made_at"),
        Index("ix_deeds_commune_happened_on", "commune", "happened_on"),
        Index("ix_deeds_shown_at", "shown_at", "id", **_SHOWN),
        *(
            Index(f"ix_deeds_{column}_shown_at", column, "shown_at", "id", **_SHOWN)
            for column in ("field_code", "province", "commune", "movement_code")
        ),
    )

    id: Mapped[str] = random_id()
    office_id: Mapped[str] = mapped_column(ForeignKey("offices.id"))
    movement_code: Mapped[str | None] = mapped_column(ForeignKey("movements.code"), index=True)
    inspired_by_id: Mapped[str | None] = mapped_column(ForeignKey("deeds.id"))
    """The exemplar somebody followed: "this inspired me, we did it too"."""
    unit_id: Mapped[str | None] = mapped_column(ForeignKey("units.id"), index=True)
    """Who has it in hand: the unit that checks, then the one that nurtures and proposes."""
    subject_kind: Mapped[SubjectKind] = mapped_column(String(12))
    subject_id: Mapped[str] = mapped_column(ForeignKey("people.id"), index=True)
    """A row without a name where nobody knows it: its key seals what is written of the deed."""
    province: Mapped[str] = mapped_column(String(8), default="")
    commune: Mapped[str] = mapped_column(String(8), default="")
    """Codes of the two-tier list, "" where unknown."""
    happened_on: Mapped[date | None] = mapped_column(Date)
    lasting: Mapped[bool] = mapped_column(Boolean, default=False)
    """Work over a long time, not one day's."""
    field_code: Mapped[str | None] = mapped_column(ForeignKey("deed_fields.code"))
    urgent: Mapped[bool] = mapped_column(Boolean, default=False)
    by_self: Mapped[bool] = mapped_column(Boolean, default=False)
    """Only those praised have told it so far."""
    by_own_unit: Mapped[bool] = mapped_column(Boolean, default=False)
    """Only their own unit has."""
    duty_only: Mapped[bool] = mapped_column(Boolean, default=False)
    """An officer found that it was the assigned duty and no more."""
    consent: Mapped[Known] = mapped_column(String(8), default=Known.UNKNOWN)
    """Of the praised, to be published; a child's own from seven years on."""
    consent_rests_on: Mapped[str] = mapped_column(String(300), default="")
    """Who recorded it and how; a report's word alone opens no publication."""
    consent_at: Mapped[datetime | None] = mapped_column(Instant)
    is_child: Mapped[Known] = mapped_column(String(8), default=Known.UNKNOWN)
    guardian_consent: Mapped[Known] = mapped_column(String(8), default=Known.UNKNOWN)
    guardian_rests_on: Mapped[str] = mapped_column(String(300), default="")
    rewarded: Mapped[Known] = mapped_column(String(8), default=Known.UNKNOWN)
    rewarded_how: Mapped[str] = mapped_column(String(300), default="")
    """Year, form and number of the decision, as the office found it."""
    state: Mapped[DeedState] = mapped_column(String(16), default=DeedState.RECEIVED)
    state_at: Mapped[datetime] = mapped_column(Instant)
    stage: Mapped[Stage] = mapped_column(String(12), default=Stage.DISCOVERY)
    """The furthest it stands in: see STAGES."""
    reason: Mapped[str] = mapped_column(String(1000), default="")
    """Of the state, told to those who reported it."""
    changed_by: Mapped[str] = mapped_column(String(40), default="citizen")
    shown_at: Mapped[datetime | None] = mapped_column(Instant)
    """Since when the public reads of it; None while it does not. The order of the gallery."""
    version: Mapped[int] = mapped_column(default=1)
    """One more with every change: who saved upon an older one is refused."""
    made_at: Mapped[datetime] = mapped_column(Instant)


class DeedInGroup(Base):
    """One deed may belong to several groups."""

    __tablename__ = "deeds_in_groups"
    __table_args__ = (
        Index("ix_deeds_in_groups_shown_at", "group_code", "shown_at", "deed_id", **_SHOWN),
    )

    deed_id: Mapped[str] = mapped_column(ForeignKey("deeds.id"), primary_key=True)
    group_code: Mapped[str] = mapped_column(
        ForeignKey("deed_groups.code"), primary_key=True, index=True
    )
    shown_at: Mapped[datetime | None] = mapped_column(Instant)
    """That of the deed, here so that a group is listed in its order."""


# Those who tell it


class Relation(StrEnum):
    SAW = "saw"
    HELPED = "helped"
    """The one who was helped."""
    NEIGHBOUR = "neighbour"
    COLLEAGUE = "colleague"
    RELATIVE = "relative"
    OWN_UNIT = "own_unit"
    SELF = "self"
    OTHER = "other"


class ReportState(StrEnum):
    GIVEN = "given"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"


class EnteredAs(StrEnum):
    TELEPHONE = "telephone"
    PAPER = "paper"
    IN_PERSON = "in_person"


class DeedForm(Base):
    """What was asked, kept once for each version of the form, by its hash."""

    __tablename__ = "deed_forms"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    questions: Mapped[dict[str, Any]] = mapped_column(JSON)
    first_used_at: Mapped[datetime] = mapped_column(Instant)


class DeedReport(Base):
    """One witness: own words, own receipt, own relation. Never merged with another's."""

    __tablename__ = "deed_reports"
    __table_args__ = (UniqueConstraint("deed_id", "number"),)

    id: Mapped[str] = random_id()
    deed_id: Mapped[str] = mapped_column(ForeignKey("deeds.id"))
    number: Mapped[int]
    """In the order in which they came, from 1."""
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"), index=True)
    """A row of their own, nameless for the anonymous; its key seals `told`."""
    contact_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    channel: Mapped[str] = mapped_column(String(16))
    locale: Mapped[str] = mapped_column(String(5))
    form_hash: Mapped[str] = mapped_column(ForeignKey("deed_forms.hash"))
    told: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The answers as they were given, JSON, sealed with the person's key."""
    relation: Mapped[Relation] = mapped_column(String(12))
    may_show_name: Mapped[bool] = mapped_column(Boolean, default=False)
    entered_by: Mapped[str | None] = mapped_column(String(20))
    """The officer who wrote down what came by telephone or on paper."""
    entered_as: Mapped[EnteredAs | None] = mapped_column(String(12))
    invited_by: Mapped[str] = mapped_column(String(32), default="")
    """The code of the unit whose poster or link led here."""
    source_mark: Mapped[bytes] = mapped_column(LargeBinary(32))
    """Keyed hash of where it came from and of the deed: tells two witnesses of one deed with one
    address apart from others, and nothing else."""
    words_mark: Mapped[bytes] = mapped_column(LargeBinary(32))
    """The same of what was told, folded: one text sent round is seen."""
    state: Mapped[ReportState] = mapped_column(String(12), default=ReportState.GIVEN)
    received_at: Mapped[datetime] = mapped_column(Instant)


class DeedToken(Base):
    """What a report is found by: keyed hashes of its pairs of words, folded; worth nothing alone.

    No index of the database's own would do: it would hold the words in clear.
    """

    __tablename__ = "deed_tokens"
    __table_args__ = (Index("ix_deed_tokens_report_id", "report_id"),)

    token: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    report_id: Mapped[str] = mapped_column(ForeignKey("deed_reports.id"), primary_key=True)


class DeedFile(Base):
    """A photograph, a voice, a paper. The original lies restricted beside the clean copy."""

    __tablename__ = "deed_files"

    deed_id: Mapped[str] = mapped_column(ForeignKey("deeds.id"), primary_key=True)
    file_id: Mapped[str] = mapped_column(ForeignKey("files.id"), primary_key=True, index=True)
    report_id: Mapped[str | None] = mapped_column(ForeignKey("deed_reports.id"), index=True)
    check_id: Mapped[str | None] = mapped_column(ForeignKey("deed_checks.id"))
    milestone_id: Mapped[str | None] = mapped_column(ForeignKey("deed_milestones.id"))
    answers: Mapped[str] = mapped_column(String(16), default="")
    """The question a voice note answers, "" for what only goes with the words."""
    chosen_at: Mapped[datetime | None] = mapped_column(Instant)
    """When an officer chose the clean copy for the public page."""
    added_at: Mapped[datetime] = mapped_column(Instant)


# Verification


class CheckAnswer(StrEnum):
    CONFIRMED = "confirmed"
    NOT_SO = "not_so"
    CANNOT = "cannot"


class DeedCheck(Base):
    """Asked of the commune or unit that can see for itself, within working days."""

    __tablename__ = "deed_checks"
    __table_args__ = (Index("ix_deed_checks_unit_id_answered_at", "unit_id", "answered_at"),)

    id: Mapped[str] = random_id()
    deed_id: Mapped[str] = mapped_column(ForeignKey("deeds.id"), index=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey("units.id"))
    asked_by: Mapped[str] = mapped_column(String(40))
    asked_at: Mapped[datetime] = mapped_column(Instant)
    working_days: Mapped[int]
    due_at: Mapped[datetime] = mapped_column(Instant, index=True)
    """24:00 of the last working day."""
    question: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The office's words to the unit, sealed with the key of the praised."""
    answer: Mapped[CheckAnswer | None] = mapped_column(String(12))
    reason: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The unit's words, sealed likewise."""
    answered_by: Mapped[str | None] = mapped_column(String(40))
    answered_at: Mapped[datetime | None] = mapped_column(Instant)
    escalated_at: Mapped[datetime | None] = mapped_column(Instant)
    called_back_at: Mapped[datetime | None] = mapped_column(Instant)


# Nurture


class DeedNurture(Base):
    """The unit and the mentor who stay with somebody."""

    __tablename__ = "deed_nurtures"

    deed_id: Mapped[str] = mapped_column(ForeignKey("deeds.id"), primary_key=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey("units.id"), index=True)
    mentor_member_id: Mapped[str | None] = mapped_column(ForeignKey("members.id"))
    mentor: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The mentor's name where it is no member of the unit here, sealed."""
    began_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)


class DeedMilestone(Base):
    """What is to come of it by when, and the notes of how it went."""

    __tablename__ = "deed_milestones"

    id: Mapped[str] = random_id()
    deed_id: Mapped[str] = mapped_column(ForeignKey("deed_nurtures.deed_id"), index=True)
    due_on: Mapped[date | None] = mapped_column(Date)
    words: Mapped[bytes | None] = mapped_column(LargeBinary)
    """{what, notes}, JSON, sealed with the key of the praised."""
    reached_at: Mapped[datetime | None] = mapped_column(Instant)
    made_at: Mapped[datetime] = mapped_column(Instant)


# Summary


class DeedSummary(Base):
    """What it amounts to, and which commendation it merits."""

    __tablename__ = "deed_summaries"

    deed_id: Mapped[str] = mapped_column(ForeignKey("deeds.id"), primary_key=True)
    words: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Sealed with the key of the praised."""
    award_code: Mapped[str | None] = mapped_column(ForeignKey("awards.code"))
    """None: to be told of, not commended."""
    duty_id: Mapped[str | None] = mapped_column(ForeignKey("duties.id"), index=True)
    """The unit's registration or dossier by which it is proposed; reminders watch its date."""
    written_by: Mapped[str] = mapped_column(String(40))
    written_at: Mapped[datetime] = mapped_column(Instant)


# Publication


class DeedPublication(Base):
    """One version of what the public reads. A correction is a new one; the old stays, ended.

    In clear only while the public reads it: `words` holds it sealed, before, meanwhile and after.
    """

    __tablename__ = "deed_publications"
    __table_args__ = (
        UniqueConstraint("deed_id", "version"),
        Index("ix_deed_publications_published_at", "published_at"),
    )

    id: Mapped[str] = random_id()
    deed_id: Mapped[str] = mapped_column(ForeignKey("deeds.id"))
    version: Mapped[int]
    words: Mapped[bytes | None] = mapped_column(LargeBinary)
    """{title, lead, text, quote}, JSON, sealed with the key of the praised."""
    title: Mapped[str] = mapped_column(String(300), default="")
    lead: Mapped[str] = mapped_column(String(600), default="")
    text: Mapped[str] = mapped_column(Text, default="")
    """By the office."""
    quote: Mapped[str] = mapped_column(Text, default="")
    """A citizen's words, shown as such."""
    quoted_id: Mapped[str | None] = mapped_column(ForeignKey("deed_reports.id"))
    """Whose words they are: they go when that report is withdrawn."""
    photos: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Ids of the photographs whose clean copies are shown, in order."""
    written_by: Mapped[str] = mapped_column(String(40))
    written_at: Mapped[datetime] = mapped_column(Instant)
    approved_by: Mapped[str | None] = mapped_column(String(40))
    approved_at: Mapped[datetime | None] = mapped_column(Instant)
    confirmed_by: Mapped[str | None] = mapped_column(String(40))
    """The second person; never the first."""
    confirmed_at: Mapped[datetime | None] = mapped_column(Instant)
    ground: Mapped[str] = mapped_column(String(500), default="")
    """In place of a consent, stated: what it may be published on without one."""
    correction: Mapped[str] = mapped_column(String(500), default="")
    """What was wrong in the version before."""
    published_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_because: Mapped[str] = mapped_column(String(500), default="")


class DeedRepeat(Base):
    """An exemplar taken up elsewhere: by whom and where."""

    __tablename__ = "deed_repeats"

    id: Mapped[str] = random_id()
    exemplar_id: Mapped[str] = mapped_column(ForeignKey("deeds.id"), index=True)
    deed_id: Mapped[str | None] = mapped_column(ForeignKey("deeds.id"))
    """What the reader told, a deed of its own."""
    unit_id: Mapped[str | None] = mapped_column(ForeignKey("units.id"))
    province: Mapped[str] = mapped_column(String(8), default="")
    commune: Mapped[str] = mapped_column(String(8), default="")
    at: Mapped[datetime] = mapped_column(Instant)
    confirmed_by: Mapped[str | None] = mapped_column(String(40))
