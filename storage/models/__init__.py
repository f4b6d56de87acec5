"""Every table, so that one import knows the whole schema."""

from storage.models.base import Base
from storage.models.calendar import CalendarCoverage, CalendarDay
from storage.models.consultations import Consultation
from storage.models.office import Office
from storage.models.people import Person
from storage.models.traffic import InboxEvent

__all__ = [
    "Base",
    "CalendarCoverage",
    "CalendarDay",
    "Consultation",
    "InboxEvent",
    "Office",
    "Person",
]
