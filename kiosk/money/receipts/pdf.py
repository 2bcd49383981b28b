"""A receipt as a PDF of one page, as wide as an 80 mm paper roll and as long as it needs.

The same receipt gives the same bytes: nothing in it depends on when or where it was made.
The letters are Bitstream Vera, which reportlab brings along and whose licence allows embedding;
they have the pound, the euro and the letters of Western Europe.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import assert_never

import segno
from reportlab.pdfbase import pdfmetrics  # type: ignore[import-untyped]
from reportlab.pdfbase.ttfonts import TTFont  # type: ignore[import-untyped]
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped]

from kiosk.money.receipts.layout import (
    Banner,
    Code,
    Heading,
    Note,
    Pair,
    Row,
    Rule,
    clean,
    pair_lines,
    wrap,
)

MM = 72 / 25.4
PAGE_WIDTH = 80 * MM
MARGIN = 5 * MM
_INNER = PAGE_WIDTH - 2 * MARGIN
_PLAIN, _STRONG = "SmileTillVera", "SmileTillVeraBold"
_FILES = {_PLAIN: "Vera.ttf", _STRONG: "VeraBd.ttf"}
_GAP = 3 * MM
_CODE_SIZE = 28 * MM
_CODE_QUIET = 4
"""Squares of white around a QR code, as ISO/IEC 18004 asks."""

# The fonts of reportlab remember, in one place for all threads, what each document used of them.
_drawing = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Style:
    font: str
    size: float
    leading: float

    def measure(self, text: str) -> float:
        width: float = pdfmetrics.stringWidth(text, self.font, self.size)
        return width


@dataclass(frozen=True, slots=True)
class _Line:
    """One line to draw; sides are drawn where they stand, the middle in the middle."""

    style: _Style
    left: str = ""
    middle: str = ""
    right: str = ""


@dataclass(frozen=True, slots=True)
class _Block:
    """A row with its height in points."""

    height: float
    lines: list[_Line] = field(default_factory=list)
    is_framed: bool = False
    is_rule: bool = False
    code: str = ""


_BODY = _Style(_PLAIN, 8.5, 11.5)
_TOTAL = _Style(_STRONG, 11, 15)
_HEAD = _Style(_STRONG, 12, 15)
_BANNER = _Style(_STRONG, 15, 19)
_FRAME = 5.0
_RULE_HEIGHT = 8.0


def render_pdf(rows: Iterable[Row], *, language: str, compressed: bool = True) -> bytes:
    """Return the receipt as a PDF document.

    Args:
        rows: From `layout.rows_of`.
        language: Of its words, for programs that read aloud: `en` or `de`.
        compressed: False keeps the page's content readable, for tests.
    """
    with _drawing:
        _register_fonts()
        blocks = list(_blocks(rows))
        height = 2 * MARGIN + sum(block.height for block in blocks)
        file = io.BytesIO()
        canvas = Canvas(
            file,
            pagesize=(PAGE_WIDTH, height),
            pageCompression=int(compressed),
            invariant=1,
            lang=language,
        )
        canvas.setTitle("SmileTill")
        canvas.setCreator("SmileTill")
        top = height - MARGIN
        for block in blocks:
            _draw(canvas, block, top)
            top -= block.height
        canvas.showPage()
        canvas.save()
        return file.getvalue()


def _register_fonts() -> None:
    known = pdfmetrics.getRegisteredFontNames()
    for name, file in _FILES.items():
        if name not in known:
            pdfmetrics.registerFont(TTFont(name, file))


def _has_glyph(char: str) -> bool:
    return ord(char) in pdfmetrics.getFont(_PLAIN).face.charToGlyph


def _blocks(rows: Iterable[Row]) -> Iterator[_Block]:
    for row in rows:
        match row:
            case Heading(text):
                yield _middle(text, _HEAD, _INNER)
            case Note(text):
                yield _middle(text, _BODY, _INNER)
            case Banner(text):
                lines = _middle(text, _BANNER, _INNER - 2 * _FRAME).lines
                height = len(lines) * _BANNER.leading + 4 * _FRAME
                yield _Block(height, lines, is_framed=True)
            case Pair(left, right, is_strong):
                style = _TOTAL if is_strong else _BODY
                sides = clean(left, _has_glyph), clean(right, _has_glyph)
                fitted = pair_lines(*sides, _INNER, _GAP, style.measure)
                lines = [_Line(style, left=first, right=last) for first, last in fitted]
                yield _Block(len(lines) * style.leading, lines)
            case Rule():
                yield _Block(_RULE_HEIGHT, is_rule=True)
            case Code(content):
                yield _Block(_CODE_SIZE, code=content)
            case _ as never:
                assert_never(never)


def _middle(text: str, style: _Style, width: float) -> _Block:
    lines = wrap(clean(text, _has_glyph), width, style.measure)
    return _Block(len(lines) * style.leading, [_Line(style, middle=line) for line in lines])


def _draw(canvas: Canvas, block: _Block, top: float) -> None:
    bottom = top - block.height
    if block.is_rule:
        middle = (top + bottom) / 2
        canvas.setLineWidth(0.5)
        canvas.line(MARGIN, middle, PAGE_WIDTH - MARGIN, middle)
        return
    if block.code:
        _draw_code(canvas, block.code, bottom)
        return
    if block.is_framed:
        canvas.setLineWidth(1.5)
        canvas.rect(MARGIN, bottom + _FRAME, _INNER, block.height - 2 * _FRAME)
        top -= 2 * _FRAME
    for number, line in enumerate(block.lines, start=1):
        # Letters stand on a base line; what reaches below it takes about a quarter of a line.
        base = top - number * line.style.leading + 0.27 * line.style.leading
        canvas.setFont(line.style.font, line.style.size)
        canvas.drawString(MARGIN, base, line.left)
        canvas.drawCentredString(PAGE_WIDTH / 2, base, line.middle)
        canvas.drawRightString(PAGE_WIDTH - MARGIN, base, line.right)


def _draw_code(canvas: Canvas, content: str, bottom: float) -> None:
    squares = [list(row) for row in segno.make_qr(content, error="m").matrix]
    size = _CODE_SIZE / (len(squares) + 2 * _CODE_QUIET)
    left = (PAGE_WIDTH - _CODE_SIZE) / 2
    for number, row in enumerate(reversed(squares)):
        for column, is_dark in enumerate(row):
            if is_dark:
                x = left + (column + _CODE_QUIET) * size
                y = bottom + (number + _CODE_QUIET) * size
                canvas.rect(x, y, size, size, stroke=0, fill=1)
