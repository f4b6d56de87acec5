"""The two-tier list: whole, and found by present and old names, however they are typed."""

from __future__ import annotations

import pytest

from bot import places


def names(found: list[places.Place]) -> list[str]:
    return [place.name for place in found]


def test_the_list_is_that_of_the_two_tiers_and_says_where_it_comes_from() -> None:
    known = places.places()
    assert (len(known.provinces), len(known.communes)) == (34, 3321)
    assert (known.in_force, known.verified) == ("2025-07-01", False)
    assert "202/2025/QH15" in known.source
    assert len(known.by_code) == 34 + 3321
    assert {place.province for place in known.communes} == {p.code for p in known.provinces}
    assert all(len(place.code) == 5 for place in known.communes)


def test_each_province_that_was_merged_is_an_alias_of_one_province_only() -> None:
    old = [name for place in places.places().provinces for name in place.old_names]
    assert len(old) == len(set(old)) == 29  # 63 there were, 34 there are


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("ben tre", "Tỉnh Vĩnh Long"),
        ("Bình Dương", "Thành phố Hồ Chí Minh"),
        ("truc bach", "Phường Ba Đình"),
        ("TRÚC BẠCH hà nội", "Phường Ba Đình"),
        ("phu my gia lai", "Xã Phù Mỹ"),
        ("dac khu con co", "Đặc khu Cồn Cỏ"),
    ],
)
def test_any_part_of_a_name_finds_the_place(typed: str, name: str) -> None:
    assert places.find(typed)[0].name == name


def test_a_search_keeps_to_its_province_and_asks_for_something() -> None:
    assert {place.province for place in places.find("hoa binh", "96")} == {"96"}
    assert places.find("hoa binh trong mo") == []
    assert places.find(" - ") == []


@pytest.mark.parametrize(
    ("typed", "province", "found"),
    [
        ("79", None, ["Thành phố Hồ Chí Minh"]),
        ("tp. Hồ Chí Minh", None, ["Thành phố Hồ Chí Minh"]),
        ("Tỉnh Bình Dương", None, ["Thành phố Hồ Chí Minh"]),
        ("4", "01", ["Phường Ba Đình"]),
        ("Ba Đình", "01", ["Phường Ba Đình"]),
        ("Phường Trúc Bạch", "01", ["Phường Ba Đình"]),
        ("Xã Ba Dinh", "", ["Xã Ba Dinh"]),
        ("Ba Đình", "79", []),
        ("", "79", []),
    ],
)
def test_a_cell_of_a_spreadsheet_is_one_place_or_none(
    typed: str, province: str | None, found: list[str]
) -> None:
    assert names(places.exact(typed, province)) == found


def test_a_name_that_several_places_bear_is_not_decided_here() -> None:
    assert len(places.exact("Hòa Bình", "")) > 1


def test_codes_are_told_by_name() -> None:
    assert (places.name_of("00004"), places.name_of("99"), places.name_of("")) == (
        "Phường Ba Đình", "", "",
    )  # fmt: skip
    assert "truc bach" in places.words_of("00004")
