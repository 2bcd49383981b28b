"""`smiletill money receipt`: from a journal on the disk to a screen, a file and a printer."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from kiosk.commands.money_receipt import receipt
from kiosk.domain.errors import SmileTillError
from tests.fakes.money_room import MoneyRoom


@pytest.fixture
def folder(tmp_path):
    """An installation with one paid order."""
    room = MoneyRoom(tmp_path / "data" / "money")
    room.enrol()
    room.pay(room.order("o1", 1_250))
    (tmp_path / "data" / "money" / "journal.log").write_bytes(room.disk.durable)
    return tmp_path / "data"


def call(folder, *words):
    return CliRunner().invoke(receipt, [*words, "--data", str(folder)], catch_exceptions=True)


def test_shown(folder):
    """The customer's copy on the screen, without a name and without an account."""
    shown = call(folder, "o1")
    assert shown.exit_code == 0
    assert "*** PAID ***" in shown.stdout
    assert "£12.50" in shown.stdout
    assert "••" not in shown.stdout


def test_json(folder):
    """Programs get the facts and the text; the merchant's copy says how the payer was known."""
    words = ("--copy", "merchant", "--reprint", "3", "--lang", "de", "--width", "32")
    answer = json.loads(call(folder, "o1", *words, "--json").stdout)
    assert (answer["order"], answer["state"], answer["reprint"]) == ("o1", "paid", 3)
    assert len(answer["reference"]) == 18
    assert "NACHDRUCK 3" in answer["text"]
    assert "Gesicht" in answer["text"]


def test_written_and_printed(folder, tmp_path):
    """A PDF goes to a file, ESC/POS to a printer."""
    pdf, paper = tmp_path / "r.pdf", tmp_path / "lp0"
    words = ("--format", "pdf", "--out", str(pdf), "--printer", f"file:{paper}", "--json")
    assert json.loads(call(folder, "o1", *words).stdout)["printed"] is True
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert paper.read_bytes().endswith(b"\x1dV\x00")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("o9",), "order_unknown"),
        (("o 1",), "order_id_bad"),
        (("o1", "--format", "pdf"), "receipt_needs_out"),
        (("o1", "--out", "/nowhere/at/all"), "folder_missing"),
        (("o1", "--out", "/proc/receipt"), "receipt_not_written"),
        (("o1", "--printer", "lp0"), "printer_bad"),
    ],
)
def test_refused(folder, words, code):
    """What cannot be done says why."""
    error = call(folder, *words).exception
    assert isinstance(error, SmileTillError)
    assert error.code == code
