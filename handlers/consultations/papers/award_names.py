"""Finding an award of the catalogue in the words of an office."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from handlers.consultations.papers.draft import AwardName, plain

_CLASSES = {
    **dict.fromkeys(("1", "i", "nhat", "mot"), "nhat"),
    **dict.fromkeys(("2", "ii", "nhi", "hai"), "nhi"),
    **dict.fromkeys(("3", "iii", "ba"), "ba"),
}
_CLASS = re.compile(r"\b(?:hang|class)( thu)? (1|2|3|i{1,3}|nhat|mot|nhi|hai|ba)\b")
# Lesser spellings that offices mix; both sides of every comparison pass through here.
_SPELLINGS = (
    (re.compile(r"\bchien sy\b"), "chien si"),
    (re.compile(r"\bnghe sy\b"), "nghe si"),
    (re.compile(r"\bba me vnah\b"), "ba me viet nam anh hung"),
    (re.compile(r"\bluc luong vu trang nhan dan\b"), "llvtnd"),
    (re.compile(r"\bluc luong vu trang\b"), "llvt"),
    (re.compile(r"\bhc(?= (lao|doc|quan|bao|chien|dung|huu|dai|sao|ho)\b)"), "huan chuong"),
    (re.compile(r"\bhcl?d(?= hang)"), "huan chuong lao dong"),
)


def award_words(text: str) -> str:
    """ "Huân chương Lao động hạng III" and "HC Lao động hạng ba" become the same words."""
    words = plain(text)
    for pattern, spelling in _SPELLINGS:
        words = pattern.sub(spelling, words)
    return _CLASS.sub(lambda m: f"hang {_CLASSES[m[2]]}", words)


@dataclass(frozen=True)
class AwardMatch:
    code: str = ""
    several: tuple[str, ...] = ()
    """Names of different awards found in one text."""
    nearest: tuple[str, ...] = ()
    """Names to suggest when none was found, best first."""


class AwardFinder:
    def __init__(self, awards: Sequence[AwardName]) -> None:
        self._names = {award.code: award.name_vi for award in awards}
        self._kinds = {award.code: award.kinds for award in awards}
        self._by_words: dict[str, str] = {}
        for award in awards:
            for name in (award.name_vi, *award.aliases, award.code):
                self._by_words.setdefault(award_words(name), award.code)

    def find(self, text: str) -> AwardMatch:
        words = award_words(text)
        if exact := self._by_words.get(words):
            return AwardMatch(exact)
        inside = self._inside(words)
        if len(inside) == 1:
            return AwardMatch(inside[0])
        if inside:
            return AwardMatch(several=tuple(self._names[code] for code in inside))
        return AwardMatch(nearest=self._nearest(words))

    def is_name(self, text: str) -> bool:
        """Whether the text is an award's name and nothing more."""
        return award_words(text) in self._by_words

    def kinds(self, code: str) -> tuple[str, ...]:
        return self._kinds.get(code, ())

    def _inside(self, words: str) -> list[str]:
        """Awards named within a longer sentence; the longest name wins where names overlap."""
        found: list[str] = []
        rest = f" {words} "
        for name in sorted(self._by_words, key=len, reverse=True):
            # One word alone, such as an abbreviation, is looked for only as the whole cell.
            if " " in name and f" {name} " in rest:
                rest = rest.replace(f" {name} ", " | ")
                if self._by_words[name] not in found:
                    found.append(self._by_words[name])
        return found

    def _nearest(self, words: str) -> tuple[str, ...]:
        begins = [n for n in self._by_words if len(words) > 8 and n.startswith(words)]
        close = difflib.get_close_matches(words, self._by_words, n=3, cutoff=0.6)
        codes = dict.fromkeys(self._by_words[name] for name in [*begins, *close])
        return tuple(self._names[code] for code in codes)[:3]
