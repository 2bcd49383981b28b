"""The door's control words, its log and its faults; and the bank as a process with both doors."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import time
from http.client import HTTPException

import pytest
from joserfc.errors import BadSignatureError

from kiosk.sandbox.bank.faults import Fault, FaultKind, read_fault
from kiosk.sandbox.bank.wire import RequestError
from tests.fakes.bank_process import BankProcess
from tests.fakes.third_party import IAT, ThirdParty, read_client_file

PAYMENTS = "/open-banking/v4.0/pisp/domestic-vrps"
NOWHERE = (ConnectionError, HTTPException, ssl.SSLError)


@pytest.fixture
def control(door):
    def say(method, word, body=None):
        return door.control(method, word, {}, json.dumps(body).encode() if body else b"")

    return say


@pytest.fixture
def pay(tpp):
    consent_id, token = tpp.approved()
    body = json.dumps(tpp.payment_body(consent_id)).encode()
    signature = tpp.sign(body)

    def send():
        return tpp.call("POST", "/domestic-vrps", body, token=token, key="k1", signature=signature)

    return send


def test_log_of_requests(tpp, control, pay):
    """Key, hashes, times and status of each request are kept, and nothing of its content."""
    pay()
    control("DELETE", "vrp/requests")
    paid = pay()
    tpp.call("GET", "/domestic-vrps/x", token="secret-token")

    first, second = control("GET", "vrp/requests")["requests"]

    exchange = tpp.exchanges[-2]
    assert (first["method"], first["path"], first["status"]) == ("POST", PAYMENTS, 201)
    assert first["key"] == "k1"
    assert first["body_sha256"] == hashlib.sha256(exchange.body).hexdigest()
    signature = exchange.headers["x-jws-signature"].encode()
    assert first["signature_sha256"] == hashlib.sha256(signature).hexdigest()
    assert first["interaction_id"] == paid.headers["x-fapi-interaction-id"]
    assert first["arrived_s"] <= second["arrived_s"]
    assert (second["key"], second["signature_sha256"], second["status"]) == ("", "", 401)
    assert "secret-token" not in json.dumps([first, second])


def test_consents_are_decided(tpp, control):
    """The control side approves, suspends, takes back, expires and rejects."""
    consent_id = tpp.stage()

    def status():
        return tpp.call("GET", f"/domestic-vrp-consents/{consent_id}").json["Data"]["Status"]

    for decision, after in (
        ("approve", "AUTH"), ("suspend", "CANC"), ("reauthorise", "AUTH"), ("expire", "EXPD"),
    ):  # fmt: skip
        said = control("POST", "vrp/consents", {"consent_id": consent_id, "decision": decision})
        assert said == {"ok": True}
        assert status() == after
    with pytest.raises(RequestError, match="U009"):
        control("POST", "vrp/consents", {"consent_id": consent_id, "decision": "approve"})


def test_ladder_is_scripted(pay, control, tpp, debits, clock):
    """Delays and the end of payments to come are set; money moves when they settle, or never."""
    control("POST", "vrp/ladder", {"delays_s": {"ACSP": 5, "ACSC": 10}, "final": "settle"})
    payment_id = pay().json["Data"]["DomesticVRPId"]

    def status():
        return tpp.call("GET", f"/domestic-vrps/{payment_id}").json["Data"]["Status"]

    assert (status(), debits()) == ("RCVD", 0)
    clock.now_s += 6
    assert (status(), debits()) == ("ACSP", 0)
    clock.now_s += 10
    assert (status(), debits()) == ("ACSC", 1)


def test_rejected_with_a_reason(pay, control):
    """A scripted rejection names its reason."""
    control("POST", "vrp/ladder", {"delays_s": {}, "final": "reject", "reason": "AM04"})
    data = pay().json["Data"]
    assert data["Status"] == "RJCT"
    assert data["StatusReason"][0]["StatusReasonCode"] == "AM04"


@pytest.mark.parametrize(
    ("word", "body"),
    [
        ("vrp/consents", {"consent_id": "x"}),
        ("vrp/consents", {"consent_id": "x", "decision": "maybe"}),
        ("vrp/consents", {"consent_id": "/", "decision": "approve"}),
        ("vrp/consents", {"consent_id": "x", "decision": "approve"}),
        ("vrp/consents", {"consent_id": "x", "decision": "approve", "account": "/"}),
        ("vrp/accounts", {"consent_id": "x", "state": "closed"}),
        ("vrp/ladder", {"delays_s": {"XXXX": 1}, "final": "settle"}),
        ("vrp/ladder", {"delays_s": {"ACSC": -1}, "final": "settle"}),
        ("vrp/ladder", {"delays_s": [], "final": "settle"}),
        ("vrp/ladder", {"delays_s": {}, "final": "explode"}),
        ("vrp/tokens", {"life_s": 0, "forget": False}),
        ("vrp/tokens", {"life_s": 1.5, "forget": False}),
        ("vrp/tokens", {"life_s": None}),
        ("vrp/events", {"delay_s": -1, "newest_first": False}),
    ],
)
def test_nonsense_is_refused(control, word, body):
    """What a control word does not know it refuses."""
    with pytest.raises(RequestError):
        control("POST", word, body)


def test_unknown_words(control):
    """None says that there is no such word."""
    assert control("POST", "vrp/nowhere") is None
    assert control("DELETE", "vrp/consents") is None


def test_tokens_are_shortened_and_forgotten(door, tpp, pay, control):
    """The control side can shorten and end tokens."""
    assert control("POST", "vrp/tokens", {"life_s": 60, "forget": True}) == {"ok": True}
    assert pay().status == 401
    consent_id, _ = tpp.approved()
    assert tpp.consent_tokens(consent_id)["expires_in"] == 60
    assert control("POST", "vrp/events", {"delay_s": 1, "newest_first": True}) == {"ok": True}


def fault(kind, **fields):
    return Fault(FaultKind(kind), path=PAYMENTS, **fields)


@pytest.mark.parametrize(
    ("script", "executed"),
    [
        (fault("drop_before"), 0),
        (fault("drop_after_commit"), 1),
        (fault("truncated"), 1),
    ],
)
def test_connections_that_break(pay, faults, debits, clock, script, executed):
    """The client gets no answer; the books know whether the payment was executed."""
    faults.add(script)

    with pytest.raises(NOWHERE):
        pay()

    clock.now_s += 1
    assert debits() == executed
    assert pay().status == 201
    clock.now_s += 1
    assert debits() == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest.mark.parametrize("after", [False, True])
def test_scripted_statuses(tpp, pay, faults, debits, clock, status, after):
    """429 says when to come again, 500 is signed and coded, gateways say nothing."""
    faults.add(fault("status", status=status, after_commit=after))

    reply = pay()

    assert reply.status == status
    assert ("Retry-After" in reply.headers) == (status == 429)
    assert reply.headers["x-fapi-interaction-id"]
    if status == 500:
        assert reply.code == "U000"
        tpp.check(reply)
    else:
        assert reply.raw == b""
    clock.now_s += 1
    assert debits() == int(after)


def test_wrong_and_stale_signatures(tpp, pay, faults):
    """Both look like signatures and fit another answer; the next answer is right again."""
    for kind in ("wrong_signature", "stale_signature"):
        faults.add(fault(kind))
        reply = pay()
        assert reply.status == 201
        with pytest.raises(BadSignatureError):
            tpp.check(reply)
    tpp.check(pay())


def test_stale_signature_is_a_day_old(tpp, pay, faults, clock):
    """Its header says so, for who looks at that alone."""
    faults.add(fault("stale_signature"))
    head = pay().headers["x-jws-signature"].partition(".")[0]
    assert json.loads(base64.urlsafe_b64decode(head + "=="))[IAT] == int(clock()) - 86_400


def test_replayed_refusal_is_executed_and_ten_seconds_old(tpp, pay, faults, clock, debits):
    """A good signature over a refusal, under the id of this request; only its time tells."""
    faults.add(fault("replayed_refusal"))
    reply = pay()
    assert (reply.status, reply.code) == (400, "U014")
    assert tpp.check(reply)[IAT] == int(clock()) - 10
    assert pay().status == 201
    clock.now_s += 1
    assert debits() == 1


def test_another_order_and_amount(tpp, pay, faults):
    """Well-formed, well-signed answers to what was not asked."""
    faults.add(fault("other_order"))
    faults.add(fault("wrong_amount"))

    other, amount = pay(), pay()

    for reply in (other, amount):
        tpp.check(reply)
    assert other.json["Data"]["Instruction"]["EndToEndIdentification"] == "ANOTHERORDER"
    assert amount.json["Data"]["Instruction"]["InstructedAmount"]["Amount"] == "112.50"


def test_garbage_is_no_json(pay, faults):
    """Executed, and the answer cannot be read."""
    faults.add(fault("garbage"))
    with pytest.raises(ValueError, match=r".*"):
        pay().json  # noqa: B018 - reading is the test


def test_swaps_leave_other_answers_alone(tpp, faults):
    """A swap on an answer that has no such field changes nothing."""
    for kind in ("other_order", "wrong_amount"):
        faults.add(Fault(FaultKind(kind), path="/token"))
        assert tpp.token(grant_type="client_credentials", scope="payments").status == 200


def test_signature_faults_are_for_signed_paths():
    """The bank's own interface has no signatures to spoil."""
    with pytest.raises(RequestError):
        read_fault({"kind": "wrong_signature", "path": "/payments"})
    with pytest.raises(RequestError):
        read_fault({"kind": "replayed_refusal", "path": "/payments"})
    assert read_fault({"kind": "wrong_signature", "path": PAYMENTS}).path == PAYMENTS


