"""The command line by which an office is kept: its details, officers, holidays and files."""

from __future__ import annotations

import re
import sqlite3
from datetime import date, datetime, timedelta

import pytest

from bot.clock import VIETNAM, end_of_day
from tests.desk import Desk


def _acts(desk: Desk) -> list[str]:
    found = desk.asks("SELECT verb FROM acts WHERE actor = 'command' ORDER BY id")
    return [verb for (verb,) in found]


# The office


def test_the_office_shows_its_details_and_changes_only_what_is_given(demo: Desk) -> None:
    shown = demo.types("office")
    assert "Điện thoại: 0200 355 0110" in shown.out
    changed = demo.types(
        "office", "--telephone", " 0200  111 222 ", "--address", "Số 1 đường Sen",
        "--address", "Số 2 đường Sen", "--portal", "https://tinh.example.vn",
        "--denunciation", "Thanh tra tỉnh An Hòa", "--parent-name", "Sở Nội vụ",
        "--email", "",
    )  # fmt: skip
    assert (changed.code, changed.err) == (0, "")
    again = demo.types("office", default_locale="en").out
    assert "Telephone: 0200 111 222" in again
    assert "Addresses of receipt: Số 1 đường Sen; Số 2 đường Sen" in again
    assert "E-mail: -" in again
    assert "Name: Ban Thi đua - Khen thưởng tỉnh An Hòa" in again
    assert _acts(demo)[-1] == "change office"


def test_an_office_can_be_made_before_the_first_notice(desk: Desk) -> None:
    assert "import consultation" in desk.types("office").err
    made = desk.types("office", "--name", "Phòng Thi đua tỉnh Suối Mây")
    assert (made.code, "PHONG-THI-DUA-TINH-SUOI-MAY" in made.out) == (0, True)
    assert desk.types("invite", "officer", "Chị Sen").code == 0
    assert desk.types("office", "--name", "Phòng Thi đua tỉnh Suối Mơ").code == 0
    assert desk.asks("SELECT name FROM offices") == [("Phòng Thi đua tỉnh Suối Mơ",)]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--name", " "), "--name"),
        (("--portal", "tinh.example.vn"), "https://"),
        (("--telephone", "0" * 41), "40"),
        (("--office", "KHONG-CO", "--email", "a@example.vn"), "BTDKT-AN-HOA"),
    ],
)
def test_a_detail_that_cannot_be_is_refused_in_a_sentence(
    demo: Desk, words: tuple[str, ...], told: str
) -> None:
    said = demo.types("office", *words)
    assert (said.code, said.out) == (1, "")
    assert told in said.err
    assert "change office" not in _acts(demo)


# Officers


def _joins(desk: Desk) -> str:
    """An officer beside the demo's own, who have left."""
    with sqlite3.connect(desk.home / "neuguong.db") as db:
        db.execute(
            "INSERT INTO officers (id, office_id, contact_id, role, name, joined_at)"
            " SELECT 'sen', office_id, contact_id, 'restricted', 'Chị Sen', joined_at"
            " FROM officers LIMIT 1"
        )
    return "sen"


def test_officers_are_listed_with_those_who_left_and_one_is_dismissed(demo: Desk) -> None:
    officer = _joins(demo)
    at_work, *gone = demo.types("officers").out.splitlines()
    assert at_work.startswith("sen · Chị Sen · restricted · BTDKT-AN-HOA · từ ")
    assert ["đã thôi" in one for one in gone] == [True] * 3
    assert demo.types("dismiss", officer, "--reason", "Chuyển công tác").code == 0
    assert demo.asks("SELECT verb, reason FROM acts WHERE object_id = 'sen'") == [
        ("revoke", "Chuyển công tác")
    ]
    assert demo.types("officers").out.count("đã thôi") == 4
    for stranger in (officer, "nobody"):
        refused = demo.types("dismiss", stranger)
        assert (refused.code, stranger in refused.err) == (1, True)


# A consultation's way


