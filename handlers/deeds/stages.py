"""The four stages of a good deed, and the one gate through which it passes from state to state.

The table is closed (DEED_TRANSITIONS); what a state rests on must be there before it is entered:
a check asked, a reason, a mentor, a summary, two persons and a consent. There is no way around.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts
from bot.replies import UserError, Word
from storage.models.deeds import (
    DEED_TRANSITIONS,
    STAGES,
    CheckAnswer,
    Deed,
    DeedCheck,
    DeedNurture,
    DeedPublication,
    DeedReport,
    DeedState,
    DeedSummary,
    Known,
)
from storage.models.office import Officer

LONGEST_REASON = 1000
CITIZEN = "citizen"


async def become(
    session: AsyncSession,
    deed: Deed,
    state: DeedState,
    actor: str,
    now: datetime,
    *,
    seen: int | None = None,
    reason: str = "",
) -> None:
    """The one way a deed changes state. `seen` is the version upon which it was decided; None
    for what no person decided. Raises UserError, which says what is possible instead."""
    await hold(session, deed, seen)
    if not may_become(deed, state):
        raise cannot(deed)
    await _REQUIRED[state](session, deed, actor, reason.strip())
    deed.state, deed.state_at, deed.reason = state, now, reason.strip()[:LONGEST_REASON]
    deed.stage = STAGES.get(state, deed.stage)
    changed(deed, actor)
    note(session, now, actor, f"make {state}", deed.id, reason)
    await session.flush()


async def hold(session: AsyncSession, deed: Deed, seen: int | None) -> None:
    """The row as it is now, locked until the commit. Raises UserError when somebody saved it
    since `seen`: what was decided on the earlier version is not laid over theirs."""
    await session.flush()
    await session.refresh(deed, with_for_update=True)
    if seen is not None and seen != deed.version:
        raise UserError(
            "deeds-changed-meanwhile", seen=seen, version=deed.version, at=deed.state_at,
            state=Word(f"deeds-state-{DeedState(deed.state)}"),
        )  # fmt: skip


def changed(deed: Deed, actor: str) -> None:
    """Every change, of the state or not, makes a new version."""
    deed.version += 1
    deed.changed_by = actor


def may_become(deed: Deed, state: DeedState) -> bool:
    """Whether the table knows the way; what the state rests on is asked for when it is gone."""
    return state in DEED_TRANSITIONS[DeedState(deed.state)]


def cannot(deed: Deed) -> UserError:
    state = DeedState(deed.state)
    return UserError(
        "deeds-cannot-become", state=Word(f"deeds-state-{state}"), ways=Word(f"deeds-ways-{state}")
    )


def note(
    session: AsyncSession, now: datetime, actor: str, verb: str, deed_id: str, reason: str = ""
) -> None:
    """A line of the log of acts about a deed."""
    acts.note(session, now, actor, verb, "deed", deed_id, reason)


# What a state rests on

Requirement = Callable[[AsyncSession, Deed, str, str], Awaitable[None]]


async def _reason(_: AsyncSession, deed: Deed, actor: str, reason: str) -> None:
    if not reason:
        raise UserError("deeds-needs-reason")


async def _reason_of_staff(session: AsyncSession, deed: Deed, actor: str, reason: str) -> None:
    """Whoever told it need not say why they take it back."""
    if actor != CITIZEN:
        await _reason(session, deed, actor, reason)


async def _received(session: AsyncSession, deed: Deed, actor: str, reason: str) -> None:
    """A check was called back, or what was rejected is taken up again: either is explained."""
    await _reason(session, deed, actor, reason)
    if await open_check(session, deed) is not None:
        raise UserError("deeds-check-open")


async def _checking(session: AsyncSession, deed: Deed, actor: str, reason: str) -> None:
    if await open_check(session, deed) is None:
        raise UserError("deeds-needs-check")


async def _confirmed(session: AsyncSession, deed: Deed, actor: str, reason: str) -> None:
    """By the unit's own answer; on other grounds, said with a reason."""
    newest = await session.scalar(
        select(DeedCheck.answer)
        .where(DeedCheck.deed_id == deed.id, DeedCheck.called_back_at.is_(None))
        .order_by(DeedCheck.asked_at.desc())
        .limit(1)
    )
    if newest != CheckAnswer.CONFIRMED:
        await _reason(session, deed, actor, reason)


