"""The public pages and the plain form in a real Chromium, with JavaScript and without."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Arrives
from tests.e2e.visitor import (
    CODE,
    DESKTOP,
    DEVICES,
    PHONE,
    Device,
    Visitor,
    demo_name,
    demo_title,
)

pytestmark = pytest.mark.e2e
WORDS = "Trường có thư viện mở, cả ấp tôi đều đến đọc.\nXin khen thưởng."
either = pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.name)


@either
@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_an_opinion_goes_from_the_list_through_the_form_to_the_receipt_and_back(
    arrives: Arrives, device: Device, script: bool, photo: Path
) -> None:
    with arrives(device, script=script) as citizen:

        def look() -> None:
            if script:  # axe-core cannot run where no script may
                citizen.looks_right()

        page = citizen.page
        page.goto("/")
        look()
        citizen.follows(demo_title()[:40])
        look()
        citizen.follows(demo_name(number=2))
        look()
        citizen.follows(citizen.say("pages-form-button"))
        look()
        _fill(citizen, "remark", WORDS)
        page.locator("#files").set_input_files(photo)
        citizen.follows(citizen.say("pages-read-back-button"))
        expect(page.locator("main")).to_contain_text("Xin khen thưởng.")
        expect(page.locator("main")).to_contain_text(photo.name)
        look()
        citizen.follows(citizen.say("pages-send-button"))
        code = _code(citizen)
        look()
        _opens_case(citizen, code)
        expect(page.locator("main")).to_contain_text(citizen.say("pages-case-filed"))
        look()
        page.locator("#answer-text").fill("Tôi gửi thêm tên cuốn sách.")
        citizen.follows(citizen.say("pages-case-answer-button"))
        expect(page.get_by_role("status")).to_contain_text(citizen.say("pages-case-answered"))
        look()
        citizen.follows(citizen.say("pages-case-withdraw-button"))
        look()
        citizen.follows(citizen.say("pages-withdraw-yes-button"))
        expect(page.locator("main")).to_contain_text(citizen.say("pages-case-withdrawn"))
        look()


@either
def test_a_signed_opinion_lacking_a_name_is_told_so_beside_the_field(
    arrives: Arrives, device: Device
) -> None:
    with arrives(device) as citizen:
        citizen.expected.append("422")
        _opens_form(citizen, 1)
        _fill(citizen, "object", "")
        citizen.page.locator("#identity-signed").check()
        citizen.looks_right()
        citizen.follows(citizen.say("pages-read-back-button"))
        alert = citizen.page.get_by_role("alert")
        expect(alert).to_contain_text(citizen.say("pages-errors-title"))
        expect(citizen.page.locator("#name")).to_have_attribute("aria-invalid", "true")
        citizen.looks_right()
        citizen.press(alert.get_by_role("link").first)
        expect(citizen.page.locator(":focus")).to_have_count(1)


def test_what_looks_like_a_denunciation_is_said_and_handed_over(arrives: Arrives) -> None:
    with arrives(PHONE) as citizen:
        _opens_form(citizen, 1)
        _fill(citizen, "object", "Tôi tố cáo ông ấy nhận hối lộ, tham ô tiền của xã.")
        citizen.follows(citizen.say("pages-read-back-button"))
        expect(citizen.page.locator("main")).to_contain_text(citizen.say("pages-concern-title"))
        citizen.looks_right()
        citizen.follows(citizen.say("pages-matter-button"))
        code = _code(citizen)
        citizen.looks_right(themes=("light",))
        _opens_case(citizen, code)
        expect(citizen.page.locator("main")).to_contain_text(citizen.say("pages-matter-state"))
        citizen.looks_right()
        citizen.page.locator("#add-text").fill("Thêm một điều.")
        citizen.follows(citizen.say("pages-case-answer-button"))
        expect(citizen.page.get_by_role("status")).to_have_text(citizen.say("pages-matter-added"))
        citizen.looks_right(themes=("light",))
        citizen.follows(citizen.say("pages-matter-erase-button"))
        citizen.looks_right(themes=("light",))
        citizen.follows(citizen.say("pages-erase-yes-button"))
        expect(citizen.page.get_by_role("status")).to_have_text(citizen.say("pages-erased"))


@either
def test_a_late_opinion_is_told_the_dates_before_and_after(
    arrives: Arrives, device: Device
) -> None:
    with arrives(device) as citizen:
        page = citizen.page
        page.goto("/")
        citizen.follows(demo_title("closed")[:40])
        told = page.locator(".notice.closed").inner_text()
        closes = re.search(r"24:00 .*?\d\d/\d\d/\d{4}", told)
        assert closes
        citizen.looks_right()
        citizen.follows(demo_name("closed"))
        expect(page.locator(".notice.warning")).to_contain_text(closes[0])
        citizen.looks_right()
        citizen.follows(citizen.say("pages-form-button"))
        expect(page.locator(".notice.warning")).to_contain_text(closes[0])
        _fill(citizen, "agree", "")
        citizen.follows(citizen.say("pages-read-back-button"))
        expect(page.locator(".notice.warning")).to_contain_text(closes[0])
        citizen.follows(citizen.say("pages-send-button"))
        expect(page.get_by_role("status")).to_contain_text(citizen.say("pages-receipt-late"))
        citizen.looks_right(themes=("light",))


def test_an_opinion_is_erased_and_its_code_opens_nothing_more(arrives: Arrives) -> None:
    with arrives(PHONE) as citizen:
        citizen.expected.append("422")
        _opens_form(citizen, 3)
        _fill(citizen, "agree", "")
        citizen.follows(citizen.say("pages-read-back-button"))
        citizen.follows(citizen.say("pages-send-button"))
        code = _code(citizen)
        _opens_case(citizen, code)
        citizen.follows(citizen.say("pages-case-erase-button"))
        citizen.looks_right()
        citizen.follows(citizen.say("pages-erase-yes-button"))
        expect(citizen.page.locator("main")).to_contain_text(citizen.say("pages-erased"))
        citizen.looks_right()
        _opens_case(citizen, code)
        expect(citizen.page.get_by_role("alert")).to_contain_text(
            citizen.say("pages-code-unknown")
        )
        citizen.looks_right()


def test_the_end_of_a_consultation_goes_into_a_calendar(arrives: Arrives) -> None:
    with arrives(PHONE, script=False) as citizen:
        citizen.page.goto("/")
        citizen.follows(demo_title()[:40])
        calendar = citizen.page.get_by_role("link", name=citizen.say("pages-calendar-button"))
        with citizen.page.expect_download() as download:
            citizen.press(calendar)
        assert download.value.suggested_filename.endswith(".ics")
        entry = Path(download.value.path()).read_text(encoding="utf-8")
        assert entry.startswith("BEGIN:VCALENDAR")
        assert "BEGIN:VEVENT" in entry


def test_portraits_and_documents_of_the_candidates_arrive(arrives: Arrives) -> None:
    with arrives(DESKTOP) as citizen:
        citizen.page.goto("/")
        citizen.follows(demo_title()[:40])
        broken = """() => Promise.all([...document.images].map(i => { i.loading = "eager";
          return i.decode().then(() => "", () => i.src); })).then(all => all.filter(Boolean))"""
        assert citizen.page.evaluate(broken) == []
        citizen.follows(demo_name())
        assert citizen.page.evaluate(broken) == []
        with citizen.page.expect_download() as download:
            citizen.press(citizen.page.locator("main .list a").first)
        assert download.value.suggested_filename.endswith(".docx")


@either
def test_every_page_speaks_english_when_asked(arrives: Arrives, device: Device) -> None:
    with arrives(device) as citizen:
        page = citizen.page
        page.goto("/")
        citizen.follows("English")
        citizen.language = "en"
        expect(page.locator("html")).to_have_attribute("lang", "en")
        expect(page.locator("h1")).to_have_text(citizen.say("pages-list-title"))
        citizen.looks_right()
        citizen.follows(demo_title()[:40])
        citizen.follows(demo_name())
        expect(page.locator("h2").last).to_have_text(citizen.say("pages-qr-title"))
        citizen.follows(citizen.say("pages-form-button"))
        expect(page.locator("html")).to_have_attribute("lang", "en")
        citizen.looks_right(themes=("light",))


def test_a_page_that_is_not_there_says_where_to_go(arrives: Arrives) -> None:
    with arrives(PHONE) as citizen:
        citizen.expected.append("404")
        citizen.page.goto("/c/KHONG-CO")
        expect(citizen.page.locator("main")).to_contain_text(citizen.say("web-not-found"))
        citizen.looks_right()
        citizen.follows(citizen.say("web-error-home-button"))
        expect(citizen.page.locator("h1")).to_have_text(citizen.say("pages-list-title"))


def test_the_chat_page_without_javascript_leads_to_the_form(arrives: Arrives) -> None:
    with arrives(PHONE, script=False) as citizen:
        citizen.page.goto("/chat")
        expect(citizen.page.locator("noscript, .notice").first).to_be_attached()
        citizen.follows(citizen.say("web-chat-form-link"))
        expect(citizen.page.locator("h1")).to_have_text(citizen.say("pages-list-title"))


def test_the_keyboard_skips_the_header_and_sends_the_form(arrives: Arrives) -> None:
    with arrives(DESKTOP, script=False) as citizen:
        page, keys = citizen.page, citizen.page.keyboard
        _opens_form(citizen, 4)
        keys.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        expect(page.locator(".skip")).to_be_in_viewport()
        keys.press("Enter")
        keys.press("Tab")
        keys.press("Tab")
        expect(page.locator("#stance-agree")).to_be_focused()
        keys.press("Space")
        keys.press("Tab")
        expect(page.locator("#text")).to_be_focused()
        keys.type("Ông xứng đáng.")
        _presses_by_keyboard(citizen, citizen.say("pages-read-back-button"))
        expect(page.locator("main")).to_contain_text("Ông xứng đáng.")
        _presses_by_keyboard(citizen, citizen.say("pages-send-button"))
        _code(citizen)


def _presses_by_keyboard(citizen: Visitor, label: str) -> None:
    wanted = citizen.page.get_by_role("button", name=label, exact=True)
    expect(wanted).to_be_visible()
    for _ in range(40):
        citizen.page.keyboard.press("Tab")
        if wanted.evaluate("e => e === document.activeElement"):
            break
    citizen.page.keyboard.press("Enter")


def _opens_form(citizen: Visitor, number: int) -> None:
    citizen.page.goto("/")
    citizen.follows(demo_title()[:40])
    citizen.follows(demo_name(number=number))
    citizen.follows(citizen.say("pages-form-button"))
    expect(citizen.page.locator("#text")).to_be_visible()


def _fill(citizen: Visitor, stance: str, words: str) -> None:
    citizen.page.locator(f"#stance-{stance}").check()
    citizen.page.locator("#text").fill(words)


def _code(citizen: Visitor) -> str:
    shown = citizen.page.locator("#receipt-code")
    expect(shown).to_have_text(CODE)
    return shown.inner_text().strip()


def _opens_case(citizen: Visitor, code: str) -> None:
    citizen.page.goto("/tracuu")
    citizen.page.locator("#code").fill(code)
    citizen.follows(citizen.say("pages-look-up-button"))
