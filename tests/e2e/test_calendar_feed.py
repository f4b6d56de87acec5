"""The private calendar's page in a real Chromium: made in the chat, read, revoked; no script."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from handlers.deadlines import duties
from storage.db import Database
from storage.models.base import new_id
from storage.models.deadlines import Deadline, DeadlineState, Work
from storage.models.office import Office
from storage.models.people import Contact
from storage.models.units import Member, MemberAddress, MemberRank, Unit, UnitKind
from tests.e2e.conftest import Arrives
from tests.e2e.visitor import DESKTOP, DEVICES, Device, Visitor

pytestmark = pytest.mark.e2e
LONG = "Báo cáo sơ kết phong trào thi đua “Cả nước chung sức xây dựng nông thôn mới”"


async def _answer_for_a_unit(folder: Path) -> None:
    """The newest visitor of the chat answers for a unit with something late and something due."""
    db = Database(f"sqlite+aiosqlite:///{folder / 'neuguong.db'}")
    now = datetime.now(UTC)
    try:
        async with db.transaction() as session:
            office = (await session.scalars(select(Office).order_by(Office.code))).first()
            assert office is not None
            visitor = await session.scalars(
                select(Contact.id)
                .where(Contact.channel == "webchat")
                .order_by(Contact.made_at.desc())
                .limit(1)
            )
            unit = Unit(
                id=new_id(), office_id=office.id, code=new_id()[:8], kind=UnitKind.COMMUNE,
                name="Ủy ban nhân dân xã Suối Mơ",
            )  # fmt: skip
            session.add(unit)
            for number, (title, days) in enumerate(((LONG, -3), ("Ký giao ước", 5), (LONG, 40))):
                deadline = Deadline(
                    id=new_id(), office_id=office.id, code=f"{new_id()[:8]}-{number}",
                    year=now.year, title=title, work=Work.REPORT, state=DeadlineState.ARMED,
                    due_at=now + timedelta(days=days), armed_at=now, planned_until=now,
                    ladder=[],
                )  # fmt: skip
                session.add(deadline)
                await session.flush()
                await duties.ensure(session, deadline, now)
            member = Member(
                id=new_id(), unit_id=unit.id, rank=MemberRank.FOCAL, name="Đỗ Thị Minh Họa",
                joined_at=now,
            )  # fmt: skip
            session.add(member)
            await session.flush()
            contact = visitor.one()
            session.add(MemberAddress(member_id=member.id, contact_id=contact, added_at=now))
    finally:
        await db.close()


def _furnish(folder: Path) -> None:
    """Playwright holds this thread's loop: another one does it."""
    with ThreadPoolExecutor(1) as beside:
        beside.submit(asyncio.run, _answer_for_a_unit(folder)).result()


def _makes_address(member: Visitor, folder: Path) -> str:
    """Through the chat; the path of the page it leads to."""
    member.opens_chat()
    _furnish(folder)
    member.says("/nhacviec")
    member.sees("Ký giao ước")
    member.taps("mine-feed-button")
    member.taps("feed-make-button")
    link = member.page.locator(".message.latest a", has_text=member.say("feed-page-button"))
    expect(link).to_be_visible()
    address = link.get_attribute("href") or ""
    return address[address.index("/lich/") :]


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.name)
@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_the_page_shows_the_list_how_to_subscribe_and_revokes(
    arrives: Arrives, data_folder: Path, device: Device, script: bool
) -> None:
    with arrives(device) as member:
        path = _makes_address(member, data_folder)
    with arrives(device, script=script) as reader:
        reader.page.goto(path)
        expect(reader.page.get_by_role("heading", level=1)).to_have_text(reader.say("feed-title"))
        expect(reader.page.locator("main li strong").first).to_have_text(LONG)
        expect(reader.page.get_by_text(reader.say("feed-late"), exact=True)).to_be_visible()
        for key in ("feed-iphone-title", "feed-android-title", "feed-outlook-title"):
            expect(reader.page.get_by_role("heading", name=reader.say(key))).to_be_visible()
        address = reader.page.get_by_label(reader.say("feed-address-label")).input_value()
        assert address.endswith(f"{path}.ics")
        app = reader.page.get_by_role("link", name=reader.say("feed-open-button"))
        assert (app.get_attribute("href") or "").startswith("webcal://")
        robots = reader.page.locator('meta[name="robots"]').get_attribute("content")
        assert "noindex" in (robots or "")
        if script:
            reader.looks_right()
        reader.follows(reader.say("feed-revoke-button"))
        expect(reader.page.get_by_role("heading", level=1)).to_have_text(
            reader.say("feed-gone-title")
        )
        if script:
            reader.looks_right()
        reader.expected.append("410 (Gone)")
        reader.page.goto(path)
        expect(reader.page.get_by_role("heading", level=1)).to_have_text(
            reader.say("feed-gone-title")
        )


def test_the_month_is_shown_in_the_chat_with_its_words(
    arrives: Arrives, data_folder: Path
) -> None:
    with arrives(DESKTOP) as member:
        member.opens_chat()
        _furnish(data_folder)
        member.says("/nhacviec")
        member.sees("Ký giao ước")
        member.taps("mine-month-button")
        picture = member.page.locator(".message.latest img")
        expect(picture).to_have_attribute("alt", member.say("mine-month-alt"))
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("image => image.naturalWidth") == 1080
        member.looks_right()
