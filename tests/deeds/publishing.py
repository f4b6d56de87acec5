"""A deed that may be published, and the two officers who publish it in their chats."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, update

from storage.models.deeds import Deed, DeedInGroup, DeedState, Known, Stage
from tests.cast import Citizen
from tests.deadlines.cast import MONDAY
from tests.deeds.test_checking import sees
from tests.deeds.test_dialogue import WORDS, send_now
from tests.officers.staff import officer
from tests.pictures import jpeg
from tests.world import World

TITLE = "Anh Trần Văn Ví Dụ cứu ba người giữa dòng lũ"
LEAD = "Một buổi trưa nước lũ về, anh không ngần ngại nhảy xuống suối."
TEXT = "Trưa hôm đó nước lũ về nhanh.\nAnh bơi ra kéo hai em nhỏ vào bờ, rồi cứu một cụ già."
QUOTE = "Anh bơi qua suối lũ… cứu một cụ già."


@dataclass
class Press:
    """Who publishes, and who told it."""

    citizen: Citizen
    code: str
    first: Citizen
    second: Citizen
    deed_id: str = ""


async def press(world: World, channel: str = "webchat", *, photo: bool = False) -> Press:
    """A citizen told of a rescue; it was checked and summed up, and the praised agreed."""
    world.stopped_at = MONDAY
    first = await officer(world, channel, 50, name="Nguyễn Thị Lan")
    second = await officer(world, channel, 51, name="Trần Thị Mận")
    citizen = await world.citizen(channel)
    code = await _tell(citizen) if photo else await send_now(citizen)
    made = Press(citizen, code, first, second)
    async with world.base.db.transaction() as session:
        deed = (await session.scalars(select(Deed))).one()
        made.deed_id = deed.id
        deed.state, deed.stage = DeedState.SUMMARISED, Stage.SUMMARY
        deed.consent, deed.consent_rests_on = Known.YES, "Cán bộ xã hỏi tại nhà"
        deed.is_child, deed.field_code = Known.NO, "CUU_NGUOI"
        session.add(DeedInGroup(deed_id=deed.id, group_code="NONG_DAN"))
    return made


async def _tell(citizen: Citizen) -> str:
    from tests.deeds.test_dialogue import CODE, to_the_words

    await to_the_words(citizen, WORDS)
    await citizen.sends_files((jpeg(600, 400), "anh.jpg"))
    await citizen.taps("Xem lại và gửi luôn")
    found = CODE.search(await citizen.taps("Gửi"))
    assert found
    return found[0]


async def writes(one: Citizen, *, title: str = TITLE, quote: str = "") -> str:
    """From the list to the preview; what the officer sees last."""
    await one.says("/dangguong")
    await one.taps("Soạn: Xã Bảo Lạc")
    await one.taps("Viết bài")
    await one.says(title)
    await one.says(LEAD)
    await one.says(TEXT)
    return await (one.says(quote) if quote else one.taps("Không cần phần này"))


async def confirms(world: World, one: Citizen) -> str:
    """The second person, from what they were told to the public page."""
    await sees(world, one)
    await one.taps("Mở bài này")
    return await one.taps("Xác nhận và đăng")


async def published(world: World, channel: str = "webchat", *, photo: bool = False) -> Press:
    made = await press(world, channel, photo=photo)
    await writes(made.first, quote=QUOTE)
    if photo:
        await made.first.taps("Chọn ảnh")
        await made.first.taps("☐ Ảnh 1")
        await made.first.taps("Xem trước")
    assert "Đã duyệt" in await made.first.taps("Tôi duyệt bài này")
    assert "Đã đăng" in await confirms(world, made.second)
    return made


async def shown_since(world: World, deed_id: str, at: object) -> None:
    async with world.base.db.transaction() as session:
        await session.execute(update(Deed).where(Deed.id == deed_id).values(shown_at=at))


def links_of(one: Citizen, part: str) -> list[str]:
    """The addresses behind the buttons of a web chat."""
    return [
        str(button["url"])
        for line in one.lines  # type: ignore[attr-defined]
        for row in line["choices"]
        for button in row
        if part in button.get("url", "")
    ]
