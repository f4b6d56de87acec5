"""The restricted lane in chat: dates and steps only; what is in it opens on a private page.

officer: /vukin            bot: the matters that wait, by the day they came
officer: [received …]      bot: [Open, ten minutes] [Forwarded] [Closed] [Suspend]
officer: [Forwarded]       bot: to whom? → read back → [Send]
"""

from __future__ import annotations

from datetime import datetime

from aiogram import Router
from aiogram.filters import Command
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message
from sqlalchemy.ext.asyncio import AsyncSession

from bot.config import Settings
from bot.replies import Reply, Word, choice, link, reply
from bot.vault import Vault
from handlers.consultations.review import matters, officer_writing, reading_links
from handlers.consultations.review.officer_writing import Doing, Purpose
from handlers.consultations.review.officers_only import Pressed, forget_writing, guarded
from handlers.consultations.review.presses import Press, press
from storage.models.consultations import MatterState, RestrictedMatter
from storage.models.office import Officer, Role

Event = Message | CallbackQuery
PAGE = 10
STATES = {
    MatterState.NEW: Word("review-matter-new"),
    MatterState.FORWARDED: Word("review-matter-forwarded"),
    MatterState.CLOSED: Word("review-matter-closed"),
}


def router() -> Router:
    chat = guarded("matters", Role.RESTRICTED)
    chat.message.register(list_matters, Command("vukin", "matters"))
    chat.callback_query.register(list_matters, Pressed("matters"))
    chat.callback_query.register(show_matter, Pressed("matter"))
    chat.callback_query.register(write_step, Pressed("forward", "close"))
    chat.callback_query.register(confirm_involved, Pressed("m-mine"))
    chat.callback_query.register(stand_aside, Pressed("m-mine-yes"))
    return chat


async def list_matters(
    _: Event, officer: Officer, session: AsyncSession, state: FSMContext
) -> Reply:
    await forget_writing(state)
    found = await matters.matters(session, officer)
    if not found:
        return reply("review-no-matters")
    rows = [
        choice(
            "review-matter-button", press("matter", one.id),
            received=one.received_at, state=STATES[MatterState(one.state)],
        )
        for one in found[:PAGE]
    ]  # fmt: skip
    return reply("review-matters", n=len(found)).offering(*rows)


async def show_matter(
    _: CallbackQuery,
    pressed: Press,
    officer: Officer,
    session: AsyncSession,
    vault: Vault,
    settings: Settings,
) -> Reply:
    matter = await matters.reach(session, officer, pressed.id)
    url = reading_links.sign(vault, settings.links, officer.id, "matter", matter.id)
    steps = [
        choice(key, press(verb, matter.id))
        for new, verb, key in (
            (MatterState.FORWARDED, "forward", "review-forward-button"),
            (MatterState.CLOSED, "close", "review-close-button"),
        )
        if new in matters.STEPS[MatterState(matter.state)]
    ]
    return reply(
        "review-matter", received=matter.received_at, state=STATES[MatterState(matter.state)]
    ).offering(
        link("review-matter-open-button", url),
        *steps,
        choice("review-suspend-button", press("stop", matter.consultation_id)),
        choice("review-involved-button", press("m-mine", matter.id)),
        choice("review-matters-button", press("matters")),
    )


async def write_step(
    _: CallbackQuery, pressed: Press, officer: Officer, session: AsyncSession, state: FSMContext
) -> Reply:
    await matters.reach(session, officer, pressed.id)
    return await officer_writing.begin(state, PURPOSES, pressed.verb, pressed.id)


async def _forward(doing: Doing) -> Reply:
    return _marked(await _mark(doing, MatterState.FORWARDED))


async def _close(doing: Doing) -> Reply:
    return _marked(await _mark(doing, MatterState.CLOSED))


async def _mark(doing: Doing, new: MatterState) -> RestrictedMatter:
    return await matters.mark(doing.session, doing.officer, doing.id, new, doing.words, doing.now)


def _marked(matter: RestrictedMatter) -> Reply:
    marked = Reply("review-matter-marked", {"state": STATES[matter.state]}, replaces=True)
    return marked.offering(choice("review-matters-button", press("matters")))


async def confirm_involved(
    _: CallbackQuery, pressed: Press, officer: Officer, session: AsyncSession
) -> Reply:
    await matters.reach(session, officer, pressed.id)
    return reply("review-matter-involved-sure").offering(
        choice("review-involved-yes-button", press("m-mine-yes", pressed.id)),
        choice("review-back-button", press("matter", pressed.id)),
    )


async def stand_aside(
    _: CallbackQuery, pressed: Press, officer: Officer, session: AsyncSession, now: datetime
) -> Reply:
    await matters.declare_involvement(session, officer, pressed.id, now)
    return Reply("review-involved-done", replaces=True).offering(
        choice("review-matters-button", press("matters"))
    )


PURPOSES = {
    "forward": Purpose(
        (Role.RESTRICTED,), "review-write-forward", "review-read-forward", _forward
    ),
    "close": Purpose((Role.RESTRICTED,), "review-write-close", "review-read-close", _close),
}
