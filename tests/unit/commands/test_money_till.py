"""`smiletill money till`: keys shown once, and a fingerprint; all before the first start."""

import json

import pytest
from click.testing import CliRunner

from kiosk.commands.money.till import till
from kiosk.domain.errors import BadInputError


def call(*words):
    result = CliRunner().invoke(till, [str(it) for it in words], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.stdout


def test_a_key_is_shown_once(data_dir):
    """Afterwards only name and role can be seen."""
    made = json.loads(call("add", "bar", "--role", "till", "--data", data_dir, "--json")[1])
    _, listed = call("list", "--data", data_dir)

    assert made["key"].startswith("st_")
    assert made["key"] not in listed
    assert listed.startswith("bar  till  ")
    with pytest.raises(BadInputError):
        call("add", "bar", "--role", "staff", "--data", data_dir)


def test_a_key_is_removed_once(data_dir):
    """Exit code 1 where there is none."""
    call("add", "bar", "--role", "till", "--data", data_dir)

    assert call("remove", "bar", "--data", data_dir)[0] == 0
    assert call("remove", "bar", "--data", data_dir)[0] == 1
    assert call("list", "--data", data_dir)[1] == "No till has a key.\n"


def test_the_fingerprint_stays(data_dir):
    """64 hex digits in pairs, and a word where the interface is off."""
    first = call("fingerprint", "--data", data_dir)[1]

    assert first == call("fingerprint", "--data", data_dir)[1]
    assert len(first.splitlines()[0].removeprefix("SHA-256 ").split(":")) == 32
    assert "enabled = true" in first
