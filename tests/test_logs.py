"""What the running program writes down: never a token, a number, a name or a citizen's words."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp.test_utils import unused_port

from tests.pictures import jpeg
from tests.telegram.people import Person
from tests.telegram.server import TelegramServer
from tests.test_contract import CODE
from tests.world import TOKEN

ROOT = Path(__file__).resolve().parent.parent
CANARIES = (
    TOKEN.partition(":")[2],
    "a secret of the tests, long enough to be one",
    "Chuồn chuồn bay thấp",
    "Phạm Thị Cánh Cam",
    "0912345678",
    "912345678",
    "Thôn Đồi Chè",
    "Thu Hà",
)


@asynccontextmanager
async def running(telegram: TelegramServer, folder: Path) -> AsyncIterator[tuple[str, Path]]:
    """`python -m bot run` as an operator starts it, at its most talkative; (address, its log)."""
    port, log = unused_port(), folder / "log.txt"
    settings = {
        "HOME": str(folder / "var"), "PORT": str(port), "LOG_LEVEL": "debug",
        "TELEGRAM_TOKEN": TOKEN, "TELEGRAM_API_URL": telegram.url,
        "SECRET_KEY": "a secret of the tests, long enough to be one",
    }  # fmt: skip
    environ = {**os.environ, **{f"NEUGUONG_{name}": value for name, value in settings.items()}}
    with log.open("wb") as sink:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "run", "--demo",
            cwd=ROOT, env=environ, stdout=sink, stderr=sink,
        )  # fmt: skip
        try:
            yield f"http://127.0.0.1:{port}", log
            program.terminate()
            assert await asyncio.wait_for(program.wait(), 20) == 0, log.read_text()
        finally:
            if program.returncode is None:
                program.kill()
                await program.wait()


async def test_no_line_of_the_log_holds_a_secret_or_a_persons_words(tmp_path: Path) -> None:
    async with TelegramServer(TOKEN) as telegram, running(telegram, tmp_path) as (url, log):
        person = telegram.person()
        await person.says("/start")
        await person.hears("Xin chào", timeout=60)
        code = await give_signed_opinion(person)
        await meet_faults(telegram, person)
        await visit_pages(url, code)
    told = log.read_text()
    assert '"event": "ready"' in told, "the log says something"
    assert "turn failed" in told, "a fault was met"
    for canary in (*CANARIES, code):
        forms = {canary, json.dumps(canary)[1:-1], repr(canary.encode())[2:-1]}
        lines = [line for line in told.splitlines() if any(form in line for form in forms)]
        assert lines == [], canary


async def give_signed_opinion(person: Person) -> str:
    """From the list to the receipt, whose code it returns."""
    await person.taps("Xem danh sách")
    shown = await person.hears("muốn xem danh sách nào")
    await person.taps(shown.labels[0])
    await person.hears("muốn xem ai")
    await person.taps("1. ")
    await person.hears(lambda shown: "Không đồng ý" in shown.labels)
    await person.taps("Không đồng ý")
    await person.hears("vì sao không đồng ý")
    await person.sends_photo(jpeg(), "Chuồn chuồn bay thấp, 0912345678")
    await person.hears("Đã nhận 1 tệp")
    await person.says("Chuồn chuồn bay thấp thì mưa")
    await person.hears("Ai sẽ xem được gì")
    await person.taps("Nêu họ tên")
    for words, asked in (
        ("Phạm Thị Cánh Cam", "họ và tên"),
        ("0912345678", "số điện thoại"),
        ("Thôn Đồi Chè, xã Suối Mơ", "địa chỉ"),
    ):
        await person.hears(asked)
        await person.says(words)
    await person.hears("Xin Anh/chị đọc lại")
    await person.taps("Gửi")
    found = CODE.search((await person.hears("Mã biên nhận")).text)
    assert found
    return found[0]


async def meet_faults(telegram: TelegramServer, person: Person) -> None:
    """Telegram's own, and updates such as nobody expects."""
    telegram.faults.next("error_after", "drop_after")
    await person.says("Chuồn chuồn bay thấp")
    await person.hears("chưa hiểu", timeout=20)
    telegram.faults.clear()
    telegram.faults.only = frozenset({"getfile"})
    telegram.faults.next("drop_before")
    await person.sends_photo(jpeg(), "Chuồn chuồn bay thấp")
    await person.hears("chưa ghi nhận", timeout=20)
    telegram.push({"quantum_post": {"chat": person.chat.face, "text": "Chuồn chuồn bay thấp"}})
    broken = {"chat": person.chat.face, "message_id": "x", "text": "Chuồn chuồn bay thấp"}
    telegram.push({"message": broken})
    await person.hears("mã sự cố", timeout=20)
    polled = f"{telegram.url}/bot{TOKEN}/getUpdates"
    async with aiohttp.request("POST", polled, json={"timeout": 1}) as response:
        assert response.status == 200
    await asyncio.sleep(0.1)


async def visit_pages(url: str, code: str) -> None:
    async with aiohttp.ClientSession(url) as pages:
        for path, data in (
            ("/tracuu", {"code": code}),
            ("/tracuu", {"code": "Chuồn chuồn bay thấp"}),
            ("/tracuu/case", {"case": "Chuồn chuồn bay thấp", "action": "erase"}),
            ("/chat/messages", {"text": "Chuồn chuồn bay thấp"}),
            (f"/telegram/{TOKEN}", {}),
        ):
            async with pages.post(path, data=data) as response:
                assert response.status < 500
