"""An officer sets right in which field and groups of people a deed is counted."""

from __future__ import annotations

from sqlalchemy import select

from storage.models.deeds import DeedInGroup, DeedState
from storage.models.office import Act
from tests.deeds.publishing import TITLE, published
from tests.deeds.staged import presses, put
from tests.deeds.test_checking import Cast, the_deed, told_deed
from tests.deeds.test_publication import reads
from tests.world import World


async def opened(world: World) -> Cast:
    cast = await told_deed(world, "webchat")
    await cast.officer.says("/viectotmoi")
    await cast.officer.taps("Xã Bảo Lạc, Tỉnh Cao Bằng")
    await cast.officer.taps("Sửa lĩnh vực, nhóm người")
    return cast


async def groups(world: World) -> set[str]:
    async with world.base.db.reading() as session:
        return set(await session.scalars(select(DeedInGroup.group_code)))


async def test_field_and_groups_are_set_and_each_change_is_an_act(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await opened(world)
    before = await groups(world)
    await cast.officer.taps("☐ Nông dân")
    await cast.officer.taps("☐ Phụ nữ")
    assert await groups(world) - before == {"NONG_DAN", "PHU_NU"}
    await cast.officer.taps("☑ Phụ nữ")
    assert "PHU_NU" not in await groups(world)
    await cast.officer.taps("☐ Dũng cảm cứu người")
    assert (await the_deed(world)).field_code == "CUU_NGUOI"
    assert "Nơi" in await cast.officer.taps("Về việc này")
    async with world.base.db.reading() as session:
        said = list(await session.scalars(select(Act.reason).where(Act.verb == "sort")))
    assert "group +NONG_DAN" in said
    assert "group -PHU_NU" in said
    assert any(one.endswith("-> CUU_NGUOI") for one in said)


async def test_upon_an_older_version_or_a_deed_given_up_nothing_is_changed(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    cast = await opened(world)
    deed = await the_deed(world)
    tail = f"NONG_DAN:{deed.id}:{deed.version}"
    await cast.officer.taps("☐ Nông dân")
    assert "Người khác vừa lưu" in await presses(cast.officer, f"vl:g:{tail}")
    assert "chỉ dành cho cán bộ" in await presses(cast.clerk, f"vl:g:{tail}")
    assert "không còn trong danh mục" in await presses(
        cast.officer, f"vl:g:KHONG_CO:{deed.id}:{(await the_deed(world)).version}"
    )
    await put(world, DeedState.REJECTED)
    held = await groups(world)
    pressed = f"vl:g:PHU_NU:{deed.id}:{(await the_deed(world)).version}"
    assert "Chưa làm được bước này" in await presses(cast.officer, pressed)
    assert await groups(world) == held


async def test_a_group_added_to_what_is_out_is_found_in_the_gallery_at_once(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    cast = await published(world)
    deed = await the_deed(world)
    await presses(cast.first, f"vl:g:PHU_NU:{deed.id}:{deed.version}")
    assert TITLE in (await reads(f"{world.links}/guong?group=PHU_NU"))[1]


async def test_a_press_that_says_nothing_of_ours_is_answered(sqlite_world: World) -> None:
    cast = await opened(sqlite_world)
    for press in ("vl:g:", "vl:f:NONG_DAN", "vl:g:NONG_DAN:x:y", "vl:z"):
        assert "không còn trong danh mục" in await presses(cast.officer, press)
