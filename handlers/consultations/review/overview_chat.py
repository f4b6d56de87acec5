"""How the office's consultations stand, and the brake on them.

officer: /tinhhinh         bot: each consultation: day, counts  [Suspend]
officer: [Suspend]         bot: it stops taking opinions; why?  [reason] [I will write it]
"""

from __future__ import annotations

from datetime import datetime

from aiogram import Router
from aiogram.filters import Command
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message
from sqlalchemy.ext.asyncio import AsyncSession

from bot import i18n
from bot.contacts import Contact
from bot.replies import Arg, Choice, Reply, Until, Word, choice, reply
from handlers.consultations.review import officer_writing, overview
from handlers.consultations.review.officer_writing import Doing, Purpose
from handlers.consultations.review.officers_only import Pressed, guarded
from handlers.consultations.review.overview import Standing
from handlers.consultations.review.presses import Press, press
from storage.models.consultations import Consultation, ConsultationState, OpinionState, Stance
from storage.models.office import Officer, Role

Event = Message | CallbackQuery
STAFF = (Role.OFFICER, Role.RESTRICTED)
MOST_SHOWN = 5
"""Each consultation is a message of its own; the soonest to close come first."""
STATES = {
    ConsultationState.APPROVED: Word("review-state-approved"),
    ConsultationState.OPEN: Word("review-state-open"),
    ConsultationState.SUSPENDED: Word("review-state-suspended"),
    ConsultationState.CLOSED: Word("review-state-closed"),
    ConsultationState.COMPILED: Word("review-state-compiled"),
}
STOCK = {"stop": "review-stop-verifying", "resume": "review-resume-verified"}


def router() -> Router:
    chat = guarded("overview", *STAFF)
    chat.message.register(show_overview, Command("tinhhinh", "overview"))
    chat.callback_query.register(show_overview, Pressed("overview"))
    chat.callback_query.register(ask_why_stop, Pressed("stop"))
    chat.callback_query.register(stop, Pressed("stop-yes"))
    chat.callback_query.register(ask_why_resume, Pressed("resume"))
    chat.callback_query.register(resume, Pressed("resume-yes"))
    chat.callback_query.register(write_why, Pressed("stop-for", "resume-for"))
    return chat


async def show_overview(_: Event, officer: Officer, session: AsyncSession, now: datetime) -> Reply:
    standings = await overview.overview(session, officer, now)
    if not standings:
        return reply("review-no-consultations")
    first, *others = [_standing(one) for one in standings[:MOST_SHOWN]]
    return first.followed_by(*others)


def _standing(one: Standing) -> Reply:
    asked = one.consultation
    args: dict[str, Arg] = {
        "title": asked.title,
        "state": STATES[ConsultationState(asked.state)],
        "total": one.in_window + one.outside,
        "in_window": one.in_window,
        "outside": one.outside,
        "agree": one.by_stance[Stance.AGREE],
        "remark": one.by_stance[Stance.REMARK],
        "object": one.by_stance[Stance.OBJECT],
        "inform": one.by_stance[Stance.INFORM],
        "filed": one.by_state[OpinionState.FILED],
        "accepted": one.by_state[OpinionState.ACCEPTED],
        "aside": one.by_state[OpinionState.SET_ASIDE],
        "withdrawn": one.by_state[OpinionState.WITHDRAWN],
        "restricted": one.by_state[OpinionState.RESTRICTED],
    }
    counts = reply("review-standing-counts", **args).offering(*_brake(asked))
    if asked.closes_at is None:
        return reply("review-standing-undated", **args).followed_by(counts)
    closes = Until(asked.closes_at)
    if one.day is None:
        return reply("review-standing", closes=closes, **args).followed_by(counts)
    day, days = one.day
    return reply("review-standing-day", closes=closes, day=day, days=days, **args).followed_by(
        counts
    )


def _brake(asked: Consultation) -> list[Choice]:
    if asked.state == ConsultationState.OPEN:
        return [choice("review-suspend-button", press("stop", asked.id))]
    if asked.state == ConsultationState.SUSPENDED:
        return [choice("review-resume-button", press("resume", asked.id))]
    return []


async def ask_why_stop(
    _: CallbackQuery, pressed: Press, officer: Officer, session: AsyncSession
) -> Reply:
    asked = await overview.reach(session, officer, pressed.id)
    return reply("review-stop-sure", title=asked.title).offering(
        choice("review-stop-verifying-button", press("stop-yes", pressed.id)),
        choice("review-write-button", press("stop-for", pressed.id)),
        choice("review-cancel-button", press("overview")),
    )


async def ask_why_resume(
    _: CallbackQuery, pressed: Press, officer: Officer, session: AsyncSession
) -> Reply:
    asked = await overview.reach(session, officer, pressed.id)
    return reply("review-resume-sure", title=asked.title).offering(
        choice("review-resume-verified-button", press("resume-yes", pressed.id)),
        choice("review-write-button", press("resume-for", pressed.id)),
        choice("review-cancel-button", press("overview")),
    )


async def write_why(
    _: CallbackQuery, pressed: Press, officer: Officer, session: AsyncSession, state: FSMContext
) -> Reply:
    await overview.reach(session, officer, pressed.id)
    purpose = pressed.verb.removesuffix("-for")
    return await officer_writing.begin(state, PURPOSES, purpose, pressed.id)


async def stop(
    _: CallbackQuery,
    pressed: Press,
    officer: Officer,
    contact: Contact,
    session: AsyncSession,
    now: datetime,
) -> Reply:
    reason = i18n.say(contact.locale, STOCK["stop"])
    return _stopped(await overview.suspend(session, officer, pressed.id, reason, now))


async def resume(
    _: CallbackQuery,
    pressed: Press,
    officer: Officer,
    contact: Contact,
    session: AsyncSession,
    now: datetime,
) -> Reply:
    reason = i18n.say(contact.locale, STOCK["resume"])
    return _resumed(await overview.resume(session, officer, pressed.id, reason, now))


async def _stop_because(doing: Doing) -> Reply:
    return _stopped(
        await overview.suspend(doing.session, doing.officer, doing.id, doing.words, doing.now)
    )


async def _resume_because(doing: Doing) -> Reply:
    return _resumed(
        await overview.resume(doing.session, doing.officer, doing.id, doing.words, doing.now)
    )


def _stopped(asked: Consultation) -> Reply:
    return Reply("review-stopped", {"title": asked.title}, replaces=True).offering(*_brake(asked))


def _resumed(asked: Consultation) -> Reply:
    return Reply("review-resumed", {"title": asked.title}, replaces=True).offering(*_brake(asked))


PURPOSES = {
    "stop": Purpose(STAFF, "review-write-stop", "review-read-stop", _stop_because),
    "resume": Purpose(STAFF, "review-write-resume", "review-read-resume", _resume_because),
}
