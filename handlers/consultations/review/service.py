"""What an officer does with opinions: see what waits, read, decide, ask back, stand aside.

Every function asks the officer's row and office again; a button proves nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from bot import acts, i18n, outbox
from bot.replies import Reply, UserError, Word, choice, reply
from bot.text import tidy
from bot.vault import Vault
from handlers.consultations import service
from handlers.consultations.review import rights
from handlers.consultations.review.presses import press
from storage.models.base import new_id
from storage.models.consultations import (
    LIVE_STATES,
    Candidate,
    CaseMessage,
    Consultation,
    ConsultationState,
    IdentityLevel,
    Opinion,
    OpinionFile,
    OpinionState,
    Stance,
)
from storage.models.office import Officer, Role
from storage.models.people import Person
from storage.models.traffic import StoredFile

DECIDABLE = (ConsultationState.OPEN, ConsultationState.SUSPENDED, ConsultationState.CLOSED)
"""Once the file for the council is compiled, what it says of an opinion no longer changes."""
LONGEST_WORDS = 1000
"""Characters of a reason or a question: what the columns hold and a person reads at once."""

STANCES = {
    Stance.AGREE: Word("review-stance-agree"),
    Stance.REMARK: Word("review-stance-remark"),
    Stance.OBJECT: Word("review-stance-object"),
    Stance.INFORM: Word("review-stance-inform"),
}
DECISIONS = {
    OpinionState.ACCEPTED: Word("review-decision-accepted"),
    OpinionState.SET_ASIDE: Word("review-decision-set-aside"),
}


@dataclass(frozen=True)
class Case:
    """An opinion as an officer sees it; `seen` names this very version of it."""

    opinion: Opinion
    messages: Sequence[CaseMessage]
    seen: str
    files: Sequence[StoredFile] = ()
    decided_by: str = ""
    handled_by: str = ""


# Reading


async def open_opinion(
    session: AsyncSession, officer: Officer, opinion_id: str, now: datetime
) -> Case:
    """Raises UserError when it is withdrawn, or none of this officer's business."""
    case = await held(session, officer, opinion_id)
    acts.note(session, now, rights.actor(officer), "read", "opinion", opinion_id)
    return case


async def held(session: AsyncSession, officer: Officer, opinion_id: str) -> Case:
    """The case, locked until the commit. Another office's, an erased one, one in the restricted
    lane and one that never was all get the same answer."""
    rights.require(officer, Role.OFFICER)
    opinion = await session.scalar(
        select(Opinion)
        .join(Consultation, Consultation.id == Opinion.consultation_id)
        .where(
            Opinion.id == opinion_id,
            Consultation.office_id == officer.office_id,
            Opinion.state.in_((*LIVE_STATES, OpinionState.WITHDRAWN)),
            ~rights.is_involved(officer, Opinion.candidate_id),
        )
        .options(
            selectinload(Opinion.candidate).selectinload(Candidate.award),
            selectinload(Opinion.consultation),
        )
        .with_for_update(of=Opinion)
        .execution_options(populate_existing=True)
    )
    if opinion is None:
        raise UserError("review-not-yours")
    if opinion.state == OpinionState.WITHDRAWN:
        raise UserError("review-withdrawn")
    messages = await service.questions(session, opinion)
    return Case(
        opinion, messages, _stamp(opinion, len(messages)), await files(session, opinion),
        await _name(session, opinion.decided_by), await _name(session, opinion.handled_by),
    )  # fmt: skip


async def _name(session: AsyncSession, officer_id: str | None) -> str:
    officer = await session.get(Officer, officer_id) if officer_id else None
    return officer.name if officer else ""


def _stamp(opinion: Opinion, messages: int) -> str:
    """Changes with every change an officer should have read before deciding."""
    decided = opinion.decided_at.timestamp() if opinion.decided_at else 0
    told = f"{opinion.version}:{opinion.state}:{messages}:{decided}"
    return hashlib.blake2s(told.encode(), digest_size=4).hexdigest()


async def files(session: AsyncSession, opinion: Opinion) -> Sequence[StoredFile]:
    found = await session.scalars(
        select(StoredFile)
        .join(OpinionFile, OpinionFile.file_id == StoredFile.id)
        .where(OpinionFile.opinion_id == opinion.id)
        .order_by(OpinionFile.version, StoredFile.id)
    )
    return found.all()


async def read_identity(
    session: AsyncSession,
    vault: Vault,
    officer: Officer,
    opinion_id: str,
    reason: str,
    now: datetime,
) -> dict[str, str]:
    """{name, telephone, postal_address} as given; empty for an anonymous author.

    Each reading is an act with its reason. Raises UserError.
    """
    opinion = (await held(session, officer, opinion_id)).opinion
    if opinion.identity == IdentityLevel.ANONYMOUS or opinion.person_id is None:
        return {}
    if not reason.strip():
        raise UserError("review-reason-needed")
    acts.note(session, now, rights.actor(officer), "read identity", "opinion", opinion_id, reason)
    return service.identity(vault, await session.get(Person, opinion.person_id))


# Deciding


