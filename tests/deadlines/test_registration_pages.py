"""The form without JavaScript, at its private address, and where a receipt stands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp
from sqlalchemy import select

from bot.vault import Vault
from handlers.deadlines.registration import links, service
from storage.models.consultations import Receipt
from storage.models.deadlines import DutyState, Work
from tests.cast import Citizen, WebCitizen
from tests.consultations.site import Form
from tests.deadlines.handing_in import (
    NAMES,
    PAPERS,
    deadline,
    duty,
    leaves,
    owing,
    person_of,
    state,
    unit,
    versions,
)
from tests.deadlines.test_registration import hands_in, opens
from tests.deadlines.test_registration_review import page_of
from tests.pictures import jpeg
from tests.test_contract import CODE
from tests.world import World

ANSWERS = {
    "c-TTLDTT": "x",
    "n-LDTT": "12",
    "names-LDTT": "\n".join(NAMES),
    "t-NTM": "Thêm hai thôn.",
}


class Reader:
    """A browser without JavaScript, at one address."""

    def __init__(self, http: aiohttp.ClientSession, address: str) -> None:
        self.http, self.address, self.status = http, address, 0

    async def opens(self, path: str = "") -> Form:
        async with self.http.get(self.address + path) as response:
            self.status = response.status
            return Form(await response.text())

    async def posts(
        self, fields: dict[str, str], *files: tuple[str, bytes], path: str = "", **more: str
    ) -> Form:
        form = aiohttp.FormData(default_to_multipart=True)
        for name, value in {**fields, **more}.items():
            form.add_field(name, value)
        for name, content in files:
            form.add_field("files", content, filename=name, content_type="image/jpeg")
        async with self.http.post(self.address + path, data=form) as response:
            self.status = response.status
            return Form(await response.text())


async def address_from(person: Citizen, title: str = "Đăng ký") -> str:
    await opens(person, title)
    await person.taps("Điền trên trang web")
    return page_of(person)


@asynccontextmanager
async def reader(person: Citizen, title: str = "Đăng ký") -> AsyncIterator[Reader]:
    address = await address_from(person, title)
    async with aiohttp.ClientSession() as http:
        yield Reader(http, address)


async def test_a_registration_goes_from_the_form_to_the_same_receipt(world: World) -> None:
    person, unit_id, due = await owing(world)
    async with reader(person) as page:
        form = await page.opens()
        assert page.status == 200
        assert "Xã Suối Mơ" in form.text
        read_back = await page.posts(form.hidden, ("trang-ky.jpg", jpeg()), **ANSWERS)
        assert page.status == 200
        for said in ("12 người", *NAMES, "Thêm hai thôn.", "trang-ky.jpg"):
            assert said in read_back.text
        assert await versions(world) == []
        receipt = await page.posts(read_back.hidden, path="/gui", action="send")
        assert receipt.code
        again = await page.posts(read_back.hidden, path="/gui", action="send")
        assert "không có gì thay đổi" in again.text
        assert again.code != receipt.code
    (submission,) = await versions(world)
    handed = service.opened(world.base.vault, submission)
    assert handed.answers.individual["LDTT"].names == list(NAMES)
    assert (submission.channel, len(submission.file_ids)) == ("form", 1)
    assert await state(world, unit_id, due) == DutyState.SUBMITTED
    assert "đã nộp, chờ xem" in await person.says(receipt.code)
    assert "đã nộp, chờ xem" in await person.says(again.code)


async def test_what_was_handed_in_in_chat_is_amended_on_the_page(sqlite_world: World) -> None:
    world = sqlite_world
    person, _, _ = await owing(world)
    await hands_in(person)
    async with reader(person) as page:
        form = await page.opens()
        assert NAMES[0] in form.text
        assert len(form.kept) == 1
        fields = {**form.hidden, **ANSWERS, "n-LDTT": "15", "keep": form.kept[0]}
        read_back = await page.posts(fields)
        assert "15 người" in read_back.text
        receipt = await page.posts(read_back.hidden, path="/gui", action="send")
        assert "lần 2" in receipt.text
    first, second = await versions(world)
    assert first.file_ids == second.file_ids


async def test_a_slip_is_told_beside_its_field_and_nothing_is_lost(sqlite_world: World) -> None:
    world = sqlite_world
    await deadline(world)
    unit_id = await unit(world)
    async with reader(await person_of(world, unit_id)) as page:
        form = await page.opens()
        told = await page.posts(form.hidden, **{**ANSWERS, "n-LDTT": "1"})
        assert page.status == 422
        assert "Có 2 tên nhưng số lượng chỉ là 1" in told.text
        assert NAMES[1] in told.text
        told = await page.posts(form.hidden, **{**ANSWERS, "n-LDTT": "nhiều"})
        assert "số nguyên" in told.text
        told = await page.posts(form.hidden)
        assert "chọn ít nhất một mục" in told.text
        told = await page.posts(form.hidden, ("x.exe", b"MZ not a photo"), **ANSWERS)
        assert page.status == 422
        assert "không nhận được" in told.text
    assert await versions(world) == []


async def test_dossier_report_and_compact_have_their_fields(sqlite_world: World) -> None:
    world = sqlite_world
    unit_id = await unit(world)
    await deadline(world, Work.DOSSIER, code="HS", title="Hồ sơ cuối năm", checklist=PAPERS)
    await deadline(world, Work.REPORT, code="BC", title="Báo cáo sáu tháng")
    await deadline(world, Work.COMPACT, code="GU", title="Ký giao ước")
    person = await person_of(world, unit_id)
    async with reader(person, "Hồ sơ") as page:
        read_back = await page.posts((await page.opens()).hidden, **{"p-1": "x"})
        assert "CÒN THIẾU" in read_back.text
        assert (await page.posts(read_back.hidden, path="/gui", action="send")).code
    async with reader(person, "Báo cáo") as page:
        read_back = await page.posts((await page.opens()).hidden, words="Đã xong.")
        assert (await page.posts(read_back.hidden, path="/gui", action="send")).code
    async with reader(person, "Ký giao ước") as page:
        hidden = (await page.opens()).hidden
        assert "Chưa có bản giao ước" in (await page.posts(hidden)).text
        read_back = await page.posts(hidden, ("gu.jpg", jpeg()))
        assert (await page.posts(read_back.hidden, path="/gui", action="send")).code
    papers = [
        service.opened(world.base.vault, one).answers.papers for one in await versions(world)
    ]
    assert [PAPERS[1]] in papers


async def test_the_link_is_closed_renewed_and_dies_with_its_holder(sqlite_world: World) -> None:
    world = sqlite_world
    person, unit_id, _ = await owing(world)
    async with reader(person) as page:
        await page.opens()
        assert page.status == 200
        newer = await address_from(person)
        told = await page.opens()
        assert page.status == 422
        assert "đã hết hạn hoặc đã khóa" in told.text
        page.address = newer
        form = await page.opens()
        assert page.status == 200
        await person.taps("Khóa đường liên kết")
        await page.opens()
        assert page.status == 422
        await page.posts(form.hidden, **ANSWERS)
        assert page.status == 422
        page.address = await address_from(person)
        await leaves(world, unit_id)
        await page.opens()
        assert page.status == 422
        page.address = page.address[:-3] + "abc"
        await page.opens()
        assert page.status == 422


def test_a_link_lasts_a_week() -> None:
    hour = [1000.0]
    vault = Vault("a secret of the tests, long enough", lambda: hour[0])
    signed, data = links.issue(vault, {"draft": 1}, 7, "duty")
    assert data["draft"] == 1
    hour[0] += links.LASTS_SECONDS + 1
    assert vault.unsign("registration-link", signed, links.LASTS_SECONDS) is None


async def test_the_date_passes_while_the_page_is_open(sqlite_world: World) -> None:
    world = sqlite_world
    person, unit_id, due = await owing(world)
    await hands_in(person)
    async with reader(person) as page:
        form = await page.opens()
        read_back = await page.posts(form.hidden, **ANSWERS)
        world.shift = timedelta(days=11)
        told = await page.posts(read_back.hidden, path="/gui", action="send")
        assert page.status == 422
        assert "Đã quá hạn" in told.text
    assert (await duty(world, unit_id, due)).version == 1


async def test_a_receipts_code_opens_where_it_stands_on_the_page(sqlite_world: World) -> None:
    world = sqlite_world
    person, _, _ = await owing(world)
    code = CODE.search(await hands_in(person))
    assert code
    assert isinstance(person, WebCitizen)
    async with aiohttp.ClientSession(world.links) as http:
        async with http.post("/tracuu", data={"code": code[0]}) as response:
            assert response.status == 200
            page = Form(await response.text())
        assert "Xã Suối Mơ" in page.text
        assert "đã nộp, chờ xem" in page.text
        assert NAMES[0] not in page.text
        async with http.get("/tracuu/submission/forged.1.abc") as response:
            assert response.url.path == "/tracuu"
    async with world.base.db.reading() as session:
        assert len(list(await session.scalars(select(Receipt)))) == 1
