"""The dates of an office's year: copied from templates, set, changed, moved, cancelled.

What goes out hangs on them: whoever moves or cancels an armed date tells the people once, and
what was planned for the old date is not sent any more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal, TypedDict

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts
from bot.clock import Calendar, OutsideCoverage, closing_day, load_calendar, local_day
from bot.replies import Until, UserError, reply
from bot.vault import Vault
from handlers.deadlines import duties
from handlers.deadlines.calendar import fighter, office_unit, telling, templates
from handlers.deadlines.calendar.templates import Planned, Template
from handlers.deadlines.reminders import ladder as steps
from handlers.deadlines.reminders.ladder import DEFAULT_LADDER
from storage.models.base import new_id
from storage.models.deadlines import (
    OPEN_DUTIES,
    Deadline,
    DeadlineMove,
    DeadlineState,
    Duty,
    DutyState,
    Rung,
    Work,
)
from storage.models.reminders import WAITING, Reminder
from storage.models.units import Unit, UnitKind

LONGEST_TITLE = 300
LONGEST_REASON = 500
_CODE = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,47}")
_TERMS = ("title", "work", "for_kinds", "checklist", "ladder", "in_working_days", "mandatory",
          "urgent", "basis", "source", "verified")  # fmt: skip


class Terms(TypedDict, total=False):
    """What may be said of a deadline; what is left out stays as it is."""

    title: str
    work: Work
    due_at: datetime
    for_kinds: list[str]
    checklist: list[str]
    ladder: list[Rung]
    in_working_days: bool
    mandatory: bool
    urgent: bool
    basis: str
    source: str
    verified: bool


# Finding


async def by_code(session: AsyncSession, office_id: str, code: str) -> Deadline:
    """In whatever state, held until the commit. Raises UserError when there is none."""
    found: Deadline | None = await session.scalar(
        select(Deadline)
        .where(Deadline.office_id == office_id, Deadline.code == code.strip().upper())
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise UserError("calendar-no-such-code", code=code[:48])
    return found


async def listed(
    session: AsyncSession, office_id: str, year: int | None = None
) -> Sequence[Deadline]:
    """Soonest first; of every year when none is named."""
    asked = select(Deadline).where(Deadline.office_id == office_id)
    if year is not None:
        asked = asked.where(Deadline.year == year)
    found = await session.scalars(asked.order_by(Deadline.due_at, Deadline.code))
    return found.all()


async def standing(
    session: AsyncSession, deadlines: Sequence[Deadline]
) -> dict[str, dict[DutyState, int]]:
    """How many units stand where, by the deadline's id."""
    found = await session.execute(
        select(Duty.deadline_id, Duty.state, func.count())
        .where(Duty.deadline_id.in_([one.id for one in deadlines]))
        .group_by(Duty.deadline_id, Duty.state)
    )
    counts: dict[str, dict[DutyState, int]] = {one.id: {} for one in deadlines}
    for deadline_id, state, count in found:
        counts[deadline_id][DutyState(state)] = count
    return counts


async def moves(session: AsyncSession, deadline: Deadline) -> Sequence[DeadlineMove]:
    """Oldest first."""
    found = await session.scalars(
        select(DeadlineMove)
        .where(DeadlineMove.deadline_id == deadline.id)
        .order_by(DeadlineMove.at, DeadlineMove.id)
    )
    return found.all()


# Setting


async def add(
    session: AsyncSession, office_id: str, code: str, terms: Terms, actor: str, now: datetime
) -> Deadline:
    """A draft: nothing is owed and nobody hears of it before it is armed.

    Raises UserError, and OutsideCoverage beyond the holiday table.
    """
    code = code.strip().upper()
    if not _CODE.fullmatch(code):
        raise UserError("calendar-bad-code", code=code[:48])
    taken = select(Deadline.id).where(Deadline.office_id == office_id, Deadline.code == code)
    if await session.scalar(taken):
        raise UserError("calendar-code-taken", code=code)
    due_at = terms["due_at"]
    await _refuse_uncovered(session, due_at)
    if UnitKind.OFFICE in terms.get("for_kinds", ()):
        await office_unit.ensure(session, office_id)
    deadline = Deadline(
        id=new_id(), office_id=office_id, code=code, year=closing_day(due_at).year,
        title=_title(terms["title"]), work=terms["work"], due_at=due_at,
        ladder=terms.get("ladder") or list(DEFAULT_LADDER), state=DeadlineState.DRAFT,
    )  # fmt: skip
    _take_over(deadline, terms)
    session.add(deadline)
    await session.flush()
    acts.note(session, now, actor, "add deadline", "deadline", deadline.id)
    if deadline.urgent:
        _note_urgent(session, deadline, actor, now)
    return deadline


