"""Verification: asked of the unit that can see for itself, answered within working days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import places
from bot.clock import add_working_days, end_of_day, load_calendar, local_day
from bot.replies import Until, UserError, Word, choice, reply
from bot.text import plain
from bot.vault import Vault
from handlers.deeds import forms, news, people, service, stages
from handlers.deeds.people import Post
from storage.models.base import new_id
from storage.models.deeds import (
    CheckAnswer,
    Deed,
    DeedCheck,
    DeedFile,
    DeedReport,
    DeedState,
    ReportState,
)
from storage.models.office import Officer
from storage.models.people import Person
from storage.models.units import MemberRank, Unit, UnitKind

WAITING = (DeedState.RECEIVED, DeedState.UNCHECKABLE, DeedState.CONFIRMED)
"""What an officer must decide on next."""
ENDED = (DeedState.NOT_CONFIRMED, DeedState.REJECTED)
USUAL_DAYS = 5
"""Working days a unit has to answer, unless the office says otherwise."""
OFTEN_DAYS = (3, 5, 10, 15)
MOST_DAYS = 60
LONGEST_REASON = 1000
_BECOMES = {
    CheckAnswer.CONFIRMED: DeedState.CONFIRMED,
    CheckAnswer.NOT_SO: DeedState.NOT_CONFIRMED,
    CheckAnswer.CANNOT: DeedState.UNCHECKABLE,
}


# The officer's side


@dataclass(frozen=True)
class Waiting:
    deed: Deed
    tellers: int


async def queue(session: AsyncSession, officer: Officer) -> list[Waiting]:
    """Rescue first, then the oldest."""
    rows = await session.execute(
        select(Deed, func.count(DeedReport.id))
        .join(DeedReport, DeedReport.deed_id == Deed.id)
        .where(
            Deed.office_id == officer.office_id, Deed.state.in_(WAITING),
            DeedReport.state == ReportState.GIVEN,
        )
        .group_by(Deed.id)
        .order_by(Deed.urgent.desc(), Deed.made_at)
    )  # fmt: skip
    return [Waiting(deed, tellers) for deed, tellers in rows]


async def being_checked(session: AsyncSession, officer: Officer) -> list[tuple[Deed, DeedCheck]]:
    """What units are asked and have not answered, the soonest to be due first."""
    rows = await session.execute(
        select(Deed, DeedCheck)
        .join(DeedCheck, DeedCheck.deed_id == Deed.id)
        .where(
            Deed.office_id == officer.office_id, Deed.state == DeedState.CHECKING,
            DeedCheck.answered_at.is_(None), DeedCheck.called_back_at.is_(None),
        )
        .order_by(DeedCheck.due_at)
    )  # fmt: skip
    return [(deed, check) for deed, check in rows]


async def gone_no_further(session: AsyncSession, officer: Officer) -> Sequence[Deed]:
    """Not confirmed, or rejected: either may be taken up again. The newest first."""
    found = await session.scalars(
        select(Deed)
        .where(Deed.office_id == officer.office_id, Deed.state.in_(ENDED))
        .order_by(Deed.state_at.desc())
    )
    return found.all()


async def held(session: AsyncSession, officer: Officer, deed_id: str) -> Deed:
    """Raises UserError for another office's, and for none: with the same words."""
    deed = await session.get(Deed, deed_id)
    if deed is None or deed.office_id != officer.office_id:
        raise UserError("deed_review-not-yours")
    return deed


async def units_near(
    session: AsyncSession, deed: Deed, typed: str = "", most: int = 8
) -> list[Unit]:
    """Who can check it: the deed's commune first, then its province; or by any part of a name."""
    found = await session.scalars(
        select(Unit)
        .where(
            Unit.office_id == deed.office_id, Unit.closed_at.is_(None),
            Unit.kind != UnitKind.OFFICE,
        )
        .order_by(Unit.name)
    )  # fmt: skip
    words = plain(typed).split()
    named = [unit for unit in found if not words or _holds(unit, words)]
    near = sorted(
        named,
        key=lambda unit: (
            not (deed.commune and unit.commune == deed.commune),
            not (deed.province and unit.province == deed.province),
            unit.name,
        ),
    )
    return near[:most]


def _holds(unit: Unit, words: Sequence[str]) -> bool:
    text = f" {plain(' '.join((unit.code, unit.name, *unit.aliases)))} "
    text += f"{places.words_of(unit.commune)} {places.words_of(unit.province)}"
    return all(f" {word}" in text for word in words)


