"""Who is praised: the counts, the share that is asked for, and what the public is not told."""

from __future__ import annotations

import io
import json
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from aiohttp import ClientSession
from PIL import Image

from bot import i18n, pictures
from handlers.deeds.figures import export, praised
from handlers.deeds.figures.chat import drawing
from storage.models.consultations import Award
from storage.models.deeds import DeedForm, DeedInGroup, DeedState
from tests.cast import PAIRS
from tests.deadlines.ground import MADE, Ground
from tests.deeds.ground import FORM, Deeds
from tests.desk import Desk
from tests.officers.staff import officer as staff_officer
from tests.world import World

NOW = datetime(2026, 11, 25, 2, tzinfo=UTC)
YEAR = praised.year(2026)
BASIS = "Nghị quyết số 01 của Hội đồng Thi đua - Khen thưởng"


async def shown(
    deeds: Deeds,
    groups: str = "",
    on: datetime = NOW,
    state: DeedState = DeedState.PUBLISHED,
    award: str | None = None,
    **given: Any,
) -> None:
    """A deed in the groups named, which the public reads of since that instant."""
    deed = await deeds.deed(state, state_at=on, **given)
    await deeds.text(deed, "a", "b", published_at=on)
    await deeds.summary(deed, award_code=award)
    deeds.session.add_all(DeedInGroup(deed_id=deed.id, group_code=code) for code in groups.split())
    await deeds.session.flush()


async def counted(deeds: Deeds, period: praised.Period = YEAR) -> praised.Figures:
    return await praised.figures(deeds.session, deeds.ground.office_id, period, "vi", NOW)


async def some(deeds: Deeds) -> None:
    """Ten shown: six women, two of them farmers; one in June, one last year besides."""
    for _ in range(4):
        await shown(deeds, "PHU_NU", commune="01273", award="GK")
    for _ in range(2):
        await shown(deeds, "PHU_NU NONG_DAN", commune="01321")
    for _ in range(3):
        await shown(deeds, "CONG_NHAN", commune="01273")
    await shown(deeds, on=datetime(2026, 6, 30, 16, 59, tzinfo=UTC))
    await shown(deeds, "PHU_NU", on=datetime(2025, 12, 31, 16, 59, tzinfo=UTC))
    await shown(deeds, "PHU_NU", state=DeedState.PROPOSED)
    for state in DeedState:
        if state not in (DeedState.PUBLISHED, DeedState.PROPOSED):
            await shown(deeds, "PHU_NU", state=state)


async def asks(deeds: Deeds, group: str, percent: int) -> None:
    await praised.ask_share(
        deeds.session, deeds.ground.office_id, group, percent, BASIS, "command", NOW
    )


def by_code(rows: Any) -> dict[str, tuple[int, int | None]]:
    return {row.code: (row.shown, row.percent) for row in rows}


async def test_only_what_the_public_reads_is_praised_and_once_in_each_group(deeds: Deeds) -> None:
    await some(deeds)
    found = await counted(deeds)
    assert (found.shown, found.proposed) == (10, 1)
    assert by_code(found.groups) == {"PHU_NU": (6, 60), "CONG_NHAN": (3, 30), "NONG_DAN": (2, 20)}
    assert by_code(found.places) == {"01273": (7, 70), "01321": (2, 20), "": (1, 10)}
    assert Counter({row.code: row.shown for row in found.months if row.shown}) == {
        "2026-06": 1, "2026-11": 9,
    }  # fmt: skip
    assert found.months[-1].code == "2026-11", "months to come are not told as empty"
    assert (await counted(deeds, praised.year(2025))).shown == 1


async def test_levels_are_those_of_the_commendation_that_the_summary_names(deeds: Deeds) -> None:
    await some(deeds)
    award = await deeds.session.get_one(Award, "GK")
    found = await counted(deeds)
    assert by_code(found.levels) == {award.level: (4, 40), "none": (6, 60)}