def test_a_closed_consultation_is_marked_step_by_step_and_no_step_is_skipped(demo: Desk) -> None:
    closed, _, still_open = demo.codes
    skipped = demo.types("mark", closed, "reported")
    assert (skipped.code, closed in skipped.err) == (1, True)
    assert demo.types("mark", still_open, "compiled").code == 1
    for state in ("compiled", "reported", "archived"):
        assert demo.types("mark", closed, state, "--reason", "Số 7/BC").code == 0
    assert _acts(demo)[-3:] == ["make compiled", "make reported", "make archived"]
    found = demo.asks("SELECT state FROM consultations WHERE code = ?", closed)
    assert found == [("archived",)]


def test_a_place_of_publication_is_noted_with_its_hour(demo: Desk) -> None:
    code = demo.codes[-1]
    yesterday = datetime.now(VIETNAM) - timedelta(days=1)
    said = demo.types(
        "posted", code, "--medium", "Báo An Hòa, số giấy", "--at", f"{yesterday:%d/%m/%Y} 08:30",
        "--url", "https://bao.example.vn/1",
    )  # fmt: skip
    assert (said.code, said.err) == (0, "")
    assert "08:30" in said.out
    (row,) = demo.asks("SELECT at, url FROM publications WHERE medium LIKE '%số giấy'")
    assert row[0].startswith(f"{yesterday:%Y-%m-%d} 01:30")
    assert row[1] == "https://bao.example.vn/1"
    assert _acts(demo)[-1] == "record posting"


def test_what_has_not_appeared_is_not_noted(demo: Desk) -> None:
    code = demo.codes[-1]
    tomorrow = f"{datetime.now(VIETNAM) + timedelta(days=1):%Y-%m-%d}"
    assert "chưa đến" in demo.types("posted", code, "--medium", "Báo", "--at", tomorrow).err
    with sqlite3.connect(demo.home / "neuguong.db") as db:
        db.execute("UPDATE consultations SET state = 'draft' WHERE code = ?", (code,))
    assert "bản nháp" in demo.types("posted", code, "--medium", "Báo", "--at", "2026-01-05").err
    with pytest.raises(SystemExit):
        demo.types("posted", code, "--medium", "Báo", "--at", "2026-01-05 25:00")


def test_late_opinions_are_kept_or_refused_as_long_as_nobody_was_late(demo: Desk) -> None:
    closed, _, still_open = demo.codes
    rule = "SELECT keeps_late FROM consultations WHERE code = ?"
    for word, kept in (("keep", "1"), ("refuse", "0")):
        assert demo.types("late", still_open, word).code == 0
        assert str(demo.asks(rule, still_open)[0][0]) == kept
    assert _acts(demo)[-2:] == ["keep late", "refuse late"]
    refused = demo.types("late", closed, "refuse")
    assert (refused.code, closed in refused.err) == (1, True)


# Holidays


def test_the_table_of_a_year_says_where_each_day_comes_from(demo: Desk) -> None:
    said = demo.types("holidays", "--year", "2027", default_locale="en")
    tet = next(line for line in said.out.splitlines() if "04/02/2027" in line)
    assert "holiday · Tết Đinh Mùi · NOT VERIFIED · Công văn 10065/VPCP-KGVX" in tet
    assert "verified" not in said.out.replace("NOT VERIFIED", "")
    demo.types("holidays", "--set", "2026-11-24", "holiday", "--source", "NQ 28", "--verified")
    assert "· verified ·" in demo.types("holidays", "--year", "2026", default_locale="en").out


