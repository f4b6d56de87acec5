"""Units that owe work before deadlines, the clusters they compete in, and their people."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Instant, random_id


class UnitKind(StrEnum):
    DEPARTMENT = "department"
    COMMUNE = "commune"
    ENTERPRISE = "enterprise"
    SCHOOL = "school"
    ASSOCIATION = "association"
    ARMED_FORCES = "armed_forces"
    OTHER = "other"
    OFFICE = "office"
    """The office itself, as the bearer of its own dates; in no list of units."""


class Unit(Base):
    __tablename__ = "units"
    __table_args__ = (Index("ix_units_office_id_code", "office_id", "code", unique=True),)

    id: Mapped[str] = random_id()
    office_id: Mapped[str] = mapped_column(ForeignKey("offices.id"), index=True)
    code: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(300))
    kind: Mapped[str] = mapped_column(String(32))
    """A UnitKind; an office may have kinds of its own."""
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("units.id"))
    province: Mapped[str] = mapped_column(String(8), default="")
    """Code of the two-tier list, "" where it is not known."""
    commune: Mapped[str] = mapped_column(String(8), default="")
    aliases: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Old and short names by which people still look for it."""
    closed_at: Mapped[datetime | None] = mapped_column(Instant)
    """Merged or dissolved: it owes nothing new, and what it did stays."""


class ClusterKind(StrEnum):
    CLUSTER = "cluster"
    """Cụm thi đua, by region."""
    BLOCK = "block"
    """Khối thi đua, by sector."""


class Cluster(Base):
    __tablename__ = "clusters"
    __table_args__ = (UniqueConstraint("office_id", "code"),)

    id: Mapped[str] = random_id()
    office_id: Mapped[str] = mapped_column(ForeignKey("offices.id"))
    code: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(300))
    kind: Mapped[ClusterKind] = mapped_column(String(16))


class SeatRank(StrEnum):
    HEAD = "head"
    DEPUTY = "deputy"
    MEMBER = "member"


class ClusterSeat(Base):
    """A unit's place in a cluster for one year; head and deputy rotate."""

    __tablename__ = "cluster_seats"
    __table_args__ = (Index("ix_cluster_seats_unit_id_year", "unit_id", "year"),)

    cluster_id: Mapped[str] = mapped_column(ForeignKey("clusters.id"), primary_key=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey("units.id"), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    rank: Mapped[SeatRank] = mapped_column(String(8), default=SeatRank.MEMBER)


class MemberRank(StrEnum):
    FOCAL = "focal"
    """Đầu mối: does the work, hears of every deadline first."""
    DEPUTY = "deputy"
    HEAD = "head"
    """Thủ trưởng: hears when a date is missed, and sees who joined."""


class Member(Base):
    """A person who answers for a unit. One person in two units is two rows."""

    __tablename__ = "members"

    id: Mapped[str] = random_id()
    unit_id: Mapped[str] = mapped_column(ForeignKey("units.id"), index=True)
    rank: Mapped[MemberRank] = mapped_column(String(8))
    name: Mapped[str] = mapped_column(String(120))
    joined_at: Mapped[datetime] = mapped_column(Instant)
    left_at: Mapped[datetime | None] = mapped_column(Instant)


class MemberAddress(Base):
    """A chat in which a member is reached; the oldest that works is used first."""

    __tablename__ = "member_addresses"

    member_id: Mapped[str] = mapped_column(ForeignKey("members.id"), primary_key=True)
    contact_id: Mapped[int] = mapped_column(
        ForeignKey("contacts.id"), primary_key=True, autoincrement=False, index=True
    )
    added_at: Mapped[datetime] = mapped_column(Instant)
    unreachable_at: Mapped[datetime | None] = mapped_column(Instant)
    """Blocked, gone or deleted, as the platform said; emptied when the person writes again."""


class UnitInvitation(Base):
    """A single-use way into a unit: a link, a picture or a code typed in chat."""

    __tablename__ = "unit_invitations"

    id: Mapped[str] = random_id()
    unit_id: Mapped[str] = mapped_column(ForeignKey("units.id"), index=True)
    rank: Mapped[MemberRank] = mapped_column(String(8))
    name: Mapped[str] = mapped_column(String(120))
    member_id: Mapped[str | None] = mapped_column(ForeignKey("members.id"))
    """Set when it adds another channel to somebody who is a member already; and, once it was used,
    who came in by it."""
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    made_by: Mapped[str] = mapped_column(String(40))
    """As the actor of an Act."""
    made_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)
