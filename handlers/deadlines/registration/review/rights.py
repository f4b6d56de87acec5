"""Which officer acts, asked of the row each time; and who may not decide on their own unit."""

from __future__ import annotations

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from bot.replies import UserError
from storage.models.office import Officer, Role
from storage.models.units import Member, MemberAddress


async def acting(session: AsyncSession, contact_id: int) -> Officer | None:
    """The row by which this contact decides; None for everybody else, and for one let go."""
    found: Officer | None = await session.scalar(
        select(Officer)
        .where(
            Officer.contact_id == contact_id,
            Officer.role == Role.OFFICER,
            Officer.revoked_at.is_(None),
        )
        .limit(1)
    )
    return found


def actor(officer: Officer) -> str:
    return f"officer:{officer.id}"


def _belongs(contact_id: InstrumentedAttribute[int], unit_id: str) -> ColumnElement[bool]:
    return exists().where(
        MemberAddress.contact_id == contact_id,
        MemberAddress.member_id == Member.id,
        Member.unit_id == unit_id,
        Member.left_at.is_(None),
    )


async def refuse_own_unit(session: AsyncSession, officer: Officer, unit_id: str) -> None:
    """Nobody decides on their own unit where the office has somebody else. Raises UserError."""
    serving = (
        Officer.office_id == officer.office_id,
        Officer.role == Role.OFFICER,
        Officer.revoked_at.is_(None),
    )
    mine = select(Officer.id).where(
        Officer.id == officer.id, _belongs(Officer.contact_id, unit_id)
    )
    if await session.scalar(mine) is None:
        return
    other = select(Officer.id).where(
        *serving, Officer.contact_id != officer.contact_id, ~_belongs(Officer.contact_id, unit_id)
    )
    if await session.scalar(other.limit(1)) is not None:
        raise UserError("registration_review-own-unit")
