"""What is taken for a denunciation, and what is not."""

from __future__ import annotations

import unicodedata

import pytest

from bot.concerns import looks_like_denunciation


@pytest.mark.parametrize(
    "text",
    [
        "Tôi tố cáo ông ấy lấy tiền của thôn.",
        "ĐƠN KHIẾU NẠI",
        "Có người nói bà ta nhận hối-lộ.",
        unicodedata.normalize("NFD", "Kế toán tham nhũng nhiều năm"),
        "ke toan tham nhung nhieu nam",
        "toi viet don to cao gui cac anh",
        "lam dung chuc vu",
    ],
)
def test_a_denunciation_is_noticed_with_and_without_accents(text: str) -> None:
    assert looks_like_denunciation(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Rất xứng đáng, bà con ai cũng quý.",
        "Ông ấy dáng to cao, hiền lành.",
        "ong ay to cao",
        "Bố cáo của xã dán ở nhà văn hóa.",
        "Ông không tham nhưng hay quên.",
        "hoi lo cho suc khoe cua ba",
        "Hồ sơ gia đình đầy đủ.",
        "ho so gia dinh day du",
    ],
)
def test_ordinary_words_are_not_taken_for_one(text: str) -> None:
    assert not looks_like_denunciation(text)
