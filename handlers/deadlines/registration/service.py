"""What a unit owes and hands in: looking it up, handing it in, amending it, asking for more time.

Whoever acts is asked for again each time by `hold`: a button, a link or a page proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts, receipts
from bot.clock import closing_day
from bot.replies import UserError, Word, choice
from bot.text import tidy
from bot.vault import Vault
from handlers.deadlines import duties, people
from handlers.deadlines.people import Post
from handlers.deadlines.registration import forms
from handlers.deadlines.registration.forms import Answers, Form
from storage.models.base import new_id
from storage.models.consultations import Award, Receipt
from storage.models.deadlines import (
    OPEN_DUTIES,
    Deadline,
    DeadlineState,
    Duty,
    DutyState,
    Movement,
    Submission,
)
from storage.models.deeds import Deed, DeedState, DeedSummary
from storage.models.figures import DutyInMovement
from storage.models.units import Member, Unit

RECEIPT = "submission"
"""The kind of its receipts; a code opens the duty, whatever its version."""
SHOWN_FOR = timedelta(days=120)
"""How long after its date something done is still in the list; what is open always is."""
LONGEST_REASON = 500
_PROPOSED = (DeedState.PROPOSED, DeedState.PUBLISHED, DeedState.UNPUBLISHED)
"""A good deed that is told of meanwhile is proposed still."""
FURTHEST = timedelta(days=366)


@dataclass(frozen=True)
class Owing:
    """A duty, and the person who answers for it now."""

    post: Post
    deadline: Deadline
    duty: Duty

    @property
    def unit(self) -> Unit:
        return self.post.unit

    @property
    def due_at(self) -> datetime:
        return duties.due_at(self.deadline, self.duty)

    @property
    def state(self) -> DutyState:
        return DutyState(self.duty.state)

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_DUTIES

    def is_overdue(self, now: datetime) -> bool:
        return self.is_open and now >= self.due_at

    def can_hand_in(self, now: datetime) -> bool:
        """Open, whenever that is; or handed in, until the date."""
        return self.is_open or (self.state is DutyState.SUBMITTED and now < self.due_at)


# Looking


async def owed(session: AsyncSession, posts: Sequence[Post], now: datetime) -> list[Owing]:
    """What is open first, the soonest to be due on top; then what is done, the newest on top."""
    by_unit = {post.unit.id: post for post in reversed(posts)}
    rows = await session.execute(
        select(Duty, Deadline)
        .join(Deadline, Deadline.id == Duty.deadline_id)
        .where(
            Duty.unit_id.in_(by_unit),
            Deadline.state == DeadlineState.ARMED,
            Duty.state != DutyState.CANCELLED,
            or_(Duty.state.in_(OPEN_DUTIES), Deadline.due_at > now - SHOWN_FOR),
        )
    )
    found = [Owing(by_unit[duty.unit_id], deadline, duty) for duty, deadline in rows]
    waiting = sorted((one for one in found if one.is_open), key=lambda one: one.due_at)
    done = sorted((one for one in found if not one.is_open), key=lambda one: one.due_at)
    return waiting + done[::-1]


async def hold(session: AsyncSession, contact_id: int, duty_id: str) -> Owing:
    """The duty, locked until the commit. Raises UserError unless this contact is a live member
    of its unit: another's, one cancelled and one that never was all get the same answer."""
    row = (
        await session.execute(
            select(Duty, Deadline)
            .join(Deadline, Deadline.id == Duty.deadline_id)
            .where(Duty.id == duty_id, Deadline.state == DeadlineState.ARMED)
            .with_for_update(of=Duty)
            .execution_options(populate_existing=True)
        )
    ).one_or_none()
    if row is not None and row.Duty.state != DutyState.CANCELLED:
        for post in await people.posts(session, contact_id):
            if post.unit.id == row.Duty.unit_id:
                return Owing(post, row.Deadline, row.Duty)
    raise UserError("registration-not-yours")


@dataclass(frozen=True)
class Handed:
    """One version of what was handed in, opened."""

    submission: Submission
    form: Form
    answers: Answers


async def handed_in(
    session: AsyncSession, vault: Vault, duty: Duty, version: int | None = None
) -> Handed | None:
    """The newest version, or the one asked for; None when there is none."""
    found = await session.scalar(
        select(Submission).where(
            Submission.duty_id == duty.id, Submission.version == (version or duty.version)
        )
    )
    return opened(vault, found) if found else None


