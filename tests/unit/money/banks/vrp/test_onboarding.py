"""The onboarding file and the options are checked before anything depends on them."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from kiosk.domain.errors import BadInputError, SetupError
from kiosk.money.banks.registry import open_bank
from kiosk.money.banks.vrp.onboarding import read_onboarding
from kiosk.money.banks.vrp.options import ARRIVAL_S_MAX, read_options
from tests.fakes.bank_port import context_of
from tests.fakes.scripted_vrp_bank import CREDITOR, pem_of

REMOTE = {
    name: f"https://bank.example/{name}"
    for name in (
        "token_endpoint", "authorization_endpoint", "backchannel_authentication_endpoint",
        "jwks_uri", "resource_base", "events_base",
    )
} | {"headless_approve_url": None}  # fmt: skip


def read(world, **changes):
    return read_onboarding(json.dumps(world.peer.onboarding(**changes)).encode())


def test_good_file_is_read(world):
    """What the sandbox writes is taken, and who we are follows from it."""
    found = read(world)
    assert found.is_sandbox
    assert found.signing_iss == "0015800001TPP/software1"


def test_real_bank_is_no_sandbox(world):
    """Without the simulated customer's address the bank is a real one."""
    assert not read(world, **REMOTE).is_sandbox


def test_simulated_customer_lives_on_this_machine_only(world):
    """A file that lets a simulated customer approve at a bank elsewhere is refused."""
    for name in REMOTE:
        address = f"https://bank.example/{name}"
        with pytest.raises(BadInputError, match="on this machine"):
            read(world, **{name: address})


WEAK = pem_of(rsa.generate_private_key(65_537, 1024))


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"client_id": None},
        {"client_id": ""},
        {"client_id": "a\nb"},
        {"client_id": " a"},
        {"client_id": 7},
        {"extra": "x"},
        {"creditor": {"SchemeName": "x"}},
        {"creditor": CREDITOR | {"Name": "n" * 71}},
        {"token_endpoint": "http://127.0.0.1/token"},
        {"token_endpoint": "https://user:pw@127.0.0.1/token"},
        {"token_endpoint": "https://127.0.0.1/token?x=1"},
        {"jwks_uri": "file:///etc/passwd"},
        {"resource_base": "https://["},
        {"transport_cert_pem": "nonsense"},
        {"transport_key_pem": pem_of(ec.generate_private_key(ec.SECP256R1()))},
        {"signing_key_pem": pem_of(ec.generate_private_key(ec.SECP256R1()))},
        {"signing_key_pem": WEAK},
        {"ca_pem": ""},
    ],
)
def test_bad_file_is_refused_without_its_secrets(world, changes):
    """Each fault is named, and no piece of a key or an account is in the message."""
    with pytest.raises(BadInputError) as caught:
        read(world, **changes)
    assert caught.value.code == "onboarding_bad"
    assert "going-live" in caught.value.mend
    for secret in ("PRIVATE", CREDITOR["Identification"], "pw@"):
        assert secret not in str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff", b"{" * 10_000, b"x" * 60_000])
def test_no_json_is_refused(raw):
    """Whatever lies in the file, the answer is one clear error."""
    with pytest.raises(BadInputError):
        read_onboarding(raw)


def test_reprs_show_nothing(world):
    """Neither the file nor what is made of it shows a key or the account."""
    found = read(world)
    shown = f"{found!r} {found.creditor!r} {world.context!r}"
    assert "PRIVATE" not in shown
    assert CREDITOR["Identification"] not in shown


def test_options_and_their_defaults():
    """Without a word the options fit a counter; the commercial profile has its own types."""
    assert read_options({}).vrp_type == "UK.OBIE.VRPType.Other"
    assert read_options({}).interaction == "InSession"
    assert read_options({"profile": "cvrp"}).vrp_type == "UK.OBIE.VRPType.CVRP1"
    chosen = read_options({"profile": "cvrp", "vrp_type": "cvrp2", "arrival_s_max": "60"})
    assert (chosen.vrp_type, chosen.arrival_s_max) == ("UK.OBIE.VRPType.CVRP2", 60.0)
    assert read_options({}).arrival_s_max == ARRIVAL_S_MAX


@pytest.mark.parametrize(
    "given",
    [
        {"colour": "blue"},
        {"profile": "VRP"},
        {"vrp_type": "cvrp1"},
        {"profile": "cvrp", "vrp_type": "sweeping"},
        {"interaction": ""},
        {"merchant_category": "581"},
        {"arrival_s_max": "-1"},
        {"arrival_s_max": "1e9"},
    ],
)
def test_unknown_option_is_an_error_with_a_mend(data_dir, given):
    """A word that means nothing is not passed over: the terminal does not start with it."""
    with pytest.raises(BadInputError) as caught:
        open_bank("vrp", context_of(data_dir, options=given))
    assert caught.value.code == "bank_option_bad"
    assert caught.value.mend


def test_url_in_the_settings_is_refused(data_dir):
    """The addresses come from the onboarding file, so that none of them can be swapped alone."""
    with pytest.raises(SetupError) as caught:
        open_bank("vrp", context_of(data_dir, url="https://bank.example"))
    assert caught.value.code == "bank_url_unused"
