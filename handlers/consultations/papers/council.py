"""From the database to the office's papers: the export of opinions, the report to the council.

What lies in the restricted lane, and what its author had erased, is in neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import VIETNAM, Calendar, Counting, closing_day, last_day
from bot.replies import UserError
from bot.vault import Unreadable, Vault
from handlers.consultations import bases, lifecycle, service
from handlers.consultations.papers import export, report
from storage.models.consultations import (
    Award,
    Candidate,
    CaseMessage,
    Consultation,
    ConsultationState,
    IdentityLevel,
    MatterState,
    Opinion,
    OpinionFile,
    OpinionState,
    Publication,
    RestrictedMatter,
    Stance,
)
from storage.models.office import Office
from storage.models.people import Person

Say = Callable[..., str]
Progress = Callable[[int], None]

COUNTED = (OpinionState.FILED, OpinionState.ACCEPTED)
"""What the council's figures are made of."""
_HIDDEN = (OpinionState.RESTRICTED, OpinionState.ERASED)
_ENDED = (
    ConsultationState.CLOSED,
    ConsultationState.COMPILED,
    ConsultationState.REPORTED,
    ConsultationState.ARCHIVED,
)
_CHUNK = 1_000

_FILES = (
    select(func.count())
    .select_from(OpinionFile)
    .where(OpinionFile.opinion_id == Opinion.id)
    .correlate(Opinion)
    .scalar_subquery()
)


# The export


async def export_opinions(
    session: AsyncSession,
    vault: Vault,
    path: Path,
    file_format: export.FileFormat,
    say: Say,
    now: datetime,
    *,
    code: str | None = None,
    names: bool = False,
    progress: Progress | None = None,
) -> int:
    """Writes one row per opinion of one consultation, or of all; returns how many.

    Nothing is held but a chunk of rows; the file is written in a thread. `names` adds who gave a
    name, telephone and address: only where the file stays with the office. Withdrawn opinions are
    shown as such without their words. Raises UserError for an unknown code.
    """
    asked = await lifecycle.by_code(session, code) if code else None
    scope = await _scope(session, asked, say, now)
    result = await session.stream(_query(asked).execution_options(yield_per=_CHUNK))
    rows = _waiting_for(_chunks(result.partitions(), vault, names), asyncio.get_running_loop())
    return await asyncio.to_thread(
        export.write, rows, file_format, path, say, consultation=scope, progress=progress
    )


async def _scope(
    session: AsyncSession, asked: Consultation | None, say: Say, now: datetime
) -> export.ExportScope:
    if asked is None:
        offices = await session.scalars(select(Office.name).order_by(Office.name))
        everything = say("intake-every-consultation")
        return export.ExportScope("", everything, "; ".join(offices), None, None, _local(now))
    office = await service.office_of(session, asked)
    return export.ExportScope(
        asked.code, asked.title, office.name,
        _local(asked.opens_at) if asked.opens_at else None,
        _local(asked.closes_at) if asked.closes_at else None,
        _local(now),
    )  # fmt: skip


def _query(asked: Consultation | None) -> Select[*tuple[Any, ...]]:
    """Columns, not objects: a hundred thousand rows then pass through in seconds."""
    query = (
        select(
            Consultation.code, Candidate.number, Candidate.name.label("candidate"),
            Award.name_vi.label("award"), Opinion.id, Opinion.version, Opinion.received_at,
            Opinion.in_window, Opinion.channel, Opinion.stance, Opinion.text, Opinion.identity,
            Opinion.state, Opinion.reason, Opinion.decided_at, Opinion.handling,
            Opinion.handled_at, _FILES.label("files"),
            Opinion.person_id, Person.wrapped_key, Person.name, Person.telephone,
            Person.postal_address,
        )
        .join(Consultation, Consultation.id == Opinion.consultation_id)
        .join(Candidate, Candidate.id == Opinion.candidate_id)
        .join(Award, Award.code == Candidate.award_code)
        .outerjoin(Person, Person.id == Opinion.person_id)
        .where(Opinion.state.not_in(_HIDDEN))
        .order_by(Consultation.code, Candidate.number, Opinion.received_at, Opinion.id)
    )  # fmt: skip
    return query.where(Opinion.consultation_id == asked.id) if asked else query


async def _chunks(
    partitions: AsyncIterator[Sequence[Row[*tuple[Any, ...]]]], vault: Vault, names: bool
) -> AsyncIterator[list[export.OpinionRow]]:
    async for partition in partitions:
        yield [_row(row, vault, names) for row in partition]


