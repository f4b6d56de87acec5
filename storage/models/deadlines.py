"""The calendar of deadlines, and what each unit owes for each of them."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypedDict

from sqlalchemy import (
    JSON,
    Boolean,
    Date,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Instant, random_id


class Movement(Base):
    """A phong trào thi đua: registrations name targets in it."""

    __tablename__ = "movements"

    code: Mapped[str] = mapped_column(String(32), primary_key=True)
    name_vi: Mapped[str] = mapped_column(String(300))
    name_en: Mapped[str] = mapped_column(String(300))
    source: Mapped[str] = mapped_column(String(500))
    verified: Mapped[bool]
    ended: Mapped[bool] = mapped_column(Boolean, default=False)
    starts_on: Mapped[date | None] = mapped_column(Date)
    ends_on: Mapped[date | None] = mapped_column(Date)
    """Its last day; `ended` is what somebody said."""
    targets: Mapped[list[str]] = mapped_column(JSON, default=list)
    criteria: Mapped[list[str]] = mapped_column(JSON, default=list)
    """By which deeds and registrations are judged in it, in words."""
    takes_part: Mapped[list[str]] = mapped_column(JSON, default=list)
    """UnitKinds and codes of groups of people; everybody when empty."""


class Work(StrEnum):
    """What is owed for a deadline."""

    REGISTRATION = "registration"
    COMPACT = "compact"
    DOSSIER = "dossier"
    REPORT = "report"
    OTHER = "other"
    """Nothing is handed in here: it is only said that it is done."""


class Audience(StrEnum):
    """Whom a step of the ladder speaks to."""

    FOCAL = "focal"
    HEAD = "head"
    CLUSTER = "cluster"
    """The focal person of the unit that heads the cluster this year."""
    OFFICE = "office"


class Rung(TypedDict):
    """One step of the ladder. `step` is its name and stands in the ledger: "T-7", "T0", "T+1"."""

    step: str
    days: int
    """Before the last day when negative, after it when positive."""
    to: str


class DeadlineState(StrEnum):
    DRAFT = "draft"
    ARMED = "armed"
    CANCELLED = "cancelled"


class Deadline(Base):
    __tablename__ = "deadlines"
    __table_args__ = (
        UniqueConstraint("office_id", "code"),
        UniqueConstraint("consultation_id", "work"),
    )

    id: Mapped[str] = random_id()
    office_id: Mapped[str] = mapped_column(ForeignKey("offices.id"))
    code: Mapped[str] = mapped_column(String(48))
    """Unique in the office and typed on the command line: "DK-2027"."""
    template: Mapped[str] = mapped_column(String(32), default="")
    year: Mapped[int]
    title: Mapped[str] = mapped_column(String(300))
    work: Mapped[Work] = mapped_column(String(16))
    due_at: Mapped[datetime] = mapped_column(Instant)
    """The instant after the last one: midnight is 24:00 of the last day."""
    for_kinds: Mapped[list[str]] = mapped_column(JSON, default=list)
    """UnitKinds it applies to; all but the office's own when empty."""
    checklist: Mapped[list[str]] = mapped_column(JSON, default=list)
    """The papers of a dossier, in words."""
    ladder: Mapped[list[Rung]] = mapped_column(JSON, default=list)
    in_working_days: Mapped[bool] = mapped_column(Boolean, default=False)
    """How the ladder's days are counted."""
    mandatory: Mapped[bool] = mapped_column(Boolean, default=False)
    """No opting out: what a unit does not want to hear reaches the office instead."""
    urgent: Mapped[bool] = mapped_column(Boolean, default=False)
    """Goes out in quiet hours and on days off; setting it is an Act."""
    basis: Mapped[str] = mapped_column(String(500), default="")
    source: Mapped[str] = mapped_column(String(500), default="")
    verified: Mapped[bool] = mapped_column(Boolean, default=False)
    state: Mapped[DeadlineState] = mapped_column(String(12), default=DeadlineState.DRAFT)
    armed_at: Mapped[datetime | None] = mapped_column(Instant)
    """Nothing that was due before is sent."""
    planned_until: Mapped[datetime | None] = mapped_column(Instant)
    """Steps due by then stand in the ledger. None: since it was armed."""
    revision: Mapped[int] = mapped_column(default=0)
    """How often it was moved; steps of a moved date are named "T-7 (1)" and may go once more."""
    consultation_id: Mapped[str | None] = mapped_column(ForeignKey("consultations.id"))
    """Set on the dates that a consultation brings by itself."""


