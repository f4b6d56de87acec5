"""An officer's work in chat.

officer: /viec             bot: what waits, by candidate, with its age
officer: [Trần Thị Hoa]    bot: the oldest opinion: stance, words, files; what may be done
officer: [Accept]          bot: recorded, its author is told; the next one
officer: [Set aside]       bot: why?  [reasons] [I will write it]
officer: [Ask the author]  bot: write the question → read back → [Send]
officer: [Note the result]  of an objection in the record: see handling_chat
"""

from __future__ import annotations

from datetime import datetime

from aiogram import Router
from aiogram.filters import Command
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Calendar, OutsideCoverage, load_calendar, working_days_between
from bot.hearing import Hears
from bot.replies import Choice, Reply, Word, choice, reply
from bot.vault import Vault
from handlers.consultations.review import (
    evidence_chat,
    handling,
    handling_chat,
    matters,
    matters_chat,
    officer_writing,
    overview,
    overview_chat,
    waiting,
)
from handlers.consultations.review import service as review
from handlers.consultations.review.officer_writing import Doing, Purpose
from handlers.consultations.review.officers_only import Pressed, Writing, forget_writing, guarded
from handlers.consultations.review.presses import Press, press
from handlers.consultations.review.service import Case
from handlers.consultations.review.waiting import Group
from storage.models.consultations import IdentityLevel, Opinion, OpinionState
from storage.models.office import Officer, Role

Event = Message | CallbackQuery
PAGE = 8
"""Candidates on one page of buttons."""
SET_ASIDE_REASONS = (
    ("review-reason-unrelated-button", "review-reason-unrelated"),
    ("review-reason-repeated-button", "review-reason-repeated"),
    ("review-reason-unclear-button", "review-reason-unclear"),
    ("review-reason-insulting-button", "review-reason-insulting"),
    ("review-reason-private-button", "review-reason-private"),
)
"""What the officer presses, and what the author reads."""
IDENTITIES = {
    IdentityLevel.ANONYMOUS: Word("review-identity-level-anonymous"),
    IdentityLevel.TO_OFFICE: Word("review-identity-level-to-office"),
    IdentityLevel.SIGNED: Word("review-identity-level-signed"),
}


def router() -> Router:
    """Everything officers do in chat: opinions, consultations, the restricted lane."""
    work = guarded("review", Role.OFFICER)
    work.message.register(list_work, Command("viec", "work"))
    work.callback_query.register(list_work, Pressed("list"))
    work.callback_query.register(list_candidates, Pressed("group"))
    work.callback_query.register(open_oldest, Pressed("candidate"))
    work.callback_query.register(open_one, Pressed("open"))
    work.callback_query.register(open_next, Pressed("next"))
    work.callback_query.register(accept, Pressed("accept"))
    work.callback_query.register(ask_why, Pressed("aside"))
    work.callback_query.register(set_aside, Pressed("why"))
    work.callback_query.register(write_reason, Pressed("because"))
    work.callback_query.register(write_question, Pressed("ask"))
    work.callback_query.register(confirm_lane, Pressed("lane"))
    work.callback_query.register(move_to_lane, Pressed("lane-yes"))
    work.callback_query.register(confirm_involved, Pressed("mine"))
    work.callback_query.register(stand_aside, Pressed("mine-yes"))
    everything = Router(name="staff")
    everything.message.filter(Hears(Writing))
    everything.include_routers(
        work,
        evidence_chat.router(),
        handling_chat.router(),
        overview_chat.router(),
        matters_chat.router(),
        officer_writing.router(
            PURPOSES | handling_chat.PURPOSES | overview_chat.PURPOSES | matters_chat.PURPOSES
        ),
    )
    return everything


# What waits


