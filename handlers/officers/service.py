"""How staff are let in and let go: single-use invitations, one row per role, nothing by name."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts
from bot.contacts import Contact
from bot.limits import Limit
from bot.replies import UserError
from bot.vault import Vault
from storage.models.base import new_id
from storage.models.office import Invitation, Office, Officer, Role

WRONG_INVITATIONS = Limit("invitation", 10, minutes=60)
"""Per contact. The chat counts a miss itself, because a UserError would undo the count."""
LONGEST_NAME = 120
CODE_BYTES = 16


def invite(
    session: AsyncSession,
    vault: Vault,
    office_id: str,
    role: Role,
    name: str,
    now: datetime,
    days: int = 7,
) -> str:
    """Makes an invitation and returns its code, in clear for the only time.

    Raises UserError when the name is empty or too long.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME:
        raise UserError("officers-name-needed", longest=LONGEST_NAME)
    code = secrets.token_urlsafe(CODE_BYTES)
    row = Invitation(
        id=new_id(), office_id=office_id, role=role, name=name, made_at=now,
        fingerprint=vault.fingerprint("invitation", code), expires_at=now + timedelta(days=days),
    )  # fmt: skip
    session.add(row)
    acts.note(session, now, "command", "invite", "invitation", row.id)
    return code


async def join(
    session: AsyncSession, vault: Vault, code: str, contact: Contact, now: datetime
) -> Officer:
    """Spends an invitation. The one who spent it may open its link again; nobody else may.

    Raises UserError, and always the same, for a code unknown, used, or out of date; another for
    somebody who already works in another office. Writes nothing before it raises.
    """
    invitation = await session.scalar(
        select(Invitation)
        .where(Invitation.fingerprint == vault.fingerprint("invitation", code))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if invitation is None:
        raise UserError("officers-invitation-useless")
    working = await officers_of(session, contact.id)
    same = [o for o in working if (o.office_id, o.role) == (invitation.office_id, invitation.role)]
    if invitation.used_at is not None and same:
        return same[0]
    if invitation.used_at is not None or invitation.expires_at <= now:
        raise UserError("officers-invitation-useless")
    if any(o.office_id != invitation.office_id for o in working):
        raise UserError("officers-works-elsewhere")
    invitation.used_at = now
    return same[0] if same else _take_on(session, invitation, contact, now)


def _take_on(
    session: AsyncSession, invitation: Invitation, contact: Contact, now: datetime
) -> Officer:
    officer = Officer(
        id=new_id(), office_id=invitation.office_id, contact_id=contact.id,
        role=invitation.role, name=invitation.name, joined_at=now,
    )  # fmt: skip
    session.add(officer)
    acts.note(session, now, f"officer:{officer.id}", "join", "officer", officer.id)
    return officer


async def officers_of(session: AsyncSession, contact_id: int) -> Sequence[Officer]:
    """Everything this contact works as, now: at most one row for each role, all of one office."""
    found = await session.scalars(
        select(Officer)
        .where(Officer.contact_id == contact_id, Officer.revoked_at.is_(None))
        .order_by(Officer.joined_at)
    )
    return found.all()


async def officer_of(
    session: AsyncSession, contact_id: int, role: Role | None = None
) -> Officer | None:
    """None once revoked, and for everybody who never joined."""
    working = await officers_of(session, contact_id)
    return next((o for o in working if role in (None, o.role)), None)


async def office_name(session: AsyncSession, officer: Officer) -> str:
    return (await session.get_one(Office, officer.office_id)).name


async def leave(session: AsyncSession, contact_id: int, now: datetime) -> int:
    """Ends all that this contact works as; returns how many rows that were."""
    working = await officers_of(session, contact_id)
    for officer in working:
        revoke(session, officer, f"officer:{officer.id}", now)
    return len(working)


def revoke(
    session: AsyncSession, officer: Officer, actor: str, now: datetime, reason: str = ""
) -> None:
    """Holds from the next press on: every act asks the row again. The row itself stays."""
    officer.revoked_at = now
    acts.note(session, now, actor, "revoke", "officer", officer.id, reason)