def opened(vault: Vault, submission: Submission) -> Handed:
    """Raises vault.Unreadable when it was altered or moved."""
    raw = vault.unseal_system(submission.content, _place(submission.id))
    return Handed(submission, *forms.load(raw))


@dataclass(frozen=True)
class Version:
    """A line of the history."""

    number: int
    at: datetime
    by: str


async def history(session: AsyncSession, duty: Duty) -> list[Version]:
    """Every version, the newest first, with the name of whoever handed it in."""
    rows = await session.execute(
        select(Submission.version, Submission.at, Member.name)
        .outerjoin(Member, Member.id == Submission.member_id)
        .where(Submission.duty_id == duty.id)
        .order_by(Submission.version.desc())
    )
    return [Version(number, at, name or "") for number, at, name in rows]


async def exemplars(session: AsyncSession, duty: Duty) -> Sequence[tuple[str, Award]]:
    """The good deeds that are proposed by it: a deed's id, and what for. Names lie sealed."""
    found = await session.execute(
        select(DeedSummary.deed_id, Award)
        .join(Award, Award.code == DeedSummary.award_code)
        .join(Deed, Deed.id == DeedSummary.deed_id)
        .where(DeedSummary.duty_id == duty.id, Deed.state.in_(_PROPOSED))
        .order_by(DeedSummary.written_at)
    )
    return [(deed_id, award) for deed_id, award in found]


# Handing in


@dataclass(frozen=True)
class Filed:
    code: str | None
    """The receipt, in clear for the only time; None but for the first version."""
    version: int
    repeated: bool = False
    """The very same was handed in before, and nothing changed."""


async def begin(session: AsyncSession, owing: Owing, now: datetime) -> None:
    """Somebody is at it. What was returned stays so, with its reason, until it is sent again."""
    refuse_closed(owing, now)
    if owing.state is DutyState.NOT_STARTED:
        await duties.become(session, owing.duty, DutyState.IN_PROGRESS, owing.post.actor, now)


async def submit(
    session: AsyncSession,
    vault: Vault,
    owing: Owing,
    answers: Answers,
    channel: str,
    now: datetime,
    seen: int,
) -> Filed:
    """A new version, the first with a receipt; earlier ones stay.

    `seen` is the version that the answers were written upon: when a colleague handed in another
    meanwhile, nothing is overwritten. Raises UserError.
    """
    duty = owing.duty
    form = await forms.form_of(session, owing.deadline)
    answers = forms.fitting(form, answers)
    if duty.version and await _is_the_same(session, vault, owing, form, answers):
        return Filed(None, duty.version, repeated=True)
    refuse_closed(owing, now)
    if seen != duty.version:
        again = choice("registration-card-button", f"dk:o:{duty.id}")
        raise UserError("registration-colleague-first", version=duty.version).offering(again)
    forms.check(form, answers)
    await duties.become(session, duty, DutyState.SUBMITTED, owing.post.actor, now)
    duty.version += 1
    _clear_request(duty)
    submission = Submission(
        id=new_id(), duty_id=duty.id, version=duty.version, form_hash=form.hash,
        file_ids=answers.files, channel=channel, member_id=owing.post.member.id, at=now,
    )  # fmt: skip
    submission.content = vault.seal_system(forms.dump(form, answers), _place(submission.id))
    session.add(submission)
    await session.flush()
    await _note_movements(session, duty, answers)
    code = None
    if duty.version == 1:
        code = await receipts.issue(session, vault, RECEIPT, duty.id, now)
    await session.flush()
    return Filed(code, duty.version)


async def _note_movements(session: AsyncSession, duty: Duty, answers: Answers) -> None:
    """So that a movement's registrations are counted without opening one."""
    await session.execute(delete(DutyInMovement).where(DutyInMovement.duty_id == duty.id))
    session.add_all(
        DutyInMovement(duty_id=duty.id, movement_code=code) for code in answers.targets
    )


