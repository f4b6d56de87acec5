"""In which field and groups of people a deed is counted: the teller's ticks are only a beginning.

Who is praised is counted by them, so an officer sets them right, and each change is an act.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.replies import UserError
from handlers.deeds import forms, stages
from handlers.deeds.forms import Option
from storage.models.deeds import Deed, DeedGroup, DeedInGroup, DeedState
from storage.models.office import Officer


def may_sort(deed: Deed) -> bool:
    return deed.state not in (DeedState.REJECTED, DeedState.WITHDRAWN)


async def groups_of(session: AsyncSession, deed: Deed) -> Sequence[DeedGroup]:
    found = await session.scalars(
        select(DeedGroup)
        .join(DeedInGroup, DeedInGroup.group_code == DeedGroup.code)
        .where(DeedInGroup.deed_id == deed.id)
        .order_by(DeedGroup.code)
    )
    return found.all()


async def set_field(
    session: AsyncSession, officer: Officer, deed: Deed, code: str, now: datetime, *, seen: int
) -> None:
    """Raises UserError."""
    await _begin(session, deed, seen)
    _known((await forms.form_of(session)).fields, code)
    before, deed.field_code = deed.field_code or "", code
    _end(session, officer, deed, f"field {before} -> {code}", now)


async def toggle_group(
    session: AsyncSession, officer: Officer, deed: Deed, code: str, now: datetime, *, seen: int
) -> None:
    """Puts it into a group, or takes it out. Raises UserError."""
    await _begin(session, deed, seen)
    _known((await forms.form_of(session)).groups, code)
    row = await session.get(DeedInGroup, (deed.id, code))
    if row is None:
        session.add(DeedInGroup(deed_id=deed.id, group_code=code, shown_at=deed.shown_at))
    else:
        await session.delete(row)
    _end(session, officer, deed, f"group {'-' if row else '+'}{code}", now)
    await session.flush()


async def _begin(session: AsyncSession, deed: Deed, seen: int) -> None:
    await stages.hold(session, deed, seen)
    if not may_sort(deed):
        raise stages.cannot(deed)


def _known(options: Sequence[Option], code: str) -> None:
    if code not in [one.code for one in options]:
        raise UserError("deed_sorting-gone")


def _end(session: AsyncSession, officer: Officer, deed: Deed, what: str, now: datetime) -> None:
    actor = f"officer:{officer.id}"
    stages.changed(deed, actor)
    stages.note(session, now, actor, "sort", deed.id, what)
