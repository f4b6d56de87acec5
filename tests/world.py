"""The whole service in one process for a test: what runs in production, over real sockets."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web, web_app
from aiohttp.test_utils import unused_port
from sqlalchemy import select

from bot import accounts, app
from bot.config import Settings
from storage.models.consultations import (
    Award,
    Candidate,
    CandidateKind,
    Consultation,
    ConsultationState,
)
from storage.models.office import Office
from storage.models.traffic import InboxEvent, OutboxMessage, OutboxState
from tests.cast import Citizen, TelegramCitizen, WebCitizen
from tests.telegram.server import TelegramServer

TOKEN = "12345678:test-token-of-an-invented-bot"

_WORK_LEFT = select(
    select(InboxEvent.id).where(InboxEvent.done_at.is_(None)).exists()
    | select(OutboxMessage.id).where(OutboxMessage.state == OutboxState.SENDING).exists()
)
_OWED = select(OutboxMessage.id).where(
    OutboxMessage.state.in_((OutboxState.QUEUED, OutboxState.SENDING))
)


class World:
    """`async with World(url, folder)`: an office, an open consultation of two, people to talk."""

    def __init__(self, database_url: str, folder: Path, mode: str = "polling") -> None:
        self._database_url, self._folder, self._mode = database_url, folder, mode
        self._opened = AsyncExitStack()
        self.shift = timedelta(0)
        """Added to the real time: `world.shift = timedelta(days=3)` is three days later."""
        self.stopped_at: datetime | None = None
        """Set, the clock stands still at this instant."""

    def now(self) -> datetime:
        return self.stopped_at or datetime.now(UTC) + self.shift

    async def __aenter__(self) -> Self:
        self.telegram = TelegramServer(TOKEN, speed=50)
        await self.telegram.start()
        self._opened.push_async_callback(self.telegram.close)
        port = unused_port()
        self.links = f"http://127.0.0.1:{port}"
        self.settings = Settings(
            home=self._folder / "home", database_url=self._database_url, port=port,
            public_url=self.links, telegram_token=TOKEN, telegram_api_url=self.telegram.url,
            telegram_mode=self._mode, telegram_rate=1000,  # people of the tests wait for nothing
            secret_key="a secret of the tests, long enough to be one",
        )  # fmt: skip
        await self.start()
        self._opened.push_async_callback(self.stop)
        await self._furnish()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._opened.aclose()

    async def start(self) -> None:
        """The service as `bot.app.run` joins it, without its clockwork."""
        self.base = app.found(self.settings, self.now)
        await app.prepare(self.base)
        self.dialogue = app.load_dialogue(self.base)
        self._runner = web.AppRunner(app.make_web(self.base), access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.settings.port).start()
        await self.dialogue.outbox.reclaim()
        assert self.dialogue.telegram is not None
        for work, name in (
            (self.dialogue.conversation.run(), "conversation"),
            (self.dialogue.outbox.run(), "outbox"),
            (accounts.connect(self.base, self.dialogue.telegram), "telegram"),
        ):
            self.base.background.start(work, name)

    async def stop(self) -> None:
        await self._runner.cleanup()
        await self.base.background.stop()
        await self.dialogue.close()
        await self.base.close()
        web_app._cached_build_middleware.cache_clear()  # it keeps a thousand applications

    async def restart(self) -> None:
        """As after an upgrade: nothing in memory survives."""
        await self.stop()
        await self.start()

    async def settled(self) -> None:
        """Returns when every event is done and every reply sent."""
        async with asyncio.timeout(20):
            while True:
                await self.dialogue.conversation.settled()
                await self.dialogue.outbox.settled()
                async with self.base.db.reading() as session:
                    if not await session.scalar(_WORK_LEFT):
                        return
                await asyncio.sleep(0.005)

    async def delivered(self) -> None:
        """Returns when nothing owed to anybody waits; the outbox does not wait for its tick."""
        async with asyncio.timeout(20):
            while True:
                await self.dialogue.outbox.send_due()
                await self.settled()
                async with self.base.db.reading() as session:
                    if not await session.scalar(select(_OWED.exists())):
                        return
                await asyncio.sleep(0.005)

    async def citizen(self, channel: str, number: int = 1, language: str = "vi") -> Citizen:
        """A person on that channel: "telegram" or "webchat"."""
        if channel == "telegram":
            person = self.telegram.person(5012345600 + number, language_code=language)
            return TelegramCitizen(person, self)
        citizen = WebCitizen(self.links, self, language)
        await citizen.open()
        self._opened.push_async_callback(citizen.close)
        return citizen

    async def _furnish(self) -> None:
        now = self.now()
        async with self.base.db.transaction() as session:
            office = Office(
                code="AH", name="Phòng Thi đua - Khen thưởng tỉnh An Hòa",
                addresses=["Số 1 đường Hoa Sen, phường Trung Tâm, tỉnh An Hòa"],
                telephone="0200 000 001", email="tdkt@example.vn",
                denunciation_office="Thanh tra tỉnh An Hòa, số 2 đường Hoa Sen",
            )  # fmt: skip
            award = await session.get(Award, "HERO")
            if award is None:
                award = Award(
                    code="HERO", name_vi="Huân chương Lao động hạng Ba",
                    name_en="Labour Order, third class", group="huan-chuong", level="state",
                    for_kinds=["person"], requires_consultation=True, basis="", verified=False,
                    aliases=[],
                )  # fmt: skip
            session.add_all([office, award])
            await session.flush()
            consultation = Consultation(
                office_id=office.id, code="AH-2026-01", title="Danh sách đề nghị khen thưởng",
                layer="submitter", days=10, day_unit="working", counting="civil_code",
                posted_on=now.date(), opens_at=now - timedelta(days=2),
                computed_ends_at=now + timedelta(days=10), closes_at=now + timedelta(days=10),
                state=ConsultationState.OPEN, made_at=now,
            )  # fmt: skip
            session.add(consultation)
            await session.flush()
            for number, name in enumerate(("Bà Lê Thị Mẫu", "Tập thể Trạm Y tế xã Suối Mơ"), 1):
                kind = CandidateKind.PERSON if number == 1 else CandidateKind.COLLECTIVE
                session.add(
                    Candidate(
                        consultation_id=consultation.id, number=number, natural_key=str(number),
                        kind=kind, name=name, unit="Xã Suối Mơ", award_code="HERO",
                        summary="Hai mươi năm dạy chữ cho trẻ em trong bản.",
                    )
                )  # fmt: skip
        self.office_id, self.consultation_id = office.id, consultation.id
