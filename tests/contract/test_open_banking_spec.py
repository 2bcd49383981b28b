"""The sandbox bank against the standard's own OpenAPI files, which are not part of the repository.

They are looked for in `OB_SPEC_DIR`, else in the shared folder; without them these tests skip.
Two readers of the standard judge: openapi-core a whole recorded journey in both directions, and
schemathesis what the bank says to hundreds of made-up requests.
"""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path

import pytest
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse
from schemathesis.checks import CHECKS

from kiosk.sandbox.bank.faults import Fault, FaultKind, FaultScript
from kiosk.sandbox.bank.ledger import Ledger
from kiosk.sandbox.bank.vrp.door import Door
from kiosk.sandbox.bank.vrp.pki import make_pki, write_files
from tests.fakes.third_party import ThirdParty

VRP, EVENTS = "vrp-openapi.yaml", "events-openapi.yaml"
HOST = "https://bank.example"
METHODS = {"get", "post", "put", "patch", "delete"}
EXAMPLES = 8
"""Made-up requests an operation and a kind; all together stay far below a minute."""
TRIES = 4


@pytest.fixture(scope="session")
def spec_dir(request):
    named = os.environ.get("OB_SPEC_DIR")
    folder = Path(named) if named else request.getfixturevalue("shared") / "openbanking"
    if not (folder / VRP).is_file():
        pytest.skip("the standard's OpenAPI files are absent (name their folder with OB_SPEC_DIR)")
    return folder


def read_spec(folder, name):
    """Read one file; who may speak is checked elsewhere, and its OAuth schemes are unknown here."""
    spec = yaml.load((folder / name).read_text(), Loader=yaml.CSafeLoader)
    for path in spec["paths"].values():
        for method in METHODS & path.keys():
            path[method].pop("security", None)
    return spec


@pytest.fixture(scope="session")
def pki():
    return make_pki(clients=2)


class Bank:
    """A door on books of its own, on the machine's clock."""

    def __init__(self, folder, pki):
        write_files(folder, pki)
        self.ledger = Ledger(folder / "bank.db")
        self.faults = FaultScript()
        self.door = Door(folder, self.ledger, self.faults, pki)
        self.tpp, self.stranger = (
            ThirdParty(self.door.onboarding(place), self.ledger.now_s) for place in (0, 1)
        )


@pytest.fixture
def bank(tmp_path, pki):
    made = Bank(tmp_path, pki)
    with made.door.open():
        yield made
    made.ledger.close()


# --- a recorded journey -------------------------------------------------------------------------


def well(reply, *statuses):
    assert reply.status in statuses, (reply.status, reply.raw)
    return reply


def journey(bank):
    """Everything that a terminal does with a bank, once."""
    tpp = bank.tpp
    staged = tpp.consent_body()
    consent = well(tpp.call("POST", "/domestic-vrp-consents", staged, key="c-1"), 201)
    consent_id = consent.json["Data"]["ConsentId"]
    well(tpp.call("GET", f"/domestic-vrp-consents/{consent_id}"), 200)
    well(tpp.approve(consent_id), 200)
    token = tpp.consent_tokens(consent_id)["access_token"]
    well(tpp.call("GET", f"/domestic-vrp-consents/{consent_id}"), 200)
    funds = {
        "Data": {
            "ConsentId": consent_id,
            "Reference": "lunch",
            "InstructedAmount": {"Amount": "12.50", "Currency": "GBP"},
        }
    }
    path = f"/domestic-vrp-consents/{consent_id}/funds-confirmation"
    well(tpp.call("POST", path, funds, token=token), 201)
    body = tpp.payment_body(consent_id)
    paid = well(tpp.call("POST", "/domestic-vrps", body, token=token, key="p-1"), 201)
    again = well(tpp.call("POST", "/domestic-vrps", body, token=token, key="p-1"), 201)
    payment_id = paid.json["Data"]["DomesticVRPId"]
    assert again.json["Data"]["DomesticVRPId"] == payment_id
    bank.ledger.set_clock(5)
    settled = well(tpp.call("GET", f"/domestic-vrps/{payment_id}"), 200)
    assert settled.json["Data"]["Status"] in {"ACSC", "ACCC"}
    well(tpp.call("GET", f"/domestic-vrps/{payment_id}/payment-details"), 200)
    news = well(tpp.call("POST", "/events", {"maxEvents": 10, "returnImmediately": True}), 200)
    assert news.json["sets"]
    well(tpp.call("POST", "/events", {"maxEvents": 0, "ack": list(news.json["sets"])}), 200)
    subscription = {"Data": {"Version": "4.0"}}
    made = well(tpp.call("POST", "/event-subscriptions", subscription), 201)
    name = made.json["Data"]["EventSubscriptionId"]
    well(tpp.call("GET", "/event-subscriptions"), 200)
    change = {"Data": {"EventSubscriptionId": name, "Version": "4.0"}}
    well(tpp.call("PUT", f"/event-subscriptions/{name}", change), 200)
    well(tpp.call("DELETE", f"/event-subscriptions/{name}"), 204)
    refusals(bank, consent_id, token)
    well(tpp.call("DELETE", f"/domestic-vrp-consents/{consent_id}"), 204)
    well(tpp.call("GET", f"/domestic-vrp-consents/{consent_id}"), 400)