def test_words_reach_the_door_through_the_control_side(server, client, door):
    """The bank's control side hands on what it does not know, and turns refusals into 400."""
    assert client.control("GET", "vrp/requests") == (404, {"error": "no_such_resource"})
    server.more_control = door.control

    assert client.control("GET", "vrp/requests") == (200, {"requests": []})
    assert client.control("GET", "vrp/nowhere") == (404, {"error": "no_such_resource"})
    refused = {"consent_id": "x", "decision": "approve"}
    assert client.control("POST", "vrp/consents", refused)[0] == 400
    assert client("GET", "/control/vrp/requests")[0] == 401


def test_bank_process_opens_both_doors(data_dir):
    """A bank writes the terminal's file, for its owner only, and keeps its keys over a kill."""
    bank = BankProcess(data_dir)
    try:
        before = read_client_file(data_dir)
        tpp = ThirdParty(before, time.time)
        consent_id, token = tpp.approved()
        address = json.loads((data_dir / "sandbox" / "bank.json").read_text())
        assert address["vrp_url"] == before["issuer"]
        for file in (data_dir / "sandbox" / "vrp").iterdir():
            assert file.stat().st_mode & 0o077 == 0
    finally:
        bank.kill()
    bank = BankProcess(data_dir)
    try:
        after = read_client_file(data_dir)
        assert after["transport_cert_pem"] == before["transport_cert_pem"]
        assert after["signing_kid"] == before["signing_kid"]
        tpp = ThirdParty(after, time.time)
        body = tpp.payment_body(consent_id)
        assert tpp.call("POST", "/domestic-vrps", body, token=token, key="k1").status == 201
    finally:
        assert bank.stop() == 0
