"""What looks like a denunciation leaves ordinary sight; only its keeper opens it again."""

from __future__ import annotations

import re

import aiohttp
from sqlalchemy import select

from handlers.consultations.review import matters, reading_links
from storage.models.consultations import (
    MatterState,
    Opinion,
    OpinionFile,
    OpinionState,
    OpinionVersion,
    RestrictedMatter,
)
from storage.models.office import Act, Role
from tests.cast import Citizen
from tests.consultations import opinions
from tests.consultations.opinions import WORDS
from tests.officers import staff
from tests.world import World

HERO = "Bà Lê Thị Mẫu"
PDF = (b"%PDF-1.4 evidence", "bằng chứng.pdf", "document")


async def _move(officer: Citizen) -> str:
    await officer.says("/viec")
    await officer.taps(HERO)
    await officer.taps("Chuyển xử lý riêng")
    return await officer.taps("Chuyển")


async def _matter(world: World) -> RestrictedMatter:
    async with world.base.db.reading() as session:
        return (await session.scalars(select(RestrictedMatter))).one()


def _link(world: World, officer_id: str, kind: str, object_id: str, detail: str = "") -> str:
    return reading_links.sign(world.base.vault, world.links, officer_id, kind, object_id, detail)


async def _page(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        return response.status, await response.text()


async def test_a_moved_opinion_leaves_nothing_where_ordinary_officers_look(world: World) -> None:
    author, contact_id = await opinions.contact_of(world, "telegram")
    opinion_id, _ = await opinions.gives(
        world, contact_id=contact_id, name="Phạm Thị Sáu", file=PDF
    )
    officer = await staff.officer(world)

    assert "Đã chuyển" in await _move(officer)

    async with world.base.db.reading() as session:
        row = await session.get_one(Opinion, opinion_id)
        versions = (await session.scalars(select(OpinionVersion.text))).all()
        files = (await session.scalars(select(OpinionFile))).all()
    assert row.state == OpinionState.RESTRICTED
    assert (row.text, row.contact_id, row.person_id) == ("", None, None)
    assert versions == [""]
    assert files == []
    assert "Hiện không có ý kiến" in await officer.says("/viec")
    assert "dành cho cán bộ" in await officer.says("/vukin")
    told = await opinions.last_words(world, author)
    assert "không phải là đơn tố cáo" in told
    assert "Thanh tra tỉnh An Hòa" in told


async def test_the_receipt_opens_what_became_of_it(world: World) -> None:
    _, code = await opinions.gives(world)
    await _move(await staff.officer(world))
    citizen = await world.citizen("webchat")

    answer = await citizen.says(f"/tracuu {code}")

    assert WORDS not in answer
    assert "không tìm thấy" not in answer.lower()
    async with world.base.db.reading() as session:
        found = await session.scalar(select(RestrictedMatter))
    assert found is not None


async def test_an_officer_is_warned_when_nobody_could_read_a_matter(world: World) -> None:
    await opinions.gives(world)
    officer = await staff.officer(world)
    await officer.says("/viec")
    await officer.taps(HERO)
    assert "chưa có cán bộ phụ trách riêng" in await officer.taps("Chuyển xử lý riêng")


async def test_the_keeper_reads_a_matter_on_a_private_page_and_each_reading_is_logged(
    world: World,
) -> None:
    await opinions.gives(world, name="Phạm Thị Sáu", file=PDF)
    keeper = await staff.officer(world, role=Role.RESTRICTED, name="Đỗ Văn Kín")
    await _move(await staff.officer(world))
    matter, (kept, _officer) = await _matter(world), await staff.rows(world)

    listed = await keeper.says("/vukin")
    card = await keeper.taps("")
    assert "1 vụ việc" in listed
    for words in (WORDS, "Phạm Thị Sáu", HERO):
        assert words not in listed + card
    assert await opinions.acts(world, matter.id) == ["hand over"]

    status, html = await _page(_link(world, kept.id, "matter", matter.id))
    assert status == 200
    assert WORDS in html
    assert "Phạm Thị Sáu" in html
    assert await opinions.acts(world, matter.id) == ["hand over", "read"]

    (href,) = re.findall(r'href="(/officer/read/[^"]+)"', html)
    async with aiohttp.ClientSession() as http, http.get(world.links + href) as response:
        assert await response.read() == PDF[0]
        assert response.headers["Content-Disposition"].startswith("attachment")
        assert "sandbox" in response.headers["Content-Security-Policy"]


async def test_a_private_link_opens_nothing_for_the_wrong_officer(world: World) -> None:
    await opinions.gives(world)
    elsewhere = await staff.other_office(world)
    await staff.officer(world, role=Role.RESTRICTED, name="Lý Văn Tám", office_id=elsewhere)
    await _move(await staff.officer(world))
    (other, ordinary), matter = await staff.rows(world), await _matter(world)

    for officer_id in (other.id, ordinary.id, "nobody"):
        status, html = await _page(_link(world, officer_id, "matter", matter.id))
        assert status == 422
        assert WORDS not in html
    genuine = _link(world, other.id, "matter", matter.id)
    assert (await _page(genuine[:-3] + "AAA"))[0] == 422
    assert await opinions.acts(world, matter.id) == ["hand over"]


async def test_a_link_to_an_identity_asks_why_logs_it_and_dies_with_the_officer(
    world: World,
) -> None:
    opinion_id, _ = await opinions.gives(world, name="Phạm Thị Sáu")
    officer = await staff.officer(world, "telegram")
    (row,) = await staff.rows(world)
    await officer.says("/viec")
    assert "Phạm Thị Sáu" not in await officer.taps(HERO)
    await officer.taps("Xem người gửi")
    assert "Phạm Thị Sáu" not in await officer.taps("Xác minh")
    url = _link(world, row.id, "identity", opinion_id, "review-identity-to-verify-button")

    status, html = await _page(url)

    assert status == 200
    assert "Phạm Thị Sáu" in html
    assert "0200 000 777" in html
    async with world.base.db.reading() as session:
        act = (await session.scalars(select(Act).where(Act.verb == "read identity"))).one()
    assert (act.object_id, act.reason) == (opinion_id, "Xác minh ý kiến ký tên")
    await officer.says("/roi")
    await officer.taps("Thôi nhiệm vụ")
    assert (await _page(url))[0] == 422


async def test_a_file_link_opens_only_what_belongs_to_the_opinion(world: World) -> None:
    mine, _ = await opinions.gives(world, file=PDF)
    await opinions.gives(world, file=(b"%PDF-1.4 other", "khác.pdf", "document"))
    officer = await staff.officer(world)
    (row,) = await staff.rows(world)
    await officer.says("/viec")
    await officer.taps(HERO)
    assert "10 phút" in await officer.taps("Xem 1 tệp")
    async with world.base.db.reading() as session:
        found = await session.scalars(select(OpinionFile))
        by_opinion = {one.opinion_id: one.file_id for one in found}
    foreign = next(file for opinion, file in by_opinion.items() if opinion != mine)

    status, _text = await _page(_link(world, row.id, "file", mine, by_opinion[mine]))
    assert status == 200
    status, text = await _page(_link(world, row.id, "file", mine, foreign))
    assert status == 422
    assert "other" not in text


async def test_a_matter_is_forwarded_then_closed_and_never_goes_back(world: World) -> None:
    await opinions.gives(world)
    keeper = await staff.officer(world, role=Role.RESTRICTED)
    await _move(await staff.officer(world, name="Hồ Thị Năm"))
    await keeper.says("/vukin")
    await keeper.taps("")
    await keeper.taps("Đã chuyển nơi có thẩm quyền")
    await keeper.says("Thanh tra tỉnh, công văn 12")
    assert "đã chuyển cơ quan" in await keeper.taps("Gửi")
    assert (await _matter(world)).state == MatterState.FORWARDED

    await keeper.taps("Vụ việc riêng")
    await keeper.taps("")
    await keeper.taps("Kết thúc")
    await keeper.says("Đã có kết luận, không có vi phạm.")
    await keeper.taps("Gửi")

    matter = await _matter(world)
    assert matter.state == MatterState.CLOSED
    assert await opinions.acts(world, matter.id) == ["hand over", "mark forwarded", "mark closed"]
    assert "không có vụ việc" in await keeper.says("/vukin")


def test_no_state_of_a_matter_has_a_way_back() -> None:
    allowed = {(old, new) for old, news in matters.STEPS.items() for new in news}
    assert allowed == {
        (MatterState.NEW, MatterState.FORWARDED),
        (MatterState.NEW, MatterState.CLOSED),
        (MatterState.FORWARDED, MatterState.CLOSED),
    }
    assert set(matters.STEPS) == set(MatterState)
