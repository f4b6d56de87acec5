"""An office's list of units, as offices make them: read, tried, written, and written again."""

from __future__ import annotations

import unicodedata
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.i18n import say
from bot.intake import Say, explain
from handlers.deadlines.units import service
from handlers.deadlines.units.papers import intake, spreadsheet, template
from handlers.deadlines.units.papers.draft import Draft, UnitRow
from handlers.deadlines.units.papers.headings import COLUMNS, initials, kind_said
from storage.db import Database
from storage.models.base import new_id
from storage.models.deadlines import Deadline, DeadlineState, Duty, Work
from storage.models.office import Office
from storage.models.units import ClusterSeat, SeatRank, Unit, UnitKind
from tests.consultations.papers import EN, VI, Cells, Rows, workbook
from tests.desk import Desk

NOW = datetime(2027, 3, 1, 2, tzinfo=UTC)
HEAD = ("STT", "Mã", "Tên đơn vị", "Loại", "Tỉnh", "Xã, phường", "Cụm thi đua", "Vai trò", "Năm")
CLINIC: Cells = (1, "SYT", "Sở Y tế", "Sở, ban, ngành", "Hà Nội", None, "Cụm 1", "Trưởng", 2027)
WARD: Cells = (2, "BD", "UBND phường Ba Đình", None, "Hà Nội", "Trúc Bạch", "Cụm 1", "Phó", 2027)


def listed(folder: Path, *rows: Cells, head: Cells = HEAD, merges: tuple[str, ...] = ()) -> Path:
    """A workbook with a merged title, the heading in row 3 and these rows below it."""
    title: Rows = (("DANH SÁCH CÁC ĐƠN VỊ THAM GIA CỤM, KHỐI THI ĐUA",), ("Năm 2027",), head)
    return workbook(folder / "dv.xlsx", (*title, *rows), ("A1:I1", "A2:I2", *merges))


def only(draft: Draft) -> UnitRow:
    (row,) = draft.rows
    return row


def keys(draft: Draft) -> list[str]:
    return [problem.key for problem in draft.problems]


# Reading


def test_a_list_under_merged_titles_is_read_with_places_by_old_names(tmp_path: Path) -> None:
    draft = spreadsheet.read(listed(tmp_path, CLINIC, WARD))
    assert draft.problems == ()
    clinic, ward = draft.rows
    assert (clinic.code, clinic.name, clinic.kind) == ("SYT", "Sở Y tế", UnitKind.DEPARTMENT)
    assert (ward.kind, ward.province, ward.commune) == (None, "01", "00004")
    assert clinic.cluster is not None
    assert (clinic.cluster.code, clinic.seat, clinic.year) == ("CUM-1", SeatRank.HEAD, 2027)
    assert ward.seat is SeatRank.DEPUTY
    assert spreadsheet.read(tmp_path / "dv.xlsx") == draft


@pytest.mark.parametrize(
    ("heading", "field"),
    [
        ("MÃ ĐƠN VỊ", "code"), ("Ten don vi", "name"), ("Cơ quan, đơn vị", "name"),
        ("Tên trường", "name"), ("Loại hình đơn vị", "kind"), ("Đơn vị cấp trên", "parent"),
        ("Trực thuộc", "parent"), ("Tên cũ (nếu có)", "aliases"), ("Tên viết tắt", "aliases"),
        ("Khối thi đua", "cluster"), ("Cụm, khối", "cluster"), ("Cụm trưởng/phó", "seat"),
        ("Vai trò trong cụm", "seat"), ("Năm thi đua", "year"), ("Cán bộ đầu mối", "focal"),
        ("Thủ trưởng đơn vị", "head"), ("Cấp phó", "deputy"), ("Tỉnh/Thành phố", "province"),
        ("Xã/Phường", "commune"), ("Địa chỉ thư điện tử", None), ("Name of the unit", "name"),
    ],
)  # fmt: skip
def test_headings_are_known_with_and_without_accents(heading: str, field: str | None) -> None:
    assert COLUMNS.field_of(heading) == field
    assert COLUMNS.field_of(unicodedata.normalize("NFD", heading)) == field