def refusals(bank, consent_id, token):
    """One answer of each kind that the standard knows beside success."""
    tpp, path = bank.tpp, "/domestic-vrps"
    body = tpp.payment_body(consent_id, reference="OTHERORDER12345678")
    dear = tpp.payment_body(consent_id, amount="50.01", reference="DEARORDER123456789")
    assert well(tpp.call("POST", path, dear, token=token, key="p-2"), 400).code == "U014"
    assert well(tpp.call("POST", path, body, token=token, key="p-1"), 400, 409).code
    well(tpp.call("POST", path, body, token=token, key="p-3", Accept="text/html"), 406)
    well(tpp.call("POST", path, body, token=token, key="p-3", Content_Type="text/plain"), 415)
    well(tpp.call("POST", path, body, token="none", key="p-3"), 401)
    well(tpp.call("POST", path, body, key="p-3"), 403)
    well(bank.stranger.call("GET", f"/domestic-vrp-consents/{consent_id}"), 403)
    tpp.exchanges.append(bank.stranger.exchanges[-1])
    for status in (429, 500):
        below = f"/open-banking/v4.0/pisp{path}"
        bank.faults.add(Fault(FaultKind.STATUS, path=below, status=status))
        well(tpp.call("POST", path, body, token=token, key="p-3"), status)
    well(tpp.call("PUT", f"/domestic-vrp-consents/{consent_id}", b""), 405)


def recorded(bank, base):
    """Return the exchanges below an address, with their paths."""
    return [
        (exchange.url.removeprefix(bank.tpp.onboarding["issuer"]), exchange)
        for exchange in bank.tpp.exchanges
        if exchange.url.startswith(bank.tpp.onboarding[base] + "/")
        and (base == "resource_base" or "/event" in exchange.url)
    ]


def mocks(path, exchange):
    headers, reply = exchange.headers, exchange.reply
    request = MockRequest(
        HOST,
        exchange.method,
        path,
        headers=headers,
        data=exchange.body or None,
        # The events file knows this form alone, the other file both.
        content_type="application/json; charset=utf-8",
    )
    response = MockResponse(
        reply.raw,
        reply.status,
        dict(reply.headers.items()),
        content_type=reply.headers.get("Content-Type", ""),
    )
    return request, response


@pytest.mark.parametrize(
    ("name", "base", "server"),
    [
        (VRP, "resource_base", f"{HOST}/open-banking/v4.0/pisp"),
        (EVENTS, "events_base", f"{HOST}/open-banking/v4.0"),
    ],
)
def test_a_whole_journey_is_as_the_standard_has_it(bank, spec_dir, name, base, server):
    """Every request and every answer of a journey validates, and every operation is in it."""
    judge = OpenAPI.from_dict(read_spec(spec_dir, name) | {"servers": [{"url": server}]})
    journey(bank)

    traffic = recorded(bank, base)
    for path, exchange in traffic:
        request, response = mocks(path, exchange)
        if exchange.reply.status < 300:
            judge.validate_request(request)
        judge.validate_response(request, response)
    seen = {exchange.reply.status for _, exchange in traffic}
    assert (
        seen
        >= ({200, 201, 204, 400, 401, 403, 405, 406, 415, 429, 500}, {200, 201, 204})[
            name == EVENTS
        ]
    )


def test_the_judge_would_notice(bank, spec_dir):
    """The judge is awake: a missing field in an answer or a header in a request is refused."""
    from openapi_core.exceptions import OpenAPIError

    server = {"servers": [{"url": f"{HOST}/open-banking/v4.0/pisp"}]}
    judge = OpenAPI.from_dict(read_spec(spec_dir, VRP) | server)
    bank.tpp.stage()
    path, exchange = recorded(bank, "resource_base")[0]
    del exchange.headers["x-jws-signature"]
    exchange.reply.raw = exchange.reply.raw.replace(b'"ConsentId"', b'"Consent"')
    request, response = mocks(path, exchange)
    with pytest.raises(OpenAPIError):
        judge.validate_request(request)
    with pytest.raises(OpenAPIError):
        judge.validate_response(request, response)


