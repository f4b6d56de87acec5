"""What browsers send: slowly, too much, broken off, from elsewhere; it costs nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from sqlalchemy import func, select

from bot import app
from bot.background import heard
from bot.chat_lines import Bell
from bot.web import bodies, streams
from storage.models.traffic import Incident
from tests.cast import WebCitizen
from tests.world import World

FIRST = "/c/AH-2026-01/1"
PLACES = {"{code}": "AH-2026-01", r"{number}": "1"}
KINDS = {
    "application/json": b'{"id": "1", "te',
    "application/x-www-form-urlencoded": b"code=AB",
    "multipart/form-data; boundary=x": (
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\nabc'
    ),
}


def posts(world: World) -> list[str]:
    """Every address that takes a post, as the service is joined."""
    found = set()
    for route in app.make_web(world.base).router.routes():
        if route.method == "POST" and route.resource is not None:
            path = route.resource.canonical
            for name, value in PLACES.items():
                path = path.replace(name, value)
            found.add(path)
    return sorted(found)


@asynccontextmanager
async def half_sent(
    world: World, path: str, kind: str, cookie: str = "", length: int = 1000
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection on which the rest of a post does not come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.settings.port)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nAccept-Language: vi\r\n"
    head += f"Cookie: {cookie}\r\nContent-Length: {length}\r\n\r\n"
    writer.write(head.encode() + KINDS[kind])
    await writer.drain()
    try:
        yield reader, writer
    finally:
        writer.close()


async def cookie_of(world: World) -> str:
    citizen = await world.citizen("webchat")
    assert isinstance(citizen, WebCitizen)
    return "; ".join(f"{one.key}={one.value}" for one in citizen.http.cookie_jar)


async def incidents(world: World) -> int:
    async with world.base.db.reading() as session:
        return await session.scalar(select(func.count()).select_from(Incident)) or 0


# Slowly


@pytest.mark.parametrize("kind", KINDS)
async def test_a_post_half_sent_anywhere_holds_up_nobody(sqlite_world: World, kind: str) -> None:
    cookie = await cookie_of(sqlite_world)
    paths = posts(sqlite_world)
    assert {"/chat/session", "/tracuu/case", f"{FIRST}/opinion"} <= set(paths)
    for path in paths:
        async with half_sent(sqlite_world, path, kind, cookie):
            await asyncio.sleep(0.05)
            async with asyncio.timeout(2), sqlite_world.base.db.transaction():
                pass


async def test_who_sends_nothing_more_is_told_and_let_go(
    sqlite_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "TEXT_SECONDS", 0.1)
    monkeypatch.setattr(bodies, "PIECE_SECONDS", 0.1)
    for path, kind in (
        ("/tracuu", "application/x-www-form-urlencoded"),
        (f"{FIRST}/opinion", "multipart/form-data; boundary=x"),
    ):
        async with half_sent(sqlite_world, path, kind) as (reader, _), asyncio.timeout(5):
            assert b" 408 " in await reader.readline()
            assert "mạng quá chậm" in (await reader.read(20_000)).decode()
    assert await incidents(sqlite_world) == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_a_post_broken_off_is_no_incident(sqlite_world: World, kind: str) -> None:
    cookie = await cookie_of(sqlite_world)
    for path in posts(sqlite_world):
        async with half_sent(sqlite_world, path, kind, cookie) as (_, writer):
            await asyncio.sleep(0.02)
            writer.transport.abort()
    await asyncio.sleep(0.2)
    assert await incidents(sqlite_world) == 0


# Too much


@pytest.mark.parametrize("path", ["/tracuu", "/chat/session", "/chat/erase", f"{FIRST}/send"])
async def test_a_page_without_files_takes_64_kilobytes(sqlite_world: World, path: str) -> None:
    cookie = await cookie_of(sqlite_world)
    async with aiohttp.ClientSession(sqlite_world.links, headers={"Cookie": cookie}) as http:
        for data in ({"code": "x" * (65 << 10)}, _multipart("draft", "x" * (65 << 10))):
            async with http.post(path, data=data) as response:
                assert response.status == 413
                assert "lớn quá mức" in await response.text()


async def test_words_of_megabytes_beside_files_are_refused_and_not_held(
    sqlite_world: World,
) -> None:
    async with (
        aiohttp.ClientSession(sqlite_world.links) as http,
        http.post(f"{FIRST}/opinion", data=_multipart("text", "x" * (1 << 20))) as response,
    ):
        assert response.status == 413


async def test_an_upload_to_nobody_is_refused_before_it_comes(sqlite_world: World) -> None:
    kind = "multipart/form-data; boundary=x"
    path = "/c/AH-2026-01/99/opinion"
    async with half_sent(sqlite_world, path, kind, length=10 << 20) as (reader, _):
        async with asyncio.timeout(2):
            assert b" 404 " in await reader.readline()


async def test_who_sent_too_many_files_keeps_the_words(sqlite_world: World) -> None:
    """The form comes back as it was filled in, with the reason beside the files."""
    form = _multipart("text", "Lời đã viết.")
    for number in range(11):
        form.add_field("files", b"%PDF", filename=f"{number}.pdf")
    async with (
        aiohttp.ClientSession(sqlite_world.links) as http,
        http.post(f"{FIRST}/opinion", data=form) as response,
    ):
        told = await response.text()
    assert response.status == 422
    assert "tối đa 10 tệp" in told
    assert "Lời đã viết." in told


def _multipart(name: str, value: str) -> aiohttp.FormData:
    form = aiohttp.FormData(default_to_multipart=True)
    form.add_field(name, value)
    return form


# From elsewhere, and unreadable


@pytest.mark.parametrize(
    ("path", "data", "headers", "status", "words"),
    [
        ("/tracuu", b"code=A", {"Origin": "https://elsewhere.example"}, 403, "không đến từ trang"),
        ("/chat/session", b"{nonsense", {}, 400, "không đọc được yêu cầu"),
        ("/chat/session", b"[" * 60_000, {}, 400, "không đọc được yêu cầu"),
        ("/chat/erase", b"", {}, 401, "không còn mở trên máy này"),
    ],
)
async def test_what_is_refused_is_told_in_vietnamese_with_all_headers(
    sqlite_world: World, path: str, data: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    async with (
        aiohttp.ClientSession(sqlite_world.links) as http,
        http.post(path, data=data, headers={"Accept-Language": "vi", **headers}) as response,
    ):
        assert response.status == status
        assert words in await response.text()
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_page_that_is_out_of_date_does_not_speak_of_a_chat(sqlite_world: World) -> None:
    async with (
        aiohttp.ClientSession(sqlite_world.links) as http,
        http.post(f"{FIRST}/send", data={"action": "send"}) as response,
    ):
        told = await response.text()
    assert response.status == 422
    assert "/start" not in told
    assert "Chưa có gì được gửi" in told


# Listening


async def test_a_conversation_is_streamed_to_four_pages_and_the_oldest_gives_way(
    sqlite_world: World,
) -> None:
    citizen = await sqlite_world.citizen("webchat")
    assert isinstance(citizen, WebCitizen)
    opened = [await citizen.http.get("/chat/stream") for _ in range(streams.MOST_EACH + 1)]
    async with asyncio.timeout(5):
        assert "event: elsewhere" in await opened[0].text()
        await citizen.says("/start")
        for stream in opened[1:]:
            while b"Xin ch" not in await stream.content.readline():
                pass
    for stream in opened:
        stream.close()


async def test_a_ring_between_looking_and_waiting_is_heard() -> None:
    bell = Bell()
    ringing = bell.listen(1)
    bell.ring(1)
    async with asyncio.timeout(1):
        await heard(ringing, 60)


async def test_beyond_what_one_process_serves_a_page_is_asked_to_come_back(
    sqlite_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST_IN_ALL", 1)
    citizen = await sqlite_world.citizen("webchat")
    assert isinstance(citizen, WebCitizen)
    async with citizen.http.get("/chat/stream"), citizen.http.get("/chat/stream") as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "10")
