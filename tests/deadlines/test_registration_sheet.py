"""The spreadsheet of a deadline: written, filled in, read back, and sent into the chat."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.workbook import Workbook

from bot import i18n
from bot.replies import UserError
from handlers.deadlines.registration import forms, service, spreadsheet
from handlers.deadlines.registration.forms import Answers, Form, Individuals, Option
from handlers.deadlines.registration.spreadsheet import About, Filled
from storage.models.deadlines import DutyState, Work
from tests.cast import CHANNELS
from tests.deadlines.handing_in import NAMES, deadline, person_of, state, unit, versions
from tests.deadlines.test_registration import opens
from tests.test_contract import CODE
from tests.world import World

FORM = Form(
    Work.REGISTRATION,
    collective=(
        Option("TTLDTT", "Tập thể lao động tiên tiến", "Progressive collective"),
        Option("TTLDXS", "=Tập thể lao động xuất sắc", "Excellent collective"),
    ),
    individual=(
        Option("LDTT", "Lao động tiên tiến", "Progressive worker"),
        Option("CSTDCS", "Chiến sĩ thi đua cơ sở", "Emulation soldier"),
    ),
    movements=(Option("NTM", "Nông thôn mới", "New rural areas"),),
)
ABOUT = About("DK-2027", "Đăng ký thi đua", datetime(2027, 3, 31, 17, tzinfo=UTC))
COLLECTIVE, COUNTS, PEOPLE, TARGETS = 1, 2, 3, 4
"""The sheets, by their place."""


def template(tmp_path: Path, form: Form = FORM, locale: str = "vi") -> Workbook:
    path = tmp_path / "mau.xlsx"
    say = partial(i18n.say, locale)
    spreadsheet.write_template(path, form, ABOUT, say, locale)
    return openpyxl.load_workbook(path)


def put(book: Workbook, sheet: int, row: int, *cells: Any) -> None:
    for column, value in enumerate(cells, 1):
        if value is not None:
            book.worksheets[sheet].cell(row, column, value)


def filled_in(tmp_path: Path, locale: str = "vi") -> Workbook:
    book = template(tmp_path, locale=locale)
    put(book, COLLECTIVE, 2, None, "x")
    put(book, COUNTS, 2, None, 12)
    title = book.worksheets[COUNTS].cell(2, 1).value
    put(book, PEOPLE, 2, title, NAMES[0])
    put(book, PEOPLE, 3, title, NAMES[1])
    put(book, TARGETS, 2, None, "Thêm hai thôn.")
    return book


def read(tmp_path: Path, book: Workbook, form: Form = FORM) -> Filled:
    path = tmp_path / "da-dien.xlsx"
    book.save(path)
    return spreadsheet.read(path, form, "DK-2027")


def told(found: Filled, locale: str = "vi") -> list[str]:
    return [spreadsheet.explain(one, locale) for one in found.problems]


EXPECTED = Answers(
    collective=["TTLDTT"],
    individual={"LDTT": Individuals(12, list(NAMES))},
    targets={"NTM": "Thêm hai thôn."},
)


@pytest.mark.parametrize("locale", i18n.LOCALES)
def test_what_was_filled_in_is_read_back_and_the_same_file_says_the_same(
    tmp_path: Path, locale: str
) -> None:
    book = filled_in(tmp_path, locale)
    first = read(tmp_path, book)
    assert told(first) == []
    assert first.answers == EXPECTED
    assert read(tmp_path, book).answers == first.answers


def test_the_template_left_empty_says_nothing(tmp_path: Path) -> None:
    found = read(tmp_path, template(tmp_path))
    assert told(found) == []
    assert found.answers == Answers()


def test_nothing_in_the_template_is_a_formula(tmp_path: Path) -> None:
    book = template(tmp_path)
    cells = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row]
    assert any(str(cell.value).startswith("=") for cell in cells)
    assert not any(cell.data_type == "f" for cell in cells)


def test_each_slip_is_named_with_its_place_value_and_remedy(tmp_path: Path) -> None:
    book = filled_in(tmp_path)
    put(book, COLLECTIVE, 3, None, "chắc thế")
    put(book, COUNTS, 3, None, "mười hai")
    put(book, PEOPLE, 4, "Danh hiệu lạ", "Lê Văn Ốc")
    put(book, PEOPLE, 5, "Lao động tiên tiến", NAMES[0])
    put(book, PEOPLE, 6, None, "Không Danh Hiệu")
    lines = told(read(tmp_path, book))
    assert len(lines) == 5
    assert lines[0].startswith("Trang “Tập thể”, dòng 3, cột B, giá trị “chắc thế”")
    assert "gõ x" in lines[0]
    assert "dòng 3, cột B, giá trị “mười hai”" in lines[1]
    assert "số nguyên" in lines[1]
    assert "dòng 4, cột A, giá trị “Danh hiệu lạ”" in lines[2]
    assert "dòng 5, cột B" in lines[3]
    assert "đã có ở cùng danh hiệu" in lines[3]
    assert "dòng 6, cột A" in lines[4]


def test_fewer_than_the_names_is_a_slip_and_no_number_counts_them(tmp_path: Path) -> None:
    book = filled_in(tmp_path)
    put(book, COUNTS, 2, None, 1)
    (line,) = told(read(tmp_path, book))
    assert "nhỏ hơn số tên trong danh sách (2)" in line
    book.worksheets[COUNTS].cell(2, 2).value = None
    assert read(tmp_path, book).answers.individual["LDTT"].count == 2


def test_a_file_for_another_deadline_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "da-dien.xlsx"
    filled_in(tmp_path).save(path)
    found = spreadsheet.read(path, FORM, "DK-2028")
    (line,) = told(found)
    assert "DK-2027" in line
    assert "DK-2028" in line


def test_a_formula_without_its_result_is_named(tmp_path: Path) -> None:
    book = filled_in(tmp_path)
    put(book, COUNTS, 3, None, "=6+6")
    (line,) = told(read(tmp_path, book))
    assert "dòng 3, cột B" in line
    assert "công thức" in line


def test_renamed_and_moved_tables_are_found_by_their_headings(tmp_path: Path) -> None:
    book = filled_in(tmp_path)
    sheet = book.worksheets[COUNTS]
    sheet.title = "Bang 2"
    sheet.insert_rows(1, 3)
    sheet.insert_cols(1)
    assert read(tmp_path, book).answers == EXPECTED


def test_any_other_workbook_and_any_other_file_say_what_to_do(tmp_path: Path) -> None:
    found = read(tmp_path, Workbook())
    assert not found.is_ours
    assert "tải mẫu" in told(found)[0]
    path = tmp_path / "anh.xlsx"
    path.write_bytes(b"\x89PNG not a workbook")
    assert told(spreadsheet.read(path, FORM, "DK-2027"))


def test_a_dossier_has_its_papers_and_a_report_has_no_template(tmp_path: Path) -> None:
    form = Form(Work.DOSSIER, papers=("Tờ trình", "Biên bản"))
    book = template(tmp_path, form)
    put(book, 1, 3, None, "X")
    assert read(tmp_path, book, form).answers.papers == ["Biên bản"]
    with pytest.raises(UserError):
        template(tmp_path, Form(Work.REPORT))


async def _downloaded(person: Any) -> Workbook:
    """The template by the link in the chat."""
    url = ""
    for line in reversed(person.lines):
        for row in line["choices"]:
            for button in row:
                if str(button.get("url", "")).endswith(".xlsx"):
                    url = button["url"]
        if url:
            break
    async with person.http.get(url) as response:
        assert response.status == 200
        return openpyxl.load_workbook(io.BytesIO(await response.read()))


def _bytes(book: Workbook) -> bytes:
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


async def test_the_template_goes_out_and_comes_back_filled_in_chat(sqlite_world: World) -> None:
    world = sqlite_world
    unit_id = await unit(world)
    due = await deadline(world)
    person = await person_of(world, unit_id)
    await opens(person)
    await person.taps("Gửi bằng tệp Excel")
    book = await _downloaded(person)
    first = [row[0].value for row in book.worksheets[COUNTS].iter_rows()]
    row = first.index("Lao động tiên tiến") + 1
    put(book, COUNTS, row, None, "nhiều")
    told = await person.sends_files((_bytes(book), "mau.xlsx"))
    assert "giá trị “nhiều”" in told
    put(book, COUNTS, row, None, 12)
    read_back = await person.sends_files((_bytes(book), "mau.xlsx"))
    assert "Lao động tiên tiến: 12 người" in read_back
    assert CODE.search(await person.taps("Gửi"))
    assert await state(world, unit_id, due) == DutyState.SUBMITTED


@CHANNELS
async def test_a_filled_in_file_is_sent_and_handed_in(sqlite_world: World, channel: str) -> None:
    world = sqlite_world
    unit_id = await unit(world)
    await deadline(world)
    writer = await person_of(world, unit_id, "webchat", number=9)
    await opens(writer)
    await writer.taps("Gửi bằng tệp Excel")
    book = await _downloaded(writer)
    put(book, COLLECTIVE, 2, None, "x")
    person = await person_of(world, unit_id, channel)
    await opens(person)
    assert "Đã đọc xong tệp Excel" in await person.sends_files((_bytes(book), "mau.xlsx"))
    assert CODE.search(await person.taps("Gửi"))
    (submission,) = await versions(world)
    assert len(service.opened(world.base.vault, submission).answers.collective) == 1
    assert submission.file_ids == []


def test_the_template_holds_what_was_answered_before_and_reads_as_the_same(tmp_path: Path) -> None:
    path = tmp_path / "mau.xlsx"
    spreadsheet.write_template(path, FORM, ABOUT, partial(i18n.say, "vi"), "vi", EXPECTED)
    assert spreadsheet.read(path, FORM, "DK-2027").answers == EXPECTED
    form, papers = (
        Form(Work.DOSSIER, papers=("Tờ trình", "Biên bản")),
        Answers(papers=["Biên bản"]),
    )
    spreadsheet.write_template(path, form, ABOUT, partial(i18n.say, "vi"), "vi", papers)
    assert spreadsheet.read(path, form, "DK-2027").answers == papers


def test_what_a_file_leaves_out_is_named() -> None:
    fewer = Answers(individual={"LDTT": Individuals(11, [NAMES[0]])})
    told = forms.lost(FORM, EXPECTED, fewer, "vi")
    assert told == [
        "Tập thể lao động tiên tiến", "Lao động tiên tiến: từ 12 xuống 11 người",
        f"Lao động tiên tiến: {NAMES[1]}", "Nông thôn mới: Thêm hai thôn.",
    ]  # fmt: skip
    assert forms.lost(FORM, fewer, EXPECTED, "vi") == []


async def _sent_with_excel(world: World, person: Any) -> None:
    """A registration of one collective title and twelve people."""
    await opens(person)
    await person.taps("Gửi bằng tệp Excel")
    book = await _downloaded(person)
    put(book, COLLECTIVE, 2, None, "x")
    first = [row[0].value for row in book.worksheets[COUNTS].iter_rows()]
    put(book, COUNTS, first.index("Lao động tiên tiến") + 1, None, 12)
    told = await person.sends_files((_bytes(book), "mau.xlsx"))
    assert "bỏ đi" not in told, "nothing stood there"
    assert CODE.search(await person.taps("Gửi"))


async def test_the_next_template_holds_what_was_handed_in(sqlite_world: World) -> None:
    world = sqlite_world
    unit_id = await unit(world)
    await deadline(world)
    person = await person_of(world, unit_id)
    await _sent_with_excel(world, person)
    await opens(person)
    await person.taps("Gửi bằng tệp Excel")
    book = await _downloaded(person)
    assert book.worksheets[COLLECTIVE].cell(2, 2).value == "x"
    assert 12 in [row[1].value for row in book.worksheets[COUNTS].iter_rows()]
    told = await person.sends_files((_bytes(book), "mau.xlsx"))
    assert "bỏ đi" not in told


async def test_an_empty_file_names_what_it_would_remove_and_may_be_left_unused(
    sqlite_world: World, tmp_path: Path
) -> None:
    world = sqlite_world
    unit_id = await unit(world)
    await deadline(world)
    person = await person_of(world, unit_id)
    await _sent_with_excel(world, person)
    await opens(person)
    await person.taps("Gửi bằng tệp Excel")
    book = await _downloaded(person)
    for sheet in (COLLECTIVE, COUNTS):
        for row in range(2, book.worksheets[sheet].max_row + 1):
            book.worksheets[sheet].cell(row, 2).value = None
    told = await person.sends_files((_bytes(book), "mau.xlsx"))
    assert "bỏ đi những mục đang có" in told
    assert "từ 12 xuống 0 người" in told
    told = await person.sends_files((_bytes(book), "mau.xlsx"))
    assert "từ 12 xuống 0 người" in told, "sent twice it is no less lost"
    told = await person.taps("Không dùng tệp này")
    assert "Lao động tiên tiến: 12 người" in told
    assert "bỏ đi" not in told
    assert "giống hệt" in await person.taps("Gửi")
