"""Whom we talk with: contacts found by a keyed hash, met for the first time, saved with a turn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.vault import Vault
from storage.models.base import new_id, table
from storage.models.people import Contact as ContactRow
from storage.models.people import Person, new_contact_id
from storage.models.reminders import CalendarFeed


@dataclass
class Contact:
    """Whom a turn talks with: one address on one channel, and the state of the dialogue."""

    id: int
    channel: str
    account: str
    locale: str
    person_id: str
    state: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    offered: list[str] = field(default_factory=list)
    blocked: bool = False
    seen_at: datetime | None = None


@dataclass(frozen=True)
class Stranger:
    channel: str
    account: str
    address: str
    locale: str


def lane(vault: Vault, channel: str, account: str, address: str) -> bytes:
    """The keyed hash by which a contact is found again, and its turns kept in order."""
    return vault.fingerprint("lane", f"{channel}:{account}:{address}")


async def load(session: AsyncSession, lanes: Iterable[bytes]) -> dict[bytes, Contact]:
    """The known contacts among these lanes, held until the commit."""
    rows = await session.execute(
        _CONTACTS.where(_TABLE.c.address_hash.in_(sorted(lanes)))
        .order_by(_TABLE.c.address_hash)
        .with_for_update(key_share=True)
    )
    return {
        row.address_hash: Contact(
            row.id, row.channel, row.account, row.locale, row.person_id, row.state,
            row.data, row.offered, row.blocked, row.seen_at,
        )
        for row in rows
    }  # fmt: skip


async def meet(
    session: AsyncSession, vault: Vault, strangers: Mapping[bytes, Stranger], now: datetime
) -> dict[bytes, Contact]:
    """Makes contacts of strangers; the chat address is sealed with the new person's own key."""
    people, rows, met = [], [], {}
    for lane_hash, stranger in strangers.items():
        person_id, key = new_id(), vault.new_person_key()
        sealed = vault.seal(key, stranger.address, chat_address_place(person_id))
        people.append(
            {"id": person_id, "wrapped_key": key, "chat_address": sealed, "made_at": now}
        )
        contact = Contact(
            new_contact_id(), stranger.channel, stranger.account, stranger.locale, person_id,
            seen_at=now,
        )  # fmt: skip
        rows.append(
            {
                **_saved(contact, now), "id": contact.id, "channel": contact.channel,
                "account": contact.account, "address_hash": lane_hash, "person_id": person_id,
                "made_at": now,
            }
        )  # fmt: skip
        met[lane_hash] = contact
    await session.execute(insert(table(Person)), people)
    await session.execute(insert(_TABLE), rows)
    return met


async def save(session: AsyncSession, contacts: Iterable[Contact], now: datetime) -> None:
    rows = [
        {"b_id": contact.id, **{f"b_{k}": v for k, v in _saved(contact, now).items()}}
        for contact in contacts
    ]
    await session.execute(_SAVE, rows)


async def end_feeds(session: AsyncSession, contact_id: int, now: datetime) -> None:
    """The private calendar of a contact ends: made anew, revoked, or its chat erased."""
    await session.execute(
        update(CalendarFeed)
        .where(CalendarFeed.contact_id == contact_id, CalendarFeed.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def chat_address_place(person_id: str) -> str:
    return f"people.chat_address:{person_id}"


def _saved(contact: Contact, now: datetime) -> dict[str, Any]:
    return {
        "locale": contact.locale,
        "state": contact.state,
        "data": contact.data,
        "offered": contact.offered,
        "blocked": contact.blocked,
        "seen_at": now,
    }


WILLING = ContactRow.opted_out_at.is_(None)
"""A condition for whoever sends something nobody asked for, and for lists of whom to write to."""

_TABLE = table(ContactRow)
_CONTACTS = select(_TABLE)
_SAVE = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("b_id"))
    .values(
        {
            name: bindparam(f"b_{name}")
            for name in ("locale", "state", "data", "offered", "blocked", "seen_at")
        }
    )
)
