"""An office's spreadsheet, as offices really make them, read into a draft."""

from __future__ import annotations

import struct
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.worksheet.worksheet import Worksheet

from handlers.consultations.papers.award_names import AwardFinder
from handlers.consultations.papers.draft import candidate_key, notice_code, plain
from handlers.consultations.papers.spreadsheet import (
    MAX_BYTES,
    MAX_ROWS,
    Draft,
    Problem,
    explain,
    read,
    write_template,
)
from tests.consultations.papers import AWARDS, CATALOGUE, EN, VI, Cell, Cells, Rows, fill, workbook

HEAD = ("STT", "Họ và tên", "Đối tượng", "Đơn vị", "Hình thức khen thưởng", "Tóm tắt thành tích")
LABOUR = "Huân chương Lao động hạng Ba"
MIDNIGHT = datetime.fromisoformat("2026-11-23")
"""As a spreadsheet holds a date: no zone."""
AN: Cells = (1, "Trần Văn Mẫu", "Cá nhân", "Sở Y tế", LABOUR, "Hai mươi năm chữa bệnh vùng cao")


def draft(path: Path) -> Draft:
    return read(path, AWARDS)


def listed(folder: Path, *rows: Cells, merges: tuple[str, ...] = ()) -> Draft:
    """A workbook with a title, our usual heading and these rows below it (from row 3)."""
    title = ("DANH SÁCH ĐỀ NGHỊ TẶNG HUÂN CHƯƠNG",)
    return draft(workbook(folder / "danh-sach.xlsx", (title, HEAD, *rows), merges))


def keys(found: Draft) -> list[str]:
    return [p.key for p in found.problems]


def only(found: Draft, key: str) -> Problem:
    (problem,) = [p for p in found.problems if p.key == key]
    return problem


