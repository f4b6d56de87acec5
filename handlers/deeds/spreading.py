"""An exemplar goes on: posted to the office's Telegram channel, and made ready for its Zalo OA."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts, outbox
from bot.channels.telegram_door import NAME as TELEGRAM
from bot.contacts import Stranger
from bot.replies import Picture, Reply, link
from bot.vault import Vault
from handlers.deeds import cards
from handlers.deeds.publication import Words
from storage.models.deeds import Deed, DeedField
from storage.models.office import Office
from storage.models.traffic import OutboxMessage, OutboxState

_SENDING = (OutboxState.QUEUED, OutboxState.SENDING, OutboxState.IN_DOUBT)


async def words_to_share(session: AsyncSession, deed: Deed, words: Words, page: str) -> Reply:
    """Title, introduction, office and address, under the card; in Vietnamese whoever asks."""
    office = await session.get_one(Office, deed.office_id)
    field = await session.get(DeedField, deed.field_code) if deed.field_code else None
    drawing = cards.describe("vi", deed, words, field, office)
    told = {"title": words.title, "lead": words.lead, "office": office.name, "page": page}
    return Reply(
        "exemplar-share", told, locale="vi",
        picture=Picture("drawing", drawing, "exemplar-card-alt"),
    )  # fmt: skip


async def post(
    session: AsyncSession, vault: Vault, deed: Deed, words: Words, page: str, account: str,
    now: datetime,
) -> str:  # fmt: skip
    """Owes it to the channel of the office, once for each time it comes out; returns the channel,
    "" where there is none. `account` is that of the Telegram bot, "" without one."""
    office = await session.get_one(Office, deed.office_id)
    if not office.telegram_channel or not account:
        return ""
    message = await words_to_share(session, deed, words, page)
    message = replace(message, choices=()).offering(link("exemplar-read-button", page))
    contact_id = await _channel(session, vault, account, office.telegram_channel, now)
    key = _key(deed)
    outbox.tell(session, vault, contact_id, message, due_at=now, dedupe_key=key)
    return office.telegram_channel


async def _channel(
    session: AsyncSession, vault: Vault, account: str, address: str, now: datetime
) -> int:
    """The channel as somebody written to: known by its address, made at the first post."""
    lane = contacts.lane(vault, TELEGRAM, account, address)
    known = await contacts.load(session, [lane])
    if lane not in known:
        stranger = Stranger(TELEGRAM, account, address, "vi")
        known = await contacts.meet(session, vault, {lane: stranger}, now)
    return known[lane].id


async def posted(session: AsyncSession, deed: Deed) -> str:
    """`none`, `waiting`, `sent` or `failed`."""
    state = await session.scalar(
        select(OutboxMessage.state).where(OutboxMessage.dedupe_key == f"{_key(deed)}:0")
    )
    if state is None:
        return "none"
    if state == OutboxState.SENT:
        return "sent"
    return "waiting" if state in _SENDING else "failed"


async def recall(session: AsyncSession, deed: Deed, now: datetime) -> None:
    """What waits to be posted is not posted any more."""
    await outbox.withdraw(session, OutboxMessage.dedupe_key == f"{_key(deed)}:0", now)


def _key(deed: Deed) -> str:
    """Of this time it is out: what came back after it was taken down is posted anew."""
    at = deed.shown_at.timestamp() if deed.shown_at else 0
    return f"deed-channel:{deed.id}:{at:.0f}"
