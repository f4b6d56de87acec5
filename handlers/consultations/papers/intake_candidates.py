"""The candidates of one notice: compared with those a draft has, then made, changed, removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncSession

from handlers.consultations import published_files
from handlers.consultations.papers import draft as read
from storage.models.base import new_id
from storage.models.consultations import (
    Candidate,
    CandidateDocument,
    CandidateKind,
    Consultation,
)

Fields = Mapping[str, Any]

LABELS = {
    "number": "papers-column-number",
    "kind": "papers-column-kind",
    "name": "papers-column-name",
    "position": "papers-column-position",
    "unit": "papers-column-unit",
    "award_code": "papers-column-award",
    "summary": "papers-column-summary",
    "document": "papers-column-document",
}


@dataclass(frozen=True)
class Planned:
    action: Literal["create", "update", "remove", "unchanged"]
    name: str
    natural_key: str
    wanted: Fields
    changed: tuple[str, ...] = ()
    document: CandidateDocument | None = None
    """One that is not there yet."""


def compare(
    asked: Consultation, rows: Sequence[read.Candidate], document_title: str
) -> list[Planned]:
    """In the order of the notice, those it no longer names at the end. Changes nothing."""
    there = {candidate.natural_key: candidate for candidate in asked.candidates}
    planned = [_planned(row, there.pop(row.natural_key, None), document_title) for row in rows]
    gone = [Planned("remove", left.name, left.natural_key, {}) for left in there.values()]
    return planned + gone


def _planned(row: read.Candidate, there: Candidate | None, document_title: str) -> Planned:
    wanted = {
        "number": row.number,
        "kind": CandidateKind(row.kind),
        "name": row.name,
        "position": row.position,
        "unit": row.unit,
        "award_code": row.award,
        "summary": row.summary,
    }
    links = {document.url for document in there.documents} if there else set()
    document = None
    if row.document_url and row.document_url not in links:
        document = CandidateDocument(
            id=new_id(), title=document_title or row.document_url[:300], url=row.document_url
        )
    if there is None:
        return Planned("create", row.name, row.natural_key, wanted, (), document)
    changed = tuple(name for name, value in wanted.items() if getattr(there, name) != value)
    if document:
        changed = (*changed, "document")
    action: Literal["update", "unchanged"] = "update" if changed else "unchanged"
    return Planned(action, row.name, row.natural_key, wanted, changed, document)


async def apply(session: AsyncSession, asked: Consultation, planned: Sequence[Planned]) -> None:
    """Only on a draft: nobody can have spoken of a candidate yet."""
    there = {candidate.natural_key: candidate for candidate in asked.candidates}
    for gone in (p for p in planned if p.action == "remove"):
        await _remove(session, asked, there.pop(gone.natural_key))
    await _make_room(session, [there[p.natural_key] for p in planned if "number" in p.changed])
    for one in planned:
        if one.action == "create":
            asked.candidates.append(
                Candidate(id=new_id(), natural_key=one.natural_key, documents=[], **one.wanted)
            )
            there[one.natural_key] = asked.candidates[-1]
        elif one.action == "update":
            for name in one.changed:
                if name in one.wanted:
                    setattr(there[one.natural_key], name, one.wanted[name])
        if one.document:
            there[one.natural_key].documents.append(one.document)
    await session.flush()


async def _remove(session: AsyncSession, asked: Consultation, candidate: Candidate) -> None:
    published = [candidate.portrait_id, *(paper.file_id for paper in candidate.documents)]
    for document in candidate.documents:
        await session.delete(document)
    await session.flush()
    await session.delete(candidate)
    await session.flush()
    for file_id in published:
        await published_files.discard(session, file_id)
    await session.refresh(asked, ["candidates"])


async def _make_room(session: AsyncSession, moving: Sequence[Candidate]) -> None:
    """Two candidates that change places must not meet on one number on the way."""
    for candidate in moving:
        candidate.number = -candidate.number
    await session.flush()