def _waiting_for(
    chunks: AsyncIterator[list[export.OpinionRow]], loop: asyncio.AbstractEventLoop
) -> Iterator[export.OpinionRow]:
    """The rows for a thread that writes them, while the loop that reads them runs on."""

    async def following() -> list[export.OpinionRow] | None:
        return await anext(chunks, None)

    while (chunk := asyncio.run_coroutine_threadsafe(following(), loop).result()) is not None:
        yield from chunk


def _row(row: Row[*tuple[Any, ...]], vault: Vault, names: bool) -> export.OpinionRow:
    withdrawn = row.state == OpinionState.WITHDRAWN
    named = names and not withdrawn and row.identity != IdentityLevel.ANONYMOUS
    known = _identity(row, vault) if named else {}
    return export.OpinionRow(
        consultation=row.code,
        candidate_number=row.number,
        candidate=row.candidate,
        award=row.award,
        opinion_id=row.id,
        version=row.version,
        received_at=_local(row.received_at),
        in_window=row.in_window,
        channel=row.channel,
        stance=str(row.stance),
        text="" if withdrawn else row.text,
        attachments=0 if withdrawn else row.files,
        identity_level=str(row.identity),
        state=str(row.state),
        decision_reason=row.reason,
        decided_at=_local(row.decided_at) if row.decided_at else None,
        handling="" if withdrawn else row.handling,
        handled_at=_local(row.handled_at) if row.handled_at and not withdrawn else None,
        **known,
    )


def _identity(row: Row[*tuple[Any, ...]], vault: Vault) -> dict[str, str]:
    """Empty once the person was forgotten."""
    if row.wrapped_key is None:
        return {}
    sealed = {"name": row.name, "telephone": row.telephone, "postal_address": row.postal_address}
    known = {}
    for column, value in sealed.items():
        if value:
            place = f"people.{column}:{row.person_id}"
            try:
                words = vault.unseal(row.wrapped_key, value, place)
            except Unreadable:
                continue
            known["address" if column == "postal_address" else column] = words
    return known


# The report


async def council_report(
    session: AsyncSession, code: str, calendar: Calendar, now: datetime, links: str = ""
) -> report.CouncilReport:
    """What `report.write` puts on paper; `links` is the address of our own pages.

    Raises UserError before the consultation is closed.
    """
    asked = await lifecycle.by_code(session, code)
    if asked.state not in _ENDED or not asked.posted_on or not asked.closes_at:
        raise UserError("intake-report-not-closed", code=asked.code)
    office = await service.office_of(session, asked)
    sums = await _sums(session, asked)
    return report.CouncilReport(
        agency=office.name,
        parent_agency=office.parent_name,
        code=asked.code,
        title=asked.title,
        submission=asked.submission,
        notice=asked.document,
        publisher=asked.publisher,
        receiver=(await service.receiver_of(session, asked)).contact,
        posted_on=asked.posted_on,
        days=asked.days,
        day_unit=_day_unit(asked),
        ends=_ends(asked, asked.posted_on, calendar),
        announced_end=closing_day(asked.announced_ends_at) if asked.announced_ends_at else None,
        moved=await _moved(session, asked),
        closed_at=_local(asked.closes_at),
        made_at=_local(now),
        legal_bases=tuple(_basis(basis) for basis in asked.legal_bases),
        media=await _media(session, asked, links),
        candidates=await _candidates(session, asked),
        counts=await _counts(session, asked),
        objections=await _objections(session, asked),
        undecided=sums.get(OpinionState.FILED, 0),
        set_aside=sums.get(OpinionState.SET_ASIDE, 0),
        withdrawn=sums.get(OpinionState.WITHDRAWN, 0),
        restricted=await _matters(session, asked),
    )


def _day_unit(asked: Consultation) -> Literal["working", "calendar"]:
    return "calendar" if asked.day_unit == "calendar" else "working"


def _ends(
    asked: Consultation, posted_on: date, calendar: Calendar
) -> dict[Literal["civil_code", "posting_day"], date]:
    """The last day by each way of counting. Raises OutsideCoverage."""
    posted = datetime.combine(posted_on, time(), VIETNAM).astimezone(UTC)
    civil_code = lifecycle.window(asked, Counting.CIVIL_CODE)
    posting_day = lifecycle.window(asked, Counting.POSTING_DAY)
    return {
        "civil_code": last_day(calendar, posted, civil_code),
        "posting_day": last_day(calendar, posted, posting_day),
    }


def _basis(basis: bases.Basis) -> report.BasisLine:
    return report.BasisLine(bases.words(basis), bool(basis.get("verified")))


async def _moved(session: AsyncSession, asked: Consultation) -> tuple[report.MovedEnd, ...]:
    return tuple(
        report.MovedEnd(_local(move.old_closes_at), _local(move.new_closes_at), move.reason)
        for move in await lifecycle.changes(session, asked)
    )