class DeadlineMove(Base):
    """History: a date as it was, what it became, and why."""

    __tablename__ = "deadline_moves"

    id: Mapped[str] = random_id()
    deadline_id: Mapped[str] = mapped_column(ForeignKey("deadlines.id"), index=True)
    old_due_at: Mapped[datetime] = mapped_column(Instant)
    new_due_at: Mapped[datetime] = mapped_column(Instant)
    reason: Mapped[str] = mapped_column(String(500))
    actor: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime] = mapped_column(Instant)


class DutyState(StrEnum):
    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    SUBMITTED = "submitted"
    RETURNED = "returned"
    """Sent back by the office with a reason."""
    ACCEPTED = "accepted"
    NOT_APPLICABLE = "not_applicable"
    CANCELLED = "cancelled"


OPEN_DUTIES = (DutyState.NOT_STARTED, DutyState.IN_PROGRESS, DutyState.RETURNED)
"""Whose people are reminded."""

_D = DutyState
DUTY_TRANSITIONS: dict[DutyState, frozenset[DutyState]] = {
    _D.NOT_STARTED: frozenset({_D.IN_PROGRESS, _D.SUBMITTED, _D.NOT_APPLICABLE, _D.CANCELLED}),
    _D.IN_PROGRESS: frozenset({_D.SUBMITTED, _D.NOT_APPLICABLE, _D.CANCELLED}),
    _D.SUBMITTED: frozenset(
        {_D.SUBMITTED, _D.RETURNED, _D.ACCEPTED, _D.IN_PROGRESS, _D.CANCELLED}
    ),
    _D.RETURNED: frozenset({_D.IN_PROGRESS, _D.SUBMITTED, _D.NOT_APPLICABLE, _D.CANCELLED}),
    _D.ACCEPTED: frozenset({_D.RETURNED, _D.CANCELLED}),
    _D.NOT_APPLICABLE: frozenset({_D.NOT_STARTED, _D.CANCELLED}),
    _D.CANCELLED: frozenset({_D.NOT_STARTED}),
}
"""Closed: whatever is not here is refused, from every way in."""


class Duty(Base):
    """What one unit owes for one deadline."""

    __tablename__ = "duties"
    __table_args__ = (
        UniqueConstraint("deadline_id", "unit_id"),
        Index("ix_duties_unit_id_state", "unit_id", "state"),
    )

    id: Mapped[str] = random_id()
    deadline_id: Mapped[str] = mapped_column(ForeignKey("deadlines.id"))
    unit_id: Mapped[str] = mapped_column(ForeignKey("units.id"))
    state: Mapped[DutyState] = mapped_column(String(16), default=DutyState.NOT_STARTED)
    state_at: Mapped[datetime] = mapped_column(Instant)
    reason: Mapped[str] = mapped_column(String(1000), default="")
    """Why it was returned, or why it does not apply."""
    late: Mapped[bool] = mapped_column(Boolean, default=False)
    """First handed in after its deadline; never taken back."""
    submitted_at: Mapped[datetime | None] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(default=0)
    """Of the newest Submission; 0 when there is none."""
    more_time_until: Mapped[Any | None] = mapped_column(Date)
    """The day the unit asks for instead of the deadline's own."""
    more_time_reason: Mapped[str] = mapped_column(String(500), default="")
    own_due_at: Mapped[datetime | None] = mapped_column(Instant)
    """Granted by the office to this unit alone; wins over the deadline's."""


class Submission(Base):
    """What a unit handed in, whole, one row a version; earlier versions stay."""

    __tablename__ = "submissions"
    __table_args__ = (UniqueConstraint("duty_id", "version"),)

    id: Mapped[str] = random_id()
    duty_id: Mapped[str] = mapped_column(ForeignKey("duties.id"))
    version: Mapped[int]
    form_hash: Mapped[str] = mapped_column(String(64))
    """Which questions were answered."""
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """The answers as JSON, sealed: they name people."""
    file_ids: Mapped[list[str]] = mapped_column(JSON, default=list)
    channel: Mapped[str] = mapped_column(String(16))
    member_id: Mapped[str | None] = mapped_column(ForeignKey("members.id"))
    at: Mapped[datetime] = mapped_column(Instant)
