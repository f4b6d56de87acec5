"""The ledger of reminders: one row decides everything about one reminder to one person."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Instant, random_id
from storage.models.traffic import SequentialId


class ReminderState(StrEnum):
    PLANNED = "planned"
    DEFERRED = "deferred"
    """Waits for the end of quiet hours or of days off; `due_at` says until when."""
    CLAIMED = "claimed"
    """Its message stands in the outbox and is going out."""
    SENT = "sent"
    MERGED = "merged"
    """Told in the message of another row."""
    SKIPPED = "skipped"
    """Not wanted any more, or by this person: done, opted out, cancelled, moved."""
    EXPIRED = "expired"
    """Its time passed while nobody could send, and a later step says more."""
    FAILED = "failed"
    """Nobody could be reached, or the platform refused."""
    IN_DOUBT = "in_doubt"
    """Nobody knows whether it went; never sent again blindly."""


WAITING = (ReminderState.PLANNED, ReminderState.DEFERRED)
_WAITING = "state IN ('planned', 'deferred')"
_CLAIMED = "state = 'claimed'"
NOBODY = "nobody"
"""In place of a recipient where there was none to choose."""


class Reminder(Base):
    __tablename__ = "reminders"
    __table_args__ = (
        UniqueConstraint("unit_id", "deadline_id", "step", "recipient"),
        Index(
            "ix_reminders_waiting",
            "due_at",
            "contact_id",
            sqlite_where=text(_WAITING),
            postgresql_where=text(_WAITING),
        ),
        Index(
            "ix_reminders_waiting_of",
            "contact_id",
            sqlite_where=text(_WAITING),
            postgresql_where=text(_WAITING),
        ),
        Index(
            "ix_reminders_claimed",
            "outbox_id",
            sqlite_where=text(_CLAIMED),
            postgresql_where=text(_CLAIMED),
        ),
        Index("ix_reminders_at", "at"),
    )

    id: Mapped[int] = mapped_column(SequentialId, primary_key=True, autoincrement=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey("units.id"))
    deadline_id: Mapped[str] = mapped_column(ForeignKey("deadlines.id"))
    step: Mapped[str] = mapped_column(String(24))
    """The rung's name ("T-7"; "T-7 (1)" once the date was moved), or "again 2026-12-04" for one
    that was asked for, or "nudge 2026-12-04" from the head of the cluster."""
    recipient: Mapped[str] = mapped_column(String(24))
    """A Member's or an Officer's id, or NOBODY."""
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id"))
    planned_at: Mapped[datetime] = mapped_column(Instant)
    """When the ladder wanted it."""
    due_at: Mapped[datetime] = mapped_column(Instant)
    """When it may go."""
    state: Mapped[ReminderState] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(40), default="")
    """A code; its words are `reminders-reason-CODE`."""
    at: Mapped[datetime] = mapped_column(Instant)
    """When it came to this state."""
    outbox_id: Mapped[int | None] = mapped_column(BigInteger)
    told_in: Mapped[int | None] = mapped_column(BigInteger)
    """The reminder whose message told this one too."""


class CalendarFeed(Base):
    """A member's private calendar address; only a fingerprint of it is kept."""

    __tablename__ = "calendar_feeds"

    id: Mapped[str] = random_id()
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"), index=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    made_at: Mapped[datetime] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)
    read_at: Mapped[datetime | None] = mapped_column(Instant)