async def list_work(
    event: Event, officer: Officer, session: AsyncSession, state: FSMContext, now: datetime
) -> Reply:
    await forget_writing(state)
    groups = await waiting.groups(session, officer)
    if not groups:
        return reply("review-nothing-waits").offering(*await _elsewhere(session, officer))
    by_consultation: dict[str, list[Group]] = {}
    for group in groups:
        by_consultation.setdefault(group.consultation_id, []).append(group)
    if len(by_consultation) == 1:
        listed = await _candidates(session, groups, 0, now)
        return listed.offering(*await _elsewhere(session, officer))
    rows = [
        choice(
            "review-consultation-button", press("group", asked),
            title=of_it[0].title, n=sum(group.count for group in of_it),
        )
        for asked, of_it in by_consultation.items()
    ]  # fmt: skip
    total = sum(group.count for group in groups)
    listed = reply("review-waiting", n=total, consultations=len(rows)).offering(*rows[:PAGE])
    return listed.offering(*await _elsewhere(session, officer))


async def _elsewhere(session: AsyncSession, officer: Officer) -> list[Choice]:
    """What lies beside the opinions that wait."""
    ways = [choice("review-overview-button", press("overview"))]
    if n := await handling.to_note(session, officer):
        ways.insert(0, choice("review-to-note-button", press("to-note"), n=n))
    return ways


async def list_candidates(
    _: CallbackQuery, pressed: Press, officer: Officer, session: AsyncSession, now: datetime
) -> Reply:
    every = await waiting.groups(session, officer)
    groups = [group for group in every if group.consultation_id == pressed.id]
    if not groups:
        return reply("review-none-left").offering(*_ways_on())
    listed = await _candidates(session, groups, pressed.n, now)
    return listed.offering(*await _elsewhere(session, officer))


async def _candidates(
    session: AsyncSession, groups: list[Group], start: int, now: datetime
) -> Reply:
    calendar = await load_calendar(session)
    shown = groups[start : start + PAGE]
    rows = [_candidate_button(group, calendar, now) for group in shown]
    if start + PAGE < len(groups):
        more = press("group", groups[0].consultation_id, n=start + PAGE)
        rows.append(choice("review-more-button", more))
    total = sum(group.count for group in groups)
    return reply("review-waiting-one", n=total, title=groups[0].title).offering(*rows)


def _candidate_button(group: Group, calendar: Calendar, now: datetime) -> Choice:
    days = age(calendar, group.oldest, now)
    to = press("candidate", group.candidate_id)
    if days is None:
        return choice("review-candidate-button", to, name=group.name, n=group.count)
    key = "review-candidate-aged-button"
    return choice(key, to, name=group.name, n=group.count, days=days)


def age(calendar: Calendar, since: datetime, now: datetime) -> int | None:
    """In working days; None where the holiday table does not reach."""
    try:
        return working_days_between(calendar, since, now)
    except OutsideCoverage:
        return None


def _ways_on() -> tuple[Choice, ...]:
    return (
        choice("review-list-button", press("list")),
        choice("review-overview-button", press("overview")),
    )


# One opinion


async def open_oldest(
    _: CallbackQuery, pressed: Press, officer: Officer, session: AsyncSession, now: datetime
) -> Reply:
    return await _show_next(session, officer, pressed.id, None, now)


async def open_one(
    _: CallbackQuery,
    pressed: Press,
    officer: Officer,
    session: AsyncSession,
    state: FSMContext,
    now: datetime,
) -> Reply:
    await forget_writing(state)
    return _card(await review.open_opinion(session, officer, pressed.id, now))


async def open_next(
    _: CallbackQuery, pressed: Press, officer: Officer, session: AsyncSession, now: datetime
) -> Reply:
    current = (await review.held(session, officer, pressed.id)).opinion
    return await _show_next(session, officer, current.candidate_id, current, now)


async def _show_next(
    session: AsyncSession,
    officer: Officer,
    candidate_id: str,
    after: Opinion | None,
    now: datetime,
) -> Reply:
    opinion_id = await waiting.next_one(session, officer, candidate_id, after)
    if opinion_id is None:
        return reply("review-none-left").offering(*_ways_on())
    return _card(await review.open_opinion(session, officer, opinion_id, now))