def office_list(folder: Path) -> Path:
    """What a provincial office sends: titles over merged cells, sections, signatures below."""
    rows: Rows = (
        ("UBND TỈNH SÔNG MÂY\nSỞ NỘI VỤ", None, None, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"),
        (None, None, None, "Độc lập - Tự do - Hạnh phúc"),
        ("DANH SÁCH",),
        ("Tập thể, cá nhân đề nghị tặng thưởng Huân chương",),
        ("(Kèm theo Thông báo số 12/TB-SNV ngày 23/11/2026 của Sở Nội vụ)",),
        ("Thời gian lấy ý kiến: 10 ngày làm việc, từ ngày 23/11/2026 đến hết ngày 08/12/2026",),
        ("Căn cứ khoản 2 Điều 44 Nghị định số 152/2025/NĐ-CP;",),
        (),
        ("STT", "HỌ VÀ TÊN", "CHỨC VỤ", "ĐƠN VỊ CÔNG TÁC", "TÓM TẮT THÀNH TÍCH"),
        ("(1)", "(2)", "(3)", "(4)", "(5)"),
        ("I. Huân chương Lao động hạng Nhì (02 trường hợp)",),
        ("a)", "Tập thể"),
        (1, "Trường Mầm non Hoa Sen", None, "Phường An Bình", "Trường đạt chuẩn"),
        ("b)", "Cá nhân"),
        (2, "Ông Trần Văn Mẫu", "Giám đốc", "Sở Y tế", "Chữa bệnh vùng cao"),
        ("II. Truy tặng HUAN CHUONG DOC LAP HANG III",),
        (3, "Bà Lý Thị Ví", None, "Xã Bình Minh", "Nuôi giấu cán bộ"),
        (None, "Tổng cộng: 03 trường hợp"),
        (),
        (None, None, None, "Sông Mây, ngày 20 tháng 11 năm 2026"),
        (None, None, None, "KT. GIÁM ĐỐC"),
        (None, None, None, "Lê Văn Ký"),
    )
    merges = ("A3:E3", "A4:E4", "A5:E5", "A6:E6", "A7:E7", "A11:E11", "A16:E16")
    return workbook(folder / "danh-sach.xlsx", rows, merges)


def test_an_offices_own_list_is_read_without_an_error(tmp_path: Path) -> None:
    found = draft(office_list(tmp_path))
    assert found.errors == ()
    assert found.can_be_imported
    (notice,) = found.notices
    assert notice.title == "DANH SÁCH Tập thể, cá nhân đề nghị tặng thưởng Huân chương"
    assert (notice.document, notice.code) == ("12/TB-SNV", "12-TB-SNV")
    assert notice.publisher == "UBND TỈNH SÔNG MÂY – SỞ NỘI VỤ"
    assert (notice.days, notice.day_unit) == (10, "working")
    assert (notice.posted_on, notice.announced_end) == (date(2026, 11, 23), date(2026, 12, 8))
    (basis,) = notice.legal_bases
    assert (basis.document, basis.article) == ("152/2025/NĐ-CP", "khoản 2 Điều 44")


def test_section_rows_give_award_and_kind_to_the_rows_below(tmp_path: Path) -> None:
    (notice,) = draft(office_list(tmp_path)).notices
    read_as = [(c.number, c.name, c.kind, c.award) for c in notice.candidates]
    assert read_as == [
        (1, "Trường Mầm non Hoa Sen", "collective", "HCLD2"),
        (2, "Ông Trần Văn Mẫu", "person", "HCLD2"),
        (3, "Bà Lý Thị Ví", "posthumous", "HCDL3"),
    ]
    assert notice.candidates[1].position == "Giám đốc"


def test_sections_in_the_other_order_do_not_leak_into_the_next(tmp_path: Path) -> None:
    found = listed(
        tmp_path,
        ("A", "TẬP THỂ"),
        ("I", "Huân chương Lao động hạng Nhì"),
        (1, "Công ty Cổ phần Bến Nước", None, "Phường An Bình"),
        ("B", "CÁ NHÂN"),
        (2, "Trần Văn Mẫu", None, "Sở Y tế"),
    )
    assert found.notices[0].candidates[0].award == "HCLD2"
    assert found.notices[0].candidates[1].kind == "person"
    assert only(found, "papers-row-no-award").row == 7


def test_second_reading_gives_the_same_draft(tmp_path: Path) -> None:
    path = office_list(tmp_path)
    assert draft(path) == draft(path)


def test_typing_a_row_otherwise_keeps_its_natural_key(tmp_path: Path) -> None:
    one = listed(tmp_path, AN).notices[0].candidates[0]
    typed = unicodedata.normalize("NFD", "ÔNG  TRẦN VĂN MẪU")
    other = (1, typed, "Cá nhân", "SỞ Y TẾ ", "HCLĐ hạng 3", "Sửa lại lời văn")
    two = listed(tmp_path, other).notices[0].candidates[0]
    assert one.natural_key == two.natural_key
    assert two.name == "ÔNG TRẦN VĂN MẪU"
    assert len(one.natural_key) <= 200


def test_a_code_alone_decides_the_natural_key() -> None:
    assert candidate_key("UV-01", "A", "B", "HCLD1") == candidate_key("uv 01", "C", "", "")
    assert len(candidate_key("", "x" * 300, "y" * 300, "HCLD1")) <= 200
    assert len(candidate_key("z" * 300, "", "", "")) <= 200


@pytest.mark.parametrize(
    "head",
    [
        ("TT", "HO TEN", "Doi tuong", "Don vi cong tac", "HINH THUC KHEN THUONG DE NGHI", "x"),
        ("Stt", "Tên tập thể, cá nhân", "ĐỐI TƯỢNG", "Nơi công tác", "Danh hiệu đề nghị", "x"),
        ("Số TT", "Họ và tên (in hoa)", "Loại", "Cơ quan, đơn vị", "Mức khen", "x"),
        ("No", "Full name", "Kind", "Unit", "Award", "x"),
        (
            "TT",
            "Tên đơn vị, cá nhân đề nghị khen thưởng",
            "Phân loại",
            "Địa chỉ",
            "Hình thức",
            "x",
        ),
    ],
)
def test_headings_are_found_by_their_names(tmp_path: Path, head: tuple[str, ...]) -> None:
    path = workbook(tmp_path / "a.xlsx", (("DANH SÁCH X",), (), (), head, AN[:5]))
    (notice,) = draft(path).notices
    (candidate,) = notice.candidates
    assert (candidate.name, candidate.kind, candidate.unit) == (AN[1], "person", AN[3])
    assert candidate.award == "HCLD3"
    assert candidate.row == 5


def test_headings_written_without_composed_accents_are_found(tmp_path: Path) -> None:
    head = tuple(unicodedata.normalize("NFD", h) for h in HEAD)
    found = draft(workbook(tmp_path / "a.xlsx", (("DANH SÁCH X",), head, AN)))
    assert found.notices[0].candidates[0].award == "HCLD3"


def test_a_heading_of_two_lines_is_one_heading(tmp_path: Path) -> None:
    rows: Rows = (
        ("DANH SÁCH X",),
        ("STT", "Họ và tên", "Năm sinh", None, "Hình thức khen thưởng"),
        (None, None, "Nam", "Nữ", None),
        (1, "Trần Văn Mẫu", 1970, None, LABOUR),
    )
    merges = ("A2:A3", "B2:B3", "C2:D2", "E2:E3")
    (candidate,) = draft(workbook(tmp_path / "a.xlsx", rows, merges)).notices[0].candidates
    assert (candidate.name, candidate.kind, candidate.award) == ("Trần Văn Mẫu", "person", "HCLD3")


def test_one_column_may_hold_name_position_and_unit(tmp_path: Path) -> None:
    rows: Rows = (
        ("DANH SÁCH X",),
        ("STT", "Họ và tên, chức vụ, đơn vị công tác", "Hình thức khen thưởng"),
        (1, "Ông Trần Văn Mẫu, Giám đốc, Sở Y tế, tỉnh Sông Mây", LABOUR),
    )
    (candidate,) = draft(workbook(tmp_path / "a.xlsx", rows)).notices[0].candidates
    assert (candidate.name, candidate.position) == ("Ông Trần Văn Mẫu", "Giám đốc")
    assert candidate.unit == "Sở Y tế, tỉnh Sông Mây"


def test_an_award_merged_over_rows_holds_for_each_of_them(tmp_path: Path) -> None:
    found = listed(
        tmp_path,
        AN,
        (2, "Nguyễn Thị Mơ", "Cá nhân", "Xã Bình Minh", None, "Giỏi"),
        (3, "Lý A Sáng", "Cá nhân", "Xã Bình Minh", '"', "Giỏi"),
        merges=("E3:E4",),
    )
    assert [c.award for c in found.notices[0].candidates] == ["HCLD3"] * 3


def test_a_name_merged_over_rows_is_one_candidate(tmp_path: Path) -> None:
    more = (None, None, None, None, None, "Hai sáng kiến cấp tỉnh")
    found = listed(tmp_path, AN, more, merges=("A3:A4", "B3:B4", "C3:C4", "D3:D4", "E3:E4"))
    (candidate,) = found.notices[0].candidates
    assert candidate.summary == f"{AN[5]}\nHai sáng kiến cấp tỉnh"


def test_one_person_with_two_awards_is_two_candidates(tmp_path: Path) -> None:
    again = (None, None, None, None, "Chiến sỹ thi đua toàn quốc", "Ba lần")
    found = listed(tmp_path, AN, again, merges=("B3:B4", "C3:C4", "D3:D4"))
    assert [c.award for c in found.notices[0].candidates] == ["HCLD3", "CSTDTQ"]
    assert found.errors == ()


def test_a_candidate_who_stands_twice_is_kept_once_and_named(tmp_path: Path) -> None:
    found = listed(tmp_path, AN, (), (2, "TRẦN VĂN MẪU", "Cá nhân", "Sở Y tế", LABOUR, "Lại"))
    assert len(found.notices[0].candidates) == 1
    problem = only(found, "papers-row-twice")
    assert (problem.severity, problem.row, problem.args["first_row"]) == ("warning", 5, 3)


def test_one_code_for_two_people_is_an_error(tmp_path: Path) -> None:
    head = ("Mã", "Họ và tên", "Đối tượng", "Hình thức khen thưởng")
    rows: Rows = (
        ("DANH SÁCH X",),
        head,
        ("UV1", "Trần Văn Mẫu", "Cá nhân", LABOUR),
        ("UV1", "Nguyễn Thị Mơ", "Cá nhân", LABOUR),
    )
    problem = only(draft(workbook(tmp_path / "a.xlsx", rows)), "papers-row-code-twice")
    assert (problem.severity, problem.row, problem.value) == ("error", 4, "UV1")


def test_an_unknown_award_names_cell_and_nearest(tmp_path: Path) -> None:
    wrong = (*AN[:4], "Huân chương Lao động", "…")
    problem = only(listed(tmp_path, wrong), "papers-award-unknown-nearest")
    assert (problem.sheet, problem.row, problem.column) == ("Trang tính1", 3, "E")
    words = explain(problem, VI)
    for part in ("Trang tính1", "dòng 3", "cột E", "“Huân chương Lao động”", "hạng Nhì"):
        assert part in words


def test_two_awards_in_one_cell_are_refused(tmp_path: Path) -> None:
    both = "Đã có Huân chương Lao động hạng Ba, đề nghị Huân chương Lao động hạng Nhì"
    found = listed(tmp_path, (*AN[:4], both, "…"))
    assert "hạng Ba" in str(only(found, "papers-award-several").args["names"])


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("Huân chương Lao động hạng III", "HCLD3"),
        ("HC lao dong hang 2", "HCLD2"),
        ("Tặng thưởng Huân chương Độc lập hạng nhất của Chủ tịch nước", "HCDL1"),
        ("Truy tặng danh hiệu “Bà mẹ Việt Nam anh hùng”", "BMVNAH"),
        ("Anh hùng Lực lượng vũ trang nhân dân", "AHLLVTND"),
        ("Anh hùng LLVTND", "AHLLVTND"),
        ("Danh hiệu Anh hùng Lao động", "AHLD"),
        ("CSTĐTQ", "CSTDTQ"),
        ("Chiến sỹ thi đua toàn quốc", "CSTDTQ"),
        ("Tập thể lao động tiên tiến", "TTLDTT"),
        ("Bằng khen của Thủ tướng Chính phủ", "BKTTG"),
    ],
)
def test_awards_are_known_however_they_are_written(written: str, code: str) -> None:
    assert AwardFinder(AWARDS).find(written).code == code


