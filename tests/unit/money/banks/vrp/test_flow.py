"""A whole flow: valid by the official descriptions, silent in logs, and paid at the sandbox's door.

The official YAML has no licence and is not in this repository: without it that part is skipped.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
import warnings
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests

from kiosk.domain.ids import IdempotencyKey, reference_of
from kiosk.domain.mandate import DEFAULT_LIMITS, MandateState
from kiosk.domain.money import Money
from kiosk.link.protocol import Outcome
from kiosk.money.banks.errors import BankUnreachableError
from kiosk.money.banks.port import Funds, OutcomeKind
from kiosk.money.banks.registry import open_bank
from kiosk.money.banks.vrp.approval import hand_over
from kiosk.money.banks.vrp.consent_store import ConsentStore
from kiosk.money.clock import SystemClock
from kiosk.sandbox.bank import oracle
from tests.fakes.bank_port import context_of, intent_of, sought_of
from tests.fakes.bank_process import BankProcess
from tests.fakes.money_room import MoneyRoom
from tests.fakes.scripted_vrp_bank import CREDITOR, DEBTOR, ROOT
from tests.unit.money.banks.vrp.conftest import ALIAS, KEY, pay, prepare

PAYMENTS = f"{ROOT}/pisp/domestic-vrps"


def whole_flow(world):
    """Do everything that a till does with a bank, refusals included."""
    bank = world.bank
    ref = bank.begin_mandate(ALIAS, DEFAULT_LIMITS, KEY).ref
    bank.check_funds(ref, Money(1_250))
    answer = pay(bank, ref)
    bank.find(sought_of(payment_ref=answer.payment_ref))
    world.peer.add_event("e1", "domestic-vrps", answer.payment_ref)
    world.peer.sets["e2"] = "garbage"
    bank.events()
    bank.acknowledge(("e1",))
    bank.events()
    refusal = {"Errors": [{"ErrorCode": "U014", "Path": "ControlParameters"}]}

    def refuse(seen, reply):
        if seen.path.endswith("/domestic-vrps"):
            reply.status, reply.body = 400, refusal

    world.peer.spoil = refuse
    pay(bank, ref, "2")
    world.peer.spoil = lambda seen, reply: None
    bank.revoke(ref)
    bank.revoke(ref)
    bank.mandate(ref)


# --- by the official descriptions -----------------------------------------------------------------


@pytest.fixture(scope="module", params=["vrp", "cvrp"])
def described(request, repository):
    """Check a request, and its answer, by the official description of a profile."""
    folder = Path(os.environ.get("OB_SPEC_DIR") or repository.parent / "shared/openbanking")
    if not folder.is_dir():
        pytest.skip("the official descriptions are absent (name them with OB_SPEC_DIR)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries, about their own future
        from openapi_core import OpenAPI

        apis = {
            name: OpenAPI.from_file_path(str(folder / f"{name}-openapi.yaml"))
            for name in (request.param, "events")
        }
    return request.param, apis


def check(api, seen):
    from openapi_core.testing import MockRequest, MockResponse

    warnings.simplefilter("ignore")
    request = MockRequest(
        "https://bank.example",
        seen.method.lower(),
        seen.path,
        headers=seen.headers,
        data=seen.body or None,
        content_type="application/json; charset=utf-8" if seen.body else "",
    )
    sent = {name.lower(): value for name, value in seen.sent_headers.items()}
    response = MockResponse(
        seen.sent, status_code=seen.answer.status, headers=sent, content_type="application/json"
    )
    api.validate_request(request)
    if seen.answer.status == 204 or "events" in seen.path:
        return
    api.validate_response(request, response)


def test_whole_flow_is_valid(world, described):
    """Each request and answer holds to the official description of its profile."""
    profile, apis = described
    world.bank = world.connect(profile=profile)
    whole_flow(world)
    seen = [one for one in world.peer.seen if one.path.startswith(ROOT)]
    assert len(seen) > 10
    for one in seen:
        check(apis["events" if one.path.endswith("/events") else profile], one)
        if one.path.endswith("/domestic-vrps") and one.method == "POST":
            check_by_hand(json.loads(one.body)["Data"], profile)


def check_by_hand(data, profile):
    """What the descriptions do not enforce (namespaced enumerations, lengths of the scheme)."""
    types = {"vrp": {"Sweeping", "Other"}, "cvrp": {"CVRP1", "CVRP2", "CVRP3"}}[profile]
    assert data["VRPType"].removeprefix("UK.OBIE.VRPType.") in types
    assert data["PSUAuthenticationMethod"] == "UK.OBIE.SCANotRequired"
    assert data["PSUInteractionType"] == "InSession"
    assert re.fullmatch(r"[A-Z2-7]{18}", data["Instruction"]["EndToEndIdentification"])
    assert float(data["Instruction"]["InstructedAmount"]["Amount"]) > 0


def test_the_descriptions_notice_a_fault(world, described):
    """The check above is one: a request without its key, and one with a number, fail it."""
    profile, apis = described
    world.bank = world.connect(profile=profile)
    ref = world.bank.begin_mandate(ALIAS, DEFAULT_LIMITS, KEY).ref
    pay(world.bank, ref)
    (seen,) = world.peer.calls("POST", "/domestic-vrps")
    check(apis[profile], seen)
    without = replace(seen, headers=dict(seen.headers))
    del without.headers["x-idempotency-key"]
    with pytest.raises(Exception, match="x-idempotency-key"):
        check(apis[profile], without)
    body = json.loads(seen.body)
    body["Data"]["Instruction"]["InstructedAmount"]["Amount"] = 12.5
    with pytest.raises(Exception, match="Request body validation error"):
        check(apis[profile], replace(seen, body=json.dumps(body).encode()))


# --- nothing is said ------------------------------------------------------------------------------


def test_logs_and_reprs_hold_no_secret(world, caplog):
    """After a whole flow with faults: no token, no account, no name, in no log and no repr."""
    caplog.set_level(logging.DEBUG)
    shown = []
    bank = world.bank
    ref = bank.begin_mandate(ALIAS, DEFAULT_LIMITS, IdempotencyKey("m-0")).ref
    session = bank._source.session()
    shown += [repr(session.desk.client()) and "", repr(session.onboarding), repr(session.transport)]
    shown += [repr(bank._mandates._store.consent(ref)), repr(bank._mandates._store.request("m-0"))]
    shown += [repr(session.desk.refresh("refresh-9")), repr(session.desk.begin_backchannel(ref))]
    shown += [repr(session.desk.approval_request(ref)), repr(prepare(bank, ref)), repr(bank)]
    world.peer.spoil = lambda seen, answer: setattr(answer, "signature", "wrong..signature")
    shown += [repr(pay(bank, ref)), repr(bank.health())]
    world.peer.spoil = lambda seen, answer: None
    whole_flow(world)

    text = caplog.text + "".join(shown)
    secrets = [*world.peer.tokens, "refresh-", "req-1", "PRIVATE", DEBTOR, CREDITOR["Name"]]
    secrets += [CREDITOR["Identification"], "A Payer", "eyJ", "Trattoria"]
    assert text
    for secret in secrets:
        assert secret not in text


# --- at the sandbox's own door --------------------------------------------------------------------


@pytest.fixture
def door(data_dir):
    process = BankProcess(data_dir)
    yield data_dir
    process.kill()


class _Form(HTMLParser):
    """Reads the fields of the bank's page as a browser does."""

    def __init__(self):
        super().__init__()
        self.fields = {}

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "input" and (found.get("type") == "hidden" or "checked" in found):
            self.fields[found["name"]] = found["value"]


