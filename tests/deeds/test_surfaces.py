"""What is not published, or not any more, stands on no surface: a test for each of them [M1].

The rows are worse than any that the service leaves behind: the words still lie in clear, and the
version was never ended. The state alone must hide them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import ClientSession
from sqlalchemy import select

from handlers.deeds import exemplars
from handlers.deeds.exemplars import Filters
from storage.models.base import new_id
from storage.models.deeds import Deed, DeedFile, DeedPublication, DeedState
from storage.models.traffic import StoredFile
from tests.deadlines.cast import MONDAY
from tests.deeds.shown import exemplar
from tests.deeds.test_dialogue import WORDS, send_now
from tests.deeds.test_tell_form import Reader
from tests.pictures import jpeg
from tests.world import World

SECRET = "Chuyện không được đăng"
SHOWN = "Chuyện được đăng"


@pytest.fixture
async def world(sqlite_world: World) -> World:
    """One deed in every state, all but one of them not to be seen; each with a photograph."""
    sqlite_world.stopped_at = MONDAY
    vault, store = sqlite_world.base.vault, sqlite_world.base.store
    content = jpeg()
    sha256 = store.put(content)
    async with sqlite_world.base.db.transaction() as session:
        for number, state in enumerate(DeedState):
            words = SHOWN if state is DeedState.PUBLISHED else SECRET
            at = MONDAY - timedelta(hours=number)
            deed = await exemplar(
                session, vault, sqlite_world.office_id, at, title=words, lead=words, text=words,
                state=state, province="04", commune="01321", field_code="CUU_NGUOI",
                groups=("NONG_DAN",),
            )  # fmt: skip
            file = StoredFile(
                id=new_id(), sha256=sha256, size=len(content), mime="image/jpeg", kind="image",
                name="a.jpg", taken_at=at,
            )  # fmt: skip
            session.add(file)
            await session.flush()
            session.add(DeedFile(deed_id=deed.id, file_id=file.id, added_at=at))
            out = await session.scalar(
                select(DeedPublication).where(DeedPublication.deed_id == deed.id)
            )
            assert out is not None
            out.photos = [file.id]
    return sqlite_world


@pytest.fixture
async def reader(world: World) -> AsyncIterator[Reader]:
    async with ClientSession() as http:
        yield Reader(world, http)


async def deeds(world: World) -> list[Deed]:
    async with world.base.db.reading() as session:
        return list(await session.scalars(select(Deed)))


@pytest.mark.parametrize(
    "path",
    [
        "/guong",
        "/guong?field=CUU_NGUOI",
        "/guong?group=NONG_DAN",
        "/guong?province=04",
        "/guong?commune=01321",
        "/guong?month=2027-03",
    ],
)
async def test_the_list(world: World, reader: Reader, path: str) -> None:
    await reader.opens(path)
    assert SHOWN in reader.html
    assert SECRET not in reader.html


async def test_the_page_and_its_parts(world: World, reader: Reader) -> None:
    async with world.base.db.reading() as session:
        photos = {
            one.deed_id: one.photos[0] for one in await session.scalars(select(DeedPublication))
        }
    for deed in await deeds(world):
        is_out = deed.state == DeedState.PUBLISHED
        for part in ("", "/the.png", f"/anh/{photos[deed.id]}"):
            async with reader.http.get(f"{world.links}/guong/{deed.id}{part}") as response:
                assert (response.status == 200) is is_out, (deed.state, part)
                assert SECRET.encode() not in await response.read()


async def test_the_search_for_what_was_told_already(world: World, reader: Reader) -> None:
    await send_now(await world.citizen("webchat"))
    form = await reader.reads_back(what=WORDS, name="Trần Văn Ví Dụ", place="bao lac cao bang")
    assert "cùng một việc" in form.text
    for state in (DeedState.REJECTED, DeedState.WITHDRAWN, DeedState.UNPUBLISHED):
        async with world.base.db.transaction() as session:
            told = await session.scalar(select(Deed).where(Deed.shown_at.is_(None)))
            assert told is not None
            told.state = state
        form = await reader.reads_back(what=WORDS, name="Trần Văn Ví Dụ", place="bao lac cao bang")
        assert "cùng một việc" not in form.text


async def test_the_feed(world: World, reader: Reader) -> None:
    await reader.opens("/guong/atom.xml")
    assert SHOWN in reader.html
    assert SECRET not in reader.html
    assert reader.html.count("<entry>") == 1


@pytest.mark.parametrize("name", ["du-lieu.json", "du-lieu.csv"])
async def test_the_open_data(world: World, reader: Reader, name: str) -> None:
    await reader.opens(f"/guong/{name}")
    for deed in await deeds(world):
        assert (deed.id in reader.html) is (deed.state == DeedState.PUBLISHED)


async def test_the_chat(world: World) -> None:
    citizen = await world.citizen("webchat")
    await citizen.says("/guong")
    labels = [label for one in await citizen.screen() for label in one.labels]
    assert SHOWN in labels
    assert SECRET not in labels
    for deed in await deeds(world):
        said = await citizen.says(f"/start g-{deed.id}")
        assert (SHOWN in said) is (deed.state == DeedState.PUBLISHED)
        assert SECRET not in said


async def test_what_may_be_followed(world: World, reader: Reader) -> None:
    for deed in await deeds(world):
        await reader.opens(f"/viectot?theo={deed.id}")
        assert reader.status == 200
        assert (SHOWN in reader.html) is (deed.state == DeedState.PUBLISHED)
        assert SECRET not in reader.html


async def test_the_facets_offer_no_place_where_nothing_is_out(world: World) -> None:
    async with world.base.db.transaction() as session:
        for deed in await session.scalars(select(Deed)):
            deed.shown_at = None
        await session.flush()
        assert await exemplars.communes_with(session, "04") == []
        assert await exemplars.months(session) == []
        assert await exemplars.find(session, Filters()) == []