async def edit(
    session: AsyncSession, deadline: Deadline, terms: Terms, actor: str, now: datetime
) -> Sequence[str]:
    """Changes what is given; returns the names of what really changed.

    Of an armed deadline the date is moved instead, with its reason. Raises UserError, and
    OutsideCoverage.
    """
    _refuse_cancelled(deadline)
    due_at = terms.get("due_at", deadline.due_at)
    changed = [name for name, value in terms.items() if getattr(deadline, name) != value]
    if due_at != deadline.due_at:
        if deadline.state == DeadlineState.ARMED:
            raise UserError("calendar-armed-is-moved", code=deadline.code)
        await _refuse_uncovered(session, due_at)
        _set_due(deadline, due_at)
    if deadline.state == DeadlineState.ARMED:
        await _require_steps(session, deadline, terms)
    _take_over(deadline, terms)
    await _follow(session, deadline, changed, actor, now)
    if changed:
        what = ", ".join(changed)
        acts.note(session, now, actor, "edit deadline", "deadline", deadline.id, what)
    return changed


def _take_over(deadline: Deadline, terms: Terms) -> None:
    given: Mapping[str, Any] = terms
    for name in _TERMS:
        if name in given:
            setattr(deadline, name, given[name])
    deadline.title = _title(deadline.title)


async def _follow(
    session: AsyncSession,
    deadline: Deadline,
    changed: Sequence[str],
    actor: str,
    now: datetime,
) -> None:
    """What a change means for a deadline that runs already. Steps taken off the ladder are not
    sent: the feed asks the ladder again."""
    if "urgent" in changed:
        _note_urgent(session, deadline, actor, now)
    if deadline.state != DeadlineState.ARMED:
        return
    if "for_kinds" in changed:
        await duties.ensure(session, deadline, now)
        await _release_others(session, deadline, actor, now)


async def _release_others(
    session: AsyncSession, deadline: Deadline, actor: str, now: datetime
) -> None:
    """Units to whom it does not apply any more owe it no longer; what they did stays."""
    bearers = set(await session.scalars(duties.bearers(deadline).with_only_columns(Unit.id)))
    for duty in await _duties(session, deadline, OPEN_DUTIES):
        if duty.unit_id not in bearers:
            await duties.become(session, duty, DutyState.CANCELLED, actor, now)


def _note_urgent(session: AsyncSession, deadline: Deadline, actor: str, now: datetime) -> None:
    verb = "make urgent" if deadline.urgent else "make not urgent"
    acts.note(session, now, actor, verb, "deadline", deadline.id)


def _set_due(deadline: Deadline, due_at: datetime) -> None:
    """A draft is for the year of its date: a slip of the pen is mended with it."""
    deadline.due_at = due_at
    if deadline.state == DeadlineState.DRAFT:
        deadline.year = closing_day(due_at).year


def _title(text: str) -> str:
    title = " ".join(text.split())
    if not title or len(title) > LONGEST_TITLE:
        raise UserError("calendar-title-needed", longest=LONGEST_TITLE)
    return title


async def _refuse_uncovered(session: AsyncSession, due_at: datetime) -> None:
    (await load_calendar(session)).require(closing_day(due_at))


async def _require_steps(session: AsyncSession, deadline: Deadline, terms: Terms) -> None:
    """As arming asks it: raises OutsideCoverage where a step leaves the holiday table."""
    asked = steps.terms(deadline, terms.get("due_at"))
    asked = replace(
        asked,
        ladder=terms.get("ladder", asked.ladder),
        in_working_days=terms.get("in_working_days", asked.in_working_days),
        urgent=terms.get("urgent", asked.urgent),
    )
    steps.occurrences(asked, await load_calendar(session))


def _refuse_cancelled(deadline: Deadline) -> None:
    if deadline.state == DeadlineState.CANCELLED:
        raise UserError("calendar-is-cancelled", code=deadline.code)


