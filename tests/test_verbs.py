"""The command line: what operators and officers type, and what they are told."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import docx
import openpyxl
import pytest

from bot.clock import VIETNAM, add_working_days, build_calendar, shipped
from bot.config import ConfigError
from bot.console import worded
from storage.schema import SchemaError
from tests.desk import Desk

ROOT = Path(__file__).resolve().parent.parent


# As a newcomer types them


def _run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NEUGUONG_HOME": str(home)}
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


def test_the_verbs_work_as_a_program_and_none_of_them_imports_aiogram(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    tried = [
        ["migrate"],
        ["demo"],
        ["check"],
        ["invite", "officer", "Chị Sen"],
        ["import", "consultation", "--template", str(out / "t.xlsx")],
        ["import", "units", "--template", str(out / "u.xlsx")],
        ["units"],
        ["places", "hue"],
        ["export", "opinions", "--format", "xlsx", "--out", str(out / "o.xlsx")],
        ["backup", str(out / "b.zip")],
    ]
    program = (
        "import json, sys\n"
        "from bot.__main__ import main\n"
        f"codes = [main(words) for words in json.loads({json.dumps(tried)!r})]\n"
        "heavy = [name for name in ('aiogram', 'aiohttp', 'apscheduler') if name in sys.modules]\n"
        "sys.exit(f'{codes} {heavy}')"
    )
    done = _run(tmp_path / "home", "-c", program)
    assert done.stderr.strip().splitlines()[-1] == f"{[0] * len(tried)} []"
    assert sorted(os.listdir(out)) == ["b.zip", "o.xlsx", "t.xlsx", "u.xlsx"]


def test_the_door_is_open_before_the_seconds_that_aiogram_takes(tmp_path: Path) -> None:
    """After a kill what comes in is stored within two seconds, long before a turn is taken."""
    program = (
        "import sys, bot.app, bot.jobs, handlers\n"
        "handlers.routes()\n"
        "sys.exit('aiogram' in sys.modules)"
    )
    assert _run(tmp_path / "home", "-c", program).returncode == 0


def test_a_wrong_setting_is_one_sentence_and_no_traceback(tmp_path: Path) -> None:
    environment = {**os.environ, "NEUGUONG_HOME": str(tmp_path), "NEUGUONG_PROT": "80"}
    done = subprocess.run(
        [sys.executable, "-m", "bot", "migrate"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 78
    (line,) = done.stderr.splitlines()
    assert line.startswith("Không có thiết lập nào tên NEUGUONG_PROT: hãy sửa")


@pytest.mark.parametrize(
    ("locale", "told"),
    [({}, "Không mở được"), ({"NEUGUONG_DEFAULT_LOCALE": "en"}, "Cannot listen on")],
)
def test_what_keeps_the_service_from_starting_is_said_in_the_installations_language(
    tmp_path: Path, locale: dict[str, str], told: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ours = {"NEUGUONG_HOME": str(tmp_path), "NEUGUONG_PORT": port, **locale}
        done = subprocess.run(
            [sys.executable, "-m", "bot", "run", "--role", "web"],
            cwd=ROOT, env={**os.environ, **ours}, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
    assert done.returncode == 78
    assert done.stderr.splitlines()[-1].startswith(f"{told} 127.0.0.1:{port}")
    assert "NEUGUONG_PORT" in done.stderr


def test_a_schema_behind_is_said_in_the_installations_language(demo: Desk) -> None:
    demo.changes("UPDATE alembic_version SET version_num = '0001_foundation'")
    with pytest.raises(SchemaError) as refused:
        demo.types("officers")
    assert "hãy chạy neuguong migrate" in worded(refused.value, "vi")
    assert "run neuguong migrate" in worded(refused.value, "en")


def test_a_reader_that_has_read_enough_is_no_failure(tmp_path: Path) -> None:
    """`neuguong calendar templates | head -1`"""
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "calendar", "templates"],
        cwd=ROOT, env={**os.environ, "NEUGUONG_HOME": str(tmp_path)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(60) == 0


def test_help_names_every_verb(tmp_path: Path) -> None:
    said = _run(tmp_path, "-m", "bot", "--help").stdout
    for verb in (
        "run", "migrate", "demo", "check", "import", "publish", "close", "move", "export",
        "report", "invite", "backup", "restore", "office", "officers", "dismiss", "mark",
        "posted", "holidays", "late", "calendar", "deadlines", "deadline", "units", "unit",
        "clusters", "cluster", "places",
        "posted", "holidays", "late", "basis", "receiver", "portrait", "document", "award",
    ):  # fmt: skip
        assert re.search(rf"\b{verb}\b", said), verb


# Upkeep


def test_the_revisions_are_checked_without_a_database(desk: Desk) -> None:
    assert desk.types("migrate", "--check").code == 0
    assert os.listdir(desk.home) == []


def test_check_says_what_is_missing_and_then_that_all_is_well(desk: Desk) -> None:
    before = desk.types("check")
    assert before.code == 1
    assert "neuguong migrate" in before.out
    desk.types("demo")
    after = desk.types("check", default_locale="en")
    assert after.code == 0, after.out
    assert "Receiving office: Ban Thi đua - Khen thưởng tỉnh An Hòa" in after.out
    assert "31/12/2030" in after.out


def test_check_notices_a_key_that_others_can_read(demo: Desk) -> None:
    (demo.home / "secret.key").chmod(0o644)
    said = demo.types("check")
    assert said.code == 1
    assert "chmod 600" in said.out


def test_check_leaves_nothing_behind(demo: Desk) -> None:
    demo.types("check")
    said = demo.types("invite", "officer", "Chị Sen")
    assert said.code == 0, said.err


def test_a_database_of_another_key_is_refused(demo: Desk) -> None:
    with pytest.raises(ConfigError, match="starting-other-key"):
        demo.types("demo", secret_key="another key of more than thirty-two letters")
    assert demo.types("check", secret_key="another key of more than thirty-two letters").code == 1


def test_a_database_that_cannot_be_reached_is_said_in_a_sentence(desk: Desk) -> None:
    said = desk.types("demo", database_url="postgresql://nobody@127.0.0.1:1/none")
    assert said.code == 1
    assert said.err.startswith("Không làm được")


def test_the_demo_says_how_to_try_an_officers_and_a_units_work(desk: Desk) -> None:
    said = desk.types("demo")
    assert re.search(r"/chat#start=i-\S+\n", said.out)
    assert re.search(r"phường Bến Lụa: \S+/chat#start=u-\S+\n", said.out)


def test_the_demo_is_loaded_once(demo: Desk) -> None:
    again = demo.types("demo")
    assert again.code == 1
    assert "đã có cơ quan" in again.err


def test_an_invitation_prints_the_ways_in(demo: Desk) -> None:
    said = demo.types("invite", "officer", "Chị Sen", public_url="https://gopy.example.vn")
    code = re.search(r"https://gopy\.example\.vn/chat#start=i-([\w-]+)", said.out)
    assert code
    assert f"/start i-{code[1]}" in said.out


def test_nobody_is_invited_before_there_is_an_office(desk: Desk) -> None:
    said = desk.types("invite", "admin", "Anh Lau")
    assert said.code == 1
    assert "import consultation" in said.err


def test_a_backup_says_that_the_key_is_not_in_it_and_comes_back(demo: Desk) -> None:
    file = str(demo.home / "b.zip")
    said = demo.types("backup", file)
    assert "secret.key KHÔNG nằm trong bản sao lưu" in said.out
    assert "61/61" in said.err
    refused = demo.types("restore", file)
    assert refused.code == 1
    assert "--overwrite" in refused.err
    assert demo.types("restore", file, "--overwrite").code == 0
    assert demo.types("check").code == 0


def test_an_archive_is_not_put_back_before_its_key(demo: Desk, tmp_path: Path) -> None:
    file, fresh = str(demo.home / "b.zip"), tmp_path / "fresh"
    demo.types("backup", file)
    refused = demo.types("restore", file, home=str(fresh))
    assert refused.code == 1
    assert str(fresh / "secret.key") in refused.err
    assert len(refused.err.splitlines()) == 1
    assert not fresh.exists()
    fresh.mkdir()
    (fresh / "secret.key").write_bytes((demo.home / "secret.key").read_bytes())
    done = demo.types("restore", file, home=str(fresh))
    assert (done.code, done.err.count("Traceback")) == (0, 0)
    assert "được giữ ở" not in done.out
    assert sorted(os.listdir(fresh)) == ["files", "neuguong.db", "secret.key"]
    again = demo.types("restore", file, "--overwrite", home=str(fresh))
    assert "được giữ ở" in again.out


# Consultations


def _spreadsheet(path: Path, **changes: str) -> str:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        ["Mã đợt", "AH-T9"],
        ["Tiêu đề", changes.get("title", "Lấy ý kiến về việc đề nghị tặng Huân chương")],
        ["Số ngày", "10 ngày làm việc"],
        ["Ngày đăng", changes.get("posted_on", "")],
        ["Cơ quan tiếp nhận", "Ban Thi đua - Khen thưởng tỉnh An Hòa"],
        [],
        ["STT", "Họ và tên", "Đơn vị", "Hình thức khen thưởng"],
        [1, "Lê Thị Sen", "Trạm Y tế xã Sông Mây", "Huân chương Lao động hạng Ba"],
    ):
        sheet.append(row)
    book.save(path)
    return str(path)


def test_a_notice_goes_from_the_spreadsheet_to_the_report(desk: Desk) -> None:
    file = _spreadsheet(desk.home / "a.xlsx")
    trial = desk.types("import", "consultation", file)
    assert (trial.code, "--commit" in trial.out) == (0, True)
    assert desk.types("publish", "AH-T9").code == 1
    written = desk.types("import", "consultation", file, "--commit")
    assert "Tạo mới AH-T9 · Lê Thị Sen" in written.out
    assert "không làm thay đổi gì" in desk.types("import", "consultation", file, "--commit").out
    opened = desk.types("publish", "AH-T9")
    assert (opened.code, "/c/AH-T9" in opened.out) == (0, True)
    other = _spreadsheet(desk.home / "b.xlsx", title="Một tên khác")
    refused = desk.types("import", "consultation", other, "--commit")
    assert refused.code == 1
    assert "không sửa AH-T9" in refused.out
    early = desk.types("close", "AH-T9")
    assert (early.code, "--reason" in early.err) == (1, True)
    assert desk.types("close", "AH-T9", "--reason", "Rút hồ sơ").code == 0
    report = desk.home / "report.docx"
    assert desk.types("report", "AH-T9", "--out", str(report)).code == 0
    words = "\n".join(p.text for p in docx.Document(str(report)).paragraphs)
    assert "Không có ý kiến" in words


def test_an_early_close_is_in_the_report_with_its_reason_and_a_warning(demo: Desk) -> None:
    code = demo.codes[-1]
    said = demo.types("close", code.lower(), "--reason", "Đơn vị đã rút tờ trình")
    assert (said.code, "sớm hơn hạn tối thiểu" in said.out) == (0, True)
    report = demo.home / "report.docx"
    assert demo.types("report", code, "--out", str(report)).code == 0
    words = "\n".join(p.text for p in docx.Document(str(report)).paragraphs)
    assert "Lý do: Đơn vị đã rút tờ trình" in words
    assert "kết thúc trước thời hạn tối thiểu" in words
    (line,) = [one for one in words.splitlines() if "thực tế ngừng nhận" in one]
    assert f"{datetime.now(VIETNAM):%d/%m/%Y}" in line
    tables = docx.Document(str(report)).tables
    cells = {cell.text for table in tables for row in table.rows for cell in row.cells}
    assert {"Nêu gương", f"http://127.0.0.1:8080/c/{code}"} <= cells


def test_a_year_typed_wrong_is_seen_in_the_dry_run_and_is_not_published(desk: Desk) -> None:
    file = _spreadsheet(desk.home / "a.xlsx", posted_on="24/11/2025")
    trial = desk.types("import", "consultation", file)
    assert "thời hạn của AH-T9 đã qua" in trial.out
    assert (
        "lấy ý kiến từ thứ Hai, ngày 24/11/2025, đến 24:00 thứ Hai, ngày 08/12/2025" in trial.out
    )
    desk.types("import", "consultation", file, "--commit")
    refused = desk.types("publish", "AH-T9")
    assert (refused.code, "đã hết hạn" in refused.err) == (1, True)
    assert desk.asks("SELECT state FROM consultations") == [("draft",)]


def test_a_code_may_be_typed_in_small_letters(desk: Desk) -> None:
    desk.types("import", "consultation", _spreadsheet(desk.home / "a.xlsx"), "--commit")
    assert desk.types("publish", "ah-t9").code == 0


def test_a_workbook_under_a_wrong_name_is_read_all_the_same(desk: Desk) -> None:
    file = Path(_spreadsheet(desk.home / "a.xlsx"))
    said = desk.types("import", "consultation", str(file.rename(desk.home / "a.xls")))
    assert (said.code, "Tạo mới AH-T9" in said.out) == (0, True)


@pytest.mark.parametrize(
    "words",
    [
        ("export", "opinions", "--out", "{home}/nowhere/o.xlsx"),
        ("export", "opinions", "--format", "csv", "--out", "{home}/nowhere/o.csv"),
        ("import", "consultation", "--template", "{home}/nowhere/t.xlsx"),
        ("import", "consultation", "{home}/nowhere/t.xlsx"),
    ],
)
def test_a_folder_that_is_not_there_is_said_with_a_remedy(
    demo: Desk, words: tuple[str, ...]
) -> None:
    said = demo.types(*(word.format(home=demo.home) for word in words))
    assert said.code == 1
    assert "Hãy kiểm tra lại tên và đường dẫn" in said.err
    assert "No such file" not in said.err
    assert len(said.err.splitlines()) == 1


def test_a_report_that_would_not_be_what_its_name_says_is_refused(demo: Desk) -> None:
    report = demo.types("report", demo.codes[0], "--out", str(demo.home / "x.pdf"))
    assert (report.code, ".docx" in report.err) == (1, True)
    export = demo.types("export", "opinions", "--out", str(demo.home / "x.csv"))
    assert (export.code, "--format csv" in export.err) == (1, True)
    assert not list(demo.home.glob("x.*"))


def test_a_damaged_archive_is_said_in_the_language_of_the_office(demo: Desk) -> None:
    (demo.home / "b.zip").write_text("no archive", encoding="utf-8")
    said = demo.types("restore", str(demo.home / "b.zip"), "--overwrite")
    assert "không phải bản sao lưu" in said.err


def test_a_day_beyond_the_holiday_table_is_said_in_the_language_of_the_office(demo: Desk) -> None:
    said = demo.types("move", demo.codes[-1], "--to", "2099-12-10", "--reason", "Bổ sung")
    assert said.code == 1
    assert "bảng ngày nghỉ chỉ có từ" in said.err
    assert "neuguong holidays" in said.err


def _serves(home: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    given = {f"NEUGUONG_{name}": value for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "bot", "run"],
        cwd=ROOT, env={**os.environ, "NEUGUONG_HOME": str(home), **given},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://nobody@127.0.0.1:1/none",
        "sqlite:////nowhere/at/all/office.db",
        "sqlite:///{home}/corrupt.db",
    ],
)
def test_run_says_in_a_sentence_that_its_database_cannot_be_used(tmp_path: Path, url: str) -> None:
    (tmp_path / "corrupt.db").write_bytes(b"no database at all, though it is long enough" * 50)
    done = _serves(tmp_path / "home", DATABASE_URL=url.format(home=tmp_path))
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "NEUGUONG_DATABASE_URL" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_file_with_an_error_found_late_writes_nothing_even_with_commit(desk: Desk) -> None:
    beyond_the_holiday_table = _spreadsheet(desk.home / "a.xlsx", posted_on="27/12/2030")
    said = desk.types("import", "consultation", beyond_the_holiday_table, "--commit")
    assert said.code == 1
    assert "31/12/2030" in said.out
    assert desk.codes == []


def _a_working_day() -> date:
    notices = shipped()
    calendar = build_calendar(notices.days, notices.covered_from, notices.covered_until)
    return add_working_days(calendar, datetime.now(VIETNAM).date(), 30)


def test_a_moved_end_shows_the_old_one(demo: Desk) -> None:
    code = demo.codes[-1]
    day = _a_working_day()
    said = demo.types("move", code, "--to", f"{day:%d/%m/%Y}", "--reason", "Bổ sung hồ sơ")
    assert said.code == 0, said.err
    assert f"{day:%d/%m/%Y}" in said.out
    assert "hạn cũ" in said.out


def test_a_step_that_cannot_be_taken_says_where_it_stands_and_what_can_be_done(
    demo: Desk,
) -> None:
    said = demo.types("publish", demo.codes[-1])
    assert said.code == 1
    assert "đang ở bước: đang lấy ý kiến. Việc làm tiếp được: chờ hết hạn" in said.err


@pytest.mark.parametrize(
    "words",
    [
        ("report", "{code}", "--out", "{folder}/bao-cao.docx"),
        ("export", "opinions", "--format", "xlsx", "--out", "{folder}/y-kien.xlsx"),
        ("export", "opinions", "--format", "csv", "--out", "{folder}/y-kien.csv"),
        ("export", "opinions", "--format", "json", "--out", "{folder}/y-kien.json"),
    ],
)
def test_a_folder_that_is_not_there_is_named_as_it_was_typed(
    demo: Desk, words: tuple[str, ...]
) -> None:
    places = {"code": demo.codes[0], "folder": str(demo.home / "nowhere")}
    said = demo.types(*(word.format(**places) for word in words))
    assert said.code == 1
    assert f"không có tệp hoặc thư mục {words[-1].format(**places)}." in said.err


def test_an_unknown_code_is_said_to_be_unknown(demo: Desk) -> None:
    said = demo.types("publish", "NOT-THERE")
    assert said.code == 1
    assert "NOT-THERE" in said.err


def test_a_file_that_is_not_there_is_said_in_a_sentence(demo: Desk) -> None:
    said = demo.types("import", "consultation", str(demo.home / "none.xlsx"))
    assert said.code == 1
    assert "none.xlsx" in said.err


def test_opinions_are_exported_as_a_list_of_objects(demo: Desk) -> None:
    out = demo.home / "o.json"
    said = demo.types("export", "opinions", demo.codes[0], "--format", "json", "--out", str(out))
    assert said.code == 0, said.err
    rows = json.loads(out.read_text(encoding="utf-8"))
    assert len(rows) == 7
    assert {row["consultation"] for row in rows} == {demo.codes[0]}


def test_an_address_that_is_not_this_machines_is_not_answered_with_advice_on_ports(
    tmp_path: Path,
) -> None:
    done = _serves(tmp_path, HOST="192.0.2.1")
    assert done.returncode == 78
    assert "NEUGUONG_HOST" in done.stderr
    assert "NEUGUONG_PORT" not in done.stderr