def test_every_award_of_the_catalogue_is_found_by_each_of_its_names() -> None:
    finder = AwardFinder(AWARDS)
    for award in AWARDS:
        for name in (award.name_vi, award.code, *award.aliases):
            assert finder.find(name).code == award.code, name


def test_the_catalogue_of_awards_is_whole() -> None:
    kinds = {"person", "collective", "household", "posthumous", "foreign"}
    codes = [a["code"] for a in CATALOGUE]
    assert len(set(codes)) == len(codes)
    for award in CATALOGUE:
        assert set(award) == {
            *("code", "name_vi", "name_en", "group", "level", "for"),
            *("requires_consultation", "basis", "verified", "aliases"),
        }
        assert all(award[key] for key in ("name_vi", "name_en", "basis", "for"))
        assert set(award["for"]) <= kinds
        assert len(award["code"]) <= 32
        assert len(award["basis"]) <= 500
    assert not [a["code"] for a in CATALOGUE if a["verified"]], "nobody compared them"
    asked = {a["code"] for a in CATALOGUE if a["requires_consultation"]}
    assert {"HCLD1", "HCLD2", "HCLD3", "HCSV", "AHLD", "BMVNAH", "CSTDTQ"} <= asked
    assert not asked & {"CSTDCS", "GK", "BKTTG", "LDTT"}


