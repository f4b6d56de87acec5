"""Drawings: our own fonts, every Vietnamese letter, and nothing anybody wrote is markup."""

from __future__ import annotations

import io
import unicodedata
from datetime import date

import pytest
from PIL import Image
from pypdf import PdfReader

from bot import pictures
from bot.pictures import Bar, Cell, Entry, Mark
from bot.pictures import _drawn as drawn

EVERY_LETTER = "".join(
    chr(code) for code in (*range(0xC0, 0x1B1), *range(0x1EA0, 0x1EFA)) if chr(code).isalpha()
)
MARKUP = "#strong[đậm] $x^2$ *sao* <nhãn> @ai \\ // #sys.inputs"


def size_of(png: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        return image.size


def text_of(drawing: str) -> tuple[str, set[str]]:
    page = PdfReader(io.BytesIO(drawn(drawing, "pdf"))).pages[0]
    fonts = {str(font["/BaseFont"]) for font in page["/Resources"]["/Font"].values()}  # type: ignore[index]
    return unicodedata.normalize("NFC", page.extract_text()), fonts


def a_table(name: str) -> str:
    marks = list(Mark)
    return pictures.table(
        "vi", "Cụm 1", ["Đơn vị", *(f"Hạn {n}" for n in range(len(marks)))], [[name, *marks]]
    )


def test_what_a_person_wrote_is_drawn_letter_by_letter() -> None:
    text, _ = text_of(a_table(MARKUP))
    assert "".join(MARKUP.split()) in "".join(text.split())


def test_every_vietnamese_letter_is_in_our_own_font() -> None:
    for letters in (EVERY_LETTER[:140], EVERY_LETTER[140:280], EVERY_LETTER[280:]):
        text, fonts = text_of(a_table(letters))
        assert set(letters) <= set(text)
        assert all("NotoSans" in font for font in fonts), fonts


def test_a_table_of_forty_rows_is_as_wide_as_a_telephone_and_within_telegrams_limits() -> None:
    rows: list[list[Cell | Mark | str]]
    rows = [[Cell(f"Xã thứ {n}"), Mark.DONE] for n in range(pictures.MOST_ROWS)]
    width, height = size_of(pictures.png(pictures.table("vi", "Bảng", ["Đơn vị", "Nộp"], rows)))
    assert width == 1080
    assert width + height <= 10_000
    with pytest.raises(ValueError, match="MOST_ROWS"):
        pictures.table("vi", "Bảng", ["Đơn vị", "Nộp"], [*rows, rows[0]])


def test_many_heads_become_numbers_with_a_key() -> None:
    heads = ["Đơn vị", "Đăng ký danh hiệu thi đua", "Ký giao ước"]
    text, _ = text_of(pictures.table("vi", "Bảng", heads, [["Xã Suối Mơ", Mark.TODO, Mark.LATE]]))
    assert "Đăng ký danh hiệu thi đua" in text
    assert "Quá hạn" in text
    assert "Đã xong" not in text, "the legend tells only what is there"


def test_a_month_lists_what_is_due_in_it_and_nothing_else() -> None:
    entries = [
        Entry(date(2027, 3, 15), "Ký giao ước", Mark.TODO, "Xã Suối Mơ"),
        Entry(date(2027, 4, 1), "Việc tháng sau", Mark.TODO),
    ]
    drawing = pictures.month("vi", "Tháng 3", date(2027, 3, 9), entries, today=date(2027, 3, 2))
    text, _ = text_of(drawing)
    assert "Ký giao ước" in text
    assert "Xã Suối Mơ" in text
    assert "Việc tháng sau" not in text
    assert size_of(pictures.png(drawing))[0] == 1080


def test_bars_tell_their_counts_and_an_empty_one_is_drawn_too() -> None:
    rows = [
        Bar("Cụm 1", [(Mark.DONE, 12), (Mark.LATE, 30)], "12/42"),
        Bar("Cụm 2", [(Mark.DONE, 0)]),
        Bar("Cụm 3", []),
    ]
    for shares in (True, False):
        text, _ = text_of(pictures.bars("vi", "Tiến độ", rows, shares=shares))
        assert "12/42" in text
        assert "30" in text
