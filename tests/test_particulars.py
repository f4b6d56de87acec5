"""The verbs that complete a consultation: bases, receiver, portraits, documents, awards."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tests.desk import Desk


def _picture(desk: Desk, name: str = "anh.png") -> str:
    encoded = io.BytesIO()
    Image.new("RGB", (60, 80), "teal").save(encoded, "PNG")
    (desk.home / name).write_bytes(encoded.getvalue())
    return str(desk.home / name)


def _paper(desk: Desk) -> str:
    file = desk.home / "Báo cáo thành tích.pdf"
    file.write_bytes(b"%PDF-1.4\n%\xe2\xe3\ntrailer\nstartxref\n0\n%%EOF\n")
    return str(file)


def _unseen(desk: Desk) -> str:
    """A code whose candidates nobody has read yet, and without a portrait."""
    code = desk.codes[-1]
    desk.changes("UPDATE consultations SET state = 'approved' WHERE code = ?", code)
    desk.changes("UPDATE candidates SET portrait_id = NULL")
    return code


def _public_files(desk: Desk, name: str) -> int:
    return len(desk.asks("SELECT id FROM files WHERE public AND name LIKE ?", f"{name}%"))


# Legal bases


def test_the_standing_of_a_legal_basis_is_shown_and_set(demo: Desk) -> None:
    code = demo.codes[0]
    shown = demo.types("basis", code).out.splitlines()
    assert [line[:2] for line in shown] == ["1.", "2."]
    assert "CHƯA ĐỐI CHIẾU" in shown[1]
    marked = demo.types(
        "basis", code, "2", "--from", "2025-07-01", "--to", "01/03/2027", "--verified",
        "--checked", "2026-11-20",
    )  # fmt: skip
    assert (marked.code, marked.out.strip()) == (
        0,
        "2. khoản 2 Điều 44 Nghị định số 152/2025/NĐ-CP · hiệu lực 01/07/2025 đến 01/03/2027 · "
        "đã đối chiếu · ngày kiểm tra 20/11/2026",
    )
    assert demo.types("basis", code, "--verified").code == 1
    assert "không có căn cứ thứ 3" in demo.types("basis", code, "3", "--unverified").err


# The receiving office


def test_whom_the_public_writes_to_is_set_for_one_consultation_alone(demo: Desk) -> None:
    first, second, _ = demo.codes
    said = demo.types(
        "receiver", first, "--name", "Văn phòng UBND tỉnh", "--address", "Số 1 đường Sen",
        "--telephone", "0200 1",
    )  # fmt: skip
    assert said.out.splitlines() == [
        "Cơ quan tiếp nhận: Văn phòng UBND tỉnh", "Nơi nhận ý kiến: Số 1 đường Sen",
        "Điện thoại: 0200 1", "Thư điện tử: -",
    ]  # fmt: skip
    assert "Ban Thi đua" in demo.types("receiver", second).out
    assert demo.types("receiver", first, "--telephone", "0" * 41).code == 1


# Portraits and documents


def test_an_office_publishes_a_portrait_and_takes_it_back(demo: Desk) -> None:
    code = _unseen(demo)
    given = demo.types("portrait", code.lower(), "1", _picture(demo))
    assert (given.code, f"/c/{code}/1" in given.out) == (0, True)
    kept = demo.asks(
        "SELECT f.mime FROM files f JOIN candidates c ON c.portrait_id = f.id"
        " WHERE f.public AND f.original_sha256 IS NULL"
    )
    assert kept == [("image/jpeg",)]
    assert demo.types("portrait", code, "1", _picture(demo, "anh-hai.png")).code == 0
    assert (_public_files(demo, "anh."), _public_files(demo, "anh-hai")) == (0, 1)
    assert demo.types("portrait", code, "1", "--remove").code == 0
    assert _public_files(demo, "anh-hai") == 0


def test_a_published_portrait_is_not_replaced_in_silence(demo: Desk) -> None:
    code = demo.codes[-1]
    refused = demo.types("portrait", code, "1", _picture(demo))
    assert (refused.code, "--remove --reason" in refused.err) == (1, True)
    assert "--reason" in demo.types("portrait", code, "1", "--remove").err
    assert demo.types("portrait", code, "1", "--remove", "--reason", "Nhầm ảnh").code == 0
    assert demo.types("portrait", code, "1", _picture(demo)).code == 0
    found = demo.asks("SELECT verb, reason FROM acts WHERE object_kind = 'candidate' ORDER BY id")
    assert found == [("take back portrait", "Nhầm ảnh"), ("give portrait", "anh.jpg")]


def test_an_office_publishes_a_document_and_takes_it_back(demo: Desk) -> None:
    code = demo.codes[-1]
    given = demo.types("document", code, "2", _paper(demo), "--title", "Báo cáo thành tích")
    assert given.code == 0, given.err
    assert "đã có tài liệu" in demo.types("document", code, "2", _paper(demo)).err
    titles = "SELECT title FROM candidate_documents WHERE title = 'Báo cáo thành tích'"
    assert len(demo.asks(titles)) == 1
    assert "Đang có: " in demo.types("document", code, "2", "--remove", "X", "--reason", "x").err
    gone = demo.types(
        "document", code, "2", "--remove", "Báo cáo thành tích", "--reason", "Có số căn cước"
    )
    assert (gone.code, demo.asks(titles), _public_files(demo, "Báo cáo")) == (0, [], 0)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("portrait", "{code}", "1", "{paper}"), "không phải là ảnh"),
        (("portrait", "{code}", "99", "{picture}"), "không có trường hợp số 99"),
        (("portrait", "{code}", "1"), "--remove"),
        (("portrait", "{code}", "1", "{home}/none.png"), "none.png"),
        (("document", "{closed}", "1", "{paper}"), "không thêm"),
        (("document", "{code}", "1", "{home}/secret.key"), "Xin"),
    ],
)
def test_what_cannot_be_published_is_refused_in_a_sentence(
    demo: Desk, words: tuple[str, ...], told: str
) -> None:
    places = {
        "code": demo.codes[-1], "closed": demo.codes[0], "home": demo.home,
        "paper": _paper(demo), "picture": _picture(demo),
    }  # fmt: skip
    said = demo.types(*(word.format(**places) for word in words))
    assert (said.code, len(said.err.splitlines())) == (1, 1)
    assert told in said.err


# Awards


def test_an_office_says_which_awards_need_a_consultation_and_by_what(demo: Desk) -> None:
    listed = demo.types("award").out
    assert "GK · Giấy khen · không phải lấy ý kiến · CHƯA ĐỐI CHIẾU" in listed
    assert "đã đối chiếu" not in listed
    shown = demo.types("award", "hcld3").out
    assert "HCLD3 · Huân chương Lao động hạng Ba · phải lấy ý kiến · CHƯA ĐỐI CHIẾU" in shown
    said = demo.types(
        "award", "GK", "--consultation", "yes", "--basis", "Quy chế 1/QC", "--verified"
    )
    assert said.out.strip() == "GK · Giấy khen · phải lấy ý kiến · đã đối chiếu · Quy chế 1/QC"
    assert "chưa" in demo.types("award", "GK", "--consultation", "no").out.lower()
    assert demo.types("award", "--verified").code == 1
    assert "XYZ" in demo.types("award", "XYZ").err
