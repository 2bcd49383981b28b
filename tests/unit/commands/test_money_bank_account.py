"""`smiletill money bank account`: a secret key goes in, and is nowhere to be read."""

from __future__ import annotations

import json

from click.testing import CliRunner

from kiosk.commands.money_bank import bank_access
from kiosk.domain.errors import BadInputError

KEY = "sk_live_0123456789abcdef"


def call(*words):
    return CliRunner().invoke(bank_access, [*words, "--json"])


def test_sealed_and_forgotten(data_dir, tmp_path, passphrase):
    """The account is kept sealed, said back without its key, and removed on demand."""
    file = tmp_path / "account.json"
    file.write_text(json.dumps({"version": 1, "api_key": KEY}))
    kept = call("account", str(file), "--data", str(data_dir))

    assert json.loads(kept.stdout)["is_sandbox"] is False
    assert KEY not in kept.output
    secret = data_dir / "money" / "bank" / "cards.secret"
    assert KEY.encode() not in secret.read_bytes()
    assert call("forget", "--yes", "--data", str(data_dir)).exit_code == 0
    assert not secret.exists()


def test_a_bad_account_is_refused(data_dir, tmp_path, passphrase):
    """What could lead a key astray is not sealed."""
    file = tmp_path / "account.json"
    file.write_text(json.dumps({"version": 1, "api_key": KEY, "api_base": "http://a.example"}))
    refused = call("account", str(file), "--data", str(data_dir))
    assert isinstance(refused.exception, BadInputError)
    assert not (data_dir / "money" / "bank").exists()