async def note_all_movements(session: AsyncSession, vault: Vault) -> None:
    """Once, at the first start with that table: of what was handed in before there was one."""
    if await session.scalar(select(DutyInMovement.duty_id).limit(1)):
        return
    known = set(await session.scalars(select(Movement.code)))
    for duty, submission in await session.execute(
        select(Duty, Submission).join(
            Submission, (Submission.duty_id == Duty.id) & (Submission.version == Duty.version)
        )
    ):
        answers = opened(vault, submission).answers
        answers.targets = {code: one for code, one in answers.targets.items() if code in known}
        await _note_movements(session, duty, answers)


async def _is_the_same(
    session: AsyncSession, vault: Vault, owing: Owing, form: Form, answers: Answers
) -> bool:
    if owing.state not in (DutyState.SUBMITTED, DutyState.ACCEPTED):
        return False
    newest = await handed_in(session, vault, owing.duty)
    return newest is not None and (newest.form, newest.answers) == (form, answers)


def refuse_closed(owing: Owing, now: datetime) -> None:
    """Raises UserError, saying what may be done instead."""
    if owing.can_hand_in(now):
        return
    card = choice("registration-card-button", f"dk:o:{owing.duty.id}")
    if owing.state is DutyState.NOT_APPLICABLE:
        raise UserError("registration-not-applicable-now").offering(card)
    refusal = UserError("registration-date-passed", title=owing.deadline.title)
    if owing.state is DutyState.ACCEPTED:
        refusal = UserError("registration-accepted-already")
    raise refusal.offering(card, choice("common-human-button", "human"))


def _place(submission_id: str) -> str:
    return f"submissions.content:{submission_id}"


async def more_receipts(session: AsyncSession, vault: Vault, owing: Owing, now: datetime) -> str:
    """One more code of the same, for whoever may never have seen the first."""
    return await receipts.issue(session, vault, RECEIPT, owing.duty.id, now)


# Saying that it is none of theirs, or takes longer


def checked_reason(text: str) -> str:
    """Raises UserError when there is none, or too much."""
    words = " ".join(tidy(text).split())
    if len(words) < 3:
        raise UserError("registration-reason-needed")
    if len(words) > LONGEST_REASON:
        raise UserError("registration-words-too-long", longest=LONGEST_REASON, length=len(words))
    return words


async def not_applicable(session: AsyncSession, owing: Owing, reason: str, now: datetime) -> None:
    """Raises UserError once something was handed in: the office decides then."""
    words = checked_reason(reason)
    actor = owing.post.actor
    await duties.become(session, owing.duty, DutyState.NOT_APPLICABLE, actor, now, words)
    _clear_request(owing.duty)


async def reopen(session: AsyncSession, owing: Owing, now: datetime) -> None:
    """It is theirs after all."""
    await duties.become(session, owing.duty, DutyState.NOT_STARTED, owing.post.actor, now)


async def ask_more_time(
    session: AsyncSession, owing: Owing, day: date, reason: str, now: datetime
) -> None:
    """Asks the office for `day` in place of the date. Raises UserError; the office answers."""
    words = checked_reason(reason)
    if not owing.is_open:
        raise UserError("duties-cannot-become", state=Word(f"duty-{owing.state}"))
    last = max(closing_day(owing.due_at), closing_day(now))
    if not last < day <= last + FURTHEST:
        raise UserError("registration-more-time-bad-day", day=last)
    owing.duty.more_time_until, owing.duty.more_time_reason = day, words
    acts.note(session, now, owing.post.actor, "ask more time", "duty", owing.duty.id, words)


def _clear_request(duty: Duty) -> None:
    duty.more_time_until, duty.more_time_reason = None, ""


# The receipt


@dataclass(frozen=True)
class Standing:
    """What a receipt opens: where it stands, and nobody's name."""

    duty: Duty
    deadline: Deadline
    unit: Unit
    at: datetime
    """When the newest version came in."""


async def standing(session: AsyncSession, receipt: Receipt) -> Standing | None:
    row = (
        await session.execute(
            select(Duty, Deadline, Unit, Submission.at)
            .join(Deadline, Deadline.id == Duty.deadline_id)
            .join(Unit, Unit.id == Duty.unit_id)
            .join(
                Submission,
                (Submission.duty_id == Duty.id) & (Submission.version == Duty.version),
            )
            .where(Duty.id == receipt.subject_id)
        )
    ).one_or_none()
    return Standing(*row) if row else None
