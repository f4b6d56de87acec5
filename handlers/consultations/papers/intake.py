"""From a spreadsheet's draft to consultations in the database: made, brought up to date, or left.

    draft = spreadsheet.read(path, await award_names(session))
    plan = await import_consultations(session, draft, calendar, now)
    for line in describe(plan, say): print(line)      # then commit, or roll back a dry run

The same file a second time gives a plan that changes nothing. A consultation that is no longer a
draft is never changed from a file: every difference is shown as refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from bot import acts, intake
from bot.clock import Calendar, OutsideCoverage, end_of_day, local_day
from bot.intake import Action as Action
from bot.intake import Say
from bot.replies import Until
from bot.text import fold
from handlers.consultations import bases, lifecycle
from handlers.consultations.papers import draft as read
from handlers.consultations.papers import intake_candidates
from handlers.consultations.papers.intake_candidates import Fields
from handlers.consultations.papers.usual_window import UsualWindow, usual_window
from storage.models.base import new_id
from storage.models.consultations import (
    Award,
    Candidate,
    Consultation,
    ConsultationState,
    Publication,
)
from storage.models.office import Office

_WORDS = {
    "create": "intake-create",
    "update": "intake-update",
    "remove": "intake-remove",
    "refuse": "intake-refuse",
}
_LABELS = {
    "title": "papers-label-title",
    "document": "papers-label-document",
    "publisher": "papers-label-publisher",
    "receiving_name": "papers-label-office",
    "receiving_addresses": "papers-label-address",
    "receiving_telephone": "papers-label-telephone",
    "receiving_email": "papers-label-email",
    "layer": "papers-label-layer",
    "submission": "papers-label-submission",
    "legal_bases": "papers-label-legal-basis",
    "days": "papers-label-days",
    "day_unit": "papers-label-day-unit",
    "counting": "papers-label-counting",
    "posted_on": "papers-label-posted-on",
    "announced_ends_at": "papers-label-announced-end",
    "signed_writing": "papers-label-signed-writing",
    "notice_url": "papers-label-url",
    "media": "papers-label-media",
    **intake_candidates.LABELS,
}


@dataclass(frozen=True)
class Line:
    """What happens, or would happen, to one consultation or one candidate."""

    action: Action
    code: str
    """Of the consultation."""
    candidate: str = ""
    """Its name; "" when the line speaks of the consultation itself."""
    changed: tuple[str, ...] = ()
    """Names of the columns that differ."""


@dataclass(frozen=True)
class Span:
    """From when until when a draft would take opinions."""

    code: str
    posted_on: date | None
    """None: from the day it is published."""
    closes_at: datetime | None


@dataclass(frozen=True)
class Plan(intake.Plan[Line]):
    spans: tuple[Span, ...] = ()


@dataclass
class _Making:
    session: AsyncSession
    calendar: Calendar
    now: datetime
    actor: str
    document_title: str
    lines: list[Line] = field(default_factory=list)
    problems: list[read.Problem] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)

    def problem(self, key: str, severity: read.Severity, **args: str | int) -> None:
        self.problems.append(read.Problem(key, severity, args=args))


async def award_names(session: AsyncSession) -> list[read.AwardName]:
    """The catalogue as the office keeps it, for `spreadsheet.read`."""
    awards = await session.scalars(select(Award).order_by(Award.code))
    return [
        read.AwardName(award.code, award.name_vi, tuple(award.aliases), tuple(award.for_kinds))
        for award in awards
    ]


async def import_consultations(
    session: AsyncSession,
    draft: read.Draft,
    calendar: Calendar,
    now: datetime,
    *,
    actor: str = "command",
    document_title: str = "",
) -> Plan:
    """Writes the draft into the session and says what that changed; the caller commits or not.

    A plan with errors must be rolled back. `document_title` is what the public reads on the link
    to a candidate's document.
    """
    if not draft.can_be_imported:
        return Plan(problems=draft.problems)
    making = _Making(session, calendar, now, actor, document_title)
    making.problems.extend(draft.problems)
    for notice in draft.notices:
        await _take(making, notice)
        await _remark_on_awards(making, notice)
    await session.flush()
    return Plan(tuple(making.lines), tuple(making.problems), tuple(making.spans))


async def _take(making: _Making, notice: read.Notice) -> None:
    asked = await making.session.scalar(
        select(Consultation)
        .where(Consultation.code == notice.code)
        .options(selectinload(Consultation.candidates).selectinload(Candidate.documents))
    )
    if asked is None:
        await _create(making, notice)
    elif asked.state == ConsultationState.DRAFT:
        await _update(making, asked, notice)
    else:
        await _refuse(making, asked, notice)


async def _create(making: _Making, notice: read.Notice) -> None:
    office = await _office(making, notice)
    if office is None:
        return
    asked = Consultation(
        id=new_id(), office_id=office.id, code=notice.code, state=ConsultationState.DRAFT,
        made_at=making.now, candidates=[], **_wanted(making, notice, None),
    )  # fmt: skip
    making.session.add(asked)
    making.lines.append(Line("create", notice.code))
    await making.session.flush()
    await _media(making, asked, notice)
    acts.note(making.session, making.now, making.actor, "import", "consultation", asked.id)
    await _candidates(making, asked, notice)
    _schedule(making, asked)


async def _update(making: _Making, asked: Consultation, notice: read.Notice) -> None:
    wanted = _wanted(making, notice, asked)
    changed = _differing(asked, wanted)
    if changed:
        for name in changed:
            setattr(asked, name, wanted[name])
        if "posted_on" in changed:
            asked.opens_at = asked.computed_ends_at = asked.closes_at = None
    if await _media(making, asked, notice):
        changed = (*changed, "media")
    making.lines.append(Line("update" if changed else "unchanged", asked.code, changed=changed))
    if await _candidates(making, asked, notice) or changed:
        acts.note(making.session, making.now, making.actor, "import", "consultation", asked.id)
    _schedule(making, asked)


async def _refuse(making: _Making, asked: Consultation, notice: read.Notice) -> None:
    """Compares and changes nothing: what the public has read does not change under it."""
    changed = _differing(asked, _wanted(making, notice, asked))
    making.lines.append(Line("refuse" if changed else "unchanged", asked.code, changed=changed))
    planned = intake_candidates.compare(asked, notice.candidates, making.document_title)
    for one in planned:
        action: Action = "unchanged" if one.action == "unchanged" else "refuse"
        making.lines.append(Line(action, asked.code, one.name, one.changed))


async def _candidates(making: _Making, asked: Consultation, notice: read.Notice) -> bool:
    planned = intake_candidates.compare(asked, notice.candidates, making.document_title)
    making.lines += [Line(p.action, asked.code, p.name, p.changed) for p in planned]
    changing = [p for p in planned if p.action != "unchanged"]
    await intake_candidates.apply(making.session, asked, changing)
    return bool(changing)


def _wanted(making: _Making, notice: read.Notice, asked: Consultation | None) -> Fields:
    """What the file says, column by column; what it leaves out stays as it is, or is usual."""
    kept: Mapping[str, Any] = vars(asked) if asked else {}
    layer = notice.layer or kept.get("layer", "submitter")
    days = notice.days or kept.get("days") or _usual_days(making, notice, layer)
    end = notice.announced_end
    return {
        "title": notice.title,
        "layer": layer,
        "submission": notice.submission or kept.get("submission", ""),
        "document": notice.document or kept.get("document", ""),
        "publisher": notice.publisher[:300] or kept.get("publisher", ""),
        **_receiver(notice, kept),
        "legal_bases": _legal_bases(notice, asked),
        "days": days,
        "day_unit": notice.day_unit or kept.get("day_unit", "working"),
        "counting": notice.counting or kept.get("counting", "civil_code"),
        "posted_on": notice.posted_on or kept.get("posted_on"),
        "announced_ends_at": end_of_day(end) if end else kept.get("announced_ends_at"),
        "signed_writing": _said(notice.signed_writing, kept.get("signed_writing", False)),
        "notice_url": notice.url or kept.get("notice_url", ""),
    }


def _usual_days(making: _Making, notice: read.Notice, layer: read.Layer) -> int:
    rule = usual_window(layer, notice.posted_on or local_day(making.now))
    if rule is None:
        making.problem("intake-no-window", "error", code=notice.code)
        return 1
    _warn_of_usual(making, notice.code, rule)
    return rule.days


def _warn_of_usual(making: _Making, code: str, rule: UsualWindow) -> None:
    key = "intake-usual-window" if rule.verified else "intake-usual-window-unverified"
    making.problem(key, "warning", code=code, days=rule.days, basis=rule.basis)


def _receiver(notice: read.Notice, kept: Mapping[str, Any]) -> Fields:
    return {
        "receiving_name": notice.office or kept.get("receiving_name", ""),
        "receiving_addresses": list(notice.addresses) or kept.get("receiving_addresses", []),
        "receiving_telephone": notice.telephone or kept.get("receiving_telephone", ""),
        "receiving_email": notice.email or kept.get("receiving_email", ""),
    }


def _said(value: bool | None, otherwise: bool) -> bool:
    return otherwise if value is None else value


def _legal_bases(notice: read.Notice, asked: Consultation | None) -> list[dict[str, Any]]:
    """A basis already there keeps its dates and its standing; a new one is not yet verified."""
    rows = asked.legal_bases if asked else []
    known = {basis["text"]: basis for basis in rows if basis.get("text")}
    unworded = {(b["document"], b["article"]): b for b in rows if not b.get("text")}
    wanted = []
    for basis in notice.legal_bases:
        fresh = {"text": basis.text, "document": basis.document, "article": basis.article}
        old = known.get(basis.text) or unworded.get((basis.document, basis.article), {})
        wanted.append({**bases.UNCHECKED, **old, **fresh})
    return wanted


def _differing(asked: Consultation, wanted: Fields) -> tuple[str, ...]:
    return tuple(name for name, value in wanted.items() if getattr(asked, name) != value)


async def _media(making: _Making, asked: Consultation, notice: read.Notice) -> bool:
    """Adds the places of publication that are new, as of the start of the day of posting."""
    known = set(
        await making.session.scalars(
            select(Publication.medium).where(Publication.consultation_id == asked.id)
        )
    )
    new = [medium[:200] for medium in notice.media if medium[:200] not in known]
    if not new:
        return False
    if asked.posted_on is None:
        making.problem("intake-media-without-day", "warning", code=asked.code)
        return False
    posted = end_of_day(asked.posted_on - timedelta(days=1))
    making.session.add_all(
        Publication(
            id=new_id(), consultation_id=asked.id, medium=medium, at=posted, url=notice.url
        )
        for medium in new
    )
    return True


def _schedule(making: _Making, asked: Consultation) -> None:
    try:
        lifecycle.schedule(asked, making.calendar)
    except OutsideCoverage as error:
        making.problem("intake-outside-calendar", "error", code=asked.code, **_range(error))
        return
    making.spans.append(Span(asked.code, asked.posted_on, asked.closes_at))
    if lifecycle.announced_too_short(asked):
        making.problem("intake-announced-too-short", "warning", code=asked.code)
    if asked.closes_at is not None and asked.closes_at <= making.now:
        making.problem("intake-window-over", "warning", code=asked.code)


async def _remark_on_awards(making: _Making, notice: read.Notice) -> None:
    """The catalogue says of each award whether the people must be asked; not all need it."""
    proposed = {candidate.award for candidate in notice.candidates}
    found = await making.session.scalars(
        select(Award)
        .where(Award.code.in_(proposed), Award.requires_consultation.is_(False))
        .order_by(Award.code)
    )
    for award in found:
        args = {"code": notice.code, "award": award.name_vi, "award_code": award.code}
        compared = "intake-award-needs-none"
        key = compared if award.verified else "intake-award-needs-none-unverified"
        making.problem(key, "warning", **args)


def _range(error: OutsideCoverage) -> dict[str, str]:
    ends = {"first": error.covered_from, "last": error.covered_until}
    return {name: day.strftime("%d/%m/%Y") for name, day in ends.items()}


async def _office(making: _Making, notice: read.Notice) -> Office | None:
    """Who keeps the file: the office there is, or of several the one the notice names.

    Made from the notice at first. Its own details never change from a notice: whom the public is
    told to write to is kept with the consultation.
    """
    offices = (await making.session.scalars(select(Office))).all()
    named = [office for office in offices if fold(office.name) == fold(notice.office)]
    if len(offices) == 1 and not named:
        if notice.office:
            args = {"code": notice.code, "office": offices[0].name, "named": notice.office}
            making.problem("intake-other-office", "warning", **args)
        return offices[0]
    if named:
        return named[0]
    name = notice.office or notice.publisher
    if offices or not name:
        key = "intake-which-office" if offices else "intake-no-office"
        making.problem(key, "error", code=notice.code)
        return None
    return await _new_office(making.session, notice, name)


async def _new_office(session: AsyncSession, notice: read.Notice, name: str) -> Office:
    office = Office(
        id=new_id(), code=read.notice_code(name) or "OFFICE", name=name,
        addresses=list(notice.addresses), telephone=notice.telephone, email=notice.email,
    )  # fmt: skip
    session.add(office)
    await session.flush()
    return office


def describe(plan: Plan, say: Say) -> Iterator[str]:
    """The plan in words: problems, one line for each thing that is not unchanged, the windows."""
    yield from intake.describe_problems(plan.problems, say)
    for line in plan.lines:
        if line.action != "unchanged":
            yield _line(line, say)
    for span in plan.spans:
        yield _span(span, say)


def _span(span: Span, say: Say) -> str:
    if span.posted_on is None or span.closes_at is None:
        return say("intake-span-unposted", code=span.code)
    return say("intake-span", code=span.code, opens=span.posted_on, closes=Until(span.closes_at))


def _line(line: Line, say: Say) -> str:
    what = f"{line.code} · {line.candidate}" if line.candidate else line.code
    words = say(_WORDS[line.action], what=what)
    if not line.changed:
        return words
    changed = "; ".join(say(_LABELS[name]) for name in line.changed)
    return say("intake-columns", line=words, columns=changed)
