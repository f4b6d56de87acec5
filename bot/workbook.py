"""Workbooks: opened from outside within limits, as plain values; and cells that can do nothing."""

from __future__ import annotations

import posixpath
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import openpyxl
from defusedxml import ElementTree as Xml
from openpyxl.utils.cell import coordinate_to_tuple, get_column_letter, range_boundaries
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.utils.escape import unescape

from bot.text import tidy

MAX_BYTES = 20 * 1024 * 1024
MAX_ROWS = 5_000
"""Rows with anything in them, in one sheet."""
MAX_COLUMNS = 60
_MAX_UNPACKED = 80 * 1024 * 1024
"""Of the XML inside: a million formatted empty rows, or a zip bomb, is refused before reading."""

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_REL_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"

# Everything openpyxl and the zip and XML readers were seen to raise on damaged files.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    AttributeError,
    EOFError,
    NotImplementedError,
    RuntimeError,
)

Value = str | int | float | date | datetime | time | timedelta


class Unreadable(Exception):
    """The file as a whole cannot be read; `key` names the sentence for the person."""

    def __init__(self, key: str, **args: str | int) -> None:
        super().__init__(key)
        self.key, self.details = key, args


@dataclass(frozen=True)
class Merge:
    top: int
    left: int
    bottom: int
    right: int


@dataclass
class Sheet:
    name: str
    hidden: bool = False
    rows: dict[int, dict[int, Value]] = field(default_factory=dict)
    """Only cells that hold something, by row and column, both from 1."""
    merges: list[Merge] = field(default_factory=list)
    uncalculated: list[tuple[int, int]] = field(default_factory=list)
    """Formulas saved without their result, as some programs do: their cells read as empty."""
    has_too_many_rows: bool = False
    from_1904: bool = False

    def span(self, row: int, column: int) -> int:
        """How many columns the cell covers."""
        for m in self.merges:
            if m.top == row and m.left == column:
                return m.right - m.left + 1
        return 1

    def merged_down(self) -> dict[int, dict[int, Value]]:
        """What a cell merged over several rows says in the rows below its first."""
        below: dict[int, dict[int, Value]] = {}
        for m in self.merges:
            value = self.rows.get(m.top, {}).get(m.left)
            if value is None:
                continue
            for row in range(m.top + 1, min(m.bottom, m.top + MAX_ROWS) + 1):
                below.setdefault(row, {})[m.left] = value
        return below


def read_sheets(path: Path) -> list[Sheet]:
    """Every worksheet, hidden ones with their mark only. Values, never formulas.

    Raises Unreadable for whatever is not an .xlsx workbook within the limits.
    """
    _check_container(path)
    try:
        return _sheets(path)
    except _DAMAGE as error:
        raise Unreadable("papers-file-broken") from error