async def ask(
    session: AsyncSession,
    vault: Vault,
    officer: Officer,
    deed: Deed,
    unit: Unit,
    now: datetime,
    *,
    seen: int,
    days: int = USUAL_DAYS,
    question: str = "",
) -> DeedCheck:
    """Asks the unit, tells its people with the buttons that answer, and the tellers. Raises
    UserError; nobody is asked in vain: a unit that nobody answers for is refused."""
    if unit.office_id != deed.office_id or unit.closed_at is not None:
        raise UserError("deed_review-not-yours")
    if not 1 <= days <= MOST_DAYS:
        raise UserError("deed_review-bad-days", most=MOST_DAYS)
    await stages.hold(session, deed, seen)
    chats = await people.chats_of(session, unit.id, *MemberRank)
    if not chats:
        raise UserError("deed_review-nobody-there", unit=unit.name)
    if await stages.open_check(session, deed) is not None:
        raise UserError("deeds-check-open")
    last_day = add_working_days(await load_calendar(session), local_day(now), days)
    check = DeedCheck(
        id=new_id(), deed_id=deed.id, unit_id=unit.id, asked_by=f"officer:{officer.id}",
        asked_at=now, working_days=days, due_at=end_of_day(last_day),
    )  # fmt: skip
    if question:
        check.question = await _sealed(session, vault, deed, f"question:{check.id}", question)
    session.add(check)
    deed.unit_id = unit.id
    await stages.become(session, deed, DeedState.CHECKING, check.asked_by, now)
    clerks = await people.chats_of(session, unit.id, *people.CLERKS) or chats
    told = reply("deed_check-asked", unit=unit.name, due=Until(check.due_at)).offering(
        choice("deed_check-open-button", f"vx:o:{check.id}")
    )
    await news.tell_each(session, vault, clerks.values(), told, now, f"deed-check:{check.id}")
    await news.tell_tellers(session, vault, deed, now)
    return check


async def reject(
    session: AsyncSession,
    vault: Vault,
    officer: Officer,
    deed: Deed,
    reason: str,
    now: datetime,
    *,
    seen: int,
    duty_only: bool = False,
) -> None:
    """Takes it no further; the tellers hear why. `duty_only`: it was the assigned duty."""
    deed.duty_only = deed.duty_only or duty_only
    await stages.become(
        session, deed, DeedState.REJECTED, f"officer:{officer.id}", now, seen=seen,
        reason=reason if duty_only else checked_reason(reason),
    )  # fmt: skip
    check = await stages.open_check(session, deed)
    if check is not None:
        check.called_back_at = now
    await news.tell_tellers(session, vault, deed, now)


async def begin_again(
    session: AsyncSession, vault: Vault, officer: Officer, deed: Deed, reason: str, now: datetime,
    *, seen: int,
) -> None:  # fmt: skip
    """Calls a check back, of which the unit is told; or takes up again what was rejected. It waits
    for the office then as it did at first. Raises UserError."""
    words = checked_reason(reason)
    await stages.hold(session, deed, seen)
    check = await stages.open_check(session, deed)
    if check is not None and stages.may_become(deed, DeedState.RECEIVED):
        check.called_back_at = now
        await session.flush()
        told = reply("deed_check-called-back")
        clerks = await people.chats_of(session, check.unit_id, *people.CLERKS)
        key = f"deed-check-back:{check.id}"
        await news.tell_each(session, vault, clerks.values(), told, now, key)
    actor = f"officer:{officer.id}"
    await stages.become(session, deed, DeedState.RECEIVED, actor, now, reason=words)


def checked_reason(text: str) -> str:
    words = forms.checked_words(text, LONGEST_REASON)
    if len(words) < 3:
        raise UserError("deeds-needs-reason")
    return words


# The unit's side


@dataclass(frozen=True)
class Asked:
    """A check, and the person of the unit who answers it now."""

    check: DeedCheck
    deed: Deed
    post: Post


async def open_checks(session: AsyncSession, contact_id: int) -> list[Asked]:
    """What this contact's units are asked, the soonest to be due first."""
    posts = {post.unit.id: post for post in reversed(await people.posts(session, contact_id))}
    rows = await session.execute(
        select(DeedCheck, Deed)
        .join(Deed, Deed.id == DeedCheck.deed_id)
        .where(
            DeedCheck.unit_id.in_(posts), DeedCheck.answered_at.is_(None),
            DeedCheck.called_back_at.is_(None),
        )
        .order_by(DeedCheck.due_at)
    )  # fmt: skip
    return [Asked(check, deed, posts[check.unit_id]) for check, deed in rows]


