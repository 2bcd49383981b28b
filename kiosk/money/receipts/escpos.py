"""A receipt for printers that speak ESC/POS, the language of nearly all receipt printers.

One code page is used throughout, CP858: Western Europe with the euro, which printers have had for
twenty years; letters it lacks are printed plain.
Sending happens in `printers.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from kiosk.money.receipts.escpos_door import QR_ECLEVEL_M, Dummy, Escpos
from kiosk.money.receipts.layout import Row
from kiosk.money.receipts.text import Weight, text_lines

CODE_PAGE = "CP858"
QR_MODULE_DOTS = 6
"""Size of a QR code's square: 0.75 mm at the usual 203 dots an inch, easy for any telephone."""


def draw(printer: Escpos, rows: Iterable[Row], width: int) -> None:
    """Print a receipt and cut the paper.

    Args:
        printer: Any of python-escpos; what it raises when the device fails escapes.
        rows: From `layout.rows_of`.
        width: Columns of its paper.
    """
    printer.hw("INIT")
    printer.charcode(CODE_PAGE)
    for line in text_lines(rows, width, _is_printable):
        if line.is_code:
            printer.set(align="center")
            printer.qr(line.text, ec=QR_ECLEVEL_M, size=QR_MODULE_DOTS, native=True)
            printer.set(align="left")
            continue
        printer.set(
            bold=line.weight is not Weight.PLAIN,
            double_height=line.weight is Weight.TALL,
            double_width=False,
            normal_textsize=line.weight is not Weight.TALL,
        )
        printer.text(f"{line.text}\n")
    printer.cut()


def render_escpos(rows: Iterable[Row], width: int) -> bytes:
    """Return what would be sent to a printer."""
    printer = Dummy()
    draw(printer, rows, width)
    sent: bytes = printer.output
    return sent


@cache
def _is_printable(char: str) -> bool:
    try:
        char.encode(CODE_PAGE)
    except UnicodeEncodeError:
        return False
    return True
