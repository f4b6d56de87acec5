"""The launcher on an office's portal, which is another origin with a strict policy of its own."""

from __future__ import annotations

import pytest
from playwright.sync_api import FrameLocator, Locator, expect

from tests.e2e.conftest import Arrives
from tests.e2e.portal import Portal
from tests.e2e.visitor import DESKTOP, DEVICES, PHONE, Device, Visitor, demo_name, demo_title

pytestmark = pytest.mark.e2e
either = pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.name)


@either
def test_the_chat_opens_inside_a_listed_portal(
    arrives: Arrives, portal: Portal, device: Device
) -> None:
    with arrives(device) as citizen:
        _visits(citizen, portal)
        frame = _opens(citizen)
        offered = frame.locator(".message.latest .choices button").first
        expect(offered).to_have_text(citizen.say("start-consultations-button"))
        citizen.press(offered)
        expect(frame.locator(".message.latest .choices button").first).to_be_visible()
        page = citizen.page
        assert page.evaluate(
            "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
        close = page.get_by_role("button", name=citizen.say("web-embed-close-button"))
        citizen.press(close)
        expect(_launcher(citizen)).to_be_focused()
        citizen.press(_launcher(citizen))
        expect(offered).to_be_visible()


def test_the_portal_chooses_the_candidate_and_the_language(
    arrives: Arrives, portal: Portal
) -> None:
    with arrives(DESKTOP, "en") as citizen:
        code = citizen.code_of(demo_title())
        _visits(citizen, portal, f'data-start="c-{code}-1" data-lang="en"')
        frame = _opens(citizen)
        expect(frame.locator("html")).to_have_attribute("lang", "en")
        expect(frame.locator("#log")).to_contain_text(demo_name())


def test_escape_closes_the_chat_and_gives_the_focus_back(arrives: Arrives, portal: Portal) -> None:
    with arrives(DESKTOP) as citizen:
        _visits(citizen, portal)
        frame = _opens(citizen)
        expect(frame.locator(".message.latest .choices button").first).to_be_visible()
        frame.locator("#text").focus()
        citizen.page.keyboard.press("Escape")
        expect(_launcher(citizen)).to_be_focused()


def test_a_browser_that_keeps_no_cookie_inside_another_site_is_offered_a_tab(
    arrives: Arrives, portal: Portal
) -> None:
    with arrives(PHONE) as citizen:
        _visits(citizen, portal, host="localhost")
        frame = _opens(citizen)
        expect(frame.locator(".message.local")).to_contain_text(
            citizen.say("web-chat-cookies-framed")
        )
        way = frame.get_by_role("link", name=citizen.say("web-chat-open-tab-button"))
        with citizen.context.expect_page() as opened:
            way.click()  # Chromium 150 opens no tab for a tap that a program makes in a frame
        citizen.page = opened.value
        expect(citizen.latest.first).to_have_text(citizen.say("start-consultations-button"))


def test_a_site_that_is_not_listed_gets_no_chat_and_its_visitor_a_link(
    arrives: Arrives, portal: Portal
) -> None:
    with arrives(PHONE) as citizen:
        citizen.expected.append("frame-ancestors")
        citizen.page.clock.install()
        _visits(citizen, portal, host="stranger.localhost")
        citizen.press(_launcher(citizen))
        expect(citizen.page.locator("iframe")).to_be_visible()
        citizen.page.clock.fast_forward(11_000)
        expect(citizen.page.get_by_role("status")).to_have_text(citizen.say("web-embed-blocked"))
        tab = citizen.page.get_by_role("link", name=citizen.say("web-embed-tab-link"))
        expect(tab).to_be_focused()


def _visits(
    citizen: Visitor, portal: Portal, attributes: str = "", host: str = "127.0.0.1"
) -> None:
    portal.show(citizen.home, attributes)
    address = f"http://{host}:{portal.port}"
    citizen.origins = (citizen.home, address)
    citizen.page.goto(f"{address}/")


def _launcher(citizen: Visitor) -> Locator:
    name = citizen.say("web-embed-open-button")
    return citizen.page.get_by_role("button", name=name, exact=True)


def _opens(citizen: Visitor) -> FrameLocator:
    citizen.press(_launcher(citizen))
    return citizen.page.frame_locator("iframe")