def test_a_row_that_names_a_cluster_speaks_for_the_rows_below(tmp_path: Path) -> None:
    head = ("STT", "Tên đơn vị", "Ghi chú")
    rows: Rows = (
        ("I", "Khối thi đua số 1 (02 đơn vị)"), (1, "Sở Y tế"), (2, "Sở Nội vụ", "x"),
        ("II. CỤM THI ĐUA SỐ 2",), (3, "UBND xã Mường Mẫu"), (None, "Tổng cộng: 03 đơn vị"),
        (), (None, None, "An Hòa, ngày 02 tháng 01 năm 2027"), (None, None, "GIÁM ĐỐC"),
    )  # fmt: skip
    draft = spreadsheet.read(listed(tmp_path, *rows, head=head, merges=("A7:C7",)))
    assert keys(draft) == []
    read_as = [(row.name, row.cluster.code if row.cluster else "") for row in draft.rows]
    assert read_as == [
        ("Sở Y tế", "KHOI-THI-DUA-SO-1"),
        ("Sở Nội vụ", "KHOI-THI-DUA-SO-1"),
        ("UBND xã Mường Mẫu", "CUM-THI-DUA-SO-2"),
    ]


def test_a_cluster_merged_over_rows_holds_for_each_of_them(tmp_path: Path) -> None:
    rows = (CLINIC, (2, "BD", "UBND phường Ba Đình", None, "Hà Nội", None, None, "Phó", 2027))
    draft = spreadsheet.read(listed(tmp_path, *rows, merges=("G4:G5",)))
    assert [row.cluster.name for row in draft.rows if row.cluster] == ["Cụm 1", "Cụm 1"]


@pytest.mark.parametrize(
    ("column", "value", "key", "remedy"),
    [
        (1, "***", "units_import-code-unusable", "SYT hoặc X-01"),
        (2, None, "units_import-row-no-name", "xóa cả dòng"),
        (4, "Hà Nọi cũ", "units_import-place-unknown", "neuguong places"),
        (4, "Thành phố Hồ", "units_import-place-near", "Thành phố Hồ Chí Minh"),
        (5, "Phường Cát Bà", "units_import-place-unknown", "tên cũ"),
        (7, "Ủy quyền", "units_import-seat-unknown", "trưởng, phó hoặc thành viên"),
        (8, "năm nay", "units_import-year-wrong", "2027"),
        (2, "#REF!", "papers-cell-formula-error", "sửa công thức"),
        (2, "x" * 301, "papers-cell-too-long", "ngắn lại"),
    ],
)
def test_every_error_names_its_cell_its_value_and_the_remedy(
    tmp_path: Path, column: int, value: str | None, key: str, remedy: str
) -> None:
    row = list(CLINIC)
    row[column] = value
    draft = spreadsheet.read(listed(tmp_path, tuple(row)))
    (problem,) = draft.problems
    assert (problem.key, problem.severity) == (key, "error")
    words = explain(problem, VI)
    for part in ("Trang tính1", "dòng 4", f"cột {'ABCDEFGHI'[column]}", remedy):
        assert part in words
    if value:
        assert value[:20] in words
    assert not draft.can_be_imported


def test_a_place_that_several_bear_asks_for_the_province(tmp_path: Path) -> None:
    row = (1, "HB", "UBND xã Hòa Bình", None, None, "Xã Hòa Bình", None, None, None)
    (problem,) = spreadsheet.read(listed(tmp_path, row)).problems
    assert problem.key == "units_import-place-several"
    assert "Tỉnh Cà Mau" in explain(problem, VI)
    mended = (1, "HB", "UBND xã Hòa Bình", None, "Bạc Liêu", "Xã Hòa Bình", None, None, None)
    assert only(spreadsheet.read(listed(tmp_path, mended))).province == "96"


def test_what_stands_twice_is_named(tmp_path: Path) -> None:
    other = (2, "syt", "Sở Nội vụ", None, None, None, "Cụm 1", "Trưởng", 2027)
    again = (3, "SYT", "SỞ Y TẾ", *CLINIC[3:])
    draft = spreadsheet.read(listed(tmp_path, CLINIC, other, again))
    assert sorted(keys(draft)) == ["units_import-code-twice", "units_import-row-twice"]


