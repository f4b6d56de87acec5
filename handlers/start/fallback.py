"""Whatever nobody took: an old button, words out of place. The person is told what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiogram import F, Router
from aiogram.filters import CommandStart
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from bot.replies import Reply, choice, reply
from handlers.start.chat import greet, way_back
from storage.models.traffic import StoredFile


def router() -> Router:
    fallback = Router(name="fallback")
    fallback.callback_query.register(old_button)
    fallback.message.register(greet, CommandStart())
    fallback.message.register(too_many_files, F.media_group_id)
    fallback.message.register(not_understood)
    fallback.edited_message.register(edit_ignored)
    return fallback


async def old_button(_: CallbackQuery, state: FSMContext) -> Reply:
    return await _way_on(reply("start-old-button"), state)


async def too_many_files(
    message: Message, state: FSMContext, session: AsyncSession, files: Sequence[dict[str, Any]]
) -> Reply:
    await _forget(session, files)
    told = Reply("start-file-out-of-place", once=f"album:{message.media_group_id}")
    return await _way_on(told, state)


async def not_understood(
    _: Message, state: FSMContext, session: AsyncSession, files: Sequence[dict[str, Any]]
) -> Reply:
    await _forget(session, files)
    key = "start-file-out-of-place" if files else "start-not-understood"
    return await _way_on(reply(key), state)


async def edit_ignored(_: Message, state: FSMContext) -> Reply:
    return await _way_on(reply("start-edit-ignored"), state)


async def _forget(session: AsyncSession, files: Sequence[dict[str, Any]]) -> None:
    """What was not taken is not kept either; its bytes are swept from the disk later."""
    ids = [file["id"] for file in files if "id" in file]
    if ids:
        await session.execute(delete(StoredFile).where(StoredFile.id.in_(ids)))


async def _way_on(answer: Reply, state: FSMContext) -> Reply:
    return answer.offering(
        *way_back(await state.get_data()),
        choice("start-consultations-button", "list"),
        choice("start-receipt-button", "receipt"),
        (choice("start-help-button", "help"), choice("common-human-button", "human")),
    )
