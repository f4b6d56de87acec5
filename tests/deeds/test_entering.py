"""What came by telephone or on paper is written down by an officer, labelled [C11]."""

from __future__ import annotations

from aiohttp import ClientSession
from sqlalchemy import select

from storage.models.deeds import Deed, DeedReport
from storage.models.office import Officer
from tests.cast import PAIRS
from tests.deadlines.cast import MONDAY
from tests.deeds.test_checking import _link
from tests.deeds.test_dialogue import CODE, WORDS
from tests.officers.staff import officer as staff_officer
from tests.officers.staff import other_office
from tests.world import World


@PAIRS
async def test_an_officer_writes_it_down_and_the_citizen_follows_it_by_a_fresh_code(
    world: World, channel: str
) -> None:
    world.stopped_at = MONDAY
    office_id = await other_office(world)
    officer = await staff_officer(world, channel, office_id=office_id)
    await officer.says("/nhapviectot")
    assert "từ điện thoại" in await officer.taps("Qua điện thoại")
    await officer.taps("Một người")
    await officer.taps("Tôi không biết tên")
    await officer.taps("Tôi không rõ nơi đó")
    await officer.says(WORDS)
    await officer.taps("Xem lại và gửi luôn")
    sent = await officer.taps("Gửi")
    found = CODE.search(sent)
    assert found
    assert "xóa tin nhắn này" in sent
    citizen = await world.citizen(channel, 80)
    assert WORDS in await citizen.says(found[0])
    assert found[0] not in await officer.says("/start")
    async with world.base.db.reading() as session:
        report = (await session.scalars(select(DeedReport))).one()
        deed = (await session.scalars(select(Deed))).one()
        who = (await session.scalars(select(Officer.id))).one()
    assert (report.entered_as, report.entered_by, report.contact_id) == ("telephone", who, None)
    assert deed.office_id == office_id
    if channel == "telegram":
        return
    await officer.says("/viectotmoi")
    await officer.taps("—")
    async with ClientSession() as http, http.get(_link(officer)) as response:
        assert "cán bộ ghi lại từ điện thoại" in await response.text()


async def test_nobody_else_enters_anything(sqlite_world: World) -> None:
    world = sqlite_world
    citizen = await world.citizen("webchat")
    assert "chỉ dành cho cán bộ" in await citizen.says("/nhapviectot")
    officer = await staff_officer(world)
    await officer.says("/nhapviectot")
    await officer.taps("Qua thư, giấy")
    await officer.taps("Một người")
    await officer.taps("Tôi không biết tên")
    await officer.taps("Tôi không rõ nơi đó")
    await officer.says(WORDS)
    await officer.taps("Xem lại và gửi luôn")
    async with world.base.db.transaction() as session:
        (await session.scalars(select(Officer))).one().revoked_at = world.now()
    assert "chỉ dành cho cán bộ" in await officer.taps("Gửi")
    async with world.base.db.reading() as session:
        assert not (await session.scalars(select(Deed))).all()
