"""What the office takes away: everybody's answers in one file, and the form to hand out."""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import re
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import select

from bot import verbs
from bot.clock import end_of_day
from handlers.deadlines.registration import export
from storage.models.deadlines import Deadline, DeadlineState, Work
from storage.models.office import Act
from storage.models.units import Unit
from tests.deadlines.handing_in import NAMES, deadline, person_of, unit
from tests.deadlines.test_registration import hands_in
from tests.officers.staff import other_office
from tests.world import World

DOCUMENTED = Path(__file__).parents[2] / "docs/export-format.md"


async def types(world: World, *words: str) -> int:
    parser = argparse.ArgumentParser()
    verbs.add_verbs(parser.add_subparsers(dest="verb", required=True))
    return await asyncio.to_thread(verbs.run, world.settings, parser.parse_args(words))


async def furnished(world: World) -> None:
    """One unit handed in, one named like a formula did not."""
    unit_id = await unit(world)
    await unit(world, "=1", "=HYPERLINK(“x”)")
    await deadline(world, due_at=end_of_day(date(2099, 11, 6)))
    await hands_in(await person_of(world, unit_id))


async def test_every_unit_is_a_row_with_its_figures_and_no_name(
    world: World, tmp_path: Path
) -> None:
    await furnished(world)
    out = tmp_path / "dk.json"
    given = ("export", "registrations", "DK-2027", "--format", "json", "--out", str(out))
    assert await types(world, *given) == 0
    text = out.read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = json.loads(text)
    assert [row["unit"] for row in rows] == ["=HYPERLINK(“x”)", "Xã Suối Mơ"]
    empty, full = rows
    assert (empty["state"], empty["version"], empty["titles"]) == ("not_started", 0, {})
    assert (full["state"], full["version"], full["late"]) == ("submitted", 1, False)
    assert full["titles"] == {"TTLDTT": 1, "LDTT": 12}
    assert full["targets"] == {"NTM": "Thêm hai thôn đạt chuẩn."}
    assert (full["named"], full["files"]) == (2, 1)
    assert not any(name in text for name in NAMES)
    async with world.base.db.reading() as session:
        assert await session.scalar(select(Act.verb).where(Act.object_kind == "deadline"))


async def test_spreadsheets_say_the_same_in_words_and_run_nothing(
    sqlite_world: World, tmp_path: Path
) -> None:
    world = sqlite_world
    await furnished(world)
    for kind in ("csv", "xlsx"):
        out = tmp_path / f"dk.{kind}"
        given = ("export", "registrations", "DK-2027", "--format", kind, "--out", str(out))
        assert await types(world, *given) == 0
    with (tmp_path / "dk.csv").open(encoding="utf-8-sig", newline="") as file:
        heads, empty, full = csv.reader(file)
    assert empty[heads.index("Đơn vị")].startswith("'=")
    assert full[heads.index("Lao động tiên tiến")] == "12"
    assert full[heads.index("Phong trào “Cả nước chung sức xây dựng nông thôn mới”")].startswith(
        "Thêm hai"
    )
    assert full[heads.index("Tình trạng")] == "đã nộp, chờ xem"
    assert full[heads.index("Loại đơn vị")] == "xã, phường, đặc khu"
    assert full[heads.index("Hạn nộp")] == "06/11/2099 24:00", "not 00:00 of the next day"
    book = openpyxl.load_workbook(tmp_path / "dk.xlsx")
    cells = [cell for row in book.worksheets[0].iter_rows() for cell in row]
    assert not any(cell.data_type == "f" for cell in cells)
    assert [cell.value for cell in book.worksheets[0][1]] == heads


async def test_an_unknown_deadline_is_said_to_be_so(
    sqlite_world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("export", "registrations", "KHONG", "--out", str(tmp_path / "x.xlsx"))
    assert await types(sqlite_world, *given) == 1
    assert "KHONG" in capsys.readouterr().err
    assert not (tmp_path / "x.xlsx").exists()


async def test_of_two_offices_one_is_named(
    sqlite_world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both keep a deadline DK-2027: whose was exported depended on chance."""
    world = sqlite_world
    await furnished(world)
    elsewhere = await other_office(world)
    async with world.base.db.transaction() as session:
        session.add(
            Deadline(
                id="elsewhere", office_id=elsewhere, code="DK-2027", year=2027, title="Khác",
                work=Work.REGISTRATION, due_at=world.now(), state=DeadlineState.ARMED,
            )
        )  # fmt: skip
    out = tmp_path / "dk.json"
    given = ("export", "registrations", "DK-2027", "--format", "json", "--out", str(out))
    assert await types(world, *given) == 1
    assert "SM" in capsys.readouterr().err
    for office, rows in (("AH", 2), ("SM", 0)):
        assert await types(world, *given, "--office", office) == 0
        assert len(json.loads(out.read_text(encoding="utf-8"))) == rows
    assert await types(world, "why", "SM", "DK-2027") == 1
    assert await types(world, "why", "sm", "dk-2027", "--office", "AH") == 0
    assert await types(world, "why", "SM", "DK-2027", "--office", "SM") == 1, "no such unit there"
    template = ("registration", "template", "DK-2027", "--out", str(tmp_path / "mau.xlsx"))
    assert await types(world, *template) == 1
    assert await types(world, *template, "--office", "AH") == 0


async def test_the_template_is_written_for_the_office_to_hand_out(
    sqlite_world: World, tmp_path: Path
) -> None:
    world = sqlite_world
    await furnished(world)
    out = tmp_path / "mau.xlsx"
    assert await types(world, "registration", "template", "DK-2027", "--out", str(out)) == 0
    book = openpyxl.load_workbook(out)
    said = {str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row}
    assert {"DK-2027", "Lao động tiên tiến"} <= said
    async with world.base.db.reading() as session:
        assert await session.scalar(select(Unit.code).where(Unit.code == "SM"))


def test_the_documented_columns_are_those_of_the_export() -> None:
    _, _, told = DOCUMENTED.read_text(encoding="utf-8").partition(export.FORMAT)
    told, _, _ = told.partition("\n# ")
    documented = [
        key
        for line in re.findall(r"^\| (`[^|]+) \|", told, re.M)
        for key in re.findall(r"`(\w+)`", line)
    ]
    assert documented == [*(key for key, _, _ in export.COLUMNS), "titles", "targets"]
    assert documented == [one.name for one in fields(export.UnitRow)]
