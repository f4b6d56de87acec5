"""Public pages: what is open, a consultation with its window and office, a candidate.

Nothing that came from the public stands here, and nothing is counted while a window is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from urllib.parse import quote

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import i18n
from bot.clock import (
    VIETNAM,
    Calendar,
    DayUnit,
    OutsideCoverage,
    SpecialDay,
    day_number,
    load_calendar,
    local_day,
    skipped_days,
    worked_weekends,
)
from bot.replies import Reply, Until, UserError, Word, reply
from bot.web.server import locale_of, page, services, session_of
from handlers.consultations import bases, lifecycle, service
from storage.models.consultations import (
    Award,
    Candidate,
    Consultation,
    Openness,
    Publication,
    ScheduleChange,
)
from storage.models.traffic import Installation

routes = web.RouteTableDef()
"""The Telegram bot's username, set by whoever knows it; without it no page speaks of Telegram."""
ENDED_ON_A_PAGE = 20


def show(request: web.Request, template: str, status: int = 200, **context: Any) -> web.Response:
    """One of this feature's pages; `words` in it writes a Reply out."""
    locale = locale_of(request)

    def words(told: Reply) -> str:
        return i18n.words(told, locale)

    return page(request, f"consultations/{template}.html", status=status, words=words, **context)


# The list


@dataclass(frozen=True)
class Summary:
    """A consultation in one card."""

    asked: Consultation
    path: str
    openness: Openness
    opens: datetime | None
    closes: Until
    day: Reply | None
    """"Day 4 of 10"; None when it is not open or cannot be counted."""
    candidates: int

    @property
    def state(self) -> Word:
        return Word(f"pages-openness-{self.openness}")


def summary(calendar: Calendar, asked: Consultation, count: int, now: datetime) -> Summary:
    openness = asked.openness(now)
    return Summary(
        asked,
        path_of(asked),
        openness,
        asked.opens_at,
        Until(asked.closes_at or now),
        _day(calendar, asked, now) if openness is Openness.OPEN else None,
        count,
    )


@routes.get("/")
async def list_consultations(request: web.Request) -> web.Response:
    session, now = session_of(request), services(request).clock()
    calendar, counts = await load_calendar(session), await _candidates_of_each(session)
    shown = [
        summary(calendar, asked, counts.get(asked.id, 0), now)
        for asked in await service.public_consultations(session)
    ]
    running = [one for one in shown if one.openness is not Openness.CLOSED]
    ended = [one for one in shown if one.openness is Openness.CLOSED]
    number = _page_number(request)
    start = (number - 1) * ENDED_ON_A_PAGE
    return show(
        request,
        "list",
        running=running if number == 1 else [],
        ended=ended[start : start + ENDED_ON_A_PAGE],
        number=number,
        more=len(ended) > start + ENDED_ON_A_PAGE,
        now=now,
    )


async def _candidates_of_each(session: AsyncSession) -> dict[str, int]:
    rows = await session.execute(
        select(Candidate.consultation_id, func.count()).group_by(Candidate.consultation_id)
    )
    return dict(rows.all())


def _page_number(request: web.Request) -> int:
    asked = request.query.get("page", "1")
    return int(asked) if asked.isascii() and asked.isdecimal() and 0 < len(asked) < 5 else 1


# A consultation


@dataclass(frozen=True)
class Counted:
    """How the window was counted, to show the working."""

    skipped: Sequence[SpecialDay]
    worked: Sequence[SpecialDay]


@routes.get("/c/{code}")
async def show_consultation(request: web.Request) -> web.Response:
    session, now = session_of(request), services(request).clock()
    asked = await consultation_of(request, session)
    calendar = await load_calendar(session)
    return show(
        request,
        "consultation",
        one=summary(calendar, asked, len(asked.candidates), now),
        asked=asked,
        office=await service.receiver_of(session, asked),
        cards=[(one, award_name(request, one.award)) for one in asked.candidates],
        counted=_counted(calendar, asked),
        changes=await _moves(session, asked),
        publications=await _publications(session, asked),
        too_short=lifecycle.announced_too_short(asked),
        telegram=await telegram_link(session, asked.code),
        Until=Until,
        day_of=day_of,
        basis_words=bases.words,
        now=now,
    )


