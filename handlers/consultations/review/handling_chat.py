"""The result of checking an objection, written in chat and changed until the file is compiled.

officer: [Note the result]           bot: write what was checked and found → read back → [Send]
officer: /viec → [Results to note]   bot: objections in the record, those without a result first
"""

from __future__ import annotations

from datetime import datetime

from aiogram import Router
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery
from sqlalchemy.ext.asyncio import AsyncSession

from bot.replies import Choice, Reply, choice, reply
from handlers.consultations.review import handling, officer_writing
from handlers.consultations.review import service as review
from handlers.consultations.review.officer_writing import Doing, Purpose
from handlers.consultations.review.officers_only import Pressed, guarded
from handlers.consultations.review.presses import Press, press
from storage.models.consultations import Opinion, Stance
from storage.models.office import Officer, Role

PAGE = 8


def router() -> Router:
    work = guarded("handling", Role.OFFICER)
    work.callback_query.register(write_result, Pressed("result"))
    work.callback_query.register(list_in_the_record, Pressed("to-note"))
    return work


def button(opinion: Opinion) -> Choice:
    key = "review-handling-again-button" if opinion.handling else "review-handling-button"
    return choice(key, press("result", opinion.id))


def noted(case: review.Case, at: datetime) -> Reply:
    words = case.opinion.handling
    return reply("review-handling-noted", officer=case.handled_by, at=at, words=words)


async def write_result(
    _: CallbackQuery, pressed: Press, officer: Officer, session: AsyncSession, state: FSMContext
) -> Reply:
    await review.held(session, officer, pressed.id)
    return await officer_writing.begin(state, PURPOSES, "result", pressed.id)


async def _keep_result(doing: Doing) -> Reply:
    opinion = await handling.note_result(
        doing.session, doing.officer, doing.id, doing.words, doing.now
    )
    return reply("review-handling-kept", name=opinion.candidate.name).offering(
        choice("review-open-again-button", press("open", opinion.id)),
        choice("review-to-note-all-button", press("to-note")),
        choice("review-list-button", press("list")),
    )


PURPOSES = {
    "result": Purpose(
        (Role.OFFICER,),
        "review-write-handling",
        "review-read-handling",
        _keep_result,
        confirm="review-keep-button",
    ),
}


async def list_in_the_record(_: CallbackQuery, officer: Officer, session: AsyncSession) -> Reply:
    found = await handling.in_the_record(session, officer, PAGE)
    back = choice("review-list-button", press("list"))
    if not found:
        return reply("review-nothing-to-note").offering(back)
    n = await handling.to_note(session, officer)
    listed = reply("review-to-note", n=n)
    return listed.offering(*[_row(opinion) for opinion in found], back)


def _row(opinion: Opinion) -> Choice:
    key = "review-noted-row-button" if opinion.handling else "review-unnoted-row-button"
    return choice(
        key, press("open", opinion.id),
        name=opinion.candidate.name, stance=review.STANCES[Stance(opinion.stance)],
    )  # fmt: skip
