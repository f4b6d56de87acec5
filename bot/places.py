"""Provinces and communes of the two-tier list, found by any part of a name, old names included.

Pure look-up in `storage/catalogue/places_vn.json`, read at the first question in 0.02 s. The first
search folds every name, which takes 0.4 s once and 5 MB.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.resources import files

from bot.text import plain

MOST_FOUND = 20

_KINDS = re.compile(
    r"^(tinh|thanh pho|tp|xa|phuong|dac khu|thi tran|thi xa|huyen|quan|p|x|tt) (?=\w)"
)


@dataclass(frozen=True)
class Place:
    """A province (its `province` is its own code) or a commune, ward or special zone of one."""

    code: str
    """Two digits for a province, five for a commune, as the State's list numbers them."""
    name: str
    province: str
    old_names: tuple[str, ...] = field(default=(), compare=False)
    """What was merged into it, whole or in part, on 01/07/2025."""

    @property
    def is_province(self) -> bool:
        return len(self.code) == 2

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every name in plain folded words, the present one first."""
        return tuple(plain(name) for name in (self.name, *self.old_names))

    @cached_property
    def words(self) -> str:
        """What is searched."""
        return " | ".join(self.names)


@dataclass(frozen=True)
class Places:
    source: str
    in_force: str
    checked_on: str
    verified: bool
    provinces: tuple[Place, ...]
    communes: tuple[Place, ...]

    @cached_property
    def by_code(self) -> dict[str, Place]:
        return {place.code: place for place in (*self.provinces, *self.communes)}

    @cached_property
    def by_bare_name(self) -> dict[str, list[Place]]:
        """By every name without the kind of place before it; in order of code."""
        found: dict[str, list[Place]] = {}
        for place in (*self.provinces, *self.communes):
            for name in {_bare(name) for name in place.names}:
                found.setdefault(name, []).append(place)
        return found

    def communes_of(self, province: str) -> Iterator[Place]:
        return (place for place in self.communes if not province or place.province == province)


@lru_cache
def places() -> Places:
    text = (files("storage") / "catalogue" / "places_vn.json").read_text(encoding="utf-8")
    table = json.loads(text)
    return Places(
        table["source"], table["in_force"], table["checked_on"], table["verified"],
        tuple(Place(code, name, code, tuple(old)) for code, name, old in table["provinces"]),
        tuple(
            Place(code, name, province, tuple(old))
            for code, province, name, old in table["communes"]
        ),
    )  # fmt: skip


def by_code(code: str) -> Place | None:
    """None for "" and for a code that is not in the list."""
    return places().by_code.get(code)


def name_of(code: str) -> str:
    place = by_code(code)
    return place.name if place else ""


def full_name(place: Place) -> str:
    """With its province."""
    return place.name if place.is_province else f"{place.name}, {name_of(place.province)}"


def words_of(code: str) -> str:
    """Present and old names, folded, for searching whatever lies there."""
    place = by_code(code)
    return place.words if place else ""


def find(typed: str, province: str = "", most: int = MOST_FOUND) -> list[Place]:
    """Places whose names hold every word typed, or its beginning, the nearest first.

    A word of the province's name may stand beside the commune's: "phu my gia lai".
    """
    wanted = plain(typed).split()
    if not wanted:
        return []
    # Without a province given, both tiers are asked.
    among = [*([] if province else places().provinces), *places().communes_of(province)]
    found = [(far, place) for place in among if (far := _distance(place, wanted)) is not None]
    found.sort(key=lambda one: (*one[0], one[1].code))
    return [place for _, place in found[:most]]


def _distance(place: Place, wanted: Sequence[str]) -> tuple[int, bool] | None:
    """The present name before old ones, whole names before parts, then provinces before communes.

    None where it is not meant at all.
    """
    around = "" if place.is_province else words_of(place.province)
    own = [word for word in wanted if _begins_a_word(word, place.words)]
    beside = [word for word in wanted if word not in own]
    if not own or not all(_begins_a_word(word, around) for word in beside):
        return None
    whole = _bare(" ".join(own))
    called = [_bare(name) == whole for name in place.names]
    if any(called):
        return 0 if called[0] or place.is_province else 1, not place.is_province
    now = all(_begins_a_word(word, place.names[0]) for word in own)
    return 2 if now else 3, not place.is_province


def _begins_a_word(word: str, text: str) -> bool:
    return f" {word}" in f" {text}"


def exact(typed: str, province: str | None = None) -> list[Place]:
    """The places that are called so, now or before: one in a good spreadsheet, several or none
    in others. `province` None asks for provinces, "" for the communes of all of them.

    The present name wins over old ones, accents over none, and "Xã X" over "Phường X" when said.
    """
    tier = 2 if province is None else 5
    code = typed.strip()
    if code.isdecimal():
        found = by_code(code.zfill(tier))
        return [found] if found and _belongs(found, tier, province) else []
    wanted = plain(typed)
    called = places().by_bare_name.get(_bare(wanted), ())
    among = [place for place in called if _belongs(place, tier, province)]
    readings: tuple[Callable[[Place], bool], ...] = (
        lambda place: place.name.casefold() == " ".join(code.split()).casefold(),
        lambda place: place.names[0] == wanted,
        lambda place: _bare(place.names[0]) == _bare(wanted),
        lambda place: wanted in place.names[1:],
        lambda _: True,
    )
    for called_so in readings:
        if meant := [place for place in among if called_so(place)]:
            return meant
    return []


def _belongs(place: Place, tier: int, province: str | None) -> bool:
    return len(place.code) == tier and (not province or place.province == province)


def _bare(name: str) -> str:
    """Without the kind of place before it: "phuong 1" stays as it is."""
    bare = _KINDS.sub("", name)
    return name if bare.isdecimal() else bare