def test_the_offices_own_row_wins_and_is_verified(demo: Desk) -> None:
    words = ("--source", "Thông báo 9/TB-X", "--verified")
    said = demo.types("holidays", "--set", "2027-02-04", "holiday", *words)
    assert (said.code, said.err) == (0, "")
    assert "Thông báo 9/TB-X" in said.out
    listed = demo.types("holidays", "--year", "2027").out
    (tet,) = (line for line in listed.splitlines() if "04/02/2027" in line)
    assert "đã đối chiếu · Thông báo 9/TB-X" in tet
    assert _acts(demo)[-1] == "set holiday"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--set", "2027-02-04", "holiday"), "--source"),
        (("--set", "2027-02-04", "worked_weekend", "--source", "Thông báo"), "thứ Bảy"),
        (("--until", "2020-01-01"), "01/01/2024"),
        (("--apply",), "--reason"),
    ],
)
def test_a_correction_that_cannot_be_is_refused(
    demo: Desk, words: tuple[str, ...], told: str
) -> None:
    said = demo.types("holidays", *words)
    assert (said.code, said.out) == (1, "")
    assert told in said.err
    assert demo.asks("SELECT * FROM calendar_days") == []


def test_a_kind_of_day_that_does_not_exist_is_typed_wrong(demo: Desk) -> None:
    for words in (("2027-02-04", "feast"), ("soon", "holiday")):
        with pytest.raises(SystemExit) as stopped:
            demo.types("holidays", "--set", *words, "--source", "Thông báo")
        assert stopped.value.code == 2


def test_the_end_of_the_table_moves_and_a_day_beyond_it_is_said_to_be(demo: Desk) -> None:
    row = ("--set", "2031-01-01", "holiday", "--source", "Thông báo")
    assert "--until" in demo.types("holidays", *row).out
    said = demo.types("holidays", "--until", "31/12/2031", *row)
    assert (said.code, "31/12/2031" in said.out) == (0, True)
    assert "01/01/2031" in said.out
    assert "31/12/2031" in demo.types("check").out


def _window(desk: Desk, code: str) -> tuple[str, str]:
    (found,) = desk.asks(
        "SELECT computed_ends_at, closes_at FROM consultations WHERE code = ?", code
    )
    return found[0][:16], found[1][:16]


def _free_working_day(desk: Desk, code: str) -> date:
    """The last day of the window: it is a working day, whatever day today is."""
    (found,) = desk.asks("SELECT computed_ends_at FROM consultations WHERE code = ?", code)
    instant = datetime.fromisoformat(f"{found[0]}+00:00")
    return (instant.astimezone(VIETNAM) - timedelta(minutes=1)).date()


def _as_stored(day: date) -> str:
    return f"{end_of_day(day):%Y-%m-%d %H:%M}"


def test_a_new_holiday_is_told_first_and_moves_an_end_only_when_asked_to(demo: Desk) -> None:
    code = demo.codes[-1]
    last, before = _free_working_day(demo, code), _window(demo, code)
    row = ("holidays", "--set", str(last), "holiday", "--source", "Thông báo 9/TB-X")

    told = demo.types(*row)
    assert re.search(rf"^{code}: hạn tính theo quy định cũ .*{last:%d/%m/%Y}", told.out, re.M)
    assert "--apply" in told.out
    assert _window(demo, code) == before

    applied = demo.types("holidays", "--apply", "--reason", "Nghỉ theo Thông báo 9/TB-X")
    assert applied.code == 0, applied.err
    assert "--apply" not in applied.out
    computed, closes = _window(demo, code)
    assert computed == closes
    assert closes > before[1]
    changes = "SELECT reason, old_closes_at FROM schedule_changes"
    ((reason, old),) = demo.asks(changes)
    assert (reason, old[:16]) == ("Nghỉ theo Thông báo 9/TB-X", before[1])
    assert "recount end" in _acts(demo)
    assert code not in demo.types("holidays", "--apply", "--reason", "Lần nữa").out


def test_a_holiday_that_falls_away_takes_no_day_from_the_public(demo: Desk) -> None:
    code = demo.codes[-1]
    last, before = _free_working_day(demo, code), _window(demo, code)
    source = ("--source", "Thông báo 9/TB-X", "--apply")
    assert demo.types("holidays", "--set", str(last), "holiday", *source).code == 0
    longer = _window(demo, code)[1]

    assert demo.types("holidays", "--set", str(last), "workday", *source).code == 0

    assert _window(demo, code) == (before[0], longer)
    assert before[0] == _as_stored(last)
    assert len(demo.asks("SELECT id FROM schedule_changes")) == 1
