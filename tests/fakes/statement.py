"""Writes bank statements as the restaurant's bank would export them."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Booked:
    """One movement; `minor_units` below zero went out."""

    text: str
    minor_units: int
    currency: str = "GBP"
    date: str = "2026-11-23"
    is_reversal: bool = False
    status: str = "BOOK"


def as_csv(*lines: Booked) -> bytes:
    rows = ["Date,Description,Amount,Currency,Balance"]
    for line in lines:
        sign = "-" if line.minor_units < 0 else ""
        units = abs(line.minor_units)
        amount = f"{sign}{units // 100}.{units % 100:02d}"
        rows.append(f'{line.date},"{line.text}",{amount},{line.currency},0.00')
    return ("\n".join(rows) + "\n").encode()


def as_camt(*lines: Booked, version: int = 8) -> bytes:
    return _document("".join(_entry(line, version) for line in lines), version)


def _document(entries: str, version: int) -> bytes:
    space = f"urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version:02d}"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{space}"><BkToCstmrStmt>'
        "<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-11-24T05:00:00Z</CreDtTm></GrpHdr>"
        f"<Stmt><Id>S1</Id>{entries}</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def _entry(line: Booked, version: int) -> str:
    units = abs(line.minor_units)
    amount = f'<Amt Ccy="{line.currency}">{units // 100}.{units % 100:02d}</Amt>'
    direction = f"<CdtDbtInd>{'DBIT' if line.minor_units < 0 else 'CRDT'}</CdtDbtInd>"
    reversal = "<RvslInd>true</RvslInd>" if line.is_reversal else ""
    status = f"<Cd>{line.status}</Cd>" if version >= 7 else line.status
    details = f"<RmtInf><Ustrd>{escape(line.text)}</Ustrd></RmtInf>"
    return (
        f"<Ntry>{amount}{direction}{reversal}<Sts>{status}</Sts>"
        f"<BookgDt><Dt>{line.date}</Dt></BookgDt>"
        f"<NtryDtls><TxDtls>{details}</TxDtls></NtryDtls></Ntry>"
    )