def test_one_row_tells_all_that_is_wrong_with_it(tmp_path: Path) -> None:
    row = (1, "***", None, None, "Hà Nọi cũ", "#REF!", "Cụm 1", "Ủy quyền", "năm nay")
    draft = spreadsheet.read(listed(tmp_path, row))
    assert [(one.key, one.column) for one in draft.problems] == [
        ("papers-cell-formula-error", "F"),
        ("units_import-row-no-name", "C"),
        ("units_import-place-unknown", "E"),
        ("units_import-seat-unknown", "H"),
        ("units_import-code-unusable", "B"),
        ("units_import-year-wrong", "I"),
    ]


def test_two_columns_that_give_a_unit_two_seats_are_named(tmp_path: Path) -> None:
    head = ("Mã", "Tên đơn vị", "Cụm thi đua", "Cụm trưởng", "Cụm phó")
    agreeing = ("SYT", "Sở Y tế", "Cụm 1", "Trưởng", None)
    other = ("BD", "UBND phường Ba Đình", "Cụm 1", None, "Phó")
    draft = spreadsheet.read(listed(tmp_path, agreeing, other, head=head))
    assert [row.seat for row in draft.rows] == [SeatRank.HEAD, SeatRank.DEPUTY]
    differing = ("SYT", "Sở Y tế", "Cụm 1", "Trưởng", "Phó")
    (problem,) = spreadsheet.read(listed(tmp_path, differing, head=head)).problems
    assert (problem.key, problem.row, problem.column) == ("units_import-seat-twice", 4, "E")
    assert "Cột D" in explain(problem, VI)


def test_files_that_are_no_list_are_refused_with_what_to_do(tmp_path: Path) -> None:
    old = tmp_path / "cu.xlsx"
    old.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2_000))
    assert keys(spreadsheet.read(old)) == ["papers-file-old-xls"]
    letter = workbook(tmp_path / "thu.xlsx", (("Kính gửi các đơn vị",), ("Xin đăng ký.",)))
    assert keys(spreadsheet.read(letter)) == ["units_import-no-table"]
    empty = workbook(tmp_path / "rong.xlsx", (("Mã", "Tên đơn vị"),))
    assert keys(spreadsheet.read(empty)) == ["units_import-no-rows"]


def test_a_wrong_claim_of_its_own_size_loses_no_row(tmp_path: Path) -> None:
    whole, broken = listed(tmp_path, CLINIC, WARD), tmp_path / "hong.xlsx"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(broken, "w") as out:
        for part in source.namelist():
            content = source.read(part)
            if part.endswith("sheet1.xml"):
                assert b'<dimension ref="A1:I5"' in content
                content = content.replace(b'ref="A1:I5"', b'ref="A1:A1"', 1)
            out.writestr(part, content)
    assert len(spreadsheet.read(broken).rows) == 2


def test_kinds_are_known_by_their_words_or_guessed_from_names() -> None:
    for locale in ("vi", "en"):
        for kind in service.KINDS:
            assert kind_said(say(locale, f"units-kind-{kind}")) is kind, (locale, kind)
    guessed: tuple[tuple[str, UnitKind | None], ...] = (
        ("Trường THPT Hoa Sen", UnitKind.SCHOOL), ("UBND xã Suối Mơ", UnitKind.COMMUNE),
        ("Sở Lao động - Thương binh và Xã hội", UnitKind.DEPARTMENT),
        ("Công an tỉnh An Hòa", UnitKind.ARMED_FORCES), ("Hội Nông dân", UnitKind.ASSOCIATION),
        ("Công ty TNHH Mẫu", UnitKind.ENTERPRISE), ("Báo An Hòa", None),
    )  # fmt: skip
    for name, expected in guessed:
        assert kind_said(name) is expected, name
    assert (initials("Sở Y tế"), initials("Trường THCS số 2")) == ("SYT", "TTHCSS2")


