"""Staff come in by an invitation, once, and are strangers again when they have left."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from storage.models.office import Act, Invitation, Role
from tests.officers import staff
from tests.world import World


async def test_an_invitation_lets_one_officer_in_and_nobody_after_them(world: World) -> None:
    code = await staff.invitation(world, name="Trần Văn Minh")
    first, second = await world.citizen("webchat"), await world.citizen("webchat")

    welcome = await first.says(f"/start i-{code}")
    refusal = await second.says(f"/start i-{code}")

    assert "Trần Văn Minh" in welcome
    assert "An Hòa" in welcome
    assert "không dùng được" in refusal
    assert [one.name for one in await staff.rows(world)] == ["Trần Văn Minh"]


async def test_an_invitation_opens_from_a_telegram_link_too(world: World) -> None:
    code = await staff.invitation(world)
    person = await world.citizen("telegram")

    assert "Nguyễn Thị Lan" in await person.says(f"/start i-{code}")
    assert "đọc và xử lý ý kiến" in await person.says("/toi")


@pytest.mark.parametrize(
    ("role", "command", "others"),
    [
        (Role.OFFICER, "/duyet", "/vukin"),
        (Role.RESTRICTED, "/vukin", "/duyet"),
        (Role.ADMIN, "hệ thống có trục trặc", "/lichviec"),
    ],
)
async def test_help_tells_each_role_its_own_commands(
    sqlite_world: World, role: Role, command: str, others: str
) -> None:
    for channel in ("telegram", "webchat"):
        person = await staff.officer(sqlite_world, channel, 60, role, f"Cán bộ {channel}")
        told = await person.says("/trogiup")
        assert command in told
        assert others not in told
        assert "/tracuu" in told
    citizen = await sqlite_world.citizen("webchat", 7)
    assert command not in await citizen.says("/trogiup")


async def test_whoever_joined_may_open_the_same_link_again(world: World) -> None:
    code = await staff.invitation(world)
    person = await world.citizen("webchat")

    await person.says(f"/start i-{code}")
    again = await person.says(f"/start i-{code}")

    assert "Nguyễn Thị Lan" in again
    assert len(await staff.rows(world)) == 1


async def test_an_invitation_a_week_old_lets_nobody_in(world: World) -> None:
    code = await staff.invitation(world)
    person = await world.citizen("webchat")

    world.shift = 7 * staff.DAY
    assert "không dùng được" in await person.says(f"/start i-{code}")
    assert await staff.rows(world) == []


async def test_the_code_of_an_invitation_is_nowhere_in_the_database(world: World) -> None:
    code = await staff.invitation(world)

    async with world.base.db.reading() as session:
        kept = await session.scalar(select(Invitation))
        acts = (await session.scalars(select(Act))).all()

    assert kept is not None
    assert len(code) == 22
    assert code not in repr(vars(kept))
    assert [(act.actor, act.verb, act.object_id) for act in acts] == [
        ("command", "invite", kept.id)
    ]


async def test_after_ten_misses_even_the_right_code_must_wait(world: World) -> None:
    code = await staff.invitation(world)
    person = await world.citizen("webchat")

    for number in range(10):
        assert "không dùng được" in await person.says(f"/start i-{number:022}")

    assert "phút" in await person.says(f"/start i-{code}")
    assert await staff.rows(world) == []
    assert "Nguyễn Thị Lan" in await (await world.citizen("webchat")).says(f"/start i-{code}")


async def test_an_officer_who_left_is_a_stranger_at_the_next_press(world: World) -> None:
    person = await staff.officer(world)

    await person.says("/roi")
    assert "thôi nhiệm vụ" in await person.taps("Thôi nhiệm vụ")

    assert "dành cho cán bộ" in await person.says("/viec")
    assert "chưa có nhiệm vụ" in await person.says("/toi")
    assert all(one.revoked_at for one in await staff.rows(world))


async def test_nobody_works_for_two_offices_in_one_chat(world: World) -> None:
    person = await staff.officer(world)
    elsewhere = await staff.invitation(world, office_id=await staff.other_office(world))

    assert "/roi" in await person.says(f"/start i-{elsewhere}")
    assert len(await staff.rows(world)) == 1

    await person.says("/roi")
    await person.taps("Thôi nhiệm vụ")
    assert "Suối Mây" in await person.says(f"/start i-{elsewhere}")


async def test_one_person_may_hold_both_tasks_of_a_small_office(world: World) -> None:
    person = await staff.officer(world)
    second = await staff.invitation(world, Role.RESTRICTED)

    await person.says(f"/start i-{second}")

    assert {one.role for one in await staff.rows(world)} == {Role.OFFICER, Role.RESTRICTED}
    assert "dành cho cán bộ" not in await person.says("/viec")
    assert "dành cho cán bộ" not in await person.says("/vukin")