async def _nurtured(session: AsyncSession, deed: Deed, actor: str, reason: str) -> None:
    if await session.get(DeedNurture, deed.id) is None:
        raise UserError("deeds-needs-mentor")


async def _summarised(session: AsyncSession, deed: Deed, actor: str, reason: str) -> None:
    if await session.get(DeedSummary, deed.id) is None:
        raise UserError("deeds-needs-summary")


async def _proposed(session: AsyncSession, deed: Deed, actor: str, reason: str) -> None:
    """Which award, and by which of the unit's registrations."""
    summary = await session.get(DeedSummary, deed.id)
    if summary is None:
        raise UserError("deeds-needs-summary")
    if summary.award_code is None or summary.duty_id is None:
        raise UserError("deeds-needs-award")


async def _published(session: AsyncSession, deed: Deed, actor: str, reason: str) -> None:
    newest = await newest_publication(session, deed)
    if newest is None or newest.ended_at is not None:
        raise UserError("deeds-needs-text")
    await refuse_unless_two(session, deed, newest)
    refuse_without_consent(deed, newest)


_REQUIRED: dict[DeedState, Requirement] = {
    DeedState.RECEIVED: _received,
    DeedState.CHECKING: _checking,
    DeedState.CONFIRMED: _confirmed,
    DeedState.NOT_CONFIRMED: _reason,
    DeedState.UNCHECKABLE: _reason,
    DeedState.NURTURED: _nurtured,
    DeedState.SUMMARISED: _summarised,
    DeedState.PROPOSED: _proposed,
    DeedState.PUBLISHED: _published,
    DeedState.UNPUBLISHED: _reason,
    DeedState.REJECTED: _reason,
    DeedState.WITHDRAWN: _reason_of_staff,
}


async def open_check(session: AsyncSession, deed: Deed) -> DeedCheck | None:
    """Asked, and neither answered nor called back."""
    found: DeedCheck | None = await session.scalar(
        select(DeedCheck).where(
            DeedCheck.deed_id == deed.id,
            DeedCheck.answered_at.is_(None),
            DeedCheck.called_back_at.is_(None),
        )
    )
    return found


async def newest_publication(session: AsyncSession, deed: Deed) -> DeedPublication | None:
    found: DeedPublication | None = await session.scalar(
        select(DeedPublication)
        .where(DeedPublication.deed_id == deed.id)
        .order_by(DeedPublication.version.desc())
        .limit(1)
    )
    return found


async def refuse_unless_two(session: AsyncSession, deed: Deed, text: DeedPublication) -> None:
    """Two persons, who are not one person in two roles, and neither told it nor is praised.

    Raises UserError.
    """
    first = await _contact_of(session, text.approved_by)
    second = await _contact_of(session, text.confirmed_by)
    if first is None or second is None or first == second:
        raise UserError("deeds-needs-two")
    told = await session.scalars(
        select(DeedReport.contact_id).where(DeedReport.deed_id == deed.id)
    )
    if {first, second} & set(told):
        raise UserError("deeds-own-report")


async def _contact_of(session: AsyncSession, actor: str | None) -> int | None:
    """The chat of an officer who still is one."""
    kind, _, id = (actor or "").partition(":")
    if kind != "officer":
        return None
    found: int | None = await session.scalar(
        select(Officer.contact_id).where(Officer.id == id, Officer.revoked_at.is_(None))
    )
    return found


def refuse_without_consent(deed: Deed, text: DeedPublication) -> None:
    """Recorded consent of the praised, and of a child's guardian too; or a stated ground.

    What a reporter said of it is no consent: somebody must have recorded what it rests on. Nobody
    said whether it is a child: then it is asked first. A refusal is never outweighed by a ground.
    Raises UserError.
    """
    if Known.NO in (deed.consent, deed.guardian_consent):
        raise UserError("deeds-refused-consent")
    if text.ground.strip():
        return
    if deed.consent != Known.YES or not deed.consent_rests_on.strip():
        raise UserError("deeds-needs-consent")
    if deed.is_child == Known.NO:
        return
    if deed.is_child == Known.UNKNOWN and deed.subject_kind == "person":
        raise UserError("deeds-child-unknown")
    guarded = deed.guardian_consent == Known.YES and deed.guardian_rests_on.strip()
    if deed.is_child == Known.YES and not guarded:
        raise UserError("deeds-needs-guardian")
