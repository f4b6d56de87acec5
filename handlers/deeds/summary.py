"""Tổng kết: what it amounts to, which commendation it merits, and by which registration.

"Thành tích đến đâu, khen thưởng đến đó": what the catalogue has for this kind of subject is
offered, the nearest level first. What was the assigned duty and no more is a stated ground of
proposing nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.replies import Until, UserError, choice, reply
from bot.text import plain
from bot.vault import Vault
from handlers.deeds import forms, news, people, stages
from handlers.deeds.people import Hand
from storage.models.consultations import Award
from storage.models.deadlines import OPEN_DUTIES, Deadline, DeadlineState, Duty, Work
from storage.models.deeds import Deed, DeedFile, DeedNurture, DeedState, DeedSummary
from storage.models.people import Person
from storage.models.units import MemberRank

LONGEST = 4000
ANSWERS = "summary"
"""What a file answers that came with it: a voice note in place of words, papers, photographs."""
_SHORTEST = 20
MOST_AWARDS = 8
_LEVELS = ("grassroots", "commune", "ministry_or_province", "prime_minister", "president")
_USUAL = "certificate"
"""Giấy khen and bằng khen stand before titles, which are given by the year."""
_CARRY = (Work.REGISTRATION, Work.DOSSIER)
"""By which work of a unit somebody is proposed."""


async def read(session: AsyncSession, vault: Vault, deed: Deed) -> tuple[DeedSummary | None, str]:
    """The row and its words; "" once they were forgotten."""
    row = await session.get(DeedSummary, deed.id)
    subject = await session.get_one(Person, deed.subject_id)
    if row is None or row.words is None or subject.wrapped_key is None:
        return row, ""
    return row, vault.unseal(subject.wrapped_key, row.words, _place(deed))


def _place(deed: Deed) -> str:
    return f"deed_summaries.words:{deed.id}"


def may_write(deed: Deed) -> bool:
    return deed.state == DeedState.SUMMARISED or stages.may_become(deed, DeedState.SUMMARISED)


async def write(
    session: AsyncSession,
    vault: Vault,
    hand: Hand,
    words: str,
    file_ids: Sequence[str],
    now: datetime,
    *,
    seen: int,
) -> None:
    """Writes it, or writes it anew: whoever was proposed by it is then to be proposed again. The
    office is told of a unit's. Raises UserError."""
    deed = hand.deed
    await stages.hold(session, deed, seen)
    if not may_write(deed):
        raise stages.cannot(deed)
    said = forms.checked_words(words, LONGEST)
    if len(said) < _SHORTEST and not file_ids:
        raise UserError("deed_summary-too-short", shortest=_SHORTEST)
    key = (await session.get_one(Person, deed.subject_id)).wrapped_key
    row = await session.get(DeedSummary, deed.id)
    if row is None:
        row = DeedSummary(deed_id=deed.id)
        session.add(row)
    row.words = vault.seal(key, said, _place(deed)) if key else None
    session.add_all(
        DeedFile(deed_id=deed.id, file_id=file_id, answers=ANSWERS, added_at=now)
        for file_id in dict.fromkeys(file_ids)
    )
    row.written_by, row.written_at, row.duty_id = hand.actor, now, None
    if deed.state == DeedState.SUMMARISED:
        stages.changed(deed, hand.actor)
        stages.note(session, now, hand.actor, "write summary", deed.id)
        await session.flush()
    else:
        await stages.become(session, deed, DeedState.SUMMARISED, hand.actor, now)
    nurture = await session.get(DeedNurture, deed.id)
    if nurture is not None and nurture.ended_at is None:
        nurture.ended_at = now
    if hand.unit is not None:
        told = reply("deed_summary-news", unit=hand.unit.name)
        key_of_it = f"deed-summary:{deed.id}:{deed.version}"
        await news.tell_office(session, vault, deed, told, now, key_of_it)


# Which commendation


async def awards(session: AsyncSession, deed: Deed, typed: str = "") -> Sequence[Award]:
    """Of the catalogue, for this kind of subject: certificates, or by any part of a name."""
    found = await session.scalars(select(Award))
    words = plain(typed).split()
    fitting = [
        one
        for one in found
        if deed.subject_kind in one.for_kinds
        and (_holds(one, words) if words else one.group == _USUAL)
    ]
    return sorted(fitting, key=_level)[:MOST_AWARDS]


