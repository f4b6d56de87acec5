"""Drawn pictures for invented candidates: nobody's photograph, and plainly nobody's."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

from PIL import Image, ImageDraw

SIDE = 640
_SHARP = 2
"""Drawn this much larger, then made small: that is what makes the edges soft."""

Colours = Mapping[str, Any]
_INK = "#2A2F33"


def draw(portrait: Colours) -> bytes:
    """A square PNG. `portrait` names its scene and its colours. Some 40 ms of CPU."""
    image = Image.new("RGB", (SIDE * _SHARP, SIDE * _SHARP), portrait["back"])
    _SCENES[portrait["scene"]](_Brush(image), portrait)
    written = io.BytesIO()
    image.resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(written, "PNG")
    return written.getvalue()


class _Brush:
    """Shapes in hundredths of the picture's side."""

    def __init__(self, image: Image.Image) -> None:
        self._draw = ImageDraw.Draw(image)
        self._unit = image.width / 100

    def _scaled(self, points: tuple[float, ...]) -> list[float]:
        return [point * self._unit for point in points]

    def disc(self, *box: float, fill: str) -> None:
        self._draw.ellipse(self._scaled(box), fill=fill)

    def box(self, *box: float, fill: str, round_by: float = 0) -> None:
        self._draw.rounded_rectangle(self._scaled(box), round_by * self._unit, fill=fill)

    def shape(self, *points: float, fill: str) -> None:
        self._draw.polygon(self._scaled(points), fill=fill)

    def line(self, *points: float, fill: str, width: float) -> None:
        self._draw.line(self._scaled(points), fill=fill, width=int(width * self._unit))

    def arc(self, *box: float, start: int, end: int, fill: str, width: float) -> None:
        self._draw.arc(self._scaled(box), start, end, fill=fill, width=int(width * self._unit))

    def pie(self, *box: float, start: int, end: int, fill: str) -> None:
        self._draw.pieslice(self._scaled(box), start, end, fill=fill)


def _person(brush: _Brush, c: Colours) -> None:
    style = c["style"]
    if style == "long":
        brush.box(30, 24, 70, 76, fill=c["hair"], round_by=19)
    if style == "bun":
        brush.disc(42, 11, 58, 27, fill=c["hair"])
    brush.box(16, 72, 84, 130, fill=c["clothes"], round_by=24)
    brush.box(43, 58, 57, 78, fill=c["skin"], round_by=6)
    brush.shape(40, 72, 60, 72, 50, 84, fill=c["skin"])
    brush.disc(32, 22, 68, 66, fill=c["skin"])
    brush.pie(31, 19, 69, 59, start=180, end=360, fill=c["hair"])
    if style == "cap":
        brush.pie(29, 14, 71, 58, start=180, end=360, fill=c["clothes"])
        brush.box(26, 34, 74, 39, fill=c["clothes"], round_by=2)
    _face(brush, bool(c.get("glasses")))


def _face(brush: _Brush, glasses: bool) -> None:
    for x in (43, 57):
        brush.disc(x - 1.5, 44.5, x + 1.5, 47.5, fill=_INK)
        if glasses:
            brush.arc(x - 5.5, 40.5, x + 5.5, 51.5, start=0, end=360, fill=_INK, width=1)
    if glasses:
        brush.line(48.5, 46, 51.5, 46, fill=_INK, width=1)
    brush.arc(44, 48, 56, 58, start=25, end=155, fill=_INK, width=1.2)


def _memorial(brush: _Brush, c: Colours) -> None:
    _person(brush, c)
    for x in (22, 78):
        _lotus(brush, x, 90)


def _lotus(brush: _Brush, x: float, y: float) -> None:
    brush.pie(x - 12, y - 8, x + 12, y + 8, start=0, end=180, fill="#7C9A82")
    for dx, tall in ((-7, 9), (7, 9), (0, 13)):
        petal = "#F3E9EC" if dx else "#FBF5F6"
        brush.shape(x + dx - 4, y, x + dx, y - tall, x + dx + 4, y, fill=petal)


def _school(brush: _Brush, c: Colours) -> None:
    brush.disc(74, 8, 90, 24, fill="#F6D88A")
    brush.box(14, 46, 86, 84, fill=c["first"])
    brush.shape(10, 47, 50, 24, 90, 47, fill=c["second"])
    brush.box(44, 62, 56, 84, fill=c["second"], round_by=1)
    for x in (20, 31, 60, 71):
        for y in (53, 68):
            brush.box(x, y, x + 8, y + 9, fill="#FDF7E6", round_by=1)
    brush.line(50, 24, 50, 10, fill=_INK, width=0.8)
    brush.shape(50, 10, 63, 13, 50, 18, fill=c["second"])
    brush.box(0, 84, 100, 100, fill="#8FB06A")


def _house(brush: _Brush, c: Colours) -> None:
    brush.box(0, 80, 100, 100, fill=c["second"])
    brush.box(24, 50, 76, 82, fill="#FBF3E4")
    brush.shape(16, 52, 34, 30, 66, 30, 84, 52, fill=c["first"])
    brush.box(44, 58, 56, 82, fill=c["first"])
    for x in (29, 61):
        brush.box(x, 58, x + 10, 68, fill="#A9C4CE", round_by=1)
    brush.box(86, 52, 89, 82, fill="#8A6748")
    for x, y in ((80, 34), (88, 28), (84, 44)):
        brush.disc(x - 8, y - 6, x + 10, y + 12, fill=c["second"])


def _field(brush: _Brush, c: Colours) -> None:
    brush.disc(62, 10, 84, 32, fill=c["second"])
    brush.disc(-20, 38, 70, 120, fill=c["first"])
    brush.disc(34, 48, 130, 140, fill="#6F9138")
    for row in range(3):
        for column in range(4):
            x, y = 18 + column * 20 + row * 5, 62 + row * 13
            brush.disc(x - 5, y - 5, x + 5, y + 5, fill="#4E7230")
            brush.disc(x - 1, y - 1, x + 2, y + 2, fill=c["second"])


def _river(brush: _Brush, c: Colours) -> None:
    brush.box(0, 58, 100, 100, fill=c["second"])
    brush.shape(16, 54, 84, 54, 72, 70, 26, 70, fill=c["first"])
    brush.box(36, 40, 60, 54, fill="#FBF7EF", round_by=2)
    brush.box(41, 44, 48, 50, fill=c["second"])
    brush.disc(63, 56, 71, 64, fill="#FBF7EF")
    brush.disc(65.3, 58.3, 68.7, 61.7, fill=c["first"])
    for y, start in ((76, 8), (85, 20), (93, 4)):
        for x in range(start, 100, 26):
            brush.arc(x, y - 4, x + 14, y + 4, start=20, end=160, fill="#CFE4EA", width=1)


_SCENES: dict[str, Callable[[_Brush, Colours], None]] = {
    "person": _person,
    "memorial": _memorial,
    "school": _school,
    "house": _house,
    "field": _field,
    "river": _river,
}
