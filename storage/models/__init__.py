"""Every table, so that one import knows the whole schema."""

from storage.models.base import Base
from storage.models.calendar import CalendarCoverage, CalendarDay
from storage.models.consultations import Consultation
from storage.models.deadlines import Deadline
from storage.models.deeds import Deed
from storage.models.figures import AskedShare
from storage.models.office import Office
from storage.models.people import Person
from storage.models.reminders import Reminder
from storage.models.traffic import InboxEvent
from storage.models.units import Unit

__all__ = [
    "AskedShare",
    "Base",
    "CalendarCoverage",
    "CalendarDay",
    "Consultation",
    "Deadline",
    "Deed",
    "InboxEvent",
    "Office",
    "Person",
    "Reminder",
    "Unit",
]
