"""A feature that listens to some messages only must not miss one of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from aiogram import Router
from aiogram.filters import Command, StateFilter
from aiogram.fsm.state import State
from aiogram.types import Chat, Message

import handlers
from bot.hearing import Hears
from handlers.consultations.steps import Giving


def _listening() -> list[tuple[Router, Hears]]:
    return [
        (router, one.callback)
        for router in handlers.routers()
        for one in router.message._handler.filters or ()
        if isinstance(one.callback, Hears)
    ]


def _asked_for(router: Router) -> Iterator[tuple[str, list[object]]]:
    for handler in router.message.handlers:
        yield (
            f"{router.name}: {handler.callback.__qualname__}",
            [one.callback for one in handler.filters or ()],
        )
    for included in router.sub_routers:
        yield from _asked_for(included)


def _states(filters: list[object]) -> set[str | None]:
    found: set[str | None] = set()
    for one in filters:
        if isinstance(one, State):
            found.add(one.state)
        elif isinstance(one, StateFilter):
            for state in one.states:
                if isinstance(state, type):
                    found |= set(state.__all_states_names__)
                elif isinstance(state, State):
                    found.add(state.state)
    return found


def _is_heard(filters: list[object], hears: Hears) -> bool:
    if any(isinstance(one, Command) for one in filters):
        return True
    states = _states(filters)
    return bool(states) and states <= hears.states


def test_features_that_listen_are_found() -> None:
    assert {router.name for router, _ in _listening()} == {
        "deadlines", "deed_checks", "deed_review", "deeds", "exemplar_readers", "exemplars",
        "staff",
    }  # fmt: skip


def test_every_dialogue_of_a_feature_that_listens_is_heard() -> None:
    unheard = [
        name
        for router, hears in _listening()
        for name, filters in _asked_for(router)
        if not _is_heard(filters, hears)
    ]
    assert unheard == ["units: take_code", "units: take_code"]  # known by its words, below


@pytest.mark.parametrize(
    ("text", "state", "is_heard"),
    [
        ("/dangky", None, True),
        (" /dangky", Giving.words.state, True),
        ("7KB-2MN-3FG-4HJ-5CP-6QS", Giving.words.state, True),
        ("7kb 2mn 3fg 4hj 5cp 6qs", None, True),
        ("ba muoi", "Filing:count", True),
        ("Bà Mẫu dạy chữ cho con tôi.", Giving.words.state, False),
        ("Bà Mẫu dạy chữ cho con tôi.", None, False),
    ],
)
async def test_units_hear_commands_their_dialogues_and_their_codes(
    text: str, state: str | None, is_heard: bool
) -> None:
    hears = next(hears for router, hears in _listening() if router.name == "deadlines")
    said = Message(
        message_id=1, date=datetime.now(UTC), chat=Chat(id=1, type="private"), text=text
    )
    assert await hears(said, raw_state=state) is is_heard
