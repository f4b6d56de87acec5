"""The receipt in use: guessing is slowed and told nothing; erasing leaves nothing behind."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from pathlib import Path

import aiohttp
from sqlalchemy import func, select, text

from bot import receipts
from bot.receipts import new_code
from storage.models.base import Base
from storage.models.consultations import Opinion, OpinionState
from storage.models.people import Attempt, Person
from storage.models.traffic import StoredFile
from tests.cast import CHANNELS, Citizen
from tests.consultations.site import Form
from tests.pictures import jpeg
from tests.test_contract import CODE, give_objection
from tests.world import World

SLOW = "thử quá nhiều lần"
UNKNOWN = "không mở được hồ sơ nào"
WORDS = "Chuồn chuồn bay thấp thì mưa"
NAME, TELEPHONE, PLACE = "Phạm Thị Cánh Cam", "0912345678", "Thôn Đồi Chè, xã Suối Mơ"


def mistyped(code: str) -> str:
    """The same code with one letter changed: its check letters no longer fit."""
    return ("1" if code[0] != "1" else "2") + code[1:]


async def attempts(world: World) -> int:
    async with world.base.db.reading() as session:
        found = await session.scalar(
            select(func.sum(Attempt.count)).where(Attempt.purpose == receipts.WRONG_CODES.purpose)
        )
        return found or 0


@CHANNELS
async def test_five_wrong_codes_slow_down_even_the_right_one(
    sqlite_world: World, channel: str
) -> None:
    world = sqlite_world
    code = await give_objection(await world.citizen(channel))
    other = await world.citizen(channel, number=2)
    for typed in (new_code(), new_code(), mistyped(code), "abc", new_code()):
        assert UNKNOWN in await other.says(f"/tracuu {typed}")
    assert SLOW in await other.says(f"/tracuu {new_code()}")
    assert SLOW in await other.says(f"/tracuu {code}")
    third = await world.citizen(channel, number=3)
    assert WORDS not in await third.says(f"/tracuu {code}")
    assert SLOW not in await third.says(f"/tracuu {code}")
    world.shift = timedelta(minutes=11)
    assert SLOW not in await other.says(f"/tracuu {code}")


async def test_a_mistyped_code_and_one_never_made_get_the_same_answer(sqlite_world: World) -> None:
    code = await give_objection(await sqlite_world.citizen("telegram"))
    other = await sqlite_world.citizen("telegram", number=2)
    answers = {
        await other.says(f"/tracuu {typed}") for typed in (mistyped(code), new_code(), "0000")
    }
    assert len(answers) == 1
    labels = {seen.labels for seen in (await other.screen())[-3:]}
    assert len(labels) == 1


async def test_good_codes_are_never_counted(sqlite_world: World) -> None:
    world = sqlite_world
    citizen = await world.citizen("telegram")
    code = await give_objection(citizen)
    for _ in range(7):
        assert "đang chờ cán bộ xem" in await citizen.says(code)
    assert await attempts(world) == 0


async def test_the_page_slows_down_as_the_chat_does(sqlite_world: World) -> None:
    code = await give_objection(await sqlite_world.citizen("webchat"))
    async with aiohttp.ClientSession(sqlite_world.links) as pages:
        told = set()
        for typed in (mistyped(code), new_code(), new_code(), "0000", new_code()):
            async with pages.post("/tracuu", data={"code": typed}) as response:
                assert response.status == 422
                told.add(Form(await response.text()).text)
        assert len(told) == 1
        async with pages.post("/tracuu", data={"code": code}) as response:
            assert response.status == 429
            assert SLOW in await response.text()


async def test_the_receipt_is_shown_again_on_the_first_return_alone(sqlite_world: World) -> None:
    code = await give_objection(await sqlite_world.citizen("telegram"))
    other = await sqlite_world.citizen("telegram", number=2)
    told = await other.says(code)
    assert "Nhắc lại mã" in told
    assert CODE.findall(told) == [code]
    assert not CODE.search(await other.says(code))


async def test_the_receipt_is_shown_again_to_who_returns_without_it(sqlite_world: World) -> None:
    citizen = await sqlite_world.citizen("telegram")
    code = await give_objection(citizen)
    assert code in await citizen.says("/start")
    assert code not in await citizen.says("/start")


async def test_a_code_typed_in_the_middle_of_an_opinion_does_not_become_its_words(
    sqlite_world: World,
) -> None:
    citizen = await sqlite_world.citizen("telegram")
    code = await give_objection(citizen)
    await citizen.says("/start c-AH-2026-01-2")
    await citizen.taps("Không đồng ý")
    assert "đang chờ cán bộ xem" in await citizen.says(code)
    await citizen.says("/start")
    await citizen.taps("Viết tiếp")
    assert code not in "".join(seen.text for seen in (await citizen.screen())[-1:])


async def test_withdrawing_while_a_replacement_is_being_written_loses_nothing(
    sqlite_world: World,
) -> None:
    """The new words are an opinion of their own; they do not vanish into a withdrawn one."""
    citizen = await sqlite_world.citizen("telegram")
    code = await give_objection(citizen)
    await citizen.says(code)
    await citizen.taps("Gửi ý kiến khác")
    await citizen.taps("Không đồng ý")
    await citizen.says("Nghĩ lại rồi.")
    other = await sqlite_world.citizen("webchat")
    await other.says(code)
    await other.taps("Rút ý kiến")
    await other.taps("Đúng, rút")
    await citizen.taps("Không nêu tên")
    assert CODE.search(await citizen.taps("Gửi"))
    async with sqlite_world.base.db.reading() as session:
        rows = (await session.execute(select(Opinion.state, Opinion.text))).all()
    assert sorted(rows) == [
        (OpinionState.FILED, "Nghĩ lại rồi."),
        (OpinionState.WITHDRAWN, "Không đúng như hồ sơ."),
    ]


# Forgetting


async def give_signed(citizen: Citizen, words: str) -> str:
    """A signed opinion with a photo; its receipt."""
    await citizen.says("/start c-AH-2026-01-1")
    await citizen.taps("Đồng ý, có góp ý")
    await citizen.says(words)
    await citizen.sends_files((jpeg(), "anh.jpg"))
    await citizen.taps("Nêu họ tên")
    await citizen.says(NAME)
    await citizen.says(TELEPHONE)
    await citizen.says(f"{PLACE}, tỉnh An Hòa")
    found = CODE.search(await citizen.taps("Gửi"))
    assert found
    return found[0]


def strings(*extra: str) -> list[bytes]:
    """What must be nowhere, as it may be written: plainly or with JSON's escapes."""
    plain = [WORDS, NAME, TELEPHONE, TELEPHONE.lstrip("0"), PLACE, *extra]
    return [form.encode() for one in plain for form in (one, json.dumps(one)[1:-1])]