def _counted(calendar: Calendar, asked: Consultation) -> Counted | None:
    """None where the holiday table does not reach: then nothing is claimed of the count."""
    posted_at, window = _posted_at(asked), lifecycle.window(asked)
    if posted_at is None:
        return None
    try:
        return Counted(
            skipped_days(calendar, posted_at, window), worked_weekends(calendar, posted_at, window)
        )
    except OutsideCoverage:
        return None


def _day(calendar: Calendar, asked: Consultation, now: datetime) -> Reply | None:
    """Which day of the window today is; on a day off, which of how many are over."""
    posted_at, window, today = _posted_at(asked), lifecycle.window(asked), local_day(now)
    if posted_at is None:
        return None
    try:
        found = day_number(calendar, posted_at, window, now)
        is_off = window.unit is DayUnit.WORKING and not calendar.is_working_day(today)
    except OutsideCoverage:
        return None
    if found is None:
        return None
    day, days = found
    if not day:
        return reply("pages-day-zero", days=days)
    if is_off:
        return reply("pages-day-off", day=day, days=days, today=today)
    return reply("pages-day-of", day=day, days=days, today=today)


def _posted_at(asked: Consultation) -> datetime | None:
    return datetime.combine(asked.posted_on, time(), VIETNAM) if asked.posted_on else None


async def _moves(session: AsyncSession, asked: Consultation) -> Sequence[ScheduleChange]:
    return await lifecycle.changes(session, asked)


async def _publications(session: AsyncSession, asked: Consultation) -> Sequence[Publication]:
    found = await session.scalars(
        select(Publication)
        .where(Publication.consultation_id == asked.id)
        .order_by(Publication.at, Publication.medium)
    )
    return found.all()


# A candidate


@dataclass(frozen=True)
class About:
    """A candidate with all that its pages and its form need."""

    candidate: Candidate
    asked: Consultation
    office: service.Receiver
    award: str
    path: str
    openness: Openness
    refused: Reply | None
    """Why no opinion is taken now; None when one is."""
    late: bool
    """It is taken, but kept outside the window."""

    @property
    def kind(self) -> Word:
        return Word(f"pages-kind-{self.candidate.kind}")

    @property
    def closes(self) -> Until:
        return Until(self.asked.closes_at or self.asked.made_at)


@routes.get(r"/c/{code}/{number:\d{1,4}}")
async def show_candidate(request: web.Request) -> web.Response:
    session = session_of(request)
    about = await about_of(request, session)
    return show(
        request,
        "candidate",
        about=about,
        asked=about.asked,
        telegram=await telegram_link(
            session_of(request), f"{about.asked.code}-{about.candidate.number}"
        ),
        now=services(request).clock(),
    )


async def about_of(request: web.Request, session: AsyncSession) -> About:
    """The candidate of the address, and whether it takes opinions. Raises HTTPNotFound."""
    asked = await consultation_of(request, session)
    number = int(request.match_info["number"])
    candidate_id = next((one.id for one in asked.candidates if one.number == number), None)
    if candidate_id is None:
        raise web.HTTPNotFound
    found = await service.candidate(session, candidate_id)
    now = services(request).clock()
    refused, late = None, False
    try:
        late = not await service.admit(session, asked, now)
    except UserError as error:
        refused = error.reply
    return About(
        found,
        asked,
        await service.receiver_of(session, asked),
        award_name(request, found.award),
        f"{path_of(asked)}/{number}",
        asked.openness(now),
        refused,
        late,
    )


# What the pages share


async def consultation_of(request: web.Request, session: AsyncSession) -> Consultation:
    """Raises HTTPNotFound unless it is published."""
    try:
        return await service.consultation(session, request.match_info["code"])
    except UserError:
        raise web.HTTPNotFound from None


def day_of(written: str) -> date | str:
    """A day kept as text in the legal bases, as a date where it is one."""
    try:
        return date.fromisoformat(written)
    except ValueError:
        return written


def path_of(asked: Consultation) -> str:
    return f"/c/{quote(asked.code, safe='')}"


def award_name(request: web.Request, award: Award) -> str:
    return award.name_en if locale_of(request) == "en" else award.name_vi


async def telegram_link(session: AsyncSession, key: str) -> str | None:
    """None where there is no bot, or the code holds what Telegram's start links cannot."""
    name = await session.scalar(select(Installation.telegram_name))
    start = f"c-{key}"
    fits = (
        len(start) <= 64 and start.isascii() and start.replace("-", "").replace("_", "").isalnum()
    )
    return f"https://t.me/{name}?start={start}" if name and fits else None
