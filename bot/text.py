"""Text as people type it: cleaned at the door, folded for searching, cut for sending."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_LINE_ENDS = re.compile("\r\n?|[\x85\u2028\u2029]")

# Invisible and able to mislead: they turn the reading order around or split a word for searching.
# The joiners U+200C and U+200D stay, because emoji and some scripts are written with them.
_INVISIBLE = "\u00ad\u061c\u200b\u200e\u200f\u2060\ufeff\u202a-\u202e\u2066-\u2069"
# Unicode's categories Cc (but \n and \t) and Cs.
_CONTROL = "\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff"
_UNWANTED = re.compile(f"[{_INVISIBLE}{_CONTROL}]")

# đ is a letter of its own and has no decomposition. Old fonts and converters put the Icelandic
# or African letter that looks the same in its place.
_CROSSED_D = str.maketrans("đðɖ", "ddd")

_JOINER = "\u200d"

# Where a long text may be cut, best first; the cut falls before the whitespace that matched.
# A no-break space keeps "10 giờ" together.
_CUTS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\n\s*\n",
        r"(?<=[.!?…])\s|(?<=[.!?…][\"'”’»)\]])\s|\n",
        r"[^\S\u00a0\u202f]",
    )
)


def tidy(text: str) -> str:
    """What we store of what somebody typed: NFC, lines ending in \\n, nothing invisible.

    Control characters go (but \\n and \\t), lone surrogates and NUL too: PostgreSQL takes neither.
    """
    kept = _UNWANTED.sub("", _LINE_ENDS.sub("\n", text))
    return unicodedata.normalize("NFC", kept).strip()


def fold(text: str) -> str:
    """A key for finding text typed with or without accents: "Đường  Láng" and "duong lang" agree.

    Different words meet ("ma", "má", "mà"): good for finding, never for deciding.
    """
    bare = _without_marks(_without_marks(text).casefold()).translate(_CROSSED_D)
    return " ".join(bare.split())


def plain(text: str) -> str:
    """Folded words only: "1. Họ và tên:" and "1 HO VA TEN" agree."""
    return " ".join(re.findall(r"[^\W_]+", fold(text)))


def _without_marks(text: str) -> str:
    return "".join(
        c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn"
    )


def utf16_length(text: str) -> int:
    """How Telegram counts: an emoji outside the basic plane is two."""
    return len(text) + sum(c > "\uffff" for c in text)


def split(text: str, limit: int, length: Callable[[str], int] = len) -> list[str]:
    """Pieces of at most `limit` by `length`; only whitespace at the cuts is lost.

    Cut after a paragraph, else a sentence, else a word, where that leaves the piece at least half
    full; else between two letters, never between a letter and its accent. `length` must count
    at least 1 for every code point and grow with the text. A blank text has no pieces.
    Raises ValueError when not even one character fits.
    """
    pieces: list[str] = []
    start = 0
    while start < len(text):
        end = _furthest(text, start, limit, length)
        cut = end if end == len(text) else _cut(text, start, end)
        last = cut == len(text)
        pieces.append(text[start:cut] if last else text[start:cut].rstrip())
        start = _past_whitespace(text, cut)
    return [piece for piece in pieces if piece.strip()]


def _furthest(text: str, start: int, limit: int, length: Callable[[str], int]) -> int:
    """The last index such that text[start:index] still fits."""
    if length(text[start]) > limit:
        raise ValueError(f"a piece of at most {limit} cannot hold one character")
    fits, too_far = start + 1, min(len(text), start + limit) + 1
    while too_far - fits > 1:
        middle = (fits + too_far) // 2
        if length(text[start:middle]) <= limit:
            fits = middle
        else:
            too_far = middle
    return fits


def _cut(text: str, start: int, end: int) -> int:
    for least in ((start + end) // 2, start):
        for pattern in _CUTS:
            # Two characters beyond the end, so that a break standing exactly there is seen.
            found = [m.start() for m in pattern.finditer(text, start, end + 2)]
            good = [at for at in found if least < at <= end]
            if good:
                return good[-1]
    between = (at for at in range(end, start, -1) if not _joined(text, at))
    return next(between, end)


def _past_whitespace(text: str, at: int) -> int:
    begin = at
    while at < len(text) and text[at].isspace():
        at += 1
    carries_mark = begin < at < len(text) and _joined(text, at)
    return at - 1 if carries_mark else at


def _joined(text: str, at: int) -> bool:
    """Whether text[at] belongs to the same drawn character as what stands before it."""
    before, after = text[at - 1], text[at] if at < len(text) else " "
    if before == _JOINER or _extends(after):
        return True
    return _is_flag_half(after) and _flag_halves_before(text, at) % 2 == 1


def _extends(char: str) -> bool:
    """Accents, joiners, emoji skin tones, and the tags that spell the flags of regions."""
    return (
        unicodedata.category(char) in ("Mn", "Me", "Mc")
        or char in "\u200c\u200d"
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or "\U000e0020" <= char <= "\U000e007f"
    )


def _is_flag_half(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _flag_halves_before(text: str, at: int) -> int:
    first = at
    while first > 0 and _is_flag_half(text[first - 1]):
        first -= 1
    return at - first