def _card(case: Case) -> Reply:
    """The words as they were given, the questions and answers since, then what may be done."""
    opinion = case.opinion
    card = reply(
        "review-card",
        title=opinion.consultation.title,
        name=opinion.candidate.name,
        award=opinion.candidate.award.name_vi,
        stance=review.STANCES[opinion.stance],
        received=opinion.received_at,
        timely=Word("review-in-window" if opinion.in_window else "review-outside-window"),
        identity=IDENTITIES[IdentityLevel(opinion.identity)],
        files=len(case.files),
        words=opinion.text or Word("review-no-words"),
    )
    parts = [
        reply("review-asked" if one.from_office else "review-answered", at=one.at, words=one.text)
        for one in case.messages[-5:]
    ]
    if opinion.decided_at is not None:
        parts.append(_decided(case, opinion.decided_at))
    if opinion.handled_at is not None:
        parts.append(handling_chat.noted(case, opinion.handled_at))
    first, *others = [card, *parts]
    others_then = [*others[:-1], others[-1].offering(*_actions(case))] if others else []
    if not others_then:
        first = first.offering(*_actions(case))
    return first.followed_by(*others_then)


def _decided(case: Case, at: datetime) -> Reply:
    opinion = case.opinion
    key = "review-decided-reason" if opinion.reason else "review-decided"
    decision = review.DECISIONS[OpinionState(opinion.state)]
    return reply(key, officer=case.decided_by, at=at, decision=decision, reason=opinion.reason)


def _actions(case: Case) -> list[tuple[Choice, ...]]:
    id, seen = case.opinion.id, case.seen
    rows = [
        (
            choice("review-accept-button", press("accept", id, seen)),
            choice("review-aside-button", press("aside", id, seen)),
        ),
        (choice("review-ask-button", press("ask", id)),),
    ]
    if handling.may_be_noted(case.opinion):
        rows.append((handling_chat.button(case.opinion),))
    if case.files:
        rows.append((choice("review-files-button", press("files", id), n=len(case.files)),))
    if case.opinion.identity != IdentityLevel.ANONYMOUS:
        rows.append((choice("review-identity-button", press("who", id)),))
    rows += [
        (
            choice("review-lane-button", press("lane", id, seen)),
            choice("review-involved-button", press("mine", id)),
        ),
        (choice("review-suspend-button", press("stop", case.opinion.consultation_id)),),
        (
            choice("review-next-button", press("next", id)),
            choice("review-back-button", press("group", case.opinion.consultation_id)),
        ),
    ]
    return rows


# Decisions


async def accept(
    _: CallbackQuery,
    pressed: Press,
    officer: Officer,
    session: AsyncSession,
    vault: Vault,
    now: datetime,
) -> Reply:
    opinion = await review.accept(session, vault, officer, pressed.id, pressed.seen, now)
    return await _done("review-accepted", session, officer, opinion, now)


async def _done(
    key: str, session: AsyncSession, officer: Officer, opinion: Opinion, now: datetime
) -> Reply:
    """What was done takes the place of the buttons that did it; then the next one."""
    done = Reply(key, {"name": opinion.candidate.name}, replaces=True)
    if handling.may_be_noted(opinion):
        done = done.offering(handling_chat.button(opinion))
    following = await _show_next(session, officer, opinion.candidate_id, opinion, now)
    return done.followed_by(following)


async def ask_why(
    _: CallbackQuery, pressed: Press, officer: Officer, session: AsyncSession
) -> Reply:
    await review.held(session, officer, pressed.id)
    reasons = [
        choice(key, press("why", pressed.id, pressed.seen, number))
        for number, (key, _) in enumerate(SET_ASIDE_REASONS, 1)
    ]
    return reply("review-why").offering(
        *reasons,
        choice("review-write-button", press("because", pressed.id, pressed.seen)),
        choice("review-back-button", press("open", pressed.id)),
    )


