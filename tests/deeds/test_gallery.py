"""The gallery: filtered, gone through to its end, followed and taken away as data."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from aiohttp import ClientSession
from sqlalchemy import select

from handlers.deeds import exemplars
from handlers.deeds.exemplars import Filters
from storage.models.deadlines import Movement
from storage.models.deeds import Deed, DeedRepeat, DeedState
from tests.deadlines.ground import MADE
from tests.deeds.ground import VAULT, Deeds
from tests.deeds.shown import exemplar
from tests.world import World

FLOOD = "Anh Trần Văn Ví Dụ cứu ba người"
BRIDGE = "Tổ 3 góp công làm cầu"
FERRY = "Chị Lò Thị Mẫu chèo đò cho học sinh"
NOVEMBER = datetime(2026, 11, 10, 3, tzinfo=UTC)
OCTOBER = datetime(2026, 10, 31, 16, 59, tzinfo=UTC)
"""23:59 of the last day of October in Vietnam."""
ATOM = "{http://www.w3.org/2005/Atom}"


async def titles(deeds: Deeds, **asked: str) -> list[str]:
    found = await exemplars.find(deeds.session, Filters(**asked))
    return [one.text.title for one in found]


async def three(deeds: Deeds) -> None:
    session, office = deeds.session, deeds.ground.office_id
    movement = await session.scalar(select(Movement.code).limit(1))
    await exemplar(
        session, VAULT, office, OCTOBER, title=FERRY, field_code="GIAO_DUC", province="04",
        commune="01321", groups=("PHU_NU", "DAN_TOC_THIEU_SO"),
    )  # fmt: skip
    await exemplar(
        session, VAULT, office, NOVEMBER, title=FLOOD, field_code="CUU_NGUOI", province="04",
        commune="01273", groups=("NONG_DAN",), movement_code=movement,
    )  # fmt: skip
    await exemplar(
        session, VAULT, office, NOVEMBER + timedelta(hours=1), title=BRIDGE, province="01",
        groups=("NONG_DAN", "PHU_NU"),
    )  # fmt: skip


async def test_each_filter_shows_what_belongs_to_it_the_newest_first(deeds: Deeds) -> None:
    await three(deeds)
    movement = await deeds.session.scalar(select(Movement.code).limit(1)) or ""
    assert await titles(deeds) == [BRIDGE, FLOOD, FERRY]
    assert await titles(deeds, field="CUU_NGUOI") == [FLOOD]
    assert await titles(deeds, group="NONG_DAN") == [BRIDGE, FLOOD]
    assert await titles(deeds, group="PHU_NU") == [BRIDGE, FERRY]
    assert await titles(deeds, province="04") == [FLOOD, FERRY]
    assert await titles(deeds, commune="01321") == [FERRY]
    assert await titles(deeds, movement=movement) == [FLOOD]
    assert await titles(deeds, month="2026-11") == [BRIDGE, FLOOD]
    assert await titles(deeds, month="2026-10") == [FERRY]
    assert await titles(deeds, group="PHU_NU", province="04", month="2026-10") == [FERRY]
    assert await titles(deeds, group="PHU_NU", field="CUU_NGUOI") == []


async def test_a_list_goes_on_after_the_last_one_seen_whatever_comes_meanwhile(
    deeds: Deeds,
) -> None:
    session, office = deeds.session, deeds.ground.office_id
    for number in range(7):
        at = MADE + timedelta(hours=number // 2)  # pairs at the same instant
        await exemplar(session, VAULT, office, at, title=f"Gương {number}", groups=("PHU_NU",))
    for asked in (Filters(), Filters(group="PHU_NU")):
        seen: list[str] = []
        begin = None
        while some := await exemplars.find(session, asked, begin, 2):
            seen += [one.text.title for one in some]
            begin = exemplars.after(str(some[-1].place_after))
        assert sorted(seen) == [f"Gương {number}" for number in range(7)]
        assert seen[0] == "Gương 6"
    last = (await exemplars.find(session, Filters(), None, 2))[-1].place_after
    newer = await exemplar(session, VAULT, office, MADE + timedelta(days=1), title="Mới")
    assert newer.id not in [o.deed.id for o in await exemplars.find(session, Filters(), last)]


@pytest.mark.parametrize("written", ["", "x", "12", "-5-a", "1" * 30 + "-a", "١٢-a"])
async def test_a_forged_place_begins_at_the_head(deeds: Deeds, written: str) -> None:
    await three(deeds)
    begin = exemplars.after(written)
    found = await exemplars.find(deeds.session, Filters(), begin)
    assert len(found) in (0, 3)


async def test_what_an_address_asks_for_is_read_with_care() -> None:
    read = exemplars.filters(
        {"commune": "01321", "province": "01", "month": "2026-13", "x": "y", "field": "A" * 99}
    )
    assert (read.province, read.commune, read.month) == ("04", "01321", "")
    assert len(read.field) == 32
    assert exemplars.filters({"commune": "04"}).commune == ""
    assert exemplars.filters({"province": "no such"}).province == ""
    assert exemplars.filters({"province": "01321"}).province == ""


async def test_only_communes_and_months_with_something_in_them_are_offered(deeds: Deeds) -> None:
    await three(deeds)
    assert sorted(await exemplars.communes_with(deeds.session, "04")) == ["01273", "01321"]
    assert await exemplars.communes_with(deeds.session, "01") == []
    assert await exemplars.months(deeds.session) == ["2026-11", "2026-10"]


async def test_who_did_as_much_counts_once_it_was_found_true(deeds: Deeds) -> None:
    session, office = deeds.session, deeds.ground.office_id
    first = await exemplar(session, VAULT, office, MADE)
    for state in DeedState:
        deed = await deeds.deed(state)
        session.add(DeedRepeat(exemplar_id=first.id, deed_id=deed.id, at=MADE))
    session.add(DeedRepeat(exemplar_id=first.id, at=MADE))
    session.add(DeedRepeat(exemplar_id=first.id, at=MADE, confirmed_by="officer:x"))
    await session.flush()
    assert await exemplars.repeats(session, first.id) == len(exemplars.REPEATED) + 1


# Over the web


async def furnish(world: World) -> dict[str, str]:
    """Title → id."""
    async with world.base.db.transaction() as session:
        vault, office = world.base.vault, world.office_id
        flood = await exemplar(
            session, vault, office, NOVEMBER, title=FLOOD, lead="Giữa dòng lũ.", province="04",
            commune="01273", field_code="CUU_NGUOI", groups=("NONG_DAN", "PHU_NU"),
            text="Nước lũ về nhanh. <b>Không</b> ai kịp gọi nhau.",
        )  # fmt: skip
        bridge = await exemplar(
            session, vault, office, OCTOBER, title=BRIDGE, province="01",
        )  # fmt: skip
        return {FLOOD: flood.id, BRIDGE: bridge.id}


async def get(world: World, path: str, **headers: str) -> str:
    async with ClientSession() as http, http.get(world.links + path, headers=headers) as response:
        assert response.status == 200, await response.text()
        return await response.text()


async def test_a_reader_finds_an_exemplar_by_its_filters_and_reads_it(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    ids = await furnish(world)
    gallery = await get(world, "/guong")
    assert gallery.index(FLOOD) < gallery.index(BRIDGE)
    assert "/guong?field=CUU_NGUOI" in gallery
    assert BRIDGE not in await get(world, "/guong?field=CUU_NGUOI")
    assert "commune=01273" in await get(world, "/guong?province=04")
    assert "Chưa có gương nào" in await get(world, "/guong?group=NHA_GIAO")
    shown = await get(world, f"/guong/{ids[FLOOD]}")
    assert "&lt;b&gt;Không&lt;/b&gt;" in shown
    for tag in (
        f'property="og:title" content="{FLOOD}"',
        f'property="og:image" content="{world.links}/guong/{ids[FLOOD]}/the.png"',
        'property="og:description" content="Giữa dòng lũ."',
        f'rel="canonical" href="{world.links}/guong/{ids[FLOOD]}"',
    ):
        assert tag in shown
    address = f"{world.links}/guong/{ids[FLOOD]}/the.png"
    async with ClientSession() as http, http.get(address) as card:
        assert (card.status, card.content_type) == (200, "image/png")
    assert FLOOD in await get(world, "/guong", **{"Accept-Language": "en"})


async def test_twenty_stand_on_a_page_and_plain_links_lead_to_the_end(
    sqlite_world: World,
) -> None:
    world = sqlite_world
    async with world.base.db.transaction() as session:
        for number in range(45):
            await exemplar(
                session, world.base.vault, world.office_id, MADE + timedelta(hours=number),
                title=f"Gương số {number:02}", field_code="CUU_NGUOI",
            )  # fmt: skip
    path, seen = "/guong?field=CUU_NGUOI", 0
    for expected in (20, 20, 5):
        shown = await get(world, path)
        assert shown.count("Gương số") == expected
        seen += expected
        if seen < 45:
            path = shown.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert 'rel="next"' not in shown


async def test_the_feed_is_atom_and_the_same_when_asked_twice(sqlite_world: World) -> None:
    world = sqlite_world
    ids = await furnish(world)
    raw = await get(world, "/guong/atom.xml")
    feed = ElementTree.fromstring(raw)
    entries = feed.findall(f"{ATOM}entry")
    assert [one.findtext(f"{ATOM}title") for one in entries] == [FLOOD, BRIDGE]
    assert entries[0].findtext(f"{ATOM}id") == f"{world.links}/guong/{ids[FLOOD]}"
    assert feed.findtext(f"{ATOM}updated") == "2026-11-10T03:00:00+00:00"
    assert raw == await get(world, "/guong/atom.xml")
    only = ElementTree.fromstring(await get(world, "/guong/atom.xml?province=01"))
    assert len(only.findall(f"{ATOM}entry")) == 1


async def test_open_data_holds_codes_and_no_word_of_anybody(
    sqlite_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = sqlite_world
    ids = await furnish(world)
    monkeypatch.setattr("handlers.deeds.pages.gallery.IN_DATA", 1)
    async with ClientSession() as http:
        async with http.get(f"{world.links}/guong/du-lieu.json") as response:
            first = await response.json()
        async with http.get(first["next"]) as response:
            second = await response.json()
        async with http.get(f"{world.links}/guong/du-lieu.csv") as response:
            assert 'rel="next"' in response.headers["Link"]
            table = list(csv.reader(io.StringIO((await response.text()).removeprefix("\ufeff"))))
    assert second["next"] is None
    row = dict(zip(first["columns"], first["rows"][0], strict=True))
    assert row == {
        "address": f"{world.links}/guong/{ids[FLOOD]}",
        "published_at": "2026-11-10T03:00:00+00:00",
        "kind": "person", "field": "CUU_NGUOI", "groups": ["NONG_DAN", "PHU_NU"],
        "province": "04", "commune": "01273", "movement": "", "office": "AH",
    }  # fmt: skip
    assert first["made_at"]
    assert first["what"]
    assert table[1][4] == "NONG_DAN;PHU_NU"
    for said in ("Ví Dụ", "dòng lũ", FLOOD):
        assert said not in str(first) + str(table)


async def test_the_home_page_leads_to_the_gallery_and_to_the_form(sqlite_world: World) -> None:
    home = await get(sqlite_world, "/")
    assert 'href="/guong"' in home
    assert 'href="/viectot"' in home


async def test_a_deed_that_never_was_out_is_not_found(sqlite_world: World) -> None:
    world = sqlite_world
    ids = await furnish(world)
    async with world.base.db.transaction() as session:
        deed = await session.get_one(Deed, ids[FLOOD])
        deed.state = DeedState.SUMMARISED
    async with ClientSession() as http:
        for id in (ids[FLOOD], "a" * 20):
            async with http.get(f"{world.links}/guong/{id}") as response:
                assert response.status == 404