async def test_a_group_below_the_share_asked_for_is_behind_and_stands_first(deeds: Deeds) -> None:
    await some(deeds)
    await asks(deeds, "CONG_NHAN", 40)
    await asks(deeds, "VUNG_XA", 10)
    await asks(deeds, "PHU_NU", 60)
    found = (await counted(deeds)).groups
    assert [(one.code, one.asked, one.is_behind) for one in found] == [
        ("PHU_NU", 60, False), ("CONG_NHAN", 40, True), ("VUNG_XA", 10, True),
        ("NONG_DAN", None, False),
    ]  # fmt: skip
    await asks(deeds, "VUNG_XA", 0)
    assert "VUNG_XA" not in by_code((await counted(deeds)).groups)


async def test_the_public_is_told_no_count_that_points_at_somebody(deeds: Deeds) -> None:
    await some(deeds)
    found = praised.for_the_public(await counted(deeds))
    small = {one.code: (one.small, one.shown, one.percent) for one in found.groups}
    assert small["NONG_DAN"] == (True, 0, None)
    assert small["CONG_NHAN"] == (False, 3, 30)
    assert by_code(found.places) == {"01273": (7, 70), "rest": (3, 30)}
    assert found.proposed == 0
    assert not any(one.proposed for one in (*found.groups, *found.levels, *found.months))


async def test_one_small_place_is_not_found_by_taking_the_others_from_all(deeds: Deeds) -> None:
    for commune in ["01273"] * 5 + ["01321"] * 3 + ["01290"]:
        await shown(deeds, commune=commune)
    found = praised.for_the_public(await counted(deeds))
    assert by_code(found.places) == {"01273": (5, 56), "rest": (4, 44)}


async def test_a_picture_is_drawn_of_any_number_of_groups(deeds: Deeds) -> None:
    await some(deeds)
    await asks(deeds, "CONG_NHAN", 40)
    drawn = drawing(await counted(deeds), "Phòng Thi đua", "vi")
    assert "yêu cầu 40 %" in drawn
    assert '["late",3]' in drawn
    assert '["done",6]' in drawn
    with Image.open(io.BytesIO(pictures.png(drawn))) as image:
        assert image.width == 1080


# Where people read it


@pytest.fixture
async def furnished(sqlite_world: World) -> World:
    return await _furnished(sqlite_world)


async def _furnished(world: World) -> World:
    world.stopped_at = NOW
    async with world.base.db.transaction() as session:
        ground = Ground(session)
        ground.office_id = world.office_id
        await ground.unit("SM")
        session.add(DeedForm(hash=FORM, questions={}, first_used_at=MADE))
        deeds = Deeds(ground)
        await some(deeds)
        await asks(deeds, "CONG_NHAN", 40)
    return world


async def page(world: World, path: str) -> str:
    async with ClientSession(world.links) as http, http.get(path) as response:
        assert response.status == 200
        return unescape(await response.text())


async def test_the_page_says_its_period_when_it_was_made_and_what_is_counted(
    furnished: World,
) -> None:
    shown_page = await page(furnished, "/aiduockhen")
    for words in (
        "01/01/2026", "31/12/2026", "09:00", "25/11/2026", "Việc tốt đang được cơ quan giới thiệu",
        "dưới 3", "(yêu cầu 40 %)", "30 %", "Các mục còn lại, gộp chung", "11/2026",
    ):  # fmt: skip
        assert words in shown_page, words
    assert "Bà con có cầu đi" not in shown_page
    assert "Đang đề nghị" not in shown_page
    last_year = await page(furnished, "/aiduockhen?nam=2025")
    assert "<dt>Tất cả</dt><dd>1</dd>" in last_year
    assert "31/12/2026" in await page(furnished, "/aiduockhen?nam=9999")
    assert "Who is praised" in await page(furnished, "/aiduockhen?lang=en")


