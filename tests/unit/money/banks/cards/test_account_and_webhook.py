"""Accounts that could lead a key astray are refused; deliveries are genuine, fresh, or neither."""

from __future__ import annotations

import json

import pytest

from kiosk.domain.errors import BadInputError
from kiosk.money.banks.cards.account import SANDBOX_FILE, AccountSource, read_account
from kiosk.money.banks.cards.webhook import Delivery, check_delivery
from kiosk.sandbox.cards.webhooks import sign
from tests.fakes.bank_port import context_of

LIVE = {"version": 1, "api_key": "sk_live_0123"}
HERE = {"version": 1, "api_key": "sk_test_0123", "api_base": "http://127.0.0.1:9"}


def test_accounts():
    """A live account speaks to the public address; one here may have a page of its own."""
    assert read_account(json.dumps(LIVE).encode()).api_base == "https://api.stripe.com"
    page = HERE | {"headless_approve_url": "http://127.0.0.1:9/hosted/"}
    account = read_account(json.dumps(page).encode())
    assert account.is_test
    assert "sk_test" not in repr(account)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2}, {"api_key": "pk_live_0"}, {"api_key": "sk_live_\n"}, {"more": 1},
        {"api_base": "http://api.stripe.com"}, {"api_base": "ftp://127.0.0.1"},
        {"api_base": "http://localhost.evil.example"}, {"api_base": ""},
        {"headless_approve_url": "http://127.0.0.1:9/"},
        {"api_base": "http://127.0.0.1:9", "headless_approve_url": "http://127.0.0.1:9/"},
        {"api_key": "sk_test_0", "headless_approve_url": "http://127.0.0.1:9/"},
    ],
)  # fmt: skip
def test_bad_accounts(change):
    """Plain http to elsewhere, a simulated approval for a live key, and nonsense are refused."""
    with pytest.raises(BadInputError) as caught:
        read_account(json.dumps(LIVE | change).encode())
    assert "sk_" not in str(caught.value)


def test_the_sandbox_file_leads_nowhere_else(tmp_path):
    """A file that names a live key or another machine is not used, although it could be read."""
    file = tmp_path / SANDBOX_FILE
    file.parent.mkdir(parents=True)
    source = AccountSource(context_of(tmp_path))
    assert source.account() is None
    live_here = LIVE | {"api_base": "http://127.0.0.1:9"}
    for content in (LIVE, LIVE | {"api_key": "sk_test_0"}, live_here):
        file.write_text(json.dumps(content))
        assert source.account() is None
    file.write_text(json.dumps(HERE))
    assert source.account() is not None


def test_an_address_in_the_settings_needs_an_account(tmp_path):
    """With an address the sandbox's file is not looked at, and plain http elsewhere is refused."""
    context = context_of(tmp_path, url="https://cards.example")
    source = AccountSource(context)
    assert (source.account(), source.is_sandbox) == (None, False)
    context.secrets.put("cards", json.dumps(LIVE).encode())
    assert source.account().api_base == "https://cards.example"
    astray = context_of(tmp_path, url="http://cards.example")
    astray.secrets.put("cards", json.dumps(LIVE).encode())
    assert AccountSource(astray).account() is None


PAYLOAD, SECRET, NOW_S = b'{"id":"evt_1"}', "whsec_0", 1_795_435_200


def test_genuine_deliveries():
    """What the service signs is genuine, also beside a signature under an older secret."""
    header = sign(PAYLOAD, SECRET, NOW_S)
    assert check_delivery(PAYLOAD, header, SECRET, NOW_S + 299) is Delivery.GENUINE
    both = f"{header},v1={'0' * 64},v0=abc"
    assert check_delivery(PAYLOAD, both, SECRET, NOW_S) is Delivery.GENUINE


@pytest.mark.parametrize(
    ("payload", "header", "secret", "now_s", "verdict"),
    [
        (PAYLOAD + b" ", sign(PAYLOAD, SECRET, NOW_S), SECRET, NOW_S, Delivery.SIGNATURE_WRONG),
        (PAYLOAD, sign(PAYLOAD, "other", NOW_S), SECRET, NOW_S, Delivery.SIGNATURE_WRONG),
        (PAYLOAD, sign(PAYLOAD, SECRET, NOW_S), SECRET, NOW_S + 301, Delivery.TOO_OLD),
        (PAYLOAD, sign(PAYLOAD, SECRET, NOW_S), SECRET, NOW_S - 301, Delivery.TOO_OLD),
        (PAYLOAD, sign(PAYLOAD, SECRET, NOW_S), "", NOW_S, Delivery.HEADER_BAD),
        (PAYLOAD, "", SECRET, NOW_S, Delivery.HEADER_BAD),
        (PAYLOAD, f"t={NOW_S}", SECRET, NOW_S, Delivery.HEADER_BAD),
        (PAYLOAD, "v1=00", SECRET, NOW_S, Delivery.HEADER_BAD),
        (PAYLOAD, f"t=1,t=2,{sign(PAYLOAD, SECRET, NOW_S)}", SECRET, NOW_S, Delivery.HEADER_BAD),
        (PAYLOAD, "t=1e9,v1=00", SECRET, NOW_S, Delivery.HEADER_BAD),
        (PAYLOAD, "t=1,v1=\u00e9", SECRET, NOW_S, Delivery.HEADER_BAD),
        (PAYLOAD, "t=1,v1=" + "0" * 1_000, SECRET, NOW_S, Delivery.HEADER_BAD),
    ],
)
def test_other_deliveries(payload, header, secret, now_s, verdict):
    """Changed, of another secret, replayed, from the future, or no signature at all."""
    assert check_delivery(payload, header, secret, now_s) is verdict
