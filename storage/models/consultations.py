"""A consultation, its candidates, and what the people said of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Date,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from storage.models.base import Base, Instant, random_id


class Award(Base):
    """A title or form of commendation; whether it needs a consultation is data with its basis."""

    __tablename__ = "awards"

    code: Mapped[str] = mapped_column(String(32), primary_key=True)
    name_vi: Mapped[str] = mapped_column(String(200))
    name_en: Mapped[str] = mapped_column(String(200))
    group: Mapped[str] = mapped_column(String(60))
    level: Mapped[str] = mapped_column(String(60))
    for_kinds: Mapped[list[str]] = mapped_column(JSON, default=list)
    requires_consultation: Mapped[bool]
    basis: Mapped[str] = mapped_column(String(500))
    verified: Mapped[bool]
    aliases: Mapped[list[str]] = mapped_column(JSON, default=list)


class ConsultationState(StrEnum):
    DRAFT = "draft"
    APPROVED = "approved"
    OPEN = "open"
    SUSPENDED = "suspended"
    """A matter is being verified (Decree 152/2025, article 4, clause 4)."""
    CLOSED = "closed"
    COMPILED = "compiled"
    REPORTED = "reported"
    ARCHIVED = "archived"


_S = ConsultationState
TRANSITIONS: dict[ConsultationState, frozenset[ConsultationState]] = {
    _S.DRAFT: frozenset({_S.APPROVED, _S.ARCHIVED}),
    _S.APPROVED: frozenset({_S.DRAFT, _S.OPEN}),
    _S.OPEN: frozenset({_S.SUSPENDED, _S.CLOSED}),
    _S.SUSPENDED: frozenset({_S.OPEN, _S.CLOSED}),
    _S.CLOSED: frozenset({_S.COMPILED}),
    _S.COMPILED: frozenset({_S.REPORTED}),
    _S.REPORTED: frozenset({_S.ARCHIVED}),
    _S.ARCHIVED: frozenset(),
}
"""Every pair not listed is refused, in every way in."""

PUBLIC_STATES = (_S.OPEN, _S.SUSPENDED, _S.CLOSED, _S.COMPILED, _S.REPORTED, _S.ARCHIVED)


class ForbiddenTransition(Exception):
    def __init__(self, old: ConsultationState, new: ConsultationState) -> None:
        super().__init__(f"a consultation that is {old} cannot become {new}")
        self.old, self.new = old, new


class Openness(StrEnum):
    """The answer to "does it take opinions now?", with the reason when it does not."""

    OPEN = "open"
    UNPUBLISHED = "unpublished"
    EARLY = "early"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class Consultation(Base):
    __tablename__ = "consultations"

    id: Mapped[str] = random_id()
    office_id: Mapped[str] = mapped_column(ForeignKey("offices.id"), index=True)
    code: Mapped[str] = mapped_column(String(32), unique=True)
    title: Mapped[str] = mapped_column(String(500))
    layer: Mapped[str] = mapped_column(String(16))
    """`submitter` (ministry, province) or `centre` (Decree 152/2025, article 44)."""
    submission: Mapped[str] = mapped_column(String(300), default="")
    """The submitting unit's proposal: number and date."""
    document: Mapped[str] = mapped_column(String(300), default="")
    """Number of the notice as issued, and its date."""
    publisher: Mapped[str] = mapped_column(String(300), default="")
    """Who issued the notice, where the notice says so."""
    receiving_name: Mapped[str] = mapped_column(String(300), default="")
    """The office that receives opinions, as this notice says it; "" where it is the office's own
    name, and likewise its addresses, telephone and e-mail."""
    receiving_addresses: Mapped[list[str]] = mapped_column(JSON, default=list)
    receiving_telephone: Mapped[str] = mapped_column(String(40), default="")
    receiving_email: Mapped[str] = mapped_column(String(120), default="")
    legal_bases: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    """[{text, document, article, effective_from, effective_to, checked_on, verified}]; `text` is
    the line as the office wrote it, missing where there is only a document and an article."""
    days: Mapped[int]
    day_unit: Mapped[str] = mapped_column(String(16))
    counting: Mapped[str] = mapped_column(String(16))
    posted_on: Mapped[date | None] = mapped_column(Date)
    """The day of publication in local time; the window is counted from it."""
    opens_at: Mapped[datetime | None] = mapped_column(Instant)
    computed_ends_at: Mapped[datetime | None] = mapped_column(Instant)
    announced_ends_at: Mapped[datetime | None] = mapped_column(Instant)
    closes_at: Mapped[datetime | None] = mapped_column(Instant, index=True)
    """The later of the computed and the announced end; a moved end replaces it."""
    signed_writing: Mapped[bool] = mapped_column(Boolean, default=False)
    keeps_late: Mapped[bool] = mapped_column(Boolean, default=False)
    """Late opinions are kept as "outside the window" and counted apart."""
    notice_url: Mapped[str] = mapped_column(String(500), default="")
    state: Mapped[ConsultationState] = mapped_column(String(12), default=ConsultationState.DRAFT)
    made_at: Mapped[datetime] = mapped_column(Instant)

    candidates: Mapped[list[Candidate]] = relationship(
        order_by="Candidate.number", back_populates="consultation"
    )

    def become(self, new: ConsultationState) -> None:
        """Raises ForbiddenTransition for every pair the table does not list."""
        if new not in TRANSITIONS[self.state]:
            raise ForbiddenTransition(ConsultationState(self.state), new)
        self.state = new

    def openness(self, now: datetime) -> Openness:
        """Whether it takes opinions at `now`. Every way in asks this and nothing else."""
        return openness(Window(self.state, self.opens_at, self.closes_at), now)


