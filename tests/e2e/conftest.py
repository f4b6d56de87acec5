"""The real service as its own process, and Debian's Chromium in front of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiohttp.test_utils import unused_port
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.portal import Portal
from tests.e2e.visitor import Device, Visitor
from tests.pictures import jpeg

ROOT = Path(__file__).parents[2]
CHROMIUM = "NEUGUONG_CHROMIUM"
SWITCHES = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
)  # fmt: skip
Arrives = Callable[..., Visitor]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Plain pytest leaves these out; `dev.py e2e` names the browser and runs them."""
    if os.environ.get(CHROMIUM):
        return
    browsing = [item for item in items if item.get_closest_marker("e2e")]
    if browsing:
        config.hook.pytest_deselected(items=browsing)
        items[:] = [item for item in items if not item.get_closest_marker("e2e")]


@pytest.fixture(scope="session")
def portal() -> Iterator[Portal]:
    with Portal() as shown:
        yield shown


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """NEUGUONG_HOME of the service."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def home(data_folder: Path, portal: Portal) -> Iterator[str]:
    """The address of `neuguong run --demo`, started as a newcomer starts it."""
    port = unused_port()
    env = {name: value for name, value in os.environ.items() if name != CHROMIUM}
    env.update(
        NEUGUONG_HOME=str(data_folder), NEUGUONG_PORT=str(port),
        NEUGUONG_PORTAL_ORIGINS=",".join(portal.listed),
    )  # fmt: skip
    command = [sys.executable, "-m", "bot", "run", "--demo"]
    with subprocess.Popen(command, cwd=ROOT, env=env) as service:
        try:
            _await_page(service, f"http://127.0.0.1:{port}/health")
            yield f"http://127.0.0.1:{port}"
        finally:
            service.send_signal(signal.SIGTERM)
            code = service.wait(20)
    assert code == 0, "the service did not stop cleanly"


def _await_page(service: subprocess.Popen[bytes], address: str) -> None:
    for _ in range(1_800):
        assert service.poll() is None, "the service did not start"
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{address} did not answer")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = os.environ[CHROMIUM]
        yield playwright.chromium.launch(executable_path=path, args=list(SWITCHES))


@pytest.fixture
def arrives(browser: Browser, home: str) -> Arrives:
    """`with arrives(PHONE) as citizen:` is somebody with a fresh browser."""

    def arrive(device: Device, language: str = "vi", *, script: bool = True) -> Visitor:
        return Visitor(browser, home, device, language, script)

    return arrive


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "cầu mới.jpg"
    path.write_bytes(jpeg(640, 480))
    return path
