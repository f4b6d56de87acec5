"""Whether the praised agree to be published, as an officer recorded it and upon what [R2].

Of a child the guardian is asked too, and from seven years on the child itself (Law 91/2025 on
personal data, article 24; a child is under sixteen: Law on Children 2016, article 1). A refusal
stands until it is taken back with a reason, and then everybody is asked anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncSession

from bot.replies import UserError
from bot.vault import Vault
from handlers.deeds import forms, publication, spreading, stages
from handlers.deeds.service import CONSENT_PAPER, CONSENT_WITHDRAWN
from storage.models.deeds import Deed, DeedFile, DeedState, Known, SubjectKind
from storage.models.office import Officer

UNDER_SEVEN = "under_seven"
"""What a consent rests on that the guardian alone could give; told by a sentence of its own."""
LONGEST = 300


class Whose(StrEnum):
    OWN = "own"
    GUARDIAN = "guardian"


class Age(StrEnum):
    GROWN = "grown"
    """Sixteen or more."""
    FROM_SEVEN = "from_seven"
    UNDER_SEVEN = "under_seven"


def may_record(deed: Deed) -> bool:
    return deed.state not in (DeedState.REJECTED, DeedState.WITHDRAWN)


def of(deed: Deed, whose: Whose) -> Known:
    return Known(deed.consent if whose is Whose.OWN else deed.guardian_consent)


async def record(
    session: AsyncSession,
    vault: Vault,
    officer: Officer,
    deed: Deed,
    whose: Whose,
    said: Known,
    rests_on: str,
    file_ids: Sequence[str],
    now: datetime,
    *,
    seen: int,
    age: Age | None = None,
) -> None:
    """Records what was said, and upon what; UNKNOWN takes a refusal back. A person's own yes needs
    their `age`; of who is under seven it is the guardian's. What is published and refused is taken
    down at once. Raises UserError."""
    await stages.hold(session, deed, seen)
    if not may_record(deed):
        raise stages.cannot(deed)
    words = forms.checked_words(rests_on, LONGEST)
    if len(words) < 3:
        raise UserError("deed_consent-needs-ground")
    _refuse_unless_open(deed, whose, said)
    if whose is Whose.OWN and said is Known.YES:
        whose = _of_age(deed, age)
    if whose is Whose.OWN:
        deed.consent, deed.consent_rests_on, deed.consent_at = said, words, now
    else:
        deed.guardian_consent, deed.guardian_rests_on = said, words
        if deed.consent_rests_on == UNDER_SEVEN:
            deed.consent, deed.consent_at = said, now
    session.add_all(
        DeedFile(deed_id=deed.id, file_id=file_id, answers=CONSENT_PAPER, added_at=now)
        for file_id in dict.fromkeys(file_ids)
    )
    actor = f"officer:{officer.id}"
    stages.changed(deed, actor)
    stages.note(session, now, actor, f"consent {whose} {said}", deed.id)
    await session.flush()
    if said is Known.NO and deed.state == DeedState.PUBLISHED:
        await spreading.recall(session, deed, now)
        await publication.take_down(session, vault, deed, actor, CONSENT_WITHDRAWN, now)


def _refuse_unless_open(deed: Deed, whose: Whose, said: Known) -> None:
    """A yes comes after nothing, and a refusal is taken back only where there is one."""
    held = of(deed, whose)
    if said is Known.YES and held is Known.NO:
        raise UserError("deed_consent-refusal-stands")
    if said is Known.UNKNOWN and held is not Known.NO:
        raise UserError("deed_consent-no-refusal")
    if whose is Whose.GUARDIAN and deed.is_child != Known.YES:
        raise UserError("deed_consent-no-child")


def _of_age(deed: Deed, age: Age | None) -> Whose:
    """Whose yes it is. What a reporter said of the age is no ground: the officer says it."""
    if deed.subject_kind != SubjectKind.PERSON:
        return Whose.OWN
    if age is None:
        raise UserError("deeds-child-unknown")
    deed.is_child = Known.NO if age is Age.GROWN else Known.YES
    if age is not Age.UNDER_SEVEN:
        return Whose.OWN
    if deed.guardian_consent == Known.NO:
        raise UserError("deed_consent-refusal-stands")
    deed.consent_rests_on = UNDER_SEVEN
    return Whose.GUARDIAN
