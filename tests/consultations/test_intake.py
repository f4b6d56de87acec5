"""From an office's spreadsheet to drafts in the database, once and again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from bot.clock import Calendar, end_of_day, load_calendar
from bot.replies import UserError
from handlers.consultations import bases, lifecycle, service
from handlers.consultations.papers import intake, spreadsheet
from storage import schema
from storage.db import Database
from storage.models.consultations import (
    Award,
    Candidate,
    Consultation,
    ConsultationState,
    Publication,
)
from storage.models.office import Act, Office
from storage.seed import load_catalogue
from tests.consultations.papers import VI

NOW = datetime(2026, 11, 5, 3, 0, tzinfo=UTC)

NOTICE = {
    "Mã đợt": "AH-T1",
    "Tiêu đề": "Lấy ý kiến về trường hợp đề nghị tặng Huân chương Lao động",
    "Số ngày": "10 ngày làm việc",
    "Ngày đăng": "09/11/2026",
    "Ngày kết thúc": "24/11/2026",
    "Cơ quan tiếp nhận": "Ban Thi đua - Khen thưởng tỉnh An Hòa",
    "Căn cứ pháp lý": "khoản 2 Điều 44 Nghị định số 152/2025/NĐ-CP",
    "Nơi đăng": "Báo An Hòa điện tử",
}
Row = tuple[object, ...]
HEADING: Row = (
    "STT", "Họ và tên", "Đơn vị", "Hình thức khen thưởng", "Tóm tắt thành tích", "Tài liệu",
)  # fmt: skip
SEN: Row = (
    1, "Lê Thị Sen", "Trạm Y tế xã Sông Mây", "Huân chương Lao động hạng Ba", "Hai mươi năm.",
    "https://anhoa.example.vn/sen.pdf",
)  # fmt: skip
LAU: Row = (
    2, "Phan Văn Lau", "Trường Tiểu học Đồi Sao", "Huân chương Lao động hạng Nhì", "Mười năm.", "",
)  # fmt: skip


def _spreadsheet(
    path: Path, rows: Sequence[Row] = (SEN, LAU), changes: Mapping[str, str] | None = None
) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for label, value in {**NOTICE, **(changes or {})}.items():
        if value:
            sheet.append([label, value])
    sheet.append([])
    for row in (HEADING, *rows):
        sheet.append(list(row))
    book.save(path)
    return path


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await schema.migrate(database)
    async with database.transaction() as session:
        await load_catalogue(session)
    yield database
    await database.close()


async def _import(db: Database, path: Path, calendar: Calendar | None = None) -> intake.Plan:
    async with db.transaction() as session:
        draft = spreadsheet.read(path, await intake.award_names(session))
        plan = await intake.import_consultations(
            session, draft, calendar or await load_calendar(session), NOW, document_title="Hồ sơ"
        )
        if plan.has_errors:
            await session.rollback()
            return plan
    return plan


async def _asked(db: Database) -> Consultation:
    async with db.reading() as session:
        asked = await session.scalar(
            select(Consultation).options(
                selectinload(Consultation.candidates).selectinload(Candidate.documents)
            )
        )
    assert asked is not None
    return asked


def _actions(plan: intake.Plan) -> list[tuple[str, str]]:
    return [(line.action, line.candidate) for line in plan.lines]


def _words(plan: intake.Plan) -> str:
    return "\n".join(intake.describe(plan, VI))


async def test_a_spreadsheet_becomes_a_draft_with_its_window_and_its_office(
    db: Database, tmp_path: Path
) -> None:
    plan = await _import(db, _spreadsheet(tmp_path / "a.xlsx"))
    assert not plan.has_errors, _words(plan)
    assert _actions(plan) == [("create", ""), ("create", "Lê Thị Sen"), ("create", "Phan Văn Lau")]
    asked = await _asked(db)
    assert asked.state == ConsultationState.DRAFT
    assert (asked.code, asked.days, asked.day_unit) == ("AH-T1", 10, "working")
    assert asked.computed_ends_at == end_of_day(date(2026, 11, 23))
    assert asked.closes_at == end_of_day(date(2026, 11, 24))
    assert [(b["article"], b["verified"]) for b in asked.legal_bases] == [
        ("khoản 2 Điều 44", False)
    ]
    assert [c.award_code for c in asked.candidates] == ["HCLD3", "HCLD2"]
    assert [d.title for d in asked.candidates[0].documents] == ["Hồ sơ"]
    async with db.reading() as session:
        assert await session.scalar(select(Office.name)) == NOTICE["Cơ quan tiếp nhận"]
        assert await session.scalar(select(Publication.medium)) == NOTICE["Nơi đăng"]


async def test_the_same_file_a_second_time_changes_nothing_and_says_so(
    db: Database, tmp_path: Path
) -> None:
    path = _spreadsheet(tmp_path / "a.xlsx")
    await _import(db, path)
    again = await _import(db, path)
    assert again.changes_nothing
    assert {action for action, _ in _actions(again)} == {"unchanged"}
    async with db.reading() as session:
        assert len((await session.scalars(select(Act.id))).all()) == 1


async def test_a_corrected_file_changes_only_what_differs(db: Database, tmp_path: Path) -> None:
    await _import(db, _spreadsheet(tmp_path / "a.xlsx"))
    corrected = (*SEN[:4], "Hai mươi hai năm.", SEN[5])
    plan = await _import(db, _spreadsheet(tmp_path / "b.xlsx", (corrected, LAU)))
    assert _actions(plan) == [
        ("unchanged", ""), ("update", "Lê Thị Sen"), ("unchanged", "Phan Văn Lau"),
    ]  # fmt: skip
    assert plan.lines[1].changed == ("summary",)
    assert "Tóm tắt thành tích" in _words(plan)
    asked = await _asked(db)
    assert asked.candidates[0].summary == "Hai mươi hai năm."
    assert len(asked.candidates[0].documents) == 1


async def test_two_candidates_may_change_places(db: Database, tmp_path: Path) -> None:
    await _import(db, _spreadsheet(tmp_path / "a.xlsx"))
    swapped = ((1, *LAU[1:]), (2, *SEN[1:]))
    plan = await _import(db, _spreadsheet(tmp_path / "b.xlsx", swapped))
    assert not plan.has_errors, _words(plan)
    assert [c.name for c in (await _asked(db)).candidates] == ["Phan Văn Lau", "Lê Thị Sen"]


async def test_a_candidate_no_longer_in_the_file_leaves_the_draft(
    db: Database, tmp_path: Path
) -> None:
    await _import(db, _spreadsheet(tmp_path / "a.xlsx"))
    plan = await _import(db, _spreadsheet(tmp_path / "b.xlsx", ((1, *LAU[1:]),)))
    assert ("remove", "Lê Thị Sen") in _actions(plan)
    assert [(c.number, c.name) for c in (await _asked(db)).candidates] == [(1, "Phan Văn Lau")]


async def test_a_moved_posting_day_moves_the_window_of_a_draft(
    db: Database, tmp_path: Path
) -> None:
    await _import(db, _spreadsheet(tmp_path / "a.xlsx"))
    await _import(db, _spreadsheet(tmp_path / "b.xlsx", changes={"Ngày đăng": "10/11/2026"}))
    asked = await _asked(db)
    assert asked.opens_at == end_of_day(date(2026, 11, 9))
    # 24 November is a holiday.
    assert asked.computed_ends_at == end_of_day(date(2026, 11, 25))


async def test_nothing_changes_in_an_open_consultation_and_every_difference_is_named(
    db: Database, tmp_path: Path
) -> None:
    path = _spreadsheet(tmp_path / "a.xlsx")
    await _import(db, path)
    async with db.transaction() as session:
        asked = await lifecycle.by_code(session, "AH-T1")
        await session.refresh(asked, ["candidates"])
        await lifecycle.publish(session, asked, "command", NOW)
    other = (*SEN[:4], "Lời khác.", SEN[5])
    changed = _spreadsheet(tmp_path / "b.xlsx", (other,), {"Số ngày": "7 ngày làm việc"})
    plan = await _import(db, changed)
    assert plan.has_errors
    assert _actions(plan) == [("refuse", ""), ("refuse", "Lê Thị Sen"), ("refuse", "Phan Văn Lau")]
    assert plan.lines[0].changed == ("days",)
    assert "Số ngày" in _words(plan)
    after = await _asked(db)
    assert after.days == 10
    assert [c.summary for c in after.candidates] == ["Hai mươi năm.", "Mười năm."]
    assert (await _import(db, path)).changes_nothing


async def test_a_window_beyond_the_holiday_table_is_an_error_and_nothing_is_kept(
    db: Database, tmp_path: Path
) -> None:
    short = Calendar(date(2026, 1, 1), date(2026, 11, 15))
    plan = await _import(db, _spreadsheet(tmp_path / "a.xlsx"), short)
    assert plan.has_errors
    assert "15/11/2026" in _words(plan)
    async with db.reading() as session:
        assert await session.scalar(select(Consultation.id)) is None


async def test_an_announced_end_before_the_computed_one_is_warned_of(
    db: Database, tmp_path: Path
) -> None:
    plan = await _import(
        db, _spreadsheet(tmp_path / "a.xlsx", changes={"Ngày kết thúc": "20/11/2026"})
    )
    assert "intake-announced-too-short" in [p.key for p in plan.problems]
    assert not plan.has_errors
    assert (await _asked(db)).closes_at == end_of_day(date(2026, 11, 23))


async def test_another_offices_name_is_warned_of_and_the_office_keeps_its_own(
    db: Database, tmp_path: Path
) -> None:
    async with db.transaction() as session:
        session.add(Office(code="X", name="Phòng Thi đua tỉnh An Hòa"))
    plan = await _import(db, _spreadsheet(tmp_path / "a.xlsx"))
    assert "intake-other-office" in [p.key for p in plan.problems]
    async with db.reading() as session:
        assert (await session.scalars(select(Office.name))).all() == ["Phòng Thi đua tỉnh An Hòa"]


async def test_without_any_office_named_the_file_is_refused(db: Database, tmp_path: Path) -> None:
    plan = await _import(db, _spreadsheet(tmp_path / "a.xlsx", changes={"Cơ quan tiếp nhận": ""}))
    assert plan.has_errors
    assert "Cơ quan tiếp nhận" in _words(plan)


async def test_a_file_with_errors_writes_nothing(db: Database, tmp_path: Path) -> None:
    nonsense = (*SEN[:3], "Huân chương Không Có Thật", *SEN[4:])
    plan = await _import(db, _spreadsheet(tmp_path / "a.xlsx", (nonsense,)))
    assert plan.has_errors
    assert plan.lines == ()
    assert "Huân chương Không Có Thật" in _words(plan)


async def test_the_number_of_the_notice_who_issued_it_and_the_receiver_are_kept(
    db: Database, tmp_path: Path
) -> None:
    told = {
        "Số thông báo": "77/TB-SNV ngày 06/11/2026", "Cơ quan ban hành": "Sở Nội vụ",
        "Địa chỉ": "Số 1 đường Sen", "Điện thoại": "0200 111 222", "Thư điện tử": "a@b.example",
    }  # fmt: skip
    await _import(db, _spreadsheet(tmp_path / "a.xlsx", changes=told))
    asked = await _asked(db)
    assert (asked.document, asked.publisher) == ("77/TB-SNV ngày 06/11/2026", "Sở Nội vụ")
    assert asked.receiving_addresses == ["Số 1 đường Sen"]
    moved = {**told, "Địa chỉ": "Số 2 đường Sen", "Điện thoại": "0200 333 444"}
    plan = await _import(db, _spreadsheet(tmp_path / "b.xlsx", changes=moved))
    assert plan.lines[0].changed == ("receiving_addresses", "receiving_telephone")
    assert "Địa chỉ; Điện thoại" in _words(plan)
    async with db.reading() as session:
        receiver = await service.receiver_of(session, await _asked(db))
    assert receiver.addresses == ("Số 2 đường Sen",)
    assert receiver.telephone == "0200 333 444"


async def test_a_notice_that_names_another_receiver_does_not_show_the_offices_address(
    db: Database, tmp_path: Path
) -> None:
    async with db.transaction() as session:
        office = Office(code="X", name="Ban TĐKT", addresses=["Số 9"], telephone="0200 9")
        office.parent_name, office.denunciation_office = "Sở Nội vụ", "Thanh tra tỉnh"
        session.add(office)
    told = {"Cơ quan tiếp nhận": "Văn phòng UBND tỉnh", "Địa chỉ": "Số 1 đường Sen"}
    await _import(db, _spreadsheet(tmp_path / "a.xlsx", changes=told))
    async with db.reading() as session:
        receiver = await service.receiver_of(session, await _asked(db))
    assert receiver.contact == "Văn phòng UBND tỉnh, Số 1 đường Sen"
    assert (receiver.parent_name, receiver.telephone) == ("", "")
    assert (receiver.reads, receiver.denunciation_office) == ("Ban TĐKT", "Thanh tra tỉnh")


async def test_a_legal_basis_keeps_the_words_of_the_office_and_its_standing(
    db: Database, tmp_path: Path
) -> None:
    path = _spreadsheet(tmp_path / "a.xlsx")
    await _import(db, path)
    async with db.transaction() as session:
        asked = await lifecycle.by_code(session, "AH-T1")
        assert bases.words(asked.legal_bases[0]) == NOTICE["Căn cứ pháp lý"]
        told: dict[str, date | bool] = {"verified": True, "checked_on": date(2026, 11, 6)}
        bases.mark(session, asked, 1, told, "command", NOW)
        with pytest.raises(UserError, match="no-such-basis"):
            bases.mark(session, asked, 2, told, "command", NOW)
    assert (await _import(db, path)).changes_nothing
    (basis,) = (await _asked(db)).legal_bases
    assert (basis["verified"], basis["checked_on"]) == (True, "2026-11-06")


async def test_a_notice_without_a_number_of_days_is_told_what_it_gets_and_why(
    db: Database, tmp_path: Path
) -> None:
    plan = await _import(db, _spreadsheet(tmp_path / "a.xlsx", changes={"Số ngày": ""}))
    assert "10 ngày làm việc theo khoản 2 Điều 44 Nghị định số 152/2025" in _words(plan)
    assert "chưa đối chiếu" in _words(plan)


async def test_no_window_is_assumed_from_before_a_rule_was_in_force(
    db: Database, tmp_path: Path
) -> None:
    old = {"Số ngày": "", "Ngày đăng": "09/06/2025", "Ngày kết thúc": ""}
    plan = await _import(db, _spreadsheet(tmp_path / "a.xlsx", changes=old))
    assert "intake-no-window" in [p.key for p in plan.problems]
    assert plan.has_errors


async def test_an_award_that_needs_no_consultation_is_remarked_upon(
    db: Database, tmp_path: Path
) -> None:
    row: Row = (1, "Lê Thị Sen", "Trạm Y tế", "Giấy khen", "Hai mươi năm.", "")
    plan = await _import(db, _spreadsheet(tmp_path / "a.xlsx", (row,)))
    assert not plan.has_errors
    assert "neuguong award GK --consultation yes" in _words(plan)
    assert "theo danh mục (mục này chưa đối chiếu với văn bản gốc)" in _words(plan)
    async with db.transaction() as session:
        (await session.get_one(Award, "GK")).verified = True
    compared = await _import(db, _spreadsheet(tmp_path / "c.xlsx", (row,)))
    assert "theo danh mục, hình thức này không phải" in _words(compared)
    assert "neuguong award" not in _words(await _import(db, _spreadsheet(tmp_path / "b.xlsx")))
