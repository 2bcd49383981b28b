"""Reads ISO 20022 camt.053 (BankToCustomerStatement), version 02 and later.

Only what is needed to know a payment again is read: amount, direction, booked or not, reversal,
booking date, and every text that may hold a reference. Versions differ in where they put the state
of an entry and the amount of a transaction; both places are read.
XML with a document type, an entity or anything from outside is refused (defusedxml).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from kiosk.domain.money import Money
from kiosk.money.statements.line import (
    FILE_BYTES_MAX,
    LINES_MAX,
    TEXT_MAX,
    RawLine,
    RawStatement,
    StatementError,
    sum_of,
    too_long,
)

NAMESPACE = re.compile(r"\{(urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.(\d{2}))\}Document")
VERSION_MIN = 2
DEPTH_MAX = 64
"""Elements inside each other; the standard's own depth is below 20."""

_AMOUNT = re.compile(r"(\d{1,18})(?:\.(\d{1,5}))?", re.ASCII)
_BOOKED, _PENDING = "BOOK", frozenset({"PDNG", "INFO", "FUTR"})
_TEXTS = (
    "Refs/EndToEndId", "Refs/InstrId", "Refs/TxId", "RmtInf/Ustrd",
    "RmtInf/Strd/CdtrRefInf/Ref", "RmtInf/Strd/AddtlRmtInf", "AddtlTxInf",
)  # fmt: skip


def read_camt053(data: bytes) -> RawStatement:
    """Read a camt.053 file with one or more statements.

    Args:
        data: The file.

    Raises:
        StatementError: It is too long, no such file, or an entry makes no sense.
    """
    if len(data) > FILE_BYTES_MAX:
        raise too_long("bytes")
    try:
        root = fromstring(data, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except DefusedXmlException:
        raise StatementError("the whole file", "it holds a document type or an entity") from None
    except (ParseError, ValueError, LookupError, RecursionError) as error:
        line = getattr(error, "position", (1, 0))[0]
        raise StatementError(f"line {line}", "it is no XML") from None
    match = NAMESPACE.fullmatch(root.tag)
    if match is None or int(match[2]) < VERSION_MIN:
        raise StatementError("the first element", "it is no camt.053.001.02 or later")
    return _Reader(match[1]).read(root)


class _Reader:
    """Reads one document; knows its namespace."""

    def __init__(self, namespace: str) -> None:
        self._prefix = f"{{{namespace}}}"

    def read(self, root: Element) -> RawStatement:
        statements = self._all(root, "BkToCstmrStmt/Stmt")
        if not statements:
            raise StatementError("the first element", "there is no statement in it")
        lines: list[RawLine] = []
        skipped = number = 0
        for statement in statements:
            for entry in self._all(statement, "Ntry"):
                number += 1
                if not self._is_booked(entry, f"entry {number}"):
                    skipped += 1
                    continue
                lines += self._entry(entry, number)
                if len(lines) > LINES_MAX:
                    raise too_long("entries")
        return RawStatement(tuple(lines), skipped)

    def _is_booked(self, entry: Element, where: str) -> bool:
        # A code in an element of its own since version 07, the text itself before.
        state = self._text(entry, "Sts/Cd") or self._text(entry, "Sts")
        if state != _BOOKED and state not in _PENDING:
            raise StatementError(where, "its status is none that is known")
        return state == _BOOKED

    def _entry(self, entry: Element, number: int) -> Iterator[RawLine]:
        where = f"entry {number}"
        amount = self._amount(entry, "Amt", where)
        if amount is None:
            raise StatementError(where, "it has no amount")
        credit = self._is_credit(entry, where)
        if credit is None:
            raise StatementError(where, "it does not say whether money came in or went out")
        reversal = self._text(entry, "RvslInd") in {"true", "1"}
        booked = self._text(entry, "BookgDt/Dt") or self._text(entry, "BookgDt/DtTm")
        parts = self._all(entry, "NtryDtls/TxDtls")
        amounts = [self._part_amount(part, where) for part in parts]
        own = self._texts(entry, ("AddtlNtryInf", "AcctSvcrRef", "NtryRef"))
        if len(parts) > 1 and all(it is not None for it in amounts):
            split = [(part, it) for part, it in zip(parts, amounts, strict=True) if it is not None]
        else:
            # One transaction, or several whose shares the bank does not tell: one movement.
            split = [(entry, amount)]
            own = " ".join([own, *(self._texts(part, _TEXTS) for part in parts)])
        for part, share in split:
            told = self._is_credit(part, where) if part is not entry else credit
            yield RawLine(
                number=number,
                is_credit=credit if told is None else told,
                is_reversal=reversal,
                amount=share,
                date=booked[:10],
                text=(own if part is entry else self._texts(part, _TEXTS))[:TEXT_MAX],
            )

    def _part_amount(self, part: Element, where: str) -> Money | None:
        return self._amount(part, "Amt", where) or self._amount(part, "AmtDtls/TxAmt/Amt", where)

    def _is_credit(self, element: Element, where: str) -> bool | None:
        match self._text(element, "CdtDbtInd"):
            case "CRDT":
                return True
            case "DBIT":
                return False
            case "":
                return None
            case _:
                raise StatementError(where, "it does not say whether money came in or went out")

    def _amount(self, element: Element, path: str, where: str) -> Money | None:
        found = element.find(self._path(path))
        if found is None:
            return None
        match = _AMOUNT.fullmatch((found.text or "").strip())
        if match is None:
            raise StatementError(where, "the amount is no sum like 12.50")
        return sum_of(match[1], match[2] or "", found.get("Ccy", ""), where)

    def _texts(self, element: Element, paths: tuple[str, ...]) -> str:
        found = (it for path in paths for it in self._all(element, path))
        return " ".join((it.text or "").strip() for it in found)

    def _text(self, element: Element, path: str) -> str:
        return (element.findtext(self._path(path)) or "").strip()

    def _all(self, element: Element, path: str) -> list[Element]:
        return element.findall(self._path(path))

    def _path(self, path: str) -> str:
        return "/".join(self._prefix + name for name in path.split("/"))
