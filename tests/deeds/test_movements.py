"""Movements: kept by the office, deeds put in from the chat, figures on a page for everybody."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest
from aiohttp import ClientSession
from sqlalchemy import delete, select

from bot.replies import UserError
from handlers.deadlines.registration import service as registration
from handlers.deadlines.registration.forms import Answers
from handlers.deeds.figures import movements
from storage.models.deadlines import Duty, DutyState, Movement
from storage.models.deeds import Deed, DeedState, Stage
from storage.models.figures import DutyInMovement
from storage.models.office import Act
from tests.cast import PAIRS, Citizen
from tests.deadlines.handing_in import duty, newest_contact, owing
from tests.deeds.ground import NOW, Deeds
from tests.deeds.test_checking import told_deed
from tests.desk import Desk
from tests.officers.staff import officer as staff_officer
from tests.officers.staff import other_office
from tests.world import World

NTM = "Cả nước chung sức xây dựng nông thôn mới"


async def page(world: World, path: str, status: int = 200) -> str:
    async with ClientSession(world.links) as http, http.get(path) as response:
        assert response.status == status
        return unescape(await response.text())


async def the_deed(world: World) -> Deed:
    async with world.base.db.reading() as session:
        return (await session.scalars(select(Deed))).one()


# Deeds in a movement


@PAIRS
async def test_an_officer_puts_a_deed_into_a_movement_and_takes_it_out(
    world: World, channel: str
) -> None:
    officer = (await told_deed(world, channel)).officer
    assert "phong trào đang diễn ra" in await officer.says("/phongtrao")
    assert "Có 1 việc tốt chưa thuộc phong trào nào" in await officer.taps("Gắn việc tốt")
    shown = await officer.taps("Xã Bảo Lạc, Tỉnh Cao Bằng")
    assert "thuộc phong trào nào?" in shown
    assert "Ví Dụ" not in shown, "a chat names nobody"
    assert "Đã gắn việc tốt vào" in await officer.taps("Phong trào “Cả nước chung sức")
    deed = await the_deed(world)
    assert (deed.movement_code, deed.state) == ("NTM", DeedState.RECEIVED)
    async with world.base.db.reading() as session:
        acts = await session.scalars(select(Act.reason).where(Act.verb == "assign movement"))
        assert acts.all() == ["NTM"]
    assert "mới phát hiện 1" in await _card(officer)
    await officer.says("/viectotmoi")
    await officer.taps("Xã Bảo Lạc")
    await officer.taps("Gắn vào phong trào")
    assert "không thuộc phong trào nào" in await officer.taps("Không thuộc phong trào nào")
    assert (await the_deed(world)).movement_code is None


async def _card(person: Citizen) -> str:
    await person.says("/phongtrao")
    return await person.taps("Phong trào “Cả nước chung sức")


@PAIRS
async def test_a_citizen_reads_movements_and_puts_nothing_in(world: World, channel: str) -> None:
    cast = await told_deed(world, channel)
    card = await _card(cast.citizen)
    assert NTM in card
    assert "Đếm đến" in card
    labels = {label for seen in await cast.citizen.screen() for label in seen.labels}
    assert "Gắn việc tốt vào phong trào" not in labels
    forged = f"mv:a:{(await the_deed(world)).id}:1:NTM"
    if channel == "webchat":
        assert "chỉ dành cho cán bộ" in await cast.citizen.presses(forged)  # type: ignore[attr-defined]
    assert (await the_deed(world)).movement_code is None


async def test_an_officer_of_another_office_puts_nothing_in(sqlite_world: World) -> None:
    world = sqlite_world
    await told_deed(world, "webchat")
    office_id = await other_office(world)
    other = await staff_officer(world, "webchat", 90, name="Vũ Thị Xa", office_id=office_id)
    deed = await the_deed(world)
    forged = f"mv:a:{deed.id}:{deed.version}:NTM"
    assert "Không tìm thấy việc này" in await other.presses(forged)  # type: ignore[attr-defined]
    assert (await the_deed(world)).movement_code is None


async def test_two_officers_the_second_is_told(sqlite_world: World) -> None:
    cast = await told_deed(sqlite_world, "webchat")
    deed = await the_deed(sqlite_world)
    await cast.officer.presses(f"mv:a:{deed.id}:{deed.version}:NTM")  # type: ignore[attr-defined]
    late = f"mv:a:{deed.id}:{deed.version}:XA_HOI_HOC_TAP"
    assert "Người khác vừa lưu" in await cast.officer.presses(late)  # type: ignore[attr-defined]
    assert (await the_deed(sqlite_world)).movement_code == "NTM"


@pytest.mark.parametrize("state", [one for one in DeedState if one not in movements.COUNTED])
async def test_what_counts_for_nothing_is_put_into_nothing(deeds: Deeds, state: DeedState) -> None:
    deed = await deeds.deed(state)
    with pytest.raises(UserError) as refused:
        await movements.assign(deeds.session, deed, "NTM", "officer:x", NOW, seen=1)
    assert refused.value.reply.key == "deeds-cannot-become"


async def test_a_movement_that_is_over_takes_only_deeds_of_its_time(deeds: Deeds) -> None:
    movement = await deeds.session.get_one(Movement, "NTM")
    movement.ends_on = NOW.date() - timedelta(days=30)
    late = await deeds.deed(happened_on=NOW.date())
    early = await deeds.deed(happened_on=NOW.date() - timedelta(days=40))
    with pytest.raises(UserError) as refused:
        await movements.assign(deeds.session, late, "NTM", "officer:x", NOW, seen=1)
    assert refused.value.reply.key == "movements-over"
    await movements.assign(deeds.session, early, "NTM", "officer:x", NOW, seen=1)
    assert early.movement_code == "NTM"


# Figures


async def test_deeds_are_counted_by_stage_and_never_those_that_stand_for_nothing(
    deeds: Deeds,
) -> None:
    for state in DeedState:
        await deeds.deed(state, movement_code="NTM")
    movement = await deeds.session.get_one(Movement, "NTM")
    (found,) = await movements.standings(deeds.session, [movement])
    assert found.by_stage == [
        (Stage.DISCOVERY, 3), (Stage.NURTURE, 1), (Stage.SUMMARY, 2), (Stage.EXAMPLE, 1),
    ]  # fmt: skip


async def test_a_unit_is_counted_while_its_registration_stands(world: World) -> None:
    person, unit_id, due = await owing(world)
    await _registers(world, unit_id, due, {"NTM": "80 % số hộ"})
    assert "Đơn vị đã đăng ký: 1." in await _card(person)
    await _registers(world, unit_id, due, {"XA_HOI_HOC_TAP": "Mở hai lớp"})
    assert "Đơn vị đã đăng ký: 0." in await _card(person)
    await _registers(world, unit_id, due, {"NTM": "90 % số hộ"})
    assert "Đơn vị đã đăng ký: 1." in await _card(person)
    async with world.base.db.transaction() as session:
        (await session.scalars(select(Duty))).one().state = DutyState.RETURNED
    assert "Đơn vị đã đăng ký: 0." in await _card(person)


async def _registers(
    world: World, unit_id: str, deadline_id: str, targets: dict[str, str]
) -> None:
    owed = await duty(world, unit_id, deadline_id)
    contact = await newest_contact(world)
    async with world.base.db.transaction() as session:
        held = await registration.hold(session, contact, owed.id)
        await registration.submit(
            session, world.base.vault, held, Answers(targets=targets), "webchat", world.now(),
            owed.version,
        )  # fmt: skip


async def test_what_was_registered_before_there_were_figures_is_counted_at_the_start(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    _, unit_id, due = await owing(world)
    await _registers(world, unit_id, due, {"NTM": "80 % số hộ"})
    async with world.base.db.transaction() as session:
        await session.execute(delete(DutyInMovement))
    async with world.base.db.transaction() as session:
        await registration.note_all_movements(session, world.base.vault)
    async with world.base.db.reading() as session:
        assert (await session.scalars(select(DutyInMovement.movement_code))).all() == ["NTM"]


async def test_the_page_says_what_it_is_and_what_is_counted_when(sqlite_world: World) -> None:
    world = sqlite_world
    await told_deed(world, "webchat")
    async with world.base.db.transaction() as session:
        movement = await session.get_one(Movement, "NTM")
        movement.targets, movement.criteria = ["80 % số xã đạt chuẩn"], ["Người dân cùng làm"]
        movement.takes_part = ["commune", "NONG_DAN"]
        movement.starts_on = world.now().date() - timedelta(days=60)
        (await session.scalars(select(Deed))).one().movement_code = "NTM"
    assert 'href="/phongtrao/NTM"' in await page(world, "/phongtrao")
    shown = await page(world, "/phongtrao/NTM")
    for words in (
        NTM, "80 % số xã đạt chuẩn", "Người dân cùng làm", "xã, phường, đặc khu; Nông dân",
        "chưa đối chiếu văn bản", "Đếm các đơn vị", "Số liệu lập lúc", "Từ ", "(chưa ghi ngày)",
    ):  # fmt: skip
        assert words in shown, words
    assert "<dt>Việc tốt mới phát hiện</dt><dd>1</dd>" in shown
    assert "Ví Dụ" not in shown
    assert "Emulation movements" in await page(world, "/phongtrao?lang=en")
    await page(world, "/phongtrao/KHONG_CO", status=404)


# The command line


def test_an_office_keeps_a_movement_of_its_own(desk: Desk) -> None:
    said = desk.types(
        "movement", "add", "AN_HOA_XANH", "--name", "Phong trào “An Hòa xanh”",
        "--from", "2026-01-05", "--to", "2027-12-31", "--target", "Mỗi thôn một đường hoa",
        "--criterion", "Người dân tự làm", "--for", "commune,PHU_NU", "--source", "Kế hoạch 01",
    )  # fmt: skip
    assert (said.code, said.err) == (0, "")
    shown = desk.types("movement", "show", "an_hoa_xanh").out
    for words in ("An Hòa xanh", "05/01/2026", "Mỗi thôn một đường hoa", "xã, phường", "Phụ nữ"):
        assert words in shown
    assert (
        "không có gì khác"
        in desk.types("movement", "edit", "AN_HOA_XANH", "--source", "Kế hoạch 01").out
    )
    assert "Đã sửa" in desk.types("movement", "edit", "AN_HOA_XANH", "--to", "none").out
    assert "(chưa ghi ngày)" in desk.types("movement", "show", "AN_HOA_XANH").out
    assert "AN_HOA_XANH · Đang diễn ra" in desk.types("movement", "list").out
    desk.types("movement", "edit", "AN_HOA_XANH", "--ended", "yes")
    assert "AN_HOA_XANH · Đang diễn ra" not in desk.types("movement", "list").out
    assert desk.asks("SELECT verb FROM acts WHERE object_id = 'AN_HOA_XANH'") == [
        ("add movement",), ("edit movement",), ("edit movement",),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("show", "KHONG_CO"), "Không có phong trào mang mã KHONG_CO"),
        (("add", "NTM", "--name", "Lần nữa"), "Đã có phong trào mang mã NTM"),
        (("add", "có dấu", "--name", "Lạ"), "chữ in hoa không dấu"),
        (("edit", "NTM", "--for", "nobody"), "Không hiểu: nobody"),
        (("edit", "NTM", "--from", "2027-01-02", "--to", "2027-01-01"), "trước ngày bắt đầu"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(
    desk: Desk, words: tuple[str, ...], sentence: str
) -> None:
    said = desk.types("movement", *words)
    assert said.code == 1
    assert sentence in said.err
