"""What an officer does with what units hand in: see what waits, read, accept, return, give time.

Every function asks the officer's row and office again; a button proves nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts, outbox, politely
from bot.clock import OutsideCoverage, end_of_day, load_calendar
from bot.replies import Reply, Until, UserError, Word, choice, reply
from bot.vault import Vault
from handlers.deadlines import duties
from handlers.deadlines.registration import service
from handlers.deadlines.registration.review import rights
from handlers.deadlines.registration.service import Handed
from handlers.deadlines.reminders import ladder
from storage.models.deadlines import (
    OPEN_DUTIES,
    Deadline,
    DeadlineState,
    Duty,
    DutyState,
)
from storage.models.office import Act, Officer
from storage.models.people import Contact
from storage.models.traffic import StoredFile
from storage.models.units import Member, MemberAddress, Unit

PAGE = 20


# What waits


@dataclass(frozen=True)
class Count:
    """One deadline in figures. A duty may be late and accepted at once."""

    deadline: Deadline
    waiting: int
    more_time: int
    returned: int
    accepted: int
    not_applicable: int
    not_ours: int
    """Of these, what no officer has opened since the unit said so."""
    missing: int
    """Past their date, and not handed in."""
    coming: int
    late: int


async def counts(
    session: AsyncSession, officer: Officer, now: datetime, deadline_id: str = ""
) -> list[Count]:
    """Every armed deadline of the office with something to do, what waits longest on top."""

    query = (
        select(
            Duty.deadline_id,
            func.min(case((Duty.state == DutyState.SUBMITTED, Duty.state_at))),
            *(_many(kind(now)) for kind in _KINDS.values()),
        )
        .join(Deadline, Deadline.id == Duty.deadline_id)
        .where(Deadline.office_id == officer.office_id, Deadline.state == DeadlineState.ARMED)
        .group_by(Duty.deadline_id)
    )
    if deadline_id:
        query = query.where(Deadline.id == deadline_id)
    found: list[tuple[bool, datetime, Count]] = []
    for one_id, oldest, *figures in await session.execute(query):
        deadline = await session.get_one(Deadline, one_id)
        figured = Count(deadline, **dict(zip(_KINDS, figures, strict=True)))
        if deadline_id or any(getattr(figured, kind) for kind in TO_DO):
            found.append((oldest is None, oldest or deadline.due_at, figured))
    return [one for _, _, one in sorted(found, key=lambda each: each[:2])]


def _many(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _past(now: datetime) -> ColumnElement[bool]:
    """The unit's own date wins where it is later."""
    own = and_(Duty.own_due_at.is_not(None), Duty.own_due_at > now)
    return and_(Deadline.due_at <= now, ~func.coalesce(own, False))


def _state(state: DutyState) -> ColumnElement[bool]:
    return Duty.state == state


def _unread() -> ColumnElement[bool]:
    read = select(Act.id).where(
        Act.object_kind == "duty", Act.object_id == Duty.id,
        Act.verb.in_(("read", "duty not_applicable")),
        Act.actor.startswith("officer:", autoescape=True), Act.at >= Duty.state_at,
    )  # fmt: skip
    return ~read.correlate(Duty).exists()


_NOT_BEGUN = (DutyState.NOT_STARTED, DutyState.IN_PROGRESS)
_Kind = Callable[[datetime], ColumnElement[bool]]
_KINDS: dict[str, _Kind] = {
    "waiting": lambda now: _state(DutyState.SUBMITTED),
    "more_time": lambda now: and_(Duty.more_time_until.is_not(None), Duty.state.in_(OPEN_DUTIES)),
    "returned": lambda now: _state(DutyState.RETURNED),
    "accepted": lambda now: _state(DutyState.ACCEPTED),
    "not_applicable": lambda now: _state(DutyState.NOT_APPLICABLE),
    "not_ours": lambda now: and_(_state(DutyState.NOT_APPLICABLE), _unread()),
    "missing": lambda now: and_(Duty.state.in_(_NOT_BEGUN), _past(now)),
    "coming": lambda now: and_(Duty.state.in_(_NOT_BEGUN), ~_past(now)),
    "late": lambda now: Duty.late.is_(True),
}
LISTED = ("waiting", "more_time", "missing", "late", "returned", "not_applicable")
"""The lists an officer can open."""
TO_DO = ("waiting", "more_time", "not_ours", "missing")
"""What puts a deadline before an officer."""


@dataclass(frozen=True)
class Listed:
    """One unit in a list."""

    duty: Duty
    unit: Unit


