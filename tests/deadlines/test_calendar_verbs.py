"""The calendar from the command line: what an office types, and what it is told."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

import pytest

from bot.clock import VIETNAM
from tests.desk import Desk

YEAR = datetime.now(VIETNAM).year + 1
"""A year to come, within the holiday table."""


@pytest.fixture
def desk(demo: Desk) -> Desk:
    return demo


def working_day(after: date) -> str:
    while after.weekday() > 2 or after.month != 3:
        after += timedelta(days=1)
    return after.isoformat()


DAY = working_day(date(YEAR, 3, 8))


def state(desk: Desk, code: str) -> str:
    """And how often it was moved: "armed 1"."""
    rows = desk.asks("SELECT state || ' ' || revision FROM deadlines WHERE code = ?", code)
    return rows[0][0]


def test_the_templates_are_listed_with_what_they_rest_on(desk: Desk) -> None:
    said = desk.types("calendar", "templates")
    assert said.code == 0
    assert "DK_THIDUA · 31/03 · đăng ký" in said.out
    assert "không phải thủ tục luật bắt buộc" in said.out
    assert "chưa đối chiếu văn bản" in said.out


def test_a_year_is_copied_listed_and_copied_again_without_change(desk: Desk) -> None:
    said = desk.types("calendar", "copy", str(YEAR), "--set", f"DK_THIDUA={DAY}")
    assert (said.code, said.err) == (0, "")
    assert f"MỚI    DK_THIDUA-{YEAR}" in said.out
    assert "Không tính ngày đăng (Bộ luật Dân sự)" in said.out, "the working is shown"
    again = desk.types("calendar", "copy", str(YEAR), "--set", f"DK_THIDUA={DAY}")
    assert "Thêm 0, sửa 0" in again.out
    listed = desk.types("deadlines", str(YEAR), default_locale="en").out
    assert f"DK_THIDUA-{YEAR}" in listed
    assert "a draft" in listed
    assert desk.types("deadlines", "2024").out.startswith("Chưa có hạn nào")


@pytest.mark.parametrize(
    "words",
    [("--set", "DK_THIDUA"), ("--set", "=2027-01-01"), ("--set", "DK_THIDUA=31/2/2027")],
)
def test_a_date_that_is_none_is_refused_by_the_command_line(
    desk: Desk, words: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit):
        desk.types("calendar", "copy", str(YEAR), *words)


def test_what_the_services_refuse_is_a_sentence(desk: Desk) -> None:
    said = desk.types("calendar", "copy", str(YEAR), "--set", f"KHONG_CO={DAY}")
    assert (said.code, said.out) == (1, "")
    assert "Không có mẫu KHONG_CO" in said.err
    assert "bảng ngày nghỉ chỉ có từ" in desk.types("calendar", "copy", "2031").err
    assert "Không có hạn nào mang mã X" in desk.types("deadline", "show", "X").err
    assert "Không hiểu “abc”" in desk.types("deadlines", "abc").err
    assert "--year" in desk.types("deadlines", "arm").err
    desk.changes("UPDATE deadlines SET state = 'cancelled' WHERE state = 'draft'")
    assert "chờ kích hoạt" in desk.types("deadlines", "preview").err


def test_back_planning_shows_its_working_and_writes_only_on_commit(desk: Desk) -> None:
    shown = desk.types("calendar", "backplan", str(YEAR))
    assert "Họp Hội đồng:" in shown.out
    assert "--commit" in shown.out
    before = {row[0] for row in desk.asks("SELECT code FROM deadlines")}
    written = desk.types("calendar", "backplan", str(YEAR), "--commit")
    assert written.code == 0
    codes = {row[0] for row in desk.asks("SELECT code FROM deadlines")} - before
    start = f"HOSO_CSTDTQ-{YEAR}"
    assert codes == {start, f"{start}-CB", f"{start}-HD", f"{start}-BNV"}
    council = desk.types(
        "calendar", "backplan", str(YEAR), "--council", f"{YEAR}-12-08", "--publish",
        f"{YEAR}-11-30",
    )  # fmt: skip
    assert (council.code, council.out) == (1, "")
    assert "chưa đủ 10 ngày làm việc" in council.err


def added(desk: Desk, code: str = "DK", *words: str) -> None:
    said = desk.types(
        "deadline", "add", code, "--title", "Đăng ký thi đua", "--due", DAY, "--work",
        "registration", *words,
    )  # fmt: skip
    assert (said.code, said.err) == (0, ""), said.err


def test_a_date_is_added_edited_shown_moved_and_cancelled(desk: Desk) -> None:
    added(
        desk, "dk", "--for", "commune, school", "--paper", "Tờ trình",
        "--ladder", "T-7,T0,T+1:head", "--in-working-days", "yes", "--mandatory", "yes",
        "--basis", "Thông lệ", "--source", "Công văn 1",
    )  # fmt: skip
    assert (
        "đã sửa tên việc, việc khẩn"
        in desk.types("deadline", "edit", "DK", "--title", "Đăng ký", "--urgent", "yes").out
    )
    assert "không có gì thay đổi" in desk.types("deadline", "edit", "DK", "--urgent", "yes").out
    assert "T-99" in desk.types("deadline", "edit", "DK", "--ladder", "T-9999").err
    later = (date.fromisoformat(DAY) + timedelta(days=1)).isoformat()
    assert desk.types("deadlines", "arm", "DK", "--yes").code == 0
    assert "deadline move" in desk.types("deadline", "edit", "DK", "--due", later).err
    moved = desk.types("deadline", "move", "DK", "--to", f"{later} 17:00", "--reason", "Vì sao")
    assert "17:00" in moved.out
    shown = desk.types("deadline", "show", "dk").out
    for words in ("T-7,T0,T+1:head", "- Tờ trình", "Lý do: Vì sao", "xã, phường", "Công văn 1"):
        assert words in shown
    assert state(desk, "DK") == "armed 1"
    assert desk.types("deadline", "cancel", "DK", "--reason", "Không cần nữa").code == 0
    assert state(desk, "DK") == "cancelled 1"
    assert "đã hủy" in desk.types("deadline", "move", "DK", "--to", DAY, "--reason", "x").err


def test_a_year_typed_wrong_is_mended_with_the_date_of_a_draft(desk: Desk) -> None:
    slip = working_day(date(YEAR - 1, 3, 8))
    right = ("--due", DAY)
    for code, *mend in (("DK1", "edit", *right), ("DK2", "move", "--to", DAY, "--reason", "Sửa")):
        added(desk, code)
        assert desk.types("deadline", "edit", code, "--due", slip).code == 0
        assert code in desk.types("deadlines", str(YEAR - 1)).out
        verb, *words = mend
        assert desk.types("deadline", verb, code, *words).code == 0
        assert code in desk.types("deadlines", str(YEAR)).out
        assert code not in desk.types("deadlines", str(YEAR - 1)).out


def test_a_last_day_on_which_nobody_works_is_pointed_out(desk: Desk) -> None:
    sunday = date.fromisoformat(DAY)
    sunday += timedelta(days=6 - sunday.weekday())
    said = desk.types(
        "deadline", "add", "CN", "--title", "X", "--due", sunday.isoformat(), "--work", "other"
    )
    assert "ngày cuối là ngày nghỉ" in said.out


def test_preview_names_who_cannot_be_reached_and_the_words(desk: Desk) -> None:
    added(desk)
    said = desk.types("deadlines", "preview", "DK").out
    assert "Xem trước: Đăng ký thi đua" in said
    assert "T-30: 08:00" in said
    assert "KHÔNG CÓ AI NHẬN ĐƯỢC TIN" in said
    assert re.search(r"  \| Còn \d+ ngày: Đăng ký thi đua", said)
    assert state(desk, "DK") == "draft 0"


def test_arming_is_a_dry_run_until_yes_and_a_repetition_needs_again(desk: Desk) -> None:
    added(desk)
    dry = desk.types("deadlines", "arm", "DK")
    assert "--yes" in dry.out
    assert state(desk, "DK") == "draft 0"
    armed = desk.types("deadlines", "arm", "DK", "--yes")
    units = desk.asks("SELECT count(*) FROM units WHERE kind <> 'office'")[0][0]
    assert f"đã kích hoạt cho {units} đơn vị" in armed.out
    owed = "SELECT count(*) FROM duties d JOIN deadlines e ON e.id = d.deadline_id"
    assert desk.asks(f"{owed} WHERE e.code = 'DK'") == [(units,)]
    assert desk.asks("SELECT actor FROM acts WHERE verb = 'arm deadline'") == [("command",)]
    added(desk, "DK2")
    assert "giống DK" in desk.types("deadlines", "arm", "--year", str(YEAR)).out
    assert "--again" in desk.types("deadlines", "arm", "DK2", "--yes").err
    assert state(desk, "DK2") == "draft 0"
    assert desk.types("deadlines", "arm", "DK2", "--yes", "--again").code == 0
    assert state(desk, "DK2") == "armed 0"