def _check_container(path: Path) -> None:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise Unreadable("papers-file-too-large", limit=MAX_BYTES // 1024 // 1024)
    start = path.read_bytes()
    if start.startswith(_OLE):
        locked = _ENCRYPTED in start
        raise Unreadable("papers-file-password" if locked else "papers-file-old-xls")
    if not zipfile.is_zipfile(path):
        cut_short = start.startswith(b"PK\x03\x04")
        raise Unreadable("papers-file-broken" if cut_short else "papers-file-not-excel")
    try:
        with zipfile.ZipFile(path) as archive:
            _check_parts(archive)
    except _DAMAGE as error:
        raise Unreadable("papers-file-broken") from error


def _check_parts(archive: zipfile.ZipFile) -> None:
    if not any(name.lower().endswith("workbook.xml") for name in archive.namelist()):
        raise Unreadable("papers-file-not-excel")
    if sum(i.file_size for i in archive.infolist() if i.filename.endswith(".xml")) > _MAX_UNPACKED:
        raise Unreadable("papers-file-swollen")
    # "Strict Open XML": openpyxl finds no sheet in it and says nothing.
    if b"purl.oclc.org/ooxml" in archive.read(_workbook_part(archive)):
        raise Unreadable("papers-file-strict")


def _sheets(path: Path) -> list[Sheet]:
    # Opened here: openpyxl goes by the ending of a name, and what is kept by hash has none.
    with path.open("rb") as source, zipfile.ZipFile(source) as archive:
        book = openpyxl.load_workbook(source, read_only=True, data_only=True)
        try:
            parts = _sheet_parts(archive)
            sheets = []
            for found in book.worksheets:
                sheet = Sheet(found.title, hidden=found.sheet_state != "visible")
                sheet.from_1904 = book.epoch == CALENDAR_MAC_1904
                if not sheet.hidden:
                    # What a file claims of its own size is often wrong.
                    found.reset_dimensions()
                    _fill(sheet, found.iter_rows(max_col=MAX_COLUMNS, values_only=True))
                    _look_behind(sheet, archive, parts.get(sheet.name, ""))
                sheets.append(sheet)
            return sheets
        finally:
            book.close()


def _fill(sheet: Sheet, rows: Iterator[tuple[object, ...]]) -> None:
    for number, cells in enumerate(rows, start=1):
        kept = {}
        for column, raw in enumerate(cells, start=1):
            value = _value(raw)
            if value is not None:
                kept[column] = value
        if not kept:
            continue
        if len(sheet.rows) == MAX_ROWS:
            sheet.has_too_many_rows = True
            return
        sheet.rows[number] = kept


def _value(raw: object) -> Value | None:
    if isinstance(raw, str):
        # Some programs leave Excel's own marks in the text: "_x000D_" at the end of each line.
        return tidy(unescape(raw)) or None
    if isinstance(raw, int | float | date | time | timedelta):
        return raw
    return None


def _look_behind(sheet: Sheet, archive: zipfile.ZipFile, part: str) -> None:
    """Merged ranges and formulas without a result, which reading by rows does not tell."""
    if not part:
        return
    with archive.open(part) as source:
        for _, element in Xml.iterparse(source):
            tag = element.tag.rpartition("}")[2]
            if tag == "mergeCell":
                left, top, right, bottom = range_boundaries(element.get("ref", ""))
                sheet.merges.append(Merge(top or 1, left or 1, bottom or 1, right or 1))
            elif tag == "c":
                _note_formula(sheet, element)
            elif tag == "row":
                element.clear()


def _note_formula(sheet: Sheet, cell: Element) -> None:
    inside = {child.tag.rpartition("}")[2]: child.text for child in cell}
    # An empty result is a result where the cell says that it is text.
    has_result = inside.get("v") or ("v" in inside and cell.get("t") == "str")
    if "f" in inside and not has_result and cell.get("r"):
        sheet.uncalculated.append(coordinate_to_tuple(cell.get("r", "")))


def _sheet_parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Part of the archive by name of the sheet."""
    book = _workbook_part(archive)
    folder, base = posixpath.split(book)
    relations = Xml.fromstring(archive.read(f"{folder}/_rels/{base}.rels".lstrip("/")))
    targets = {
        r.get("Id"): posixpath.normpath(posixpath.join("/" + folder, r.get("Target", "")))
        for r in relations
    }
    names = Xml.fromstring(archive.read(book)).findall(".//{*}sheet")
    return {n.get("name", ""): targets.get(n.get(_REL_ID), "").lstrip("/") for n in names}


def _workbook_part(archive: zipfile.ZipFile) -> str:
    return next(n for n in archive.namelist() if n.lower().endswith("workbook.xml"))


def cell_text(value: Value | None) -> str:
    """As a person reads it in the cell: 1.0 is "1", a date is dd/mm/yyyy."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "x" if value else ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, date):
        return value.strftime("%d/%m/%Y")
    return str(value)


def letter(column: int) -> str:
    return get_column_letter(column)


# What we write

_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    """NFC without what XML and spreadsheets cannot hold; line ends as \\n."""
    return unicodedata.normalize("NFC", _UNWRITABLE.sub("", text.replace("\r\n", "\n")))


def inert(text: str) -> str:
    """Text that a spreadsheet would take for a formula gets an apostrophe, as a person types it.

    Blanks before the sign and its full-width forms count too.
    """
    start = text.lstrip(" \u00a0\u3000")[:1]
    return f"'{text}" if start and start in "=+-@\t\r\n|＝＋－＠" else text
