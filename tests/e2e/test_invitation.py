"""An officer opens their invitation in a browser: they are in, and its code stays nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import CHROMIUM, ROOT, Arrives
from tests.e2e.visitor import DESKTOP

pytestmark = pytest.mark.e2e


@pytest.fixture
def invitation(data_folder: Path, home: str) -> str:
    """The link that `neuguong invite` prints."""
    env = {name: value for name, value in os.environ.items() if name != CHROMIUM}
    env.update(NEUGUONG_HOME=str(data_folder), NEUGUONG_PUBLIC_URL=home)
    command = [sys.executable, "-m", "bot", "invite", "officer", "Trần Thị Mận"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    (link,) = (word for word in done.stdout.split() if word.startswith(home))
    return link


def test_a_link_of_invitation_lets_in_and_its_code_is_sent_in_no_address(
    arrives: Arrives, invitation: str
) -> None:
    code = urlsplit(invitation).fragment.removeprefix("start=")
    assert code.startswith("i-")
    with arrives(DESKTOP) as officer:
        asked: list[str] = []
        officer.context.on("request", lambda request: asked.append(request.url))
        officer.page.goto(invitation)
        officer.sees("Trần Thị Mận")
        expect(officer.answer("officers-leave-button")).to_be_visible()
        assert urlsplit(officer.page.url)[2:] == ("/chat", "", "")
        assert asked
        assert not [address for address in asked if code in urldefrag(address).url]


def test_a_link_opened_over_the_open_chat_is_followed_too(
    arrives: Arrives, invitation: str
) -> None:
    with arrives(DESKTOP) as officer:
        officer.opens_chat()
        officer.page.goto(invitation)
        officer.sees("Trần Thị Mận")
        assert officer.page.url.endswith("/chat")


def test_a_hash_that_is_no_start_is_taken_for_nothing(arrives: Arrives) -> None:
    with arrives(DESKTOP) as visitor:
        visitor.page.goto("/chat#start=<b>i-1</b>")
        expect(visitor.answer("start-consultations-button")).to_be_visible()
        assert visitor.page.url.endswith("/chat")
