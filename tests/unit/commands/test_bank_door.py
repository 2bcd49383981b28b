"""The words for the sandbox bank's open-banking door, on a bank that runs."""

from __future__ import annotations

import json
import time

import pytest
from click.testing import CliRunner

from kiosk.commands.bank import bank
from kiosk.domain.errors import BadInputError, SetupError
from tests.fakes.bank_process import BankProcess
from tests.fakes.third_party import ThirdParty, read_client_file


def say(data_dir, *words):
    arguments = ["sandbox", *words, "--data", str(data_dir), "--json"]
    result = CliRunner().invoke(bank, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout.splitlines()[-1])


def test_words_steer_the_door(data_dir):
    """Consents are decided, payments rejected on order, tokens ended, requests listed."""
    process = BankProcess(data_dir)
    try:
        tpp = ThirdParty(read_client_file(data_dir), time.time)
        consent_id = tpp.stage()
        say(data_dir, "consent", "approve", consent_id)
        token = tpp.consent_tokens(consent_id)["access_token"]
        say(data_dir, "ladder", "--final", "reject", "--reason", "AM04")
        body = tpp.payment_body(consent_id)
        paid = tpp.call("POST", "/domestic-vrps", body, token=token, key="k1")
        assert paid.json["Data"]["Status"] == "RJCT"
        say(data_dir, "ladder", "--delay", "ACSC", "0", "--final", "settle")
        say(data_dir, "tokens", "--forget")
        assert tpp.call("POST", "/domestic-vrps", body, token=token, key="k2").status == 401
        say(data_dir, "tokens", "--life", "60")
        assert tpp.consent_tokens(consent_id)["expires_in"] == 60

        listed = say(data_dir, "requests")["requests"]

        keyed = [
            (entry["key"], entry["status"]) for entry in listed if entry["key"] in {"k1", "k2"}
        ]
        assert keyed == [("k1", 201), ("k2", 401)]
        assert token not in json.dumps(listed)
        with pytest.raises(BadInputError):
            say(data_dir, "consent", "approve", "unknown")
    finally:
        process.kill()


def test_words_need_a_bank(data_dir):
    """Without a bank each word says how to start one."""
    with pytest.raises(SetupError, match="No sandbox bank"):
        say(data_dir, "requests")
