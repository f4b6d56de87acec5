"""The opinions as a file: the contract of its columns, and cells that stay what they are."""

from __future__ import annotations

import csv
import json
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import openpyxl
import pytest

from handlers.consultations.papers import export
from handlers.consultations.papers.export import COLUMNS, FORMAT, ExportScope, OpinionRow
from storage.models.consultations import Opinion
from tests.consultations.papers import EN, VI

HERE = timezone(timedelta(hours=7))
AT = datetime(2026, 11, 25, 8, 30, tzinfo=HERE)
ROW = OpinionRow(
    consultation="TB-12",
    candidate_number=1,
    candidate="Trần Văn Mẫu",
    award="Huân chương Lao động hạng Ba",
    opinion_id="k3v9x2m7q4t8w1z5",
    version=2,
    received_at=AT,
    in_window=True,
    channel="telegram",
    stance="object",
    text="Tôi có ý kiến khác.\nXin xem ảnh.",
    attachments=2,
    identity_level="signed",
    name="Nguyễn Thị Mơ",
    telephone="+84912000000",
    address="Xã Bình Minh",
    state="accepted",
    decision_reason="Đã xem",
    decided_at=AT + timedelta(days=1),
    handling="Đã đối chiếu sổ trực.",
    handled_at=AT + timedelta(days=2),
)
SCOPE = ExportScope("TB-12", "Lấy ý kiến Nhân dân", "Sở Nội vụ", AT, AT + timedelta(days=9), AT)
TEXT = [c.key for c in COLUMNS].index("text")

FORMULAS = ["=1+1", "+84912", "-5", "@SUM(A1)", "\t=1", "  =cmd|' /C calc'!A0", "＝1+1", "|calc"]


def to_json(folder: Path, *rows: OpinionRow) -> list[dict[str, object]]:
    path = folder / "y-kien.json"
    export.write(rows, "json", path, VI, consultation=SCOPE)
    read_back: list[dict[str, object]] = json.loads(path.read_text(encoding="utf-8"))
    return read_back


def to_csv(folder: Path, *rows: OpinionRow) -> list[list[str]]:
    path = folder / "y-kien.csv"
    export.write(rows, "csv", path, VI, consultation=SCOPE)
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def to_xlsx(folder: Path, *rows: OpinionRow) -> openpyxl.Workbook:
    path = folder / "y-kien.xlsx"
    export.write(rows, "xlsx", path, VI, consultation=SCOPE)
    return openpyxl.load_workbook(path)


def test_the_contract_lists_its_columns_in_this_order() -> None:
    assert FORMAT == "neuguong-opinions/2"
    assert [c.key for c in COLUMNS] == [
        *("consultation", "candidate_number", "candidate", "award", "opinion_id", "version"),
        *("received_at", "in_window", "channel", "stance", "text", "attachments"),
        *("identity_level", "name", "telephone", "address"),
        *("state", "decision_reason", "decided_at", "handling", "handled_at"),
    ]


def test_every_field_of_a_row_has_its_column_and_no_receipt_is_among_them() -> None:
    keys = [c.key for c in COLUMNS]
    assert sorted(keys) == sorted(f.name for f in fields(OpinionRow))
    assert not [key for key in keys if "receipt" in key]


def test_every_stored_column_of_an_opinion_is_exported_or_left_out_on_purpose() -> None:
    assert set(export.STORED) == {column.key for column in Opinion.__table__.columns}
    told = {key for columns in export.STORED.values() for key in columns}
    assert told | {"attachments"} == {c.key for c in COLUMNS}


def test_json_is_a_list_of_objects_with_codes_and_iso_times(tmp_path: Path) -> None:
    (row,) = to_json(tmp_path, ROW)
    assert list(row) == [c.key for c in COLUMNS]
    assert row["received_at"] == "2026-11-25T08:30:00+07:00"
    assert (row["stance"], row["in_window"], row["attachments"]) == ("object", True, 2)
    assert row["text"] == ROW.text
    assert to_json(tmp_path, replace(ROW, decided_at=None))[0]["decided_at"] is None


