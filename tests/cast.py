"""The people of the tests: they speak and press through real channels, whatever the channel."""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import aiohttp
import altcha
import pytest

from tests.telegram.people import Person

if TYPE_CHECKING:
    from tests.world import World


CHANNELS = pytest.mark.parametrize("channel", ["telegram", "webchat"])
PAIRS = pytest.mark.parametrize(
    ("database_url", "channel"),
    [("sqlite", "telegram"), ("postgresql", "webchat")],
    indirect=["database_url"],
)
"""Each channel and each database once; in tests/test_contract.py each meets each."""


@dataclass(frozen=True)
class Seen:
    """A message of the bot as its reader sees it."""

    text: str
    labels: tuple[str, ...]
    picture: bool


class Citizen(Protocol):
    channel: str

    async def says(self, text: str) -> str:
        """What the bot answered to it, all of it."""

    async def taps(self, label: str) -> str:
        """Presses the newest button whose label begins so; the answer to it."""

    async def sends_files(self, *files: tuple[bytes, str]) -> str: ...

    async def screen(self) -> list[Seen]:
        """The bot's messages, oldest first."""


class TelegramCitizen:
    channel = "telegram"

    def __init__(self, person: Person, world: World) -> None:
        self.person, self._world = person, world

    async def says(self, text: str) -> str:
        before = self._marks()
        await self.person.says(text)
        return await self._answer(before)

    async def taps(self, label: str) -> str:
        before = self._marks()
        await self.person.taps(label)
        return await self._answer(before)

    async def sends_files(self, *files: tuple[bytes, str]) -> str:
        before = self._marks()
        for content, name in files:
            if name.endswith((".jpg", ".png")):
                await self.person.sends_photo(content)
            elif name.endswith(".ogg"):
                await self.person.sends_voice(content)
            else:
                await self.person.sends_document(content, name)
        return await self._answer(before)

    async def screen(self) -> list[Seen]:
        return [
            Seen(one.text, tuple(button.label for button in one.buttons), one.photo is not None)
            for one in self.person.screen()
            if one.from_bot
        ]

    def _marks(self) -> dict[int, str]:
        return {one.id: one.text for one in self.person.screen() if one.from_bot}

    async def _answer(self, before: dict[int, str]) -> str:
        await self._world.telegram.delivery.settled()
        await self._world.settled()
        after = [one for one in self.person.screen() if one.from_bot]
        return "\n".join(one.text for one in after if before.get(one.id) != one.text)


class WebCitizen:
    channel = "webchat"

    def __init__(self, links: str, world: World, language: str) -> None:
        self._world, self._links = world, links
        jar = aiohttp.CookieJar(unsafe=True)
        self.http = aiohttp.ClientSession(
            links, cookie_jar=jar, headers={"Accept-Language": language}
        )
        self.lines: list[dict[str, Any]] = []

    async def open(self) -> None:
        """Solves the proof of work, as the page does."""
        async with self.http.get("/chat/challenge") as response:
            given = await response.json()
        challenge = altcha.Challenge.from_dict(given)
        solution = await asyncio.to_thread(altcha.solve_challenge, challenge)
        assert solution is not None
        payload = {"challenge": given, "solution": solution.to_dict()}
        proof = base64.b64encode(json.dumps(payload).encode()).decode()
        async with self.http.post("/chat/session", json={"altcha": proof}) as response:
            assert response.status == 204, await response.text()

    async def close(self) -> None:
        await self.http.close()

    async def says(self, text: str) -> str:
        return await self._post(json={"id": str(uuid.uuid4()), "text": text})

    async def taps(self, label: str) -> str:
        for line in reversed(self.lines):
            for row in line["choices"]:
                for button in row:
                    if button["label"].startswith(label) and "press" in button:
                        return await self.presses(button["press"], button["label"])
        raise AssertionError(f"no button {label!r} among {self.lines[-3:]}")

    async def presses(self, press: str, label: str = "") -> str:
        """Any button, also one that stands further up."""
        said = {"press": press, "label": label}
        return await self._post(json={"id": str(uuid.uuid4()), **said})

    async def sends_files(self, *files: tuple[bytes, str]) -> str:
        form = aiohttp.FormData()
        form.add_field("id", str(uuid.uuid4()))
        for content, name in files:
            form.add_field("files", content, filename=name)
        return await self._post(data=form)

    async def screen(self) -> list[Seen]:
        return [
            Seen(
                line["text"],
                tuple(button["label"] for row in line["choices"] for button in row),
                line["picture"] is not None,
            )
            for line in self.lines
            if line["from"] == "bot"
        ]

    async def _post(self, **body: Any) -> str:
        async with self.http.post("/chat/messages", **body) as response:
            assert response.status == 202, await response.text()
        await self._world.settled()
        after = self.lines[-1]["seq"] if self.lines else 0
        async with self.http.get("/chat/messages", params={"after": after}) as response:
            new = (await response.json())["messages"]
        self.lines += new
        return "\n".join(line["text"] for line in new if line["from"] == "bot")