async def _media(
    session: AsyncSession, asked: Consultation, links: str
) -> tuple[report.MediumLine, ...]:
    found = await session.scalars(
        select(Publication)
        .where(Publication.consultation_id == asked.id)
        .order_by(Publication.at, Publication.medium)
    )
    page = f"{links}/c/{asked.code}"
    return tuple(
        report.MediumLine("", _local(one.at), page)
        if one.medium == lifecycle.OWN_PAGE
        else report.MediumLine(one.medium, _local(one.at), one.url)
        for one in found
    )


async def _candidates(
    session: AsyncSession, asked: Consultation
) -> tuple[report.CandidateLine, ...]:
    found = await session.execute(
        select(Candidate, Award.name_vi)
        .join(Award, Award.code == Candidate.award_code)
        .where(Candidate.consultation_id == asked.id)
        .order_by(Candidate.number)
    )
    return tuple(
        report.CandidateLine(one.number, one.name, str(one.kind), award, one.position, one.unit)
        for one, award in found
    )


async def _counts(session: AsyncSession, asked: Consultation) -> tuple[report.Count, ...]:
    agree_in = (
        Candidate.number, Opinion.channel, Opinion.identity, Opinion.stance, Opinion.in_window
    )  # fmt: skip
    found = await session.execute(
        select(*agree_in, func.count())
        .join(Candidate, Candidate.id == Opinion.candidate_id)
        .where(Opinion.consultation_id == asked.id, Opinion.state.in_(COUNTED))
        .group_by(*agree_in)
        .order_by(*agree_in)
    )
    return tuple(
        report.Count(number, channel, str(identity), str(stance), bool(in_window), count)
        for number, channel, identity, stance, in_window, count in found
    )


async def _objections(session: AsyncSession, asked: Consultation) -> tuple[report.Objection, ...]:
    """Each counted one that objects or informs, with what the office said of it."""
    found = await session.stream(
        select(Candidate.number, Opinion, _FILES)
        .join(Candidate, Candidate.id == Opinion.candidate_id)
        .where(
            Opinion.consultation_id == asked.id,
            Opinion.state.in_(COUNTED),
            Opinion.stance.in_((Stance.OBJECT, Stance.INFORM)),
        )
        .order_by(Candidate.number, Opinion.received_at, Opinion.id)
        .execution_options(yield_per=_CHUNK)
    )
    said = await _exchanges(session, asked)
    return tuple(
        [
            _objection(number, opinion, files, tuple(said.get(opinion.id, ())))
            async for number, opinion, files in found
        ]
    )


async def _exchanges(
    session: AsyncSession, asked: Consultation
) -> dict[str, list[report.Exchange]]:
    """What was asked and answered, by opinion."""
    found = await session.scalars(
        select(CaseMessage)
        .join(Opinion, Opinion.id == CaseMessage.opinion_id)
        .where(Opinion.consultation_id == asked.id)
        .order_by(CaseMessage.at, CaseMessage.id)
    )
    said: dict[str, list[report.Exchange]] = {}
    for one in found:
        exchange = report.Exchange(one.from_office, _local(one.at), one.text)
        said.setdefault(one.opinion_id, []).append(exchange)
    return said


def _objection(
    number: int, opinion: Opinion, files: int, exchange: tuple[report.Exchange, ...]
) -> report.Objection:
    decided = opinion.decided_at if opinion.state == OpinionState.ACCEPTED else None
    return report.Objection(
        candidate_number=number,
        stance="object" if opinion.stance == Stance.OBJECT else "inform",
        received_at=_local(opinion.received_at),
        channel=opinion.channel,
        identity_level=str(opinion.identity),
        in_window=opinion.in_window,
        text=opinion.text,
        evidence=files,
        accepted_at=_local(decided) if decided else None,
        exchange=exchange,
        handling=opinion.handling,
        handled_at=_local(opinion.handled_at) if opinion.handled_at else None,
    )


async def _sums(session: AsyncSession, asked: Consultation) -> dict[OpinionState, int]:
    found = await session.execute(
        select(Opinion.state, func.count())
        .where(Opinion.consultation_id == asked.id)
        .group_by(Opinion.state)
    )
    return {OpinionState(state): count for state, count in found}


async def _matters(session: AsyncSession, asked: Consultation) -> int:
    count = await session.scalar(
        select(func.count())
        .select_from(RestrictedMatter)
        .where(
            RestrictedMatter.consultation_id == asked.id,
            RestrictedMatter.state != MatterState.ERASED,
        )
    )
    return count or 0


def _local(instant: datetime) -> datetime:
    return instant.astimezone(VIETNAM)
