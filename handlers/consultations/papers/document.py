"""The look of an administrative document (Decree 30/2020/NĐ-CP, annex I), by python-docx.

A4, margins 20/20/30/15 mm (top, bottom, left, right), Times New Roman, page numbers from the
second page in the middle of the top margin.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import docx
from docx.document import Document
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import (
    WD_ALIGN_PARAGRAPH,
    WD_LINE_SPACING,
    WD_TAB_ALIGNMENT,
    WD_TAB_LEADER,
)
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.table import Table, _Cell
from docx.text.paragraph import Paragraph

Say = Callable[..., str]

FONT = "Times New Roman"
_BODY, _SMALL = 14, 12
_WIDTH_MM = 165
_INDENT = Mm(10)
_SHORT_TABLE = 12
"""Rows of a table that is moved to the next page rather than torn."""
_DOTTED = (WD_TAB_ALIGNMENT.RIGHT, WD_TAB_LEADER.DOTS)
_CENTRE, _LEFT, _JUSTIFY = (
    WD_ALIGN_PARAGRAPH.CENTER,
    WD_ALIGN_PARAGRAPH.LEFT,
    WD_ALIGN_PARAGRAPH.JUSTIFY,
)


@dataclass(frozen=True)
class Frame:
    """What stands around the text. "" leaves the blank that the office fills in by hand."""

    parent_agency: str
    agency: str
    symbol: str
    """Number and symbol with a gap for the number: "Số:        /BC-SNV"."""
    place: str
    addressee: str
    receivers: tuple[str, ...]
    signer: str
    """Capacity of the signer in capitals, lines separated by \\n: "TM. …\\nTRƯỞNG BAN"."""


class Paper:
    """One document, written from top to bottom."""

    def __init__(self, title: str, author: str) -> None:
        self._doc: Document = docx.Document()
        core = self._doc.core_properties
        core.title, core.author, core.comments = title, author, ""
        core.last_modified_by, core.language = author, "vi-VN"
        _set_page(self._doc)
        _set_fonts(self._doc)
        _number_pages(self._doc)

    def save(self, path: Path) -> None:
        self._doc.save(str(path))

    def head(self, frame: Frame, kind: str, subject: str, say: Say) -> None:
        table = self._columns(72, 93)
        left, right = table.rows[0].cells
        _write(left.paragraphs[0], frame.parent_agency.upper(), size=12, align=_CENTRE)
        _write(left.add_paragraph(), frame.agency.upper(), size=12, bold=True, align=_CENTRE)
        _rule(left.add_paragraph(), 23)
        _write(left.add_paragraph(), frame.symbol, size=13, align=_CENTRE)
        _write(right.paragraphs[0], say("papers-nation"), size=12, bold=True, align=_CENTRE)
        _write(right.add_paragraph(), say("papers-motto"), size=13, bold=True, align=_CENTRE)
        _rule(right.add_paragraph(), 20)
        dated = say("papers-place-and-date", place=frame.place or "…………")
        _write(right.add_paragraph(), dated, size=13, italic=True, align=_CENTRE)
        self._centred(kind, bold=True, before=18)
        self._centred(subject, bold=True)
        _rule(self._doc.add_paragraph(), 65)
        if frame.addressee:
            self._centred(say("papers-to", addressee=frame.addressee), before=6, after=6)

    def foot(self, frame: Frame, say: Say) -> None:
        """As low as it can be: what does not fit moves whole, and leaves its room unfilled."""
        gap = self._doc.add_paragraph()
        gap.paragraph_format.keep_with_next = True
        _spacing(gap, before=0, after=0, size=6)
        left, right = self._columns(80, 85).rows[0].cells
        heading = left.paragraphs[0]
        _write(heading, say("papers-receivers"), size=12, bold=True, italic=True, align=_LEFT)
        for receiver in frame.receivers:
            _write(left.add_paragraph(), f"- {receiver};", size=11, align=_LEFT)
        _write(left.add_paragraph(), say("papers-archive"), size=11, align=_LEFT)
        lines = (frame.signer or "……………………………").split("\n")
        for i, line in enumerate(lines):
            paragraph = right.add_paragraph() if i else right.paragraphs[0]
            _write(paragraph, line, size=14, bold=True, align=_CENTRE)
        for _ in range(4):
            _write(right.add_paragraph(), "", size=14, align=_CENTRE)
        _write(right.add_paragraph(), "……………………………", size=14, bold=True, align=_CENTRE)
        # Word ends every file with a paragraph; one of its own height could open an empty page.
        _spacing(self._doc.add_paragraph(), before=0, after=0, size=1)

    def basis(self, text: str) -> None:
        self._body(text, italic=True)

    def part(self, text: str) -> None:
        """I. IN CAPITALS."""
        self._body(text, bold=True, keep=True)

    def section(self, text: str) -> None:
        """1. In bold."""
        self._body(text, bold=True, keep=True)

    def text(self, text: str) -> None:
        self._body(text)

    def last_words(self, text: str) -> None:
        """Stays whole with the signature, and names the matter: a page with a signature alone
        could be put under any paper."""
        self._body(text, keep=True).paragraph_format.keep_together = True

    def warning(self, text: str) -> None:
        self._body(text, bold=True, italic=True)

    def labelled(self, label: str, text: str) -> None:
        """One paragraph that opens with its label; further lines of the text follow below it."""
        first, *more = text.splitlines() or [""]
        paragraph = self._body(f"{label} ", italic=True)
        _run(paragraph, first, _BODY)
        for line in more:
            self._body(line)

    def note(self, text: str) -> None:
        """Small print under a table: what its figures are."""
        self._body(text, italic=True, size=_SMALL)

    def blank_lines(self, count: int) -> None:
        """Dotted lines across the page, for writing on."""
        for _ in range(count):
            paragraph = self._doc.add_paragraph()
            paragraph.paragraph_format.tab_stops.add_tab_stop(Mm(_WIDTH_MM), *_DOTTED)
            _spacing(paragraph, before=0, after=6)
            _run(paragraph, "\t", _BODY)

    def table(
        self,
        headings: Sequence[str],
        widths_mm: Sequence[int],
        rows: Sequence[Sequence[str]],
        *,
        left: Sequence[int] = (),
        has_total: bool = False,
    ) -> None:
        """Cells are centred but in the columns of `left`; the last row is bold when a total."""
        table = self._doc.add_table(rows=1, cols=len(headings), style="Table Grid")
        table.alignment, table.autofit = WD_TABLE_ALIGNMENT.CENTER, False
        _row(table, 0, headings, (), bold=True)
        _repeat(table)
        for i, row in enumerate(rows):
            table.add_row()
            last = has_total and i == len(rows) - 1
            _row(table, i + 1, row, left, bold=last)
        _set_widths(table, widths_mm)
        if len(rows) <= _SHORT_TABLE:
            _keep_together(table)
        _spacing(self._doc.add_paragraph(), before=0, after=2, size=4)

    def _columns(self, *widths_mm: int) -> Table:
        table: Table = self._doc.add_table(rows=1, cols=len(widths_mm))
        table.alignment, table.autofit = WD_TABLE_ALIGNMENT.CENTER, False
        _set_widths(table, widths_mm)
        _whole(table, 0)
        _no_padding(table)
        return table

    def _centred(self, text: str, *, bold: bool = False, before: int = 0, after: int = 0) -> None:
        paragraph = self._doc.add_paragraph()
        _write(paragraph, text, size=_BODY, bold=bold, align=_CENTRE)
        _spacing(paragraph, before=before, after=after)

    def _body(
        self,
        text: str,
        *,
        bold: bool = False,
        italic: bool = False,
        keep: bool = False,
        size: int = _BODY,
    ) -> Paragraph:
        paragraph = self._doc.add_paragraph()
        _run(paragraph, text, size, bold=bold, italic=italic)
        paragraph.alignment = _JUSTIFY
        paragraph.paragraph_format.first_line_indent = _INDENT
        paragraph.paragraph_format.keep_with_next = keep
        _spacing(paragraph, before=3, after=3)
        return paragraph


def _set_page(doc: Document) -> None:
    page = doc.sections[0]
    page.page_width, page.page_height = Mm(210), Mm(297)
    page.top_margin, page.bottom_margin = Mm(20), Mm(20)
    page.left_margin, page.right_margin = Mm(30), Mm(15)
    page.header_distance = Mm(10)


def _set_fonts(doc: Document) -> None:
    """On the styles and on the document's defaults, whose theme fonts win in some programs."""
    normal = doc.styles["Normal"]
    normal.font.name, normal.font.size = FONT, Pt(_BODY)
    normal.font.color.rgb = RGBColor(0, 0, 0)
    for fonts in doc.styles.element.iter(qn("w:rFonts")):
        for name in list(fonts.attrib):
            del fonts.attrib[name]
        for name in ("w:ascii", "w:hAnsi", "w:eastAsia", "w:cs"):
            fonts.set(qn(name), FONT)
    for language in doc.styles.element.iter(qn("w:lang")):
        language.set(qn("w:val"), "vi-VN")


