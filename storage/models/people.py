"""Who a person is, apart from what they said; and the addresses at which we talk with them."""

from __future__ import annotations

import secrets
from datetime import datetime, time
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Time,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Instant, random_id


def new_contact_id() -> int:
    """A random positive integer of 52 bits: what aiogram and JavaScript both carry exactly."""
    return secrets.randbelow(2**52 - 1) + 1


class Person(Base):
    """Name, telephone, address, chat address: each sealed with this row's own key.

    Destroying `wrapped_key` forgets the person; the row stays, unreadable, for the counts.
    """

    __tablename__ = "people"

    id: Mapped[str] = random_id()
    wrapped_key: Mapped[bytes | None] = mapped_column(LargeBinary(40))
    chat_address: Mapped[bytes | None] = mapped_column(LargeBinary)
    name: Mapped[bytes | None] = mapped_column(LargeBinary)
    telephone: Mapped[bytes | None] = mapped_column(LargeBinary)
    postal_address: Mapped[bytes | None] = mapped_column(LargeBinary)
    made_at: Mapped[datetime] = mapped_column(Instant)
    forgotten_at: Mapped[datetime | None] = mapped_column(Instant)


class Contact(Base):
    """One address on one channel, found by a keyed hash, with the state of its dialogue."""

    __tablename__ = "contacts"
    __table_args__ = (UniqueConstraint("channel", "account", "address_hash"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, default=new_contact_id)
    channel: Mapped[str] = mapped_column(String(16))
    account: Mapped[str] = mapped_column(String(40))
    address_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"))
    locale: Mapped[str] = mapped_column(String(5))
    state: Mapped[str | None] = mapped_column(String(64))
    data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """What the dialogue remembers between two turns; never a name or an address."""
    offered: Mapped[list[str]] = mapped_column(JSON, default=list)
    """The last choices offered, for channels where a person answers with a number."""
    blocked: Mapped[bool] = mapped_column(Boolean, default=False)
    opted_out_at: Mapped[datetime | None] = mapped_column(Instant)
    """Wants nothing that was not asked for: no reminder, no nudge, no digest."""
    quiet_from: Mapped[time | None] = mapped_column(Time)
    """In Vietnam; with `quiet_until` in place of the default quiet hours. Equal: none."""
    quiet_until: Mapped[time | None] = mapped_column(Time)
    made_at: Mapped[datetime] = mapped_column(Instant)
    seen_at: Mapped[datetime] = mapped_column(Instant)


class Attempt(Base):
    """How often a hashed source tried something in a span of time: the limits of the service."""

    __tablename__ = "attempts"
    __table_args__ = (Index("ix_attempts_ends_at", "ends_at"),)

    purpose: Mapped[str] = mapped_column(String(24), primary_key=True)
    source: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    """Keyed hash of an address with the day mixed in: not a network address, nor one tomorrow."""
    count: Mapped[int] = mapped_column(default=0)
    ends_at: Mapped[datetime] = mapped_column(Instant)
