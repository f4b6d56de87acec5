"""The office as the bearer of its own dates: a unit made when it is first needed."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models.base import new_id
from storage.models.office import Office
from storage.models.units import Unit, UnitKind


async def ensure(session: AsyncSession, office_id: str) -> Unit:
    """The office's row is held meanwhile, so that two workers do not make two."""
    found = await _find(session, office_id)
    if found is not None:
        return found
    office = await session.get_one(Office, office_id, with_for_update={"key_share": True})
    found = await _find(session, office_id)
    if found is None:
        found = Unit(
            id=new_id(), office_id=office_id, name=office.name, kind=UnitKind.OFFICE,
            code=await _free_code(session, office), aliases=[],
        )  # fmt: skip
        session.add(found)
        await session.flush()
    return found


async def _find(session: AsyncSession, office_id: str) -> Unit | None:
    found: Unit | None = await session.scalar(
        select(Unit)
        .where(Unit.office_id == office_id, Unit.kind == UnitKind.OFFICE, Unit.closed_at.is_(None))
        .order_by(Unit.code)
        .limit(1)
    )
    return found


async def _free_code(session: AsyncSession, office: Office) -> str:
    taken = set(await session.scalars(select(Unit.code).where(Unit.office_id == office.id)))
    wanted = office.code
    number = 1
    while wanted in taken:
        number += 1
        wanted = f"{office.code[:28]}-{number}"
    return wanted
