"""A consultation's own dates stand in the calendar without anyone typing them.

Its close, which time does by itself, and its report to the council, which the office writes. They
are read off the consultation's row every minute: whatever way it was published, moved, closed or
reported, the calendar follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import acts, i18n
from bot.clock import (
    Calendar,
    OutsideCoverage,
    add_working_days,
    closing_day,
    end_of_day,
    load_calendar,
)
from handlers.deadlines import duties
from handlers.deadlines.calendar import ladders, office_unit, service
from handlers.deadlines.calendar.telling import short
from storage.models.base import new_id
from storage.models.consultations import Consultation, ConsultationState, ScheduleChange
from storage.models.deadlines import (
    OPEN_DUTIES,
    Deadline,
    DeadlineMove,
    DeadlineState,
    Duty,
    DutyState,
    Work,
)
from storage.models.office import Act

log = structlog.get_logger()
ACTOR = "clock"
REPORT_DAYS = 5
"""Working days from the close to the report: an office's habit, which it may move."""
LOOK_BACK = timedelta(days=90)
"""An office that begins to use the calendar is not reminded of what closed long ago."""
CLOSE_LADDER = "T-3:office,T-1:office,T0:office"
REPORT_LADDER = "T-3:office,T-1:office,T0:office,T+1:office,T+3:office"
_S = ConsultationState
RUNNING = (_S.OPEN, _S.SUSPENDED)
UNREPORTED = (*RUNNING, _S.CLOSED, _S.COMPILED)


async def follow(session: AsyncSession, locale: str, now: datetime) -> int:
    """Brings the calendar in step; returns how many dates were made, moved or completed."""
    asked = await _to_look_at(session, now)
    if not asked:
        return 0
    calendar = await load_calendar(session)
    changed = 0
    for one in asked:
        try:
            changed += await _follow(session, one, calendar, locale, now)
        except OutsideCoverage as error:
            log.error("a consultation's dates wait", consultation=one.code, day=error.day)
    return changed


