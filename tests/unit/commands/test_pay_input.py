"""What nobody could have for PIN, digits, number or amount is bad input to `pay`, and told so."""

from __future__ import annotations

import json

import pytest

from kiosk.cli import run_command
from kiosk.commands import pay as word

NUMBER = ("--phone", "447700900123")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((*NUMBER, "--pin", "abcdef"), "pin_format"),
        ((*NUMBER, "--pin", "12345"), "pin_format"),
        ((*NUMBER, "--pin", ""), "pin_format"),
        ((*NUMBER, "--pin", "١٣٥٧٩٠"), "pin_format"),
        (("--phone", "abc", "--pin", "135790"), "phone_bad"),
        (("--phone", "0123", "--pin", "135790"), "phone_bad"),
        (("--frames", ".", "--phone-digits", "12"), "phone_digits_format"),
        (("--frames", ".", "--phone-digits", "O123"), "phone_digits_format"),
        (("--frames", ".", "--pin", "abcdef"), "pin_format"),
    ],
)
def test_nonsense_is_refused_before_any_process_is_started(
    words, code, tmp_path, capsys, monkeypatch
):
    """Exit code 2, a sentence and a mend; no wrong try is counted, and nothing is made."""

    def opened(*_, **__):
        raise AssertionError

    monkeypatch.setattr(word, "open_installation", opened)
    data_dir = tmp_path / "data"

    done = run_command(["pay", "--amount", "1.00", *words, "--data", str(data_dir), "--json"])
    told = json.loads(capsys.readouterr().out)

    assert (2, code) == (done, told["error"])
    assert told["mend"]
    assert not data_dir.exists()


def test_an_order_for_a_terminal_that_does_not_run_says_how_to_start_it(tmp_path, capsys):
    """Exit code 3, and not a word about a payment on its way."""
    (tmp_path / "vault").mkdir()

    done = run_command(["money", "order", "--amount", "1.00", "--data", str(tmp_path), "--json"])
    told = json.loads(capsys.readouterr().out)

    assert (3, "link_down") == (done, told["error"])
    assert "smiletill run" in told["mend"]
