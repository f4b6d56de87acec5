"""How what nobody waits for goes out: at its pace, once, and what is in doubt is asked after."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs

from bot import budget, contacts, doubts
from bot.background import Background
from bot.channels.base import Channel, compose
from bot.channels.telegram import Telegram
from bot.channels.webchat import NAME as WEBCHAT
from bot.channels.webchat import WebChat
from bot.chat_lines import Bell
from bot.clock import VIETNAM
from bot.contacts import Stranger
from bot.media import FileStore
from bot.outbox import Feeder, Guard, Outbox, Owed, owe, tell, withdraw
from bot.replies import Choice, Reply
from bot.vault import Vault
from storage.db import Database
from storage.models.people import Contact
from storage.models.traffic import InboxEvent, MessageClass, OutboxMessage, OutboxState
from tests.telegram.faults import Fault
from tests.telegram.server import TOKEN, TelegramServer

VAULT = Vault("a secret of the tests, long enough to be one")
ACCOUNT = TOKEN.partition(":")[0]
FIRST = 6_100_000_001
QUIET = timedelta(seconds=0.3)
O = OutboxMessage  # noqa: E741


def words(number: int) -> Reply:
    """A reminder with buttons of its own; any sentence will do."""
    done = Choice("Đã xong", press=f"rm:{number}:done", literal=True)
    return Reply("start-language-set").offering(done)


@dataclass
class Stage:
    """People of a Bot API server whom the outbox under test knows as contacts."""

    db: Database
    server: TelegramServer
    folder: Path
    people: dict[int, int] = field(default_factory=dict)
    """Telegram's id → ours."""
    running: list[Background] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def meets(self, count: int) -> list[int]:
        """So many people who have written to the bot; their contacts."""
        chats = range(FIRST, FIRST + count)
        strangers = {}
        for chat in chats:
            await self.server.person(chat).says("/start")
            lane = contacts.lane(VAULT, "telegram", ACCOUNT, str(chat))
            strangers[lane] = Stranger("telegram", ACCOUNT, str(chat), "vi")
        async with self.db.transaction() as session:
            met = await contacts.meet(session, VAULT, strangers, self.now())
            # They never sleep: a test must not depend on the hour at which it runs.
            never = {"quiet_from": datetime.min.time(), "quiet_until": datetime.min.time()}
            await session.execute(update(Contact).values(**never))
            session.add(self._last_heard())
        self.people = dict(zip(chats, (one.id for one in met.values()), strict=True))
        return list(self.people.values())

    def _last_heard(self) -> InboxEvent:
        """As the door stores it: an id that is known."""
        return InboxEvent(
            channel="telegram", account=ACCOUNT, event_id="1", lane=b"", received_at=self.now(),
            done_at=self.now(), place=self.server.world.last_message_id,
        )  # fmt: skip

    async def owes(self, kind: MessageClass, contact_ids: Sequence[int], **given: Any) -> None:
        async with self.db.transaction() as session:
            for number, contact_id in enumerate(contact_ids):
                tell(
                    session, VAULT, contact_id, words(number), kind=kind,
                    due_at=self.now() - timedelta(seconds=1),
                )  # fmt: skip
            await session.flush()
            if given:
                await session.execute(update(O).values(**given))

    def outbox(self, *feeders: Feeder, rate: float = 100, guards: Sequence[Guard] = ()) -> Outbox:
        background = Background()
        self.running.append(background)
        telegram = Telegram(TOKEN, self.server.url)
        channels: list[Channel] = [telegram, WebChat(self.db, VAULT, Bell())]
        store = FileStore(self.folder)
        return Outbox(
            self.db, VAULT, channels, store, background, rate, self.now, feeders, QUIET, guards
        )

    @asynccontextmanager
    async def sending(
        self, *feeders: Feeder, rate: float = 100, guards: Sequence[Guard] = ()
    ) -> AsyncIterator[Outbox]:
        """As a process that sends until the block ends, and then stops in good order."""
        outbox = self.outbox(*feeders, rate=rate, guards=guards)
        background = self.running[-1]
        background.start(outbox.run(), "outbox")
        yield outbox
        await background.stop()
        for channel in outbox._channels.values():
            if isinstance(channel, Telegram):
                await channel.close()

    async def all_are(self, *states: OutboxState, within: float = 20) -> list[OutboxMessage]:
        """The rows, once each is in one of these states."""
        async with asyncio.timeout(within):
            while True:
                async with self.db.reading() as session:
                    rows = list(await session.scalars(select(O).order_by(O.id)))
                if rows and all(row.state in states for row in rows):
                    return rows
                await asyncio.sleep(0.05)

    async def has_due(self, at: datetime, within: float = 10) -> None:
        """Returns once the only row waits until then."""
        async with asyncio.timeout(within):
            while True:
                async with self.db.reading() as session:
                    row = (await session.scalars(select(O))).one()
                if (row.state, row.due_at) == (OutboxState.QUEUED, at):
                    return
                await asyncio.sleep(0.05)

    def shows_more_than(self, chat: int, before: int) -> bool:
        return self.got()[chat] > before

    def got(self) -> Counter[int]:
        """How often each chat shows a message of the bot now."""
        screens = self.server.screens()
        return Counter({chat: sum(m.from_bot for m in shown) for chat, shown in screens.items()})


