"""The people a list of units names, invited all at once; who came or was invited is left alone."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import local_day
from bot.text import plain
from bot.vault import Vault
from handlers.deadlines.units import invitations
from handlers.deadlines.units.papers.draft import Draft
from handlers.deadlines.units.papers.template import Invited
from storage.models.office import Office
from storage.models.units import Unit, UnitInvitation


def named_in(draft: Draft) -> int:
    """How many people the file names."""
    return sum(len(row.people) for row in draft.rows)


async def invite_named(
    session: AsyncSession,
    vault: Vault,
    draft: Draft,
    office: Office,
    links: str,
    now: datetime,
    *,
    actor: str = "command",
) -> list[Invited]:
    """Invitations for those who have none that is open or was used. Raises UserError."""
    units = await _units(session, office)
    known = await _known(session, now)
    until = local_day(now + timedelta(days=invitations.LASTS_DAYS))
    made = []
    for row in draft.rows:
        unit = units.get(row.code or f"name:{plain(row.name)}")
        if unit is None or unit.closed_at is not None:
            continue
        for rank, name in row.people:
            if (unit.id, plain(name)) in known:
                continue
            known.add((unit.id, plain(name)))
            code = await invitations.invite(session, vault, unit, rank, name, actor, now)
            way = await invitations.ways(session, links, code)
            made.append(
                Invited(unit.code, unit.name, rank, name, code, way.web, way.telegram, until)
            )
    return made


async def _units(session: AsyncSession, office: Office) -> dict[str, Unit]:
    found = await session.scalars(select(Unit).where(Unit.office_id == office.id))
    units: dict[str, Unit] = {}
    for unit in found:
        units[unit.code] = unit
        units.setdefault(f"name:{plain(unit.name)}", unit)
    return units


async def _known(session: AsyncSession, now: datetime) -> set[tuple[str, str]]:
    open_or_used = or_(
        UnitInvitation.used_at.is_not(None),
        UnitInvitation.revoked_at.is_(None) & (UnitInvitation.expires_at > now),
    )
    found = await session.execute(
        select(UnitInvitation.unit_id, UnitInvitation.name).where(open_or_used)
    )
    return {(unit_id, plain(name)) for unit_id, name in found}
