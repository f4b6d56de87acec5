"""Due reminders become one message for each person, and only what is still wanted is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, time
from typing import Any

import pytest
from sqlalchemy import select, update

from bot import i18n, replies
from bot.clock import end_of_day
from bot.replies import Reply
from bot.vault import Vault
from handlers.deadlines import duties
from handlers.deadlines.calendar import service as calendar
from handlers.deadlines.desk import digest
from handlers.deadlines.people import Post
from handlers.deadlines.reminders import answers, feed, planner, recall, settle, why
from handlers.deadlines.reminders.answers import Subject, Wake
from storage.db import Database
from storage.models.calendar import CalendarCoverage
from storage.models.deadlines import Deadline, DeadlineState, Duty, DutyState, Work
from storage.models.people import Contact
from storage.models.reminders import Reminder, ReminderState
from storage.models.traffic import MessageClass, OutboxMessage, OutboxState
from storage.models.units import Member, MemberAddress, MemberRank, Unit, UnitKind
from tests.databases import Postgres
from tests.deadlines.ground import TELEGRAM, WEBCHAT, Ground, at

R = Reminder
VAULT = Vault("a secret of the tests, long enough to be one")


@dataclass
class Stage:
    ground: Ground

    async def plan(self, day: str, hour: int = 8) -> None:
        await planner.plan(self.ground.session, at(day, hour))

    async def feed(
        self, day: str, hour: int = 8, most: int = 100, where: tuple[str, str] = TELEGRAM
    ) -> int:
        return await feed.feed(self.ground.session, VAULT, at(day, hour), most, *where)

    async def step(self, day: str, hour: int = 8) -> int:
        await self.plan(day, hour)
        return await self.feed(day, hour)

    async def settle(self, state: OutboxState, day: str, hour: int = 8) -> int:
        """Every message out so far ended so."""
        await self.ground.session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.state == OutboxState.QUEUED)
            .values(state=state, sent_at=at(day, hour))
        )
        return await settle.settle(self.ground.session, at(day, hour))

    async def may_go(self, day: str, hour: int = 8) -> set[int]:
        """Asked about every message that waits."""
        queued = select(OutboxMessage.id).where(OutboxMessage.state == OutboxState.QUEUED)
        waiting = list(await self.ground.session.scalars(queued))
        return await recall.may_go(self.ground.session, at(day, hour), waiting)

    async def messages(self) -> list[tuple[int, Reply]]:
        """(contact, what they are told), in order; without what was withdrawn."""
        rows = await self.ground.session.scalars(
            select(OutboxMessage)
            .where(OutboxMessage.state != OutboxState.WITHDRAWN)
            .order_by(OutboxMessage.id)
        )
        return [
            (row.contact_id, replies.load(VAULT.unseal_system(row.reply or b"", "outbox")))
            for row in rows
        ]

    async def ledger(self, *columns: Any) -> list[tuple[Any, ...]]:
        return await self.ground.ledger(*columns)


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[Stage]:
    db = Database(database_url)
    async with db.transaction() as session:
        yield Stage(await Ground(session, armed_at=at("2027-03-20")).office())
    await db.close()


@pytest.fixture
async def lite(sqlite_url: str) -> AsyncIterator[Stage]:
    db = Database(sqlite_url)
    async with db.transaction() as session:
        yield Stage(await Ground(session, armed_at=at("2027-03-20")).office())
    await db.close()


async def furnish(stage: Stage) -> Deadline:
    await stage.ground.unit("X1")
    await stage.ground.member("X1")
    return await stage.ground.deadline("DK", "2027-03-31")


# Messages


async def test_a_due_reminder_is_stored_as_a_message_with_its_buttons(stage: Stage) -> None:
    await furnish(stage)
    assert await stage.step("2027-03-24") == 1
    ((contact, message),) = await stage.messages()
    assert contact == 1
    text = i18n.words(message, "vi")
    assert "Còn 7 ngày" in text
    assert "Xã X1" in text
    assert "24:00 thứ Tư, ngày 31/03/2027" in text
    assert "DỪNG" in text
    (row,) = await stage.ledger(R.id, R.state, R.outbox_id)
    presses = [choice.press for line in message.choices for choice in line]
    assert presses == [
        f"rm:{row[0]}:{act}"
        for act in ("done", "doing", "t1", "t3", "date", "notours", "more", "who")
    ]
    kept = (await stage.ground.session.scalars(select(OutboxMessage))).one()
    assert (kept.kind, kept.dedupe_key) == (MessageClass.REMINDER, f"reminder:{row[0]}:1:0")
    assert row[1:] == ("claimed", kept.id)


async def test_several_to_one_person_are_one_message(stage: Stage) -> None:
    ground = stage.ground
    for unit in ("X1", "X2"):
        await ground.unit(unit)
    await ground.member("X1")
    member = await ground.member("X2", chats=())
    ground.session.add(MemberAddress(member_id=member, contact_id=1, added_at=at("2026-01-05")))
    await ground.deadline("DK", "2027-03-31")
    await ground.deadline("GU", "2027-03-31")
    assert await stage.step("2027-03-24") == 1
    ((_, message),) = await stage.messages()
    assert message.key == "reminders-several"
    assert "4 việc" in i18n.words(message, "vi")
    assert all(line[0].press.endswith(":open") for line in message.choices)
    rows = await stage.ledger(R.id, R.state, R.told_in, R.outbox_id)
    assert [row[1] for row in rows].count("claimed") == 1
    (carrier,) = (row for row in rows if row[1] == "claimed")
    assert {row[2] for row in rows if row[1] == "merged"} == {carrier[0]}


async def test_at_most_as_many_as_there_is_room_for_the_oldest_first(stage: Stage) -> None:
    ground = stage.ground
    for number in range(5):
        await ground.unit(f"X{number}")
        await ground.member(f"X{number}")
        for code in ("A", "B", "C"):
            if number == 0:
                await ground.deadline(f"{code}", "2027-03-31")
    deadline = (await ground.session.scalars(select(Deadline).order_by(Deadline.code))).first()
    assert deadline is not None
    for deadline in await ground.session.scalars(select(Deadline)):
        await duties.ensure(ground.session, deadline, at("2027-01-01"))
    await stage.plan("2027-03-24")
    assert [await stage.feed("2027-03-24", most=2) for _ in range(4)] == [2, 2, 1, 0]
    assert len({contact for contact, _ in await stage.messages()}) == 5


async def test_only_the_contacts_of_that_account_are_fed(lite: Stage) -> None:
    await lite.ground.unit("X1")
    await lite.ground.member("X1", chats=(WEBCHAT,))
    await lite.ground.deadline("DK", "2027-03-31")
    assert await lite.step("2027-03-24") == 0
    assert await lite.feed("2027-03-24", where=WEBCHAT) == 1


# What is not wanted any more


@pytest.mark.parametrize(
    "state", [DutyState.SUBMITTED, DutyState.NOT_APPLICABLE, DutyState.CANCELLED]
)
async def test_what_was_done_just_before_is_not_told(lite: Stage, state: DutyState) -> None:
    """Even where whoever changed it knew nothing of reminders."""
    deadline = await furnish(lite)
    await lite.plan("2027-03-24")
    duty = await lite.ground.duty("X1", deadline)
    duty.state = state
    await lite.ground.session.flush()
    assert await lite.feed("2027-03-24") == 0
    assert await lite.ledger() == [("T-7", "skipped", str(state))]


async def test_what_was_moved_taken_back_or_closed_is_not_told(lite: Stage) -> None:
    moved = await furnish(lite)
    back = await lite.ground.deadline("GU", "2027-03-31")
    await lite.ground.unit("X2")
    await lite.ground.member("X2")
    closed = await lite.ground.deadline("SK", "2027-03-31")
    (await lite.ground.duty("X1", closed)).state = DutyState.ACCEPTED
    await lite.plan("2027-03-24")
    moved.due_at, moved.revision = end_of_day(date(2027, 5, 31)), 1
    back.state = DeadlineState.CANCELLED
    unit = await lite.ground.session.get_one(Unit, lite.ground.by_code["X2"])
    unit.closed_at = at("2027-03-24")
    await lite.ground.session.flush()
    assert await lite.feed("2027-03-24") == 0
    reasons = await lite.ledger(R.deadline_id, R.reason)
    assert sorted(reason for _, reason in reasons) == ["moved", "not_armed", "unit_closed"]


async def test_whoever_opted_out_since_is_not_told_and_the_next_one_is(lite: Stage) -> None:
    await furnish(lite)
    head = await lite.ground.member("X1", MemberRank.HEAD)
    await lite.plan("2027-03-24")
    await _set_contact(lite, 1, opted_out_at=at("2027-03-24"))
    assert await lite.feed("2027-03-24") == 0
    assert await lite.feed("2027-03-24") == 1
    assert await lite.ledger(R.recipient, R.state, R.reason) == [
        (await _focal(lite), "skipped", "opted_out"), (head, "claimed", "instead"),
    ]  # fmt: skip


async def test_opting_out_on_one_channel_counts_on_every_other(lite: Stage) -> None:
    await lite.ground.unit("X1")
    await lite.ground.member("X1", chats=(TELEGRAM, WEBCHAT))
    await lite.ground.deadline("DK", "2027-03-31")
    await lite.plan("2027-03-24")
    await _set_contact(lite, 2, opted_out_at=at("2027-03-24"))
    assert await lite.feed("2027-03-24") == 0
    assert (await lite.ledger())[0] == ("T-7", "skipped", "opted_out")


async def test_what_is_obligatory_goes_to_the_office_instead(lite: Stage) -> None:
    await lite.ground.unit("X1")
    await lite.ground.member("X1")
    officer = await lite.ground.officer()
    await lite.ground.deadline("BB", "2027-03-31", mandatory=True)
    await lite.plan("2027-03-24")
    await _set_contact(lite, 1, opted_out_at=at("2027-03-24"))
    await lite.feed("2027-03-24")
    assert await lite.feed("2027-03-24") == 1
    assert (await lite.ledger(R.recipient, R.reason))[-1] == (officer, "reaches_office")


async def test_what_an_officer_hears_for_others_is_counted_however_it_came_to_them(
    lite: Stage,
) -> None:
    """Put off by night and told in one message with another, a row tells those reasons."""
    await lite.ground.unit("X1")
    await lite.ground.unit("CQ", UnitKind.OFFICE)
    await lite.ground.member("X1")
    await lite.ground.officer()
    await lite.ground.officer("Cán bộ Mai")
    for code in ("BB1", "BB2"):
        await lite.ground.deadline(code, "2027-03-31", mandatory=True)
    await lite.ground.deadline("TN", "2027-03-31", for_kinds=[str(UnitKind.OFFICE)])
    await lite.plan("2027-03-24")
    await _set_contact(lite, 1, opted_out_at=at("2027-03-24"))
    await lite.feed("2027-03-24", 22)
    session, office_id = lite.ground.session, lite.ground.office_id
    evening, morning = at("2027-03-24", 8), at("2027-03-25", 8, 30)
    await lite.feed("2027-03-24", 22)
    assert (await digest.look(session, office_id, evening, morning)).passed_on == 0
    assert await lite.feed("2027-03-25") == 2
    await lite.settle(OutboxState.SENT, "2027-03-25")
    rows = await lite.ledger(R.state, R.reason)
    assert ("merged", "told_together") in rows
    assert ("sent", "reaches_office") not in rows
    assert (await digest.look(session, office_id, evening, morning)).passed_on == 2
    assert (await digest.look(session, office_id, morning, at("2027-03-26"))).passed_on == 0
    account = await why.explain(session, office_id, "X1", "BB1")
    assert [(one.rank, one.spared) for one in account.lines if one.name] == [
        ("focal", False), ("officer", True), ("officer", True),
    ]  # fmt: skip
    own = await why.explain(session, office_id, "CQ", "TN")
    assert not any(one.spared for one in own.lines)


async def test_a_member_who_left_is_followed_by_another(lite: Stage) -> None:
    await furnish(lite)
    deputy = await lite.ground.member("X1", MemberRank.DEPUTY)
    await lite.plan("2027-03-24")
    await lite.ground.session.execute(
        update(Member).where(Member.rank == MemberRank.FOCAL).values(left_at=at("2027-03-24"))
    )
    await lite.feed("2027-03-24")
    assert await lite.feed("2027-03-24") == 1
    assert await lite.ledger(R.recipient, R.reason) == [
        (await _focal(lite), "left"), (deputy, "instead"),
    ]  # fmt: skip


async def test_a_backlog_stops_for_the_night(lite: Stage) -> None:
    """The sender stood still from the morning until half past nine in the evening."""
    await furnish(lite)
    await lite.plan("2027-03-26")
    await lite.ground.session.execute(update(Reminder).values(state="planned"))
    assert await lite.feed("2027-03-26", 22) == 0
    assert await lite.ledger(R.state, R.due_at) == [("deferred", at("2027-03-29", 7))]
    assert await lite.feed("2027-03-29", 6) == 0
    assert await lite.feed("2027-03-29", 7) == 1


async def test_what_was_asked_for_goes_on_a_sunday_but_not_by_night(lite: Stage) -> None:
    deadline = await furnish(lite)
    lite.ground.session.add(
        Reminder(
            unit_id=lite.ground.by_code["X1"], deadline_id=deadline.id, step="again 2027-03-28",
            recipient=await _focal(lite), contact_id=1, planned_at=at("2027-03-28"),
            due_at=at("2027-03-28"), state=ReminderState.PLANNED, at=at("2027-03-26"),
        )
    )  # fmt: skip
    await lite.ground.session.flush()
    assert await lite.feed("2027-03-28", 5) == 0
    assert await lite.feed("2027-03-28", 8) == 1


async def test_steps_that_waited_together_are_told_once(lite: Stage) -> None:
    """Nobody sent from before T-3 until after T-1; planning went on."""
    await furnish(lite)
    await lite.plan("2027-03-24")
    await lite.ground.session.execute(update(Reminder).values(state="sent"))
    await lite.plan("2027-03-29")
    await lite.plan("2027-03-30")
    assert await lite.feed("2027-03-30", 9) == 1
    assert (await lite.ledger())[1:] == [("T-3", "expired", "outage"), ("T-1", "claimed", "")]


async def test_the_last_day_is_not_told_afterwards(lite: Stage) -> None:
    await furnish(lite)
    await lite.plan("2027-03-30", 23)
    await lite.ground.session.execute(update(Reminder).values(state="sent"))
    await lite.plan("2027-03-31")
    assert await lite.feed("2027-04-01", 7) == 0
    assert (await lite.ledger())[-1] == ("T0", "expired", "too_late")


# What waited in the outbox


async def test_what_is_still_wanted_goes_as_it_stands(stage: Stage) -> None:
    await furnish(stage)
    await stage.step("2027-03-24")
    before = await stage.messages()
    assert len(await stage.may_go("2027-03-24", 15)) == 1
    assert await stage.messages() == before
    assert await stage.ledger() == [("T-7", "claimed", "")]


@pytest.mark.parametrize(
    "state", [DutyState.SUBMITTED, DutyState.NOT_APPLICABLE, DutyState.CANCELLED]
)
async def test_what_was_done_while_it_waited_does_not_go(stage: Stage, state: DutyState) -> None:
    deadline = await furnish(stage)
    await stage.step("2027-03-24")
    duty = await stage.ground.duty("X1", deadline)
    await duties.become(stage.ground.session, duty, state, "command", at("2027-03-24", 9))
    assert await stage.may_go("2027-03-24", 10) == set()
    assert await stage.feed("2027-03-24", 10) == 0
    assert await stage.messages() == []
    assert await stage.ledger() == [("T-7", "skipped", str(state))]


async def test_of_several_things_what_is_left_is_told_in_a_message_of_its_own(
    stage: Stage,
) -> None:
    """Never twice and never lost: the first message is withdrawn whole."""
    done = await furnish(stage)
    await stage.ground.deadline("GU", "2027-03-31")
    await stage.step("2027-03-24")
    duty = await stage.ground.duty("X1", done)
    await duties.become(
        stage.ground.session, duty, DutyState.SUBMITTED, "command", at("2027-03-24", 9)
    )
    assert await stage.may_go("2027-03-24", 10) == set()
    assert await stage.feed("2027-03-24", 10) == 1
    ((_, message),) = await stage.messages()
    assert message.args["title"] == "Nộp hồ sơ GU"
    assert sorted(await stage.ledger(R.state, R.reason)) == [
        ("claimed", "worded_anew"), ("skipped", "submitted"),
    ]  # fmt: skip
    assert len(await stage.may_go("2027-03-24", 11)) == 1


async def test_whoever_opted_out_while_it_waited_is_not_told_and_the_next_one_is(
    lite: Stage,
) -> None:
    """On another channel, say; or their reminder was in doubt when they said so."""
    await furnish(lite)
    head = await lite.ground.member("X1", MemberRank.HEAD)
    await lite.step("2027-03-24")
    await _set_contact(lite, 1, opted_out_at=at("2027-03-24"))
    assert await lite.may_go("2027-03-24") == set()
    await lite.feed("2027-03-24")
    assert await lite.feed("2027-03-24") == 1
    assert await lite.ledger(R.recipient, R.state, R.reason) == [
        (await _focal(lite), "skipped", "opted_out"), (head, "claimed", "instead"),
    ]  # fmt: skip


async def test_whoever_left_the_unit_while_it_waited_is_not_told(lite: Stage) -> None:
    await furnish(lite)
    await lite.step("2027-03-24")
    await lite.ground.session.execute(update(Member).values(left_at=at("2027-03-24")))
    assert await lite.may_go("2027-03-24") == set()
    assert await lite.feed("2027-03-24") == 0
    assert await lite.ledger() == [("T-7", "skipped", "left")]


async def test_what_waited_until_the_evening_goes_the_next_morning_and_counts_anew(
    lite: Stage,
) -> None:
    await furnish(lite)
    await lite.step("2027-03-24")
    assert await lite.may_go("2027-03-24", 22) == set()
    assert await lite.feed("2027-03-24", 22) == 0
    assert await lite.ledger() == [("T-7", "deferred", "quiet_hours")]
    assert await lite.feed("2027-03-25", 8) == 1
    ((_, message),) = await lite.messages()
    assert "Còn 6 ngày" in i18n.words(message, "vi")


async def test_the_days_that_are_left_are_those_of_the_day_it_goes(lite: Stage) -> None:
    """It waited over the night, and may go now as far as hours are asked."""
    await furnish(lite)
    await lite.step("2027-03-24")
    assert await lite.may_go("2027-03-25") == set()
    assert await lite.feed("2027-03-25") == 1
    ((_, message),) = await lite.messages()
    assert "Còn 6 ngày" in i18n.words(message, "vi")
    assert await lite.ledger() == [("T-7", "claimed", "worded_anew")]


# What became of it


async def test_what_was_sent_is_written_down(stage: Stage) -> None:
    await furnish(stage)
    await stage.step("2027-03-24")
    assert await stage.settle(OutboxState.SENT, "2027-03-24") == 1
    assert await stage.settle(OutboxState.SENT, "2027-03-24") == 0
    assert await stage.ledger() == [("T-7", "sent", "")]


@pytest.mark.parametrize(
    ("ended", "state", "reason"),
    [
        (OutboxState.REJECTED, "failed", "rejected"),
        (OutboxState.SET_ASIDE, "in_doubt", "in_doubt"),
        (OutboxState.UNREACHABLE, "failed", "unreachable"),
    ],
)
async def test_what_failed_fails_with_all_that_was_told_in_it(
    stage: Stage, ended: OutboxState, state: str, reason: str
) -> None:
    await furnish(stage)
    await stage.ground.deadline("GU", "2027-03-31")
    await stage.step("2027-03-24")
    await stage.settle(ended, "2027-03-24")
    assert await stage.ledger() == [("T-7", state, reason)] * 2
    (unreachable,) = await stage.ground.session.scalars(select(MemberAddress.unreachable_at))
    assert (unreachable is not None) is (ended == OutboxState.UNREACHABLE)


async def test_what_is_still_asked_of_the_channel_stays_claimed(lite: Stage) -> None:
    await furnish(lite)
    await lite.step("2027-03-24")
    assert await lite.settle(OutboxState.IN_DOUBT, "2027-03-24") == 0
    assert await lite.ledger() == [("T-7", "claimed", "")]


async def test_a_message_that_vanished_is_in_doubt(lite: Stage) -> None:
    """A restored backup may know the reminder and not the message."""
    await furnish(lite)
    await lite.step("2027-03-24")
    await lite.ground.session.execute(OutboxMessage.__table__.delete())  # type: ignore[attr-defined]
    assert await settle.settle(lite.ground.session, at("2027-03-24")) == 1
    assert await lite.ledger() == [("T-7", "in_doubt", "in_doubt")]


async def test_a_dead_chat_is_followed_by_the_next_chat_and_then_the_next_person(
    stage: Stage,
) -> None:
    await stage.ground.unit("X1")
    focal = await stage.ground.member("X1", chats=(TELEGRAM, WEBCHAT))
    head = await stage.ground.member("X1", MemberRank.HEAD)
    await stage.ground.deadline("DK", "2027-03-31")
    await stage.ground.deadline("GU", "2027-03-31")
    await stage.step("2027-03-24")
    await stage.settle(OutboxState.UNREACHABLE, "2027-03-24")
    assert await stage.feed("2027-03-24", where=WEBCHAT) == 1
    assert {row[:2] for row in await stage.ledger(R.recipient, R.contact_id)} == {(focal, 2)}
    await stage.settle(OutboxState.UNREACHABLE, "2027-03-24")
    assert await stage.feed("2027-03-24") == 1
    await stage.settle(OutboxState.SENT, "2027-03-24")
    rows = await stage.ledger(R.recipient, R.state, R.reason)
    assert rows == [
        (focal, "failed", "unreachable"), (focal, "failed", "unreachable"),
        (head, "sent", "instead"), (head, "merged", "told_together"),
    ]  # fmt: skip
    assert len(await stage.ledger(R.id)) == 4


async def test_after_the_person_wrote_again_their_chat_is_used_again(lite: Stage) -> None:
    await furnish(lite)
    await lite.step("2027-03-24")
    await lite.settle(OutboxState.UNREACHABLE, "2027-03-24")
    await _set_contact(lite, 1, seen_at=at("2027-03-25"))
    await settle.settle(lite.ground.session, at("2027-03-25"))
    assert await lite.step("2027-03-29") == 1


async def test_officers_are_told_that_day_who_is_not_reached(lite: Stage) -> None:
    await furnish(lite)
    await lite.ground.officer(where=TELEGRAM)
    await lite.step("2027-03-24")
    await lite.settle(OutboxState.UNREACHABLE, "2027-03-24")
    session = lite.ground.session
    assert await settle.tell_officers(session, VAULT, at("2027-03-24", 6)) == 0
    assert await settle.tell_officers(session, VAULT, at("2027-03-24", 9)) == 1
    for hour in (9, 10, 23):
        assert await settle.tell_officers(session, VAULT, at("2027-03-24", hour, 30)) == 0
    contact, message = (await lite.messages())[-1]
    assert contact == 2
    assert "• Xã X1: focal X1" in i18n.words(message, "vi")


async def test_officers_are_told_of_a_block_that_no_reminder_met(lite: Stage) -> None:
    await furnish(lite)
    await lite.ground.officer(where=TELEGRAM)
    session = lite.ground.session
    assert await settle.tell_officers(session, VAULT, at("2027-03-24", 8)) == 0
    blocked = update(Contact).where(Contact.id == 1).values(blocked=True)
    await session.execute(blocked)
    assert await settle.tell_officers(session, VAULT, at("2027-03-24", 9)) == 0, "just learnt"
    assert await settle.tell_officers(session, VAULT, at("2027-03-24", 10)) == 1
    assert await settle.tell_officers(session, VAULT, at("2027-03-24", 15)) == 0, "once"
    _, message = (await lite.messages())[-1]
    assert "• Xã X1: focal X1" in i18n.words(message, "vi")


async def test_a_block_that_no_reminder_met_stands_in_the_digest_until_they_write(
    lite: Stage,
) -> None:
    await furnish(lite)
    session, office_id = lite.ground.session, lite.ground.office_id
    await session.execute(update(Contact).where(Contact.id == 1).values(blocked=True))
    await settle.tell_officers(session, VAULT, at("2027-03-24", 9))
    since, now = at("2027-03-24", 8), at("2027-03-25", 8)
    morning = await digest.look(session, office_id, since, now)
    assert list(morning.unreached) == ["Xã X1"]
    came_back = {"blocked": False, "seen_at": at("2027-03-24", 10)}
    await session.execute(update(Contact).where(Contact.id == 1).values(**came_back))
    await settle.settle(session, now)
    assert not (await digest.look(session, office_id, since, now)).unreached


# Races


async def test_done_at_the_same_moment_is_either_told_before_or_not_at_all(
    database_url: str,
) -> None:
    """A turn hands in while two workers feed: nobody hears of what was done a second ago."""
    one, other = Database(database_url), Database(database_url)
    async with one.transaction() as session:
        ground = await Ground(session, armed_at=at("2027-03-20")).office()
        for number in range(40):
            await ground.unit(f"X{number}")
            await ground.member(f"X{number}")
        deadline = await ground.deadline("DK", "2027-03-31")
        await planner.plan(session, at("2027-03-24"))
        owed = list(await session.scalars(select(Duty)))
    done_at: dict[str, int] = {}
    fed_at: dict[int, int] = {}
    clock = iter(range(100_000))

    async def hand_in() -> None:
        for duty in owed[::2]:
            async with other.transaction() as session:
                row = await session.get_one(Duty, duty.id)
                await duties.become(session, row, DutyState.SUBMITTED, "command", at("2027-03-24"))
                await asyncio.sleep(0)
            done_at[duty.unit_id] = next(clock)

    async def work(db: Database) -> None:
        for _ in range(60):
            started = next(clock)
            async with db.transaction() as session:
                await feed.feed(session, VAULT, at("2027-03-24"), 3, *TELEGRAM)
                ids = await session.scalars(select(OutboxMessage.id))
                fresh = [number for number in ids if number not in fed_at]
            fed_at.update(dict.fromkeys(fresh, started))

    await asyncio.gather(hand_in(), work(one), work(other))
    async with one.transaction() as session:
        rows = list(await session.scalars(select(Reminder)))
        messages = list(await session.scalars(select(OutboxMessage.contact_id)))
    assert len(rows) == 40
    assert {str(row.state) for row in rows} <= {"claimed", "skipped"}
    for row in rows:
        if row.state == ReminderState.CLAIMED and row.unit_id in done_at:
            assert row.outbox_id is not None
            assert fed_at[row.outbox_id] < done_at[row.unit_id]
    assert len(messages) == len(set(messages)) == sum(r.state == "claimed" for r in rows)
    assert {r.unit_id for r in rows if r.state == "claimed"} >= {d.unit_id for d in owed[1::2]}
    assert deadline.code == "DK"
    await one.close()
    await other.close()


@pytest.fixture
def postgresql_url(postgres: Postgres) -> str:
    return postgres.new_migrated()


async def test_a_duty_that_is_being_handed_in_is_left_for_the_next_time(
    postgresql_url: str,
) -> None:
    """The turn has written and not committed: nobody waits for it, nothing is told past it."""
    one, other = Database(postgresql_url), Database(postgresql_url)
    async with one.transaction() as session:
        stage = Stage(await Ground(session, armed_at=at("2027-03-20")).office())
        deadline = await furnish(stage)
        await stage.plan("2027-03-24")
        owed = await stage.ground.duty("X1", deadline)
    async with other.transaction() as turn:
        duty = await turn.get_one(Duty, owed.id)
        await duties.become(turn, duty, DutyState.SUBMITTED, "command", at("2027-03-24"))
        async with asyncio.timeout(5), one.transaction() as session:
            assert await feed.feed(session, VAULT, at("2027-03-24"), 9, *TELEGRAM) == 0
    async with one.transaction() as session:
        assert await feed.feed(session, VAULT, at("2027-03-24"), 9, *TELEGRAM) == 0
        found = await session.execute(select(Reminder.state, Reminder.reason))
        assert [tuple(row) for row in found] == [("skipped", "submitted")]
    await one.close()
    await other.close()


@pytest.mark.parametrize("held", ["the duty", "the chat"])
async def test_what_is_being_changed_while_it_waits_is_neither_sent_nor_withdrawn(
    postgresql_url: str, held: str
) -> None:
    one, other = Database(postgresql_url), Database(postgresql_url)
    async with one.transaction() as session:
        stage = Stage(await Ground(session, armed_at=at("2027-03-20")).office())
        deadline = await furnish(stage)
        await stage.step("2027-03-24")
        owed = await stage.ground.duty("X1", deadline)
    async with other.transaction() as turn:
        if held == "the duty":
            duty = await turn.get_one(Duty, owed.id)
            await duties.become(turn, duty, DutyState.SUBMITTED, "command", at("2027-03-24"))
        else:
            await turn.execute(update(Contact).values(opted_out_at=at("2027-03-24")))
        async with asyncio.timeout(5), one.transaction() as session:
            assert await recall.may_go(session, at("2027-03-24"), [1]) == set()
            states = select(OutboxMessage.state)
            assert list(await session.scalars(states)) == ["queued"]
    async with one.transaction() as session:
        assert await recall.may_go(session, at("2027-03-24"), [1]) == set()
        assert list(await session.scalars(states)) == ["withdrawn"]
    await one.close()
    await other.close()


async def _set_contact(stage: Stage, contact_id: int, **values: Any) -> None:
    await stage.ground.session.execute(
        update(Contact).where(Contact.id == contact_id).values(**values)
    )


async def _focal(stage: Stage) -> str:
    found = await stage.ground.session.scalars(
        select(Member.id).where(Member.rank == MemberRank.FOCAL)
    )
    return found.one()


# What was asked for, and dates that move


async def _subject(lite: Stage) -> Subject:
    session = lite.ground.session
    deadline = (await session.scalars(select(Deadline))).one()
    duty = await lite.ground.duty("X1", deadline)
    unit = await session.get_one(Unit, lite.ground.by_code["X1"])
    return Subject(deadline, duty, Post(unit, (await session.scalars(select(Member))).one()))


async def test_who_asks_twice_on_a_day_is_reminded_twice(lite: Stage) -> None:
    await furnish(lite)
    session, subject = lite.ground.session, await _subject(lite)
    for asked_at, now in ((8, at("2027-03-21", 8)), (15, at("2027-03-22", 9))):
        moment = at("2027-03-22", asked_at)
        await answers.remind_again(session, subject, 1, Wake(moment, moment), now)
        await answers.remind_again(session, subject, 1, Wake(moment, moment), now)
        await session.flush()
        assert await lite.feed("2027-03-22", asked_at) == 1
        await lite.settle(OutboxState.SENT, "2027-03-22", asked_at)
    steps = await lite.ledger(R.step)
    assert [step for (step,) in steps] == ["again 2027-03-22 08:00", "again 2027-03-22 15:00"]


@pytest.mark.parametrize("by", ["the whole date", "the unit's own"])
async def test_what_was_asked_for_still_comes_after_the_date_moved(lite: Stage, by: str) -> None:
    deadline, session = await furnish(lite), lite.ground.session
    subject, moment = await _subject(lite), at("2027-03-29", 10)
    await answers.remind_again(session, subject, 1, Wake(moment, moment), at("2027-03-24"))
    await lite.plan("2027-03-24")
    if by == "the whole date":
        later = end_of_day(date(2027, 4, 7))
        await calendar.shift(session, deadline, later, "lùi", "officer:1", at("2027-03-24", 9))
    else:
        await duties.leave_date(session, subject.duty, at("2027-03-24", 9))
    waits = await lite.ledger(R.step, R.state)
    assert waits == [("again 2027-03-29 10:00", "planned"), ("T-7", "skipped")]


async def test_a_date_moved_over_new_year_stays_with_its_year_and_cluster(lite: Stage) -> None:
    ground = lite.ground
    for unit in ("H", "X"):
        await ground.unit(unit)
        await ground.member(unit)
    await ground.cluster("C", 2027, "H", "X")
    deadline = await ground.deadline("TK", "2027-12-15")
    moved_on = at("2027-12-01")
    later = end_of_day(date(2028, 1, 7))
    await calendar.shift(ground.session, deadline, later, "lùi", "officer:1", moved_on)
    await ground.session.flush()
    assert deadline.year == 2027
    for day in ("2028-01-10", "2028-01-11", "2028-01-12", "2028-01-13"):
        await lite.step(day)
    escalated = {(step, reason) for step, reason in await lite.ledger(R.step, R.reason)}
    assert not {step for step, reason in escalated if reason == "no_cluster"}
    assert any(step.startswith("T+4") for step, _ in escalated)


async def test_an_earlier_own_date_does_not_count_once_the_deadline_is_later(lite: Stage) -> None:
    await furnish(lite)
    ground, subject = lite.ground, await _subject(lite)
    subject.duty.own_due_at = end_of_day(date(2027, 4, 5))
    later = end_of_day(date(2027, 4, 20))
    asked = subject.deadline
    await calendar.shift(ground.session, asked, later, "lùi", "officer:1", at("2027-03-25"))
    await ground.session.flush()
    since, now = at("2027-04-05", 8), at("2027-04-06", 8)
    assert (await digest.look(ground.session, ground.office_id, since, now)).late == 0
    assert (await digest.look(ground.session, ground.office_id, since, later)).late == 1


async def test_more_time_asked_for_again_is_told(lite: Stage) -> None:
    await furnish(lite)
    ground, subject = lite.ground, await _subject(lite)
    subject.duty.own_due_at = end_of_day(date(2027, 4, 5))
    subject.duty.more_time_until = date(2027, 4, 30)
    await ground.session.flush()
    told = await digest.look(ground.session, ground.office_id, at("2027-04-01"), at("2027-04-02"))
    assert told.more_time == 1


async def test_what_the_holiday_table_does_not_reach_waits_alone(stage: Stage) -> None:
    """One such row made the feed of its whole account fail."""
    ground, session = stage.ground, stage.ground.session
    session.add(
        CalendarCoverage(
            id=1, covered_from=date(2026, 1, 1), covered_until=date(2027, 4, 30),
            checked_on=date(2026, 1, 1),
        )
    )  # fmt: skip
    await ground.unit("XA")
    await ground.unit("XB")
    people = [await ground.member("XA"), await ground.member("XB")]
    usual = await ground.deadline("DK", "2027-04-29")
    urgent = await ground.deadline("KHAN", "2027-04-29", urgent=True)
    for number, (unit, deadline) in enumerate((("XA", usual), ("XB", urgent)), 1):
        session.add(
            R(
                unit_id=ground.by_code[unit], deadline_id=deadline.id, step="nudge 2027-05-03",
                recipient=people[number - 1], contact_id=number, planned_at=at("2027-05-03"),
                due_at=at("2027-05-03"), state=ReminderState.PLANNED, at=at("2027-04-20"),
            )
        )  # fmt: skip
    await session.flush()
    assert await stage.feed("2027-05-03") == 1
    assert [contact for contact, _ in await stage.messages()] == [2]
    assert await stage.ledger(R.state, R.reason, R.due_at) == [
        (ReminderState.DEFERRED, "no_calendar", at("2027-05-03", 9)),
        (ReminderState.CLAIMED, "", at("2027-05-03")),
    ]
    await session.execute(update(CalendarCoverage).values(covered_until=date(2027, 12, 31)))
    assert await stage.feed("2027-05-04", 9) == 1, "it goes when the table is mended"


# What goes to the office


async def _office_hears(lite: Stage, *days: str) -> list[str]:
    """What the officer, who came last, is told on these days."""
    for day in days:
        await lite.step(day)
        await lite.settle(OutboxState.SENT, day)
    told = await lite.messages()
    return [i18n.words(one, "vi") for contact, one in told if contact == lite.ground.contacts]


async def test_an_officer_is_told_that_the_units_people_opted_out_and_whom_to_call(
    lite: Stage,
) -> None:
    deadline = await furnish(lite)
    deadline.mandatory = True
    await lite.ground.officer()
    out = update(Contact).where(Contact.id == 1).values(opted_out_at=at("2027-03-20"))
    await lite.ground.session.execute(out)
    (words,) = await _office_hears(lite, "2027-03-24")
    assert words.startswith("Báo cơ quan: Xã X1 chưa nộp “Nộp hồ sơ DK”, còn 7 ngày.")
    assert "người của đơn vị đã dừng nhận tin nhắc" in words
    assert "Xin gọi: focal X1 (đầu mối)." in words
    assert "tin nhắc sẽ đến cơ quan thay cho" not in words
    ((_, message),) = await lite.messages()
    assert [row[0].press.rpartition(":")[2] for row in message.choices] == ["who"]


async def test_an_officer_in_the_way_round_hears_the_same_after_a_quiet_night(lite: Stage) -> None:
    """What is put off in between keeps saying for whom it is."""
    deadline = await furnish(lite)
    deadline.mandatory = True
    await lite.ground.officer(quiet_from=time(21), quiet_until=time(9))
    out = update(Contact).where(Contact.id == 1).values(opted_out_at=at("2027-03-20"))
    await lite.ground.session.execute(out)
    await lite.step("2027-03-24", 8)
    assert not await lite.messages()
    await lite.feed("2027-03-24", 9)
    ((_, message),) = await lite.messages()
    assert "Báo cơ quan" in i18n.words(message, "vi")


async def test_the_office_is_told_whether_reminders_reached_the_unit(stage: Stage) -> None:
    await furnish(stage)
    await stage.ground.officer()
    (words,) = await _office_hears(stage, "2027-03-24", "2027-04-06")
    assert "Đơn vị đã nhận được tin nhắc" in words


async def test_the_office_is_told_that_nobody_was_there_to_be_reminded(lite: Stage) -> None:
    await lite.ground.unit("X1")
    await lite.ground.officer()
    await lite.ground.deadline("DK", "2027-03-31")
    (words,) = await _office_hears(lite, "2027-03-24", "2027-04-06")
    assert "Chưa tin nhắc nào về việc này đến được người của đơn vị" in words
    assert "đã được nhắc" not in words


async def test_the_close_of_a_consultation_asks_the_office_to_chase_nobody(lite: Stage) -> None:
    await lite.ground.unit("VP", "office")
    await lite.ground.officer()
    await lite.ground.deadline(
        "KT", "2027-03-31", for_kinds=["office"], work=Work.OTHER,
        ladder=[{"step": "T-1", "days": -1, "to": "office"}],
    )  # fmt: skip
    (words,) = await _office_hears(lite, "2027-03-30")
    assert words.startswith("Việc của cơ quan (Xã VP), còn 1 ngày")
    assert "đôn đốc" not in words
