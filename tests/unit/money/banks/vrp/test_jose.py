"""Signatures hold between two libraries, byte by byte, and each broken rule has its reason."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import RSAKey
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from kiosk.money.banks.vrp.jose import (
    CRITICAL,
    SignatureError,
    Signer,
    key_id,
    verify_detached,
    verify_token,
)
from tests.fakes.scripted_vrp_bank import REGISTRY

BODY = b'{"Data":{"Amount":"12.50"}}'
NOW_S = 1_800_000_000
WHO = {"iss": "org/software", "tan": "openbanking.org.uk"}


@pytest.fixture(scope="module")
def signer(keys):
    return Signer(keys.client_signing, "kid-1", WHO["iss"], WHO["tan"])


@pytest.fixture(scope="module")
def public(keys):
    return RSAKey.import_key(keys.client_signing)


def padded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_other_library_verifies_ours(signer, keys):
    """Jwcrypto takes our signature over exactly these bytes, and not over others."""
    head, middle, signature = signer.detached(BODY, NOW_S).split(".")
    assert middle == ""
    header = json.loads(padded(head))
    assert header == {
        "alg": "PS256",
        "kid": "kid-1",
        "http://openbanking.org.uk/iat": NOW_S,
        "http://openbanking.org.uk/iss": WHO["iss"],
        "http://openbanking.org.uk/tan": WHO["tan"],
        "crit": list(CRITICAL),
    }
    for body, is_good in ((BODY, True), (BODY + b" ", False)):
        payload = base64.urlsafe_b64encode(body).rstrip(b"=").decode()
        token = JWS(header_registry=REGISTRY)
        token.allowed_algs = ["PS256"]
        token.deserialize(f"{head}.{payload}.{signature}")
        if is_good:
            token.verify(JWK.from_pem(keys.client_signing.encode()))
        else:
            with pytest.raises(Exception, match="Verification failed"):
                token.verify(JWK.from_pem(keys.client_signing.encode()))


def test_ours_verifies_and_says_whose_key(signer, public):
    """A round trip, with the key named before anything is believed."""
    text = signer.detached(BODY, NOW_S)
    assert key_id(text) == "kid-1"
    verify_detached(text, BODY, public, now_s=NOW_S + 1, **WHO)


def test_fraction_of_a_second_is_a_number_too(keys, public):
    """The profile asks for a JSON number, not for a whole one."""
    header = {
        "alg": "PS256",
        "kid": "k",
        **dict(zip(CRITICAL, (NOW_S + 0.5, WHO["iss"], WHO["tan"]), strict=True)),
        "crit": list(CRITICAL),
    }
    token = JWS(BODY, header_registry=REGISTRY)
    token.allowed_algs = ["PS256"]
    token.add_signature(JWK.from_pem(keys.client_signing.encode()), None, json.dumps(header))
    head, _, signature = token.serialize(compact=True).split(".")
    verify_detached(f"{head}..{signature}", BODY, public, now_s=NOW_S + 1, **WHO)


@pytest.mark.parametrize(
    ("now_s", "reason"),
    [
        (NOW_S - 6, "signature_stale"),
        (NOW_S + 301, "signature_stale"),
    ],
)
def test_time_of_a_signature(signer, public, now_s, reason):
    """A signature of the future or of long ago is not this answer's."""
    with pytest.raises(SignatureError) as caught:
        verify_detached(signer.detached(BODY, NOW_S), BODY, public, now_s=now_s, **WHO)
    assert caught.value.reason == reason


def test_signature_before_the_request(signer, public):
    """Where it must answer a certain request, one made before that is another's."""
    text = signer.detached(BODY, NOW_S)
    verify_detached(text, BODY, public, now_s=NOW_S + 1, since_s=NOW_S, **WHO)
    with pytest.raises(SignatureError) as caught:
        verify_detached(text, BODY, public, now_s=NOW_S + 1, since_s=NOW_S + 0.5, **WHO)
    assert caught.value.reason == "signature_before_request"


@pytest.mark.parametrize("text", ["", ".", "..", "a..b", "....", "e30..e30", "é..é", "x" * 200_000])
def test_no_jws_is_malformed(public, text):
    """Garbage never reaches the cryptography, and never raises anything else."""
    with pytest.raises(SignatureError):
        verify_detached(text, BODY, public, now_s=NOW_S, **WHO)
    with pytest.raises(SignatureError):
        key_id(text)
    with pytest.raises(SignatureError):
        verify_token(text, public)


@given(position=st.integers(0, 10_000), bit=st.integers(0, 5))
def test_any_changed_character_is_noticed(signer, public, position, bit):
    """Whichever character of a signature is another, it does not hold."""
    text = signer.detached(BODY, NOW_S)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    position %= len(text) - 1  # the last one has bits that mean nothing
    old = text[position]
    new = alphabet[(alphabet.index(old) ^ (1 << bit))] if old in alphabet else "A"
    with pytest.raises(SignatureError):
        verify_detached(
            text[:position] + new + text[position + 1 :], BODY, public, now_s=NOW_S, **WHO
        )


def test_token_round_trip_and_no_other_algorithm(signer, public):
    """A JWT is read back; one that says it is unsigned is not."""
    assert verify_token(signer.token({"a": 1}), public) == {"a": 1}
    head = base64.urlsafe_b64encode(b'{"alg":"none","kid":"k"}').rstrip(b"=").decode()
    with pytest.raises(SignatureError):
        verify_token(f"{head}.e30.", public)