def _holds(award: Award, words: Sequence[str]) -> bool:
    text = f" {plain(' '.join((award.name_vi, award.name_en, *award.aliases)))}"
    return all(f" {word}" in text for word in words)


def _level(award: Award) -> tuple[int, str]:
    known = award.level in _LEVELS
    return _LEVELS.index(award.level) if known else len(_LEVELS), award.name_vi


async def merit(
    session: AsyncSession,
    hand: Hand,
    award: Award | None,
    now: datetime,
    *,
    seen: int,
    duty_only: bool = False,
) -> None:
    """Which award it merits; None: to be told of, not commended. `duty_only` is an officer's
    finding, which only officers take back. Raises UserError."""
    deed = hand.deed
    await stages.hold(session, deed, seen)
    if deed.state != DeedState.SUMMARISED:
        raise stages.cannot(deed)
    if hand.unit is not None and (duty_only or deed.duty_only):
        raise UserError("deed_summary-duty-only")
    if award is not None and deed.subject_kind not in award.for_kinds:
        raise UserError("deed_summary-not-for-them")
    row = await session.get_one(DeedSummary, deed.id)
    row.award_code = award.code if award is not None and not duty_only else None
    deed.duty_only = duty_only
    stages.changed(deed, hand.actor)
    verb = "find duty only" if duty_only else "choose award"
    stages.note(session, now, hand.actor, verb, deed.id, row.award_code or "")
    await session.flush()


# By which registration


@dataclass(frozen=True)
class Carrying:
    """A duty of the unit by which somebody may be proposed."""

    duty: Duty
    deadline: Deadline

    @property
    def due_at(self) -> datetime:
        """The unit's own date where the office granted a later one."""
        return max(self.deadline.due_at, self.duty.own_due_at or self.deadline.due_at)


async def open_duties(session: AsyncSession, deed: Deed, now: datetime) -> list[Carrying]:
    """Registrations and dossiers of the unit that are not handed in yet, the soonest first."""
    found = await session.execute(
        select(Duty, Deadline)
        .join(Deadline, Deadline.id == Duty.deadline_id)
        .where(
            Duty.unit_id == deed.unit_id, Duty.state.in_(OPEN_DUTIES),
            Deadline.work.in_(_CARRY), Deadline.state == DeadlineState.ARMED,
        )
    )  # fmt: skip
    every = [Carrying(duty, deadline) for duty, deadline in found]
    return sorted((one for one in every if one.due_at > now), key=lambda one: one.due_at)


async def propose(
    session: AsyncSession, vault: Vault, hand: Hand, duty_id: str, now: datetime, *, seen: int
) -> Carrying:
    """Hands it over to what the unit has to register, whose reminders watch the date from now on.
    The unit is told, with the button that opens the work; the tellers too. Raises UserError."""
    deed = hand.deed
    await stages.hold(session, deed, seen)
    if not stages.may_become(deed, DeedState.PROPOSED):
        raise stages.cannot(deed)
    if deed.duty_only:
        raise UserError("deed_summary-duty-only")
    row = await session.get(DeedSummary, deed.id)
    award = await session.get(Award, row.award_code) if row and row.award_code else None
    chosen = [one for one in await open_duties(session, deed, now) if one.duty.id == duty_id]
    if row is None or award is None or not chosen:
        raise UserError("deeds-needs-award")
    row.duty_id = duty_id
    await stages.become(session, deed, DeedState.PROPOSED, hand.actor, now)
    await news.tell_tellers(session, vault, deed, now)
    (carrying,) = chosen
    unit_id = carrying.duty.unit_id
    chats = await people.chats_of(session, unit_id, *MemberRank)
    clerks = await people.chats_of(session, unit_id, *people.CLERKS) or chats
    told = reply(
        "deed_summary-handed", award=award.name_vi, title=carrying.deadline.title,
        due=Until(carrying.due_at),
    ).offering(
        choice("deed_summary-duty-button", f"dk:o:{duty_id}"),
        choice("deed_summary-open-button", f"tk:o:{deed.id}"),
    )  # fmt: skip
    key = f"deed-proposed:{deed.id}:{deed.version}"
    await news.tell_each(session, vault, clerks.values(), told, now, key)
    return carrying
