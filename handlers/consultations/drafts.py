"""Opinions begun and never sent: what was given for them is forgotten in the end."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Text, cast, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models.consultations import (
    Candidate,
    CandidateDocument,
    Opinion,
    OpinionFile,
    RestrictedMatter,
)
from storage.models.deadlines import Submission
from storage.models.people import Contact, Person
from storage.models.traffic import StoredFile

KEEP_DRAFTS = timedelta(days=60)
"""Longer than any consultation lasts: a draft survives as long as it can still be sent."""


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
    )
    await session.execute(
        update(Person)
        .where(Person.made_at < before, Person.wrapped_key.is_not(None), ~held)
        .values(wrapped_key=None, name=None, telephone=None, postal_address=None, forgotten_at=now)
    )
    await _forget_files(session, before)


async def _forget_files(session: AsyncSession, before: datetime) -> None:
    in_matters = {
        file_id
        for file_ids in await session.scalars(select(RestrictedMatter.file_ids))
        for file_id in file_ids
    }
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
    gone = set(unnamed) - in_matters
    gone -= await _handed_in_by_units(session) if gone else set()
    if gone:
        await session.execute(delete(StoredFile).where(StoredFile.id.in_(gone)))


async def _handed_in_by_units(session: AsyncSession) -> set[str]:
    """What a unit handed in for a deadline stays with every version of it."""
    held = select(Submission.file_ids).where(cast(Submission.file_ids, Text) != "[]")
    return {file_id for file_ids in await session.scalars(held) for file_id in file_ids}