@pytest.mark.parametrize(
    ("name", "written", "kind", "guessed"),
    [
        ("Trần Văn Mẫu", "cá nhân", "person", False),
        ("Hộ ông Lý A Sáng", "", "household", False),
        ("Gia đình bà Nguyễn Thị Mơ", "Hộ gia đình", "household", False),
        ("UBND xã Bình Minh", "", "collective", False),
        ("Trường Tiểu học Bến Nước", "", "collective", False),
        ("Đoàn Văn Hải", "", "person", True),
        ("Trương Thị Mận", "", "person", True),
        ("Lý Thị Ví", "Truy tặng", "posthumous", False),
        ("John Doe", "Người nước ngoài", "foreign", False),
        ("Tổ hợp tác 4", "", "collective", True),
        ("Thượng tá Vũ Văn Lúa", "", "person", False),
    ],
)
def test_the_kind_of_candidate_is_told(
    tmp_path: Path, name: str, written: str, kind: str, guessed: bool
) -> None:
    found = listed(tmp_path, (1, name, written, "", LABOUR, "…"))
    (candidate,) = found.notices[0].candidates
    assert (candidate.kind, candidate.kind_guessed) == (kind, guessed)
    assert any(k.startswith("papers-row-kind-guessed") for k in keys(found)) == guessed


def test_another_nationality_makes_a_foreign_candidate(tmp_path: Path) -> None:
    head = ("STT", "Họ và tên", "Quốc tịch", "Hình thức khen thưởng")
    rows: Rows = (("DANH SÁCH X",), head, (1, "Jane Roe", "Pháp", "Huân chương Hữu nghị"))
    (candidate,) = draft(workbook(tmp_path / "a.xlsx", rows)).notices[0].candidates
    assert candidate.kind == "foreign"


