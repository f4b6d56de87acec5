"""The service as a process of its own beside a local Bot API server, to be measured and killed."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp.test_utils import unused_port
from sqlalchemy.ext.asyncio import AsyncSession

from storage.db import Database
from storage.models.consultations import (
    Candidate,
    CandidateKind,
    Consultation,
    ConsultationState,
)
from storage.models.office import Office
from storage.schema import migrate
from storage.seed import load_catalogue

ROOT = Path(__file__).resolve().parent.parent
CODE = "AH-2026-02"
AWARD = "CSTDTQ"
SECRET = "a secret of the tests, long enough to be one"
START_SECONDS = 60


class Child:
    """A Python program started as `python -m …`; the lines it writes are kept for its obituary."""

    def __init__(self, *arguments: str, settings: Mapping[str, str], folder: Path) -> None:
        self._arguments, self._folder = arguments, folder
        self._settings = dict(settings)
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self.lines: deque[str] = deque(maxlen=200)
        self._news = asyncio.Event()

    async def start(self) -> None:
        self.lines.clear()
        ours = ("NEUGUONG_", "PYTHON")
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *self._arguments, cwd=self._folder,
            env={**inherited, **self._settings, "PYTHONPATH": str(ROOT)},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        self._reading = asyncio.ensure_future(self._read(self._process))

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self.lines.append(line.decode(errors="replace").rstrip())
            self._news.set()
        self._news.set()

    async def says(self, wanted: str) -> str:
        """The first line since the start that holds `wanted`. Raises RuntimeError without one."""
        try:
            async with asyncio.timeout(START_SECONDS):
                while True:
                    self._news.clear()
                    for line in self.lines:
                        if wanted in line:
                            return line
                    if self._reading is None or self._reading.done():
                        raise RuntimeError(self._obituary(f"ended before it said {wanted!r}"))
                    await self._news.wait()
        except TimeoutError:
            raise RuntimeError(self._obituary(f"did not say {wanted!r}")) from None

    def _obituary(self, what: str) -> str:
        return "\n".join([f"{' '.join(self._arguments)} {what}:", *list(self.lines)[-20:]])

    async def kill(self) -> None:
        """SIGKILL: nothing is finished, nothing is closed."""
        if self._process is not None:
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()
        if self._reading is not None:
            await self._reading

    @property
    def resident_mb(self) -> float:
        """What the process holds in memory now, as Linux counts it."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024


class Service(Child):
    """`python -m bot run` over one database. `mode` may change between two starts."""

    def __init__(
        self, folder: Path, database_url: str, token: str, telegram_url: str, **given: str
    ) -> None:
        """`given` are further settings, and `program` another module to run than `bot`."""
        port = unused_port()
        settings = {
            "HOME": str(folder / "home"), "DATABASE_URL": database_url, "SECRET_KEY": SECRET,
            "PORT": str(port), "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "TELEGRAM_TOKEN": token, "TELEGRAM_API_URL": telegram_url,
            "TELEGRAM_MODE": "webhook",
        }  # fmt: skip
        program = given.pop("program", "bot")
        settings |= given
        super().__init__(
            program,
            "run",
            settings={f"NEUGUONG_{name}": value for name, value in settings.items()},
            folder=folder,
        )

    def use(self, mode: str) -> None:
        """From the next start: "webhook" or "polling"."""
        self._settings["NEUGUONG_TELEGRAM_MODE"] = mode

    async def ready(self) -> None:
        """Returns when turns are taken, not only events."""
        await self.says('"event": "ready"')


async def furnish(database_url: str, candidates: int) -> None:
    """An empty database gets an office and an open consultation CODE of so many candidates."""
    db = Database(database_url)
    try:
        await migrate(db)
        async with db.transaction() as session:
            await _open_consultation(session, candidates)
    finally:
        await db.close()


async def _open_consultation(session: AsyncSession, candidates: int) -> None:
    now = datetime.now(UTC)
    office = Office(
        code="AH", name="Phòng Thi đua - Khen thưởng tỉnh An Hòa",
        addresses=["Số 1 đường Hoa Sen, phường Trung Tâm, tỉnh An Hòa"],
        telephone="0200 000 001", email="tdkt@example.vn", denunciation_office="",
    )  # fmt: skip
    session.add(office)
    await load_catalogue(session)
    asked = Consultation(
        office_id=office.id, code=CODE, title="Danh sách đề nghị khen thưởng",
        layer="submitter", days=10, day_unit="working", counting="civil_code",
        posted_on=now.date(), opens_at=now - timedelta(days=2),
        computed_ends_at=now + timedelta(days=10), closes_at=now + timedelta(days=10),
        state=ConsultationState.OPEN, made_at=now,
    )  # fmt: skip
    session.add(asked)
    await session.flush()
    session.add_all(
        Candidate(
            consultation_id=asked.id, number=number, natural_key=str(number),
            kind=CandidateKind.PERSON, name=f"Bà Lê Thị Mẫu {number}", unit="Xã Suối Mơ",
            award_code=AWARD, summary="Hai mươi năm dạy chữ cho trẻ em trong bản.",
        )
        for number in range(1, candidates + 1)
    )  # fmt: skip
