"""Bồi dưỡng: a unit and a mentor stay with somebody; what is planned and what came of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import identity
from bot.clock import Calendar, OutsideCoverage, add_working_days, local_day
from bot.replies import UserError, choice, reply
from bot.vault import Vault
from handlers.deeds import forms, news, people, stages
from handlers.deeds.people import Hand
from storage.models.base import new_id
from storage.models.deeds import (
    Deed,
    DeedFile,
    DeedMilestone,
    DeedNurture,
    DeedState,
)
from storage.models.office import Officer
from storage.models.people import Person
from storage.models.units import Member, MemberRank, Unit

SILENT_DAYS = 10
"""Working days without any news, after which the office is told."""
LONGEST = 1000
MOST_SHOWN = 12


# Who stays with them


async def begin(
    session: AsyncSession,
    vault: Vault,
    officer: Officer,
    deed: Deed,
    unit: Unit,
    mentor: Member | str,
    now: datetime,
    *,
    seen: int,
) -> None:
    """Gives a confirmed deed to a unit and a mentor: one of its people, or a name typed. Of one
    that is nurtured already, changes both. The unit's people are told with the button that opens
    it, the tellers once. Raises UserError; nobody is asked in vain."""
    if unit.office_id != deed.office_id or unit.closed_at is not None:
        raise UserError("deed_review-not-yours")
    if isinstance(mentor, Member) and (mentor.unit_id != unit.id or mentor.left_at is not None):
        raise UserError("deed_nurture-mentor-gone")
    await stages.hold(session, deed, seen)
    is_new = deed.state != DeedState.NURTURED
    if is_new and not stages.may_become(deed, DeedState.NURTURED):
        raise stages.cannot(deed)
    chats = await people.chats_of(session, unit.id, *MemberRank)
    if not chats:
        raise UserError("deed_nurture-nobody-there", unit=unit.name)
    row = await session.get(DeedNurture, deed.id)
    if row is None:
        row = DeedNurture(deed_id=deed.id)
        session.add(row)
    row.unit_id, row.began_at, row.ended_at = unit.id, now, None
    row.mentor_member_id, row.mentor = None, None
    if isinstance(mentor, Member):
        row.mentor_member_id = mentor.id
    else:
        name = identity.checked_name(mentor)
        row.mentor = await _sealed(session, vault, deed, f"deed_nurtures.mentor:{deed.id}", name)
    deed.unit_id = unit.id
    actor = f"officer:{officer.id}"
    if is_new:
        await stages.become(session, deed, DeedState.NURTURED, actor, now)
        await news.tell_tellers(session, vault, deed, now)
    else:
        stages.changed(deed, actor)
        stages.note(session, now, actor, "change mentor", deed.id)
        await session.flush()
    clerks = await people.chats_of(session, unit.id, *people.CLERKS) or chats
    told = reply("deed_nurture-asked", unit=unit.name).offering(
        choice("deed_nurture-open-button", f"bd:o:{deed.id}")
    )
    helper = [chats[row.mentor_member_id]] if row.mentor_member_id in chats else []
    key = f"deed-nurture:{deed.id}:{deed.version}"
    await news.tell_each(session, vault, [*helper, *clerks.values()], told, now, key)


async def mentor_name(session: AsyncSession, vault: Vault, deed: Deed, row: DeedNurture) -> str:
    """ "" once it was forgotten."""
    if row.mentor_member_id is not None:
        return (await session.get_one(Member, row.mentor_member_id)).name
    subject = await session.get_one(Person, deed.subject_id)
    if row.mentor is None or subject.wrapped_key is None:
        return ""
    return vault.unseal(subject.wrapped_key, row.mentor, f"deed_nurtures.mentor:{deed.id}")


async def nurtured(session: AsyncSession, contact_id: int) -> Sequence[Deed]:
    """Those an officer's office has in nurture or in summary, or the units of this contact."""
    officer = await people.acting(session, contact_id)
    unit_ids = [post.unit.id for post in await people.posts(session, contact_id)]
    office_id = officer.office_id if officer is not None else None
    mine = or_(Deed.unit_id.in_(unit_ids), Deed.office_id == office_id)
    found = await session.scalars(
        select(Deed).where(mine, Deed.state.in_(people.IN_HAND)).order_by(Deed.state_at)
    )
    return found.all()


