"""The few words an officer types: asked for, read back, then acted upon.

officer: [Write a reason]   bot: write it, it will be read to the author
officer: "..."              bot: this is what goes: "..."  [Send] [Write again] [Cancel]
officer: [Send]             bot: done
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from aiogram import F, Router
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message
from sqlalchemy.ext.asyncio import AsyncSession

from bot.contacts import Contact
from bot.replies import Reply, choice, reply
from bot.vault import Vault
from handlers.consultations.review import rights
from handlers.consultations.review import service as review
from handlers.consultations.review.officers_only import Pressed, Writing, forget_writing, guarded
from handlers.consultations.review.presses import press
from storage.models.office import Officer, Role

log = structlog.get_logger()


@dataclass(frozen=True)
class Doing:
    """All that acting on the words needs."""

    session: AsyncSession
    vault: Vault
    officer: Officer
    id: str
    seen: str
    words: str
    now: datetime


@dataclass(frozen=True)
class Purpose:
    roles: tuple[Role, ...]
    prompt: str
    """Key of the sentence that asks for the words."""
    read_back: str
    """Key of the sentence that repeats them: {words}."""
    act: Callable[[Doing], Awaitable[Reply]]
    confirm: str = "review-send-button"
    """Key of the button that does it."""


async def begin(
    state: FSMContext, purposes: Mapping[str, Purpose], name: str, id: str, seen: str = ""
) -> Reply:
    await state.set_state(Writing.words)
    await state.update_data(review={"purpose": name, "id": id, "seen": seen})
    return reply(purposes[name].prompt, longest=review.LONGEST_WORDS).offering(
        choice("review-cancel-button", press("cancel"))
    )


def router(purposes: Mapping[str, Purpose]) -> Router:
    async def read_back(message: Message, state: FSMContext) -> Reply:
        words = review.checked_words(message.text or "")
        asked = (await state.get_data()).get("review") or {}
        if asked.get("purpose") not in purposes:
            return await cancel(message, state)
        await state.update_data(review={**asked, "words": words})
        purpose = purposes[asked["purpose"]]
        return reply(purpose.read_back, words=words).offering(
            choice(purpose.confirm, press("send")),
            (
                choice("review-rewrite-button", press("rewrite")),
                choice("review-cancel-button", press("cancel")),
            ),
        )

    async def send(
        _: CallbackQuery,
        state: FSMContext,
        contact: Contact,
        session: AsyncSession,
        vault: Vault,
        now: datetime,
    ) -> Reply:
        asked = (await state.get_data()).get("review") or {}
        if asked.get("purpose") not in purposes or not asked.get("words"):
            return reply("review-nothing-to-send")
        purpose = purposes[asked["purpose"]]
        officer = await rights.acting(session, contact.id, *purpose.roles)
        if officer is None:
            log.warning("refused: not this role", contact=contact.id, verb=asked["purpose"])
            return reply("review-officers-only")
        await forget_writing(state)
        return await purpose.act(
            Doing(session, vault, officer, asked["id"], asked["seen"], asked["words"], now)
        )

    async def rewrite(_: CallbackQuery, state: FSMContext) -> Reply:
        asked = (await state.get_data()).get("review") or {}
        if asked.get("purpose") not in purposes:
            return reply("review-nothing-to-send")
        return await begin(state, purposes, asked["purpose"], asked["id"], asked["seen"])

    writing = guarded("officer-writing", Role.OFFICER, Role.RESTRICTED)
    writing.message.register(read_back, Writing.words, F.text, ~F.text.startswith("/"))
    writing.message.register(ask_for_words, Writing.words, ~F.text)
    writing.callback_query.register(send, Pressed("send"))
    writing.callback_query.register(rewrite, Pressed("rewrite"))
    writing.callback_query.register(cancel, Pressed("cancel"))
    return writing


async def ask_for_words(_: Message) -> Reply:
    return reply("review-words-only").offering(choice("review-cancel-button", press("cancel")))


async def cancel(_: Message | CallbackQuery, state: FSMContext) -> Reply:
    await forget_writing(state)
    return reply("review-cancelled").offering(
        choice("review-list-button", press("list")),
        choice("review-matters-button", press("matters")),
    )
