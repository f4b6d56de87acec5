"""What an office publishes of a candidate: a portrait and documents, added and taken back."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from bot import acts
from bot.media import Stored
from bot.replies import UserError
from storage.models.base import new_id
from storage.models.consultations import (
    Candidate,
    CandidateDocument,
    Consultation,
    ConsultationState,
)
from storage.models.traffic import StoredFile

LONGEST_TITLE = 300
_UNSEEN = (ConsultationState.DRAFT, ConsultationState.APPROVED)
"""Nobody has read it yet, and it may change without a word."""
_GROWING = (*_UNSEEN, ConsultationState.OPEN, ConsultationState.SUSPENDED)


async def candidate_of(session: AsyncSession, asked: Consultation, number: int) -> Candidate:
    """By its place in the notice. Raises UserError when there is none."""
    found: Candidate | None = await session.scalar(
        select(Candidate)
        .where(Candidate.consultation_id == asked.id, Candidate.number == number)
        .options(selectinload(Candidate.documents))
    )
    if found is None:
        raise UserError("consultations-no-such-candidate", code=asked.code, number=number)
    return found


async def give_portrait(
    session: AsyncSession, about: Candidate, asked: Consultation, taken: Stored,
    actor: str, now: datetime,
) -> None:  # fmt: skip
    """Takes the place of one nobody has seen. Raises UserError for one that was published."""
    _refuse_late(asked)
    if taken.kind != "image":
        raise UserError("consultations-portrait-no-picture", name=taken.name)
    if about.portrait_id and asked.state not in _UNSEEN:
        raise UserError("consultations-portrait-published", name=about.name)
    old, about.portrait_id = about.portrait_id, await _publish(session, taken, now)
    await session.flush()
    await discard(session, old)
    acts.note(session, now, actor, "give portrait", "candidate", about.id, taken.name)


async def add_document(
    session: AsyncSession, about: Candidate, asked: Consultation, taken: Stored, title: str,
    actor: str, now: datetime,
) -> str:  # fmt: skip
    """Returns the title it is shown under: its own name where none is given."""
    _refuse_late(asked)
    if taken.kind not in ("document", "image"):
        raise UserError("consultations-document-no-paper", name=taken.name)
    shown = (title or taken.name.rpartition(".")[0])[:LONGEST_TITLE]
    if any(paper.title == shown for paper in about.documents):
        raise UserError("consultations-document-twice", title=shown, name=about.name)
    file_id = await _publish(session, taken, now)
    about.documents.append(CandidateDocument(id=new_id(), title=shown, file_id=file_id))
    acts.note(session, now, actor, "add document", "candidate", about.id, shown)
    return shown


async def take_back_portrait(
    session: AsyncSession, about: Candidate, asked: Consultation, reason: str,
    actor: str, now: datetime,
) -> None:  # fmt: skip
    """Raises UserError when there is none, and for a published one without a reason."""
    _refuse_unexplained(asked, reason)
    if about.portrait_id is None:
        raise UserError("consultations-no-portrait", name=about.name)
    old, about.portrait_id = about.portrait_id, None
    await session.flush()
    await discard(session, old)
    acts.note(session, now, actor, "take back portrait", "candidate", about.id, reason)


async def take_back_document(
    session: AsyncSession, about: Candidate, asked: Consultation, title: str, reason: str,
    actor: str, now: datetime,
) -> None:  # fmt: skip
    """Raises UserError when there is none, and for a published one without a reason."""
    _refuse_unexplained(asked, reason)
    paper = next((one for one in about.documents if one.title == title), None)
    if paper is None:
        titles = "; ".join(one.title for one in about.documents) or "-"
        raise UserError("consultations-no-such-document", title=title, titles=titles)
    about.documents.remove(paper)
    await session.delete(paper)
    await session.flush()
    await discard(session, paper.file_id)
    acts.note(
        session, now, actor, "take back document", "candidate", about.id, f"{title}: {reason}"
    )


async def discard(session: AsyncSession, file_id: str | None) -> None:
    """Nothing names it any more; its content goes with the next sweep of the disk."""
    row = await session.get(StoredFile, file_id) if file_id else None
    if row is not None:
        await session.delete(row)
        await session.flush()


async def _publish(session: AsyncSession, taken: Stored, now: datetime) -> str:
    """Without the photograph as it came, which tells where it was taken."""
    row = StoredFile(
        id=new_id(), sha256=taken.sha256, size=taken.size, mime=taken.mime, kind=taken.kind,
        name=taken.name, public=True, taken_at=now,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    return row.id


def _refuse_late(asked: Consultation) -> None:
    if asked.state not in _GROWING:
        raise UserError("consultations-file-too-late", code=asked.code)


def _refuse_unexplained(asked: Consultation, reason: str) -> None:
    if asked.state not in _UNSEEN and not reason:
        raise UserError("consultations-take-back-reason", code=asked.code)
