"""What citizens do with a consultation: read it, give an opinion, and follow it by its receipt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from bot import acts, receipts
from bot.identity import forget as forget
from bot.identity import identity as identity
from bot.identity import new_person as new_person
from bot.identity import seal_identity as seal_identity
from bot.replies import Until, UserError
from bot.text import fold, tidy
from bot.vault import Vault
from storage.models.base import new_id
from storage.models.consultations import (
    LIVE_STATES,
    PUBLIC_STATES,
    Candidate,
    CaseMessage,
    Consultation,
    ConsultationState,
    IdentityLevel,
    MatterState,
    Openness,
    Opinion,
    OpinionFile,
    OpinionState,
    OpinionVersion,
    Receipt,
    RestrictedMatter,
    Stance,
)
from storage.models.office import Office
from storage.models.people import Person

LONGEST_OPINION = 8000
"""Characters; said before it is reached."""
MOST_FILES = 10
"""With one version of an opinion, or one answer."""
MOST_FILES_IN_ALL = 60
"""Of one opinion with all its versions and answers."""
LONGEST_MATTER = 100_000
"""Characters of a matter of the restricted lane with all that was added to it."""
SEALED_MATTERS = "restricted_matters"
REQUIRED = {
    IdentityLevel.ANONYMOUS: (),
    IdentityLevel.TO_OFFICE: ("name",),
    IdentityLevel.SIGNED: ("name", "telephone", "postal_address"),
}
"""What must be told of oneself, in the order in which it is asked."""
NEEDS_WORDS = (Stance.REMARK, Stance.OBJECT, Stance.INFORM)


@dataclass
class Draft:
    """An opinion before it is sent. Who gives it is not here but in a Person's sealed row."""

    candidate_id: str
    stance: Stance
    text: str = ""
    file_ids: list[str] = field(default_factory=list)
    identity: IdentityLevel = IdentityLevel.ANONYMOUS
    person_id: str | None = None


@dataclass(frozen=True)
class Author:
    """Where an opinion comes from. `contact_id` is None for a form that leaves no chat behind."""

    channel: str
    locale: str
    contact_id: int | None = None


@dataclass(frozen=True)
class Filed:
    code: str
    """The receipt, in clear for the only time."""
    opinion: Opinion


# Reading


async def public_consultations(session: AsyncSession) -> Sequence[Consultation]:
    """Published ones: those that still take opinions first, the soonest to close on top."""
    found = await session.scalars(
        select(Consultation)
        .where(Consultation.state.in_(PUBLIC_STATES))
        .order_by(Consultation.closes_at)
    )
    rows = list(found)
    open_ones = [
        c for c in rows if c.state in (ConsultationState.OPEN, ConsultationState.SUSPENDED)
    ]
    ended = [c for c in reversed(rows) if c not in open_ones]
    return open_ones + ended


async def consultation(session: AsyncSession, key: str) -> Consultation:
    """By id or by code, with its candidates. Raises UserError when it is not published."""
    found = await session.scalar(
        select(Consultation)
        .where((Consultation.id == key) | (func.lower(Consultation.code) == key.lower()))
        .options(selectinload(Consultation.candidates).selectinload(Candidate.award))
    )
    if found is None or found.state not in PUBLIC_STATES:
        raise UserError("consultations-unknown")
    return found


async def candidate(session: AsyncSession, candidate_id: str) -> Candidate:
    """With its award, documents and consultation. Raises UserError when it is not published."""
    found = await session.scalar(
        select(Candidate)
        .where(Candidate.id == candidate_id)
        .options(
            selectinload(Candidate.award),
            selectinload(Candidate.documents),
            selectinload(Candidate.consultation),
        )
    )
    if found is None or found.consultation.state not in PUBLIC_STATES:
        raise UserError("consultations-unknown")
    return found


async def office_of(session: AsyncSession, asked: Consultation) -> Office:
    """Who keeps the file. The public is told of the `receiver_of`."""
    return await session.get_one(Office, asked.office_id)


@dataclass(frozen=True)
class Receiver:
    """Whom the public may write to about one consultation."""

    name: str
    parent_name: str
    addresses: tuple[str, ...]
    telephone: str
    email: str
    portal_url: str
    denunciation_office: str
    reads: str
    """Name of the office whose officers read what is given: not always the one that receives."""

    @property
    def contact(self) -> str:
        """On one line, without gaps for what is not known."""
        parts = (self.name, "; ".join(self.addresses), self.telephone)
        return ", ".join(part for part in parts if part)


