"""What every spreadsheet we write has in common: the file it goes to, the height of its rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xlsxwriter  # it ships no types
from xlsxwriter.exceptions import FileCreateError

_LINE = 16.5
"""Points that a line of twelve-point letters takes."""
_TALLEST = 409
"""Points; Excel knows no taller row."""


@contextmanager
def writing(path: Path, options: Mapping[str, object]) -> Iterator[Any]:
    """A workbook that is written on leaving. Raises OSError when the file cannot be made."""
    try:
        with xlsxwriter.Workbook(str(path), dict(options)) as book:
            yield book
    except FileCreateError as error:
        cause = error.args[0] if error.args else None
        raise cause if isinstance(cause, OSError) else OSError(str(error)) from None


def height(cells: Iterable[tuple[str, float]]) -> float:
    """Of a row with these (words, width of the column): no program guesses it for wrapped words
    alike, and LibreOffice leaves one line."""
    return min(_TALLEST, _LINE * max((_lines(words, width) for words, width in cells), default=1))


def _lines(words: str, width: float) -> int:
    """A column is measured in digits, and words break before its end."""
    fits = max(1.0, width * 0.9)
    return sum(max(1, math.ceil(len(line) / fits)) for line in words.split("\n"))
