"""Who works here: the office, its officers and how they were let in."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Instant, random_id


class Office(Base):
    """The body that receives opinions: the standing body of an emulation council."""

    __tablename__ = "offices"

    id: Mapped[str] = random_id()
    code: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(300))
    parent_name: Mapped[str] = mapped_column(String(300), default="")
    addresses: Mapped[list[str]] = mapped_column(JSON, default=list)
    telephone: Mapped[str] = mapped_column(String(40), default="")
    email: Mapped[str] = mapped_column(String(120), default="")
    portal_url: Mapped[str] = mapped_column(String(500), default="")
    denunciation_office: Mapped[str] = mapped_column(String(500), default="")
    """Where a lawful denunciation is handed in (Law on Denunciations, articles 22 and 23)."""
    telegram_channel: Mapped[str] = mapped_column(String(64), default="")
    """Where exemplars are posted: `@name`, or the number of a channel; "" for none."""


class Role(StrEnum):
    OFFICER = "officer"
    """Reads and decides on opinions."""
    RESTRICTED = "restricted"
    """Handles matters that look like denunciations; nobody else sees them."""
    ADMIN = "admin"
    """Told when the machine is unwell; sees no content."""


class Officer(Base):
    __tablename__ = "officers"

    id: Mapped[str] = random_id()
    office_id: Mapped[str] = mapped_column(ForeignKey("offices.id"), index=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"), index=True)
    role: Mapped[Role] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(120))
    joined_at: Mapped[datetime] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)
    told_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the officer was last told what waits; keeps one telling per round of work."""


class Invitation(Base):
    """A single-use way in for staff; only a fingerprint of the code is kept."""

    __tablename__ = "invitations"

    id: Mapped[str] = random_id()
    office_id: Mapped[str] = mapped_column(ForeignKey("offices.id"))
    role: Mapped[Role] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(120))
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    made_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)


class Act(Base):
    """One line of the log of acts: who did what to what, and why. Never changed, never deleted.

    It holds no foreign key, so that a line outlives whatever it speaks of.
    """

    __tablename__ = "acts"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(Instant, index=True)
    actor: Mapped[str] = mapped_column(String(40))
    """`officer:<id>`, `citizen`, `command`, `clock`."""
    verb: Mapped[str] = mapped_column(String(40))
    object_kind: Mapped[str] = mapped_column(String(24))
    object_id: Mapped[str] = mapped_column(String(40), index=True)
    reason: Mapped[str] = mapped_column(String(1000), default="")
