"""Opinions begun and never sent: what was given for them is forgotten, at a word or in the end."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Text, cast, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from handlers.consultations import service, uploads
from storage.models.consultations import (
    Candidate,
    CandidateDocument,
    Opinion,
    OpinionFile,
    RestrictedMatter,
)
from storage.models.deadlines import Submission
from storage.models.deeds import Deed, DeedFile, DeedReport
from storage.models.people import Contact, Person
from storage.models.traffic import OutboxMessage, OutboxState, StoredFile

_WAITING = (OutboxState.QUEUED, OutboxState.IN_DOUBT)
KEEP_DRAFTS = timedelta(days=60)
"""Longer than any consultation lasts: a draft survives as long as it can still be sent."""


async def forget_dialogue(session: AsyncSession, contact_id: int, now: datetime) -> list[str]:
    """All that a contact's dialogue holds and owes: nothing of it was filed.

    Returns the hashes of files to delete from the disk.
    """
    contact = await session.get_one(Contact, contact_id, with_for_update=True)
    draft = contact.data.get("draft") or {}
    deed = contact.data.get("deed") or {}
    contact.state, contact.data, contact.offered = None, {}, []
    for person_id in filter(None, (draft.get("person_id"), deed.get("person_id"))):
        service.forget(await session.get_one(Person, person_id), now)
    await session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.contact_id == contact_id, OutboxMessage.state.in_(_WAITING))
        .values(state=OutboxState.REJECTED, reply=None, error="erased")
    )
    sent = await session.scalars(select(StoredFile.id).where(StoredFile.contact_id == contact_id))
    loose = {*sent, *draft.get("file_ids", []), *deed.get("file_ids", [])}
    loose -= await _held_elsewhere(session) if loose else set()
    return await uploads.discard(session, loose)


async def forget_drafts(session: AsyncSession, now: datetime) -> None:
    """Names and files no opinion came to hold; the files' bytes are swept from the disk later."""
    before = now - KEEP_DRAFTS
    silent = (Contact.seen_at < before) & (cast(Contact.data, Text) != "{}")
    await session.execute(update(Contact).where(silent).values(state=None, data={}))
    held = or_(
        Person.id.in_(select(Contact.person_id)),
        # Most opinions are anonymous, and NOT IN is never true of a list that holds a NULL.
        Person.id.in_(select(Opinion.person_id).where(Opinion.person_id.is_not(None))),
        Person.id.in_(
            select(RestrictedMatter.person_id).where(RestrictedMatter.person_id.is_not(None))
        ),
        Person.id.in_(select(Deed.subject_id)),
        Person.id.in_(select(DeedReport.person_id)),
    )
    await session.execute(
        update(Person)
        .where(Person.made_at < before, Person.wrapped_key.is_not(None), ~held)
        .values(wrapped_key=None, name=None, telephone=None, postal_address=None, forgotten_at=now)
    )
    await _forget_files(session, before)


async def _forget_files(session: AsyncSession, before: datetime) -> None:
    unnamed = await session.scalars(
        select(StoredFile.id).where(
            StoredFile.taken_at < before,
            StoredFile.public.is_(False),
            StoredFile.id.not_in(select(OpinionFile.file_id)),
            StoredFile.id.not_in(
                select(CandidateDocument.file_id).where(CandidateDocument.file_id.is_not(None))
            ),
            StoredFile.id.not_in(
                select(Candidate.portrait_id).where(Candidate.portrait_id.is_not(None))
            ),
        )
    )
    gone = set(unnamed)
    gone -= await _held_elsewhere(session) if gone else set()
    if gone:
        await session.execute(delete(StoredFile).where(StoredFile.id.in_(gone)))


async def _held_elsewhere(session: AsyncSession) -> set[str]:
    """Files that no opinion names: of matters, of what units handed in, and of good deeds."""
    matters = select(RestrictedMatter.file_ids).where(
        cast(RestrictedMatter.file_ids, Text) != "[]"
    )
    handed_in = select(Submission.file_ids).where(cast(Submission.file_ids, Text) != "[]")
    listed = {
        file_id
        for held in (matters, handed_in)
        for file_ids in await session.scalars(held)
        for file_id in file_ids
    }
    return listed | set(await session.scalars(select(DeedFile.file_id)))