async def _to_look_at(session: AsyncSession, now: datetime) -> Sequence[Consultation]:
    """Those not reported yet, and those whose dates still wait for somebody."""
    waiting = exists().where(
        Deadline.consultation_id == Consultation.id,
        Duty.deadline_id == Deadline.id,
        Duty.state.in_(OPEN_DUTIES),
    )
    found = await session.scalars(
        select(Consultation)
        .where(
            or_(
                Consultation.state.in_(UNREPORTED) & (Consultation.closes_at > now - LOOK_BACK),
                waiting,
            )
        )
        .order_by(Consultation.code)
        .with_for_update(key_share=True, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return found.all()


async def _follow(
    session: AsyncSession, asked: Consultation, calendar: Calendar, locale: str, now: datetime
) -> int:
    found = await session.scalars(
        select(Deadline).where(Deadline.consultation_id == asked.id).with_for_update()
    )
    dates = {Work(one.work): one for one in found.all()}
    close, report = dates.get(Work.OTHER), dates.get(Work.REPORT)
    changed = 0
    if close is None and asked.state in RUNNING:
        await _make_close(session, asked, locale, now)
        changed += 1
    if report is None and asked.state in UNREPORTED:
        await _make_report(session, asked, calendar, locale, now)
        changed += 1
    elif report is not None and close is not None:
        changed += await _move_report(session, asked, close, report, calendar, now)
    if close is not None:
        changed += await _move_close(session, asked, close, now)
    if close is not None and asked.state not in RUNNING:
        changed += await _complete(session, asked, close, now)
    if report is not None and asked.state not in UNREPORTED:
        changed += await _complete(session, asked, report, now)
    return changed


# Made


async def _make_close(
    session: AsyncSession, asked: Consultation, locale: str, now: datetime
) -> None:
    assert asked.closes_at is not None
    title = i18n.say(locale, "calendar-consultation-close", title=asked.title)
    await _make(
        session, asked, Work.OTHER, "KT", title, asked.closes_at, CLOSE_LADDER, locale, now
    )


async def _make_report(
    session: AsyncSession, asked: Consultation, calendar: Calendar, locale: str, now: datetime
) -> None:
    assert asked.closes_at is not None
    title = i18n.say(locale, "calendar-consultation-report", title=asked.title)
    due_at = report_due(calendar, asked.closes_at)
    await _make(session, asked, Work.REPORT, "BC", title, due_at, REPORT_LADDER, locale, now)


async def _make(
    session: AsyncSession,
    asked: Consultation,
    work: Work,
    suffix: str,
    title: str,
    due_at: datetime,
    ladder: str,
    locale: str,
    now: datetime,
) -> None:
    await office_unit.ensure(session, asked.office_id)
    key = "calendar-source-close" if work == Work.OTHER else "calendar-source-report"
    deadline = Deadline(
        id=new_id(), office_id=asked.office_id, consultation_id=asked.id, work=work,
        code=await _free_code(session, asked, suffix), title=short(title, service.LONGEST_TITLE),
        year=closing_day(due_at).year, due_at=due_at, ladder=ladders.parse(ladder),
        source=i18n.say(locale, key, code=asked.code, n=REPORT_DAYS),
        state=DeadlineState.ARMED, armed_at=now,
    )  # fmt: skip
    session.add(deadline)
    await session.flush()
    await duties.ensure(session, deadline, now)
    acts.note(session, now, ACTOR, "add deadline", "deadline", deadline.id, asked.code)


async def _free_code(session: AsyncSession, asked: Consultation, suffix: str) -> str:
    """An office may have typed the very code already."""
    code = f"{asked.code.upper()}-{suffix}"
    taken = set(
        await session.scalars(
            select(Deadline.code).where(
                Deadline.office_id == asked.office_id,
                Deadline.code.startswith(code, autoescape=True),
            )
        )
    )
    numbered = (code, *(f"{code}{number}" for number in range(2, len(taken) + 3)))
    return next(one for one in numbered if one not in taken)


def report_due(calendar: Calendar, closes_at: datetime) -> datetime:
    """Raises OutsideCoverage."""
    return end_of_day(add_working_days(calendar, closing_day(closes_at), REPORT_DAYS))


# Moved


async def _move_close(
    session: AsyncSession, asked: Consultation, close: Deadline, now: datetime
) -> int:
    if asked.closes_at is None or close.due_at == asked.closes_at:
        return 0
    reason = await _why_moved(session, asked)
    await service.shift(session, close, asked.closes_at, reason, ACTOR, now)
    return 1


async def _move_report(
    session: AsyncSession,
    asked: Consultation,
    close: Deadline,
    report: Deadline,
    calendar: Calendar,
    now: datetime,
) -> int:
    """With the close, as long as nobody has set another day by hand; never before the close."""
    if asked.closes_at is None or close.due_at == asked.closes_at:
        return 0
    due_at = report_due(calendar, asked.closes_at)
    if await _was_set_by_hand(session, report) and report.due_at > asked.closes_at:
        return 0
    if report.due_at == due_at:
        return 0
    reason = await _why_moved(session, asked)
    await service.shift(session, report, due_at, reason, ACTOR, now)
    return 1


async def _was_set_by_hand(session: AsyncSession, report: Deadline) -> bool:
    last = await session.scalar(
        select(DeadlineMove.actor)
        .where(DeadlineMove.deadline_id == report.id)
        .order_by(DeadlineMove.at.desc(), DeadlineMove.id)
        .limit(1)
    )
    return last not in (None, ACTOR)


async def _why_moved(session: AsyncSession, asked: Consultation) -> str:
    """In the words the public was given."""
    reason = await session.scalar(
        select(ScheduleChange.reason)
        .where(
            ScheduleChange.consultation_id == asked.id,
            ScheduleChange.new_closes_at == asked.closes_at,
        )
        .order_by(ScheduleChange.at.desc())
        .limit(1)
    )
    return str(reason or asked.code)[: service.LONGEST_REASON]


# Done


async def _complete(
    session: AsyncSession, asked: Consultation, deadline: Deadline, now: datetime
) -> int:
    """Handed in when the office said so, and accepted: there is nobody above it here."""
    open_duties = await session.scalars(
        select(Duty).where(Duty.deadline_id == deadline.id, Duty.state.in_(OPEN_DUTIES))
    )
    done = 0
    for duty in open_duties.all():
        at = await _done_at(session, asked, deadline, now)
        await duties.become(session, duty, DutyState.SUBMITTED, ACTOR, at)
        await duties.become(session, duty, DutyState.ACCEPTED, ACTOR, at)
        done += 1
    return done


async def _done_at(
    session: AsyncSession, asked: Consultation, deadline: Deadline, now: datetime
) -> datetime:
    """What time closes at its very end is not late, however long this was asleep."""
    if deadline.work == Work.OTHER:
        return min(now, deadline.due_at - timedelta(microseconds=1))
    said = await session.scalar(
        select(Act.at)
        .where(
            Act.object_kind == "consultation",
            Act.object_id == asked.id,
            Act.verb.in_((f"make {_S.REPORTED}", f"make {_S.ARCHIVED}")),
        )
        .order_by(Act.at)
        .limit(1)
    )
    return said or now