async def listed(
    session: AsyncSession, officer: Officer, deadline_id: str, kind: str, now: datetime
) -> list[Listed]:
    """The longest waiting first where something waits, else by the unit's name."""
    order = (Duty.state_at, Unit.name) if kind in ("waiting", "more_time") else (Unit.name,)
    rows = await session.execute(
        select(Duty, Unit)
        .join(Unit, Unit.id == Duty.unit_id)
        .join(Deadline, Deadline.id == Duty.deadline_id)
        .where(
            Deadline.id == deadline_id,
            Deadline.office_id == officer.office_id,
            Deadline.state == DeadlineState.ARMED,
            Duty.state != DutyState.CANCELLED,
            _KINDS[kind](now),
        )
        .order_by(*order)
    )
    return [Listed(duty, unit) for duty, unit in rows]


async def next_waiting(
    session: AsyncSession, officer: Officer, deadline_id: str, after: Duty | None, now: datetime
) -> str | None:
    """The id of the duty that has waited longest, or of the one that follows `after`."""
    every = await listed(session, officer, deadline_id, "waiting", now)
    ids = [one.duty.id for one in every]
    if after is None or after.id not in ids:
        return next((one for one in ids if after is None or one != after.id), None)
    following = ids[ids.index(after.id) + 1 :]
    return following[0] if following else None


# One of them


@dataclass(frozen=True)
class Case:
    """A duty as an officer sees it; `seen` names this very state of it."""

    duty: Duty
    deadline: Deadline
    unit: Unit
    handed: Handed | None
    seen: str
    decided_by: str = ""


async def read(
    session: AsyncSession, vault: Vault, officer: Officer, duty_id: str, now: datetime
) -> Case:
    found = await held(session, vault, officer, duty_id)
    acts.note(session, now, rights.actor(officer), "read", "duty", duty_id)
    return found


async def held(session: AsyncSession, vault: Vault, officer: Officer, duty_id: str) -> Case:
    """Locked until the commit. Another office's, a cancelled one and one that never was all get
    the same answer. Raises UserError."""
    if officer.revoked_at is not None:
        raise UserError("registration_review-officers-only")
    row = (
        await session.execute(
            select(Duty, Deadline, Unit)
            .join(Deadline, Deadline.id == Duty.deadline_id)
            .join(Unit, Unit.id == Duty.unit_id)
            .where(
                Duty.id == duty_id,
                Duty.state != DutyState.CANCELLED,
                Deadline.office_id == officer.office_id,
                Deadline.state == DeadlineState.ARMED,
            )
            .with_for_update(of=Duty)
            .execution_options(populate_existing=True)
        )
    ).one_or_none()
    if row is None:
        raise UserError("registration_review-not-yours")
    duty, deadline, unit = row
    handed = await service.handed_in(session, vault, duty)
    return Case(duty, deadline, unit, handed, _stamp(duty), await _decided_by(session, duty))


def _stamp(duty: Duty) -> str:
    """Changes with every change an officer should have seen before deciding."""
    asked = duty.more_time_until or ""
    told = f"{duty.version}:{duty.state}:{duty.state_at.timestamp()}:{asked}:{duty.own_due_at}"
    return hashlib.blake2s(told.encode(), digest_size=4).hexdigest()


async def _decided_by(session: AsyncSession, duty: Duty) -> str:
    actor = await session.scalar(
        select(Act.actor)
        .where(
            Act.object_kind == "duty", Act.object_id == duty.id, Act.actor.like("officer:%"),
            Act.verb.in_(_DECIDING),
        )
        .order_by(Act.id.desc())
        .limit(1)
    )  # fmt: skip
    judge = await session.get(Officer, actor.partition(":")[2]) if actor else None
    return judge.name if judge else ""


_DECIDING = (
    "duty accepted", "duty returned", "duty not_started", "give more time", "refuse more time",
)  # fmt: skip


async def files(session: AsyncSession, handed: Handed) -> Sequence[StoredFile]:
    """In the order in which they were handed in."""
    rows = await session.scalars(
        select(StoredFile).where(StoredFile.id.in_(handed.submission.file_ids))
    )
    by_id = {row.id: row for row in rows}
    return [by_id[one] for one in handed.submission.file_ids if one in by_id]


# Deciding


@dataclass(frozen=True)
class Judging:
    """All that a decision needs."""

    session: AsyncSession
    vault: Vault
    officer: Officer
    duty_id: str
    seen: str
    now: datetime

    async def case(self) -> Case:
        """Raises UserError for another's decision, and for the officer's own unit."""
        found = await held(self.session, self.vault, self.officer, self.duty_id)
        if found.seen != self.seen:
            raise _changed(found)
        await rights.refuse_own_unit(self.session, self.officer, found.unit.id)
        return found

    @property
    def actor(self) -> str:
        return rights.actor(self.officer)


def _changed(found: Case) -> UserError:
    """Two officers at once: the second is told who decided, and what."""
    again = choice("registration_review-open-button", f"dv:o:{found.duty.id}")
    if found.decided_by and found.duty.state in (DutyState.ACCEPTED, DutyState.RETURNED):
        return UserError(
            "registration_review-decided-first", officer=found.decided_by, unit=found.unit.name,
            at=found.duty.state_at, state=Word(f"duty-{DutyState(found.duty.state)}"),
        ).offering(again)  # fmt: skip
    return UserError("registration_review-changed", unit=found.unit.name).offering(again)


