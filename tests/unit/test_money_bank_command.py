"""The words for a real bank's access: sealed, shown without secrets, removed, refused in time."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from kiosk.commands.money_bank import bank_access
from kiosk.domain.errors import BadInputError
from tests.fakes.scripted_vrp_bank import CREDITOR, ScriptedVrpBank, make_keys


@pytest.fixture(scope="module")
def file_of():
    """The onboarding file of a real bank (of no simulated customer)."""
    peer = ScriptedVrpBank(make_keys())
    found = peer.onboarding(headless_approve_url=None)
    peer.close()
    return json.dumps(found)


@pytest.fixture
def say(data_dir, passphrase):
    def run(*words, **options):
        return CliRunner().invoke(
            bank_access, [*words, "--data", str(data_dir), "--json"], **options
        )

    return run


def test_import_seals_show_tells_forget_removes(say, file_of, data_dir, tmp_path):
    """No key and no account number is printed, and none lies in the data in the clear."""
    file = tmp_path / "onboarding.json"
    file.write_text(file_of)
    imported, shown = say("import", str(file)), say("show")

    assert json.loads(imported.stdout)["ok"]
    facts = json.loads(shown.stdout)
    assert (facts["is_set"], facts["is_sandbox"], facts["account_hint"]) == (True, False, "••66")
    stored = b"".join(path.read_bytes() for path in data_dir.rglob("*") if path.is_file())
    for secret in ("PRIVATE KEY", CREDITOR["Identification"], CREDITOR["Name"]):
        assert secret not in imported.output + shown.output
        assert secret.encode() not in stored

    assert isinstance(say("forget").exception, BadInputError)
    assert json.loads(say("show").stdout)["is_set"]
    say("forget", "--yes")
    assert not json.loads(say("show", standalone_mode=False).stdout)["is_set"]


def test_bad_file_is_not_sealed(say, tmp_path):
    """A file that could not be used later is refused now."""
    file = tmp_path / "onboarding.json"
    file.write_text("{}")
    assert isinstance(say("import", str(file)).exception, BadInputError)
    assert not json.loads(say("show").stdout)["is_set"]


def test_approval_address_is_taken_from_stdin(say, data_dir):
    """A whole address is handed over; half of one is refused, and not repeated."""
    (data_dir / "money").mkdir()
    back = "https://terminal.example/done#code=c0de&id_token=t0ken&state=st4te"
    assert json.loads(say("approved", "-", input=f"{back}\n").stdout) == {"ok": True}
    refused = say("approved", "-", input=back.partition("&")[0])
    assert isinstance(refused.exception, BadInputError)
    assert "c0de" not in str(refused.exception)