# Moving and cancelling


async def move(
    session: AsyncSession,
    vault: Vault,
    deadline: Deadline,
    due_at: datetime,
    reason: str,
    actor: str,
    now: datetime,
) -> int:
    """Keeps the old date with the reason, re-plans, and tells who owes it; returns how many.

    What was asked for by a person ("remind me tomorrow") still comes. Raises UserError, and
    OutsideCoverage.
    """
    reason = checked_reason(reason)
    await check_move(session, deadline, due_at, now)
    old = deadline.due_at
    await shift(session, deadline, due_at, reason, actor, now)
    if deadline.state != DeadlineState.ARMED:
        return 0
    news = reply(
        "calendar-told-moved", title=telling.short(deadline.title), old=Until(old),
        new=Until(due_at), reason=telling.short(reason), units="",
    )  # fmt: skip
    key = f"moved:{deadline.id}:{deadline.revision}"
    return await telling.tell(session, vault, deadline, news, key, now, moved_from=old)


async def check_move(
    session: AsyncSession, deadline: Deadline, due_at: datetime, now: datetime
) -> None:
    """Raises UserError and OutsideCoverage where `move` would, but for the reason."""
    require_movable(deadline)
    if due_at == deadline.due_at:
        raise UserError("calendar-move-same", due=Until(due_at))
    if deadline.state == DeadlineState.ARMED and due_at <= now:
        raise UserError("calendar-move-past", due=Until(due_at))
    await _refuse_uncovered(session, due_at)
    if deadline.state == DeadlineState.ARMED:
        await _require_steps(session, deadline, {"due_at": due_at})


def require_movable(deadline: Deadline) -> None:
    """Raises UserError."""
    _refuse_cancelled(deadline)
    if follows_consultation(deadline):
        raise UserError("calendar-of-consultation", code=deadline.code)


def follows_consultation(deadline: Deadline) -> bool:
    """The end of a consultation: it moves with that alone."""
    return bool(deadline.consultation_id) and deadline.work == Work.OTHER


async def shift(
    session: AsyncSession,
    deadline: Deadline,
    due_at: datetime,
    reason: str,
    actor: str,
    now: datetime,
) -> None:
    """The move without telling anybody. Once it runs, whatever year it was for, it stays for.

    The ladder of the new date begins now: of its steps none that is past is sent.
    """
    session.add(
        DeadlineMove(
            id=new_id(), deadline_id=deadline.id, old_due_at=deadline.due_at, new_due_at=due_at,
            reason=reason, actor=actor, at=now,
        )
    )  # fmt: skip
    _set_due(deadline, due_at)
    deadline.revision += 1
    if deadline.state == DeadlineState.ARMED:
        deadline.planned_until = max(deadline.planned_until or now, now)
        await duties.leave_date(session, deadline, now)
    acts.note(session, now, actor, "move deadline", "deadline", deadline.id, reason)
    await session.flush()


async def cancel(
    session: AsyncSession, vault: Vault, deadline: Deadline, reason: str, actor: str, now: datetime
) -> int:
    """Nothing more is owed and nothing more goes out; returns how many people were told."""
    reason = checked_reason(reason)
    _refuse_cancelled(deadline)
    if deadline.consultation_id:
        raise UserError("calendar-of-consultation", code=deadline.code)
    told = 0
    if deadline.state == DeadlineState.ARMED:
        news = reply(
            "calendar-told-cancelled", title=telling.short(deadline.title),
            due=Until(deadline.due_at), reason=telling.short(reason), units="",
        )  # fmt: skip
        key = f"cancelled:{deadline.id}"
        told = await telling.tell(session, vault, deadline, news, key, now)
    for duty in await _duties(session, deadline, (*OPEN_DUTIES, DutyState.SUBMITTED)):
        await duties.become(session, duty, DutyState.CANCELLED, actor, now, reason)
    await duties.skip_waiting(session, Reminder.deadline_id == deadline.id, "cancelled", now)
    deadline.state = DeadlineState.CANCELLED
    acts.note(session, now, actor, "cancel deadline", "deadline", deadline.id, reason)
    return told


async def waiting(session: AsyncSession, deadline: Deadline) -> int:
    """How many reminders stand in the ledger that a move would drop."""
    asked = select(func.count()).select_from(Reminder).where(_waiting(deadline))
    return await session.scalar(asked) or 0


