"""How a spreadsheet looks that an office fills in: pens, pages, the guide, drop-down lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Say = Callable[..., str]

_BLUE, _PALE, _GREY, _LINE = "#1F4E79", "#DDEBF7", "#7F7F7F", "#BFBFBF"
_FONT = "Times New Roman"


def pens(book: Any) -> dict[str, Any]:
    base = {"font_name": _FONT, "font_size": 12, "valign": "vcenter", "text_wrap": True}
    boxed = {**base, "border": 1, "border_color": _LINE}
    return {
        "plain": book.add_format({**base, "valign": "top"}),
        "title": book.add_format({**base, "font_size": 16, "bold": True, "font_color": _BLUE}),
        "heading": book.add_format(
            {**boxed, "bold": True, "bg_color": _BLUE, "font_color": "white", "align": "center"}
        ),
        "label": book.add_format({**boxed, "bold": True, "bg_color": _PALE}),
        "entry": book.add_format({**boxed, "num_format": "@"}),
        "number": book.add_format({**boxed, "align": "left", "num_format": "0"}),
        "date": book.add_format({**boxed, "align": "left", "num_format": "dd/mm/yyyy"}),
        "hint": book.add_format({**base, "italic": True, "font_color": _GREY, "font_size": 11}),
        "cell": book.add_format({**boxed, "valign": "top"}),
        "step": book.add_format({**base, "valign": "top", "align": "right", "bold": True}),
    }


def page(sheet: Any) -> None:
    sheet.hide_gridlines(2)
    sheet.set_paper(9)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)


def guide(sheet: Any, words: Sequence[str], pens: dict[str, Any]) -> None:
    """The title, then the steps, numbered."""
    page(sheet)
    sheet.set_column(0, 0, 4)
    sheet.set_column(1, 1, 110)
    sheet.set_row(0, 34)
    sheet.write_string(0, 1, words[0], pens["title"])
    for row, step in enumerate(words[1:], start=1):
        sheet.set_row(row, 20 * (len(step) // 130 + 1))
        sheet.write_string(row, 0, f"{row}.", pens["step"])
        sheet.write_string(row, 1, step, pens["plain"])


def one_of(source: object, say: Say) -> dict[str, object]:
    return {
        "validate": "list",
        "source": source,
        "error_title": say("papers-tip-choose-title"),
        "error_message": say("papers-tip-choose"),
    }
