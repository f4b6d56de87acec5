"""An office's own portal: a page of another origin that carries the launcher."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self

PAGE = """<!doctype html><html lang="vi"><head><title>Portal</title></head>
<body><main><h1>Portal</h1></main><script src="{home}/embed.js" {attributes} async></script></body>
</html>"""


class Portal:
    """Serves one page on a port of its own. `show` says which service it carries."""

    def __init__(self) -> None:
        portal = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = portal.page.encode()
                self.send_response(200 if self.path == "/" else 204)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Security-Policy", portal.policy)
                self.end_headers()
                if self.path == "/":
                    self.wfile.write(page)

            def log_message(self, format: str, *args: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.page = self.policy = ""

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def listed(self) -> tuple[str, str]:
        """The origins the service knows: one of its own site, one of another."""
        return f"http://127.0.0.1:{self.port}", f"http://localhost:{self.port}"

    def show(self, home: str, attributes: str = "") -> None:
        """A strict portal: it allows the service's script and frame, and no inline style."""
        self.page = PAGE.format(home=home, attributes=attributes)
        self.policy = f"default-src 'none'; script-src {home}; frame-src {home}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
