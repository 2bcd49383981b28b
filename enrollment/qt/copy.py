"""The customer's copy of what they agreed to, as a PDF: the text, the signature, and the proof.

It holds the name that they typed and their signature, because it is theirs; it is written where
staff say and nowhere else, readable by its owner only.
"""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QMarginsF, QPointF, QRectF
from PySide6.QtGui import QFont, QPageLayout, QPageSize, QPainter, QPdfWriter, QTextDocument

from enrollment.model.draft import Draft
from enrollment.model.notice import Notice
from enrollment.model.signature import parse
from enrollment.qt.drawn import draw_strokes
from enrollment.qt.texts import Texts

DOTS_AN_INCH = 144
MARGIN_MM = 20.0
SIGNATURE_HEIGHT = 150.0
FOOT_HEIGHT = 330.0
FILE_MODE = 0o600


def write_copy(
    path: Path, notice: Notice, draft: Draft, person: str, when: str, words: Texts
) -> bool:
    """Write the PDF; return whether it could be written."""
    try:
        path.unlink(missing_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, FILE_MODE))
    except OSError:
        return False
    writer = QPdfWriter(str(path))
    writer.setResolution(DOTS_AN_INCH)
    writer.setPageSize(QPageSize(QPageSize.PageSizeId.A4))
    margins = QMarginsF(MARGIN_MM, MARGIN_MM, MARGIN_MM, MARGIN_MM)
    writer.setPageMargins(margins, QPageLayout.Unit.Millimeter)
    writer.setTitle(words("copy_title"))
    writer.setCreator("SmileTill")
    painter = QPainter()
    if not painter.begin(writer):
        return False
    _draw(painter, writer, notice, draft, [person, when], words)
    return painter.end()


def _draw(
    painter: QPainter,
    writer: QPdfWriter,
    notice: Notice,
    draft: Draft,
    proof: list[str],
    words: Texts,
) -> None:
    page = QRectF(0, 0, writer.width(), writer.height())
    document = QTextDocument()
    document.documentLayout().setPaintDevice(writer)
    font = QFont(painter.font())
    font.setPointSizeF(10.0)
    document.setDefaultFont(font)
    document.setDocumentMargin(0)
    document.setMarkdown(notice.text)
    document.setTextWidth(page.width())
    height = document.size().height()
    pages = max(1, -(-int(height) // int(page.height())))
    for number in range(pages):
        if number:
            writer.newPage()
        painter.save()
        painter.translate(0, -number * page.height())
        document.drawContents(
            painter, QRectF(0, number * page.height(), page.width(), page.height())
        )
        painter.restore()
    used = height - (pages - 1) * page.height()
    if used + FOOT_HEIGHT > page.height():
        writer.newPage()
        used = 0.0
    _draw_foot(painter, QPointF(0, used + 30), page.width(), notice, draft, proof, words)


def _draw_foot(
    painter: QPainter,
    at: QPointF,
    width: float,
    notice: Notice,
    draft: Draft,
    proof: list[str],
    words: Texts,
) -> None:
    """Draw the signature and the lines that say what was signed, by whom, when."""
    line = draft.signature()
    painter.save()
    painter.translate(at)
    if line.startswith("svg:"):
        strokes = parse(line)
        points = [point for stroke in strokes for point in stroke]
        left, top = (min(values) for values in zip(*points, strict=True))
        right, bottom = (max(values) for values in zip(*points, strict=True))
        scale = min(
            width * 0.5 / max(1, right - left), SIGNATURE_HEIGHT / max(1, bottom - top), 1.0
        )
        painter.save()
        painter.scale(scale, scale)
        painter.translate(-left, -top)
        draw_strokes(painter, strokes)
        painter.restore()
    else:
        painter.drawText(QPointF(0, SIGNATURE_HEIGHT / 2), draft.typed_name.strip())
    painter.drawLine(QPointF(0, SIGNATURE_HEIGHT + 10), QPointF(width * 0.5, SIGNATURE_HEIGHT + 10))
    lines = [
        draft.name.strip(),
        words("copy_signed", when=proof[1]),
        words("copy_version", version=notice.version, language=notice.language),
        f"SHA-256 {notice.sha256}",
        words("copy_record", person=proof[0]),
    ]
    font = QFont(painter.font())
    font.setPointSizeF(8.5)
    painter.setFont(font)
    for number, text in enumerate(lines):
        painter.drawText(QPointF(0, SIGNATURE_HEIGHT + 40 + number * 24), text)
    painter.restore()
