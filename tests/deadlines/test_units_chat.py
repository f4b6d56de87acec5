"""People come to answer for units, see who else does, and stop: on every channel."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from sqlalchemy import select

from handlers.deadlines.units import codes
from storage.models.office import Act
from storage.models.traffic import Installation, OutboxMessage
from storage.models.units import MemberAddress, MemberRank, Unit, UnitInvitation, UnitKind
from tests.cast import CHANNELS, PAIRS, Citizen, WebCitizen
from tests.deadlines import office
from tests.deadlines.cast import MONDAY
from tests.deadlines.office import DAY
from tests.officers import staff
from tests.world import World

CODE = re.compile(r"(?:[0-9A-Z]{3}-){5}[0-9A-Z]{3}")


@pytest.fixture
async def clinic(sqlite_world: World) -> Unit:
    return await office.unit(sqlite_world, "TYT", "Trung tâm Y tế Suối Mơ", UnitKind.DEPARTMENT)


async def addresses(world: World) -> int:
    async with world.base.db.reading() as session:
        return len((await session.scalars(select(MemberAddress))).all())


def code_in(text: str) -> str:
    found = CODE.search(text)
    assert found
    return found[0]


# Coming in


@PAIRS
async def test_a_code_typed_in_any_case_lets_one_person_in_and_nobody_after_them(
    world: World, channel: str
) -> None:
    school = await office.unit(world, "MN1", "Trường Mầm non Hoa Sen", UnitKind.SCHOOL)
    code = await office.invitation(world, school, MemberRank.FOCAL, "Lê Thị Mơ")
    first, second = await world.citizen(channel, 1), await world.citizen("webchat", 2)

    welcome = await first.says(code.lower().replace("-", " "))

    assert "Chào Anh/chị Lê Thị Mơ" in welcome
    assert "đầu mối của Trường Mầm non Hoa Sen" in welcome
    assert "không dùng được" in await second.says(code)
    assert [one.name for one in await office.people(world, school)] == ["Lê Thị Mơ"]
    again = await first.says(f"/start u-{code.replace('-', '')}")
    assert "Lê Thị Mơ" in again
    assert len(await office.people(world, school)) == 1


async def test_an_invitation_ends_by_itself_and_is_nowhere_in_the_database(
    sqlite_world: World, clinic: Unit
) -> None:
    world = sqlite_world
    code = await office.invitation(world, clinic)
    async with world.base.db.reading() as session:
        kept = await session.scalar(select(UnitInvitation))
    assert kept is not None
    assert codes.in_link(code) not in repr(vars(kept))

    world.shift = 14 * DAY
    person = await world.citizen("webchat")
    assert "không dùng được" in await person.says(code)
    assert await office.people(world, clinic) == []


async def test_after_ten_misses_even_the_right_code_must_wait(
    sqlite_world: World, clinic: Unit
) -> None:
    world = sqlite_world
    code = await office.invitation(world, clinic)
    person = await world.citizen("webchat")

    for _ in range(10):
        assert "không dùng được" in await person.says(f"/start u-{codes.new_code()}")

    assert "phút" in await person.says(code)
    assert "Lê Thị Mơ" in await (await world.citizen("webchat")).says(code)


async def test_an_invitation_opened_by_its_maker_stays_good_for_whom_it_was_meant(
    sqlite_world: World, clinic: Unit
) -> None:
    world = sqlite_world
    head = await world.citizen("webchat")
    await office.member(world, head, clinic, MemberRank.HEAD, "Trần Văn Minh")
    code = await office.invitation(world, clinic)

    assert "chuyển cho đúng người" in await head.says(code)
    assert "Lê Thị Mơ" in await (await world.citizen("telegram")).says(code)


def test_codes_are_long_random_and_safe_from_vietnamese_keyboards() -> None:
    code = codes.new_code()
    assert 27**17 > 2**80
    assert code != codes.new_code()
    assert codes.tidy_code(code.lower().replace("-", "")) == code
    assert codes.tidy_code(code.replace("0", "o").replace("1", "l")) == code
    assert not set(code) & set("AEIOUYDWL")
    wrong = [code[:i] + other + code[i + 1 :] for i in (0, 8) for other in "BCFGHJK"]
    assert sum(codes.tidy_code(one) is not None for one in wrong if one != code) <= 3
    assert codes.looks_like_code("7KB-2MN-QRS-3TV-XZ4-BCF")
    for words in ("xin chào các anh chị", "bà Lê Thị Mẫu", "tôi có ý kiến về danh sách"):
        assert not codes.looks_like_code(words)


async def test_a_mistyped_code_is_answered_as_a_code(sqlite_world: World) -> None:
    person = await sqlite_world.citizen("webchat")
    assert "Mã mời này không dùng được" in await person.says("7KB-2MN-QRS-3TV-XZ4-BCF")
    assert "Tìm thấy 1" in await person.says("le thi mau")


# The head of a unit


@CHANNELS
async def test_the_head_invites_sees_who_joined_and_removes(
    sqlite_world: World, clinic: Unit, channel: str
) -> None:
    world = sqlite_world
    world.stopped_at = MONDAY
    head = await world.citizen(channel)
    await office.member(world, head, clinic, MemberRank.HEAD, "Trần Văn Minh")
    await head.says("/donvi")
    ranks = await head.taps("Mời người")
    assert "Trung tâm Y tế Suối Mơ" in ranks
    assert not any("Thủ trưởng" in one for one in (await head.screen())[-1].labels)
    await head.taps("Đầu mối")
    invited = await head.says("  Lê   Thị Mơ ")
    assert "được mời làm đầu mối của Trung tâm Y tế Suối Mơ" in invited
    assert "/chat#start=u-" in invited
    assert any(seen.picture for seen in await head.screen())

    other = await world.citizen("webchat", 2)
    await other.says(code_in(invited))
    await world.delivered()
    assert "Lê Thị Mơ: đầu mối" in await head.says("/donvi")
    assert "Lê Thị Mơ vừa nhận lời mời" in "\n".join(one.text for one in await head.screen())

    assert "Người phụ trách" in await other.says("/donvi")
    await head.taps("Gỡ Lê Thị Mơ")
    assert "Đã gỡ Lê Thị Mơ" in await head.taps("Đúng, gỡ")
    assert "không còn phụ trách" in await other.taps("Tôi thôi phụ trách")
    assert "dành cho người phụ trách" in await _presses(other, f"un:one:{clinic.id}")
    assert "chưa phụ trách đơn vị nào" in await other.says("/donvi")
    async with world.base.db.reading() as session:
        verbs = list(await session.scalars(select(Act.verb).order_by(Act.id)))
    assert verbs == ["invite", "join", "invite", "join", "remove"]


async def test_who_joined_at_night_is_told_to_the_head_in_the_morning(
    sqlite_world: World, clinic: Unit
) -> None:
    world = sqlite_world
    world.stopped_at = datetime.fromisoformat("2027-03-06T02:40+07:00")  # a Saturday
    head = await world.citizen("webchat")
    await office.member(world, head, clinic, MemberRank.HEAD, "Trần Văn Minh")
    await head.says("/donvi")
    await head.taps("Mời người")
    await head.taps("Đầu mối")
    other = await world.citizen("webchat", 2)
    await other.says(code_in(await head.says("Lê Thị Mơ")))
    async with world.base.db.reading() as session:
        (due_at,) = await session.scalars(
            select(OutboxMessage.due_at).where(OutboxMessage.kind == "notice")
        )
    assert due_at == datetime.fromisoformat("2027-03-08T07:00+07:00")


async def test_the_link_leads_to_the_bot_where_there_is_one(
    sqlite_world: World, clinic: Unit
) -> None:
    world = sqlite_world
    head = await world.citizen("webchat")
    await office.member(world, head, clinic, MemberRank.HEAD)
    async with world.base.db.transaction() as session:
        row = await session.get_one(Installation, 1)
        row.telegram_name = "anhoa_bot"
    await head.says("/donvi")
    await head.taps("Mời người")
    await head.taps("Cấp phó")
    told = await head.says("Phạm Thị Ví Dụ")
    assert f"https://t.me/anhoa_bot?start=u-{codes.in_link(code_in(told))}" in told


async def test_a_revoked_invitation_lets_nobody_in(sqlite_world: World, clinic: Unit) -> None:
    world = sqlite_world
    head = await world.citizen("webchat")
    await office.member(world, head, clinic, MemberRank.HEAD, "Trần Văn Minh")
    code = await office.invitation(world, clinic)
    assert "Lê Thị Mơ: đầu mối, hết hạn" in await head.says("/donvi")
    assert "Đã hủy" in await head.taps("Hủy lời mời của Lê Thị Mơ")
    assert "đã hủy rồi" in await head.taps("Hủy lời mời của Lê Thị Mơ")
    assert "không dùng được" in await (await world.citizen("webchat")).says(code)


async def test_a_focal_person_lets_nobody_in_or_out_but_may_leave(
    sqlite_world: World, clinic: Unit
) -> None:
    world = sqlite_world
    focal = await world.citizen("webchat")
    head = await office.member(
        world, await world.citizen("telegram"), clinic, MemberRank.HEAD, "Trần Văn Minh"
    )
    await office.member(world, focal, clinic)
    card = await focal.says("/donvi")
    assert "Trần Văn Minh: thủ trưởng" in card
    assert "Lê Thị Mơ: đầu mối" in card
    labels = (await focal.screen())[-1].labels
    assert not any(one.startswith(("Mời", "Gỡ")) for one in labels)
    assert "dành cho người phụ trách" in await _presses(focal, f"un:out-yes:{head.id}")
    assert "dành cho người phụ trách" in await _presses(focal, f"un:invite:{clinic.id}")
    assert (await focal.screen())[-1].labels == ("Đơn vị của tôi",), "a refusal leads on"
    await focal.taps("Tôi thôi phụ trách")
    assert "đã thôi phụ trách" in await focal.taps("Đúng, gỡ")
    left = [one.left_at is not None for one in await office.people(world, clinic)]
    assert left == [False, True]


async def _presses(citizen: Citizen, press: str) -> str:
    """A button nobody showed, as a forger would send it."""
    assert isinstance(citizen, WebCitizen)
    shown = {"from": "bot", "text": "", "picture": None, "seq": citizen.lines[-1]["seq"]}
    citizen.lines.append({**shown, "choices": [[{"label": "x", "press": press}]]})
    return await citizen.taps("x")


# Another channel


@CHANNELS
async def test_one_person_adds_another_channel_and_works_in_both(
    sqlite_world: World, clinic: Unit, channel: str
) -> None:
    world = sqlite_world
    school = await office.unit(world, "MN1", "Trường Mầm non Hoa Sen", UnitKind.SCHOOL)
    here = await world.citizen(channel)
    await office.member(world, here, clinic)
    await office.member(world, here, school)

    await here.says("/kenh")
    code = code_in(await here.taps("Thêm kênh khác"))
    there = await world.citizen("webchat" if channel == "telegram" else "telegram", 2)
    assert "Đã thêm kênh này" in await there.says(code)

    both = await there.says("/donvi")
    assert "2 đơn vị" in both
    assert "Trường Mầm non Hoa Sen" in both
    assert await addresses(world) == 4
    assert [len(await office.people(world, one)) for one in (clinic, school)] == [1, 1]
    assert "không dùng được" in await (await world.citizen("webchat", 3)).says(code)

    told = await here.says("/kenh")
    assert "nơi Anh/chị đang xem" in told
    await here.taps("Bỏ ")
    assert "Đã bỏ kênh" in await here.taps("Đúng, bỏ")
    assert "chưa phụ trách" in await there.says("/donvi")


async def test_a_code_for_a_channel_never_takes_another_persons_units(
    sqlite_world: World, clinic: Unit
) -> None:
    world = sqlite_world
    school = await office.unit(world, "MN1", "Trường Mầm non Hoa Sen", UnitKind.SCHOOL)
    sly, other = await world.citizen("webchat", 1), await world.citizen("webchat", 2)
    await office.member(world, sly, clinic)
    await office.member(world, other, school)
    await sly.says("/kenh")
    code = code_in(await sly.taps("Thêm kênh khác"))
    assert "đang phụ trách đơn vị khác" in await other.says(code)
    assert "Hoa Sen" not in await sly.says("/donvi")


async def test_a_code_for_a_channel_lasts_a_day_and_only_the_newest(
    sqlite_world: World, clinic: Unit
) -> None:
    world = sqlite_world
    here = await world.citizen("webchat")
    await office.member(world, here, clinic)
    await here.says("/kenh")
    first = code_in(await here.taps("Thêm kênh khác"))
    await here.says("/kenh")
    second = code_in(await here.taps("Thêm kênh khác"))
    there = await world.citizen("webchat", 2)
    assert "không dùng được" in await there.says(first)
    world.shift = 1.1 * DAY
    assert "không dùng được" in await there.says(second)


# Several units, clusters, the office


@CHANNELS
async def test_units_and_the_cluster_one_heads_are_seen_apart(
    sqlite_world: World, clinic: Unit, channel: str
) -> None:
    world = sqlite_world
    school = await office.unit(world, "MN1", "Trường Mầm non Hoa Sen", UnitKind.SCHOOL)
    await office.cluster(world, "C1", "Cụm thi đua số 1", clinic, school)
    person, other = await world.citizen(channel), await world.citizen("webchat", 2)
    await office.member(world, person, clinic, name="Lê Thị Mơ")
    await office.member(world, other, school, MemberRank.HEAD, "Phạm Thị Ví Dụ")
    mine = await person.says("/donvi")
    assert "Trung tâm Y tế Suối Mơ: đầu mối" in mine
    assert "Hoa Sen" not in mine
    told = await person.taps("Cụm thi đua số 1")
    assert "2 đơn vị" in told
    assert "Trường Mầm non Hoa Sen (phó): Phạm Thị Ví Dụ" in told
    one = await person.taps("Trung tâm Y tế Suối Mơ")
    assert "Cụm thi đua số 1 (trưởng)" in one


@CHANNELS
async def test_an_officer_finds_units_without_accents_and_lets_people_in(
    sqlite_world: World, channel: str
) -> None:
    world = sqlite_world
    await office.unit(world, "BD", "UBND phường Ba Đình", commune="00004", province="01")
    clinic = await office.unit(world, "TYT", "Trung tâm Y tế Suối Mơ", aliases=("Bệnh xá cũ",))
    for number in range(9):
        await office.unit(world, f"X{number}", f"Xã Mẫu {number}")
    officer = await staff.officer(world, channel)
    assert "11 đơn vị; 11 đơn vị chưa có người" in await officer.says("/donvi")
    await officer.taps("Xem tiếp")
    await officer.taps("Tìm đơn vị")
    assert "Tìm thấy 1 đơn vị" in await officer.says("benh xa")
    assert "Tìm thấy 1 đơn vị" in await officer.says("/donvi truc bach ha noi")
    assert "Không tìm thấy" in await officer.says("/donvi không có đâu")
    await officer.says("/donvi tyt")
    await officer.taps("Trung tâm Y tế Suối Mơ (chưa có người)")
    labels = (await officer.screen())[-1].labels
    assert "Danh sách đơn vị của cơ quan" in labels
    assert "Đơn vị của tôi" not in labels, "an officer answers for none"
    await officer.taps("Mời người")
    await officer.taps("Thủ trưởng")
    code = code_in(await officer.says("Trần Văn Minh"))
    await (await world.citizen("webchat", 2)).says(code)
    assert [one.rank for one in await office.people(world, clinic)] == [MemberRank.HEAD]


async def test_an_officer_of_another_office_does_nothing_here(
    sqlite_world: World, clinic: Unit
) -> None:
    world = sqlite_world
    elsewhere = await staff.officer(world, office_id=await staff.other_office(world))
    member = await office.member(world, await world.citizen("webchat"), clinic)
    await elsewhere.says("/donvi tyt")
    for press in (f"un:one:{clinic.id}", f"un:out-yes:{member.id}", f"un:invite:{clinic.id}"):
        assert "dành cho người phụ trách" in await _presses(elsewhere, press)
    assert (await office.people(world, clinic))[0].left_at is None
