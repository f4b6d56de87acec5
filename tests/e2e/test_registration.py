"""The form of a deadline in a real Chromium, at both widths, with JavaScript and without."""

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
from tests.e2e.visitor import CODE, DESKTOP, DEVICES, Device, Visitor

pytestmark = pytest.mark.e2e
NAMES = "Nguyễn Thị Chuồn Chuồn\nTrần Văn Cào Cào"
PAPERS = ["Tờ trình", "Báo cáo thành tích"]
either = pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.name)
scripts = pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])


async def _owes(folder: Path, unit_name: str) -> None:
    """Whoever wrote last answers for a new unit, which owes one thing of each kind."""
    db, now = Database(f"sqlite+aiosqlite:///{folder / 'neuguong.db'}"), datetime.now(UTC)
    try:
        async with db.transaction() as session:
            office = (await session.scalars(select(Office).order_by(Office.code))).first()
            contact = await session.scalar(select(Contact.id).order_by(Contact.seen_at.desc()))
            assert office is not None
            assert contact is not None
            unit = Unit(
                id=new_id(), office_id=office.id, code=new_id()[:8], name=unit_name,
                kind=UnitKind.OTHER,
            )  # fmt: skip
            member = Member(
                id=new_id(), unit_id=unit.id, rank=MemberRank.FOCAL, name="Lê Thị Đầu Mối",
                joined_at=now,
            )  # fmt: skip
            session.add(unit)
            await session.flush()
            session.add(member)
            await session.flush()
            session.add(MemberAddress(member_id=member.id, contact_id=contact, added_at=now))
            for work in (Work.REGISTRATION, Work.DOSSIER):
                deadline = Deadline(
                    id=new_id(), office_id=office.id, code=new_id()[:8], year=2027, work=work,
                    title=f"{unit_name}: {work}", due_at=now + timedelta(days=9),
                    checklist=PAPERS, state=DeadlineState.ARMED, armed_at=now,
                )  # fmt: skip
                session.add(deadline)
                await session.flush()
                await duties.ensure(session, deadline, now)
    finally:
        await db.close()


def _address(arrives: Arrives, folder: Path, unit_name: str, work: Work) -> str:
    """The private address, as the chat hands it out."""
    with arrives(DESKTOP) as person:
        person.opens_chat()
        with ThreadPoolExecutor(1) as aside:  # the browser's own loop runs in this thread
            aside.submit(lambda: asyncio.run(_owes(folder, unit_name))).result()
        person.says("/dangky")
        person.taps(f"{unit_name}: {work}")
        person.taps("registration-page-button")
        found = person.page.get_by_role("link", name=person.say("registration-open-page-button"))
        expect(found).to_be_visible()
        address = found.get_attribute("href")
        assert address
        return address


@either
@scripts
def test_a_registration_goes_from_the_form_to_the_receipt(
    arrives: Arrives, device: Device, script: bool, photo: Path, data_folder: Path
) -> None:
    unit = f"Xã Suối Mơ {device.name} {script}"
    address = _address(arrives, data_folder, unit, Work.REGISTRATION)
    with arrives(device, script=script) as person:
        person.expected.append("422")
        page = person.page
        page.goto(address)
        expect(page.locator("main")).to_contain_text(unit)
        _looks(person, script)
        _widths(person, script)
        page.locator("#c-TTLDTT").check()
        page.locator("#n-LDTT").fill("1")
        page.locator("#names-LDTT").fill(NAMES)
        person.follows(person.say("registration_pages-read-back-button"))
        expect(page.get_by_role("alert")).to_contain_text("Có 2 tên")
        expect(page.locator("#n-LDTT")).to_have_attribute("aria-invalid", "true")
        expect(page.locator("#names-LDTT")).to_have_value(NAMES)
        _looks(person, script)
        page.locator("#n-LDTT").fill("12")
        page.locator("#files").set_input_files(photo)
        person.follows(person.say("registration_pages-read-back-button"))
        expect(page.locator("main")).to_contain_text("Nguyễn Thị Chuồn Chuồn")
        expect(page.locator("main")).to_contain_text(photo.name)
        _looks(person, script)
        person.follows(person.say("registration_pages-send-button"))
        expect(page.locator("#receipt-code")).to_have_text(CODE)
        _looks(person, script)
        code = page.locator("#receipt-code").inner_text()
        page.goto("/tracuu")
        page.locator("input[name=code]").fill(code)
        person.follows(person.say("pages-look-up-button"))
        expect(page.locator("main")).to_contain_text(person.say("duty-submitted"))
        _looks(person, script)


@either
def test_a_dossier_is_ticked_paper_by_paper(
    arrives: Arrives, device: Device, data_folder: Path
) -> None:
    unit = f"Xã Rừng Cọ {device.name}"
    address = _address(arrives, data_folder, unit, Work.DOSSIER)
    with arrives(device) as person:
        person.page.goto(address)
        person.looks_right()
        person.page.get_by_label("Tờ trình").check()
        person.follows(person.say("registration_pages-read-back-button"))
        expect(person.page.locator("main")).to_contain_text(person.say("registration-lacks"))
        person.looks_right()
        person.follows(person.say("registration_pages-send-button"))
        expect(person.page.locator("#receipt-code")).to_have_text(CODE)


def test_a_closed_link_says_where_to_get_another(arrives: Arrives, data_folder: Path) -> None:
    address = _address(arrives, data_folder, "Xã Đồi Chè", Work.DOSSIER)
    with arrives(DESKTOP) as person:
        person.expected.append("422")
        person.page.goto(address[:-4] + "xxxx")
        expect(person.page.locator("main")).to_contain_text("/dangky")
        person.looks_right()


def _looks(person: Visitor, script: bool) -> None:
    if script:  # axe-core cannot run where no script may
        person.looks_right()


def _widths(person: Visitor, script: bool) -> None:
    """Nothing stands beside the page, with script or without."""
    if script:
        return
    box = person.page.locator("main").bounding_box()
    view = person.page.viewport_size
    assert box is not None
    assert view is not None
    assert box["width"] <= view["width"]
