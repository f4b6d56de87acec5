"""The web chat in a real Chromium, on a phone and on a desktop."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.e2e.conftest import Arrives
from tests.e2e.visitor import DESKTOP, DEVICES, PHONE, Device, demo_name, demo_title

pytestmark = pytest.mark.e2e
WORDS = "Bà Thu không đỡ đẻ ở ấp tôi từ năm 2020 đến nay. Xin xem lại."
either = pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.name)


@either
def test_an_opinion_goes_from_the_list_to_the_receipt_and_back_with_it(
    arrives: Arrives, device: Device, photo: Path
) -> None:
    with arrives(device) as citizen:
        citizen.opens_chat()
        citizen.looks_right()
        citizen.taps("start-consultations-button")
        citizen.taps(demo_title()[:40])
        citizen.taps(demo_name())
        expect(citizen.answer("stance-object-button")).to_be_visible()
        citizen.looks_right()
        citizen.taps("stance-object-button")
        citizen.sends_photo(photo)
        citizen.sees(citizen.say("opinion-files-taken", n=1))
        image = citizen.page.locator(".message.me img").last
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("e => e.naturalWidth") > 0
        citizen.says(WORDS)
        expect(citizen.latest.first).to_have_text(citizen.say("identity-anonymous-button"))
        citizen.looks_right(themes=("light",))
        citizen.taps("identity-anonymous-button")
        citizen.sees(WORDS)
        citizen.taps("common-send-button")
        code = citizen.receipt_code()
        qr = citizen.page.locator(".message.latest img")
        expect(qr).to_have_attribute("alt", citizen.say("opinion-receipt-alt"))
        assert qr.evaluate("e => e.decode().then(() => e.naturalWidth)") > 100
        citizen.looks_right()
        citizen.taps("common-home-button")
        citizen.taps("start-receipt-button")
        citizen.says(code.replace("-", " ").lower())
        citizen.sees(citizen.say("case-filed"))
        citizen.sees(WORDS)


def test_the_receipt_of_the_chat_opens_the_opinion_on_the_public_page(arrives: Arrives) -> None:
    with arrives(PHONE) as citizen:
        citizen.opens_chat()
        code = citizen.reaches_receipt(demo_name(number=2))
    with arrives(DESKTOP, script=False) as elsewhere:
        elsewhere.page.goto("/tracuu")
        elsewhere.page.locator("#code").fill(code)
        elsewhere.follows(elsewhere.say("pages-look-up-button"))
        expect(elsewhere.page.locator("main")).to_contain_text(demo_name(number=2))


def test_an_agreement_takes_no_more_than_six_presses(arrives: Arrives) -> None:
    with arrives(PHONE) as citizen:
        citizen.opens_chat()
        citizen.reaches_receipt(demo_name(number=3))
        presses = citizen.page.locator(".message.me").count()
        assert presses <= 6


def test_a_link_to_a_candidate_opens_that_candidate_once(arrives: Arrives) -> None:
    with arrives(PHONE) as citizen:
        citizen.page.goto("/")
        citizen.follows(demo_title()[:40])
        citizen.follows(demo_name(number=4))
        citizen.follows(citizen.say("pages-chat-button"))
        expect(citizen.answer("stance-agree-button")).to_be_visible()
        citizen.sees(demo_name(number=4))
        said = citizen.transcript()
        citizen.page.reload()
        expect(citizen.page.locator("#state.online")).to_be_visible()
        assert citizen.transcript() == said


def test_no_dots_are_left_when_the_answer_overtakes_the_acknowledgement(arrives: Arrives) -> None:
    def acknowledge_late(route: Route) -> None:
        answer = route.fetch()
        time.sleep(0.7)
        route.fulfill(response=answer)

    with arrives(PHONE) as citizen:
        citizen.opens_chat()
        citizen.page.route("**/chat/messages", acknowledge_late)
        citizen.taps("start-consultations-button")
        expect(citizen.answer(demo_title()[:40])).to_be_visible()
        expect(citizen.own("").last.locator(".delivery.sent")).to_be_visible()
        citizen.page.wait_for_timeout(1_000)
        assert citizen.page.locator(".writing").count() == 0


def test_the_answers_under_a_long_message_are_pointed_at_and_reached(arrives: Arrives) -> None:
    with arrives(PHONE) as citizen:
        citizen.opens_chat()
        citizen.taps("start-consultations-button")
        citizen.taps(demo_title()[:40])
        citizen.taps(demo_name())
        more = citizen.page.locator("#more")
        object_to_it = citizen.answer("stance-object-button")
        expect(object_to_it).to_be_visible()
        expect(object_to_it).not_to_be_in_viewport()
        expect(more).to_be_visible()
        while more.is_visible():
            citizen.press(more)
            citizen.page.wait_for_timeout(100)  # for the scrolling to be told
        expect(object_to_it).to_be_in_viewport()
        expect(more).to_be_hidden()


@either
def test_a_conversation_survives_a_reload_and_a_closed_tab(
    arrives: Arrives, device: Device
) -> None:
    with arrives(device) as citizen:
        citizen.opens_chat()
        citizen.taps("start-consultations-button")
        citizen.taps(demo_title()[:40])
        expect(citizen.answer(demo_name())).to_be_visible()
        said = citizen.transcript()
        citizen.page.reload()
        expect(citizen.page.locator("#state.online")).to_be_visible()
        assert citizen.transcript() == said
        citizen.page.close()
        citizen.page = citizen.context.new_page()
        citizen.opens_chat()
        assert citizen.transcript() == said
        citizen.taps(demo_name())
        expect(citizen.answer("stance-agree-button")).to_be_visible()


def test_words_being_typed_survive_a_reload(arrives: Arrives) -> None:
    with arrives(PHONE) as citizen:
        citizen.opens_chat()
        citizen.page.locator("#text").fill(WORDS)
        citizen.page.reload()
        expect(citizen.page.locator("#text")).to_have_value(WORDS)


@either
def test_without_a_network_words_wait_and_are_sent_once_when_it_is_back(
    arrives: Arrives, device: Device
) -> None:
    with arrives(device) as citizen:
        citizen.expected.append("ERR_INTERNET_DISCONNECTED")
        citizen.opens_chat(f"c-{citizen.code_of(demo_title())}-1")
        citizen.taps("stance-remark-button")
        citizen.sees(citizen.say("opinion-ask-words-remark", longest=8000, files=10)[:30])
        citizen.context.set_offline(True)
        expect(citizen.page.locator("#network")).to_have_text(citizen.say("web-chat-offline-long"))
        citizen.says(WORDS)
        mine = citizen.own(WORDS)
        expect(mine.locator(".delivery")).to_have_text(citizen.say("web-chat-waiting"))
        citizen.looks_right()
        citizen.context.set_offline(False)
        expect(mine.locator(".delivery")).to_have_text(citizen.say("web-chat-sent"))
        expect(citizen.latest.first).to_have_text(citizen.say("identity-anonymous-button"))
        expect(citizen.page.locator("#network")).to_have_text(citizen.say("web-chat-back-online"))
        citizen.page.reload()
        expect(citizen.page.locator("#state.online")).to_be_visible()
        expect(mine).to_have_count(1)
        expect(citizen.latest.first).to_have_text(citizen.say("identity-anonymous-button"))


def test_words_whose_acknowledgement_is_lost_are_taken_once(arrives: Arrives) -> None:
    lost: list[str] = []

    def lose(route: Route) -> None:
        if lost or WORDS not in (route.request.post_data or ""):
            route.continue_()
        else:
            lost.append(str(route.fetch().status))
            route.abort()

    with arrives(PHONE) as citizen:
        citizen.expected.append("ERR_FAILED")
        citizen.opens_chat(f"c-{citizen.code_of(demo_title())}-2")
        citizen.taps("stance-object-button")
        expect(citizen.answer("common-cancel-button")).to_be_visible()
        citizen.page.route("**/chat/messages", lose)
        citizen.says(WORDS)
        expect(citizen.answer("identity-anonymous-button")).to_be_visible()
        expect(citizen.own(WORDS).locator(".delivery.sent")).to_be_visible()
        citizen.taps("identity-anonymous-button")
        expect(citizen.answer("common-send-button")).to_be_visible()
        assert lost == ["202"]
        assert citizen.page.locator(".message.latest").inner_text().count(WORDS) == 1
        assert citizen.own(WORDS).count() == 1


def test_words_written_without_a_network_survive_a_closed_tab(arrives: Arrives) -> None:
    with arrives(PHONE) as citizen:
        citizen.expected.append("ERR_INTERNET_DISCONNECTED")
        citizen.opens_chat(f"c-{citizen.code_of(demo_title())}-2")
        citizen.taps("stance-object-button")
        expect(citizen.answer("common-cancel-button")).to_be_visible()
        citizen.context.set_offline(True)
        citizen.says(WORDS)
        expect(citizen.own(WORDS)).to_have_count(1)
        citizen.page.close()
        citizen.context.set_offline(False)
        citizen.page = citizen.context.new_page()
        citizen.opens_chat()
        expect(citizen.latest.first).to_have_text(citizen.say("identity-anonymous-button"))
        expect(citizen.own(WORDS)).to_have_count(1)


@either
def test_a_conversation_can_be_erased_and_begun_again(arrives: Arrives, device: Device) -> None:
    with arrives(device) as citizen:
        citizen.opens_chat()
        citizen.taps("start-consultations-button")
        expect(citizen.answer(demo_title()[:40])).to_be_visible()
        page = citizen.page
        citizen.press(page.locator("#menu summary"))
        citizen.looks_right()
        citizen.press(page.locator("#erase"))
        expect(page.locator("#erase-dialog")).to_be_visible()
        citizen.looks_right()
        citizen.press(page.locator("#erase-dialog [value=erase]"))
        expect(page.locator(".message.local")).to_contain_text(citizen.say("web-chat-erased"))
        assert page.locator(".message:not(.local)").count() == 0
        citizen.looks_right(themes=("light",))
        again = page.get_by_role("button", name=citizen.say("web-chat-again-button"))
        citizen.press(again)
        expect(citizen.latest.first).to_have_text(citizen.say("start-consultations-button"))
        page.reload()
        expect(citizen.latest.first).to_have_text(citizen.say("start-consultations-button"))
        assert page.locator(".message.bot").count() == 1


def test_home_help_and_a_person_are_in_the_menu_at_every_step(arrives: Arrives) -> None:
    with arrives(PHONE) as citizen:
        citizen.opens_chat()
        citizen.taps("start-consultations-button")
        citizen.taps(demo_title()[:40])
        citizen.taps(demo_name())
        citizen.taps("stance-object-button")
        citizen.says(WORDS)
        menu = citizen.page.locator("#menu")
        citizen.press(menu.locator("summary"))
        citizen.looks_right()
        for key, answer in (
            ("web-chat-help-button", "start-draft-button"),
            ("web-chat-human-button", "start-draft-button"),
            ("web-chat-start-button", "start-draft-button"),
        ):
            if not menu.evaluate("e => e.open"):
                citizen.press(menu.locator("summary"))
            citizen.press(menu.get_by_text(citizen.say(key), exact=True))
            expect(citizen.answer(answer)).to_be_visible()
            expect(citizen.page.locator(".chat-event").last).to_be_visible()
        citizen.taps("start-draft-button")
        expect(citizen.answer("identity-anonymous-button")).to_be_visible()
        citizen.press(menu.locator("summary"))
        citizen.press(menu.get_by_text(citizen.say("web-chat-cancel-button"), exact=True))
        citizen.sees(citizen.say("opinion-cancelled"))


def test_the_language_is_switched_from_the_menu(arrives: Arrives) -> None:
    with arrives(PHONE) as citizen:
        citizen.opens_chat()
        citizen.press(citizen.page.locator("#menu summary"))
        citizen.press(citizen.page.locator("#language"))
        expect(citizen.answer("start-vietnamese-button")).to_be_visible()
        citizen.taps("start-english-button")
        citizen.language = "en"
        expect(citizen.page.locator("html")).to_have_attribute("lang", "en")
        expect(citizen.page.locator("#text")).to_have_attribute(
            "placeholder", citizen.say("web-chat-text-placeholder")
        )
        citizen.taps("start-home-button")
        expect(citizen.latest.first).to_have_text(citizen.say("start-consultations-button"))
        citizen.looks_right()


def test_the_keyboard_alone_gives_an_opinion(arrives: Arrives) -> None:
    with arrives(DESKTOP) as citizen:
        citizen.opens_chat()
        page, keys = citizen.page, citizen.page.keyboard
        expect(page.locator("#text")).to_be_focused()

        def choose(label: str) -> None:
            wanted = citizen.latest.filter(has_text=label).first
            expect(wanted).to_be_visible()
            for _ in range(30):
                keys.press("Shift+Tab")
                if wanted.evaluate("e => e === document.activeElement"):
                    break
            expect(wanted).to_be_focused()
            assert wanted.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
            keys.press("Enter")
            expect(page.locator("#text")).to_be_focused()

        choose(citizen.say("start-consultations-button"))
        choose(demo_title()[:40])
        choose(demo_name(number=5))
        choose(citizen.say("stance-remark-button"))
        citizen.sees(citizen.say("opinion-ask-words-remark", longest=8000, files=10)[:30])
        keys.type("Bà giúp cháu tôi đi lại được.")
        keys.press("Enter")
        choose(citizen.say("identity-anonymous-button"))
        choose(citizen.say("common-send-button"))
        citizen.receipt_code()


def test_the_menu_and_the_dialog_close_with_escape_and_give_the_focus_back(
    arrives: Arrives,
) -> None:
    with arrives(DESKTOP) as citizen:
        citizen.opens_chat()
        page = citizen.page
        page.locator("#menu summary").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#erase")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#menu summary")).to_be_focused()
        page.keyboard.press("Enter")
        page.locator("#erase").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#erase-dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#erase-dialog")).to_be_hidden()
        expect(page.locator("#text")).to_be_focused()
        assert page.locator(".message.bot").count() == 1


def test_a_screen_reader_hears_who_speaks_and_only_what_is_new(arrives: Arrives) -> None:
    with arrives(DESKTOP) as citizen:
        citizen.opens_chat()
        log = citizen.page.get_by_role("log", name=citizen.say("web-chat-log-label"))
        expect(log).to_have_attribute("aria-live", "polite")
        citizen.taps("start-consultations-button")
        first = citizen.page.locator(".message.latest .bubble > .visually-hidden")
        expect(first).to_have_text(citizen.say("web-chat-from-bot"))
        mine = citizen.page.locator(".message.me .bubble > .visually-hidden").last
        expect(mine).to_have_text(citizen.say("web-chat-from-me"))


def test_a_spoken_opinion_is_recorded_and_taken(arrives: Arrives) -> None:
    with arrives(PHONE) as citizen:
        citizen.opens_chat(f"c-{citizen.code_of(demo_title())}-3")
        citizen.taps("stance-inform-button")
        expect(citizen.answer("common-cancel-button")).to_be_visible()
        citizen.press(citizen.page.locator("#record"))
        expect(citizen.page.locator("#clock")).to_have_text("0:01")
        citizen.looks_right()
        citizen.press(citizen.page.locator("#record-send"))
        citizen.sees(citizen.say("opinion-files-taken", n=1))
        expect(citizen.page.locator(".message.me audio")).to_be_visible()