def test_no_opinion_at_all_is_still_a_whole_file(tmp_path: Path) -> None:
    assert to_json(tmp_path) == []
    assert to_csv(tmp_path) == [[VI(c.heading) for c in COLUMNS]]
    assert to_xlsx(tmp_path)[VI("papers-export-sheet-opinions")].max_row == 1


def test_csv_is_read_by_excel_as_utf8_and_keeps_line_breaks(tmp_path: Path) -> None:
    head, row = to_csv(tmp_path, ROW)
    assert (tmp_path / "y-kien.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert head[TEXT] == VI("papers-export-text")
    assert row[TEXT] == ROW.text
    assert row[2] == "Trần Văn Mẫu"
    assert row[9] == VI("papers-stance-object")
    assert row[6] == "25/11/2026 08:30:00"


@pytest.mark.parametrize("formula", FORMULAS)
def test_csv_cells_that_a_spreadsheet_would_run_are_inert(tmp_path: Path, formula: str) -> None:
    row = to_csv(tmp_path, replace(ROW, text=formula, name=formula))[1]
    assert row[TEXT] == f"'{formula}"
    assert row[13] == f"'{formula}"


@pytest.mark.parametrize("formula", FORMULAS)
def test_xlsx_cells_that_a_spreadsheet_would_run_are_text(tmp_path: Path, formula: str) -> None:
    book = to_xlsx(tmp_path, replace(ROW, text=formula))
    cell = book[VI("papers-export-sheet-opinions")].cell(2, TEXT + 1)
    assert (cell.value, cell.data_type) == (formula, "s")
    assert cell.quotePrefix is True
    with zipfile.ZipFile(tmp_path / "y-kien.xlsx") as archive:
        for name in archive.namelist():
            assert b"<f>" not in archive.read(name)
            assert b"<hyperlink" not in archive.read(name)


def test_xlsx_holds_what_csv_holds(tmp_path: Path) -> None:
    other = replace(ROW, in_window=False, stance="remark", telephone="", decided_at=None)
    listed = to_csv(tmp_path, ROW, other)
    sheet = to_xlsx(tmp_path, ROW, other)[VI("papers-export-sheet-opinions")]
    shown = [
        [
            v.strftime("%d/%m/%Y %H:%M:%S") if isinstance(v, datetime) else str(v or "")
            for v in cells
        ]
        for cells in sheet.iter_rows(values_only=True)
    ]
    assert shown == [[cell.removeprefix("'") for cell in row] for row in listed]


def test_control_characters_and_broken_letters_are_dropped(tmp_path: Path) -> None:
    typed = unicodedata.normalize("NFD", "Đường\x00 \x0bláng") + "\ud800" + " _x0041_"
    row = replace(ROW, text=typed)
    assert to_json(tmp_path, row)[0]["text"] == "Đường láng _x0041_"
    assert to_csv(tmp_path, row)[1][TEXT] == "Đường láng _x0041_"
    sheet = to_xlsx(tmp_path, row)[VI("papers-export-sheet-opinions")]
    # Spreadsheets read _x0041_ as a letter, so it stands in the file with its mark escaped.
    assert sheet.cell(2, TEXT + 1).value == "Đường láng _x005F_x0041_"


def test_a_text_too_long_for_a_cell_is_whole_on_its_own_sheet(tmp_path: Path) -> None:
    long = " ".join(f"câu{i}😀" for i in range(9_000))
    book = to_xlsx(tmp_path, replace(ROW, text=long), replace(ROW, opinion_id="khac"))
    cell = str(book[VI("papers-export-sheet-opinions")].cell(2, TEXT + 1).value)
    assert cell.endswith(VI("papers-export-continued", sheet=VI("papers-export-sheet-long")))
    assert len(cell.encode("utf-16-le")) // 2 <= 32_767
    parts = list(book[VI("papers-export-sheet-long")].iter_rows(min_row=2, values_only=True))
    assert " ".join(str(part[3]) for part in parts) == long
    assert [part[2] for part in parts] == list(range(1, len(parts) + 1))
    assert {part[0] for part in parts} == {ROW.opinion_id}
    assert to_csv(tmp_path, replace(ROW, text=long))[1][TEXT] == long


def test_the_first_sheet_says_period_time_made_and_what_is_counted(tmp_path: Path) -> None:
    sheet = to_xlsx(tmp_path, ROW)[VI("papers-export-sheet-about")]
    words = "\n".join(str(v) for row in sheet.iter_rows(values_only=True) for v in row if v)
    for part in ("Từ 08:30 25/11/2026 đến 08:30 04/12/2026", FORMAT, "Mỗi dòng là một ý kiến"):
        assert part in words
    for column in COLUMNS:
        assert VI(column.holds) in words


def test_headings_and_words_exist_in_english(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    export.write([ROW], "csv", path, EN, consultation=SCOPE)
    assert "Object" in path.read_text(encoding="utf-8-sig")


def many(count: int) -> Iterator[OpinionRow]:
    for i in range(count):
        yield replace(ROW, opinion_id=f"y{i}", text=f"Ý kiến số {i} về thành tích đã nêu")


@pytest.mark.parametrize("file_format", ["xlsx", "csv", "json"])
def test_ten_thousand_opinions_are_written_with_their_progress_told(
    tmp_path: Path, file_format: export.FileFormat
) -> None:
    seen: list[int] = []
    path = tmp_path / "lon"
    count = export.write(
        many(10_000), file_format, path, VI, consultation=SCOPE, progress=seen.append
    )
    assert count == 10_000
    assert (seen[0], seen[-1], len(seen)) == (1_000, 10_000, 10)


def test_an_export_that_fails_leaves_the_old_file_and_no_half_one(tmp_path: Path) -> None:
    path = tmp_path / "y-kien.json"
    path.write_text("cũ", encoding="utf-8")

    def failing() -> Iterator[OpinionRow]:
        yield ROW
        raise ConnectionError

    for file_format in ("json", "csv", "xlsx"):
        with pytest.raises(ConnectionError):
            export.write(failing(), file_format, path, VI, consultation=SCOPE)
        assert path.read_text(encoding="utf-8") == "cũ"
        assert [p.name for p in tmp_path.iterdir()] == ["y-kien.json"]


def test_progress_counts_the_last_rows_too(tmp_path: Path) -> None:
    seen: list[int] = []
    export.write(many(1_500), "csv", tmp_path / "a", VI, consultation=SCOPE, progress=seen.append)
    assert seen == [1_000, 1_500]


def test_wrapped_words_have_the_room_of_their_lines_in_every_program(tmp_path: Path) -> None:
    """LibreOffice leaves a row one line high unless it is told, and prints the rest over it."""
    book = to_xlsx(tmp_path, replace(ROW, text="Một ý kiến rất dài. " * 20), ROW)
    sheet = book.worksheets[1]
    tall, low = (sheet.row_dimensions[row].height or 0 for row in (2, 3))
    assert tall > 5 * 15
    assert low >= 2 * 15
    assert (book.worksheets[0].row_dimensions[7].height or 0) > 15


def test_the_end_of_a_window_is_the_24th_hour_of_its_last_day(tmp_path: Path) -> None:
    ends = datetime(2026, 11, 6, 0, 0, tzinfo=HERE)
    path = tmp_path / "y-kien.xlsx"
    export.write([ROW], "xlsx", path, VI, consultation=replace(SCOPE, period_to=ends))
    about = openpyxl.load_workbook(path).worksheets[0]
    words = "\n".join(str(cell.value) for row in about.rows for cell in row)
    assert "đến 24:00 05/11/2026" in words


def test_a_folder_that_is_not_there_is_said_as_such(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        export.write([], "xlsx", tmp_path / "nowhere" / "o.xlsx", VI, consultation=SCOPE)
