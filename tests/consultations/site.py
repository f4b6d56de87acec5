"""The public pages over a real database and a real socket, with a reader who has no JavaScript."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import update

from bot import app
from bot.clock import end_of_day
from bot.config import Settings
from bot.web import server
from handlers.consultations.pages import consultations as pages
from handlers.consultations.pages import files as web_files
from handlers.consultations.pages import form as web_form
from handlers.consultations.pages import matter as web_matter
from handlers.consultations.pages import receipt as web_receipt
from storage.models.consultations import (
    Award,
    Candidate,
    CandidateDocument,
    CandidateKind,
    Consultation,
    ConsultationState,
    Publication,
    ScheduleChange,
)
from storage.models.office import Office
from storage.models.traffic import Installation, StoredFile

OPENED = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)
CLOSES = end_of_day(date(2026, 12, 1))
"""Ten working days from Monday 16 November 2026; the 24th is a holiday."""
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
CODE = "AH-2026-01"


class Form(HTMLParser):
    """What a browser would post from a page, and the words it shows."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.hidden: dict[str, str] = {}
        self.kept: list[str] = []
        self.actions: list[str] = []
        self.words: list[str] = []
        self._silent = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self._silent = tag in ("script", "style")
        if tag == "input" and known.get("type") == "hidden":
            self.hidden[known["name"]] = known["value"]
        if tag == "input" and known.get("name") == "keep" and "checked" in known:
            self.kept.append(known["value"])
        if tag == "button" and known.get("name") == "action":
            self.actions.append(known["value"])

    def handle_endtag(self, tag: str) -> None:
        self._silent = False

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(word for word in self.words if word)

    @property
    def code(self) -> str:
        """The receipt's code on the page; it looks like no other word."""
        return next(word for word in self.words if word.count("-") == 4 and len(word) == 24)