# What is planned, and what came of it


@dataclass(frozen=True)
class Entry:
    """A line of the timeline. A note is reached as it is written."""

    row: DeedMilestone
    what: str
    came: str
    """How it went."""
    files: int

    @property
    def since(self) -> datetime:
        return self.row.reached_at or self.row.made_at


async def timeline(session: AsyncSession, vault: Vault, deed: Deed) -> list[Entry]:
    """What happened in its order, then what is to come, the soonest first."""
    found = await session.execute(
        select(DeedMilestone, func.count(DeedFile.file_id))
        .outerjoin(DeedFile, DeedFile.milestone_id == DeedMilestone.id)
        .where(DeedMilestone.deed_id == deed.id)
        .group_by(DeedMilestone.id)
        .order_by(DeedMilestone.made_at)
    )
    subject = await session.get_one(Person, deed.subject_id)
    entries = [Entry(row, *_opened(vault, subject, row), files) for row, files in found]
    done = sorted((one for one in entries if one.row.reached_at), key=lambda one: one.since)
    to_come = [one for one in entries if not one.row.reached_at]
    return done + sorted(to_come, key=lambda one: one.row.due_on or date.max)


def _opened(vault: Vault, subject: Person, row: DeedMilestone) -> tuple[str, str]:
    if row.words is None or subject.wrapped_key is None:
        return "—", ""
    said = json.loads(vault.unseal(subject.wrapped_key, row.words, _place(row)))
    return said["what"], said["notes"]


def _place(row: DeedMilestone) -> str:
    return f"deed_milestones.words:{row.id}"


async def plan(
    session: AsyncSession,
    vault: Vault,
    hand: Hand,
    what: str,
    due_on: date | None,
    file_ids: Sequence[str],
    now: datetime,
) -> DeedMilestone:
    """What is to come, by a day or by none. Raises UserError."""
    if due_on is not None and due_on < local_day(now):
        raise UserError("deed_nurture-day-gone")
    row = await _new(session, hand, now)
    row.due_on = due_on
    await _write(session, vault, hand.deed, row, _words(what), "")
    _add_files(session, hand.deed, row, file_ids, now)
    _note(session, hand, "plan milestone", row, now)
    return row


async def note(
    session: AsyncSession,
    vault: Vault,
    hand: Hand,
    what: str,
    file_ids: Sequence[str],
    now: datetime,
) -> DeedMilestone:
    """What was done without a plan, in words or photographs. Raises UserError."""
    if not what.strip() and not file_ids:
        raise UserError("deed_nurture-needs-words")
    row = await _new(session, hand, now)
    row.reached_at = now
    await _write(session, vault, hand.deed, row, forms.checked_words(what, LONGEST), "")
    _add_files(session, hand.deed, row, file_ids, now)
    _note(session, hand, "note nurture", row, now)
    return row


async def reach(
    session: AsyncSession,
    vault: Vault,
    hand: Hand,
    row: DeedMilestone,
    came: str,
    file_ids: Sequence[str],
    now: datetime,
) -> None:
    """It is done; how it went may be said in words and photographs. Raises UserError."""
    _refuse_unless_nurtured(hand)
    if row.reached_at is not None:
        raise UserError("deed_nurture-reached", at=row.reached_at)
    subject = await session.get_one(Person, hand.deed.subject_id)
    what, _ = _opened(vault, subject, row)
    row.reached_at = now
    await _write(session, vault, hand.deed, row, what, forms.checked_words(came, LONGEST))
    _add_files(session, hand.deed, row, file_ids, now)
    _note(session, hand, "reach milestone", row, now)


async def milestone(session: AsyncSession, contact_id: int, id: str) -> tuple[Hand, DeedMilestone]:
    """Locked until the commit. Raises UserError unless this contact has its deed in hand."""
    row = await session.get(DeedMilestone, id, with_for_update=True, populate_existing=True)
    if row is None:
        raise UserError("deed_nurture-not-yours")
    return await people.hand(session, contact_id, row.deed_id), row


