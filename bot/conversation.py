"""The turn: one event, one transaction, then the reply. Many turns share one commit.

The inbox table is the queue. A batch of turns runs one after the other in one transaction; a turn
that fails after it wrote undoes the batch, which then runs again without it.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from aiogram import Bot, Dispatcher
from aiogram.dispatcher.event.bases import UNHANDLED
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State
from aiogram.fsm.storage.base import BaseStorage, StateType, StorageKey
from aiogram.types import Update
from aiogram.types.update import UpdateTypeLookupError
from sqlalchemy import Select, bindparam, select, text, tuple_, update
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from bot import contacts
from bot.background import Background, heard
from bot.channels.base import Channel, MediaRefused
from bot.config import Settings
from bot.contacts import Contact
from bot.inbox import Door
from bot.incidents import new_incident
from bot.media import FileStore, Stored
from bot.outbox import Outbox, Owed, owe
from bot.replies import Reply, UserError, reply
from bot.vault import Vault
from storage.db import Database, forget_writes, wrote
from storage.models.base import new_id, table
from storage.models.traffic import InboxEvent, Incident, MessageClass, StoredFile

log = structlog.get_logger()
BATCH = 64
POLL_SECONDS = 0.5
MOST_ATTEMPTS = 5
FETCH_ATTEMPTS = 4
DATABASE_ATTEMPTS = 3
"""After so many the fault is the turn's own: a query no database would take."""


class DialogueState(BaseStorage):
    """aiogram's FSM over the contact's own row: it commits or rolls back with the turn."""

    def __init__(self, contact: Contact) -> None:
        self._contact = contact

    async def set_state(self, key: StorageKey, state: StateType = None) -> None:
        self._contact.state = state.state if isinstance(state, State) else state

    async def get_state(self, key: StorageKey) -> str | None:
        return self._contact.state

    async def set_data(self, key: StorageKey, data: Mapping[str, Any]) -> None:
        self._contact.data = dict(data)

    async def get_data(self, key: StorageKey) -> dict[str, Any]:
        return dict(self._contact.data)

    async def close(self) -> None:
        """Nothing is held open: the row belongs to the turn's transaction."""


@dataclass(frozen=True)
class Event:
    """A row of the inbox, opened."""

    id: int
    channel: str
    account: str
    lane: bytes
    event_id: str
    raw: dict[str, Any]
    files: list[dict[str, Any]]
    received_at: datetime


@dataclass
class Taken:
    """The outcome of a turn: what is owed, and the incident if it failed."""

    event: Event
    contact: Contact
    reply: Reply | None
    incident: Incident | None = None


class _Undo(Exception):
    """A turn failed after it wrote: the whole transaction goes, and this is what it comes to."""

    def __init__(self, event_id: int, verdict: _Verdict) -> None:
        self.event_id, self.verdict = event_id, verdict


@dataclass(frozen=True)
class _Verdict:
    reply: Reply
    incident: Incident | None = None


