"""One function says whether an opinion is taken at an instant, and every way in asks it [W1]."""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import select, update

from bot.replies import UserError
from handlers.consultations import chat, service
from handlers.consultations.service import Author, Draft
from storage.models.consultations import (
    Candidate,
    Consultation,
    ConsultationState,
    Opinion,
    OpinionState,
    Stance,
)
from tests.cast import Citizen
from tests.consultations.site import Form
from tests.world import World

OPENS = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)
CLOSES = datetime(2026, 11, 30, 17, 0, tzinfo=UTC)
BETWEEN = OPENS + timedelta(days=3)
SECOND = timedelta(seconds=1)
AT = {
    "a second before it opens": (OPENS - SECOND, ConsultationState.OPEN),
    "as it opens": (OPENS, ConsultationState.OPEN),
    "a second before it closes": (CLOSES - SECOND, ConsultationState.OPEN),
    "as it closes": (CLOSES, ConsultationState.OPEN),
    "a second after it closed": (CLOSES + SECOND, ConsultationState.OPEN),
    "while it is suspended": (BETWEEN, ConsultationState.SUSPENDED),
    "while it is a draft": (BETWEEN, ConsultationState.DRAFT),
}
IN_WINDOW = {"as it opens", "a second before it closes"}
LATE = {"as it closes", "a second after it closed"}
AROUND_THE_CLOSE = ("a second before it closes", "as it closes", "while it is suspended")


@dataclass
class Stage:
    """The service, its people, and a candidate of whom nothing was said yet."""

    world: World
    telegram: Citizen
    webchat: Citizen
    pages: aiohttp.ClientSession
    candidate_id: str = ""
    number: int = 2

    async def next_candidate(self) -> None:
        self.number += 1
        async with self.world.base.db.transaction() as session:
            one = Candidate(
                consultation_id=self.world.consultation_id, number=self.number,
                natural_key=str(self.number), kind="person", award_code="HERO",
                name=f"Ông Nguyễn Mẫu {self.number}",
            )  # fmt: skip
            session.add(one)
            await session.flush()
            self.candidate_id = one.id

    async def becomes(self, at: datetime, state: ConsultationState, **values: Any) -> None:
        """The world as it stands at that instant, by whatever way it came to it."""
        self.world.stopped_at = at
        async with self.world.base.db.transaction() as session:
            await session.execute(update(Consultation).values(state=state, **values))

    async def opinion(self) -> Opinion | None:
        async with self.world.base.db.reading() as session:
            found = await session.scalars(
                select(Opinion).where(Opinion.candidate_id == self.candidate_id)
            )
            return found.one_or_none()

    @property
    def place(self) -> str:
        return f"/c/AH-2026-01/{self.number}"

    async def posts(self, path: str, **fields: str) -> Form:
        async with self.pages.post(path, data=fields) as response:
            return Form(await response.text())

    async def files(self, contact: str = "webchat") -> str:
        """An opinion in the window, by the service itself; its receipt."""
        async with self.world.base.db.transaction() as session:
            filed = await service.give_opinion(
                session, self.world.base.vault, Draft(self.candidate_id, Stance.AGREE),
                Author(contact, "vi"), self.world.now(),
            )  # fmt: skip
            return filed.code


@pytest.fixture(autouse=True)
def _nobody_is_slowed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """One person plays them all, faster than people do."""
    monkeypatch.setattr(chat, "OPINIONS", replace(chat.OPINIONS, most=10_000))


@pytest.fixture
async def stage(sqlite_world: World) -> AsyncIterator[Stage]:
    world = sqlite_world
    telegram, webchat = await world.citizen("telegram"), await world.citizen("webchat")
    async with aiohttp.ClientSession(world.links) as pages:
        yield Stage(world, telegram, webchat, pages)


# Ways in: each prepares all but the last act, which it returns.

Act = Callable[[], Awaitable[object]]
Way = Callable[[Stage], Awaitable[Act]]


def in_chat(channel: str) -> Way:
    async def prepare(stage: Stage) -> Act:
        citizen = stage.telegram if channel == "telegram" else stage.webchat
        await citizen.says("/huy")
        await citizen.says(f"/start c-AH-2026-01-{stage.number}")
        await citizen.taps("Không đồng ý")
        await citizen.says("Không đúng như hồ sơ.")
        await citizen.taps("Không nêu tên")
        return lambda: citizen.taps("Gửi")

    return prepare


async def by_form(stage: Stage) -> Act:
    filled = {"stance": "object", "text": "Không đúng như hồ sơ.", "identity": "anonymous"}
    review = await stage.posts(f"{stage.place}/opinion", **filled)
    return lambda: stage.posts(f"{stage.place}/send", draft=review.hidden["draft"], action="send")


async def by_service(stage: Stage) -> Act:
    async def give() -> None:
        with suppress(UserError):
            await stage.files()

    return give