@pytest.mark.parametrize("words", [VI, EN])
def test_our_own_template_filled_in_is_read_without_a_problem(tmp_path: Path, words: Say) -> None:
    path = tmp_path / "mau.xlsx"
    template.write_template(path, words)
    book = openpyxl.load_workbook(path)
    sheet = book[words("units_import-sheet-units")]
    filled = (
        1, "SYT", "Sở Y tế", words("units-kind-department"), None, "Thành phố Hà Nội",
        "Phường Ba Đình", "Ty Y tế; Sở Y", "Cụm 1", words("units-seat-head"), 2027,
        "Trần Văn Minh", "Lê Thị Mơ", None,
    )  # fmt: skip
    for column, value in enumerate(filled, start=1):
        sheet.cell(2, column).value = value
    book.save(path)
    row = only(spreadsheet.read(path))
    assert spreadsheet.read(path).problems == ()
    assert (row.kind, row.commune, row.seat) == (UnitKind.DEPARTMENT, "00004", SeatRank.HEAD)
    assert row.aliases == ("Ty Y tế", "Sở Y")
    assert [name for _, name in row.people] == ["Trần Văn Minh", "Lê Thị Mơ"]


# Into the database


@pytest.fixture
async def session(database_url: str) -> AsyncIterator[AsyncSession]:
    db = Database(database_url)
    async with db.transaction() as session:
        yield session
    await db.close()


@pytest.fixture
async def office(session: AsyncSession) -> Office:
    made = Office(id=new_id(), code="AH", name="Phòng Thi đua tỉnh An Hòa", addresses=[])
    session.add(made)
    await session.flush()
    session.add(
        Deadline(
            id=new_id(), office_id=made.id, code="DK-2027", year=2027, title="Đăng ký",
            work=Work.REGISTRATION, due_at=datetime(2027, 3, 31, 17, tzinfo=UTC),
            state=DeadlineState.ARMED,
        )
    )  # fmt: skip
    return made


async def imported(session: AsyncSession, path: Path, office: Office) -> intake.Plan:
    return await intake.import_units(session, spreadsheet.read(path), office, NOW)


async def test_units_come_in_owe_what_is_armed_and_a_second_time_nothing_changes(
    session: AsyncSession, office: Office, tmp_path: Path
) -> None:
    path = listed(tmp_path, CLINIC, WARD, (3, None, "Trường Mầm non Hoa Sen"))
    first = await imported(session, path, office)
    assert (first.has_errors, first.count("create")) == (False, 6)
    assert [problem.key for problem in first.problems] == ["units_import-code-made"]
    units = {unit.code: unit for unit in await session.scalars(select(Unit))}
    assert set(units) == {"SYT", "BD", "TMNHS"}
    assert (units["BD"].kind, units["BD"].commune) == (UnitKind.COMMUNE, "00004")
    assert len((await session.scalars(select(Duty))).all()) == 3
    again = await imported(session, path, office)
    assert again.changes_nothing
    assert (again.count("unchanged"), list(intake.describe(again, VI))) == (5, [])


async def test_a_renamed_unit_keeps_its_code_and_empty_cells_change_nothing(
    session: AsyncSession, office: Office, tmp_path: Path
) -> None:
    await imported(session, listed(tmp_path, CLINIC, WARD), office)
    renamed = (1, "BD", "UBND phường Ba Đình mới", "Xã, phường, đặc khu")
    plan = await imported(session, listed(tmp_path, renamed), office)
    (line,) = intake.describe(plan, VI)
    assert line == "Sửa BD · UBND phường Ba Đình mới — khác ở: Tên đơn vị"
    unit = (await session.scalars(select(Unit).where(Unit.code == "BD"))).one()
    assert unit.commune == "00004"


async def test_parents_are_found_in_the_file_or_the_list_and_never_in_circles(
    session: AsyncSession, office: Office, tmp_path: Path
) -> None:
    head = ("Mã", "Tên đơn vị", "Đơn vị cấp trên")
    rows = (("A", "Trạm A", "Sở Y tế"), ("SYT", "Sở Y tế", None))
    await imported(session, listed(tmp_path, *rows, head=head), office)
    found = {unit.code: unit for unit in await session.scalars(select(Unit))}
    assert found["A"].parent_id == found["SYT"].id
    wrong = (("SYT", "Sở Y tế", "A"), ("B", "Trạm B", "Không có"), ("C", "Trạm C", "C"))
    plan = await imported(session, listed(tmp_path, *wrong, head=head), office)
    assert [(one.key, one.row, one.column) for one in plan.problems] == [
        ("units_import-parent-circle", 4, "C"),
        ("units_import-parent-unknown", 5, "C"),
        ("units_import-parent-itself", 6, "C"),
    ]


