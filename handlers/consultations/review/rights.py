"""Who may act, asked of the officer's row each time, and who stands aside."""

from __future__ import annotations

from sqlalchemy import ColumnElement, exists, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from bot.replies import UserError
from storage.models.office import Act, Officer, Role

INVOLVED = "declare involvement"


async def acting(session: AsyncSession, contact_id: int, *roles: Role) -> Officer | None:
    """The row by which this contact may act in one of these roles; None for everybody else."""
    found: Officer | None = await session.scalar(
        select(Officer)
        .where(
            Officer.contact_id == contact_id,
            Officer.revoked_at.is_(None),
            Officer.role.in_(roles),
        )
        .order_by(Officer.joined_at)
        .limit(1)
    )
    return found


def actor(officer: Officer) -> str:
    return f"officer:{officer.id}"


def require(officer: Officer, *roles: Role) -> None:
    """Raises UserError for a role that may not do this, and for one let go."""
    if officer.revoked_at is not None or officer.role not in roles:
        raise UserError("review-officers-only")


def is_involved(
    officer: Officer, candidate_id: InstrumentedAttribute[str] | str
) -> ColumnElement[bool]:
    """Declared by whoever holds this contact, under this row or an earlier one."""
    mine = select(literal("officer:") + Officer.id).where(Officer.contact_id == officer.contact_id)
    return exists().where(Act.object_id == candidate_id, Act.verb == INVOLVED, Act.actor.in_(mine))


async def others(session: AsyncSession, officer: Officer, candidate_id: str) -> list[Officer]:
    """Colleagues who may handle this candidate's opinions."""
    found = await session.scalars(
        select(Officer).where(
            Officer.office_id == officer.office_id,
            Officer.role == Role.OFFICER,
            Officer.revoked_at.is_(None),
            Officer.contact_id != officer.contact_id,
        )
    )
    return [
        one
        for one in found.all()
        if not await session.scalar(select(is_involved(one, candidate_id)))
    ]
