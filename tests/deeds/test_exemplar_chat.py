"""A reader opens an exemplar in chat and says that they did as much, on every channel."""

from __future__ import annotations

from sqlalchemy import select

from storage.models.deeds import Deed, DeedRepeat, DeedState
from tests.cast import PAIRS
from tests.deadlines.cast import MONDAY
from tests.deeds.shown import exemplar
from tests.deeds.test_dialogue import CODE, WORDS
from tests.world import World

TITLE = "Tổ 3 góp công làm cầu qua mương"


async def shown(world: World) -> str:
    world.stopped_at = MONDAY
    async with world.base.db.transaction() as session:
        deed = await exemplar(
            session, world.base.vault, world.office_id, MONDAY, title=TITLE, lead="Từ nay bà con"
            " không phải lội nước.", province="04",
        )  # fmt: skip
        return deed.id


@PAIRS
async def test_a_link_opens_the_card_and_what_was_done_after_it_is_tied_to_it(
    world: World, channel: str
) -> None:
    id = await shown(world)
    citizen = await world.citizen(channel)
    card = await citizen.says(f"/start g-{id}")
    assert TITLE in card
    assert (await citizen.screen())[-1].picture
    assert "Anh/chị đã làm theo một gương" in await citizen.taps("Chúng tôi đã làm theo")
    await citizen.taps("Một tập thể")
    await citizen.says("Tổ 5")
    await citizen.taps("Tôi không rõ nơi đó")
    await citizen.says("Chúng tôi cũng góp công làm một cây cầu.")
    await citizen.taps("Xem lại và gửi luôn")
    assert CODE.search(await citizen.taps("Gửi"))
    async with world.base.db.reading() as session:
        (repeat,) = await session.scalars(select(DeedRepeat))
        told = await session.get_one(Deed, repeat.deed_id)
    assert repeat.exemplar_id == told.inspired_by_id == id
    assert told.state == DeedState.RECEIVED, "it is checked like any other"


@PAIRS
async def test_the_newest_are_listed(world: World, channel: str) -> None:
    citizen = await world.citizen(channel)
    assert "Chưa có gương nào" in await citizen.says("/guong")
    await shown(world)
    assert "Các gương mới" in await citizen.says("/guong")
    assert "Từ nay bà con" in await citizen.taps(TITLE[:20])


async def test_a_draft_under_way_is_not_lost(sqlite_world: World) -> None:
    world = sqlite_world
    id = await shown(world)
    citizen = await world.citizen("webchat")
    await citizen.says("/viectot")
    await citizen.taps("Một người")
    await citizen.taps("Tôi không biết tên")
    await citizen.taps("Tôi không rõ nơi đó")
    await citizen.says(WORDS)
    await citizen.says(f"/start g-{id}")
    assert "đang kể dở" in await citizen.taps("Chúng tôi đã làm theo")
    assert "làm theo một gương" in await citizen.taps("Bỏ bản dở")


async def test_what_was_taken_down_meanwhile_ties_nothing(sqlite_world: World) -> None:
    world = sqlite_world
    id = await shown(world)
    citizen = await world.citizen("webchat")
    await citizen.says(f"/start g-{id}")
    await citizen.taps("Chúng tôi đã làm theo")
    async with world.base.db.transaction() as session:
        deed = await session.get_one(Deed, id)
        deed.state, deed.shown_at = DeedState.UNPUBLISHED, None
    await citizen.taps("Một tập thể")
    await citizen.says("Tổ 5")
    await citizen.taps("Tôi không rõ nơi đó")
    await citizen.says("Chúng tôi cũng góp công làm một cây cầu.")
    await citizen.taps("Xem lại và gửi luôn")
    assert CODE.search(await citizen.taps("Gửi")), "the report itself is not lost"
    async with world.base.db.reading() as session:
        assert not (await session.scalars(select(DeedRepeat))).all()
    assert "không còn được đăng" in await citizen.says(f"/start g-{id}")
