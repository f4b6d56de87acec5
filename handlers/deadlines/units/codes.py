"""The code of an invitation: read over the telephone, typed on any keyboard, used once.

No vowels and no D, W or L: a keyboard that writes Vietnamese changes nothing in it, whether by
Telex or by VNI, and no letter looks like a digit.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata

_LETTERS = "0123456789BCFGHJKMNPQRSTVXZ"
_MISREAD = str.maketrans("OIL", "011")
_RANDOM_LETTERS = 17
"""More than 80 bits."""
_ALL_LETTERS = _RANDOM_LETTERS + 1
_GROUP = 3
_SEPARATORS = re.compile(r"[\W_]+")
_LONGEST = 60
"""A longer text is no code, however it is written; every message is asked whether it is one."""


def new_code() -> str:
    """Six groups of three, "7KB-2MN-…"; the last letter catches most slips."""
    drawn = "".join(secrets.choice(_LETTERS) for _ in range(_RANDOM_LETTERS))
    return _grouped(drawn + _check(drawn))


def tidy_code(typed: str) -> str | None:
    """The code as we print it, whatever its case and separators; None when it cannot be one."""
    if len(typed) > _LONGEST:
        return None
    letters = _SEPARATORS.sub("", unicodedata.normalize("NFKC", typed)).upper()
    letters = letters.translate(_MISREAD)
    if len(letters) != _ALL_LETTERS or not set(letters) <= set(_LETTERS):
        return None
    return _grouped(letters) if _check(letters[:-1]) == letters[-1] else None


def looks_like_code(text: str) -> bool:
    """Whether somebody seems to mean a code, right or not: five to seven groups of about three
    letters, most of them with both letters and digits or no vowel. A receipt's have four."""
    if len(text) > _LONGEST:
        return False
    groups = [group for group in _SEPARATORS.split(text.strip().upper()) if group]
    if not 5 <= len(groups) <= 7 or any(not 2 <= len(group) <= 4 for group in groups):
        return False
    if sum(len(group) == 4 for group in groups) > 1:
        return False
    odd = [group for group in groups if group.isascii() and not set(group) & set("AEOUY")]
    return len(odd) >= len(groups) - 1


def in_link(code: str) -> str:
    """Behind `/start u-` and in addresses."""
    return code.replace("-", "")


def _check(letters: str) -> str:
    return _LETTERS[hashlib.sha256(letters.encode()).digest()[0] % len(_LETTERS)]


def _grouped(letters: str) -> str:
    return "-".join(letters[i : i + _GROUP] for i in range(0, len(letters), _GROUP))