async def test_an_error_in_a_parents_row_hides_nothing_below_it(
    session: AsyncSession, office: Office, tmp_path: Path
) -> None:
    head = ("Mã", "Tên đơn vị", "Đơn vị cấp trên", "Tỉnh")
    rows = (
        ("SYT", "#REF!", None, "Hà Nội"), ("A", "Trạm A", "SYT", None),
        ("B", "Trạm B", "Không có", None), ("C", "Trạm C", "không có", None),
        ("D", "Trạm D", "D", "Hà Nọi cũ"), ("A", "Trạm Khác", None, None),
        ("E", "Trạm E", "Trạm Khác", None),
    )  # fmt: skip
    plan = await imported(session, listed(tmp_path, *rows, head=head), office)
    assert [(one.key, one.row, one.column) for one in plan.problems] == [
        ("papers-cell-formula-error", 4, "B"),
        ("units_import-parent-unknown", 6, "C"),
        ("units_import-parent-unknown-again", 7, "C"),
        ("units_import-place-unknown", 8, "D"),
        ("units_import-parent-itself", 8, "C"),
        ("units_import-code-twice", 9, "B"),
        ("units_import-parent-refused", 5, "C"),
        ("units_import-parent-refused", 10, "C"),
    ]
    assert "dòng 4, mà dòng đó đang có lỗi" in explain(plan.problems[-2], VI)
    assert "như ở trang “Trang tính1”, dòng 6" in explain(plan.problems[2], VI)
    assert plan.has_errors
    assert plan.lines == ()


async def test_two_heads_of_a_cluster_are_named_with_their_cells(
    session: AsyncSession, office: Office, tmp_path: Path
) -> None:
    """Also where one row says the year and the other leaves it to be this one."""
    for year in (2027, None):
        second = (2, "SNV", "Sở Nội vụ", None, None, None, "Cụm 1", "Trưởng", year)
        plan = await imported(session, listed(tmp_path, CLINIC, second), office)
        (problem,) = [one for one in plan.problems if one.severity == "error"]
        assert (problem.key, problem.row, problem.column) == ("units_import-two-heads", 5, "H")
        words = explain(problem, VI)
        for part in ("năm 2027", "Sở Y tế", "dòng 4, cột H", "hãy sửa"):
            assert part in words


async def test_heads_rotate_by_year_and_there_is_one_at_a_time(
    session: AsyncSession, office: Office, tmp_path: Path
) -> None:
    await imported(session, listed(tmp_path, CLINIC, WARD), office)
    turned = (*WARD[:7], "Trưởng", 2027)
    await imported(session, listed(tmp_path, turned), office)
    assert await _ranks(session, 2027) == {"BD": "head", "SYT": "member"}
    assert await service.renew(session, office.id, 2028, "command", NOW) == 2
    assert await service.renew(session, office.id, 2028, "command", NOW) == 0
    assert await _ranks(session, 2028) == {"BD": "member", "SYT": "member"}
    cluster = await service.cluster_by_code(session, "cum-1", office.id)
    clinic = await service.unit_by_code(session, "syt", office.id)
    assert await service.seat(session, cluster, clinic, 2028, SeatRank.HEAD, "command", NOW)
    assert not await service.seat(session, cluster, clinic, 2028, SeatRank.HEAD, "command", NOW)
    assert await _ranks(session, 2028) == {"BD": "member", "SYT": "head"}
    assert await _ranks(session, 2027) == {"BD": "head", "SYT": "member"}


async def _ranks(session: AsyncSession, year: int) -> dict[str, str]:
    found = await session.execute(
        select(Unit.code, ClusterSeat.rank)
        .join(ClusterSeat, ClusterSeat.unit_id == Unit.id)
        .where(ClusterSeat.year == year)
    )
    return dict(found.all())


# As it is typed


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    made = Desk(tmp_path / "home", capsys)
    assert made.types("office", "--name", "Phòng Thi đua tỉnh An Hòa").code == 0
    return made


PEOPLE = ("Mã", "Tên đơn vị", "Thủ trưởng", "Đầu mối")