def _number_pages(doc: Document) -> None:
    page = doc.sections[0]
    page.different_first_page_header_footer = True
    paragraph = page.header.paragraphs[0]
    paragraph.alignment = _CENTRE
    run = paragraph.add_run()
    run.font.size = Pt(13)
    for kind, text in (("begin", ""), ("", " PAGE "), ("end", "")):
        element = OxmlElement("w:fldChar" if kind else "w:instrText")
        if kind:
            element.set(qn("w:fldCharType"), kind)
        else:
            element.set(qn("xml:space"), "preserve")
            element.text = text
        run._r.append(element)


def _write(
    paragraph: Paragraph,
    text: str,
    *,
    size: int,
    align: WD_ALIGN_PARAGRAPH,
    bold: bool = False,
    italic: bool = False,
) -> None:
    _run(paragraph, text, size, bold=bold, italic=italic)
    paragraph.alignment = align
    _spacing(paragraph, before=0, after=0)


def _run(
    paragraph: Paragraph, text: str, size: int, *, bold: bool = False, italic: bool = False
) -> None:
    run = paragraph.add_run(text)
    run.font.size, run.bold, run.italic = Pt(size), bold, italic


def _spacing(paragraph: Paragraph, *, before: int, after: int, size: int = 0) -> None:
    spacing = paragraph.paragraph_format
    spacing.space_before, spacing.space_after = Pt(before), Pt(after)
    spacing.line_spacing = Pt(size) if size else 1.0
    if size:
        spacing.line_spacing_rule = WD_LINE_SPACING.EXACTLY


