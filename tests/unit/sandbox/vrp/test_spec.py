"""Every body that the books answer is one of the official OpenAPI files, to the last field.

The files are not ours to copy: they are read from OB_SPEC_DIR or the shared folder, else skipped.
"""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from openapi_schema_validator import OAS30Validator, oas30_format_checker

from kiosk.sandbox.bank.vrp.bodies import Personality, check_consent, check_payment
from kiosk.sandbox.bank.vrp.errors import Code, ObError
from kiosk.sandbox.bank.vrp.events import EVENT_TYPES
from tests.fakes.vrp_bodies import CREDITOR, a_consent, a_limit, a_payment, pounds, put

FILES = {
    "vrp": "vrp-openapi.yaml",
    "cvrp": "cvrp-openapi.yaml",
    "events": "events-openapi.yaml",
}


def _close(schema):
    """Let no object have a field that the file does not name: the files leave most of them open."""
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict) and schema["properties"]:
            schema.setdefault("additionalProperties", False)
        for inner in schema.values():
            _close(inner)
    elif isinstance(schema, list):
        for inner in schema:
            _close(inner)


@pytest.fixture(scope="module")
def spec_dir(request):
    named = os.environ.get("OB_SPEC_DIR")
    folder = Path(named) if named else request.getfixturevalue("shared") / "openbanking"
    if not (folder / FILES["cvrp"]).is_file():
        pytest.skip("the official OpenAPI files are absent (name their folder with OB_SPEC_DIR)")
    return folder


@pytest.fixture(scope="module")
def spec(spec_dir):
    """Check a body against a named schema of one of the files."""
    loaded = {}
    for name, file in FILES.items():
        loaded[name] = yaml.load((spec_dir / file).read_text(), Loader=yaml.CSafeLoader)
        for schema in loaded[name]["components"]["schemas"].values():
            _close(schema)

    def check(body, schema, kind="vrp"):
        whole = {"$ref": f"#/components/schemas/{schema}", "components": loaded[kind]["components"]}
        # Through JSON, as the door sends it.
        OAS30Validator(whole, format_checker=oas30_format_checker).validate(
            json.loads(json.dumps(body))
        )
        return body

    return check


@pytest.fixture(params=["vrp", "cvrp"])
def flavour(request, bank, commercial):
    """Each bank with the file that it is to follow."""
    return (bank if request.param == "vrp" else commercial), request.param


def rich_consent():
    address = {"AddressType": "BIZZ", "AddressLine": ["1 High Street"], "Country": "GB"}
    body = a_consent(
        parameters={
            "ValidFromDateTime": "2026-11-18T00:00:00Z",
            "ValidToDateTime": "2027-11-18T23:59:59.999+01:00",
            "PeriodicLimits": [
                a_limit(period=period, alignment="Consent")
                for period in ("Day", "Week", "Fortnight", "Month", "Half-year", "Year")
            ],
        },
        initiation={
            "DebtorAccount": CREDITOR | {"Identification": "04000400000001"},
            "CreditorPostalAddress": address,
            "UltimateCreditor": {"Name": "Owner", "LEI": "5493001KJTIIGC8Y1R12"},
            "UltimateDebtor": {"Name": "Guest", "PostalAddress": address},
            "RemittanceInformation": {"Unstructured": ["TABLE 7"]},
        },
        data={"ReadRefundAccount": "Yes"},
    )
    body["Risk"] |= {
        "DeliveryAddress": address,
        "PaymentPurposeCode": "GDDS",
        "CategoryPurposeCode": "EPAY",
        "BeneficiaryAccountType": "Business",
        "ContractPresentIndicator": True,
        "BeneficiaryPrepopulatedIndicator": False,
        "MerchantCustomerIdentification": "guest",
    }
    return body


@pytest.mark.parametrize("make", [a_consent, rich_consent])
def test_consents_in_every_status(flavour, spec, make):
    """Waiting, authorised, suspended, ended, rejected: each an OBDomesticVRPConsentResponse."""
    bank, kind = flavour
    spec(make(), "OBDomesticVRPConsentRequest", kind)
    create, schema = bank.books.create_consent, "OBDomesticVRPConsentResponse"
    seen = [spec(create("tpp", "k", "d", make()), schema, kind)["Data"]["Status"]]
    consent = spec(create("tpp", "k", "d", make()), schema, kind)["Data"]["ConsentId"]
    for decision in ("approve", "suspend", "expire"):
        bank.books.decide_consent(consent, decision)
        seen.append(spec(bank.books.consent("tpp", consent), schema, kind)["Data"]["Status"])
    other = bank.consent(make(), approve=False)
    bank.books.decide_consent(other, "reject")
    seen.append(spec(bank.books.consent("tpp", other), schema, kind)["Data"]["Status"])

    assert ["AWAU", "AUTH", "CANC", "EXPD", "RJCT"] == seen


LADDERS = [
    ({"PDNG": 1, "ACTC": 1, "ACCP": 1, "ACFC": 1, "ACSP": 1, "ACSC": 1, "ACCC": 1}, "settle"),
    ({"ACSP": 1, "RJCT": 1}, "reject"),
    ({}, "reject"),
    ({"ACSP": 1, "ACWP": 1, "BLCK": 1}, "block"),
]


