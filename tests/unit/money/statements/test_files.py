"""Statements are read strictly: what could be read in two ways is refused with its place."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kiosk.domain.money import Money
from kiosk.money.statements import camt053, csv_file
from kiosk.money.statements.camt053 import read_camt053
from kiosk.money.statements.csv_file import read_csv
from kiosk.money.statements.line import StatementError
from kiosk.money.statements.reading import read_statement
from tests.fakes.statement import Booked, as_camt, as_csv

LINES = (
    Booked("Smile AAAABBBBCCCCDDDDEE", 1_250),
    Booked("refund", -300, date="2026-11-24"),
)


@pytest.mark.parametrize("version", [2, 6, 8, 11])
def test_both_formats_say_the_same(version):
    """Sums, directions, dates and texts; the state of an entry moved between versions."""
    from_csv = read_statement(as_csv(*LINES), "GBP").lines
    from_camt = read_statement(as_camt(*LINES, version=version), "GBP").lines

    def essence(lines):
        return [(it.is_credit, it.is_reversal, it.amount, it.date, it.text) for it in lines]

    assert essence(from_csv) == [
        (True, False, Money(1_250), "2026-11-23", "Smile AAAABBBBCCCCDDDDEE"),
        (False, False, Money(300), "2026-11-24", "refund"),
    ]
    assert [(it.is_credit, it.amount, it.date) for it in from_camt] == [
        (it.is_credit, it.amount, it.date) for it in from_csv
    ]
    assert all(b.text in a.text for a, b in zip(from_camt, from_csv, strict=True))


@pytest.mark.parametrize(
    ("text", "is_credit", "minor_units"),
    [
        ("12.50", True, 1_250), ("12,50", True, 1_250), ("+12.5", True, 1_250), ("12", True, 1_200),
        ("-12.50", False, 1_250), ("12.50-", False, 1_250), ("−12.50", False, 1_250),
        ("1,234.56", True, 123_456), ("1.234,56", True, 123_456), ("1'234.56", True, 123_456),
        ("12.50000", True, 1_250), ("1 234,56", True, 123_456),
    ],
)  # fmt: skip
def test_sums_as_banks_write_them(text, is_credit, minor_units):
    """With a point or a comma, groups or none, the sign before or behind."""
    (line,) = read_csv(f"amount;reference\n{text};X\n".encode(), "GBP").lines

    assert (line.is_credit, line.amount) == (is_credit, Money(minor_units))


@pytest.mark.parametrize(
    "text", ["1,234", "1.234", "12.345", "", "x", "1.2.3", "12.50 GBP", "0x10", "١٢", "--1", "1e3"]
)
def test_a_sum_that_could_be_two_is_refused(text):
    """1,234 is a thousand to one bank and one and a bit to another."""
    with pytest.raises(StatementError, match="line 3"):
        read_csv(f"amount;reference\n1.00;X\n{text};X\n".encode(), "GBP")


@pytest.mark.parametrize(
    "header",
    ["amount;", "reference", "amount;amount;reference", "amount;paid in;paid out;reference", "a;b"],
)
def test_columns_must_be_there_once(header):
    """A missing or doubled column is told with its line."""
    with pytest.raises(StatementError, match="line 1"):
        read_csv(f"{header}\n1;2;3;4\n".encode(), "GBP")


def test_money_in_and_out_may_have_columns_of_their_own():
    """As most British banks export it; a line must have exactly one of them."""
    data = b"Date,Narrative,Paid In,Paid Out\n23/11/2026,a,12.50,\n24/11/2026,b,0.00,3.00\n"
    lines = read_csv(data, "GBP").lines

    assert [(it.is_credit, it.amount.minor_units, it.date) for it in lines] == [
        (True, 1_250, "2026-11-23"), (False, 300, "2026-11-24")
    ]  # fmt: skip
    with pytest.raises(StatementError, match="line 2"):
        read_csv(b"Narrative,Paid In,Paid Out\na,1.00,1.00\n", "GBP")


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\n\n", b"\0\0", b'amount,reference\n"1.00,X\n',
        b"amount,reference,date\n1,X,yesterday",
        b"amount,reference,currency\n1,X,pounds\n", b"amount,reference\n" + b"9" * 30 + b",X\n",
        b"amount,reference\n1," + b"X" * 20_000 + b"\n", b"<not xml", b"<a/>", b"<Document/>",
    ],
)  # fmt: skip
def test_what_is_no_statement_is_told(data):
    """Never a crash, never an empty success, and nothing of the content in the message."""
    with pytest.raises(StatementError) as error:
        read_statement(data, "GBP")

    assert "XXXX" not in str(error.value)
    assert error.value.exit_code == 2


BOMB = b'<!DOCTYPE d [<!ENTITY a "x">]><Document>&a;</Document>'
FOREIGN = b'<!DOCTYPE d SYSTEM "file:///etc/passwd"><Document/>'


@pytest.mark.parametrize("data", [BOMB, FOREIGN, b'<?xml version="1.0"?>' + BOMB])
def test_no_document_type_and_no_entity(data):
    """Refused before anything is expanded or fetched."""
    with pytest.raises(StatementError, match="entity"):
        read_statement(data, "GBP")


def test_an_old_version_is_no_camt_that_is_known():
    """Version 01 had other elements."""
    with pytest.raises(StatementError, match="camt"):
        read_camt053(as_camt(*LINES, version=1))


def test_what_is_not_booked_proves_nothing():
    """Pending and informational entries are counted and left out; an unknown state is refused."""
    lines = (Booked("a", 100, status="PDNG"), Booked("b", 100, status="INFO"), Booked("c", 100))
    found = read_camt053(as_camt(*lines))

    assert (len(found.lines), found.skipped) == (1, 2)
    with pytest.raises(StatementError, match="entry 1"):
        read_camt053(as_camt(Booked("a", 100, status="MAYB")))


def test_a_batch_is_taken_apart_where_the_bank_tells_the_shares():
    """Several transactions of one entry: with sums of their own they are lines of their own."""
    one, two = (
        f"<TxDtls><Refs><EndToEndId>{name}</EndToEndId></Refs>{amount}</TxDtls>"
        for name, amount in (
            ("E1", '<AmtDtls><TxAmt><Amt Ccy="GBP">1.00</Amt></TxAmt></AmtDtls>'),
            ("E2", '<Amt Ccy="GBP">2.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>'),
        )
    )
    plain = as_camt(Booked("x", 300)).decode()
    details = "<TxDtls><RmtInf><Ustrd>x</Ustrd></RmtInf></TxDtls>"
    split = read_camt053(plain.replace(details, one + two).encode()).lines
    whole = read_camt053(plain.replace(details, one + details).encode()).lines

    assert [(it.amount.minor_units, it.text) for it in split] == [(100, "E1"), (200, "E2")]
    assert [(it.amount.minor_units, it.text.split()) for it in whole] == [(300, ["E1", "x"])]


def test_sizes_are_bounded(monkeypatch):
    """More bytes or lines than a restaurant has are refused, in both formats."""
    many = [Booked("x", 100)] * 4
    for module, write, read in (
        (csv_file, as_csv, lambda data: read_csv(data, "GBP")),
        (camt053, as_camt, read_camt053),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, "LINES_MAX", 3)
            with pytest.raises(StatementError, match="too many"):
                read(write(*many))
        with monkeypatch.context() as patch:
            patch.setattr(module, "FILE_BYTES_MAX", 50)
            with pytest.raises(StatementError, match="bytes"):
                read(write(*many))


@example(b";")
@example(b'""')
@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda it: it.encode()))
def test_any_bytes_are_read_or_refused(data):
    """Nothing but the one error escapes."""
    for start in (b"", b"amount,reference\n", b"<Document>"):
        try:
            read_statement(start + data, "GBP")
        except StatementError as error:
            assert error.code == "statement_bad"  # noqa: PT017 - either end is right