@dataclass(frozen=True)
class Window:
    state: ConsultationState
    opens_at: datetime | None
    closes_at: datetime | None


def openness(window: Window, now: datetime) -> Openness:
    """The closing instant itself is outside: a window to 24:00 ends as that instant begins."""
    if window.state in (_S.DRAFT, _S.APPROVED) or not window.opens_at or not window.closes_at:
        return Openness.UNPUBLISHED
    if window.state == _S.SUSPENDED:
        return Openness.SUSPENDED
    if window.state != _S.OPEN or now >= window.closes_at:
        return Openness.CLOSED
    return Openness.EARLY if now < window.opens_at else Openness.OPEN


class Publication(Base):
    """Where and when the notice appeared: what the council is told as evidence."""

    __tablename__ = "publications"

    id: Mapped[str] = random_id()
    consultation_id: Mapped[str] = mapped_column(ForeignKey("consultations.id"), index=True)
    medium: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(Instant)
    url: Mapped[str] = mapped_column(String(500), default="")


class ScheduleChange(Base):
    """A moved end: always with its reason, always shown with the old date."""

    __tablename__ = "schedule_changes"

    id: Mapped[str] = random_id()
    consultation_id: Mapped[str] = mapped_column(ForeignKey("consultations.id"), index=True)
    at: Mapped[datetime] = mapped_column(Instant)
    old_closes_at: Mapped[datetime] = mapped_column(Instant)
    new_closes_at: Mapped[datetime] = mapped_column(Instant)
    reason: Mapped[str] = mapped_column(String(500))


class CandidateKind(StrEnum):
    PERSON = "person"
    COLLECTIVE = "collective"
    HOUSEHOLD = "household"
    POSTHUMOUS = "posthumous"
    FOREIGN = "foreign"


class Candidate(Base):
    __tablename__ = "candidates"
    __table_args__ = (
        UniqueConstraint("consultation_id", "number"),
        UniqueConstraint("consultation_id", "natural_key"),
    )

    id: Mapped[str] = random_id()
    consultation_id: Mapped[str] = mapped_column(ForeignKey("consultations.id"))
    number: Mapped[int]
    """Its place in the notice, from 1."""
    natural_key: Mapped[str] = mapped_column(String(200))
    """What a second import recognises it by: its code, or its folded name, unit and award."""
    kind: Mapped[CandidateKind] = mapped_column(String(12))
    name: Mapped[str] = mapped_column(String(300))
    position: Mapped[str] = mapped_column(String(300), default="")
    unit: Mapped[str] = mapped_column(String(300), default="")
    award_code: Mapped[str] = mapped_column(ForeignKey("awards.code"))
    summary: Mapped[str] = mapped_column(Text, default="")
    portrait_id: Mapped[str | None] = mapped_column(ForeignKey("files.id"))

    consultation: Mapped[Consultation] = relationship(back_populates="candidates")
    award: Mapped[Award] = relationship()
    documents: Mapped[list[CandidateDocument]] = relationship(order_by="CandidateDocument.title")


class CandidateDocument(Base):
    __tablename__ = "candidate_documents"

    id: Mapped[str] = random_id()
    candidate_id: Mapped[str] = mapped_column(ForeignKey("candidates.id"), index=True)
    title: Mapped[str] = mapped_column(String(300))
    url: Mapped[str] = mapped_column(String(500), default="")
    file_id: Mapped[str | None] = mapped_column(ForeignKey("files.id"))


class Stance(StrEnum):
    AGREE = "agree"
    REMARK = "remark"
    OBJECT = "object"
    INFORM = "inform"


class IdentityLevel(StrEnum):
    ANONYMOUS = "anonymous"
    TO_OFFICE = "to_office"
    SIGNED = "signed"


class OpinionState(StrEnum):
    FILED = "filed"
    ACCEPTED = "accepted"
    SET_ASIDE = "set_aside"
    RESTRICTED = "restricted"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"


