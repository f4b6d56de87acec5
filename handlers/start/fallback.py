"""Whatever nobody took: an old button, words out of place. The person is told what to do next."""

from __future__ import annotations

from aiogram import F, Router
from aiogram.types import CallbackQuery, Message

from bot.replies import Reply, choice, reply


def router() -> Router:
    fallback = Router(name="fallback")
    fallback.callback_query.register(old_button)
    fallback.message.register(too_many_files, F.media_group_id)
    fallback.message.register(not_understood)
    fallback.edited_message.register(edit_ignored)
    return fallback


async def old_button(_: CallbackQuery) -> Reply:
    return _way_on(reply("start-old-button"))


async def too_many_files(message: Message) -> Reply:
    return _way_on(Reply("start-file-out-of-place", once=f"album:{message.media_group_id}"))


async def not_understood(message: Message, files: list[dict[str, object]]) -> Reply:
    key = "start-file-out-of-place" if files else "start-not-understood"
    return _way_on(reply(key))


async def edit_ignored(_: Message) -> Reply:
    return _way_on(reply("start-edit-ignored"))


def _way_on(answer: Reply) -> Reply:
    return answer.offering(
        choice("start-consultations-button", "list"),
        choice("start-receipt-button", "receipt"),
        (choice("start-help-button", "help"), choice("common-human-button", "human")),
    )