async def _new(session: AsyncSession, hand: Hand, now: datetime) -> DeedMilestone:
    _refuse_unless_nurtured(hand)
    row = DeedMilestone(id=new_id(), deed_id=hand.deed.id, made_at=now)
    session.add(row)
    await session.flush()
    return row


def _refuse_unless_nurtured(hand: Hand) -> None:
    if hand.deed.state != DeedState.NURTURED:
        raise stages.cannot(hand.deed)


def _words(text: str) -> str:
    words = forms.checked_words(text, LONGEST)
    if len(words) < 3:
        raise UserError("deed_nurture-needs-words")
    return words


async def _write(
    session: AsyncSession, vault: Vault, deed: Deed, row: DeedMilestone, what: str, notes: str
) -> None:
    said = json.dumps({"what": what, "notes": notes}, ensure_ascii=False)
    row.words = await _sealed(session, vault, deed, _place(row), said)


async def _sealed(
    session: AsyncSession, vault: Vault, deed: Deed, place: str, words: str
) -> bytes | None:
    """With the key of the praised; None once that was destroyed."""
    subject = await session.get_one(Person, deed.subject_id)
    return vault.seal(subject.wrapped_key, words, place) if subject.wrapped_key else None


def _add_files(
    session: AsyncSession,
    deed: Deed,
    row: DeedMilestone,
    file_ids: Sequence[str],
    now: datetime,
) -> None:
    session.add_all(
        DeedFile(deed_id=deed.id, file_id=file_id, milestone_id=row.id, added_at=now)
        for file_id in dict.fromkeys(file_ids)
    )


def _note(session: AsyncSession, hand: Hand, verb: str, row: DeedMilestone, now: datetime) -> None:
    """No version of the deed: two people who note something do not stand in each other's way."""
    stages.note(session, now, hand.actor, verb, hand.deed.id, row.id)


# What time does


@dataclass(frozen=True)
class Silent:
    deed: Deed
    unit: Unit
    since: datetime
    """Of the last news."""


async def silent(
    session: AsyncSession, office_id: str, calendar: Calendar, now: datetime
) -> list[Silent]:
    """Nurtured deeds of which nothing was heard for SILENT_DAYS, the longest first."""
    heard = (
        select(
            DeedMilestone.deed_id,
            func.max(DeedMilestone.made_at).label("made_at"),
            func.max(DeedMilestone.reached_at).label("reached_at"),
        )
        .group_by(DeedMilestone.deed_id)
        .subquery()
    )
    found = await session.execute(
        select(Deed, Unit, DeedNurture.began_at, heard.c.made_at, heard.c.reached_at)
        .join(DeedNurture, DeedNurture.deed_id == Deed.id)
        .join(Unit, Unit.id == DeedNurture.unit_id)
        .outerjoin(heard, heard.c.deed_id == Deed.id)
        .where(Deed.office_id == office_id, Deed.state == DeedState.NURTURED)
    )
    quiet = [
        Silent(deed, unit, max(one for one in times if one is not None))
        for deed, unit, *times in found
    ]
    return sorted(
        (one for one in quiet if _is_long_ago(calendar, one.since, now)),
        key=lambda one: one.since,
    )


async def due_between(session: AsyncSession, first: date, end: date) -> list[tuple[str, Deed]]:
    """(unit, deed) for each milestone from `first` to before `end` that is not reached yet."""
    found = await session.execute(
        select(DeedNurture.unit_id, Deed)
        .join(Deed, Deed.id == DeedNurture.deed_id)
        .join(DeedMilestone, DeedMilestone.deed_id == Deed.id)
        .where(
            Deed.state == DeedState.NURTURED, DeedMilestone.reached_at.is_(None),
            DeedMilestone.due_on >= first, DeedMilestone.due_on < end,
        )
        .order_by(DeedMilestone.due_on, Deed.id)
    )  # fmt: skip
    return [(unit_id, deed) for unit_id, deed in found]


def _is_long_ago(calendar: Calendar, since: datetime, now: datetime) -> bool:
    try:
        return add_working_days(calendar, local_day(since), SILENT_DAYS) < local_day(now)
    except OutsideCoverage:
        return False