def browse(data_dir, url, decision):
    """Open the bank's page as the payer, decide, and return the address that it leads back to."""
    client = json.loads((data_dir / "sandbox/vrp/client.json").read_text())
    trusted = data_dir / "ca.pem"
    trusted.write_text(client["ca_pem"])
    with requests.Session() as browser:
        browser.trust_env = False
        browser.verify = str(trusted)
        page = browser.get(url, timeout=5)
        assert page.status_code == 200
        form = _Form()
        form.feed(page.text)
        cookie = page.headers["Set-Cookie"].partition(";")[0]
        answer = browser.post(
            url.partition("?")[0],
            data=form.fields | {"decision": decision},
            headers={"Cookie": cookie},
            allow_redirects=False,
            timeout=5,
        )
    return answer.headers.get("Location", "")


def test_page_approval_brings_tokens_by_code(door):
    """Authorisation code, hybrid flow: request object, page, redirect, code, certificate-bound."""
    context = context_of(door, options={"approval": "page"})
    bank = open_bank("vrp", context)
    begun = bank.begin_mandate(ALIAS, DEFAULT_LIMITS, KEY)
    assert begun.state is MandateState.PENDING
    assert bank.mandate(begun.ref).approval_url == begun.approval_url

    back = browse(door, begun.approval_url, "approve")
    store = ConsentStore(context.secrets)
    # Only the code may bring the tokens here, so the other way is taken away.
    kept = store.consent(begun.ref)
    import msgspec

    store.keep(msgspec.structs.replace(kept, request_id=""))
    hand_over(store, back)
    assert bank.mandate(begun.ref).state is MandateState.ACTIVE
    now = int(time.time())
    assert bank.check_funds(begun.ref, Money(1_250)) is Funds.YES
    request = bank.prepare(intent_of(begun.ref, at_s=now))
    assert bank.submit(request, begun.ref).kind is OutcomeKind.ACCEPTED


