"""The export: every record, in order, tied to the journal, and nothing sealed or personal."""

from __future__ import annotations

import csv
import json
import re
import stat

import pytest

from kiosk.domain.errors import BadInputError
from kiosk.domain.ids import OrderId
from kiosk.domain.money import Money
from kiosk.domain.order import OrderLine
from kiosk.link.back_office import CloseRefund, RefundOrder
from kiosk.link.protocol import OpenOrder, RevokeMandate
from kiosk.money.banks.port import RefundMode
from kiosk.money.errors import JournalAbsentError, JournalDamagedError
from kiosk.money.export import COLUMNS, export_journal
from kiosk.money.ledger_view import verify_journal
from tests.fakes.money_room import ALICE, PIN, TILL, MoneyRoom


@pytest.fixture
def installation(tmp_path):
    """A journal with every secret that a journal can hold."""
    room = MoneyRoom(tmp_path / "data" / "money")
    room.with_capabilities(refund=RefundMode.API)
    room.enrol()
    line = OrderLine("Table of Mrs Doe", Money(1_250))
    room.ask(OpenOrder(OrderId("o1"), Money(1_250), (line,)), TILL)
    room.verify(OrderId("o1"), PIN)
    room.pay(OrderId("o1"))
    room.ask(RefundOrder("r1", OrderId("o1"), "ann.smith", "cold", Money(250)), TILL)
    room.ask(RevokeMandate(ALICE))
    room.ask(RefundOrder("r2", OrderId("o1"), "ann.smith", "cold", Money(250)), TILL)
    room.ask(CloseRefund(2, done=True, staff="ann.smith"), TILL)
    (tmp_path / "data" / "money" / "journal.log").write_bytes(room.disk.durable)
    return tmp_path / "data"


def test_json_lines_with_the_journals_own_chain(installation, tmp_path):
    """The last chain value is the one that `verify` names; records are numbered from one."""
    out = tmp_path / "out.jsonl"
    done = export_journal(installation, out, as_csv=False, with_staff=False)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    facts = verify_journal(installation)

    assert done.records == len(rows) == facts.records - 1
    assert done.chain == rows[-1]["chain"] == facts.chain
    assert [row["n"] for row in rows] == list(range(1, len(rows) + 1))
    assert {"order_opened", "intent", "result", "refund_opened"} <= {row["kind"] for row in rows}
    assert all(set(row) <= set(COLUMNS) for row in rows)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


@pytest.mark.parametrize("as_csv", [False, True])
def test_nothing_sealed_and_nothing_personal(installation, tmp_path, as_csv):
    """No alias, no bill's text, no staff, no sealed text, no key: each is in the journal."""
    out = tmp_path / "out"
    export_journal(installation, out, as_csv=as_csv, with_staff=False)
    journal = (installation / "money" / "journal.log").read_bytes()
    written = out.read_bytes()

    sealed = re.findall(rb'"sealed_[a-z]+":"([^"]+)"', journal)
    assert len(sealed) == 4, "mandate's id and secrets, request, refund's request"
    for secret in (ALICE.encode(), b"Doe", b"ann.smith", b'"sealed_', b'"key"', *sealed):
        assert secret in journal
        assert secret not in written
    export_journal(installation, tmp_path / "staff", as_csv=as_csv, with_staff=True)
    assert b"ann.smith" in (tmp_path / "staff").read_bytes()


def test_csv_has_the_documented_columns_and_no_formula(installation, tmp_path):
    """A spreadsheet opens it; sums add up."""
    out = tmp_path / "out.csv"
    export_journal(installation, out, as_csv=True, with_staff=False)
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert tuple(rows[0]) == COLUMNS
    refunds = [row for row in rows if row["kind"] == "refund_opened"]
    assert [int(row["minor_units"]) for row in refunds] == [250, 250]
    assert all(row["refund_reference"] for row in refunds)
    assert not any(cell[:1] in {"=", "+", "@"} for row in rows for cell in row.values())


def test_no_file_is_overwritten_and_none_is_left_half(installation, tmp_path):
    """An existing file stays; a damaged journal leaves no export."""
    out = tmp_path / "out"
    out.write_text("mine")
    with pytest.raises(BadInputError):
        export_journal(installation, out, as_csv=False, with_staff=False)
    assert out.read_text() == "mine"
    with pytest.raises(BadInputError):
        export_journal(installation, tmp_path / "no" / "out", as_csv=False, with_staff=False)

    journal = installation / "money" / "journal.log"
    content = journal.read_bytes()
    journal.write_bytes(content[:900] + b"?" + content[901:])
    with pytest.raises(JournalDamagedError):
        export_journal(installation, tmp_path / "new", as_csv=False, with_staff=False)
    assert not (tmp_path / "new").exists()


def test_no_journal_is_a_clear_error(data_dir, tmp_path):
    """And no empty export."""
    with pytest.raises(JournalAbsentError):
        export_journal(data_dir, tmp_path / "new", as_csv=False, with_staff=False)
    assert not (tmp_path / "new").exists()
