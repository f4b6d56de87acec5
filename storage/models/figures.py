"""What the figures of movements and of who is praised rest on, beside the deeds themselves."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Instant


class DutyInMovement(Base):
    """A unit names targets in a movement in the newest version of what it handed in.

    The answers themselves are sealed; this row lets registrations be counted without opening one.
    """

    __tablename__ = "duties_in_movements"

    duty_id: Mapped[str] = mapped_column(ForeignKey("duties.id"), primary_key=True)
    movement_code: Mapped[str] = mapped_column(
        ForeignKey("movements.code"), primary_key=True, index=True
    )


class AskedShare(Base):
    """The share of those praised that an office's council asks for from one group of people."""

    __tablename__ = "asked_shares"

    office_id: Mapped[str] = mapped_column(ForeignKey("offices.id"), primary_key=True)
    group_code: Mapped[str] = mapped_column(ForeignKey("deed_groups.code"), primary_key=True)
    percent: Mapped[int] = mapped_column(SmallInteger)
    """At least so many of a hundred, 1 to 100."""
    basis: Mapped[str] = mapped_column(String(500))
    """The council's document that asks for it."""
    set_by: Mapped[str] = mapped_column(String(40))
    set_at: Mapped[datetime] = mapped_column(Instant)
