"""Faces and number plates are painted over before a photograph goes out."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from urllib.parse import urlsplit

from aiohttp import ClientSession
from PIL import Image, ImageChops
from sqlalchemy import select

from bot.media import COVER_COLUMNS
from storage.models.deeds import DeedFile, DeedPublication, DeedReport, ReportState
from storage.models.office import Act, Officer
from storage.models.traffic import StoredFile
from tests.deadlines.cast import MONDAY
from tests.deeds.publishing import Press, links_of, press, writes
from tests.deeds.test_publication import reads
from tests.world import World

LINK = re.compile(r'href="([^"]+/che)"')


async def chosen(world: World) -> Press:
    """A draft with its one photograph, approved by the first officer."""
    cast = await press(world, photo=True)
    await writes(cast.first)
    await cast.first.taps("Chọn ảnh")
    await cast.first.taps("☐ Ảnh 1")
    await cast.first.taps("Xem trước")
    await cast.first.taps("Tôi duyệt bài này")
    return cast


async def private(cast: Press) -> str:
    """The page that only officers see, with every photograph."""
    return (await reads(links_of(cast.first, "/officer/exemplar/")[-1]))[1]


async def grid(world: World, cast: Press) -> str:
    """The address of the grid over the photograph, as the private page gives it."""
    found = LINK.search(await private(cast))
    assert found
    return f"{world.links}{urlsplit(found[1]).path}"


async def sends(address: str, **ticked: str) -> tuple[int, str]:
    async with ClientSession() as http, http.post(address, data=ticked) as response:
        return response.status, await response.text()


async def draft(world: World) -> DeedPublication:
    async with world.base.db.reading() as session:
        return (await session.scalars(select(DeedPublication))).one()


async def picture(world: World, file_id: str) -> Image.Image:
    async with world.base.db.reading() as session:
        file = await session.get_one(StoredFile, file_id)
    return Image.open(io.BytesIO(world.base.store.read(file.sha256))).convert("RGB")


async def test_ticked_cells_are_painted_over_in_a_copy_that_takes_the_photos_place(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    cast = await chosen(world)
    (before,) = (await draft(world)).photos
    address = await grid(world, cast)
    _, shown = await reads(address)
    assert shown.count('type="checkbox"') % COVER_COLUMNS == 0
    world.stopped_at = MONDAY + timedelta(minutes=1)
    status, back = await sends(address, o0="on", o1="on")
    assert status == 200
    assert "Ảnh 2: đã chọn" in back
    assert "Ảnh 1: không chọn" in back
    text = await draft(world)
    (after,) = text.photos
    assert after != before
    assert text.approved_by is None, "what was approved is no longer what would go out"
    was, covered = await picture(world, before), await picture(world, after)
    assert covered.size == was.size
    width = covered.width // COVER_COLUMNS
    changed = ImageChops.difference(was, covered).convert("L").point(lambda one: 255 * (one > 40))
    left, top, right, _ = changed.getbbox() or (0, 0, 0, 0)
    assert (left, top) == (0, 0)
    assert abs(right - 2 * width) <= 16, "two cells and the blur of the encoding"
    darkest, lightest = covered.crop((8, 8, 2 * width - 8, 40)).convert("L").getextrema()
    assert darkest > 56  # type: ignore[operator]
    assert lightest < 72  # type: ignore[operator]
    async with world.base.db.reading() as session:
        copy = await session.get_one(StoredFile, after)
        verbs = list(await session.scalars(select(Act.verb).where(Act.object_id == cast.deed_id)))
    assert copy.original_sha256 is None, "no untouched original stands beside a copy"
    assert "cover photo" in verbs


async def test_without_a_cell_nothing_is_made(sqlite_world: World) -> None:
    cast = await chosen(sqlite_world)
    address = await grid(sqlite_world, cast)
    for ticked in ({}, {"o99999": "on"}, {"x1": "on"}, {"o-1": "on"}, {"o" + "9" * 5000: "on"}):
        status, shown = await sends(address, **ticked)
        assert status == 422
        assert "Chưa có ô nào được bấm" in shown
    async with sqlite_world.base.db.reading() as session:
        assert len((await session.scalars(select(DeedFile))).all()) == 1


async def test_a_copy_goes_when_who_gave_the_photo_takes_it_back(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await chosen(world)
    address = await grid(world, cast)
    await sends(address, o5="on")
    async with world.base.db.transaction() as session:
        (await session.scalars(select(DeedReport))).one().state = ReportState.WITHDRAWN
    status, shown = await sends(address, o6="on")
    assert status == 422
    assert "Ảnh này không còn" in shown
    assert "Ảnh 1" not in await private(cast)


async def test_the_grid_is_for_officers_of_that_office_alone(sqlite_world: World) -> None:
    world = sqlite_world
    cast = await chosen(world)
    address = await grid(world, cast)
    assert (await sends(address.replace("/che", "x/che"), o1="on"))[0] == 422
    async with world.base.db.transaction() as session:
        for one in await session.scalars(select(Officer)):
            one.revoked_at = MONDAY
    status, _ = await sends(address, o1="on")
    assert status == 422
    async with world.base.db.reading() as session:
        assert len((await session.scalars(select(DeedFile))).all()) == 1