async def until(holds: Callable[[], bool], within: float = 10) -> None:
    async with asyncio.timeout(within):
        while True:
            if holds():
                return
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doubts, "PATIENCE", timedelta(seconds=0.3))
    monkeypatch.setattr(doubts, "AGAIN", timedelta(seconds=0.1))


async def _stage(url: str, folder: Path, per_second: int | None = None) -> AsyncIterator[Stage]:
    db = Database(url)
    async with TelegramServer(TOKEN, per_second=per_second) as server:
        made = Stage(db, server, folder)
        yield made
        for background in made.running:
            await background.stop()
    await db.close()


@pytest.fixture
async def lite(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async for made in _stage(sqlite_url, tmp_path):
        yield made


@pytest.fixture
async def both(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """On either database."""
    async for made in _stage(database_url, tmp_path):
        yield made


@pytest.fixture
async def strict(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """A Telegram that refuses the 31st message within a second."""
    async for made in _stage(sqlite_url, tmp_path, per_second=30):
        yield made


# Pace


async def answers(stage: Stage, outbox: Outbox, contact_id: int, count: int) -> list[float]:
    """Five a second, each owed to one who waits; how long each took."""
    channel = outbox._channels["telegram", ACCOUNT]
    chat = next(chat for chat, one in stage.people.items() if one == contact_id)
    waited = []
    for _ in range(count):
        started, before = time.monotonic(), stage.got()[chat]
        one = Owed(contact_id, channel, str(chat), "vi", Reply("start-language-set"),
                   MessageClass.REPLY)  # fmt: skip
        async with stage.db.transaction() as session:
            owed = await owe(session, stage.db, VAULT, [one], stage.now())
        outbox.hand_over(owed)
        await until(partial(stage.shows_more_than, chat, before))
        waited.append(time.monotonic() - started)
        await asyncio.sleep(max(0.0, 0.2 - waited[-1]))
    return waited


async def test_reminders_and_answers_together_stay_within_the_limit(strict: Stage) -> None:
    *told, talker = await strict.meets(101)
    await strict.owes(MessageClass.REMINDER, told)
    async with strict.sending(rate=25) as outbox:
        started = time.monotonic()
        waited = await answers(strict, outbox, talker, 18)
        await strict.all_are(OutboxState.SENT)
        took = time.monotonic() - started
    assert [call.error for call in strict.server.calls if call.error] == []
    assert max(waited) < 1
    assert 100 / 25 - 0.6 < took < 100 / 25 * 1.4


async def test_no_more_is_claimed_than_may_go_soon(lite: Stage) -> None:
    await lite.owes(MessageClass.NOTICE, await lite.meets(40))
    outbox = lite.outbox(rate=10)
    started = time.monotonic()
    claimed = await outbox.send_due()
    assert 1 <= claimed <= 10 * budget.AHEAD + 1
    async with lite.db.reading() as session:
        taken = select(func.count()).where(O.state != OutboxState.QUEUED)
        assert await session.scalar(taken) == claimed
    claimed += await outbox.send_due()
    passed = time.monotonic() - started  # on a busy machine long enough for one more
    assert claimed <= 10 * (budget.AHEAD + passed) + 1


async def test_two_workers_send_each_message_once_and_share_the_pace(both: Stage) -> None:
    await both.owes(MessageClass.NOTICE, await both.meets(60))
    async with both.sending(rate=25), both.sending(rate=25):
        started = time.monotonic()
        await both.all_are(OutboxState.SENT)
        took = time.monotonic() - started
    assert set(both.got().values()) == {1}
    assert took > 60 / 25 - budget.AHEAD - budget.BEHIND


async def test_one_whose_lane_is_stuck_holds_up_nobody_else(lite: Stage) -> None:
    people = await lite.meets(12)
    await lite.owes(MessageClass.NOTICE, [people[0]] * 30 + people[1:])
    lite.server.faults.retry_after = 5
    lite.server.faults.next("flood")
    async with lite.sending() as outbox:
        outbox._accounts["telegram", ACCOUNT].window.close = lambda seconds: None  # type: ignore[method-assign]
        await until(lambda: sum(lite.got().values()) >= 11, within=4)


async def test_a_contacts_messages_keep_their_order_when_one_is_put_off(lite: Stage) -> None:
    (contact,) = await lite.meets(1)
    await lite.owes(MessageClass.NOTICE, [contact] * 3)
    lite.server.faults.retry_after = 21
    lite.server.faults.next("flood")
    async with lite.sending():
        async with asyncio.timeout(10):
            while True:
                async with lite.db.reading() as session:
                    due = list(await session.scalars(select(O.due_at).order_by(O.id)))
                if min(due) > lite.now() + timedelta(seconds=10):
                    break
                await asyncio.sleep(0.05)
    assert due == sorted(due)
    assert not sum(lite.got().values())


async def test_a_notice_of_an_outage_waits_for_the_morning_and_an_urgent_one_does_not(
    both: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asleep, awake = await both.meets(2)
    night = datetime(2027, 3, 1, 2, tzinfo=VIETNAM)
    monkeypatch.setattr(both, "now", lambda: night)
    async with both.db.transaction() as session:
        sleeper = await session.get_one(Contact, asleep)
        sleeper.quiet_from = sleeper.quiet_until = None
    await both.owes(MessageClass.NOTICE, [asleep, awake])
    await both.owes(MessageClass.URGENT, [asleep], due_at=night - timedelta(hours=3))
    async with both.sending():
        await until(lambda: sum(both.got().values()) == 2)
        rows = await both.all_are(OutboxState.SENT, OutboxState.QUEUED)
    assert [row.state for row in rows] == [OutboxState.QUEUED, OutboxState.SENT, OutboxState.SENT]
    assert rows[0].due_at == night.replace(hour=7)
    morning = night.replace(hour=7, minute=1)
    monkeypatch.setattr(both, "now", lambda: morning)
    async with both.sending():
        await both.all_are(OutboxState.SENT)


async def test_a_notice_that_could_not_be_sent_is_not_sent_at_night_either(
    lite: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lite.meets(1)
    async with lite.db.transaction() as session:
        await session.execute(update(Contact).values(quiet_from=None, quiet_until=None))
    evening = datetime(2027, 3, 1, 20, 59, 50, tzinfo=VIETNAM)
    monkeypatch.setattr(lite, "now", lambda: evening)
    await lite.owes(MessageClass.NOTICE, list(lite.people.values()))
    lite.server.faults.retry_after = 21
    lite.server.faults.next("flood")
    async with lite.sending():
        await lite.has_due(evening + timedelta(seconds=21))
    night = evening + timedelta(minutes=1)
    monkeypatch.setattr(lite, "now", lambda: night)
    async with lite.sending():
        await lite.has_due(datetime(2027, 3, 2, 7, tzinfo=VIETNAM))
    assert not sum(lite.got().values())


async def test_a_line_that_is_down_for_long_loses_nothing(
    lite: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.outbox.sending.MOST_ATTEMPTS", 2)
    monkeypatch.setattr("bot.outbox.sending.LATER", 21.0)
    await lite.owes(MessageClass.REMINDER, await lite.meets(1))
    lite.server.faults.next("flood", "flood")
    async with lite.sending():
        await asyncio.sleep(0.5)
        (row,) = await lite.all_are(OutboxState.QUEUED)
    assert row.due_at > lite.now() + timedelta(seconds=15)


async def test_a_lease_is_renewed_while_its_process_lives(
    lite: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.outbox.claims.LEASE", timedelta(seconds=6))
    monkeypatch.setattr("bot.outbox.claims.RENEWAL", timedelta(seconds=0.5))
    await lite.owes(MessageClass.NOTICE, await lite.meets(1))
    lite.server.faults.retry_after = 8
    lite.server.faults.next("flood")
    async with lite.sending(), lite.sending():
        (row,) = await lite.all_are(OutboxState.SENT)
    assert list(lite.got().values()) == [1]
    assert row.strays == 0, "the other one took it over"


# Feeders


def one_for_each(contact_ids: list[int], asked: list[int]) -> Feeder:
    async def feed(
        session: AsyncSession, now: datetime, most: int, channel: str, account: str
    ) -> int:
        if channel != "telegram":
            return 0
        asked.append(most)
        given, contact_ids[:] = contact_ids[:most], contact_ids[most:]
        for contact_id in given:
            tell(session, VAULT, contact_id, words(contact_id), due_at=now,
                 kind=MessageClass.REMINDER)  # fmt: skip
        return len(given)

    return feed


async def test_what_is_fed_goes_at_once_and_never_more_than_there_is_room_for(both: Stage) -> None:
    people, asked = await both.meets(30), list[int]()
    async with both.sending(one_for_each(list(people), asked), rate=20):
        await until(lambda: sum(both.got().values()) >= 30)
        rows = await both.all_are(OutboxState.SENT)
    assert {row.contact_id for row in rows} == set(people)
    assert max(asked) <= 20 * budget.AHEAD + 1
    assert all(row.sent_at and row.sent_at - row.due_at < timedelta(seconds=2) for row in rows)


async def test_queued_notices_go_before_what_is_fed(lite: Stage) -> None:
    people = await lite.meets(8)
    asked: list[int] = []
    await lite.owes(MessageClass.NOTICE, people[:3])
    await lite.outbox(one_for_each(list(people[3:]), asked), rate=10).send_due()
    assert asked == [] or asked[0] <= 1


async def test_a_feeder_that_fails_stops_no_notice(both: Stage) -> None:
    async def broken(session: AsyncSession, *given: Any) -> int:
        session.add(O(contact_id=1, kind="x", state="x", due_at=both.now()))
        await session.flush()
        return 1

    await both.owes(MessageClass.NOTICE, await both.meets(2))
    with capture_logs() as lines:
        async with both.sending(broken):
            await both.all_are(OutboxState.SENT)
    assert "a feeder failed" in [line["event"] for line in lines]


# Guards


@dataclass
class Wishes:
    """A feature that lets `wanted` messages go, each so often, and withdraws the rest."""

    stage: Stage
    wanted: int
    asked: list[int] = field(default_factory=list)

    async def may_go(
        self, session: AsyncSession, now: datetime, messages: Sequence[int]
    ) -> list[int]:
        self.asked += messages
        if len(self.asked) <= self.wanted:
            return list(messages)
        await withdraw(session, O.id.in_(messages), now)
        return []


@pytest.mark.parametrize("fault", ["drop_before", "flood"])
async def test_what_did_not_go_is_asked_about_before_it_goes_again(
    both: Stage, fault: Fault
) -> None:
    """Found nowhere after a lost call; put off by the platform."""
    await both.owes(MessageClass.REMINDER, await both.meets(1))
    wishes = Wishes(both, wanted=1)
    both.server.faults.retry_after = 3
    both.server.faults.next(fault)
    async with both.sending(guards=[wishes.may_go]):
        (row,) = await both.all_are(OutboxState.WITHDRAWN)
    assert (row.reply, row.dedupe_key) == (None, None)
    assert len(wishes.asked) == 2
    assert not sum(both.got().values())


async def test_while_the_platform_asks_for_a_pause_no_reminder_waits_in_memory(
    lite: Stage,
) -> None:
    await lite.owes(MessageClass.REMINDER, await lite.meets(4))
    lite.server.faults.retry_after = 6
    lite.server.faults.next("flood")
    async with lite.sending(rate=10):
        await until(lambda: bool(lite.server.calls))
        await asyncio.sleep(0.7)
        async with lite.db.reading() as session:
            states = await session.scalars(select(O.state))
            assert OutboxState.SENDING not in set(states)


async def test_what_is_fed_is_not_asked_about(lite: Stage) -> None:
    wishes = Wishes(lite, wanted=0)
    people = await lite.meets(3)
    async with lite.sending(one_for_each(list(people), []), guards=[wishes.may_go]):
        await until(lambda: sum(lite.got().values()) >= 3)
        await lite.all_are(OutboxState.SENT)
    assert wishes.asked == []


async def test_where_a_guard_fails_no_reminder_goes_and_every_notice_does(both: Stage) -> None:
    async def broken(session: AsyncSession, *given: Any) -> list[int]:
        session.add(O(contact_id=1, kind="x", state="x", due_at=both.now()))
        await session.flush()
        return [1]

    reminded, *noticed = await both.meets(3)
    await both.owes(MessageClass.REMINDER, [reminded])
    await both.owes(MessageClass.NOTICE, noticed)
    with capture_logs() as lines:
        async with both.sending(guards=[broken]):
            await until(lambda: sum(both.got().values()) >= 2)
            await both.all_are(OutboxState.SENT, OutboxState.QUEUED)
    assert both.got()[FIRST] == 0
    assert "a guard failed" in [line["event"] for line in lines]


# Doubt


async def test_a_reminder_whose_answer_was_lost_is_found_and_not_sent_again(both: Stage) -> None:
    await both.owes(MessageClass.REMINDER, await both.meets(3))
    both.server.faults.next("drop_after", "error_after")
    async with both.sending():
        rows = await both.all_are(OutboxState.SENT)
    assert set(both.got().values()) == {1}
    shown = {m.id for screen in both.server.screens().values() for m in screen if m.from_bot}
    assert {int(row.sent_id or 0) for row in rows} == shown
    assert not any(m.edited for screen in both.server.screens().values() for m in screen)


async def test_a_reminder_that_never_arrived_is_sent_again_once(both: Stage) -> None:
    await both.owes(MessageClass.REMINDER, await both.meets(3))
    both.server.faults.next("drop_before", "error_before")
    async with both.sending():
        rows = await both.all_are(OutboxState.SENT)
    assert set(both.got().values()) == {1}
    assert sorted(row.attempts for row in rows) == [0, 1, 1]
    assert not any(row.strays for row in rows), "found nowhere, it left nothing"


async def test_nothing_is_asked_before_the_quiet_is_over(lite: Stage) -> None:
    """A call that hangs may still deliver."""
    await lite.owes(MessageClass.REMINDER, await lite.meets(1))
    lite.server.faults.next("drop_after")
    async with lite.sending():
        await lite.all_are(OutboxState.SENT)
    at = {call.method: call.at for call in reversed(lite.server.calls)}
    assert at["editMessageReplyMarkup"] >= at["sendMessage"] + QUIET.total_seconds() - 0.05


async def test_a_reminder_whose_sender_died_is_asked_after(both: Stage) -> None:
    """Killed after the call, before the answer was stored; and killed before the call."""
    arrived, lost = await both.meets(2)
    floor = both.server.world.last_message_id
    await both.owes(
        MessageClass.REMINDER, [arrived, lost], state=OutboxState.SENDING, floor_id=floor,
        lease_until=both.now() - timedelta(seconds=1),
    )  # fmt: skip
    outbox = both.outbox()
    async with both.db.reading() as session:
        row = (await session.scalars(select(O).order_by(O.id))).first()
    assert row is not None
    channel = outbox._channels["telegram", ACCOUNT]
    assert isinstance(channel, Telegram)
    (message,) = compose(words(0), "vi", channel.caps, None, None)
    await channel.send(str(FIRST), arrived, message)
    await channel.close()
    async with both.sending():
        rows = await both.all_are(OutboxState.SENT)
    assert set(both.got().values()) == {1}
    assert [one.attempts for one in rows] == [0, 1]


async def test_after_a_restart_a_reminder_is_not_repeated_and_a_notice_is(lite: Stage) -> None:
    people = await lite.meets(2)
    await lite.owes(MessageClass.REMINDER, people[:1])
    await lite.owes(MessageClass.NOTICE, people[1:], state=OutboxState.SENDING)
    await lite.outbox().reclaim()
    async with lite.db.reading() as session:
        states = [(one.kind, one.state) for one in await session.scalars(select(O).order_by(O.id))]
    assert states == [("reminder", "in_doubt"), ("notice", "queued")]


async def test_no_beacon_is_left_on_anybodys_screen(lite: Stage) -> None:
    """Nobody else writes or is written to, so one has to be made."""
    await lite.owes(MessageClass.REMINDER, await lite.meets(1))
    lite.server.faults.next("drop_before")
    async with lite.sending():
        await lite.all_are(OutboxState.SENT)
    assert [call.method for call in lite.server.calls].count("deleteMessage") == 1
    (shown,) = (m for m in lite.server.screens()[FIRST] if m.from_bot)
    assert shown.text != "…"


async def test_a_beacon_left_behind_by_a_kill_is_taken_away(lite: Stage) -> None:
    await lite.owes(MessageClass.REMINDER, await lite.meets(1))
    lite.server.faults.next("drop_before", "drop_after", "drop_after")
    async with lite.sending():
        await lite.all_are(OutboxState.SENT)
    (shown,) = (m for m in lite.server.screens()[FIRST] if m.from_bot)
    assert shown.text != "…"
    assert shown.labels == ["Đã xong"]


async def test_a_beacon_left_behind_a_reminder_that_is_found_is_taken_away(lite: Stage) -> None:
    """The reminder stands before it, and was all that was looked for."""
    await lite.owes(MessageClass.REMINDER, await lite.meets(1))
    lite.server.faults.next("drop_after", "drop_after", "drop_after")
    async with lite.sending():
        await lite.all_are(OutboxState.SENT)
    (shown,) = (m for m in lite.server.screens()[FIRST] if m.from_bot)
    assert shown.labels == ["Đã xong"]


async def test_a_doubt_among_messages_that_went_astray_is_left_to_the_officer(
    lite: Stage,
) -> None:
    """A probe would give one of them the reminder's buttons."""
    (contact,) = await lite.meets(1)
    await lite.owes(MessageClass.REMINDER, [contact])
    async with lite.db.transaction() as session:
        session.add(
            O(
                contact_id=contact, kind=MessageClass.REPLY, state=OutboxState.SENT, strays=1,
                due_at=lite.now(), sent_id=str(10**9),
            )
        )  # fmt: skip
    lite.server.faults.next("drop_after")
    async with lite.sending():
        rows = await lite.all_are(OutboxState.SENT, OutboxState.SET_ASIDE)
    assert (rows[0].state, rows[0].error) == ("set_aside", "other messages went astray there")
    assert "editMessageReplyMarkup" not in [call.method for call in lite.server.calls]


async def test_too_many_unknown_messages_are_left_to_the_officer(
    lite: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doubts, "MOST_PROBES", 3)
    await lite.owes(MessageClass.REMINDER, await lite.meets(1))
    lite.server.faults.next("drop_before")
    async with lite.sending():
        await lite.all_are(OutboxState.IN_DOUBT)
        for number in range(5):
            await lite.server.person(7_000_000_000 + number).says("xin chào")
        (row,) = await lite.all_are(OutboxState.SET_ASIDE)
    assert row.error == "too many unknown messages in between"


async def test_what_cannot_be_asked_for_is_left_to_the_officer(lite: Stage) -> None:
    (contact,) = await lite.meets(1)
    async with lite.db.transaction() as session:
        tell(session, VAULT, contact, Reply("start-language-set"), due_at=lite.now(),
             kind=MessageClass.REMINDER)  # fmt: skip
    lite.server.faults.next("drop_after")
    async with lite.sending():
        (row,) = await lite.all_are(OutboxState.SET_ASIDE)
    assert row.sent_at is not None


@pytest.mark.parametrize(("fault", "again"), [("drop_after", 0), ("drop_before", 1)])
async def test_a_reminder_before_which_no_number_is_known_is_asked_after_too(
    lite: Stage, fault: Fault, again: int
) -> None:
    """The first one of an installation: nothing that came in is remembered."""
    await lite.owes(MessageClass.REMINDER, await lite.meets(1))
    async with lite.db.transaction() as session:
        await session.execute(delete(InboxEvent))
    lite.server.faults.next(fault)
    async with lite.sending():
        (row,) = await lite.all_are(OutboxState.SENT)
    assert row.attempts == again
    (shown,) = (m for m in lite.server.screens()[FIRST] if m.from_bot)
    assert (str(shown.id), shown.edited) == (row.sent_id, False)


async def test_on_a_channel_that_cannot_be_asked_a_doubt_is_left_to_the_officer(
    lite: Stage,
) -> None:
    lane = contacts.lane(VAULT, WEBCHAT, "web", "x")
    async with lite.db.transaction() as session:
        met = await contacts.meet(
            session, VAULT, {lane: Stranger(WEBCHAT, "web", "x", "vi")}, lite.now()
        )
    await lite.owes(MessageClass.REMINDER, [met[lane].id], state=OutboxState.SENDING)
    await lite.outbox().reclaim()
    async with lite.sending():
        (row,) = await lite.all_are(OutboxState.SET_ASIDE)
    assert row.error == "cannot be asked"


async def test_whoever_has_a_reminder_in_doubt_gets_no_other_meanwhile(lite: Stage) -> None:
    (contact,) = await lite.meets(1)
    await lite.owes(MessageClass.REMINDER, [contact, contact])
    lite.server.faults.next("drop_before")
    async with lite.sending():
        await lite.all_are(OutboxState.SENT)
    sent = [call for call in lite.server.calls if call.method == "sendMessage"]
    buttons = [str(call.params.get("reply_markup", "")) for call in sent]
    order = [text[text.index("rm:") :][:4] for text in buttons if "rm:" in text]
    assert order == ["rm:0", "rm:0", "rm:1"]


# Whoever cannot be reached


@pytest.mark.parametrize(
    ("standing", "why"),
    [("blocked", "blocked"), ("deactivated", "deactivated"), ("unknown", "no_chat")],
)
async def test_whoever_is_gone_is_known_at_the_first_refusal_with_a_reason(
    lite: Stage, standing: Any, why: str
) -> None:
    (contact,) = await lite.meets(1)
    lite.server.person(FIRST).chat.standing = standing
    await lite.owes(MessageClass.REMINDER, [contact])
    async with lite.sending():
        (row,) = await lite.all_are(OutboxState.UNREACHABLE)
    assert row.error == why
    assert len(lite.server.calls) == 1
    async with lite.db.reading() as session:
        assert (await session.scalars(select(Contact.blocked))).one()


async def test_an_account_no_longer_set_up_is_nobodys_way(lite: Stage) -> None:
    (contact,) = await lite.meets(1)
    async with lite.db.transaction() as session:
        await session.execute(update(Contact).values(account="1"))
    await lite.owes(MessageClass.NOTICE, [contact])
    async with lite.sending():
        (row,) = await lite.all_are(OutboxState.UNREACHABLE)
    assert row.error == "no_channel"