async def accept(judging: Judging) -> Case:
    found = await judging.case()
    await duties.become(
        judging.session, found.duty, DutyState.ACCEPTED, judging.actor, judging.now
    )
    await _tell(judging, found, reply("registration_review-told-accepted", **_about(found)))
    return found


async def give_back(judging: Judging, reason: str) -> Case:
    """With a reason that its people read. Also what was accepted by mistake."""
    found, words = await judging.case(), service.checked_reason(reason)
    await duties.become(
        judging.session, found.duty, DutyState.RETURNED, judging.actor, judging.now, words
    )
    told = reply("registration_review-told-returned", reason=words, **_about(found))
    await _tell(judging, found, told)
    return found


async def still_theirs(judging: Judging, reason: str) -> Case:
    """ "Not ours" is not agreed to: the unit owes it again."""
    found, words = await judging.case(), service.checked_reason(reason)
    if found.duty.state != DutyState.NOT_APPLICABLE:
        raise _changed(found)
    await duties.become(
        judging.session, found.duty, DutyState.NOT_STARTED, judging.actor, judging.now, words
    )
    told = reply("registration_review-told-theirs", reason=words, **_about(found))
    await _tell(judging, found, told)
    return found


async def give_time(judging: Judging) -> Case:
    """The day the unit asked for becomes its own date. What was planned for the old is dropped.

    Raises UserError where its reminders would leave the holiday table.
    """
    found = await judging.case()
    day = _asked(found)
    await _require_steps(judging.session, found, day)
    found.duty.own_due_at = end_of_day(day)
    found.duty.more_time_until, found.duty.more_time_reason = None, ""
    await duties.leave_date(judging.session, found.duty, judging.now)
    _note(judging, "give more time", str(day))
    told = reply("registration_review-told-time", due=Until(end_of_day(day)), **_about(found))
    await _tell(judging, found, told)
    return found


async def _require_steps(session: AsyncSession, found: Case, day: date) -> None:
    """Raises UserError where a reminder before or after that day leaves the holiday table."""
    terms = ladder.terms(found.deadline, end_of_day(day))
    try:
        ladder.occurrences(terms, await load_calendar(session))
    except OutsideCoverage as error:
        raise UserError(
            "calendar-outside", day=error.day, first=error.covered_from, last=error.covered_until
        ).offering(choice("registration_review-open-button", f"dv:o:{found.duty.id}")) from None


async def refuse_time(judging: Judging, reason: str) -> Case:
    found, words = await judging.case(), service.checked_reason(reason)
    _asked(found)
    found.duty.more_time_until, found.duty.more_time_reason = None, ""
    _note(judging, "refuse more time", words)
    due = Until(duties.due_at(found.deadline, found.duty))
    told = reply("registration_review-told-no-time", reason=words, due=due, **_about(found))
    await _tell(judging, found, told)
    return found


def _asked(found: Case) -> date:
    day: date | None = found.duty.more_time_until
    if day is None:
        raise _changed(found)
    return day


def _note(judging: Judging, verb: str, reason: str) -> None:
    acts.note(judging.session, judging.now, judging.actor, verb, "duty", judging.duty_id, reason)


# The unit's people


def _about(found: Case) -> dict[str, str]:
    return {"unit": found.unit.name, "title": found.deadline.title}


async def _tell(judging: Judging, found: Case, words: Reply) -> None:
    """Everybody who answers for the unit, each in one chat; whoever handed it in even when they
    want to hear of nothing else."""
    sender = found.handed.submission.member_id if found.handed else None
    message = words.offering(choice("registration-card-button", f"dk:o:{found.duty.id}"))
    chats = await _chats(judging.session, found.unit.id, sender)
    moments = await politely.moments(judging.session, chats, judging.now)
    for contact_id in chats:
        due_at = moments[contact_id]
        outbox.tell(judging.session, judging.vault, contact_id, message, due_at=due_at)


async def _chats(session: AsyncSession, unit_id: str, sender: str | None) -> list[int]:
    rows = await session.execute(
        select(Member.id, MemberAddress.contact_id)
        .join(MemberAddress, MemberAddress.member_id == Member.id)
        .join(Contact, Contact.id == MemberAddress.contact_id)
        .where(
            Member.unit_id == unit_id,
            Member.left_at.is_(None),
            MemberAddress.unreachable_at.is_(None),
            Contact.blocked.is_(False),
            or_(Contact.opted_out_at.is_(None), Member.id == sender),
        )
        .order_by(MemberAddress.added_at)
    )
    first: dict[str, int] = {}
    for member_id, contact_id in rows:
        first.setdefault(member_id, contact_id)
    return list(dict.fromkeys(first.values()))