class Site:
    """`async with Site(url, folder) as site`: an office, an open consultation of two."""

    def __init__(self, database_url: str, folder: Path, telegram: str | None = None) -> None:
        self._url, self._folder, self._telegram = database_url, folder, telegram
        self._opened = AsyncExitStack()
        self.now = NOW
        self.status = 0

    async def __aenter__(self) -> Self:
        settings = Settings(
            home=self._folder / "home",
            database_url=self._url,
            public_url="https://gopy.example.vn",
            secret_key="a secret of the tests, long enough to be one",
        )
        self.base = app.found(settings, lambda: self.now)
        self._opened.push_async_callback(self.base.close)
        await app.prepare(self.base)
        await self._furnish()
        tables = [pages.routes, web_files.routes, web_form.routes]
        tables += [web_receipt.routes, web_matter.routes]
        made = server.make_app(self.base.services, tables)
        if self._telegram:
            async with self.base.db.transaction() as session:
                await session.execute(update(Installation).values(telegram_name=self._telegram))
        self.client = await self._opened.enter_async_context(TestClient(TestServer(made)))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._opened.aclose()

    async def get(self, path: str) -> Form:
        async with self.client.get(path, allow_redirects=False) as response:
            self.status, self.headers = response.status, response.headers
            return Form(await response.text())

    async def post(self, path: str, fields: dict[str, str], *files: tuple[str, bytes]) -> Form:
        """As a browser without JavaScript posts a form."""
        form = FormData(default_to_multipart=True)
        for name, value in fields.items():
            form.add_field(name, value)
        for name, content in files:
            form.add_field("files", content, filename=name, content_type="image/png")
        async with self.client.post(path, data=form) as response:
            self.status, self.headers = response.status, response.headers
            return Form(await response.text())

    async def read_back(self, *files: tuple[str, bytes], **fields: str) -> Form:
        """Fills the form in and comes to the reading back, or to the form with its errors."""
        path = f"/c/{CODE}/{fields.pop('number', '1')}/opinion"
        form = await self.get(path)
        given = {
            "stance": "object",
            "text": "Cây cầu này do cả thôn cùng làm.",
            "identity": "anonymous",
        }
        return await self.post(path, {**form.hidden, **given, **fields}, *files)

    async def send(self, form: Form, action: str = "send", number: int = 1) -> Form:
        return await self.post(f"/c/{CODE}/{number}/send", {**form.hidden, "action": action})

    async def look_up(self, code: str) -> Form:
        return await self.post("/tracuu", {"code": code})

    async def act(self, page: Form, action: str, *files: tuple[str, bytes], **fields: str) -> Form:
        return await self.post("/tracuu/case", {**page.hidden, "action": action, **fields}, *files)

    async def _furnish(self) -> None:
        async with self.base.db.transaction() as session:
            office = Office(
                code="AH", name="Phòng Thi đua - Khen thưởng tỉnh An Hòa",
                addresses=["Số 1 đường Hoa Sen, phường Trung Tâm, tỉnh An Hòa"],
                telephone="0200 000 001", email="tdkt@example.vn",
                denunciation_office="Thanh tra tỉnh An Hòa, số 2 đường Hoa Sen",
            )  # fmt: skip
            award = Award(
                code="TEST", name_vi="Huân chương Lao động hạng Ba",
                name_en="Labour Order, third class", group="order", level="state",
                for_kinds=["person"], requires_consultation=True, basis="", verified=False,
                aliases=[],
            )  # fmt: skip
            picture = StoredFile(
                sha256=self.base.store.put(b"%PDF-1.7 invented"), size=17, mime="application/pdf",
                kind="document", name="Báo cáo thành tích.pdf", public=True, taken_at=NOW,
            )  # fmt: skip
            session.add_all([office, award, picture])
            await session.flush()
            self.office, self.public_file = office.id, picture.id
            asked = _consultation(office, CODE, ConsultationState.OPEN, CLOSES)
            ended = _consultation(
                office, "AH-2026-00", ConsultationState.CLOSED, NOW - timedelta(days=30)
            )
            session.add_all([asked, ended])
            await session.flush()
            self.consultation = asked.id
            for number, name in enumerate(("Bà Lê Thị Mẫu", "Trạm Y tế xã Suối Mơ"), 1):
                kind = CandidateKind.PERSON if number == 1 else CandidateKind.COLLECTIVE
                one = Candidate(
                    consultation_id=asked.id, number=number, natural_key=str(number), kind=kind,
                    name=name, position="Giáo viên", unit="Xã Suối Mơ", award_code="TEST",
                    summary="Hai mươi năm dạy chữ cho trẻ em trong bản.",
                )  # fmt: skip
                session.add(one)
                await session.flush()
                session.add(
                    CandidateDocument(
                        candidate_id=one.id, title="Báo cáo thành tích", file_id=picture.id
                    )
                )
            session.add_all(
                [
                    Publication(
                        consultation_id=asked.id, medium="Báo An Hòa", at=OPENED,
                        url="https://bao.example.vn/1",
                    ),
                    ScheduleChange(
                        consultation_id=asked.id, at=OPENED + timedelta(days=1),
                        old_closes_at=end_of_day(date(2026, 11, 30)), new_closes_at=CLOSES,
                        reason="Bổ sung ngày nghỉ 24/11",
                    ),
                ]
            )  # fmt: skip


def _consultation(
    office: Office, code: str, state: ConsultationState, closes_at: datetime
) -> Consultation:
    return Consultation(
        office_id=office.id, code=code, title=f"Lấy ý kiến đợt {code}", layer="submitter",
        legal_bases=[
            {
                "document": "Nghị định 152/2025/NĐ-CP", "article": "Điều 44 khoản 2",
                "effective_from": "2025-07-01", "effective_to": None, "checked_on": None,
                "verified": False,
            }
        ],
        days=10, day_unit="working", counting="civil_code", posted_on=date(2026, 11, 16),
        opens_at=OPENED if state is ConsultationState.OPEN else closes_at - timedelta(days=14),
        computed_ends_at=closes_at, announced_ends_at=end_of_day(date(2026, 11, 27)),
        closes_at=closes_at, notice_url="https://anhoa.example.vn/thong-bao", state=state,
        made_at=OPENED,
    )  # fmt: skip
