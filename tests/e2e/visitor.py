"""A person in front of a real browser: what they do, and what must never happen meanwhile."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypedDict

from playwright.sync_api import Browser, ConsoleMessage, Locator, Request, expect

from bot import i18n
from bot.replies import Arg

AXE = Path(__file__).with_name("axe.min.js").read_text(encoding="utf-8")
DEMO: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "storage/catalogue/demo.json").read_text(encoding="utf-8")
)
CODE = re.compile(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){4}\b")
SMALL_TARGETS = """() => {
  const pressed = "button, summary, .button, li a, nav a, header a, footer a, .option label";
  return [...document.querySelectorAll(pressed)]
    .filter(e => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
    .filter(e => !e.closest(".skip, .bubble p"))
    .map(e => [e.getBoundingClientRect(), e])
    .filter(([box]) => box.width && (box.height < 43.5 || box.width < 43.5))
    .map(([box, e]) => `${e.outerHTML.slice(0, 90)} ${box.width}x${box.height}`);
}"""
TOO_WIDE = """() => [document.documentElement, ...document.querySelectorAll("#log, main")]
  .filter(e => e.scrollWidth > e.clientWidth)
  .map(e => `${e.tagName}: ${e.scrollWidth} in ${e.clientWidth}`)"""
VIOLATIONS = """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations
  .flatMap(v => v.nodes.map(n => `${v.id}: ${n.target} ${n.failureSummary}`))"""

expect.set_options(
    timeout=15_000
)  # the first answer waits until the service has loaded its dialogue


class Size(TypedDict):
    width: int
    height: int


@dataclass(frozen=True)
class Device:
    name: str
    viewport: Size
    touch: bool


PHONE = Device("phone", {"width": 360, "height": 740}, touch=True)
DESKTOP = Device("desktop", {"width": 1280, "height": 800}, touch=False)
DEVICES = (PHONE, DESKTOP)


class Visitor:
    """One browser profile with one page. Leaving the `with` block checks what was noted."""

    def __init__(
        self,
        browser: Browser,
        home: str,
        device: Device,
        language: str = "vi",
        script: bool = True,
    ) -> None:
        self.home, self.language, self._device = home, language, device
        self.origins: tuple[str, ...] = (home,)
        """Where requests may go; an address beyond them is noted."""
        self.context = browser.new_context(
            base_url=home, locale="vi-VN", viewport=device.viewport, is_mobile=device.touch,
            has_touch=device.touch, java_script_enabled=script, reduced_motion="reduce",
            accept_downloads=True,
        )  # fmt: skip
        self.context.set_default_timeout(10_000)
        self.context.on("request", self._note_request)
        self.context.on("console", self._note_console)
        self.context.on("weberror", lambda error: self.troubles.append(str(error.error)))
        self.troubles: list[str] = []
        self.expected: list[str] = ["401 (Unauthorized)"]
        """What the console may say: the first visit to the chat is answered with a 401."""
        self.page = self.context.new_page()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.context.close()
        if error is None:
            assert self.troubles == []

    def _note_request(self, request: Request) -> None:
        allowed = (*(f"{origin}/" for origin in self.origins), "data:", "blob:")
        if not request.url.startswith(allowed):
            self.troubles.append(f"asked {request.url}")

    def _note_console(self, message: ConsoleMessage) -> None:
        """A breach of the content security policy is told there, too."""
        bad = message.type in ("error", "warning")
        if bad and not any(words in message.text for words in self.expected):
            self.troubles.append(f"console: {message.text} {message.location}")

    def say(self, key: str, **args: Arg) -> str:
        """The sentence this reader sees."""
        return i18n.say(self.language, key, **args)

    # Looking

    def looks_right(self, *, themes: tuple[str, ...] = ("light", "dark")) -> None:
        """Nothing too wide or too small to press, and axe-core has no complaint."""
        assert self.page.evaluate(TOO_WIDE) == [], self.page.url
        assert self.page.evaluate(SMALL_TARGETS) == [], self.page.url
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(AXE)
        for theme in themes:
            self.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            assert self.page.evaluate(VIOLATIONS) == [], f"{self.page.url} in {theme}"
        self.page.emulate_media(color_scheme="light")

    # Pressing and typing

    def press(self, target: Locator) -> None:
        if self._device.touch:
            target.tap()
        else:
            target.click()

    def follows(self, words: str) -> None:
        """A link or a button of a page."""
        found = self.page.get_by_role("link", name=words).or_(
            self.page.get_by_role("button", name=words, exact=True)
        )
        with self.page.expect_navigation():
            self.press(found.first)

    def code_of(self, title: str) -> str:
        """The code of the consultation whose title begins so."""
        self.page.goto("/")
        path = self.page.get_by_role("link", name=title).get_attribute("href") or ""
        return path.rpartition("/")[2]

    # The chat

    def opens_chat(self, start: str = "") -> None:
        self.page.goto(f"/chat?start={start}" if start else "/chat")
        expect(self.page.locator("#state.online")).to_be_visible()
        expect(self.latest.first).to_be_visible()

    @property
    def latest(self) -> Locator:
        """The answers the bot offers now."""
        return self.page.locator(".message.latest .choices button")

    def answer(self, words: str) -> Locator:
        """One of the answers offered now, by its key or by a part of its label."""
        if words.endswith("-button"):
            return self.latest.and_(
                self.page.get_by_role("button", name=self.say(words), exact=True)
            )
        return self.latest.filter(has_text=words)

    def sees(self, words: str) -> None:
        """The bot's newest message holds them."""
        expect(self.page.locator(".message.latest .bubble")).to_contain_text(words)

    def taps(self, words: str) -> None:
        """An answer, by its label or by its key."""
        self.press(self.answer(words))

    def says(self, words: str) -> None:
        self.page.locator("#text").fill(words)
        self.press(self.page.locator("#send"))

    def sends_photo(self, path: Path) -> None:
        with self.page.expect_file_chooser() as chooser:
            self.press(self.page.locator("#attach"))
        chooser.value.set_files(path)
        expect(self.page.locator("#chosen li")).to_have_count(1)
        self.press(self.page.locator("#send"))

    def own(self, words: str) -> Locator:
        return self.page.locator(".message.me").filter(has_text=words)

    def transcript(self) -> list[str]:
        return self.page.locator(".message .bubble:not(.writing)").all_inner_texts()

    def reaches_receipt(self, candidate: str) -> str:
        """From the greeting to a sent "agree", by presses alone; the receipt's code."""
        self.taps("start-consultations-button")
        self.taps(demo_title()[:40])
        self.taps(candidate)
        self.taps("stance-agree-button")
        self.taps("identity-anonymous-button")
        self.taps("common-send-button")
        return self.receipt_code()

    def receipt_code(self) -> str:
        shown = self.page.locator(".message.latest .receipt-code")
        expect(shown).to_have_text(CODE)
        return shown.inner_text()


def demo_title(which: str = "open") -> str:
    """The title of one of the invented consultations, up to its year."""
    title: str = DEMO[which]["title"]
    return title.partition("{")[0]


def demo_name(which: str = "open", number: int = 1) -> str:
    name: str = DEMO[which]["candidates"][number - 1]["name"]
    return name