def test_a_dry_run_writes_nothing_and_a_commit_invites_each_person_once(
    desk: Desk, tmp_path: Path
) -> None:
    path = str(listed(tmp_path, ("SYT", "Sở Y tế", "Trần Văn Minh", "Lê Thị Mơ"), head=PEOPLE))
    tried = desk.types("import", "units", path)
    assert (tried.code, desk.asks("SELECT code FROM units")) == (0, [])
    assert "Tạo mới SYT · Sở Y tế" in tried.out
    assert "chưa ghi gì" in tried.out
    assert "2 người" in tried.out
    out = tmp_path / "moi.xlsx"
    said = desk.types("import", "units", path, "--commit", "--invitations", str(out))
    assert "Đã mời 2 người" in said.out
    sheet = openpyxl.load_workbook(out).worksheets[0]
    rows = list(sheet.iter_rows(min_row=2, values_only=True))
    assert [row[3] for row in rows] == ["Trần Văn Minh", "Lê Thị Mơ"]
    assert str(rows[0][5]).endswith("/chat#start=u-" + str(rows[0][4]).replace("-", ""))
    again = desk.types("import", "units", path, "--commit", "--invitations", str(out))
    assert "không làm thay đổi gì" in again.out
    assert "Đã mời 0 người" in again.out
    refused = desk.types("import", "units", path, "--invitations", str(out))
    assert refused.code == 1


def test_errors_are_said_and_nothing_is_written(desk: Desk, tmp_path: Path) -> None:
    wrong = (2, "X", "Đơn vị X", None, "Tỉnh Không Có")
    said = desk.types("import", "units", str(listed(tmp_path, CLINIC, wrong)), "--commit")
    assert said.code == 1
    assert "LỖI: Trang “Trang tính1”, dòng 5, cột E, ô ghi “Tỉnh Không Có”" in said.out
    assert desk.asks("SELECT code FROM units") == []


def test_units_people_and_clusters_are_kept_from_the_command_line(
    desk: Desk, tmp_path: Path
) -> None:
    desk.types("import", "units", str(listed(tmp_path, CLINIC, WARD)), "--commit")
    assert "BD · UBND phường Ba Đình · xã, phường, đặc khu · Phường Ba Đình" in (
        desk.types("units", "--find", "truc bach").out
    )
    said = desk.types("unit", "invite", "syt", "head", "Trần Văn Minh")
    assert "/chat#start=u-" in said.out
    shown = desk.types("unit", "members", "SYT").out
    (invitation,) = desk.asks("SELECT id FROM unit_invitations")
    assert f"{invitation[0]} · lời mời cho Trần Văn Minh" in shown
    assert desk.types("unit", "revoke", invitation[0]).code == 0
    assert desk.types("unit", "revoke", invitation[0]).code == 1
    assert "lời mời" not in desk.types("unit", "members", "SYT").out
    assert "không còn" in desk.types("unit", "remove", "x" * 20).err
    listed_out = desk.types("clusters", "--year", "2027").out
    assert "CUM-1 · Cụm 1 · năm 2027 · 2 đơn vị\n  SYT · Sở Y tế · trưởng\n" in listed_out
    assert desk.types("cluster", "seat", "CUM-1", "BD", "head", "--year", "2027").code == 0
    assert "BD · UBND phường Ba Đình · trưởng" in desk.types("clusters", "--year", "2027").out
    assert "Đã chuyển 2 đơn vị" in desk.types("cluster", "renew", "2028").out
    assert desk.types("cluster", "seat", "CUM-9", "BD", "head").code == 1
    closed = desk.types("unit", "close", "BD", "--reason", "Sáp nhập")
    assert closed.code == 0
    assert "thôi hoạt động" in desk.types("units").out
    found = desk.types("places", "truc bach").out
    assert "00004 · Phường Ba Đình" in found
    assert "xem Chủ Nhật, ngày 20/09/2026; chưa đối chiếu văn bản gốc" in found


def test_formulas_without_a_result_are_named_not_lost(tmp_path: Path) -> None:
    path = listed(tmp_path, (1, "SYT", '=CONCATENATE("Sở ","Y tế")'))
    assert "papers-cell-formula-empty" in keys(spreadsheet.read(path))
