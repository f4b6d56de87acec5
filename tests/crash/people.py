"""People who give opinions, whole dialogues, whatever happens to the service meanwhile.

Each says of every candidate in turn what nobody else says, in three messages sent at once: the
order in which they stand in the opinion is the order in which their turns were taken.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from itertools import count

from tests.service import CODE
from tests.telegram.delivery import Update
from tests.telegram.people import Person, Wanted
from tests.telegram.server import TelegramServer
from tests.telegram.world import Shown

RECEIPT = re.compile(r"(?:[0-9A-Z]{4}-){4}[0-9A-Z]{4}")
PATIENCE = 60
"""Seconds: longer than a restart, a lease and Telegram's back-off together."""


@dataclass
class Seat:
    """People who come one after the other; each gives an opinion of every candidate."""

    server: TelegramServer
    candidates: int
    first_id: int
    step: int
    given: list[str] = field(default_factory=list)
    """Words whose receipt came; they name who gave them and of whom."""
    unanswered: list[str] = field(default_factory=list)
    pause: float = 0.0
    """Seconds between two opinions."""

    async def live(self, stopped: asyncio.Event) -> None:
        """One opinion after another; the one under way is brought to its end."""
        for person_id in count(self.first_id, self.step):
            person = self.server.person(person_id)
            for number in range(1, self.candidates + 1):
                if stopped.is_set():
                    return
                await asyncio.sleep(self.pause)
                try:
                    self.given.append(await Visit(person, self.server).gives(number))
                except AssertionError as error:
                    self.unanswered.append(str(error))
                    return


@dataclass(frozen=True)
class Visit:
    person: Person
    server: TelegramServer

    async def gives(self, number: int) -> str:
        """From the link to the receipt; the words. Raises AssertionError for want of an answer."""
        words = [f"Lời {part} của {self.person.id} về {number}." for part in (1, 2, 3)]
        await self.person.says(f"/start c-{CODE}-{number}")
        await self._hears(_offers("Không đồng ý"), "the candidate's card")
        await self.person.taps("Không đồng ý")
        await self._hears("vì sao không đồng ý", "the question for words")
        await self._say_at_once(words)
        await self.person.taps("Không nêu tên")
        await self._hears(_offers("Gửi"), "the words read back")
        await self.person.taps("Gửi")
        await self._hears(lambda shown: bool(RECEIPT.search(shown.text)), "the receipt")
        return "\n".join(words)

    async def _say_at_once(self, words: list[str]) -> None:
        said = [await self.person.says(part) for part in words]
        for update in said:
            await self._taken(update)
        await self._hears(_offers("Không nêu tên"), "the question for a name")

    async def _taken(self, update: Update | None) -> None:
        """A press may overtake words that Telegram has not brought yet: not those it has."""
        try:
            await self.server.delivery.taken(update, PATIENCE)
        except TimeoutError:
            raise AssertionError(f"{self.person.id}: not acknowledged") from None

    async def _hears(self, wanted: Wanted, what: str) -> None:
        try:
            await self.person.hears(wanted, PATIENCE)
        except AssertionError as error:
            raise AssertionError(f"{self.person.id} waited for {what}: {error}") from None


def _offers(label: str) -> Wanted:
    def offers(shown: Shown) -> bool:
        return shown.button(label) is not None

    return offers
