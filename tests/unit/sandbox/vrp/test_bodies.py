"""Bodies are read strictly: one wrong thing at a time, with its code and its path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.sandbox.bank.vrp.bodies import (
    Personality,
    check_consent,
    check_payment,
    check_poll,
    check_subscription,
    same,
)
from kiosk.sandbox.bank.vrp.errors import ObError
from kiosk.sandbox.bank.vrp.shapes import read_amount
from tests.fakes.vrp_bodies import CREDITOR, a_consent, a_limit, a_payment, pounds, put

VRP = Personality(is_commercial=False)
NOW_S = 1_795_000_000.0  # 2026-11-18
PARAMETERS = "Data.ControlParameters"
LIMIT = f"{PARAMETERS}.PeriodicLimits[0]"


def refusal(check, *arguments):
    with pytest.raises(ObError) as caught:
        check(*arguments)
    assert 400 == caught.value.status
    return caught.value.code, caught.value.path


CONSENT_FAULTS = [
    ("Risk", ..., "U004", "Risk"),
    ("Data", ..., "U004", "Data"),
    ("Data", [], "U010", "Data"),
    ("Else", {}, "U005", "Else"),
    ("Else \ud800", {}, "U005", ""),
    ("Data.Initiation", ..., "U004", "Data.Initiation"),
    ("Data.ReadRefundAccount", "Maybe", "U002", "Data.ReadRefundAccount"),
    ("Data.ReadRefundAccount", True, "U010", "Data.ReadRefundAccount"),
    (f"{PARAMETERS}.VRPType", ..., "U004", f"{PARAMETERS}.VRPType"),
    (f"{PARAMETERS}.VRPType", [], "U002", f"{PARAMETERS}.VRPType"),
    (f"{PARAMETERS}.VRPType", ["nonsense"], "U002", f"{PARAMETERS}.VRPType[0]"),
    (f"{PARAMETERS}.VRPType", "UK.OBIE.VRPType.Other", "U010", f"{PARAMETERS}.VRPType"),
    (f"{PARAMETERS}.PSUAuthenticationMethods", ["PIN"], "U002", None),
    (f"{PARAMETERS}.PSUInteractionTypes", ["Sometimes"], "U002", None),
    (f"{PARAMETERS}.PeriodicLimits", [], "U002", f"{PARAMETERS}.PeriodicLimits"),
    (f"{PARAMETERS}.PeriodicLimits", [a_limit()] * 21, "U002", f"{PARAMETERS}.PeriodicLimits"),
    (f"{PARAMETERS}.PeriodicLimits.0.PeriodType", "Decade", "U002", f"{LIMIT}.PeriodType"),
    (f"{PARAMETERS}.PeriodicLimits.0.PeriodType", "Fortnight", "U002", f"{LIMIT}.PeriodAlignment"),
    (f"{PARAMETERS}.PeriodicLimits.0.Amount", "0.00", "U002", f"{LIMIT}.Amount"),
    (f"{PARAMETERS}.PeriodicLimits.0.Currency", "EUR", "U023", f"{LIMIT}.Currency"),
    (f"{PARAMETERS}.PeriodicLimits.0.Currency", "gbp", "U002", f"{LIMIT}.Currency"),
    (f"{PARAMETERS}.PeriodicLimits.0.Currency", ..., "U004", f"{LIMIT}.Currency"),
    (f"{PARAMETERS}.SupplementaryData", {"a": 1}, "U005", f"{PARAMETERS}.SupplementaryData"),
    (f"{PARAMETERS}.ValidToDateTime", "2026-11-17T00:00:00Z", "U003", None),
    (f"{PARAMETERS}.ValidToDateTime", "2027-02-30T00:00:00Z", "U003", None),
    (f"{PARAMETERS}.ValidToDateTime", "2027-02-28T00:00:00", "U003", None),
    (f"{PARAMETERS}.ValidToDateTime", "2027-02-28", "U003", None),
    (f"{PARAMETERS}.ValidToDateTime", 2027, "U010", None),
    ("Data.Initiation.CreditorAccount.SchemeName", "UK.OBIE.Paym", "U027", None),
    ("Data.Initiation.CreditorAccount.Identification", "1234", "U021", None),
    ("Data.Initiation.CreditorAccount.Name", "x" * 71, "U002", None),
    ("Data.Initiation.CreditorAccount.Name", "a\nb", "U002", None),
    ("Data.Initiation.CreditorAccount.Name", "\ud800", "U002", None),
    (
        "Data.Initiation.CreditorAccount",
        CREDITOR
        | {
            "SchemeName": "UK.OBIE.IBAN",
            "Identification": "GB29NWBK60161331926819",
            "SecondaryIdentification": "1",
        },
        "U022",
        "Data.Initiation.CreditorAccount.SecondaryIdentification",
    ),
    ("Data.Initiation.RegulatoryReporting", [], "U005", "Data.Initiation.RegulatoryReporting"),
    ("Data.Initiation.CreditorPostalAddress", {"Country": "uk"}, "U002", None),
    ("Risk.PaymentContextCode", "Nonsense", "U002", "Risk.PaymentContextCode"),
    ("Risk.MerchantCategoryCode", "58", "U002", "Risk.MerchantCategoryCode"),
    ("Risk.ContractPresentIndicator", "true", "U010", "Risk.ContractPresentIndicator"),
    ("Risk.Else", 1, "U005", "Risk.Else"),
]


@pytest.mark.parametrize(("path", "value", "code", "where"), CONSENT_FAULTS)
def test_wrong_consent(path, value, code, where):
    """Each fault of a consent has its code and points to the field."""
    body = put(a_consent(), path, value)

    found = refusal(check_consent, body, VRP, NOW_S)

    assert code == found[0]
    assert found[1].startswith(path) if where is None else where == found[1]


INSTRUCTION = "Data.Instruction"
PAYMENT_FAULTS = [
    ("Risk", ..., "U004", "Risk"),
    ("Data.ConsentId", ..., "U004", "Data.ConsentId"),
    ("Data.ConsentId", "", "U002", "Data.ConsentId"),
    ("Data.PSUAuthenticationMethod", ..., "U004", "Data.PSUAuthenticationMethod"),
    ("Data.PSUInteractionType", "Maybe", "U002", "Data.PSUInteractionType"),
    ("Data.VRPType", "UK.OBIE.VRPType.CVRP1", "U002", "Data.VRPType"),
    (f"{INSTRUCTION}.InstructionIdentification", "x" * 36, "U002", None),
    (f"{INSTRUCTION}.EndToEndIdentification", ..., "U004", None),
    (f"{INSTRUCTION}.EndToEndIdentification", 12, "U010", None),
    (f"{INSTRUCTION}.InstructedAmount", 12.5, "U010", None),
    (f"{INSTRUCTION}.InstructedAmount.Amount", 12.5, "U010", None),
    (f"{INSTRUCTION}.InstructedAmount.Currency", "USD", "U023", None),
    (f"{INSTRUCTION}.InstructedAmount.Else", "", "U005", None),
    (f"{INSTRUCTION}.CreditorAccount", ..., "U004", None),
    (f"{INSTRUCTION}.LocalInstrument", "UK.OBIE.CHAPS", "U026", None),
    (f"{INSTRUCTION}.SupplementaryData", {}, "U005", None),
    (f"{INSTRUCTION}.RemittanceInformation", {"Unstructured": ["x" * 141]}, "U002", None),
    (f"{INSTRUCTION}.RemittanceInformation", {"Reference": "A"}, "U005", None),
]


@pytest.mark.parametrize(("path", "value", "code", "where"), PAYMENT_FAULTS)
def test_wrong_payment(path, value, code, where):
    """Each fault of a payment has its code and points to the field."""
    found = refusal(check_payment, put(a_payment("c"), path, value), VRP)

    assert code == found[0]
    assert found[1].startswith(path) if where is None else where == found[1]


@pytest.mark.parametrize("body", [None, [], "text", 1, True])
def test_body_that_is_no_object(body):
    """Any JSON that is no object is U010."""
    for check in (check_poll, check_subscription):
        assert ("U010", "") == refusal(check, body)
    assert ("U010", "") == refusal(check_payment, body, VRP)
    assert ("U010", "") == refusal(check_consent, body, VRP, NOW_S)


def test_whole_consent_and_payment_pass():
    """Everything that this bank knows, at once, is taken and returned as it came."""
    address = {"AddressType": "BIZZ", "AddressLine": ["1 High Street"], "Country": "GB"}
    consent = a_consent(
        parameters={
            "ValidFromDateTime": "2026-11-18T00:00:00Z",
            "ValidToDateTime": "2027-11-18T23:59:59.999+01:00",
            "PeriodicLimits": [a_limit(period="Fortnight", alignment="Consent"), a_limit()],
        },
        initiation={
            "DebtorAccount": CREDITOR | {"Identification": "04000400000001"},
            "CreditorPostalAddress": address,
            "UltimateCreditor": {"Name": "Owner", "LEI": "5493001KJTIIGC8Y1R12"},
            "RemittanceInformation": {"Structured": [{"AdditionalRemittanceInformation": ["A"]}]},
        },
        data={"ReadRefundAccount": "Yes"},
    )
    consent["Risk"] |= {"DeliveryAddress": address, "PaymentPurposeCode": "GDDS"}
    payment = a_payment("c", like=consent)
    payment["Data"]["Instruction"] |= {
        "LocalInstrument": "UK.OBIE.FPS",
        "CreditorPostalAddress": address,
    }

    assert consent == check_consent(consent, VRP, NOW_S)
    assert payment == check_payment(payment, VRP)


@pytest.mark.parametrize(
    ("text", "minor_units"),
    [
        ("12.50", 1250),
        ("12.5", 1250),
        ("12", 1200),
        ("0.01", 1),
        ("12.50000", 1250),
        ("9999999999999.99", 999_999_999_999_999),
        ("007", 700),
    ],
)
def test_amount_is_read_exactly(text, minor_units):
    """Whole pence, whatever the number of decimals, up to the standard's longest number."""
    assert minor_units == read_amount(text, "")


