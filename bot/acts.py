"""The log of acts: who did what to what, when, and why."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from storage.models.office import Act

LONGEST_REASON = 1000
"""Characters that the column holds."""


def note(
    session: AsyncSession,
    now: datetime,
    actor: str,
    verb: str,
    kind: str,
    object_id: str,
    reason: str = "",
) -> None:
    """One line, which nobody changes afterwards; what is longer than LONGEST_REASON is cut.

    `actor` is `officer:<id>`, `member:<id>`, `citizen`, `command` or `clock`; `kind` and
    `object_id` say what was acted on, and may outlive it.
    """
    session.add(
        Act(
            at=now, actor=actor, verb=verb, object_kind=kind, object_id=object_id,
            reason=reason[:LONGEST_REASON],
        )
    )  # fmt: skip
