"""Good deeds on the page in a real Chromium: told without JavaScript, found, read, followed."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from bot.config import Settings, read_secret
from bot.media import FileStore
from bot.vault import Vault
from handlers.consultations import illustrations
from storage.db import Database
from storage.models.base import new_id
from storage.models.deeds import DeedFile, DeedPublication
from storage.models.office import Office
from storage.models.traffic import StoredFile
from tests.deeds.shown import exemplar
from tests.e2e.conftest import Arrives
from tests.e2e.visitor import CODE, DEVICES, Device, Visitor

pytestmark = pytest.mark.e2e
WORDS = "Chị dừng xe, đưa một cụ bị ngã vào trạm y tế rồi ở lại đến khi người nhà đến."
TITLE = "Chị Lò Thị Ví Dụ chèo đò miễn phí cho học sinh suốt mười hai năm"
LEAD = "Từ ngày cầu bị lũ cuốn, mỗi sáng chị đưa hơn ba mươi em nhỏ qua suối rồi mới ra nương."
TEXT = (
    "Sáu giờ sáng, con đò nhỏ đã đợi bên bến.\nChị không lấy tiền của ai, kể cả những hôm nước to"
    " phải chèo bốn lượt. Năm nay xã làm cầu mới, chị xin giữ lại mái chèo."
)
either = pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.name)


async def _publish(home: Path) -> str:
    settings = Settings(home=home)
    db, vault = Database(settings.database), Vault(read_secret(settings))
    drawn = illustrations.draw(
        {"scene": "river", "back": "#DDEAF0", "first": "#9E5B33", "second": "#4F86A0"}
    )
    sha256 = FileStore(home / "files").put(drawn)
    async with db.transaction() as session:
        office = (await session.scalars(select(Office))).first()
        assert office is not None
        now = datetime.now(UTC)
        deed = await exemplar(
            session, vault, office.id, now, title=TITLE, lead=LEAD, text=TEXT, province="04",
            commune="01321", field_code="GIAO_DUC", groups=("PHU_NU", "DAN_TOC_THIEU_SO"),
        )  # fmt: skip
        file = StoredFile(
            id=new_id(), sha256=sha256, size=len(drawn), mime="image/png", kind="image",
            name="con-do.png", taken_at=now,
        )  # fmt: skip
        session.add(file)
        await session.flush()
        session.add(DeedFile(deed_id=deed.id, file_id=file.id, added_at=now))
        out = await session.scalar(
            select(DeedPublication).where(DeedPublication.deed_id == deed.id)
        )
        assert out is not None
        out.photos = [file.id]
        out.quote = "Ngày mưa chị vẫn đưa đủ, không bỏ em nào."
        deed_id = deed.id
    await db.close()
    return deed_id


@pytest.fixture(scope="session")
def shown(home: str, data_folder: Path) -> str:
    """The id of an exemplar that is out in the running service."""
    with ThreadPoolExecutor(1) as aside:  # the browser's own loop runs in this thread
        return aside.submit(lambda: asyncio.run(_publish(data_folder))).result()


@either
@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_deed_is_told_on_the_page_from_home_to_receipt(
    arrives: Arrives, device: Device, script: bool, photo: Path
) -> None:
    with arrives(device, script=script) as citizen:
        citizen.expected.append("422")
        page = citizen.page

        def look() -> None:
            if script:  # axe-core cannot run where no script may
                citizen.looks_right()

        page.goto("/")
        citizen.follows(citizen.say("pages-tell-deed-button"))
        look()
        citizen.follows(citizen.say("pages-read-back-button"))
        expect(page.get_by_role("alert")).to_contain_text(citizen.say("deeds-needs-words"))
        look()
        page.locator("#place").fill("tan phu")
        page.locator("#what").fill(f"{WORDS} {device.name} {script}")
        page.locator("#files").set_input_files(photo)
        citizen.follows(citizen.say("pages-read-back-button"))
        expect(page.get_by_role("alert")).to_be_visible()
        page.locator("input[name=place_code]").first.check()
        look()
        citizen.follows(citizen.say("pages-read-back-button"))
        expect(page.locator("main")).to_contain_text(photo.name)
        look()
        if page.locator("#joins").count():  # what the same test told before, with another device
            page.locator("#joins-none").check()
        citizen.follows(citizen.say("pages-send-button"))
        expect(page.locator("#receipt-code")).to_have_text(CODE)
        code = page.locator("#receipt-code").inner_text()
        look()
        page.goto("/tracuu")
        page.locator("input[name=code]").fill(code)
        citizen.follows(citizen.say("pages-look-up-button"))
        expect(page.locator("main")).to_contain_text(WORDS[:30])
        look()


@either
def test_an_exemplar_is_found_by_its_filters_read_and_followed(
    arrives: Arrives, device: Device, shown: str
) -> None:
    with arrives(device) as citizen:
        page = citizen.page
        page.goto("/guong")
        citizen.looks_right()
        _opens_filter(citizen, "exemplar-field")
        citizen.looks_right(themes=("light",))
        citizen.press(page.get_by_role("link", name="Giáo dục, khuyến học"))
        page.wait_for_url("**/guong?field=GIAO_DUC")
        citizen.follows(TITLE)
        expect(page.get_by_role("heading", level=1)).to_have_text(TITLE)
        expect(page.locator("figure.quote")).to_contain_text("không bỏ em nào")
        expect(page.locator("img.photo")).to_be_visible()
        assert page.locator("img.photo").evaluate("e => e.complete && e.naturalWidth > 0")
        citizen.looks_right()
        address = page.locator("meta[property='og:image']").get_attribute("content") or ""
        card = page.request.get(address)
        assert card.headers["content-type"] == "image/png"
        citizen.follows(citizen.say("exemplar-follow-button"))
        expect(page.locator(".notice.info")).to_contain_text(TITLE)
        citizen.looks_right(themes=("light",))


def _opens_filter(citizen: Visitor, key: str) -> None:
    citizen.press(citizen.page.locator("summary").filter(has_text=citizen.say(key)))
