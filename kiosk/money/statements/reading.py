"""Tells the two formats apart and reads either."""

from __future__ import annotations

from kiosk.money.statements.camt053 import read_camt053
from kiosk.money.statements.csv_file import read_csv
from kiosk.money.statements.line import RawStatement

_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def read_statement(data: bytes, currency: str) -> RawStatement:
    """Read a statement of either format.

    Args:
        data: The file.
        currency: Of the account, where a CSV file does not say.

    Raises:
        StatementError: It cannot be read.
    """
    start = data[:512]
    for bom in _BOMS:
        start = start.removeprefix(bom)
    if start.replace(b"\0", b"").lstrip().startswith(b"<"):
        return read_camt053(data)
    return read_csv(data, currency)