async def accept(
    session: AsyncSession,
    vault: Vault,
    officer: Officer,
    opinion_id: str,
    seen: str,
    now: datetime,
) -> Opinion:
    """Takes it into the record. Raises UserError when it changed since it was `seen`."""
    opinion = await _decide(session, officer, opinion_id, seen, OpinionState.ACCEPTED, now)
    opinion.reason = ""
    acts.note(session, now, rights.actor(officer), "accept", "opinion", opinion_id)
    _tell_author(session, vault, opinion, reply("review-told-accepted", **_about(opinion)), now)
    return opinion


async def set_aside(
    session: AsyncSession,
    vault: Vault,
    officer: Officer,
    opinion_id: str,
    seen: str,
    reason: str | Word,
    now: datetime,
) -> Opinion:
    """Keeps it out of the record, with a reason its author is told; a Word is a stock reason."""
    opinion = await _decide(session, officer, opinion_id, seen, OpinionState.SET_ASIDE, now)
    if isinstance(reason, Word):
        opinion.reason, cited = i18n.say(opinion.locale, reason.key), reason.key
    else:
        opinion.reason = reason = cited = checked_words(reason)
    acts.note(session, now, rights.actor(officer), "set aside", "opinion", opinion_id, cited)
    told = reply("review-told-set-aside", reason=reason, **_about(opinion))
    _tell_author(session, vault, opinion, told, now)
    return opinion


async def _decide(
    session: AsyncSession,
    officer: Officer,
    opinion_id: str,
    seen: str,
    new: OpinionState,
    now: datetime,
) -> Opinion:
    case = await held(session, officer, opinion_id)
    opinion = case.opinion
    refuse_stale(case, seen, DECISIONS[new])
    refuse_compiled(opinion)
    if opinion.decided_by is not None:
        await _refuse_own_judge(session, officer, opinion)
    opinion.state, opinion.decided_by, opinion.decided_at = new, officer.id, now
    return opinion


def refuse_stale(case: Case, seen: str, yours: Word) -> None:
    """Two officers at once: the second is shown what the first decided, beside their own."""
    opinion = case.opinion
    if case.seen == seen:
        return
    again = choice("review-open-again-button", press("open", opinion.id))
    if opinion.decided_at is None:
        raise UserError("review-changed").offering(again)
    key = "review-decided-first"
    if opinion.state == OpinionState.SET_ASIDE:
        key = "review-decided-first-reason"
    raise UserError(
        key, officer=case.decided_by, at=opinion.decided_at, reason=opinion.reason, yours=yours,
        decision=DECISIONS[OpinionState(opinion.state)],
    ).offering(again)  # fmt: skip


def refuse_compiled(opinion: Opinion) -> None:
    if opinion.consultation.state not in DECIDABLE:
        raise UserError("review-compiled", title=opinion.consultation.title)


async def _refuse_own_judge(session: AsyncSession, officer: Officer, opinion: Opinion) -> None:
    """What its author contests is decided by another officer, where the office has one."""
    first = await session.get(Officer, opinion.decided_by)
    same = first is not None and first.contact_id == officer.contact_id
    if same and await rights.others(session, officer, opinion.candidate_id):
        raise UserError("review-another-decides")


# The author


async def ask_author(
    session: AsyncSession,
    vault: Vault,
    officer: Officer,
    opinion_id: str,
    text: str,
    now: datetime,
) -> bool:
    """A question, kept with the case. False when the author left no chat: the receipt shows it."""
    opinion = (await held(session, officer, opinion_id)).opinion
    refuse_compiled(opinion)
    words = checked_words(text)
    session.add(
        CaseMessage(id=new_id(), opinion_id=opinion.id, from_office=True, text=words, at=now)
    )
    acts.note(session, now, rights.actor(officer), "ask", "opinion", opinion_id)
    asked = reply("review-told-question", question=words, **_about(opinion))
    return _tell_author(session, vault, opinion, asked, now)


def _tell_author(
    session: AsyncSession, vault: Vault, opinion: Opinion, words: Reply, now: datetime
) -> bool:
    if opinion.contact_id is None:
        return False
    message = words.offering(choice("review-follow-button", f"f:{opinion.id}"))
    outbox.tell(session, vault, opinion.contact_id, message, due_at=now)
    return True


def _about(opinion: Opinion) -> dict[str, str]:
    return {"name": opinion.candidate.name, "title": opinion.consultation.title}


def checked_words(text: str) -> str:
    """An officer's words at the door. Raises UserError when there are none or too many."""
    words = tidy(text)
    if not words:
        raise UserError("review-reason-needed")
    if len(words) > LONGEST_WORDS:
        raise UserError("review-words-too-long", longest=LONGEST_WORDS, length=len(words))
    return words


# Standing aside


async def declare_involvement(
    session: AsyncSession, officer: Officer, opinion_id: str, now: datetime
) -> bool:
    """Shuts this officer out of everything on the candidate, for good.

    False when nobody else in the office may handle it then.
    """
    opinion = (await held(session, officer, opinion_id)).opinion
    acts.note(
        session, now, rights.actor(officer), rights.INVOLVED, "candidate", opinion.candidate_id
    )
    return bool(await rights.others(session, officer, opinion.candidate_id))
