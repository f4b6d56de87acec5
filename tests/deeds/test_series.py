"""A unit tells of many by a spreadsheet: read on trial, every cell named, then sent."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from aiohttp import ClientSession
from sqlalchemy import func, select

from bot import i18n
from bot.intake import explain
from handlers.deeds import forms, series
from storage.models.deeds import Deed, DeedReport, Relation
from storage.models.units import Unit
from tests.cast import PAIRS
from tests.deeds.ground import NOW, Deeds
from tests.deeds.test_checking import UNIT, told_deed
from tests.world import World

WORDS = "Mười năm nay dạy chữ không lấy tiền cho trẻ em trong bản, mỗi tuần ba buổi tối."
FIELD = "Dũng cảm cứu người, cứu tài sản"
HEADINGS = (
    "Ai",
    "Họ tên hoặc tên gọi",
    "Nơi",
    "Việc đã làm",
    "Ngày",
    "Lĩnh vực",
    "Nhóm đối tượng",
)


def sheet(*rows: tuple[Any, ...], headings: tuple[str, ...] = HEADINGS) -> bytes:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = "Việc tốt"
    for row in ((), headings, *rows):
        page.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


async def read(deeds: Deeds, tmp_path: Path, content: bytes) -> tuple[series.Filled, list[str]]:
    path = tmp_path / "danh-sach.xlsx"
    path.write_bytes(content)
    unit = await deeds.session.get_one(Unit, deeds.ground.by_code["SM"])
    unit.province, unit.commune = "04", "01273"
    form = await forms.form_of(deeds.session)
    filled = series.read(path, form, unit, NOW)
    return filled, [explain(one, partial(i18n.say, "vi")) for one in filled.problems]


async def test_rows_become_what_would_be_told(deeds: Deeds, tmp_path: Path) -> None:
    filled, problems = await read(
        deeds, tmp_path,
        sheet(
            ("Một người", "Bà Ví Dụ", "", WORDS, "03/01/2026", FIELD, "Nông dân"),
            ("", "", "", "", "", "", ""),
            ("một tập thể", "Tổ Mẫu", "bao lac cao bang", WORDS, "từ lâu lắm rồi", "", ""),
        ),
    )  # fmt: skip
    assert problems == []
    (first, one), (second, other) = filled.rows
    assert (first, second) == (3, 5)
    assert (one.province, one.commune, one.happened_on) == ("04", "01273", "2026-01-03")
    assert (one.field_code, one.groups) == ("CUU_NGUOI", ["NONG_DAN"])
    assert one.relation == Relation.OWN_UNIT
    assert (other.kind, other.commune, other.when) == ("collective", "01321", "từ lâu lắm rồi")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("một con", "Bà Ví Dụ", "", WORDS), "dòng 3, cột A"),
        (("", "", "", WORDS), "xin điền họ tên"),
        (("", "Bà Ví Dụ", "Xứ Không Có Đâu", WORDS), "không rõ nơi nào"),
        (("", "Bà Ví Dụ", "", "Ngắn"), "từ 20 đến"),
        (("", "Bà Ví Dụ", "", WORDS, "31/12/2099"), "ngày chưa tới"),
        (("", "Bà Ví Dụ", "", WORDS, "", "Lĩnh vực lạ"), "chọn trong danh sách"),
        (("", "Bà Ví Dụ", "", WORDS, "", "", "Nông dân; nhóm lạ"), "trang Danh mục"),
    ],
)
async def test_every_wrong_cell_is_named_with_what_to_do(
    deeds: Deeds, tmp_path: Path, row: tuple[str, ...], said: str
) -> None:
    _, (problem,) = await read(deeds, tmp_path, sheet(row))
    assert "Việc tốt" in problem
    assert said in problem


async def test_a_row_twice_too_many_rows_and_another_file_are_refused(
    deeds: Deeds, tmp_path: Path
) -> None:
    row = ("", "Bà Ví Dụ", "", WORDS)
    _, (twice,) = await read(deeds, tmp_path, sheet(row, row))
    assert "giống dòng 3" in twice
    many = [("", f"Bà Ví Dụ {n}", "", WORDS) for n in range(series.MOST_ROWS + 1)]
    _, (too_many,) = await read(deeds, tmp_path, sheet(*many))
    assert "50" in too_many
    _, (other,) = await read(deeds, tmp_path, sheet(row, headings=("Một", "Hai")))
    assert "không phải bảng mẫu" in other
    _, (empty,) = await read(deeds, tmp_path, sheet())
    assert "chưa có dòng nào" in empty


@pytest.mark.parametrize("locale", i18n.LOCALES)
async def test_the_template_is_read_back_in_either_language(
    deeds: Deeds, tmp_path: Path, locale: str
) -> None:
    form, out = await forms.form_of(deeds.session), io.BytesIO()
    series.write_template(out, form, partial(i18n.say, locale), locale)
    book = openpyxl.load_workbook(io.BytesIO(out.getvalue()))
    page = book.worksheets[1]
    page.cell(2, 2).value, page.cell(2, 4).value = "Bà Ví Dụ", WORDS
    page.cell(2, 6).value = form.fields[0].name(locale)
    out = io.BytesIO()
    book.save(out)
    filled, problems = await read(deeds, tmp_path, out.getvalue())
    assert problems == []
    assert [told.field_code for _, told in filled.rows] == [form.fields[0].code]


@PAIRS
async def test_a_unit_sends_a_mended_list_and_follows_each(world: World, channel: str) -> None:
    cast = await told_deed(world, channel, words=WORDS)
    async with ClientSession() as http, http.get(f"{world.links}{series.TEMPLATE}") as response:
        assert response.status == 200
        assert (await response.read()).startswith(b"PK")
    assert f"{UNIT} kể nhiều gương" in await cast.clerk.says("/danhsachviectot")
    bad = sheet(("", "", "", WORDS), ("", "Bà Ví Dụ", "", WORDS))
    assert "Cần sửa 1 chỗ" in await cast.clerk.sends_files((bad, "sai.xlsx"))
    assert await how_many(world) == 1
    rows = (("", "Trần Văn Ví Dụ", "", WORDS), ("", "Bà Thí Dụ", "", "Trồng rừng " * 5))
    read = await cast.clerk.sends_files((sheet(*rows), "dung.xlsx"))
    assert f"Đọc được 2 việc của {UNIT}" in read
    assert "dòng 3" in read
    assert await how_many(world) == 1
    assert "Đã gửi 2 việc" in await cast.clerk.taps("Gửi 2 việc")
    assert "2 việc gần nhất" in await cast.clerk.taps("Các việc đã kể")
    assert "Giai đoạn: phát hiện" in await cast.clerk.taps("09:00")
    async with world.base.db.reading() as session:
        relations = await session.scalars(
            select(DeedReport.relation).where(DeedReport.invited_by == "BL")
        )
        assert relations.all() == [Relation.OWN_UNIT] * 2
        own = await session.scalars(select(Deed).where(Deed.by_own_unit))
        assert len(own.all()) == 2
    assert "dành cho người của đơn vị" in await cast.citizen.says("/danhsachviectot")


async def how_many(world: World) -> int:
    async with world.base.db.reading() as session:
        return await session.scalar(select(func.count()).select_from(Deed)) or 0