async def receiver_of(session: AsyncSession, asked: Consultation) -> Receiver:
    """As its notice says; what the notice leaves out is the office's, unless it names another."""
    office = await office_of(session, asked)
    another = bool(asked.receiving_name) and fold(asked.receiving_name) != fold(office.name)
    return Receiver(
        asked.receiving_name or office.name,
        "" if another else office.parent_name,
        tuple(asked.receiving_addresses or ([] if another else office.addresses)),
        asked.receiving_telephone or ("" if another else office.telephone),
        asked.receiving_email or ("" if another else office.email),
        "" if another else office.portal_url,
        office.denunciation_office,
        office.name,
    )


# Giving an opinion


async def admit(session: AsyncSession, asked: Consultation, now: datetime) -> bool:
    """Whether an opinion given now counts in the window. Raises UserError when none is taken.

    False only where the consultation keeps late opinions as "outside the window".
    """
    openness = asked.openness(now)
    if openness is Openness.OPEN:
        return True
    if (
        openness is Openness.CLOSED
        and asked.keeps_late
        and asked.state != ConsultationState.ARCHIVED
    ):
        return False
    raise await refusal(session, asked, openness)


async def refusal(session: AsyncSession, asked: Consultation, openness: Openness) -> UserError:
    """Why none is taken now, with the dates and the office that may still be written to."""
    office = await receiver_of(session, asked)
    args = {"title": asked.title, "contact": office.contact}
    if openness is Openness.UNPUBLISHED or asked.opens_at is None or asked.closes_at is None:
        return UserError("consultations-unknown")
    if openness is Openness.EARLY:
        return UserError(
            "consultations-early", opens=asked.opens_at, closes=Until(asked.closes_at), **args
        )
    key = "consultations-suspended" if openness is Openness.SUSPENDED else "consultations-closed"
    return UserError(key, opens=asked.opens_at, closes=Until(asked.closes_at), **args)


def checked_text(text: str) -> str:
    """Words at the door. Raises UserError when they are too long, saying by how much."""
    words = tidy(text)
    if len(words) > LONGEST_OPINION:
        raise UserError("opinion-too-long", longest=LONGEST_OPINION, length=len(words))
    return words


