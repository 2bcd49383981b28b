"""Signatures both ways: what the bank accepts, what it refuses with which code, what it signs."""

from __future__ import annotations

import base64
import json

import pytest

from tests.fakes.third_party import ABSENT, IAT, ISS, TAN


@pytest.fixture
def pay(tpp):
    """Sends a payment whose signature a test spoils."""
    consent_id, token = tpp.approved()
    body = json.dumps(tpp.payment_body(consent_id)).encode()

    def send(spoil=None, *, sent=None, **changes):
        signature = tpp.sign(body, **changes)
        if spoil is not None:
            signature = spoil(signature)
        return tpp.call(
            "POST",
            "/domestic-vrps",
            sent or body,
            token=token,
            key="k1",
            x_jws_signature=signature,
        )

    return send


def test_payment_with_the_other_librarys_signature(pay, tpp, debits, clock):
    """What joserfc signs the bank takes, and what the bank signs joserfc takes."""
    reply = pay()

    assert reply.status == 201
    claims = tpp.check(reply)
    assert claims["alg"] == "PS256"
    assert claims[ISS] == tpp.onboarding["bank_signing_iss"]
    assert claims[TAN] == "openbanking.org.uk"
    assert claims[IAT] == int(clock())
    assert claims["crit"] == [IAT, ISS, TAN]
    clock.now_s += 1
    assert debits("ABCDEFGHIJ234567AB") == 1


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"alg": "RS256"}, "U016", "alg"),
        ({"alg": "none"}, "U016", "alg"),
        ({"alg": "HS256"}, "U016", "alg"),
        ({"kid": "somebody"}, "U016", "kid"),
        ({IAT: 1_795_000_001}, "U016", IAT),
        ({IAT: "1795000000"}, "U016", IAT),
        ({IAT: True}, "U016", IAT),
        ({IAT: -1}, "U016", IAT),
        ({ISS: "org/another"}, "U016", ISS),
        ({TAN: "example.org"}, "U016", TAN),
        ({"crit": [IAT, ISS]}, "U016", "crit"),
        ({"crit": [IAT, ISS, TAN, "exp"]}, "U016", "crit"),
        ({"crit": [IAT, IAT, ISS]}, "U016", "crit"),
        ({"crit": "all"}, "U016", "crit"),
        ({"typ": "JWT"}, "U016", "typ"),
        ({"cty": "text/plain"}, "U016", "cty"),
        ({"b64": False}, "U016", "b64"),
        ({"x5c": []}, "U016", "x5c"),
        ({"alg": ABSENT}, "U017", "alg"),
        ({"kid": ABSENT}, "U017", "kid"),
        ({"crit": ABSENT}, "U017", "crit"),
        ({IAT: ABSENT}, "U017", IAT),
        ({ISS: ABSENT}, "U017", ISS),
        ({TAN: ABSENT}, "U017", TAN),
    ],
)
def test_claims_are_checked_one_by_one(pay, tpp, debits, changes, code, path):
    """Each missing, foreign or wrong claim is refused with its code and named, and not executed."""
    reply = pay(**changes)

    assert (reply.status, reply.code) == (400, code)
    assert reply.json["Errors"][0]["Path"].endswith(path)
    tpp.check(reply)
    assert debits() == 0


@pytest.mark.parametrize("changes", [{"typ": "JOSE"}, {"cty": "json"}, {"cty": "application/json"}])
def test_optional_claims(pay, changes):
    """`typ` and `cty` may be there with their documented values."""
    assert pay(**changes).status == 201


def flip(signature):
    head, _, mac = signature.split(".")
    raw = bytearray(base64.urlsafe_b64decode(mac + "=="))
    raw[7] ^= 1
    return f"{head}..{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (flip, "U015"),
        (lambda signature: signature.rpartition(".")[0] + ".AAAA", "U015"),
        (lambda _: "nonsense", "U018"),
        (lambda _: "..", "U018"),
        (lambda signature: signature.replace("..", ".e30."), "U018"),
        (lambda signature: "*" + signature, "U018"),
        (lambda signature: "W10.." + signature.rpartition(".")[2], "U018"),
        (lambda signature: "e30.." + signature.rpartition(".")[2], "U017"),
        (lambda signature: signature + "A" * 5_000, "U018"),
        (lambda _: ABSENT, "U019"),
    ],
)
def test_broken_signatures(pay, debits, spoil, code):
    """Tampered, malformed and missing signatures have codes of their own."""
    reply = pay(spoil)

    assert (reply.status, reply.code) == (400, code)
    assert debits() == 0


def test_every_byte_of_the_body_is_signed(pay, tpp, debits):
    """A body that differs in white space alone does not fit its signature."""
    reply = pay(sent=json.dumps(tpp.payment_body("x"), indent=1).encode())

    assert (reply.status, reply.code) == (400, "U015")
    assert debits() == 0


def test_another_clients_signature(stranger, tpp, debits):
    """A signature of another client, however good, is not this client's."""
    consent_id, token = tpp.approved()
    body = json.dumps(tpp.payment_body(consent_id)).encode()

    reply = tpp.call(
        "POST", "/domestic-vrps", body, token=token, key="k1", signature=stranger.sign(body)
    )

    assert (reply.status, reply.code) == (400, "U016")
    assert debits() == 0


@pytest.mark.parametrize("path", ["/domestic-vrp-consents/x", "/domestic-vrps/x"])
def test_signature_where_none_belongs(tpp, path):
    """A GET is not signed: U020."""
    reply = tpp.call("GET", path, x_jws_signature="a..b")

    assert (reply.status, reply.code) == (400, "U020")


def test_refusals_are_signed_too(tpp):
    """400 and 403 carry a signature over their own body; 204 and 401 have nothing to sign."""
    tpp.check(tpp.call("GET", "/domestic-vrps/unknown"))
    consent_id, token = tpp.approved()
    forbidden = tpp.call("GET", f"/domestic-vrp-consents/{consent_id}", token=token)
    assert forbidden.status == 403
    tpp.check(forbidden)
    for reply in (
        tpp.call("GET", "/domestic-vrps/x", token="nonsense"),
        tpp.call("DELETE", f"/domestic-vrp-consents/{consent_id}"),
    ):
        assert reply.raw == b""
        assert "x-jws-signature" not in reply.headers