async def hold(session: AsyncSession, contact_id: int, check_id: str) -> Asked:
    """Locked until the commit. Raises UserError unless this contact is a live member of the unit
    that was asked, and when it was called back or can be answered no more."""
    check = await session.get(DeedCheck, check_id, with_for_update=True, populate_existing=True)
    posts = {post.unit.id: post for post in await people.posts(session, contact_id)}
    if check is None or check.unit_id not in posts:
        raise UserError("deed_check-not-yours")
    if check.called_back_at is not None:
        raise UserError("deed_check-called-back")
    deed = await session.get_one(Deed, check.deed_id)
    if check.answered_at is not None and not may_amend(check, deed):
        raise UserError("deed_check-answered", at=check.answered_at)
    return Asked(check, deed, posts[check.unit_id])


def may_amend(check: DeedCheck, deed: Deed) -> bool:
    """Until an officer has done anything upon the answer."""
    return (
        check.answer is not None
        and deed.state == _BECOMES[CheckAnswer(check.answer)]
        and deed.changed_by == check.answered_by
    )


async def answer(
    session: AsyncSession,
    vault: Vault,
    asked: Asked,
    said: CheckAnswer,
    reason: str,
    file_ids: Sequence[str],
    now: datetime,
) -> None:
    """The unit's answer: a yes with a photo or words, anything else with words. The deed goes on
    by itself; officers and tellers hear of it. An answer given before is amended: it goes back to
    being checked, and on from there. Raises UserError."""
    check, deed = asked.check, asked.deed
    words = forms.checked_words(reason, LONGEST_REASON)
    if not words and (said is not CheckAnswer.CONFIRMED or not file_ids):
        raise UserError("deed_check-needs-words")
    if len(file_ids) > forms.MOST_FILES:
        raise UserError("deeds-too-many-files", most=forms.MOST_FILES)
    amends = check.answered_at is not None
    if amends:
        check.answer = check.answered_by = check.answered_at = check.reason = None
        await stages.become(session, deed, DeedState.CHECKING, asked.post.actor, now)
    check.answer, check.answered_by, check.answered_at = said, asked.post.actor, now
    if words:
        check.reason = await _sealed(session, vault, deed, f"reason:{check.id}", words)
    session.add_all(
        DeedFile(deed_id=deed.id, file_id=file_id, check_id=check.id, added_at=now)
        for file_id in dict.fromkeys(file_ids)
    )
    await stages.become(
        session, deed, _BECOMES[said], asked.post.actor, now, reason=f"{service.CHECK}{check.id}"
    )
    await news.tell_tellers(session, vault, deed, now)
    told = reply(f"deed_check-news-{said}", unit=asked.post.unit.name)
    if amends:
        answer = Word(f"deed_check-said-{said}")
        told = reply("deed_check-amended", unit=asked.post.unit.name, said=answer)
    key = f"deed-answer:{check.id}:{deed.version}"
    await news.tell_office(session, vault, deed, told, now, key)


async def _sealed(
    session: AsyncSession, vault: Vault, deed: Deed, place: str, words: str
) -> bytes | None:
    """With the key of the praised; None once that was destroyed."""
    subject = await session.get_one(Person, deed.subject_id)
    if subject.wrapped_key is None:
        return None
    return vault.seal(subject.wrapped_key, words, f"deed_checks.{place}")


# What time does


async def escalate(session: AsyncSession, vault: Vault, now: datetime) -> int:
    """A check that is overdue is told once to the unit's head and to the office."""
    late = await session.execute(
        select(DeedCheck, Deed, Unit)
        .join(Deed, Deed.id == DeedCheck.deed_id)
        .join(Unit, Unit.id == DeedCheck.unit_id)
        .where(
            DeedCheck.due_at <= now, DeedCheck.answered_at.is_(None),
            DeedCheck.called_back_at.is_(None), DeedCheck.escalated_at.is_(None),
        )
        .with_for_update(of=DeedCheck, skip_locked=True)
    )  # fmt: skip
    rows = late.all()
    for check, deed, unit in rows:
        check.escalated_at = now
        stages.note(session, now, "clock", "escalate check", deed.id, check.id)
        due = Until(check.due_at)
        heads = await people.chats_of(session, unit.id, MemberRank.HEAD, willing=True)
        told = reply("deed_check-overdue-head", unit=unit.name, due=due).offering(
            choice("deed_check-open-button", f"vx:o:{check.id}")
        )
        key = f"deed-late:{check.id}"
        await news.tell_each(session, vault, heads.values(), told, now, f"{key}:head")
        told = reply("deed_check-overdue-office", unit=unit.name, due=due)
        await news.tell_office(session, vault, deed, told, now, key)
    return len(rows)