async def live_opinion(
    session: AsyncSession, candidate_id: str, contact_id: int
) -> Opinion | None:
    """What this contact already says of this candidate."""
    found: Opinion | None = await session.scalar(
        select(Opinion)
        .where(
            Opinion.candidate_id == candidate_id,
            Opinion.contact_id == contact_id,
            Opinion.state.in_(LIVE_STATES),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found


async def give_opinion(
    session: AsyncSession,
    vault: Vault,
    draft: Draft,
    author: Author,
    now: datetime,
    earlier: Opinion | None = None,
) -> Filed:
    """Files an opinion and makes its receipt.

    It replaces `earlier` (opened with its receipt, and not withdrawn since), else what this
    contact said before of the candidate. Raises UserError when the window does not admit it or
    words are missing.
    """
    about = await candidate(session, draft.candidate_id)
    in_window = await admit(session, about.consultation, now)
    text = checked_text(draft.text)
    if draft.stance in NEEDS_WORDS and not text and not draft.file_ids:
        raise UserError("opinion-needs-words")
    lacking = await lacking_identity(session, vault, draft.identity, draft.person_id)
    if lacking is not None:
        raise UserError(f"identity-needs-{lacking}")
    if earlier is not None and earlier.state in _ENDED:
        earlier = None
    if earlier is None and author.contact_id is not None:
        earlier = await live_opinion(session, about.id, author.contact_id)
    if earlier is not None:
        await refuse_late_change(session, about, earlier, in_window)
        replace_words(session, earlier, draft.stance, text, now)
        await _name_anew(session, earlier, draft, now)
        earlier.in_window = in_window
        opinion = earlier
    else:
        opinion = _new_opinion(about, draft, text, author, in_window, now)
        session.add(opinion)
        await session.flush()
        session.add(_version(opinion, now))
    await add_files(session, opinion, draft.file_ids)
    code = await receipts.issue(session, vault, "opinion", opinion.id, now)
    acts.note(session, now, "citizen", "replace" if earlier else "file", "opinion", opinion.id)
    await session.flush()
    return Filed(code, opinion)


async def refuse_late_change(
    session: AsyncSession, about: Candidate, earlier: Opinion | None, in_window: bool
) -> None:
    """What was said in the window stands as it was said. Raises UserError."""
    if earlier is not None and earlier.in_window and not in_window:
        raise await refusal(session, about.consultation, Openness.CLOSED)


async def _name_anew(session: AsyncSession, opinion: Opinion, draft: Draft, now: datetime) -> None:
    """A name given with the earlier words is forgotten: nothing would lead to it any more."""
    if opinion.person_id and opinion.person_id != draft.person_id:
        forget(await session.get_one(Person, opinion.person_id), now)
    opinion.identity, opinion.person_id = draft.identity, draft.person_id


def _new_opinion(
    about: Candidate, draft: Draft, text: str, author: Author, in_window: bool, now: datetime
) -> Opinion:
    return Opinion(
        id=new_id(),
        consultation_id=about.consultation_id,
        candidate_id=about.id,
        contact_id=author.contact_id,
        person_id=draft.person_id,
        channel=author.channel,
        locale=author.locale,
        stance=draft.stance,
        text=text,
        identity=draft.identity,
        in_window=in_window,
        received_at=now,
        version=1,
        state=OpinionState.FILED,
    )


def replace_words(
    session: AsyncSession, opinion: Opinion, stance: Stance, text: str, now: datetime
) -> None:
    """The history stays; what an officer decided on the earlier words no longer stands."""
    opinion.version += 1
    opinion.stance, opinion.text = stance, text
    if opinion.state in (OpinionState.ACCEPTED, OpinionState.SET_ASIDE):
        opinion.state, opinion.reason = OpinionState.FILED, ""
        opinion.decided_by = opinion.decided_at = None
        forget_handling(opinion)
    session.add(_version(opinion, now))


def forget_handling(opinion: Opinion) -> None:
    """What was checked speaks of words that no longer stand."""
    opinion.handling, opinion.handled_by, opinion.handled_at = "", None, None


def _version(opinion: Opinion, now: datetime) -> OpinionVersion:
    return OpinionVersion(
        opinion_id=opinion.id,
        number=opinion.version,
        stance=opinion.stance,
        text=opinion.text,
        at=now,
    )


async def add_files(session: AsyncSession, opinion: Opinion, file_ids: Sequence[str]) -> None:
    """To the version as it stands. Earlier versions and answers keep theirs and do not count.

    Raises UserError beyond MOST_FILES at once, and beyond MOST_FILES_IN_ALL.
    """
    known = set(
        await session.scalars(
            select(OpinionFile.file_id).where(OpinionFile.opinion_id == opinion.id)
        )
    )
    new = [file_id for file_id in dict.fromkeys(file_ids) if file_id not in known]
    refuse_many_files(len(new), len(known) + len(new))
    session.add_all(
        OpinionFile(opinion_id=opinion.id, file_id=file_id, version=opinion.version)
        for file_id in new
    )


def refuse_many_files(at_once: int, in_all: int) -> None:
    """Raises UserError."""
    if at_once > MOST_FILES:
        raise UserError("opinion-too-many-files", most=MOST_FILES)
    if in_all > MOST_FILES_IN_ALL:
        raise UserError("opinion-too-many-files-in-all", most=MOST_FILES_IN_ALL)


# The restricted lane


async def hand_over_matter(
    session: AsyncSession, vault: Vault, draft: Draft, author: Author, now: datetime
) -> str:
    """Puts what looks like a denunciation out of ordinary sight; returns its receipt.

    It is taken whenever it comes: no window closes the road to the inspectors.
    """
    about = await candidate(session, draft.candidate_id)
    text = checked_text(draft.text)
    if not text and not draft.file_ids:
        raise UserError("opinion-needs-words")
    matter = RestrictedMatter(
        id=new_id(),
        office_id=about.consultation.office_id,
        consultation_id=about.consultation_id,
        candidate_id=about.id,
        contact_id=author.contact_id,
        person_id=draft.person_id,
        sealed=vault.seal_system(text.encode(), SEALED_MATTERS),
        file_ids=list(draft.file_ids),
        received_at=now,
        state=MatterState.NEW,
    )
    session.add(matter)
    acts.note(session, now, "citizen", "hand over", "matter", matter.id)
    return await receipts.issue(session, vault, "matter", matter.id, now)


async def add_to_matter(
    session: AsyncSession,
    vault: Vault,
    matter: RestrictedMatter,
    text: str,
    file_ids: Sequence[str],
    now: datetime,
) -> None:
    """Further words and evidence from whoever handed it over; its keeper is told as of a new one.

    Raises UserError when there is nothing to add, too much, or the matter is closed.
    """
    refuse_closed(matter)
    words = checked_text(text)
    if not words and not file_ids:
        raise UserError("opinion-needs-words")
    known = vault.unseal_system(matter.sealed, SEALED_MATTERS).decode()
    added = f"[← {now:%Y-%m-%d %H:%M} UTC]\n{words}"
    if len(known) + len(added) > LONGEST_MATTER:
        raise UserError("matter-too-long")
    refuse_many_files(len(file_ids), len(matter.file_ids) + len(file_ids))
    matter.sealed = vault.seal_system(f"{known}\n\n{added}".encode(), SEALED_MATTERS)
    matter.file_ids = [*matter.file_ids, *file_ids]
    acts.note(session, now, "citizen", "add", "matter", matter.id)


def refuse_closed(matter: RestrictedMatter) -> None:
    """Raises UserError: nobody would read what is added to a closed matter."""
    if matter.state == MatterState.CLOSED:
        raise UserError("matter-closed")


# The receipt


@dataclass(frozen=True)
class Found:
    code: str
    receipt: Receipt
    opinion: Opinion | None
    matter: RestrictedMatter | None
    first_return: bool


async def look_up(session: AsyncSession, vault: Vault, typed: str) -> Found | None:
    """What a code opens here; None for every code that opens nothing, mistyped or never made."""
    receipt = await receipts.find(session, vault, typed)
    return await opened_by(session, receipt, typed) if receipt else None


async def opened_by(session: AsyncSession, receipt: Receipt, typed: str) -> Found | None:
    """None when it was erased since. A receipt of another feature's (`is_ours`) opens nothing."""
    opinion = matter = None
    if receipt.subject_kind == "opinion":
        opinion = await session.scalar(
            select(Opinion)
            .where(Opinion.id == receipt.subject_id, Opinion.state != OpinionState.ERASED)
            .options(
                selectinload(Opinion.candidate).selectinload(Candidate.award),
                selectinload(Opinion.consultation),
            )
        )
    elif receipt.subject_kind == "matter":
        matter = await session.get(RestrictedMatter, receipt.subject_id)
        if matter is not None and matter.state == MatterState.ERASED:
            matter = None
    if opinion is None and matter is None:
        return None
    code = receipts.tidy_code(typed) or ""
    return Found(code, receipt, opinion, matter, receipt.returned_at is None)


def is_ours(receipt: Receipt) -> bool:
    """Whether it is of something filed here; other features give codes of their own."""
    return receipt.subject_kind in ("opinion", "matter")


async def questions(session: AsyncSession, opinion: Opinion) -> Sequence[CaseMessage]:
    """What the office asked and the author answered, in order."""
    found = await session.scalars(
        select(CaseMessage).where(CaseMessage.opinion_id == opinion.id).order_by(CaseMessage.at)
    )
    return found.all()


async def answer_office(
    session: AsyncSession, opinion: Opinion, text: str, file_ids: Sequence[str], now: datetime
) -> None:
    """An answer or further evidence from the author. Raises UserError on a withdrawn opinion."""
    _refuse_ended(opinion)
    asked = await session.get_one(Consultation, opinion.consultation_id)
    if asked.state in _COMPILED:
        raise UserError("case-compiled")
    words = checked_text(text)
    if not words and not file_ids:
        raise UserError("opinion-needs-words")
    session.add(
        CaseMessage(id=new_id(), opinion_id=opinion.id, from_office=False, text=words, at=now)
    )
    await add_files(session, opinion, file_ids)
    acts.note(session, now, "citizen", "answer", "opinion", opinion.id)


async def withdraw(session: AsyncSession, opinion: Opinion, now: datetime) -> None:
    """Takes the opinion back while the window is open; the history stays with the office."""
    _refuse_ended(opinion)
    if opinion.consultation.openness(now) is not Openness.OPEN:
        raise await refusal(session, opinion.consultation, opinion.consultation.openness(now))
    opinion.state = OpinionState.WITHDRAWN
    acts.note(session, now, "citizen", "withdraw", "opinion", opinion.id)


_ENDED = (OpinionState.WITHDRAWN, OpinionState.ERASED, OpinionState.RESTRICTED)
"""What nothing can be added to: it was taken back, or lies with the restricted desk."""


_COMPILED = (
    ConsultationState.COMPILED,
    ConsultationState.REPORTED,
    ConsultationState.ARCHIVED,
)


def _refuse_ended(opinion: Opinion) -> None:
    if opinion.state == OpinionState.RESTRICTED:
        raise UserError("matter-state", at=opinion.received_at)
    if opinion.state in _ENDED:
        raise UserError("opinion-already-withdrawn")


# Who a person is


async def lacking_identity(
    session: AsyncSession, vault: Vault, level: IdentityLevel, person_id: str | None
) -> str | None:
    """The first thing this level demands that nobody told; None when nothing lacks."""
    person = await session.get(Person, person_id) if person_id else None
    known = identity(vault, person)
    return next((one for one in REQUIRED[level] if one not in known), None)