GIVING: dict[str, Way] = {
    "telegram": in_chat("telegram"),
    "web chat": in_chat("webchat"),
    "form": by_form,
    "service": by_service,
}


async def replaces_in_chat(stage: Stage) -> Act:
    await stage.telegram.says("/huy")
    await stage.telegram.says(await stage.files())
    await stage.telegram.taps("Gửi ý kiến khác")
    await stage.telegram.taps("Không đồng ý")
    await stage.telegram.says("Nghĩ lại, không đồng ý.")
    await stage.telegram.taps("Không nêu tên")
    return lambda: stage.telegram.taps("Gửi")


async def again_in_chat(stage: Stage) -> Act:
    prepare = in_chat("telegram")
    await (await prepare(stage))()
    return await prepare(stage)


async def opened_page(stage: Stage) -> Form:
    return await stage.posts("/tracuu", code=await stage.files())


async def replaces_on_the_page(stage: Stage) -> Act:
    case = (await opened_page(stage)).hidden["case"]
    fields = {"case": case, "action": "replace", "stance": "object", "text": "Nghĩ lại."}
    return lambda: stage.posts("/tracuu/case", **fields)


async def withdraws_in_chat(stage: Stage) -> Act:
    await stage.telegram.says(await stage.files())
    await stage.telegram.taps("Rút ý kiến")
    return lambda: stage.telegram.taps("Đúng, rút")


async def withdraws_on_the_page(stage: Stage) -> Act:
    case = (await opened_page(stage)).hidden["case"]
    return lambda: stage.posts("/tracuu/case", case=case, action="withdraw-yes")


CHANGING: dict[str, Way] = {
    "replaces in chat": replaces_in_chat,
    "gives again in chat": again_in_chat,
    "replaces on the page": replaces_on_the_page,
    "withdraws in chat": withdraws_in_chat,
    "withdraws on the page": withdraws_on_the_page,
}


async def outcome(stage: Stage, way: Way, moment: str, *, keeps_late: bool) -> Opinion | None:
    """What stands in the database after that way was tried at that moment."""
    await stage.next_candidate()
    await stage.becomes(
        BETWEEN, ConsultationState.OPEN, opens_at=OPENS, closes_at=CLOSES, keeps_late=keeps_late
    )
    act = await way(stage)
    at, state = AT[moment]
    await stage.becomes(at, state)
    await act()
    return await stage.opinion()


@pytest.mark.parametrize("way", GIVING)
async def test_an_opinion_is_taken_in_the_window_alone(stage: Stage, way: str) -> None:
    for moment in AT:
        opinion = await outcome(stage, GIVING[way], moment, keeps_late=False)
        assert (opinion is not None) == (moment in IN_WINDOW), moment
        assert opinion is None or opinion.in_window, moment


@pytest.mark.parametrize("way", GIVING)
async def test_a_late_opinion_is_kept_apart_where_the_office_says_so(
    stage: Stage, way: str
) -> None:
    for moment in (*AROUND_THE_CLOSE, "a second after it closed", "a second before it opens"):
        opinion = await outcome(stage, GIVING[way], moment, keeps_late=True)
        assert (opinion is not None) == (moment in IN_WINDOW | LATE), moment
        assert opinion is None or opinion.in_window == (moment in IN_WINDOW), moment


@pytest.mark.parametrize("way", CHANGING)
@pytest.mark.parametrize("keeps_late", [False, True])
async def test_what_was_said_in_the_window_is_changed_in_the_window_alone(
    stage: Stage, way: str, keeps_late: bool
) -> None:
    for moment in AROUND_THE_CLOSE if keeps_late else AT:
        opinion = await outcome(stage, CHANGING[way], moment, keeps_late=keeps_late)
        assert opinion is not None
        changed = opinion.version > 1 or opinion.state == OpinionState.WITHDRAWN
        assert changed == (moment in IN_WINDOW), moment
        assert opinion.in_window


WRITERS = {
    "chat.py": {"give_opinion"},
    "form.py": {"give_opinion"},
    "follow_up_chat.py": {"withdraw"},
    "receipt.py": {"give_opinion", "withdraw"},
    "demo.py": {"give_opinion", "withdraw"},
}
"""demo.py fills an empty database with invented words and has no window to keep."""


def test_no_way_in_was_forgotten_here() -> None:
    """A new caller of the rules belongs into this table and into the ways above."""
    found: dict[str, set[str]] = {}
    for path in sorted(Path(service.__file__).parents[1].rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="service"), attr=name)):
                    if name in ("give_opinion", "withdraw", "replace_words"):
                        found.setdefault(path.name, set()).add(name)
    assert found == WRITERS


def test_opinions_are_made_nowhere_but_in_the_rules() -> None:
    made = {
        path.name
        for path in Path(service.__file__).parents[1].rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Opinion"
    }
    assert made == {"service.py"}
