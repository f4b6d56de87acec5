"""Officers see the calendar in chat, look at what arming would do, and arm; nobody else does."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select, update

from bot.clock import end_of_day
from handlers.deadlines.calendar import service
from storage.models.base import new_id
from storage.models.deadlines import Deadline, DeadlineState, Duty, Work
from storage.models.office import Act, Officer, Role
from storage.models.units import Unit
from tests.cast import Citizen
from tests.deadlines import office
from tests.deadlines.ground import at
from tests.officers.staff import officer, other_office
from tests.world import World

TITLE = "Đăng ký thi đua của cụm"


async def furnished(world: World, **titles: str) -> None:
    """Two communes without people; deadlines by code, all of 31 March 2027."""
    world.stopped_at = at("2027-01-11", 9)
    async with world.base.db.transaction() as session:
        for code in ("X1", "X2"):
            session.add(
                Unit(
                    id=new_id(), office_id=world.office_id, code=code, name=f"Xã {code}",
                    kind="commune", aliases=[],
                )
            )  # fmt: skip
        for code, title in (titles or {"DK": TITLE}).items():
            await service.add(
                session, world.office_id, code,
                {"title": title, "work": Work.REGISTRATION, "basis": "Thông lệ",
                 "due_at": end_of_day(date(2027, 3, 31))},
                "command", world.now(),
            )  # fmt: skip


async def state(world: World, code: str = "DK") -> str | None:
    async with world.base.db.reading() as session:
        found = await session.scalar(select(Deadline.state).where(Deadline.code == code))
        return str(found)


async def opened(world: World, channel: str = "webchat") -> Citizen:
    lan = await officer(world, channel)
    assert "1 hạn, 0 đang chạy (▶), 1 chờ kích hoạt" in await lan.says("/lichviec")
    return lan


async def test_an_officer_looks_previews_and_arms_with_buttons(world: World) -> None:
    await furnished(world)
    for channel in ("telegram", "webchat"):
        lan = await officer(world, channel, 60)
        await lan.says("/lichviec")
        card = await lan.taps(f"○ 31/03 · {TITLE}")
        assert "Mã: DK · đăng ký · chờ kích hoạt" in card
        assert "24:00 thứ Tư, ngày 31/03/2027" in card
        shown = await lan.taps("Xem trước")
        assert "Số đơn vị: 2" in shown
        assert "trước hạn 30 ngày: 08:00 01/03/2027, đầu mối, 0 người" in shown
        assert "Chưa có ai nhận được tin ở 2 đơn vị: Xã X1; Xã X2" in shown
        assert "Còn 30 ngày: Đăng ký thi đua của cụm" in shown
        assert all(len(one.text) <= 600 for one in await lan.screen())
        assert "2 đơn vị sẽ có việc này" in await lan.taps("Kích hoạt")
        assert await state(world) == "draft", "asked first"
        if channel == "telegram":
            assert "chờ kích hoạt" in await lan.taps("Chưa làm")
    assert "Đã kích hoạt" in await lan.taps("Kích hoạt")
    assert await state(world) == "armed"
    async with world.base.db.reading() as session:
        assert len((await session.scalars(select(Duty))).all()) == 2
        act = await session.scalar(select(Act.actor).where(Act.verb == "arm deadline"))
    assert act is not None
    assert act.startswith("officer:")
    await lan.taps("Về lịch năm")
    assert "▶ 31/03" in str((await lan.screen())[-1].labels)


async def test_a_preview_names_the_channel_of_each_recipient_in_words(
    sqlite_world: World,
) -> None:
    await furnished(sqlite_world)
    async with sqlite_world.base.db.reading() as session:
        unit = (await session.scalars(select(Unit).where(Unit.code == "X1"))).one()
    await office.member(sqlite_world, await sqlite_world.citizen("webchat", 5), unit)
    lan = await opened(sqlite_world)
    await lan.taps("○ 31/03")
    told = await lan.taps("Xem trước")
    assert "Xã X1 · Lê Thị Mơ · trò chuyện trên trang web" in told
    assert "webchat" not in told


async def test_a_repetition_asks_once_more(sqlite_world: World) -> None:
    await furnished(sqlite_world, A=TITLE, B=TITLE.upper())
    lan = await officer(sqlite_world)
    await lan.says("/lichviec 2027")
    async with sqlite_world.base.db.transaction() as session:
        await session.execute(
            update(Deadline)
            .where(Deadline.code == "A")
            .values(state=DeadlineState.ARMED, armed_at=sqlite_world.now())
        )
    await lan.taps("○ 31/03 · ĐĂNG KÝ")
    await lan.taps("Kích hoạt")
    assert "giống A vừa kích hoạt trong 12 giờ qua" in await lan.taps("Kích hoạt")
    assert await state(sqlite_world, "B") == "draft"
    assert "Đã kích hoạt" in await lan.taps("Vẫn kích hoạt")
    assert await state(sqlite_world, "B") == "armed"


async def test_whoever_is_no_officer_sees_and_arms_nothing(sqlite_world: World) -> None:
    await furnished(sqlite_world)
    citizen = await sqlite_world.citizen("telegram", 70)
    assert "chỉ dành cho cán bộ" in await citizen.says("/lichviec")
    keeper = await officer(sqlite_world, number=71, role=Role.RESTRICTED, name="Trần Văn Kín")
    assert "chỉ dành cho cán bộ" in await keeper.says("/lichviec")


async def test_one_let_go_in_the_middle_arms_nothing(sqlite_world: World) -> None:
    await furnished(sqlite_world)
    lan = await opened(sqlite_world)
    await lan.taps("○ 31/03")
    await lan.taps("Kích hoạt")
    async with sqlite_world.base.db.transaction() as session:
        await session.execute(update(Officer).values(revoked_at=sqlite_world.now()))
    assert "chỉ dành cho cán bộ" in await lan.taps("Kích hoạt")
    assert await state(sqlite_world) == "draft"


async def test_another_offices_date_is_not_found(sqlite_world: World) -> None:
    await furnished(sqlite_world)
    lan = await opened(sqlite_world)
    elsewhere = await other_office(sqlite_world)
    async with sqlite_world.base.db.transaction() as session:
        await session.execute(update(Deadline).values(office_id=elsewhere))
    assert "Không tìm thấy hạn này" in await lan.taps("○ 31/03")
    assert (await lan.screen())[-1].labels == ("Về lịch năm",)


async def test_an_empty_year_says_how_it_is_filled(sqlite_world: World) -> None:
    await furnished(sqlite_world)
    lan = await officer(sqlite_world)
    assert "neuguong calendar copy 2029" in await lan.says("/lichviec 2029")
    assert "Lịch năm 2028" in await lan.taps("Năm 2028")


async def test_a_ladder_beyond_the_holiday_table_is_a_sentence(sqlite_world: World) -> None:
    await furnished(sqlite_world)
    async with sqlite_world.base.db.transaction() as session:
        await session.execute(
            update(Deadline).values(due_at=end_of_day(date(2030, 12, 30)), year=2030)
        )
    lan = await officer(sqlite_world)
    await lan.says("/lichviec 2030")
    await lan.taps("○ 30/12")
    assert "Bảng ngày nghỉ không có" in await lan.taps("Xem trước")