def _rule(paragraph: Paragraph, margin_mm: int) -> None:
    """A short line under a heading, `margin_mm` from either side."""
    paragraph.paragraph_format.left_indent = Mm(margin_mm)
    paragraph.paragraph_format.right_indent = Mm(margin_mm)
    _spacing(paragraph, before=0, after=6, size=3)
    borders, line = OxmlElement("w:pBdr"), OxmlElement("w:bottom")
    for name, value in (("val", "single"), ("sz", "6"), ("space", "0"), ("color", "000000")):
        line.set(qn(f"w:{name}"), value)
    borders.append(line)
    properties = paragraph._p.get_or_add_pPr()
    spacing = properties.find(qn("w:spacing"))
    # The schema wants borders before spacing; Word repairs the file otherwise.
    spacing.addprevious(borders)


def _row(
    table: Table, index: int, texts: Sequence[str], left: Sequence[int], *, bold: bool
) -> None:
    _whole(table, index)
    for column, (cell, text) in enumerate(zip(table.rows[index].cells, texts, strict=True)):
        align = _LEFT if column in left else _CENTRE
        _fill(cell, text, align, bold=bold)


def _fill(cell: _Cell, text: str, align: WD_ALIGN_PARAGRAPH, *, bold: bool) -> None:
    for i, line in enumerate(text.splitlines() or [""]):
        paragraph = cell.add_paragraph() if i else cell.paragraphs[0]
        _write(paragraph, line, size=_SMALL, bold=bold, align=align)
        _spacing(paragraph, before=2, after=2)


def _set_widths(table: Table, widths_mm: Sequence[int]) -> None:
    """On the grid for LibreOffice and on every cell for Word."""
    for column, width in zip(table.columns, widths_mm, strict=True):
        column.width = Mm(width)
        for cell in column.cells:
            cell.width = Mm(width)


def _no_padding(table: Table) -> None:
    padding = OxmlElement("w:tblCellMar")
    for side in ("left", "right"):
        width = OxmlElement(f"w:{side}")
        width.set(qn("w:w"), "0")
        width.set(qn("w:type"), "dxa")
        padding.append(width)
    # The schema wants the padding before the look.
    look = table._tbl.tblPr.find(qn("w:tblLook"))
    look.addprevious(padding)


def _keep_together(table: Table) -> None:
    for row in table.rows[:-1]:
        for cell in row.cells:
            for paragraph in cell.paragraphs:
                paragraph.paragraph_format.keep_with_next = True


def _whole(table: Table, index: int) -> None:
    """A row is not torn between two pages."""
    table.rows[index]._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))


def _repeat(table: Table) -> None:
    """The heading row stands on every page that the table reaches."""
    table.rows[0]._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