@pytest.mark.parametrize("name", ["code", "id_token"])
def test_swapped_redirect_brings_no_tokens(door, name):
    """A code or identity token that belongs to another approval is refused before it is used."""
    context = context_of(door, options={"approval": "page"})
    bank = open_bank("vrp", context)
    store = ConsentStore(context.secrets)
    backs = []
    for key in ("m-1", "m-2"):
        begun = bank.begin_mandate(ALIAS, DEFAULT_LIMITS, IdempotencyKey(key))
        address = browse(door, begun.approval_url, "approve")
        backs.append((begun.ref, dict(parse_qsl(urlsplit(address).fragment))))
    (ref, back), (_, other) = backs
    hand_over(store, f"https://terminal.example/#{urlencode(back | {name: other[name]})}")
    with pytest.raises(BankUnreachableError):
        bank.mandate(ref)
    assert not store.consent(ref).access


def test_page_rejection_is_a_rejected_mandate(door):
    """The payer's no arrives, and the page leads back without a code."""
    bank = open_bank("vrp", context_of(door, options={"approval": "page"}))
    begun = bank.begin_mandate(ALIAS, DEFAULT_LIMITS, KEY)
    assert "error=access_denied" in browse(door, begun.approval_url, "reject")
    assert bank.mandate(begun.ref).state is MandateState.REJECTED


def test_scanned_code_brings_tokens_by_polling(door):
    """CIBA by intent: the sandbox's page stands in for the banking app that scans the code."""
    bank = open_bank("vrp", context_of(door, options={"approval": "qr"}))
    begun = bank.begin_mandate(ALIAS, DEFAULT_LIMITS, KEY)
    assert begun.state is MandateState.PENDING
    browse(door, begun.approval_url, "approve")
    assert bank.mandate(begun.ref).state is MandateState.ACTIVE


@pytest.mark.parametrize(
    "kind",
    [
        "wrong_signature",
        "stale_signature",
        "replayed_refusal",
        "other_order",
        "wrong_amount",
        "garbage",
    ],
)
def test_faults_of_the_door_are_unknown_and_resent_to_one_debit(door, kind):
    """Executed, but answered in a way that cannot be believed: resent, the payment is the same."""
    bank = open_bank("vrp", context_of(door))
    ref = bank.begin_mandate(ALIAS, DEFAULT_LIMITS, KEY).ref
    oracle.control(
        door, "POST", "vrp/ladder", body={"delays_s": {"ACSP": 0, "ACSC": 0}, "final": "settle"}
    )
    oracle.add_fault(door, {"kind": kind, "path": PAYMENTS})
    request = bank.prepare(intent_of(ref, at_s=int(time.time())))

    assert bank.submit(request, ref).kind is OutcomeKind.UNKNOWN
    again = bank.submit(request, ref)
    assert again.payment_ref
    end = bank.find(sought_of(payment_ref=again.payment_ref))
    assert end.kind is OutcomeKind.SETTLED
    assert oracle.executed_debits(door, sought_of().reference) == 1


