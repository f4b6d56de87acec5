"""What came in and what is owed: the inbox, the outbox, incidents, the web chat's own messages."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Instant, random_id

SequentialId = BigInteger().with_variant(Integer, "sqlite")


class InboxEvent(Base):
    """An event as it came, stored before it was acknowledged; its body is scrubbed when done."""

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("channel", "account", "event_id"),
        Index(
            "ix_inbox_waiting",
            "id",
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
        Index("ix_inbox_done_at", "done_at"),
        Index(
            "ix_inbox_place",
            "place",
            sqlite_where=text("place IS NOT NULL"),
            postgresql_where=text("place IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(SequentialId, primary_key=True, autoincrement=True)
    channel: Mapped[str] = mapped_column(String(16))
    account: Mapped[str] = mapped_column(String(40))
    event_id: Mapped[str] = mapped_column(String(64))
    lane: Mapped[bytes] = mapped_column(LargeBinary(32))
    """The contact's address hash: one lane's turns are taken one at a time, in order of id."""
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    received_at: Mapped[datetime] = mapped_column(Instant)
    ready: Mapped[bool] = mapped_column(Boolean, default=True)
    """False while its files are still being fetched; the lane waits for it."""
    files: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    attempts: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None] = mapped_column(Instant)
    incident_id: Mapped[str | None] = mapped_column(String(20))
    place: Mapped[int | None] = mapped_column(BigInteger)
    """Of a message: its id in the one order of all messages of the account, theirs and ours."""


class Incident(Base):
    """A turn, a request or a job that failed: what an operator needs, nothing a citizen wrote."""

    __tablename__ = "incidents"

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant, index=True)
    place: Mapped[str] = mapped_column(String(80))
    error: Mapped[str] = mapped_column(Text)


class MessageClass(StrEnum):
    REPLY = "reply"
    """The answer to a turn; may be repeated after a crash."""
    NOTICE = "notice"
    """An answer from the office, a change of state; paced."""
    REMINDER = "reminder"
    """Never resent blindly."""
    BULK = "bulk"


class OutboxState(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    IN_DOUBT = "in_doubt"
    """A reminder whose call had no answer: asked of the channel before anything else."""
    SENT = "sent"
    UNREACHABLE = "unreachable"
    REJECTED = "rejected"
    SET_ASIDE = "set_aside"
    """Nobody knows whether it went, and it may not go twice: an officer decides."""
    WITHDRAWN = "withdrawn"
    """Taken back by whoever owed it, before it went."""


_OPEN = "state IN ('queued', 'sending', 'in_doubt')"
OPEN = text(f"outbox.{_OPEN}")
"""Spelled out for the partial index: SQLite does not use it for a condition with parameters."""


class OutboxMessage(Base):
    """What is owed to somebody. The words are chosen when it is sent; scrubbed afterwards."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "ix_outbox_open",
            "due_at",
            "id",
            sqlite_where=text(_OPEN),
            postgresql_where=text(_OPEN),
        ),
        Index("ix_outbox_contact_id", "contact_id"),
    )

    id: Mapped[int] = mapped_column(SequentialId, primary_key=True, autoincrement=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"))
    kind: Mapped[MessageClass] = mapped_column(String(12))
    reply: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The sealed Reply: key, arguments, choices, picture."""
    dedupe_key: Mapped[str | None] = mapped_column(String(120), unique=True)
    due_at: Mapped[datetime] = mapped_column(Instant)
    state: Mapped[OutboxState] = mapped_column(String(12))
    lease_until: Mapped[datetime | None] = mapped_column(Instant)
    attempts: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None] = mapped_column(Instant)
    sent_id: Mapped[str | None] = mapped_column(String(40))
    error: Mapped[str | None] = mapped_column(String(300))
    floor_id: Mapped[int | None] = mapped_column(BigInteger)
    """Of a reminder: the newest message id its account was known to have when it was claimed.
    If it went after all, its own id is above."""
    ceil_id: Mapped[int | None] = mapped_column(BigInteger)
    """Of a reminder in doubt: the id of a message begun when it must have gone or been lost.
    If it went after all, its own id is below."""
    strays: Mapped[int] = mapped_column(default=0, server_default="0")
    """Messages it may have left whose ids nobody knows: copies of what was tried again, earlier
    pieces of what was long. None may be taken for a reminder in doubt."""


class SendBudget(Base):
    """What one account of a channel may still send unasked; one row for all processes."""

    __tablename__ = "send_budgets"

    account: Mapped[str] = mapped_column(String(64), primary_key=True)
    """`channel:account`."""
    ready_at: Mapped[datetime] = mapped_column(Instant)
    """When the next message may go."""
    replies_at: Mapped[datetime] = mapped_column(Instant)
    """Until when the replies sent so far have used up their reserve."""
    newest_id: Mapped[int | None] = mapped_column(BigInteger)
    """The newest message id known of this account."""


class ChatLine(Base):
    """One line of a web chat as its reader saw it, sealed with the reader's own key."""

    __tablename__ = "chat_lines"
    __table_args__ = (Index("ix_chat_lines_contact_id_id", "contact_id", "id"),)

    id: Mapped[int] = mapped_column(SequentialId, primary_key=True, autoincrement=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"))
    line: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime] = mapped_column(Instant)
    event_id: Mapped[str | None] = mapped_column(String(64))
    """Set on the person's own lines, so that one sent again is shown once."""


class StoredFile(Base):
    """A file taken in; its bytes lie under HOME/files by their hash."""

    __tablename__ = "files"

    id: Mapped[str] = random_id()
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    original_sha256: Mapped[str | None] = mapped_column(String(64))
    """The untouched photograph, kept under restriction beside its clean copy."""
    size: Mapped[int]
    mime: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(200))
    public: Mapped[bool] = mapped_column(Boolean, default=False)
    """True for an office's own documents and portraits; never for what citizens send."""
    contact_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    taken_at: Mapped[datetime] = mapped_column(Instant)


class SpentChallenge(Base):
    """A proof of work already used: it opens one conversation, once."""

    __tablename__ = "spent_challenges"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(Instant, index=True)


class Installation(Base):
    """One row: whose database this is, so that a wrong SECRET_KEY is noticed at the start."""

    __tablename__ = "installation"

    id: Mapped[int] = mapped_column(primary_key=True)
    secret_check: Mapped[bytes] = mapped_column(LargeBinary(32))
    telegram_name: Mapped[str] = mapped_column(String(40), default="")
    """The bot's user name as Telegram tells it, for links that open the chat there."""
    made_at: Mapped[datetime] = mapped_column(Instant)
