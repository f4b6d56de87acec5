"""Erasing: one opinion with its traces, or a whole conversation; nothing else goes with it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from bot import outbox
from bot.replies import reply
from storage.models.people import Contact, Person
from storage.models.traffic import ChatLine, OutboxMessage, OutboxState, StoredFile
from tests.cast import PAIRS, Citizen, WebCitizen
from tests.pictures import jpeg
from tests.test_contract import CODE, give_objection, opinions
from tests.world import World

DAY = timedelta(days=1)
NAME = "Phạm Thị Ví Dụ"
FIRST, SECOND = "/start c-AH-2026-01-1", "/start c-AH-2026-01-2"
DENUNCIATION = "Tôi tố cáo người này nhận hối lộ của dân."


async def objects(citizen: Citizen, card: str, words: str = "Không đúng như hồ sơ.") -> str:
    await citizen.says(card)
    await citizen.taps("Không đồng ý")
    return await citizen.says(words)


def other_channel(channel: str) -> str:
    return "webchat" if channel == "telegram" else "telegram"


@PAIRS
async def test_erasing_one_opinion_from_elsewhere_leaves_the_draft_on_another(
    world: World, channel: str
) -> None:
    citizen = await world.citizen(channel)
    code = await give_objection(citizen, "Lời phải xóa hẳn.")
    kept_code = await _gives_second(citizen, "Lời đã gửi về Trạm.")
    await objects(citizen, SECOND, "Lời viết dở về Trạm.")
    await citizen.taps("Chỉ cho cơ quan")
    await citizen.says(NAME)
    other = await world.citizen(other_channel(channel), number=2)
    await other.says(code)
    await other.taps("Xóa dữ liệu")
    assert "Đã xóa" in await other.taps("Đúng, xóa hẳn")
    if isinstance(citizen, WebCitizen):
        shown = await _lines(citizen)
        assert "Lời viết dở về Trạm." in shown
        assert kept_code in shown
        for gone in ("Lời phải xóa hẳn.", "Bà Lê Thị Mẫu\n", code):
            assert gone not in shown
    await citizen.says("/start")
    await citizen.taps("Viết tiếp")
    await citizen.taps("Bỏ qua")
    assert NAME in "".join(seen.text for seen in (await citizen.screen())[-1:])
    await citizen.taps("Gửi")
    texts = {one.text for one in await opinions(world)}
    assert texts == {"", "Lời viết dở về Trạm."}


async def _gives_second(citizen: Citizen, words: str) -> str:
    await objects(citizen, SECOND, words)
    await citizen.taps("Không nêu tên")
    found = CODE.search(await citizen.taps("Gửi"))
    assert found
    return found[0]


async def _lines(citizen: WebCitizen) -> str:
    async with citizen.http.get("/chat/messages", params={"after": 0}) as response:
        return "\n".join(line["text"] for line in (await response.json())["messages"])


async def test_erasing_the_conversation_forgets_the_name_and_files_of_a_draft(
    world: World,
) -> None:
    citizen = await world.citizen("webchat")
    assert isinstance(citizen, WebCitizen)
    await objects(citizen, FIRST)
    await citizen.sends_files((jpeg(), "anh.jpg"))
    await citizen.taps("Chỉ cho cơ quan")
    await citizen.says(NAME)
    async with world.base.db.transaction() as session:
        (contact,) = await session.scalars(select(Contact))
        outbox.tell(
            session, world.base.vault, contact.id, reply("case-erased"), due_at=world.now() + DAY
        )
    async with citizen.http.post("/chat/erase") as response:
        assert response.status == 204
    async with world.base.db.reading() as session:
        named = select(func.count(Person.name)), select(func.count(StoredFile.id))
        assert [await session.scalar(one) for one in named] == [0, 0]
        assert await session.scalar(select(func.count(ChatLine.id))) == 0
        (contact,) = await session.scalars(select(Contact))
        assert (contact.state, contact.data, contact.offered) == (None, {}, [])
        (waiting,) = await session.scalars(
            select(OutboxMessage).where(OutboxMessage.error == "erased")
        )
        assert (waiting.state, waiting.reply) == (OutboxState.REJECTED, None)
    assert not [path for path in world.base.store.folder.rglob("*") if path.is_file()]


async def test_erasing_the_conversation_keeps_what_was_filed(sqlite_world: World) -> None:
    citizen = await sqlite_world.citizen("webchat")
    assert isinstance(citizen, WebCitizen)
    await citizen.says(FIRST)
    await citizen.taps("Cung cấp thông tin")
    await citizen.sends_files((jpeg(), "anh.jpg"))
    await citizen.says("Ảnh chụp hôm nay.")
    await citizen.taps("Không nêu tên")
    await citizen.taps("Gửi")
    await objects(citizen, SECOND, DENUNCIATION)
    await citizen.sends_files((jpeg(99, 40), "anh.jpg"))
    await citizen.taps("Chuyển riêng")
    async with citizen.http.post("/chat/erase") as response:
        assert response.status == 204
    assert await _files(sqlite_world) == 2


async def _files(world: World) -> int:
    async with world.base.db.reading() as session:
        return await session.scalar(select(func.count(StoredFile.id))) or 0
