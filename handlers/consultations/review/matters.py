"""The restricted lane: what looks like a denunciation, for officers of that one role.

Nothing here is listed, searched, counted by candidate or exported elsewhere (Law on
Denunciations, articles 8, 9 and 56: whoever denounces stays unknown).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts, outbox
from bot.replies import UserError, Word, reply
from bot.vault import Vault
from handlers.consultations import service
from handlers.consultations.review import rights
from handlers.consultations.review import service as review
from storage.models.base import new_id
from storage.models.consultations import (
    Candidate,
    CaseMessage,
    Consultation,
    MatterState,
    OpinionFile,
    OpinionState,
    OpinionVersion,
    Receipt,
    RestrictedMatter,
)
from storage.models.office import Act, Office, Officer, Role
from storage.models.people import Person
from storage.models.traffic import StoredFile

STEPS = {
    MatterState.NEW: frozenset({MatterState.FORWARDED, MatterState.CLOSED}),
    MatterState.FORWARDED: frozenset({MatterState.CLOSED}),
    MatterState.CLOSED: frozenset[MatterState](),
    MatterState.ERASED: frozenset[MatterState](),
}
"""Every pair not listed is refused."""


@dataclass(frozen=True)
class Reading:
    """A matter, opened: each opening is an act."""

    matter: RestrictedMatter
    text: str
    identity: dict[str, str]
    files: Sequence[StoredFile]
    candidate: str
    consultation: str


# In


async def move_to_restricted(
    session: AsyncSession,
    vault: Vault,
    officer: Officer,
    opinion_id: str,
    seen: str,
    now: datetime,
) -> RestrictedMatter:
    """Takes an opinion out of ordinary sight: words, files, author, receipt. Its row stays empty.

    The author is told, because a message in a chat is not a lawful denunciation (Law on
    Denunciations, article 22). Raises UserError when it changed since it was `seen`.
    """
    case = await review.held(session, officer, opinion_id)
    opinion = case.opinion
    review.refuse_stale(case, seen, Word("review-decision-restricted"))
    matter = RestrictedMatter(
        id=new_id(), office_id=opinion.consultation.office_id,
        consultation_id=opinion.consultation_id, candidate_id=opinion.candidate_id,
        contact_id=opinion.contact_id, person_id=opinion.person_id,
        sealed=vault.seal_system((await _whole(session, case)).encode(), service.SEALED_MATTERS),
        file_ids=[file.id for file in case.files], state=MatterState.NEW,
        received_at=opinion.received_at,
    )  # fmt: skip
    session.add(matter)
    await _empty(session, case)
    await session.execute(
        update(Receipt)
        .where(Receipt.subject_kind == "opinion", Receipt.subject_id == opinion.id)
        .values(subject_kind="matter", subject_id=matter.id)
    )
    acts.note(session, now, rights.actor(officer), "restrict", "opinion", opinion_id)
    acts.note(session, now, rights.actor(officer), "hand over", "matter", matter.id)
    if matter.contact_id is not None:
        office = await session.get_one(Office, matter.office_id)
        told = reply("review-told-restricted", office=office.denunciation_office or office.name)
        outbox.tell(session, vault, matter.contact_id, told, due_at=now)
    return matter


async def _whole(session: AsyncSession, case: review.Case) -> str:
    """The words as they stand, then what was said earlier and what was asked and answered."""
    opinion = case.opinion
    earlier = await session.scalars(
        select(OpinionVersion)
        .where(OpinionVersion.opinion_id == opinion.id, OpinionVersion.number < opinion.version)
        .order_by(OpinionVersion.number.desc())
    )
    parts = [opinion.text]
    parts += [f"[{v.number}: {v.at:%Y-%m-%d %H:%M} UTC]\n{v.text}" for v in earlier if v.text]
    for message in case.messages:
        arrow = "→" if message.from_office else "←"
        parts.append(f"[{arrow} {message.at:%Y-%m-%d %H:%M} UTC]\n{message.text}")
    if opinion.handling and opinion.handled_at:
        parts.append(f"[✓ {opinion.handled_at:%Y-%m-%d %H:%M} UTC]\n{opinion.handling}")
    return "\n\n".join(part for part in parts if part)


async def _empty(session: AsyncSession, case: review.Case) -> None:
    """Nothing of it stays where ordinary officers, searches and exports look."""
    opinion = case.opinion
    of_it = {"opinion_id": opinion.id}
    for version in await session.scalars(select(OpinionVersion).filter_by(**of_it)):
        version.text = ""
    for message in await session.scalars(select(CaseMessage).filter_by(**of_it)):
        message.text = ""
    for file in await session.scalars(select(OpinionFile).filter_by(**of_it)):
        await session.delete(file)
    opinion.text = opinion.reason = ""
    service.forget_handling(opinion)
    opinion.contact_id = opinion.person_id = None
    opinion.state = OpinionState.RESTRICTED


# What there is


async def matters(session: AsyncSession, officer: Officer) -> Sequence[RestrictedMatter]:
    """Not yet closed, of the officer's own office, the oldest first."""
    rights.require(officer, Role.RESTRICTED)
    found = await session.scalars(
        select(RestrictedMatter)
        .where(
            RestrictedMatter.office_id == officer.office_id,
            RestrictedMatter.state.in_((MatterState.NEW, MatterState.FORWARDED)),
            ~rights.is_involved(officer, RestrictedMatter.candidate_id),
        )
        .order_by(RestrictedMatter.received_at)
    )
    return found.all()