def test_guest_hears_paid_after_a_replayed_refusal(door, tmp_path):
    """The bank executes and an old refusal comes back: not "not paid"; resent, paid, one debit."""
    room = MoneyRoom(tmp_path, clock=SystemClock())
    room.bank = open_bank("vrp", context_of(door))
    room.restart()
    assert room.enrol().state is MandateState.ACTIVE
    oracle.control(
        door, "POST", "vrp/ladder", body={"delays_s": {"ACSP": 0, "ACSC": 0}, "final": "settle"}
    )
    oracle.add_fault(door, {"kind": "replayed_refusal", "path": PAYMENTS})

    told = room.pay(room.order())

    entries = oracle.control(door, "GET", "vrp/requests")["requests"]
    sent = [it for it in entries if it["path"] == PAYMENTS and it["method"] == "POST"]
    assert told.outcome is Outcome.PAID
    assert len(sent) == 2
    (key,) = {it["key"] for it in sent}
    assert oracle.executed_debits(door, reference_of(key)) == 1


def test_short_token_is_renewed_at_the_door(door):
    """A consent's token that ends is renewed by its refresh token before a payment goes."""
    oracle.control(door, "POST", "vrp/tokens", body={"life_s": 20, "forget": False})
    bank = open_bank("vrp", context_of(door))
    ref = bank.begin_mandate(ALIAS, DEFAULT_LIMITS, KEY).ref
    for name in "12":
        request = bank.prepare(intent_of(ref, name, at_s=int(time.time())))
        assert bank.submit(request, ref).kind is OutcomeKind.ACCEPTED
    entries = oracle.control(door, "GET", "vrp/requests")["requests"]
    assert sum(entry["path"] == "/token" for entry in entries) == 4


def test_suspended_mandate_says_so(door):
    """The payer ended the permission at the bank: declined with that reason, then back again."""
    bank = open_bank("vrp", context_of(door))
    ref = bank.begin_mandate(ALIAS, DEFAULT_LIMITS, KEY).ref
    change = {"consent_id": ref, "decision": "suspend"}
    oracle.control(door, "POST", "vrp/consents", body=change)
    answer = bank.submit(bank.prepare(intent_of(ref, at_s=int(time.time()))), ref)
    assert (answer.kind, answer.reason) == (OutcomeKind.DECLINED, "mandate_suspended")
    assert bank.mandate(ref).state is MandateState.SUSPENDED

    oracle.control(door, "POST", "vrp/consents", body=change | {"decision": "reauthorise"})
    assert bank.mandate(ref).state is MandateState.ACTIVE
    again = bank.submit(bank.prepare(intent_of(ref, "2", at_s=int(time.time()))), ref)
    assert again.kind is OutcomeKind.ACCEPTED


def test_moved_bank_clock_is_followed(door):
    """An hour ahead or behind: measured, and signatures are dated in the bank's past."""
    for offset_s in (3_600, -3_600):
        oracle.set_clock(door, offset_s)
        bank = open_bank("vrp", context_of(door))
        ref = bank.begin_mandate(ALIAS, DEFAULT_LIMITS, IdempotencyKey(f"m{offset_s}")).ref
        assert bank.health().clock_skew_s == pytest.approx(offset_s, abs=1.5)
        request = bank.prepare(intent_of(ref, str(offset_s), at_s=int(time.time())))
        assert bank.submit(request, ref).kind is OutcomeKind.ACCEPTED