def _waiting(deadline: Deadline) -> ColumnElement[bool]:
    """Without those that a person asked for."""
    on_ladder = ~Reminder.step.startswith(steps.AGAIN, autoescape=True)
    return _waiting_at_all(deadline) & on_ladder


def _waiting_at_all(deadline: Deadline) -> ColumnElement[bool]:
    return (Reminder.deadline_id == deadline.id) & Reminder.state.in_(WAITING)


async def _duties(
    session: AsyncSession, deadline: Deadline, states: Sequence[DutyState]
) -> Sequence[Duty]:
    found = await session.scalars(
        select(Duty).where(Duty.deadline_id == deadline.id, Duty.state.in_(states))
    )
    return found.all()


def checked_reason(text: str) -> str:
    """On one line. Raises UserError."""
    reason = " ".join(text.split())
    if not reason:
        raise UserError("calendar-reason-needed")
    if len(reason) > LONGEST_REASON:
        raise UserError("calendar-reason-long", longest=LONGEST_REASON)
    return reason


# A year from the templates

Outcome = Literal["added", "changed", "kept", "armed"]


@dataclass(frozen=True)
class Copied:
    outcome: Outcome
    deadline: Deadline
    planned: Planned


async def copy(
    session: AsyncSession,
    office_id: str,
    year: int,
    dates: Mapping[str, date],
    actor: str,
    now: datetime,
) -> Sequence[Copied]:
    """Brings the templates into a year as drafts; again, it changes only the dates now given.

    `dates`: the office's own, by the template's code; an optional template comes only by being
    named there. An armed deadline is left alone ("armed" when its date would differ). Raises
    UserError and OutsideCoverage before anything is written.
    """
    chosen = [templates.template(code) for code in dates]
    usual = [one for one in templates.templates().values() if not one.optional]
    calendar = await load_calendar(session)
    planned = [
        one
        for template in dict.fromkeys((*usual, *chosen))
        for one in templates.plan(template, year, calendar, dates.get(template.code))
    ]
    known = {one.code: one for one in await listed(session, office_id)}
    named = {template.code for template in chosen}
    return [
        await _copy(session, office_id, one, known.get(one.code), named, actor, now)
        for one in planned
    ]


async def copy_back_plan(
    session: AsyncSession,
    office_id: str,
    template: Template,
    year: int,
    back: fighter.BackPlan,
    actor: str,
    now: datetime,
) -> Sequence[Copied]:
    """Writes the four dates of a plan as drafts; those that are there take its dates over."""
    planned = templates.from_back_plan(template, f"{template.code}-{year}", back)
    known = {one.code: one for one in await listed(session, office_id)}
    return [
        await _copy(session, office_id, one, known.get(one.code), {template.code}, actor, now)
        for one in planned
    ]


async def _copy(
    session: AsyncSession,
    office_id: str,
    planned: Planned,
    known: Deadline | None,
    named: set[str],
    actor: str,
    now: datetime,
) -> Copied:
    template = planned.template
    if known is None:
        made = await add(session, office_id, planned.code, _terms(planned), actor, now)
        made.template = template.code
        return Copied("added", made, planned)
    is_cancelled = known.state == DeadlineState.CANCELLED
    if is_cancelled or template.code not in named or known.due_at == planned.due_at:
        return Copied("kept", known, planned)
    if known.state != DeadlineState.DRAFT:
        return Copied("armed", known, planned)
    await edit(session, known, {"due_at": planned.due_at}, actor, now)
    return Copied("changed", known, planned)


def _terms(planned: Planned) -> Terms:
    template = planned.template
    return {
        "title": planned.title, "work": planned.work, "due_at": planned.due_at,
        "for_kinds": planned.for_kinds, "checklist": planned.checklist, "ladder": planned.ladder,
        "in_working_days": template.in_working_days, "mandatory": template.mandatory,
        "basis": template.basis, "source": template.source, "verified": template.verified,
    }  # fmt: skip


def is_day_off(calendar: Calendar, due_at: datetime) -> bool:
    """The last day is one on which nobody works: to be said, not to be changed unasked."""
    try:
        return not calendar.is_working_day(closing_day(due_at))
    except OutsideCoverage:
        return False


def current_year(now: datetime) -> int:
    return local_day(now).year