LIVE_STATES = (OpinionState.FILED, OpinionState.ACCEPTED, OpinionState.SET_ASIDE)
_LIVE = "contact_id IS NOT NULL AND state IN ('filed', 'accepted', 'set_aside', 'restricted')"


class Opinion(Base):
    """What one person says of one candidate now; what they said before is in its versions."""

    __tablename__ = "opinions"
    __table_args__ = (
        Index(
            "uq_opinions_one_live_each",
            "candidate_id",
            "contact_id",
            unique=True,
            sqlite_where=text(_LIVE),
            postgresql_where=text(_LIVE),
        ),
        Index("ix_opinions_consultation_id_state", "consultation_id", "state"),
    )

    id: Mapped[str] = random_id()
    consultation_id: Mapped[str] = mapped_column(ForeignKey("consultations.id"))
    candidate_id: Mapped[str] = mapped_column(ForeignKey("candidates.id"))
    contact_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    person_id: Mapped[str | None] = mapped_column(ForeignKey("people.id"))
    """Only when a name was given, and then a row of its own: not the holder of the chat."""
    channel: Mapped[str] = mapped_column(String(16))
    locale: Mapped[str] = mapped_column(String(5))
    stance: Mapped[Stance] = mapped_column(String(8))
    text: Mapped[str] = mapped_column(Text, default="")
    identity: Mapped[IdentityLevel] = mapped_column(String(12))
    in_window: Mapped[bool]
    received_at: Mapped[datetime] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(default=1)
    state: Mapped[OpinionState] = mapped_column(String(12), default=OpinionState.FILED)
    reason: Mapped[str] = mapped_column(String(1000), default="")
    """The office's words on its decision, told to the author."""
    decided_by: Mapped[str | None] = mapped_column(String(40))
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    handling: Mapped[str] = mapped_column(String(1000), default="")
    """What was checked and found, for the council; its author is not told."""
    handled_by: Mapped[str | None] = mapped_column(String(40))
    handled_at: Mapped[datetime | None] = mapped_column(Instant)

    candidate: Mapped[Candidate] = relationship()
    consultation: Mapped[Consultation] = relationship()


class OpinionVersion(Base):
    __tablename__ = "opinion_versions"

    opinion_id: Mapped[str] = mapped_column(ForeignKey("opinions.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    stance: Mapped[Stance] = mapped_column(String(8))
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Instant)


class OpinionFile(Base):
    __tablename__ = "opinion_files"

    opinion_id: Mapped[str] = mapped_column(ForeignKey("opinions.id"), primary_key=True)
    file_id: Mapped[str] = mapped_column(ForeignKey("files.id"), primary_key=True)
    version: Mapped[int] = mapped_column(default=1)


class CaseMessage(Base):
    """A question of the office to an author, or the author's answer, through the receipt."""

    __tablename__ = "case_messages"
    __table_args__ = (Index("ix_case_messages_opinion_id_at", "opinion_id", "at"),)

    id: Mapped[str] = random_id()
    opinion_id: Mapped[str] = mapped_column(ForeignKey("opinions.id"))
    from_office: Mapped[bool]
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Instant)


class Receipt(Base):
    """The code a person keeps; only its keyed slow hash is here."""

    __tablename__ = "receipts"

    id: Mapped[str] = random_id()
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    subject_kind: Mapped[str] = mapped_column(String(12))
    """`opinion` or `matter`; `submission` for what a unit handed in, by its duty."""
    subject_id: Mapped[str] = mapped_column(String(20), index=True)
    made_at: Mapped[datetime] = mapped_column(Instant)
    returned_at: Mapped[datetime | None] = mapped_column(Instant)
    """When it was first used; the code is shown once more then."""


class MatterState(StrEnum):
    NEW = "new"
    FORWARDED = "forwarded"
    CLOSED = "closed"
    ERASED = "erased"


class RestrictedMatter(Base):
    """Something that looks like a denunciation: sealed, out of every list, search and export.

    Only officers of the role `restricted` open it, and each opening is an act in the log.
    """

    __tablename__ = "restricted_matters"

    id: Mapped[str] = random_id()
    office_id: Mapped[str] = mapped_column(ForeignKey("offices.id"), index=True)
    consultation_id: Mapped[str] = mapped_column(ForeignKey("consultations.id"))
    candidate_id: Mapped[str] = mapped_column(ForeignKey("candidates.id"))
    contact_id: Mapped[int | None] = mapped_column(BigInteger)
    person_id: Mapped[str | None] = mapped_column(ForeignKey("people.id"))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    file_ids: Mapped[list[str]] = mapped_column(JSON, default=list)
    state: Mapped[MatterState] = mapped_column(String(12), default=MatterState.NEW)
    received_at: Mapped[datetime] = mapped_column(Instant)