async def handed_over_at(
    session: AsyncSession, found: Sequence[RestrictedMatter]
) -> datetime | None:
    """When the last of them came into the lane or was added to, long after it was received."""
    ids = [one.id for one in found]
    at: datetime | None = await session.scalar(
        select(func.max(Act.at)).where(Act.object_id.in_(ids), Act.verb.in_(("hand over", "add")))
    )
    return at


async def reach(session: AsyncSession, officer: Officer, matter_id: str) -> RestrictedMatter:
    """Locked until the commit. One answer for another office's and for none. Raises UserError."""
    rights.require(officer, Role.RESTRICTED)
    found: RestrictedMatter | None = await session.scalar(
        select(RestrictedMatter)
        .where(
            RestrictedMatter.id == matter_id,
            RestrictedMatter.office_id == officer.office_id,
            RestrictedMatter.state != MatterState.ERASED,
            ~rights.is_involved(officer, RestrictedMatter.candidate_id),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise UserError("review-not-yours")
    return found


async def open_matter(
    session: AsyncSession, vault: Vault, officer: Officer, matter_id: str, now: datetime
) -> Reading:
    matter = await reach(session, officer, matter_id)
    candidate = await session.get_one(Candidate, matter.candidate_id)
    asked = await session.get_one(Consultation, matter.consultation_id)
    person = await session.get(Person, matter.person_id) if matter.person_id else None
    files = await session.scalars(select(StoredFile).where(StoredFile.id.in_(matter.file_ids)))
    acts.note(session, now, rights.actor(officer), "read", "matter", matter.id)
    return Reading(
        matter, vault.unseal_system(matter.sealed, service.SEALED_MATTERS).decode(),
        service.identity(vault, person), files.all(), candidate.name, asked.title,
    )  # fmt: skip


async def mark(
    session: AsyncSession,
    officer: Officer,
    matter_id: str,
    new: MatterState,
    reason: str,
    now: datetime,
) -> RestrictedMatter:
    """Forwarded (to whom) or closed (how). Raises UserError for a step back."""
    matter = await reach(session, officer, matter_id)
    words = review.checked_words(reason)
    if new not in STEPS[MatterState(matter.state)]:
        raise UserError("review-matter-done-already")
    matter.state = new
    acts.note(session, now, rights.actor(officer), f"mark {new}", "matter", matter.id, words)
    return matter


async def declare_involvement(
    session: AsyncSession, officer: Officer, matter_id: str, now: datetime
) -> None:
    """Shuts this officer out of everything on the candidate, matters and opinions alike."""
    matter = await reach(session, officer, matter_id)
    acts.note(
        session, now, rights.actor(officer), rights.INVOLVED, "candidate", matter.candidate_id
    )
