"""A4 documents for customers: headings, sentences and rows of two or more columns.

The only place of the staff tool that draws PDF.
The same content gives the same bytes. The letters are Bitstream Vera, which reportlab brings along
and whose licence allows embedding: Western Europe's; what it has no letter for becomes a square.
It knows nothing of what is written; who writes about a person hands it finished words.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reportlab.lib.utils import simpleSplit  # type: ignore[import-untyped]
from reportlab.pdfbase import pdfmetrics  # type: ignore[import-untyped]
from reportlab.pdfbase.ttfonts import TTFont  # type: ignore[import-untyped]
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped]

from kiosk.domain.errors import SetupError

MM = 72 / 25.4
PAGE = (210 * MM, 297 * MM)
MARGIN = 20 * MM
_WIDTH = PAGE[0] - 2 * MARGIN
_PLAIN, _STRONG = "SmileTillDocument", "SmileTillDocumentBold"
_FILES = {_PLAIN: "Vera.ttf", _STRONG: "VeraBd.ttf"}
_GUTTER = 3 * MM
PAGES_MAX = 2_000

# reportlab's fonts remember, for all threads, what each document used of them.
_drawing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Heading:
    """A line in bold letters; the first of a document is its title."""

    text: str
    size: float = 12


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or more, wrapped."""

    text: str


@dataclass(frozen=True, slots=True)
class Cells:
    """One row; `widths` are shares of the page's width, one a cell."""

    texts: tuple[str, ...]
    widths: tuple[float, ...]
    is_strong: bool = False


Part = Heading | Paragraph | Cells


def write_pdf(path: Path, parts: Sequence[Part], *, language: str, compressed: bool = True) -> int:
    """Write a document and return how many pages it has.

    Args:
        path: The file; readable by nobody else, since it is about a person.
        parts: What stands in it, in order.
        language: Of its words, for programs that read aloud.
        compressed: False keeps the text readable in the file, for tests.

    Raises:
        SetupError: The file cannot be written.
    """
    with _drawing:
        _register_fonts()
        canvas = Canvas(
            None, pagesize=PAGE, pageCompression=int(compressed), invariant=1, lang=language
        )
        canvas.setTitle("SmileTill")
        canvas.setCreator("SmileTill")
        pages = _draw_all(canvas, parts)
        content: bytes = canvas.getpdfdata()
    try:
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_bytes(content)
    except OSError as error:
        raise SetupError(
            f"The PDF cannot be written ({error.strerror}).",
            code="pdf_unwritable",
            mend="Name another file.",
        ) from error
    return pages


def _register_fonts() -> None:
    known = pdfmetrics.getRegisteredFontNames()
    for name, file in _FILES.items():
        if name not in known:
            pdfmetrics.registerFont(TTFont(name, file))


def _draw_all(canvas: Canvas, parts: Sequence[Part]) -> int:
    pages, top = 1, PAGE[1] - MARGIN
    for part in parts:
        font, size, columns = _set_in(part)
        leading = 1.35 * size
        space = size if isinstance(part, Heading) else 0.25 * size
        lines = max(len(column) for _, column in columns)
        first = 0
        while first < lines:
            room = int((top - space - MARGIN) // leading)
            if room < 1:
                canvas.showPage()
                pages, top = pages + 1, PAGE[1] - MARGIN
                assert pages <= PAGES_MAX, "a document has an end"
                continue
            now = min(room, lines - first)
            top -= space
            canvas.setFont(font, size)
            for left, column in columns:
                for number, line in enumerate(column[first : first + now], start=1):
                    canvas.drawString(left, top - number * leading + 0.3 * size, line)
            top, first = top - now * leading, first + now
    canvas.showPage()
    return pages


def _set_in(part: Part) -> tuple[str, float, list[tuple[float, list[str]]]]:
    """Return font, size, and each column's place and wrapped lines."""
    match part:
        case Heading(text, size):
            return _STRONG, size, [(MARGIN, _wrapped(text, _STRONG, size, _WIDTH))]
        case Paragraph(text):
            return _PLAIN, 9, [(MARGIN, _wrapped(text, _PLAIN, 9, _WIDTH))]
        case Cells(texts, widths, is_strong):
            font, whole, left = _STRONG if is_strong else _PLAIN, sum(widths), MARGIN
            columns = []
            for text, share in zip(texts, widths, strict=True):
                width = _WIDTH * share / whole
                columns.append((left, _wrapped(text, font, 8.5, width - _GUTTER)))
                left += width
            return font, 8.5, columns


def _wrapped(text: str, font: str, size: float, width: float) -> list[str]:
    """Wrap at spaces, and a word that is too long at the last letter that fits."""
    found: list[str] = []
    for given in simpleSplit(text, font, size, width) or [""]:
        line = given
        while pdfmetrics.stringWidth(line, font, size) > width and len(line) > 1:
            cut = len(line)
            while cut > 1 and pdfmetrics.stringWidth(line[:cut], font, size) > width:
                cut -= 1
            found.append(line[:cut])
            line = line[cut:]
        found.append(line)
    return found
