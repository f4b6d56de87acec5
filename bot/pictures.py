"""Pictures with words in them: a table, a month, bars, a card; drawn by Typst as PNG.

A drawing is described first (`table`, `month`, `bars`, `card`): a short text with all its words
already in the reader's language, which travels in a Reply as `Picture("drawing", …, alt)`. It is
drawn (`png`) only when it is sent or looked at, outside any transaction. What people wrote is data
to Typst, never markup; the fonts are our own, so that it looks the same everywhere.

A picture never stands alone: `alt` says what it shows, and the message tells the same in words.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import typst
from babel.dates import get_day_names

from bot import i18n
from bot.text import tidy

HERE = Path(__file__).resolve().parent
WIDTH = 360
"""In points, drawn at three pixels each."""
PIXELS_PER_INCH = 72 * 3
CARD_WIDTH = 400
"""1200 × 630 pixels: what other sites show of a link (Open Graph)."""
MOST_ROWS = 40
"""Beyond, nobody reads it on a telephone, and Telegram shrinks it: say the rest in words."""
LONGEST_HEAD = 11
MOST_HEADS = 4
LONGEST_CELL = 160


class Mark(StrEnum):
    """How something stands. Each has a shape, a colour and words of its own."""

    DONE = "done"
    HANDED = "handed"
    """Handed in, and not yet accepted."""
    DOING = "doing"
    RETURNED = "returned"
    LATE = "late"
    TODO = "todo"
    FREE = "free"
    """Nothing is owed here."""


@dataclass(frozen=True)
class Cell:
    text: str = ""
    mark: Mark | None = None


@dataclass(frozen=True)
class Entry:
    """Something on a day of a month."""

    day: date
    title: str
    mark: Mark
    detail: str = ""


@dataclass(frozen=True)
class Bar:
    """One bar: how many of each kind, in the order in which they are drawn."""

    label: str
    parts: Sequence[tuple[Mark, int]]
    told: str = ""
    """At the end of its line: a total, a share, as the caller words it."""


def table(
    locale: str,
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Cell | Mark | str]],
    *,
    subtitle: str = "",
    note: str = "",
) -> str:
    """The first column is wide and names the row. Long or many heads become numbers with a key.

    Raises ValueError beyond MOST_ROWS, or when a row has not as many cells as there are columns.
    """
    if len(rows) > MOST_ROWS or any(len(row) != len(columns) for row in rows):
        raise ValueError("a table has at most MOST_ROWS rows, each as long as its columns")
    first, *heads = columns
    numbered = len(heads) > MOST_HEADS or any(len(head) > LONGEST_HEAD for head in heads)
    numbers = [str(number) for number in range(1, len(heads) + 1)]
    cells = [[_cell(cell) for cell in row] for row in rows]
    return _described(
        locale, "table", title, subtitle, note,
        (cell["mark"] for row in cells for cell in row),
        columns=[first, *(numbers if numbered else heads)],
        key=[list(pair) for pair in zip(numbers, heads, strict=True)] if numbered else [],
        rows=cells,
    )  # fmt: skip


def month(
    locale: str,
    title: str,
    first: date,
    entries: Sequence[Entry],
    *,
    off: Collection[date] = (),
    today: date | None = None,
    subtitle: str = "",
    note: str = "",
) -> str:
    """The month of `first`, weeks from Monday, with what is due on its days listed below."""
    begin = first.replace(day=1)
    inside = [e for e in entries if (e.day.year, e.day.month) == (begin.year, begin.month)]
    inside = sorted(inside, key=lambda e: e.day)[:MOST_ROWS]
    names = get_day_names("abbreviated", locale=locale)
    return _described(
        locale, "month", title, subtitle, note, (entry.mark for entry in inside),
        weekdays=[names[number] for number in range(7)],
        days=[None] * begin.weekday()
        + [
            {
                "number": day.day,
                "off": day in off,
                "today": day == today,
                "marks": [entry.mark for entry in inside if entry.day == day],
            }
            for day in _days_of_month(begin)
        ],
        entries=[
            {
                "day": f"{e.day.day}/{e.day.month}", "mark": e.mark, "title": _short(e.title),
                "detail": _short(e.detail),
            }
            for e in inside
        ],
    )  # fmt: skip


def bars(
    locale: str,
    title: str,
    rows: Sequence[Bar],
    *,
    shares: bool = True,
    legend: bool = True,
    subtitle: str = "",
    note: str = "",
) -> str:
    """Lying bars of several kinds. With `shares` each is as long as the picture is wide;
    without, their lengths compare. Without a `legend` the caller says what the kinds are.
    Raises ValueError beyond MOST_ROWS."""
    if len(rows) > MOST_ROWS:
        raise ValueError("a picture has at most MOST_ROWS bars")
    return _described(
        locale, "bars", title, subtitle, note,
        (mark for row in rows for mark, count in row.parts if count and legend),
        shares=shares,
        rows=[
            {"label": _short(row.label), "told": row.told, "parts": [list(p) for p in row.parts]}
            for row in rows
        ],
    )  # fmt: skip


def card(locale: str, label: str, title: str, lead: str, place: str, office: str) -> str:
    """What is shared of an exemplar: `label` says what it is, `office` who says so."""
    return _described(
        locale, "card", _short(title), "", "", (), width=CARD_WIDTH, label=_short(label),
        lead=" ".join(tidy(lead).split()), place=_short(place), office=_short(office),
    )  # fmt: skip


@lru_cache(maxsize=16)
def png(drawing: str) -> bytes:
    """Draws what one of the others described. Blocking: some 50 ms, the first time more."""
    return _drawn(drawing, "png")


def _drawn(drawing: str, form: Literal["png", "pdf"]) -> bytes:
    drawn = typst.compile(
        HERE / "pictures.typ",
        format=form,
        ppi=PIXELS_PER_INCH if form == "png" else None,
        root=HERE,
        font_paths=_fonts(),
        sys_inputs={"drawing": drawing},
    )
    if not isinstance(drawn, bytes):
        raise TypeError("a drawing is one page")
    return drawn


@lru_cache(maxsize=1)
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, font_paths=[HERE / "fonts"])


def _described(
    locale: str,
    kind: str,
    title: str,
    subtitle: str,
    note: str,
    marks: Iterable[Mark | str],
    **rest: Any,
) -> str:
    used = set(marks)
    legend = [[mark, i18n.say(locale, f"pictures-mark-{mark}")] for mark in Mark if mark in used]
    common = {
        "kind": kind, "lang": locale, "width": WIDTH, "title": tidy(title),
        "subtitle": tidy(subtitle), "note": tidy(note), "legend": legend,
    }  # fmt: skip
    return json.dumps({**common, **rest}, ensure_ascii=False, separators=(",", ":"))


def _cell(cell: Cell | Mark | str) -> dict[str, str]:
    match cell:
        case Mark():
            return {"text": "", "mark": cell}
        case Cell():
            return {"text": _short(cell.text), "mark": cell.mark or ""}
    return {"text": _short(cell), "mark": ""}


def _short(text: str) -> str:
    clean = " ".join(tidy(text).split())
    return clean if len(clean) <= LONGEST_CELL else clean[: LONGEST_CELL - 1].rstrip() + "…"


def _days_of_month(begin: date) -> list[date]:
    days = [begin + timedelta(days=number) for number in range(31)]
    return [day for day in days if day.month == begin.month]
