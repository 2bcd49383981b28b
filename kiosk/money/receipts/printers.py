"""Where receipts are printed: `usb:VENDOR:PRODUCT`, `network:HOST[:PORT]` or `file:PATH`.

A printer that cannot be reached is a `SetupError`: the payment stands whatever its paper does.
No printer's answer is read, so a receipt that was sent is not known to be on paper.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from kiosk.domain.errors import BadInputError, SetupError
from kiosk.money.receipts.escpos import draw
from kiosk.money.receipts.escpos_door import Escpos, EscposError, File, Network, Usb
from kiosk.money.receipts.layout import Row

NETWORK_PORT = 9_100
"""What printers call raw printing or JetDirect."""
TIMEOUT_S = 10

_USB = re.compile(r"([0-9a-fA-F]{1,4}):([0-9a-fA-F]{1,4})", re.ASCII)
_HOST = re.compile(r"([A-Za-z0-9.-]{1,253})(?::([0-9]{1,5}))?", re.ASCII)


def print_receipt(target: str, rows: Iterable[Row], width: int) -> None:
    """Print a receipt.

    Args:
        target: Where, as this module's first line says.
        rows: From `layout.rows_of`.
        width: Columns of the paper.

    Raises:
        BadInputError: The target names no printer.
        SetupError: The printer cannot be reached, or broke off.
    """
    printer = find_printer(target)
    try:
        try:
            printer.open()
            draw(printer, rows, width)
        finally:
            printer.close()
    except (OSError, EscposError, RuntimeError) as error:
        raise SetupError(
            f"The receipt printer cannot be used ({type(error).__name__}).",
            code="printer_unreachable",
            mend="Check its power, cable, paper and address, then print the receipt again.",
        ) from error


def find_printer(target: str) -> Escpos:
    """Return a printer that is not opened yet.

    Raises:
        BadInputError: The target names no printer.
        SetupError: What it takes to print there is not installed.
    """
    kind, _, rest = target.partition(":")
    if kind == "file" and rest:
        return File(rest, auto_flush=False)
    if kind == "usb" and (match := _USB.fullmatch(rest)):
        if not Usb.is_usable():
            raise SetupError(
                "Printing by USB address needs the library PyUSB, which is not installed.",
                code="printer_needs_pyusb",
                mend="Use the printer's device file, such as file:/dev/usb/lp0, or install PyUSB.",
            )
        # Milliseconds here, seconds below: python-escpos hands both on as they are.
        return Usb(int(match[1], 16), int(match[2], 16), timeout=TIMEOUT_S * 1_000)
    if kind == "network" and (match := _HOST.fullmatch(rest)):
        port = int(match[2] or NETWORK_PORT)
        if 0 < port <= 65_535:
            return Network(match[1], port=port, timeout=TIMEOUT_S)
    raise BadInputError(
        "The printer's address is not usable.",
        code="printer_bad",
        mend="Write usb:04b8:0e15, network:192.168.1.50 or file:/dev/usb/lp0.",
    )
