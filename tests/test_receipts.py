"""The citizen's code: read aloud, typed anyhow, every slip caught."""

from __future__ import annotations

import io
import re
import time

import pytest
from PIL import Image

from bot.receipts import digest, looks_like_code, new_code, qr_png, qr_svg, tidy_code

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PEPPER = b"p" * 32
URL = "https://neuguong.example.vn/tra-cuu/7K3F"


def test_ten_thousand_codes_are_all_different_and_come_back() -> None:
    codes = [new_code() for _ in range(10_000)]
    assert len(set(codes)) == 10_000
    assert all(re.fullmatch(f"[{LETTERS}]{{4}}(-[{LETTERS}]{{4}}){{4}}", code) for code in codes)
    assert all(tidy_code(code) == code for code in codes)


def test_every_letter_occurs_at_every_random_place() -> None:
    codes = [new_code().replace("-", "") for _ in range(2000)]
    assert all({code[at] for code in codes} == set(LETTERS) for at in range(18))


def test_every_single_wrong_letter_is_caught() -> None:
    for code in (new_code().replace("-", "") for _ in range(50)):
        for at, letter in enumerate(code):
            for other in LETTERS.replace(letter, ""):
                assert tidy_code(code[:at] + other + code[at + 1 :]) is None


def test_every_exchange_of_two_letters_is_caught() -> None:
    for code in (new_code().replace("-", "") for _ in range(200)):
        for first in range(19):
            for second in range(first + 1, 20):
                swapped = list(code)
                swapped[first], swapped[second] = swapped[second], swapped[first]
                if code[first] != code[second]:
                    assert tidy_code("".join(swapped)) is None


def test_a_code_may_be_typed_anyhow() -> None:
    for _ in range(500):
        code = new_code()
        bare = code.replace("-", "")
        misread = bare.replace("0", "O").replace("1", "l")
        typed = (bare.lower(), code.replace("-", " "), f" {code}. ", misread, "_".join(bare))
        full_width = "".join(chr(ord(letter) + 0xFEE0) for letter in bare)
        assert all(tidy_code(each) == code for each in (*typed, full_width, misread.lower()))
        assert tidy_code(bare.replace("1", "I")) == code


@pytest.mark.parametrize(
    "typed",
    ["", "xin chào", "0" * 20, "Z" * 20, "U" * 20, "Â" * 20, "1234", "7" * 10_000, "٣" * 20],
)
def test_what_is_no_code_is_refused(typed: str) -> None:
    assert tidy_code(typed) is None


def test_a_code_with_a_letter_missing_or_doubled_still_looks_like_one() -> None:
    hits = 0
    for _ in range(500):
        code = new_code()
        hits += looks_like_code(code[1:]) and looks_like_code(code + "A")
        hits += looks_like_code(code.lower()) and looks_like_code(code.replace("-", ""))
    assert hits > 950


@pytest.mark.parametrize(
    "said",
    [
        "",
        "tôi muốn hỏi về việc khen thưởng",
        "nam 2026 thi dua khen",
        "ban oi cho toi hoi them",
        "0912 345 678",
        "Tôi đồng ý với 10 người",
        "khenthuongcaptinhdi",
    ],
)
def test_a_sentence_does_not_look_like_a_code(said: str) -> None:
    assert not looks_like_code(said)


def test_a_digest_finds_the_row_again_and_needs_the_pepper() -> None:
    code = new_code()
    found = digest(code, PEPPER)
    assert len(found) == 32
    assert found == digest(code, PEPPER)
    assert found != digest(code, b"q" * 32)
    assert found != digest(new_code(), PEPPER)


def test_a_digest_is_dear_to_guess_and_cheap_to_serve() -> None:
    code = new_code()
    started = time.perf_counter()
    for _ in range(5):
        digest(code, PEPPER)
    assert 0.001 < (time.perf_counter() - started) / 5 < 0.25


def test_an_untidied_code_has_no_digest() -> None:
    with pytest.raises(ValueError, match="tidy_code"):
        digest(new_code().lower(), PEPPER)


def test_the_qr_picture_is_black_on_white_with_a_quiet_zone() -> None:
    with Image.open(io.BytesIO(qr_png(URL))) as picture:
        grey = picture.convert("L")
    assert 300 <= grey.width == grey.height <= 500
    assert grey.getextrema() == (0, 255)
    quiet = grey.width * 4 // 45
    assert grey.crop((0, 0, grey.width, quiet)).getextrema() == (255, 255)


def test_the_qr_drawing_can_stand_in_a_page() -> None:
    drawing = qr_svg(URL)
    assert drawing.startswith("<svg")
    assert drawing.rstrip().endswith("</svg>")
    assert "<script" not in qr_svg("<script>")