async def in_tables(world: World, sought: list[bytes]) -> list[str]:
    """The columns of whichever table where any of this stands."""
    found = []
    async with world.base.db.reading() as session:
        for table in Base.metadata.sorted_tables:
            for row in await session.execute(select(table)):
                for column, value in row._mapping.items():
                    raw = value if isinstance(value, bytes) else str(value).encode()
                    found += [f"{table.name}.{column}" for one in sought if one in raw]
    return found


async def test_after_erasing_no_word_name_or_number_is_left_anywhere(
    world: World, tmp_path: Path
) -> None:
    citizen = await world.citizen("telegram")
    await give_signed(citizen, "Lời thứ nhất của Chuồn chuồn")
    code = await give_signed(citizen, WORDS)
    await citizen.says(code)
    await citizen.taps("Trả lời")
    await citizen.says(f"Nói thêm: {WORDS}")
    sought = strings("Lời thứ nhất", code)
    assert "opinions.text" in await in_tables(world, sought), "the search must be able to find"

    await citizen.says(code)
    await citizen.taps("Xóa dữ liệu")
    assert "Đã xóa" in await citizen.taps("Đúng, xóa hẳn")

    assert await in_tables(world, sought) == []
    assert UNKNOWN in await citizen.says(code)
    async with world.base.db.reading() as session:
        (opinion,) = await session.scalars(select(Opinion))
        named = await session.scalars(
            select(Person).where(Person.name.is_not(None) | Person.telephone.is_not(None))
        )
        assert named.all() == []
        assert (await session.scalars(select(StoredFile))).all() == []
    assert (opinion.state, opinion.stance, opinion.contact_id) == ("erased", "remark", None)
    if world.base.db.sqlite:
        await world.stop()
        kept = _bytes_of(tmp_path)
        assert [one for one in sought if one in kept] == []
        await world.start()


def _bytes_of(folder: Path) -> bytes:
    """The SQLite file and its companions after a checkpoint; freed pages included."""
    database = folder / "neuguong.db"
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    connection.close()
    return b"".join(path.read_bytes() for path in sorted(folder.glob("neuguong.db*")))


async def test_a_name_given_with_earlier_words_is_forgotten_with_them(sqlite_world: World) -> None:
    """A signed opinion replaced by an anonymous one: nothing would lead to the name any more."""
    citizen = await sqlite_world.citizen("telegram")
    await give_signed(citizen, WORDS)
    await give_objection(citizen)
    async with sqlite_world.base.db.reading() as session:
        assert await session.scalar(select(func.count(Person.name))) == 0
        (opinion,) = await session.scalars(select(Opinion))
    assert (opinion.identity, opinion.person_id) == ("anonymous", None)


async def test_a_dropped_draft_takes_its_name_and_files_with_it(sqlite_world: World) -> None:
    citizen = await sqlite_world.citizen("telegram")
    await citizen.says("/start c-AH-2026-01-1")
    await citizen.taps("Không đồng ý")
    await citizen.sends_files((jpeg(), "anh.jpg"))
    await citizen.taps("Chỉ cho cơ quan")
    await citizen.says(NAME)
    await citizen.taps("Hủy")
    assert await in_tables(sqlite_world, strings()) == []
    async with sqlite_world.base.db.reading() as session:
        assert await session.scalar(select(func.count(Person.name))) == 0
        assert await session.scalar(select(func.count()).select_from(StoredFile)) == 0


async def test_secure_delete_is_on(sqlite_world: World) -> None:
    async with sqlite_world.base.db.transaction() as session:
        assert (await session.execute(text("PRAGMA secure_delete"))).scalar_one() == 1


def test_the_search_for_what_must_be_gone_knows_escapes() -> None:
    assert b"Ph\\u1ea1m" in b"".join(strings())
    assert NAME.encode() in strings()