async def set_aside(
    _: CallbackQuery,
    pressed: Press,
    officer: Officer,
    session: AsyncSession,
    vault: Vault,
    now: datetime,
) -> Reply:
    if not 1 <= pressed.n <= len(SET_ASIDE_REASONS):
        return reply("review-nothing-to-send")
    _button, key = SET_ASIDE_REASONS[pressed.n - 1]
    opinion = await review.set_aside(
        session, vault, officer, pressed.id, pressed.seen, Word(key), now
    )
    return await _done("review-set-aside", session, officer, opinion, now)


async def write_reason(
    _: CallbackQuery, pressed: Press, officer: Officer, session: AsyncSession, state: FSMContext
) -> Reply:
    await review.held(session, officer, pressed.id)
    return await officer_writing.begin(state, PURPOSES, "aside", pressed.id, pressed.seen)


async def write_question(
    _: CallbackQuery, pressed: Press, officer: Officer, session: AsyncSession, state: FSMContext
) -> Reply:
    await review.held(session, officer, pressed.id)
    return await officer_writing.begin(state, PURPOSES, "ask", pressed.id)


async def _set_aside_because(doing: Doing) -> Reply:
    opinion = await review.set_aside(
        doing.session, doing.vault, doing.officer, doing.id, doing.seen, doing.words, doing.now
    )
    return await _done("review-set-aside", doing.session, doing.officer, opinion, doing.now)


async def _ask(doing: Doing) -> Reply:
    reached = await review.ask_author(
        doing.session, doing.vault, doing.officer, doing.id, doing.words, doing.now
    )
    key = "review-question-sent" if reached else "review-question-by-receipt"
    return reply(key).offering(*_ways_on())


PURPOSES = {
    "aside": Purpose(
        (Role.OFFICER,), "review-write-reason", "review-read-reason", _set_aside_because
    ),
    "ask": Purpose((Role.OFFICER,), "review-write-question", "review-read-question", _ask),
}


# The restricted lane, and standing aside


async def confirm_lane(
    _: CallbackQuery, pressed: Press, officer: Officer, session: AsyncSession
) -> Reply:
    case = await review.held(session, officer, pressed.id)
    keepers = await overview.restricted_keepers(session, officer.office_id)
    asked = reply("review-lane-sure" if keepers else "review-lane-nobody")
    return asked.offering(
        choice("review-lane-yes-button", press("lane-yes", pressed.id, pressed.seen)),
        choice("review-suspend-button", press("stop", case.opinion.consultation_id)),
        choice("review-back-button", press("open", pressed.id)),
    )


async def move_to_lane(
    _: CallbackQuery,
    pressed: Press,
    officer: Officer,
    session: AsyncSession,
    vault: Vault,
    now: datetime,
) -> Reply:
    matter = await matters.move_to_restricted(
        session, vault, officer, pressed.id, pressed.seen, now
    )
    return Reply("review-lane-done", replaces=True).offering(
        choice("review-suspend-button", press("stop", matter.consultation_id)), *_ways_on()
    )


async def confirm_involved(
    _: CallbackQuery, pressed: Press, officer: Officer, session: AsyncSession
) -> Reply:
    case = await review.held(session, officer, pressed.id)
    return reply("review-involved-sure", name=case.opinion.candidate.name).offering(
        choice("review-involved-yes-button", press("mine-yes", pressed.id)),
        choice("review-back-button", press("open", pressed.id)),
    )


async def stand_aside(
    _: CallbackQuery, pressed: Press, officer: Officer, session: AsyncSession, now: datetime
) -> Reply:
    remains = await review.declare_involvement(session, officer, pressed.id, now)
    key = "review-involved-done" if remains else "review-involved-nobody"
    return Reply(key, replaces=True).offering(*_ways_on())