@pytest.mark.parametrize(
    "text",
    [
        *("0", "0.00", "00", "", "1.", ".5", "-1", "+1", "1,00", "1e2", " 1", "1\n", "NaN"),
        *("12345678901234", "0.001", "1.005", "1.00001", "1.000001", "١", "1.5.0"),
    ],
)
def test_amount_that_is_none(text):
    """Zero, fractions of a penny and anything off the pattern is U002."""
    assert ("U002", "Amount") == refusal(read_amount, text, "Amount")


@given(st.integers(1, 10**15 - 1), st.integers(0, 3))
def test_any_amount_survives(minor_units, zeros):
    """Each sum of pence is read back from its text, with zeros behind it or without."""
    text = f"{minor_units // 100}.{minor_units % 100:02}" + "0" * zeros
    assert minor_units == read_amount(text, "")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.sampled_from([(check_consent, a_consent()), (check_payment, a_payment("c"))]),
    st.data(),
)
def test_any_json_anywhere_is_taken_or_refused(kind, data):
    """Whatever stands in a field, the answer is yes or a refusal with a code, never a crash."""
    check, body = kind
    value, path = body, []
    while isinstance(value, (dict, list)) and value and data.draw(st.booleans() | st.just(True)):
        keys = sorted(value) if isinstance(value, dict) else range(len(value))
        path.append(data.draw(st.sampled_from(list(keys))))
        value = value[path[-1]]
        if data.draw(st.integers(0, 3)) == 0:
            break
    changed = put(body, ".".join(map(str, path)) or "Data", data.draw(JSON))
    refused = None
    try:
        check(changed, VRP, *([NOW_S] if check is check_consent else []))
    except ObError as error:
        refused = error
    if refused is not None:
        assert 400 == refused.status
        assert 4 == len(refused.code)
        assert f"{refused.message}{refused.path}".encode()


