"""A small HTTP client for webhooks: the sender must cost less than the bot that it measures."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Answer:
    """Header names are in lower case."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes


class _Line(asyncio.Protocol):
    """One kept-alive connection: one request at a time, its answer in `answer`."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[Answer] | None = None
        self.open = True
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.answer

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answer = _parse(self._buffer)
        if answer is None or self.answer is None or self.answer.done():
            return
        self._buffer = b""
        if answer.headers.get("connection", "").lower() == "close":
            self.close()
        self.answer.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(ConnectionResetError("connection reset by peer"))

    def close(self) -> None:
        self.open = False
        self.transport.abort()


def _parse(data: bytes) -> Answer | None:
    """The whole answer that `data` holds; None while it is not all there."""
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {
        name.lower(): text.strip() for name, _, text in (one.partition(":") for one in lines)
    }
    _, status, *reason = first.split(" ", 2)
    whole = _unchunked(body) if "chunked" in headers.get("transfer-encoding", "") else body
    if whole is None or len(whole) < int(headers.get("content-length", 0)):
        return None
    return Answer(int(status), reason[0] if reason else "", headers, whole)


def _unchunked(body: bytes) -> bytes | None:
    whole = b""
    while True:
        size, found, rest = body.partition(b"\r\n")
        length = int(size.split(b";")[0], 16) if found else 0
        if not found or len(rest) < length + 2:
            return None
        if length == 0:
            return whole
        whole, body = whole + rest[:length], rest[length + 2 :]


@dataclass
class Wire:
    """Posts JSON to webhooks on this machine, and never beyond it."""

    timeout: float
    _idle: dict[str, list[_Line]] = field(default_factory=dict)
    _heads: dict[str, bytes] = field(default_factory=dict)

    async def post(self, url: str, body: bytes, header: str = "") -> Answer:
        """`header` is one whole line more. Raises OSError or TimeoutError."""
        head = self._heads.get(url + header) or self._head(url, header)
        async with asyncio.timeout(self.timeout):
            line = await self._line(url)
            try:
                answer = await line.ask(
                    b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)
                )
            except BaseException:
                line.close()
                raise
        if line.open:
            self._idle[url].append(line)
        return answer

    def _head(self, url: str, header: str) -> bytes:
        link = urlsplit(url)
        path = (link.path or "/") + (f"?{link.query}" if link.query else "")
        lines = [f"POST {path} HTTP/1.1", f"Host: {link.netloc}", "Content-Type: application/json"]
        text = "".join(f"{line}\r\n" for line in [*lines, header] if line)
        return self._heads.setdefault(url + header, text.encode("latin-1"))

    async def _line(self, url: str) -> _Line:
        idle = self._idle.setdefault(url, [])
        while idle:
            line = idle.pop()
            if line.open:
                return line
        return await _connect(urlsplit(url))

    def close(self) -> None:
        for idle in self._idle.values():
            for line in idle:
                line.close()
        self._idle.clear()


async def _connect(link: SplitResult) -> _Line:
    if link.hostname not in LOCAL:
        raise ConnectionRefusedError("webhooks beyond this machine are not called")
    secure = ssl._create_unverified_context() if link.scheme == "https" else None
    port = link.port or (443 if secure else 80)
    loop = asyncio.get_running_loop()
    _, line = await loop.create_connection(_Line, link.hostname, port, ssl=secure)
    return line