class Conversation:
    def __init__(
        self,
        db: Database,
        vault: Vault,
        door: Door,
        outbox: Outbox,
        dispatcher: Dispatcher,
        channels: Sequence[Channel],
        bots: Mapping[str, Bot],
        store: FileStore,
        background: Background,
        settings: Settings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._db, self._vault, self._door, self._outbox = db, vault, door, outbox
        self._dispatcher, self._bots, self._store = dispatcher, bots, store
        self._channels = {(c.name, c.account): c for c in channels}
        self._background, self._settings, self._clock = background, settings, clock
        self._fetching: set[int] = set()
        self._shaken: Counter[int] = Counter()
        """How often the database itself failed an event's turn since the last one that worked."""
        self._idle = asyncio.Event()

    async def run(self) -> None:
        """Takes turns for ever; survives whatever the database does."""
        await self._count_unfinished()
        while True:
            try:
                taken = await self.take_turns()
            except Exception as error:  # the top of the loop: it must outlive whatever comes
                log.error("turns wait", error=type(error).__name__)
                await asyncio.sleep(1)
                continue
            if taken < BATCH:
                await self._wait()

    async def settled(self) -> None:
        """Returns when nothing that arrived waits for its turn, but for what is still fetched."""
        while self._door.arrived.is_set() or not self._idle.is_set():
            await self._idle.wait()
            await asyncio.sleep(0)

    async def _wait(self) -> None:
        self._idle.set()
        await heard(self._door.arrived, POLL_SECONDS)
        self._idle.clear()
        self._door.arrived.clear()

    async def take_turns(self) -> int:
        """Takes one batch of waiting events; returns how many were done."""
        verdicts: dict[int, _Verdict] = {}
        while True:
            try:
                async with self._db.transaction() as session:
                    taken = await self._batch(session, verdicts)
                    owed = await self._store_outcomes(session, taken)
                break
            except _Undo as undo:
                verdicts[undo.event_id] = undo.verdict
        self._shaken.clear()
        self._outbox.hand_over(owed)
        for turn in taken:
            if turn.event.raw.get("callback_query"):
                channel = self._channels[turn.event.channel, turn.event.account]
                self._background.start(channel.acknowledge(turn.event.raw), "acknowledge press")
        return len(taken)

    async def _batch(self, session: AsyncSession, verdicts: dict[int, _Verdict]) -> list[Taken]:
        events = await self._claim(session)
        if not events:
            return []
        now = self._clock()
        known = await self._contacts(session, events, now)
        forget_writes(session)
        return [
            await self._take(session, event, known[event.lane], verdicts.get(event.id), now)
            for event in events
        ]

    async def _claim(self, session: AsyncSession) -> list[Event]:
        """The oldest undone events of lanes that nobody else holds, in order."""
        rows, are_all = await self._look(session, _WAITING)
        events = self._runnable(rows)
        if len(events) < len(rows) and not are_all:
            # What cannot run now stands at the head: it must not keep the others out.
            ours = tuple_(InboxEvent.channel, InboxEvent.account).in_(list(self._channels))
            rows, _ = await self._look(session, _WAITING.where(_NOT_WAITING_FOR_FILES, ours))
            events = self._runnable(rows)
        return events

    async def _look(
        self, session: AsyncSession, waiting: Select[Any]
    ) -> tuple[Sequence[Any], bool]:
        """The oldest rows of lanes that nobody else holds, and whether there are no more."""
        rows = (await session.execute(waiting.limit(BATCH))).all()
        are_all = len(rows) < BATCH
        if rows and not self._db.sqlite:
            rows = await self._hold_lanes(session, waiting, [row.lane for row in rows])
        return rows, are_all

    def _runnable(self, rows: Sequence[Any]) -> list[Event]:
        """Without those of other accounts, those without their files yet and those behind."""
        events: list[Event] = []
        held_back: set[bytes] = set()
        for row in rows:
            if (row.channel, row.account) not in self._channels:
                continue
            if not row.ready:
                held_back.add(row.lane)
                self._fetch_soon(row)
            elif row.lane not in held_back:
                events.append(self._open(row))
        return events

    async def _hold_lanes(
        self, session: AsyncSession, waiting: Select[Any], lanes: list[bytes]
    ) -> Sequence[Any]:
        """PostgreSQL: a lane's advisory lock until the commit, then its rows as committed."""
        distinct = sorted(set(lanes))
        keys = [int.from_bytes(lane[:8], signed=True) for lane in distinct]
        held = await session.execute(_TRY_LOCKS, {"keys": keys})
        mine = {distinct[keys.index(row.key)] for row in held if row.held}
        if not mine:
            return []
        ours = waiting.where(InboxEvent.lane.in_(mine)).limit(BATCH)
        rows: Sequence[Any] = (await session.execute(ours)).all()
        return rows

    def _open(self, row: Any) -> Event:
        raw = json.loads(self._vault.unseal_system(row.body, "inbox"))
        return Event(
            row.id, row.channel, row.account, row.lane, row.event_id, raw, row.files,
            row.received_at,
        )  # fmt: skip

    async def _contacts(
        self, session: AsyncSession, events: list[Event], now: datetime
    ) -> dict[bytes, Contact]:
        known = await contacts.load(session, {event.lane for event in events})
        strangers = {}
        for event in events:
            if event.lane not in known:
                channel = self._channels[event.channel, event.account]
                strangers[event.lane] = contacts.Stranger(
                    event.channel,
                    event.account,
                    channel.address(event.raw),
                    channel.language(event.raw) or self._settings.default_locale,
                )
        if strangers:
            known |= await contacts.meet(session, self._vault, strangers, now)
        return known

    async def _take(
        self,
        session: AsyncSession,
        event: Event,
        contact: Contact,
        verdict: _Verdict | None,
        now: datetime,
    ) -> Taken:
        if verdict:
            return Taken(event, contact, verdict.reply, verdict.incident)
        before = (contact.state, contact.data, contact.locale, contact.offered)
        try:
            answer = await self._handle(session, event, contact, now)
            if session.new or session.dirty or session.deleted:
                await session.flush()
        except DBAPIError as error:
            if not _is_the_databases_own(error):
                raise _Undo(event.id, self._incident(event, error)) from error
            self._shaken[event.id] += 1
            if self._shaken[event.id] < DATABASE_ATTEMPTS:
                raise
            raise _Undo(event.id, self._incident(event, error)) from error
        except UserError as error:
            outcome = _Verdict(error.reply)
        except Exception as error:  # the top of the turn
            outcome = self._incident(event, error)
        else:
            forget_writes(session)
            return Taken(event, contact, answer)
        if wrote(session) or session.new or session.dirty or session.deleted:
            raise _Undo(event.id, outcome)
        contact.state, contact.data, contact.locale, contact.offered = before
        return Taken(event, contact, outcome.reply, outcome.incident)

    async def _handle(
        self, session: AsyncSession, event: Event, contact: Contact, now: datetime
    ) -> Reply | None:
        channel = self._channels[event.channel, event.account]
        raw = _number_as_press(event.raw, contact) if not channel.caps.max_buttons else event.raw
        bot = self._bots[event.channel]
        state = FSMContext(DialogueState(contact), StorageKey(bot.id, contact.id, contact.id))
        update = channel.update(raw, contact.id)
        if _is_of_a_future_kind(update):
            return None
        if update.message or update.callback_query:
            contact.blocked = False
        answer = await self._dispatcher.feed_update(
            bot,
            update,
            session=session,
            contact=contact,
            state=state,
            raw_state=contact.state,
            now=event.received_at,
            files=event.files,
            vault=self._vault,
            settings=self._settings,
        )
        return None if answer is UNHANDLED else answer

    def _incident(self, event: Event, error: Exception) -> _Verdict:
        incident = new_incident(f"turn:{event.channel}", error, self._clock())
        log.error(
            "turn failed", incident=incident.id, channel=event.channel, error=type(error).__name__
        )
        return _Verdict(reply("common-incident", incident=incident.id), incident)

    async def _store_outcomes(self, session: AsyncSession, taken: list[Taken]) -> list[Owed]:
        if not taken:
            return []
        now = self._clock()
        owed = []
        for turn in taken:
            channel = self._channels[turn.event.channel, turn.event.account]
            if turn.incident:
                session.add(turn.incident)
            if turn.reply:
                turn.contact.offered = _offered(turn.reply)
            for one in _in_order(turn.reply):
                owed.append(
                    Owed(
                        contact_id=turn.contact.id,
                        channel=channel,
                        address=channel.address(turn.event.raw),
                        locale=turn.contact.locale,
                        reply=one,
                        kind=MessageClass.REPLY,
                        edits=channel.pressed_message(turn.event.raw) if one.replaces else None,
                        dedupe_key=f"once:{turn.contact.id}:{one.once}" if one.once else None,
                    )
                )
        owed = await owe(session, self._db, self._vault, owed, now)
        await contacts.save(
            session, {turn.contact.id: turn.contact for turn in taken}.values(), now
        )
        await session.execute(
            _DONE,
            [
                {
                    "b_id": t.event.id,
                    "b_incident": t.incident.id if t.incident else None,
                    "b_now": now,
                }
                for t in taken
            ],
        )
        return owed

    # Files are fetched before the turn and outside any transaction.

    def _fetch_soon(self, row: Any) -> None:
        if row.id not in self._fetching:
            self._fetching.add(row.id)
            self._background.start(self._fetch(self._open(row)), "fetch files")

    async def _fetch(self, event: Event) -> None:
        channel = self._channels[event.channel, event.account]
        taken: list[Stored | MediaRefused] = [MediaRefused("media-unavailable", {})]
        try:
            for attempt in range(FETCH_ATTEMPTS):
                try:
                    taken = await channel.fetch(event.raw, self._store)
                    break
                except OSError:
                    await asyncio.sleep(2**attempt)
                except Exception as error:  # the top of the fetch: its lane waits for an end
                    log.error("a file could not be taken in", error=type(error).__name__)
                    break
            await self._keep(event, taken)
        finally:
            self._fetching.discard(event.id)

    async def _keep(self, event: Event, taken: list[Stored | MediaRefused]) -> None:
        now = self._clock()
        async with self._db.transaction() as session:
            files = keep_files(session, taken, now)
            await session.flush()
            await session.execute(
                update(InboxEvent).where(InboxEvent.id == event.id).values(ready=True, files=files)
            )
        self._door.arrived.set()

    async def _count_unfinished(self) -> None:
        """After an unclean stop: an event that stood first at five starts is set aside."""
        async with self._db.transaction() as session:
            undone = InboxEvent.done_at.is_(None)
            first = select(InboxEvent.id).where(undone).order_by(InboxEvent.id).limit(BATCH)
            await session.execute(
                update(InboxEvent)
                .where(InboxEvent.id.in_(first))
                .values(attempts=InboxEvent.attempts + 1)
            )
            poison = undone & (InboxEvent.attempts > MOST_ATTEMPTS)
            old = InboxEvent.received_at < self._clock() - timedelta(minutes=10)
            rows = (
                (await session.execute(select(InboxEvent.id).where(poison & old))).scalars().all()
            )
            for event_id in rows:
                incident = new_incident(
                    "turn:poison", RuntimeError("left undone by five starts"), self._clock()
                )
                session.add(incident)
                await session.execute(
                    _DONE, [{"b_id": event_id, "b_incident": incident.id, "b_now": self._clock()}]
                )


_ITS_OWN = ("08", "40", "53", "57")
"""SQLSTATE classes that are no fault of a turn: connection, rollback, resources, operator."""


def _is_the_databases_own(error: DBAPIError) -> bool:
    """Worth trying again: a deadlock, a lost connection, a full disk; not a broken constraint."""
    state = str(getattr(error.orig, "sqlstate", None) or "")
    own = isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated
    return own or state.startswith(_ITS_OWN)


def keep_files(
    session: AsyncSession, taken: Sequence[Stored | MediaRefused], now: datetime
) -> list[dict[str, Any]]:
    """Rows for the files taken in; a turn sees of each {id, kind, name} or {refused, args}."""
    files: list[dict[str, Any]] = []
    for one in taken:
        if isinstance(one, MediaRefused):
            files.append({"refused": one.key, "args": dict(one.args)})
            continue
        row = StoredFile(
            id=new_id(), sha256=one.sha256, original_sha256=one.original_sha256, size=one.size,
            mime=one.mime, kind=one.kind, name=one.name, taken_at=now,
        )  # fmt: skip
        session.add(row)
        files.append({"id": row.id, "kind": one.kind, "name": one.name})
    return files


_WAITING = (
    select(
        InboxEvent.id, InboxEvent.channel, InboxEvent.account, InboxEvent.lane,
        InboxEvent.event_id, InboxEvent.body, InboxEvent.ready, InboxEvent.files,
        InboxEvent.received_at,
    )
    .where(InboxEvent.done_at.is_(None))
    .order_by(InboxEvent.id)
)  # fmt: skip

_INBOX = table(InboxEvent)
_EARLIER = _INBOX.alias()
_NOT_WAITING_FOR_FILES = (
    InboxEvent.ready
    & ~select(_EARLIER.c.id)
    .where(
        _EARLIER.c.lane == InboxEvent.lane,
        _EARLIER.c.id < InboxEvent.id,
        _EARLIER.c.done_at.is_(None),
        ~_EARLIER.c.ready,
    )
    .exists()
)
_TRY_LOCKS = text(
    "SELECT key, pg_try_advisory_xact_lock(key) AS held"
    " FROM unnest(CAST(:keys AS bigint[])) AS key"
)
_DONE = (
    update(_INBOX)
    .where(_INBOX.c.id == bindparam("b_id"))
    .values(done_at=bindparam("b_now"), body=None, files=[], incident_id=bindparam("b_incident"))
)


def _is_of_a_future_kind(update: Update) -> bool:
    """aiogram would print such an update whole, with the person's words."""
    try:
        return not update.event_type
    except UpdateTypeLookupError:
        return True


def _in_order(answer: Reply | None) -> list[Reply]:
    if answer is None:
        return []
    return [replace(answer, then=())] + [
        part for later in answer.then for part in _in_order(later)
    ]


def _offered(answer: Reply) -> list[str]:
    """What a typed number stands for: the presses of the last message that has any."""
    for part in reversed(_in_order(answer)):
        presses = [choice.press for row in part.choices for choice in row if choice.press]
        if presses:
            return presses
    return []


def _number_as_press(raw: dict[str, Any], contact: Contact) -> dict[str, Any]:
    """On a channel without buttons "2" is a press of the second choice offered last."""
    typed = str(raw.get("text", "")).strip()
    if typed.isdecimal() and 1 <= int(typed) <= len(contact.offered):
        return {**raw, "text": None, "press": contact.offered[int(typed) - 1]}
    return raw