def test_equality_is_that_of_json():
    """The order of names is nothing; true is not 1, and 1 is not 1.0."""
    assert same({"a": 1, "b": [2]}, {"b": [2], "a": 1})
    assert not same({"a": True}, {"a": 1})
    assert not same({"a": 1}, {"a": 1.0})
    assert not same(["a", "b"], ["b", "a"])


@pytest.mark.parametrize(
    ("body", "code", "where"),
    [
        ({"maxEvents": -1}, "U002", "maxEvents"),
        ({"maxEvents": True}, "U010", "maxEvents"),
        ({"maxEvents": 1.0}, "U010", "maxEvents"),
        ({"returnImmediately": "yes"}, "U010", "returnImmediately"),
        ({"ack": ["a" * 129]}, "U002", "ack[0]"),
        ({"ack": ["a"] * 1001}, "U002", "ack"),
        ({"setErrs": {"a": {"err": "x"}}}, "U004", "setErrs.description"),
        ({"setErrs": []}, "U010", "setErrs"),
        ({"setErrs": {"\ud800": {"err": "x", "description": "x"}}}, "U002", "setErrs"),
        ({"more": 1}, "U005", "more"),
    ],
)
def test_wrong_poll(body, code, where):
    """A poll is read as strictly as a payment."""
    assert (code, where) == refusal(check_poll, body)


def test_wrong_subscription():
    """An unknown kind of event is U024; the id in a change must be the one in the path."""
    data = {"Version": "4.0", "EventTypes": ["urn:else"]}
    assert ("U024", "Data.EventTypes[0]") == refusal(check_subscription, {"Data": data})
    data = {"Version": "4.0", "CallbackUrl": "http://plain.example"}
    assert ("U002", "Data.CallbackUrl") == refusal(check_subscription, {"Data": data})
    data = {"Version": "4.0", "EventSubscriptionId": "b"}
    assert ("U002", "Data.EventSubscriptionId") == refusal(check_subscription, {"Data": data}, "a")


def test_money_needs_both_its_fields():
    """An amount without its currency is U004."""
    body = put(a_consent(), f"{PARAMETERS}.MaximumIndividualAmount", {"Amount": "1.00"})
    where = f"{PARAMETERS}.MaximumIndividualAmount.Currency"
    assert ("U004", where) == refusal(check_consent, body, VRP, NOW_S)
    body = put(a_consent(), f"{PARAMETERS}.MaximumIndividualAmount", pounds("1.001"))
    assert "U002" == refusal(check_consent, body, VRP, NOW_S)[0]
