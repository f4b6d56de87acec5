"""Text at the door: what is kept, what is found again, where it is cut."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text import fold, split, tidy, utf16_length

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
VIETNAM = "\U0001f1fb\U0001f1f3"
ANYTHING = st.text(st.characters(codec=None))
PROSE = st.text(st.sampled_from("ab .!?\n\té\u0301\u1ec7đ…”" + FAMILY + VIETNAM + "\U0001f44d🏽️"))


def test_a_name_typed_on_a_mac_and_on_windows_is_stored_the_same() -> None:
    name = "Nguyễn Thị Huệ"
    assert tidy(unicodedata.normalize("NFD", name)) == tidy(name) == name


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("tệp\u202egpj.exe", "tệpgpj.exe"),
        ("\u2066a\u2069\u200e\u200f\u061c", "a"),
        ("\ufeffmột\u200bhai", "mộthai"),
        ("a\x00b\x1bc\x7f", "abc"),
        ("a\ud83db", "ab"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("  hai\tba \n", "hai\tba"),
        (FAMILY, FAMILY),
        ("", ""),
    ],
)
def test_what_is_invisible_and_misleads_is_dropped(typed: str, kept: str) -> None:
    assert tidy(typed) == kept


@given(ANYTHING)
def test_tidy_text_can_be_stored_and_stays_as_it_is(text: str) -> None:
    once = tidy(text)
    assert tidy(once) == once
    assert "\x00" not in once
    once.encode()


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("  ĐƯỜNG \n Láng ", "duong lang"),
        ("Ðặng Thị Huệ", "dang thi hue"),
        (unicodedata.normalize("NFD", "khen thưởng"), "khen thuong"),
        ("Straße", "strasse"),
    ],
)
def test_words_are_found_without_their_accents(typed: str, key: str) -> None:
    assert fold(typed) == key


@given(ANYTHING)
def test_folding_again_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize(("text", "units"), [("", 0), ("Huệ", 3), ("👍", 2), (VIETNAM, 4)])
def test_length_is_counted_as_telegram_counts(text: str, units: int) -> None:
    assert utf16_length(text) == units == len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("", 10, []),
        (" \n ", 2, []),
        ("vừa đủ mười", 11, ["vừa đủ mười"]),
        ("Đoạn một. A\n\nĐoạn hai. B", 20, ["Đoạn một. A", "Đoạn hai. B"]),
        ("Câu một đây. Câu hai đây là dài.", 22, ["Câu một đây.", "Câu hai đây là dài."]),
        ("một hai ba bốn", 9, ["một hai", "ba bốn"]),
        ("lúc 10\u00a0giờ", 9, ["lúc", "10\u00a0giờ"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("abcde\u0301f", 5, ["abcd", "e\u0301f"]),
        (VIETNAM * 3, 3, [VIETNAM] * 3),
        ("x" + FAMILY + "y", 5, ["x", FAMILY, "y"]),
        ("ab \u0301c", 3, ["ab", " \u0301c"]),
    ],
)
def test_a_long_text_is_cut_where_it_hurts_least(text: str, limit: int, pieces: list[str]) -> None:
    assert split(text, limit) == pieces


@given(PROSE, st.integers(2, 30), st.sampled_from([len, utf16_length]))
def test_every_piece_fits_and_nothing_but_whitespace_is_lost(
    text: str, limit: int, length: Callable[[str], int]
) -> None:
    pieces = split(text, limit, length)
    assert all(piece.strip() and length(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


@pytest.mark.parametrize("size", [4095, 4096, 4097, 8193])
def test_emoji_around_the_limit_of_telegram_are_counted_in_utf16(size: int) -> None:
    pieces = split("👍" * size, 4096, utf16_length)
    assert "".join(pieces) == "👍" * size
    assert len(pieces) == -(-size * 2 // 4096)


def test_a_limit_below_one_character_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot hold one character"):
        split("👍", 1, utf16_length)
