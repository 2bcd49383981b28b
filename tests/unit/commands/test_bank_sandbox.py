"""`bank sandbox` asks the sandbox of the connector that the settings name, or says what works."""

from __future__ import annotations

import json

import pytest

from kiosk.cli import run_command
from kiosk.domain.ids import reference_of
from kiosk.money.ledger import JOURNAL_NAME
from kiosk.sandbox.bank.ledger import Debits
from kiosk.sandbox.cards.books import Sums
from kiosk.sandboxes import sandbox_of
from kiosk.settings import load_settings


@pytest.fixture
def cards(tmp_path):
    (tmp_path / "settings.toml").write_text('[bank]\nconnector = "cards"\n')
    return tmp_path


def test_the_oracle_of_cards_counts_captures(cards, capsys, monkeypatch):
    """Not the empty books of a bank that nobody uses."""
    sandbox = sandbox_of(load_settings(cards), cards)
    asked = []

    def sums(data_dir, order_id=None):
        asked.append((data_dir, order_id))
        return Sums(2, 2_500, 0, 0)

    monkeypatch.setattr("kiosk.sandbox.cards.oracle.sums", sums)
    assert sandbox.debits(cards, None) == Debits(2, 2_500)
    assert run_command(["bank", "sandbox", "oracle", "--data", str(cards), "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told == {"debits": 2, "sum_minor_units": 2_500}


@pytest.mark.parametrize("words", [["fault", "none"], ["clock", "60"]])
def test_words_for_the_bank_say_what_works_for_cards(cards, capsys, words):
    """They do not send somebody to start a bank that the till does not use."""
    assert run_command(["bank", "sandbox", *words, "--data", str(cards)]) == 3
    told = capsys.readouterr().err
    assert "cards" in told
    assert "oracle" in told
    assert "No sandbox bank" not in told


def test_the_oracle_of_open_banking_counts_by_references(tmp_path, monkeypatch):
    """The door's books know references only; what is no order is taken as a reference."""
    (tmp_path / "settings.toml").write_text('[bank]\nconnector = "vrp"\n')
    found = sandbox_of(load_settings(tmp_path), tmp_path)
    asked = []

    def debits(data_dir, name=None):
        asked.append(name)
        return Debits(1, 300)

    entry = type("Entry", (), {"keys": ("key-1", "key-2")})()
    book = type("Book", (), {"orders": {"o1": entry}})()
    (tmp_path / "money").mkdir()
    (tmp_path / "money" / JOURNAL_NAME).touch()
    monkeypatch.setattr("kiosk.sandbox.bank.oracle.all_debits", debits)
    monkeypatch.setattr("kiosk.sandboxes.read_book", lambda _: (None, book))
    assert found.debits(tmp_path, "o1") == Debits(2, 600)
    assert found.debits(tmp_path, "REFERENCE") == Debits(1, 300)
    assert asked == [reference_of("key-1"), reference_of("key-2"), "REFERENCE"]