@pytest.mark.parametrize("make", [a_consent, rich_consent])
@pytest.mark.parametrize("ladder", LADDERS)
def test_payments_in_every_status(flavour, spec, make, ladder):
    """Each rung of each ladder, its details and its repeat are what the file says."""
    bank, kind = flavour
    bank.books.set_ladder(*ladder)
    consent = bank.consent(make())
    body = a_payment(consent, like=make())
    spec(body, "OBDomesticVRPRequest", kind)

    def post():
        answer = bank.books.create_payment("tpp", consent, "k", "d", body, lambda: True)
        return spec(answer, "OBDomesticVRPResponse", kind)["Data"]["DomesticVRPId"]

    payment = post()
    for _ in range(9):
        spec(bank.books.payment("tpp", payment), "OBDomesticVRPResponse", kind)
        spec(bank.books.payment_details("tpp", payment), "OBDomesticVRPDetails", kind)
        assert payment == post()
        bank.now_s += 1


def test_cancelled_payment_is_vrp_only(bank, spec):
    """CANC is in the one file, and the other bank cannot say it (see test_payments)."""
    bank.books.set_ladder({"PDNG": 1}, "cancel")
    payment = bank.pay(bank.consent())["DomesticVRPId"]
    bank.now_s += 10

    answer = spec(bank.books.payment("tpp", payment), "OBDomesticVRPResponse")
    assert "CANC" == answer["Data"]["Status"]


@pytest.mark.parametrize("amount", ["1.00", "99999.00"])
def test_funds_confirmations(flavour, spec, amount):
    """Available or not, with or without a reference."""
    bank, kind = flavour
    consent = bank.consent()
    body = {"Data": {"ConsentId": consent, "InstructedAmount": pounds(amount)}}
    for request in (body, put(body, "Data.Reference", "R")):
        spec(request, "OBVRPFundsConfirmationRequest", kind)
        answer = bank.books.confirm_funds("tpp", consent, consent, copy.deepcopy(request))
        spec(answer, "OBVRPFundsConfirmationResponse", kind)


def test_events_and_subscriptions(bank, spec):
    """Polls and subscriptions; the door puts a signed text where the claims stand here."""
    books = bank.books
    request = {"Data": {"Version": "4.0", "EventTypes": list(EVENT_TYPES)}}
    spec(request, "OBEventSubscription1", "events")
    made = spec(books.create_subscription("tpp", request), "OBEventSubscriptionResponse1", "events")
    spec(books.subscriptions("tpp"), "OBEventSubscriptionsResponse1", "events")
    subscription = made["Data"]["EventSubscriptionId"]
    changed = books.change_subscription("tpp", subscription, made)
    spec(changed, "OBEventSubscriptionResponse1", "events")
    bank.consent()
    poll = {"maxEvents": 1, "returnImmediately": True}
    answer = books.poll_events("tpp", poll)
    signed = answer | {"sets": dict.fromkeys(answer["sets"], "a.b.c")}
    spec(signed, "OBEventPollingResponse1", "events")


def test_every_refusal_is_an_error_body(spec):
    """All codes of the door and the books fit OBErrorResponse1."""
    for code in Code:
        spec(ObError(400, code, "Why.", "Data.Field").body(), "OBErrorResponse1")


VALUES = st.sampled_from(
    [
        *(None, True, 1, 1.5, "", "A", "a" * 36, "a" * 71, "0", "1.5", "12345678901234", "5812"),
        *("GBP", "2027-01-01T00:00:00Z", "2027-01-01", "Yes", "Month", [], ["A"], {}, {"A": 1}),
        {"Name": "A"},
    ]
)


@given(commercial=st.booleans(), data=st.data())
def test_what_the_books_take_is_valid(spec, commercial, data):
    """A body with anything changed in it is refused, or is what the file allows."""
    consent = rich_consent()
    is_payment = data.draw(st.booleans())
    body = a_payment("c", like=consent) if is_payment else consent
    value, path = body, []
    while isinstance(value, (dict, list)) and value and (not path or data.draw(st.integers(0, 5))):
        names = sorted(value) if isinstance(value, dict) else range(len(value))
        path.append(str(data.draw(st.sampled_from(list(names)))))
        value = value[path[-1] if isinstance(value, dict) else int(path[-1])]
    changed = put(body, ".".join(path), data.draw(VALUES))
    personality = Personality(is_commercial=commercial)
    try:
        if is_payment:
            check_payment(changed, personality)
        else:
            check_consent(changed, personality, 1_795_000_000.0)
    except ObError:
        return
    schema = "OBDomesticVRPRequest" if is_payment else "OBDomesticVRPConsentRequest"
    spec(changed, schema, "cvrp" if commercial else "vrp")


def test_the_check_itself_notices(bank, spec):
    """A field too many, too few, or of the wrong kind would not pass."""
    consent = bank.consent()
    good = bank.books.consent("tpp", consent)
    for path, value in (
        ("Data.Else", 1),
        ("Data.Status", "AUTHORISED"),
        ("Data.ConsentId", ...),
        ("Data.CreationDateTime", "yesterday"),
        ("Links", {}),
    ):
        with pytest.raises(Exception, match=r".") as caught:
            spec(put(good, path, value), "OBDomesticVRPConsentResponse")
        assert "ValidationError" == type(caught.value).__name__