def changed(body, path, value):
    *way, last = path.split(".")
    place = body
    for step in way:
        place = place[step]
    place[last] = value
    return body


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Data.ControlParameters.VRPType", ["nonsense"]),
        ("Data.ControlParameters.PSUAuthenticationMethods", ["UK.OBIE.Smile"]),
        ("Data.ControlParameters.MaximumIndividualAmount", {"Amount": "0", "Currency": "GBP"}),
        ("Data.Extra", 1),
        ("Data.ControlParameters.Extra", 1),
    ],
)
def test_what_the_files_let_through_the_bank_refuses(bank, path, value):
    """Namespaced words, nought and unknown fields pass the files' schemas, and not the bank."""
    body = changed(bank.tpp.consent_body(), path, value)

    reply = bank.tpp.call("POST", "/domestic-vrp-consents", body, key="c-1")

    assert reply.status == 400
    assert reply.code in {"U002", "U005"}


# --- made-up requests ---------------------------------------------------------------------------

UNUSED = {
    # A made-up consent id is right in form, and is rightly refused.
    "positive_data_acceptance",
    # Both send again without our token; the tokens have tests of their own.
    "ignored_auth",
    "missing_required_header",
}


class _Auth(requests.auth.AuthBase):
    """Adds the token, and the signature over the very bytes that are sent."""

    def __init__(self, tpp, token):
        self.tpp, self.token = tpp, token

    def __call__(self, prepared):
        # What a wrong request leaves out stays out.
        if "Authorization" in prepared.headers:
            prepared.headers["Authorization"] = f"Bearer {self.token}"
        if "x-jws-signature" in prepared.headers:
            body = prepared.body or b""
            raw = body if isinstance(body, bytes) else body.encode()
            prepared.headers["x-jws-signature"] = self.tpp.sign(raw)
        return prepared


def place_known(case, operation, consent_id):
    """Let every other made-up request be about a consent that there is."""
    if "ConsentId" in (case.path_parameters or {}) and secrets.randbelow(2):
        case.path_parameters["ConsentId"] = consent_id
    data = case.body.get("Data") if isinstance(case.body, dict) else None
    if isinstance(data, dict) and "ConsentId" in data and secrets.randbelow(2):
        data["ConsentId"] = consent_id
    if operation.method.upper() == "POST" and "x-idempotency-key" in (case.headers or {}):
        case.headers["x-idempotency-key"] = secrets.token_hex(8)


def answer_to(case, **how):
    """Send a made-up request, again if the connection ended while its body was being sent.

    To a head that makes no sense the bank answers at once and hangs up; whether that answer is
    read, or the rest of the body breaks off first, is chance. Every request must get its answer.
    """
    for _ in range(TRIES - 1):
        try:
            return case.call(**how)
        except requests.exceptions.ConnectionError:
            continue
    return case.call(**how)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "base"), [(VRP, "resource_base"), (EVENTS, "events_base")])
def test_no_made_up_request_gets_an_undocumented_answer(bank, spec_dir, tmp_path, name, base):
    """No server error, no answer of another form than documented, on right and wrong requests."""
    schema = schemathesis.openapi.from_dict(read_spec(spec_dir, name))
    tpp = bank.tpp
    consent_id, consent_token = tpp.approved()
    client_token = tpp.client_token()
    files = {
        "ca.pem": tpp.onboarding["ca_pem"],
        "me.pem": tpp.onboarding["transport_cert_pem"] + tpp.onboarding["transport_key_pem"],
    }
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    checks = [check for check in CHECKS.get_all() if check.__name__ not in UNUSED]
    session = requests.Session()
    session.trust_env = False
    sent = 0
    began_s = time.monotonic()

    def run(operation, mode):
        is_payers = "funds" in operation.path or operation.label == "POST /domestic-vrps"
        auth = _Auth(tpp, consent_token if is_payers else client_token)

        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def try_it(case):
            nonlocal sent
            sent += 1
            if mode is schemathesis.GenerationMode.POSITIVE:
                place_known(case, operation, consent_id)
            response = answer_to(
                case,
                base_url=tpp.onboarding[base],
                session=session,
                auth=auth,
                verify=str(tmp_path / "ca.pem"),
                cert=str(tmp_path / "me.pem"),
                timeout=20,
            )
            case.validate_response(response, checks=checks)

        try_it()

    for found in schema.get_all_operations():
        for mode in schemathesis.GenerationMode:
            run(found.ok(), mode)
    session.close()
    assert sent > 50
    assert time.monotonic() - began_s < 180, "bounded, even on a busy machine"
