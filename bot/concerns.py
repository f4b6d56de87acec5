"""Words that sound like a denunciation: the author is told what a lawful one is, no more."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from bot.text import fold, tidy

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class _Phrase:
    words: tuple[str, ...]
    bare: tuple[str, ...] | None
    """The same without accents, where nothing else is commonly meant by that."""

    def stands_at(self, words: list[str], at: int) -> bool:
        found = words[at : at + len(self.words)]
        return len(found) == len(self.words) and all(map(self._fits, range(len(found)), found))

    def _fits(self, place: int, word: str) -> bool:
        return word == self.words[place] or (self.bare is not None and word == self.bare[place])


def looks_like_denunciation(text: str) -> bool:
    """Whether these words name what the Law on Denunciations is for. A guess: it only warns.

    Accents decide where they were typed: "tham nhưng" is not "tham nhũng". Where they were left
    out, only phrases that can hardly mean anything else count: "tham nhung", but not "to cao".
    """
    words = _words(text)
    starts = _phrases()
    return any(
        phrase.stands_at(words, at)
        for at, word in enumerate(words)
        for phrase in starts.get(word, ())
    )


def _words(text: str) -> list[str]:
    return _WORD.findall(tidy(text).casefold())


@lru_cache
def _phrases() -> dict[str, tuple[_Phrase, ...]]:
    """By the first word, with and without accents."""
    path = files("storage") / "catalogue" / "denunciation_words.json"
    starts: dict[str, tuple[_Phrase, ...]] = {}
    for row in json.loads(path.read_text(encoding="utf-8"))["phrases"]:
        words = tuple(_words(row["words"]))
        bare = tuple(map(fold, words)) if row["bare"] else None
        phrase = _Phrase(words, bare)
        for first in {words[0], (bare or words)[0]}:
            starts[first] = (*starts.get(first, ()), phrase)
    return starts
