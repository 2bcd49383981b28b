"""python-escpos comes in by this one door, and leaves nothing behind.

At its import it writes a cache of what printers can do into a new temporary folder and never
removes it, so every process that prints would leave one. Here the folder is ours, and is gone when
the import is done.
"""

from __future__ import annotations

import tempfile

_usual = tempfile.tempdir

with tempfile.TemporaryDirectory(prefix="smiletill-escpos-") as _folder:
    tempfile.tempdir = _folder
    from escpos.constants import QR_ECLEVEL_M  # type: ignore[import-untyped]
    from escpos.escpos import Escpos  # type: ignore[import-untyped]
    from escpos.exceptions import Error as EscposError  # type: ignore[import-untyped]
    from escpos.printer import Dummy, File, Network, Usb  # type: ignore[import-untyped]

    tempfile.tempdir = _usual

__all__ = ["QR_ECLEVEL_M", "Dummy", "Escpos", "EscposError", "File", "Network", "Usb"]