@PAIRS
async def test_an_officer_asks_in_chat_and_gets_a_picture_and_the_words(
    world: World, channel: str
) -> None:
    await _furnished(world)
    officer = await staff_officer(world, channel)
    told = await officer.says("/aiduockhen")
    assert "10 việc tốt đang giới thiệu, 1 việc đang đề nghị khen" in told
    assert "Công nhân: 3 (30 %, chưa đạt yêu cầu 40 %)" in told
    assert "Nông dân: 2 (20 %)" in told, "an officer reads small counts too"
    assert "Lập lúc 09:00" in told
    assert (await officer.screen())[-1].picture
    assert "1 việc tốt đang giới thiệu" in await officer.taps("Năm trước")
    citizen = await world.citizen(channel, number=2)
    assert "chỉ dành cho cán bộ" in await citizen.says("/aiduockhen")


# The file, and what is asked for


async def test_the_file_holds_each_count_with_its_period_in_words_and_in_codes(
    deeds: Deeds, tmp_path: Path
) -> None:
    await some(deeds)
    await asks(deeds, "CONG_NHAN", 40)
    found, say = await counted(deeds), partial(i18n.say, "vi")
    for form in ("xlsx", "csv", "json"):
        export.write(found, "=Phòng", form, tmp_path / f"o.{form}", say)
    book = openpyxl.load_workbook(tmp_path / "o.xlsx")
    cells = [[cell.value for cell in row] for row in book.worksheets[0].iter_rows()]
    assert cells[0][-2:] == ["Yêu cầu (%)", "Đang đề nghị khen"]
    assert cells[1][2:] == ["Tất cả", 10, None, None, 1]
    assert ["Theo nhóm người", "CONG_NHAN", "Công nhân", 3, 30, 40, 0] in cells
    about = [row[0].value for row in book.worksheets[1].iter_rows()]
    assert about[1] == "=Phòng"
    assert book.worksheets[1]["A2"].data_type == "s"
    assert "01/01/2026" in str(about[2])
    plain = json.loads((tmp_path / "o.json").read_text(encoding="utf-8"))
    assert (plain["format"], plain["first"]) == ("neuguong-praised/1", "2026-01-01")
    women = {"by": "group", "code": "PHU_NU", "shown": 6, "percent": 60, "asked": None}
    assert {**women, "proposed": 1} in plain["rows"]
    assert "Theo nhóm người,CONG_NHAN" in (tmp_path / "o.csv").read_text(encoding="utf-8-sig")


def test_the_columns_of_the_file_are_those_documented() -> None:
    words = (Path(__file__).parents[2] / "docs/export-format.md").read_text(encoding="utf-8")
    part = words[words.index("`neuguong-praised/1`") :]
    documented = [line.split("`")[1] for line in part.splitlines() if line.startswith("| `")]
    named = [key for key, _, _ in export.COLUMNS if key != "name"]
    assert documented == named


def test_an_office_asks_for_a_share_and_takes_the_file(demo: Desk, tmp_path: Path) -> None:
    said = demo.types("share", "ask", "phu_nu", "40", "--basis", BASIS)
    assert said.code == 0
    assert f"PHU_NU · ít nhất 40 % · {BASIS}" in demo.types("share", "list").out
    out = tmp_path / "khen.json"
    done = demo.types("export", "praised", "--format", "json", "--out", str(out))
    assert (done.code, done.err) == (0, "")
    rows = json.loads(out.read_text(encoding="utf-8"))["rows"]
    assert [row["asked"] for row in rows if row["code"] == "PHU_NU"] == [40]
    demo.types("share", "ask", "PHU_NU", "0")
    assert "Chưa ghi tỷ lệ nào" in demo.types("share", "list").out
    assert demo.asks("SELECT verb FROM acts WHERE verb = 'export praised'") == [
        ("export praised",)
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("share", "ask", "KHONG", "40", "--basis", BASIS), "Không có nhóm mang mã KHONG"),
        (("share", "ask", "PHU_NU", "140", "--basis", BASIS), "từ 0 đến 100"),
        (("share", "ask", "PHU_NU", "40"), "văn bản của Hội đồng"),
        (
            ("export", "praised", "--from", "2026-02-01", "--to", "2026-01-01", "--out", "x.xlsx"),
            "trước ngày đầu",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused_with_what_to_do(
    demo: Desk, words: tuple[str, ...], sentence: str
) -> None:
    said = demo.types(*words)
    assert said.code == 1
    assert sentence in said.err
