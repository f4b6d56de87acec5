"""The office's table of days that are not what their weekday says, and how far it reaches."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base


class DayKind(StrEnum):
    HOLIDAY = "holiday"
    IN_LIEU = "in_lieu"
    """Off in place of another day: a holiday that fell on a weekend, or a swapped Saturday."""
    WORKED_WEEKEND = "worked_weekend"
    """A Saturday or Sunday worked in exchange for a weekday off."""
    WORKDAY = "workday"
    """Cancels whatever is known of the day: it goes by its weekday again."""


class CalendarDay(Base):
    """One day as the office has it; wins over what is shipped and over the holidays package."""

    __tablename__ = "calendar_days"

    day: Mapped[date] = mapped_column(primary_key=True)
    kind: Mapped[DayKind] = mapped_column(String(16))
    title: Mapped[str] = mapped_column(String(200), default="")
    source: Mapped[str] = mapped_column(String(500))
    """The notice that says so: number, date, and where it can be read."""
    verified: Mapped[bool] = mapped_column(default=False)
    """Somebody has compared the row with that notice."""


class CalendarCoverage(Base):
    """A single row: outside these dates, both included, no working day is counted."""

    __tablename__ = "calendar_coverage"
    __table_args__ = (CheckConstraint("id = 1", name="single_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=1)
    covered_from: Mapped[date]
    covered_until: Mapped[date]
    checked_on: Mapped[date]