def test_an_unclear_kind_is_said_and_guessed(tmp_path: Path) -> None:
    found = listed(tmp_path, (1, "Nguyễn Thị Mơ", "Công nhân", "Nhà máy", LABOUR, "…"))
    assert only(found, "papers-row-kind-unknown").value == "Công nhân"
    assert found.errors == ()


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("23/11/2026", date(2026, 11, 23)),
        ("23-11-2026", date(2026, 11, 23)),
        ("23.11.26", date(2026, 11, 23)),
        ("2026-11-23", date(2026, 11, 23)),
        ("Thứ Hai, ngày 23 tháng 11 năm 2026", date(2026, 11, 23)),
        ("08 giờ ngày 23/11/2026", date(2026, 11, 23)),
        (MIDNIGHT, date(2026, 11, 23)),
        (date(2026, 11, 23), date(2026, 11, 23)),
        (46349, date(2026, 11, 23)),
        ("46349", date(2026, 11, 23)),
        ("31/11/2026", None),
        ("hôm nay", None),
        (12, None),
    ],
)
def test_dates_are_read_however_they_stand_in_the_cell(
    tmp_path: Path, written: Cell, day: date | None
) -> None:
    rows: Rows = (("Tiêu đề", "Lấy ý kiến"), ("Ngày đăng", written), (), HEAD, AN)
    found = draft(workbook(tmp_path / "a.xlsx", rows))
    assert found.notices[0].posted_on == day
    problems = [(p.row, p.column) for p in found.problems if p.key == "papers-detail-date"]
    assert problems == ([] if day else [(2, "B")])


@pytest.mark.parametrize(
    ("label", "written", "day"),
    [
        ("Ngày kết thúc", "07/12/2026", date(2026, 12, 7)),
        ("Đến hết ngày", "07/12/2026", date(2026, 12, 7)),
        ("Trước ngày", "08/12/2026", date(2026, 12, 7)),
        ("Hạn cuối", "trước ngày 08/12/2026", date(2026, 12, 7)),
        ("Hạn cuối", "trước 17 giờ ngày 07/12/2026", date(2026, 12, 7)),
    ],
)
def test_the_announced_end_is_the_last_day_that_counts(
    tmp_path: Path, label: str, written: str, day: date
) -> None:
    rows: Rows = (("Tiêu đề", "Lấy ý kiến"), (label, written), (), HEAD, AN)
    (notice,) = draft(workbook(tmp_path / "a.xlsx", rows)).notices
    assert (notice.announced_end, notice.announced_end_text) == (day, written)


@pytest.mark.parametrize(
    ("written", "days", "unit"),
    [
        ("10 ngày làm việc", 10, "working"),
        ("07 (bảy) ngày lịch", 7, "calendar"),
        (10, 10, None),
        ("10", 10, None),
        ("Từ ngày 23/11/2026, trong 15 ngày làm việc", 15, "working"),
        ("0 ngày", None, None),
        ("mười ngày", None, None),
    ],
)
def test_the_number_of_days_is_read_with_its_unit(
    tmp_path: Path, written: Cell, days: int | None, unit: str | None
) -> None:
    rows: Rows = (("Tiêu đề", "X"), ("Thời gian lấy ý kiến", written), (), HEAD, AN)
    found = draft(workbook(tmp_path / "a.xlsx", rows))
    assert (found.notices[0].days, found.notices[0].day_unit) == (days, unit)
    assert ("papers-detail-days" in keys(found)) == (days is None)


def test_an_end_before_the_posting_day_is_an_error(tmp_path: Path) -> None:
    rows: Rows = (
        ("Tiêu đề", "X"),
        ("Ngày đăng", "23/11/2026"),
        ("Ngày kết thúc", "07/11/2026"),
        HEAD,
        AN,
    )
    found = draft(workbook(tmp_path / "a.xlsx", rows))
    assert only(found, "papers-detail-end-before-posting").row == 3


def test_sheets_of_one_notice_are_read_together(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    first = book.active
    assert isinstance(first, Worksheet)
    first.title = "Tập thể"
    fill(first, (("DANH SÁCH TẬP THỂ",), HEAD, (1, "Sở Y tế", "Tập thể", "", LABOUR)))
    fill(book.create_sheet("Cá nhân"), (("DANH SÁCH CÁ NHÂN",), HEAD, AN))
    fill(book.create_sheet("Thông báo"), (("Mã đợt", "tb 12"), ("Tiêu đề", "Lấy ý kiến")))
    book.save(tmp_path / "a.xlsx")
    found = draft(tmp_path / "a.xlsx")
    (notice,) = found.notices
    assert (notice.code, notice.title) == ("TB-12", "Lấy ý kiến")
    assert [(c.number, c.sheet) for c in notice.candidates] == [(1, "Tập thể"), (2, "Cá nhân")]
    assert only(found, "papers-detail-code-changed").args["code"] == "TB-12"


def test_sheets_with_their_own_numbers_are_notices_of_their_own(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    first = book.active
    assert isinstance(first, Worksheet)
    fill(first, (("Mã đợt", "TB-1"), ("Tiêu đề", "Một"), HEAD, AN))
    fill(book.create_sheet("Hai"), (("Mã đợt", "TB-2"), ("Tiêu đề", "Hai"), HEAD, AN))
    book.save(tmp_path / "a.xlsx")
    found = draft(tmp_path / "a.xlsx")
    assert [(n.code, n.title, len(n.candidates)) for n in found.notices] == [
        ("TB-1", "Một", 1),
        ("TB-2", "Hai", 1),
    ]


def test_a_hidden_sheet_is_left_out_and_said(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    first = book.active
    assert isinstance(first, Worksheet)
    fill(first, (("DANH SÁCH X",), HEAD, AN))
    old = book.create_sheet("Cũ")
    fill(old, (("DANH SÁCH CŨ",), HEAD, (1, "Nguyễn Thị Mơ", "Cá nhân", "", LABOUR)))
    old.sheet_state = "hidden"
    book.save(tmp_path / "a.xlsx")
    found = draft(tmp_path / "a.xlsx")
    assert [c.name for c in found.notices[0].candidates] == ["Trần Văn Mẫu"]
    assert only(found, "papers-sheet-hidden").sheet == "Cũ"


def test_a_formula_without_its_result_is_named_instead_of_lost(tmp_path: Path) -> None:
    found = listed(tmp_path, AN, (2, '=CONCATENATE("Nguyễn ","Thị Mơ")', "Cá nhân", "", LABOUR))
    problems = [p for p in found.errors if p.key == "papers-cell-formula-empty"]
    assert [(p.row, p.column) for p in problems] == [(4, "B")]


def test_a_formula_in_error_is_named(tmp_path: Path) -> None:
    found = listed(tmp_path, (*AN[:3], "#REF!", *AN[4:]))
    assert only(found, "papers-cell-formula-error").column == "D"


def test_text_longer_than_the_database_holds_is_named(tmp_path: Path) -> None:
    found = listed(tmp_path, (1, "x" * 301, *AN[2:]))
    assert only(found, "papers-cell-too-long").args == {"limit": 300, "length": 301}


def test_a_row_without_a_name_is_an_error_and_an_empty_one_is_not(tmp_path: Path) -> None:
    found = listed(tmp_path, AN, (2, None, "Cá nhân", "Sở Y tế", LABOUR, "…"), (3,), (None, "  "))
    assert only(found, "papers-row-no-name").row == 4
    assert len(found.notices[0].candidates) == 1


def rewritten(path: Path, part: str, old: bytes, new: bytes) -> Path:
    """The same workbook with one part changed, as other programs write it."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old in parts[part]
    parts[part] = parts[part].replace(old, new)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def test_a_wrong_claim_of_size_loses_no_row(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", (("DANH SÁCH X",), HEAD, AN))
    rewritten(path, "xl/worksheets/sheet1.xml", b'ref="A1:F3"', b'ref="A1"')
    assert len(draft(path).notices[0].candidates) == 1


def test_a_claim_of_a_million_rows_costs_nothing(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", (("DANH SÁCH X",), HEAD, AN))
    rewritten(path, "xl/worksheets/sheet1.xml", b'ref="A1:F3"', b'ref="A1:XFD1048576"')
    assert len(draft(path).notices[0].candidates) == 1


def test_an_old_xls_renamed_is_told_from_one_with_a_password(tmp_path: Path) -> None:
    ole = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2000)
    (tmp_path / "cu.xlsx").write_bytes(ole + "Workbook".encode("utf-16-le"))
    (tmp_path / "khoa.xlsx").write_bytes(ole + "EncryptedPackage".encode("utf-16-le"))
    assert keys(draft(tmp_path / "cu.xlsx")) == ["papers-file-old-xls"]
    assert keys(draft(tmp_path / "khoa.xlsx")) == ["papers-file-password"]


def test_files_of_other_kinds_are_refused_with_a_remedy(tmp_path: Path) -> None:
    contents = {
        "csv": "STT,Họ và tên\n1,Trần Văn Mẫu\n".encode(),
        "html": b"<html><table><tr><td>STT</td></tr></table></html>",
        "pdf": b"%PDF-1.7",
        "empty": b"",
    }
    for name, content in contents.items():
        path = tmp_path / f"{name}.xlsx"
        path.write_bytes(content)
        found = draft(path)
        assert keys(found) == ["papers-file-not-excel"]
        assert "Excel" in explain(found.problems[0], VI)
    with zipfile.ZipFile(tmp_path / "docx.xlsx", "w") as archive:
        archive.writestr("word/document.xml", "<document/>")
    assert keys(draft(tmp_path / "docx.xlsx")) == ["papers-file-not-excel"]


def test_a_damaged_workbook_is_refused_and_nothing_is_raised(tmp_path: Path) -> None:
    whole = workbook(tmp_path / "a.xlsx", (("DANH SÁCH X",), HEAD, AN)).read_bytes()
    for cut in range(4, len(whole), max(1, len(whole) // 25)):
        path = tmp_path / "cut.xlsx"
        path.write_bytes(whole[:cut])
        assert not draft(path).can_be_imported
        assert keys(draft(path))[0] in ("papers-file-broken", "papers-file-not-excel")
    with zipfile.ZipFile(tmp_path / "odd.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook")
    assert keys(draft(tmp_path / "odd.xlsx")) == ["papers-file-broken"]


def test_flipped_bytes_never_raise(tmp_path: Path) -> None:
    whole = bytearray(workbook(tmp_path / "a.xlsx", (("DANH SÁCH X",), HEAD, AN)).read_bytes())
    for at in range(0, len(whole), max(1, len(whole) // 60)):
        spoiled = bytearray(whole)
        spoiled[at] ^= 0xFF
        (tmp_path / "flip.xlsx").write_bytes(spoiled)
        draft(tmp_path / "flip.xlsx")


def test_strict_open_xml_is_refused_with_a_remedy(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", (HEAD, AN))
    transitional = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rewritten(
        path, "xl/workbook.xml", transitional, b"http://purl.oclc.org/ooxml/spreadsheetml/main"
    )
    assert keys(draft(path)) == ["papers-file-strict"]


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with path.open("wb") as file:
        file.write(struct.pack("<I", 0x04034B50))
        file.truncate(MAX_BYTES + 1)
    assert keys(draft(path)) == ["papers-file-too-large"]


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", (HEAD, AN))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet9.xml", b" " * (151 * 1024 * 1024))
    assert path.stat().st_size < MAX_BYTES
    assert keys(draft(path)) == ["papers-file-swollen"]


def test_a_list_over_the_row_limit_is_named(tmp_path: Path) -> None:
    rows = [(i, f"Trần Văn {i}", "Cá nhân", "Sở Y tế", LABOUR) for i in range(MAX_ROWS)]
    found = listed(tmp_path, *rows)
    assert only(found, "papers-sheet-too-many-rows").args == {"limit": MAX_ROWS}


def test_a_workbook_without_a_table_is_refused(tmp_path: Path) -> None:
    assert (
        keys(draft(workbook(tmp_path / "a.xlsx", (("Xin chào",),))))[-1] == "papers-file-no-table"
    )


@pytest.mark.parametrize("words", [VI, EN], ids=["vi", "en"])
def test_the_template_filled_in_is_read_without_a_problem(
    tmp_path: Path, words: Callable[..., str]
) -> None:
    path = tmp_path / "mau.xlsx"
    write_template(path, words, AWARDS)
    book = openpyxl.load_workbook(path)
    notice, listing = book[words("papers-sheet-notice")], book[words("papers-sheet-candidates")]
    values: dict[str, Cell] = {
        "papers-label-code": "TB-12",
        "papers-label-title": "Lấy ý kiến Nhân dân",
        "papers-label-document": "12/TB-SNV",
        "papers-label-submission": "45/TTr-UBND",
        "papers-label-publisher": "Sở Nội vụ",
        "papers-label-layer": words("papers-choice-layer-submitter"),
        "papers-label-days": 10,
        "papers-label-day-unit": words("papers-choice-working-days"),
        "papers-label-counting": words("papers-choice-posting-day"),
        "papers-label-posted-on": MIDNIGHT,
        "papers-label-announced-end": "07/12/2026",
        "papers-label-legal-basis": "Điều 44 Nghị định số 152/2025/NĐ-CP",
        "papers-label-media": "Cổng thông tin điện tử tỉnh",
        "papers-label-url": "https://songmay.example/tb12",
        "papers-label-office": "Phòng Thi đua - Khen thưởng, Sở Nội vụ",
        "papers-label-address": "Số 1 đường Bến Nước",
        "papers-label-telephone": "0200 000 000",
        "papers-label-email": "tdkt@songmay.example",
        "papers-label-signed-writing": words("papers-choice-yes"),
    }
    labels = {words(key): value for key, value in values.items()}
    for row in range(2, notice.max_row + 1):
        notice.cell(row, 2).value = labels[str(notice.cell(row, 1).value)]
    people: Rows = (
        (1, "A1", words("papers-kind-person"), "Trần Văn Mẫu", "Bác sĩ", "Sở Y tế", LABOUR),
        (2, "A2", words("papers-kind-household"), "Hộ bà Mơ", "", "Xã Bình Minh", LABOUR),
        (3, "A3", words("papers-kind-posthumous"), "Lý Thị Ví", "", "", "Bà mẹ Việt Nam Anh hùng"),
        (4, "A4", words("papers-kind-foreign"), "Jane Roe", "", "", "Huân chương Hữu nghị"),
        (
            5,
            "A5",
            words("papers-kind-collective"),
            "Tổ 4",
            "",
            "",
            "Huân chương Lao động hạng Nhất",
        ),
    )
    for row, cells in enumerate(people, start=2):
        for column, value in enumerate(cells, start=1):
            listing.cell(row, column).value = value
    book.save(path)
    found = draft(path)
    assert [explain(p, VI) for p in found.problems] == []
    (read_back,) = found.notices
    assert read_back.code == "TB-12"
    assert (read_back.layer, read_back.counting) == ("submitter", "posting_day")
    assert (read_back.days, read_back.day_unit) == (10, "working")
    assert read_back.posted_on == date(2026, 11, 23)
    assert read_back.announced_end == date(2026, 12, 7)
    assert read_back.office == values["papers-label-office"]
    assert read_back.signed_writing is True
    assert read_back.addresses == ("Số 1 đường Bến Nước",)
    assert [c.kind for c in read_back.candidates] == [
        *("person", "household", "posthumous", "foreign", "collective")
    ]


def test_every_problem_says_its_place_in_both_languages() -> None:
    whole = Problem("papers-row-no-name", "error", "Danh sách", 7, "B", "x")
    for say in (VI, EN):
        assert "Danh sách" in explain(whole, say)
        assert "7" in explain(replace(whole, column="", value=""), say)
        assert "“x”" in explain(whole, say)
        assert explain(replace(whole, sheet=""), say) == say("papers-row-no-name")


def test_a_notice_code_can_stand_in_a_link() -> None:
    assert notice_code("12/TB-BTĐKT") == "12-TB-BTDKT"
    assert len(notice_code("x" * 100)) == 32
    assert plain("1. HỌ VÀ TÊN:") == "1 ho va ten"


def test_a_row_that_sounds_like_a_heading_is_still_a_candidate(tmp_path: Path) -> None:
    row = (None, "Trần Văn Mẫu", "Cá nhân", None, f"Đề nghị {LABOUR}", None)
    (candidate,) = listed(tmp_path, row).notices[0].candidates
    assert (candidate.name, candidate.award) == ("Trần Văn Mẫu", "HCLD3")


def test_a_notice_without_a_title_cannot_be_imported(tmp_path: Path) -> None:
    found = draft(workbook(tmp_path / "a.xlsx", (HEAD, AN)))
    assert only(found, "papers-notice-no-title").severity == "error"
    assert not found.can_be_imported


def test_dates_of_a_1904_workbook_are_not_four_years_off(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.epoch = CALENDAR_MAC_1904
    page = book.active
    assert isinstance(page, Worksheet)
    fill(page, (("Tiêu đề", "X"), ("Ngày đăng", MIDNIGHT), HEAD, AN))
    book.save(tmp_path / "a.xlsx")
    assert draft(tmp_path / "a.xlsx").notices[0].posted_on == date(2026, 11, 23)


def test_a_section_ends_the_smaller_ones_inside_the_one_before(tmp_path: Path) -> None:
    found = listed(
        tmp_path,
        ("I", LABOUR),
        ("a)", "Tập thể"),
        (1, "Tổ hợp tác 4", None, "Phường An Bình"),
        ("II", "Huân chương Lao động hạng Nhì"),
        (2, "Đoàn Văn Hải", None, "Sở Y tế"),
    )
    told = [(c.kind, c.award) for c in found.notices[0].candidates]
    assert told == [("collective", "HCLD3"), ("person", "HCLD2")]


def test_an_award_is_not_carried_into_a_section_of_the_same_rank(tmp_path: Path) -> None:
    found = listed(
        tmp_path,
        ("I", LABOUR),
        (1, "Tổ hợp tác 4", "Tập thể", "Phường An Bình"),
        ("II", "Cá nhân"),
        (2, "Đoàn Văn Hải", None, "Sở Y tế"),
    )
    assert only(found, "papers-row-no-award").row == 6
