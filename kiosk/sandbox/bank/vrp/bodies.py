"""The bodies of the open-banking side's requests, checked field by field as v4.0 has them.

Narrower than the standard where this bank is: pounds only, sort code or IBAN accounts, Faster
Payments, no supplementary data, no unknown fields. Everything refused here depends on the body
(and, for dates, the bank's clock) alone, never on the books.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from kiosk.sandbox.bank.vrp.errors import Code
from kiosk.sandbox.bank.vrp.events import EVENT_TYPES
from kiosk.sandbox.bank.vrp.limits import PeriodicLimit, PeriodType
from kiosk.sandbox.bank.vrp.shapes import (
    Check,
    a_text,
    choice,
    date_time,
    fields,
    flag,
    items,
    read_amount,
    read_date_time,
    refuse,
    text,
    unsupported,
    whole,
)

CURRENCY = "GBP"
SORT_CODE_SCHEME = "UK.OBIE.SortCodeAccountNumber"
IBAN_SCHEME = "UK.OBIE.IBAN"
VRP_TYPES = ("UK.OBIE.VRPType.Sweeping", "UK.OBIE.VRPType.Other")
CVRP_TYPES = (*VRP_TYPES, *(f"UK.OBIE.VRPType.CVRP{wave}" for wave in (1, 2, 3)))
INTERACTION_DEFAULT = "OffSession"
LIST_LENGTH_MAX = 20
"""Entries of lists that the standard leaves unbounded."""
EVENTS_PER_POLL_MAX = 1000

_SORT_CODE = re.compile(r"[0-9]{14}")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_COMMERCIAL_REFERENCE = re.compile(r"[A-Za-z0-9 \-.&/]{1,18}")
"""What providers of commercial VRP pass on to the payee's statement (Modulr's guide)."""
_DATA = "Data"
_PARAMETERS = "Data.ControlParameters"

_authentication = choice(("UK.OBIE.SCA", "UK.OBIE.SCANotRequired"))
_interaction = choice(("InSession", "OffSession"))


def _amount(value: object, path: str) -> None:
    read_amount(value, path)


def _currency(value: object, path: str) -> None:
    if not _CURRENCY.fullmatch(a_text(value, path)):
        refuse(Code.FIELD_INVALID, "A currency has three capital letters.", path)
    if value != CURRENCY:
        refuse(Code.CURRENCY_UNSUPPORTED, "This bank's accounts are in GBP.", path)


_money = fields({"Amount": _amount, "Currency": _currency})

_proxy = fields(
    {
        "Identification": text(1, 2048),
        "Code": choice(("TELE", "EMAL", "DNAM", "CUST", "EWAL", "MBNO", "TOKN")),
    },
    {"Type": text(1, 35)},
)

_account_fields = fields(
    {
        "SchemeName": choice((SORT_CODE_SCHEME, IBAN_SCHEME), Code.SCHEME_UNSUPPORTED),
        "Identification": text(1, 256),
        "Name": text(1, 70),
    },
    {"SecondaryIdentification": text(1, 34), "Proxy": _proxy},
)


def _account(value: object, path: str) -> None:
    _account_fields(value, path)
    assert isinstance(value, dict), "the line above says so"
    is_sort_code = value["SchemeName"] == SORT_CODE_SCHEME
    if not (_SORT_CODE if is_sort_code else _IBAN).fullmatch(value["Identification"]):
        refuse(
            Code.ACCOUNT_UNSUPPORTED,
            "The identification is not one of its scheme.",
            f"{path}.Identification",
        )
    if not is_sort_code and "SecondaryIdentification" in value:
        refuse(
            Code.ACCOUNT_SECONDARY_UNSUPPORTED,
            "Only a sort code account has a roll number.",
            f"{path}.SecondaryIdentification",
        )


_address = fields(
    {},
    {
        "AddressType": choice(("BIZZ", "DLVY", "MLTO", "PBOX", "ADDR", "HOME", "CORR")),
        "AddressLine": items(text(1, 70), 0, 7),
        "Country": text(2, 2, _COUNTRY),
        "CountrySubDivision": text(1, 35),
        **{
            name: text(1, 140)
            for name in ("StreetName", "BuildingName", "TownName", "TownLocationName")
        },
        **{name: text(1, 140) for name in ("DistrictName", "CareOf")},
        **{name: text(1, 70) for name in ("Department", "SubDepartment", "Floor", "Room")},
        **{name: text(1, 16) for name in ("BuildingNumber", "UnitNumber", "PostBox", "PostCode")},
    },
)

_party = fields(
    {},
    {
        "Name": text(1, 140),
        "Identification": text(1, 256),
        "LEI": text(20, 20, re.compile(r"[A-Z0-9]{18}[0-9]{2}")),
        "SchemeName": choice((SORT_CODE_SCHEME, IBAN_SCHEME), Code.SCHEME_UNSUPPORTED),
        "PostalAddress": _address,
    },
)

_remittance = fields(
    {},
    {
        "Unstructured": items(text(1, 140), 0, LIST_LENGTH_MAX),
        "Structured": items(
            fields(
                {},
                {
                    "CreditorReferenceInformation": fields(
                        {},
                        {
                            "Code": choice(("DISP", "FXDR", "PUOR", "RPIN", "RADM", "SCOR")),
                            "Issuer": text(1, 35),
                            "Reference": text(1, 35),
                        },
                    ),
                    "AdditionalRemittanceInformation": items(text(1, 140), 0, 3),
                },
            ),
            0,
            LIST_LENGTH_MAX,
        ),
    },
)

_initiation = fields(
    {},
    {
        "DebtorAccount": _account,
        "CreditorAccount": _account,
        "CreditorPostalAddress": _address,
        "UltimateCreditor": _party,
        "UltimateDebtor": _party,
        "RemittanceInformation": _remittance,
        "RegulatoryReporting": unsupported,
    },
)

_risk = fields(
    {},
    {
        "PaymentContextCode": choice(
            (
                "BillingGoodsAndServicesInAdvance",
                "BillingGoodsAndServicesInArrears",
                "EcommerceMerchantInitiatedPayment",
                "FaceToFacePointOfSale",
                "TransferToSelf",
                "TransferToThirdParty",
            )
        ),
        "MerchantCategoryCode": text(3, 4),
        "MerchantCustomerIdentification": text(1, 70),
        "ContractPresentIndicator": flag,
        "BeneficiaryPrepopulatedIndicator": flag,
        "PaymentPurposeCode": choice(("ACCT", "CASH", "EPAY", "GDDS", "GDSV", "SUPP", "TRAD")),
        "CategoryPurposeCode": choice(("CASH", "EPAY", "SUPP", "SWEP", "TRAD")),
        "BeneficiaryAccountType": choice(("Business", "Personal", "Charity", "Corporate")),
        "DeliveryAddress": _address,
    },
)


def _limit(value: object, path: str) -> None:
    fields(
        {
            "PeriodType": choice([period.value for period in PeriodType]),
            "PeriodAlignment": choice(("Consent", "Calendar")),
            "Amount": _amount,
            "Currency": _currency,
        }
    )(value, path)
    assert isinstance(value, dict), "the line above says so"
    if value["PeriodType"] == "Fortnight" and value["PeriodAlignment"] == "Calendar":
        refuse(
            Code.FIELD_INVALID,
            "A fortnight counts from the consent, as the calendar has none.",
            f"{path}.PeriodAlignment",
        )


@dataclass(frozen=True, slots=True)
class Validity:
    """The days on which a consent may be used, both included; None where it is open."""

    first: date | None
    last: date | None


@dataclass(frozen=True, slots=True)
class Personality:
    """What sets commercial VRP apart from VRP."""

    is_commercial: bool

    @property
    def vrp_types(self) -> tuple[str, ...]:
        """Return the values of VRPType that this bank knows."""
        return CVRP_TYPES if self.is_commercial else VRP_TYPES


def check_consent(body: object, personality: Personality, now_s: float) -> dict[str, Any]:
    """Check the body of `POST /domestic-vrp-consents` and return it.

    Raises:
        ObError: What is wrong first.
    """
    parameters = fields(
        {
            "VRPType": items(choice(personality.vrp_types), 1, LIST_LENGTH_MAX),
            "PSUAuthenticationMethods": items(_authentication, 1, LIST_LENGTH_MAX),
            "MaximumIndividualAmount": _money,
            "PeriodicLimits": items(_limit, 1, LIST_LENGTH_MAX),
        },
        {
            "ValidFromDateTime": date_time,
            "ValidToDateTime": date_time,
            "PSUInteractionTypes": items(_interaction, 0, LIST_LENGTH_MAX),
            "SupplementaryData": unsupported,
        },
    )
    found = _checked(
        body,
        fields(
            {"ControlParameters": parameters, "Initiation": _initiation},
            {"ReadRefundAccount": choice(("Yes", "No"))},
        ),
    )
    validity = validity_of(found)
    today = datetime.fromtimestamp(now_s, UTC).date()
    if validity.last is not None and validity.last < max(today, validity.first or today):
        refuse(
            Code.FIELD_INVALID_DATE,
            "The consent would end before it begins.",
            f"{_PARAMETERS}.ValidToDateTime",
        )
    return found


def check_payment(body: object, personality: Personality) -> dict[str, Any]:
    """Check the body of `POST /domestic-vrps` and return it.

    Raises:
        ObError: What is wrong first.
    """
    instruction = fields(
        {
            "InstructionIdentification": text(1, 35),
            "EndToEndIdentification": text(1, 35),
            "InstructedAmount": _money,
            "CreditorAccount": _account,
        },
        {
            "RemittanceInformation": _remittance,
            "LocalInstrument": choice(("UK.OBIE.FPS",), Code.LOCAL_INSTRUMENT_UNSUPPORTED),
            "CreditorPostalAddress": _address,
            "UltimateCreditor": _party,
            "SupplementaryData": unsupported,
        },
    )
    found = _checked(
        body,
        fields(
            {
                "ConsentId": text(1, 128),
                "PSUAuthenticationMethod": _authentication,
                "VRPType": choice(personality.vrp_types),
                "Initiation": _initiation,
                "Instruction": instruction,
            },
            {"PSUInteractionType": _interaction},
        ),
    )
    if personality.is_commercial:
        _require_short_references(found[_DATA]["Instruction"].get("RemittanceInformation", {}))
    return found


def _require_short_references(remittance: dict[str, Any]) -> None:
    structured = [
        entry.get("CreditorReferenceInformation", {}).get("Reference")
        for entry in remittance.get("Structured", ())
    ]
    for reference in (*remittance.get("Unstructured", ()), *structured):
        if reference is not None and not _COMMERCIAL_REFERENCE.fullmatch(reference):
            refuse(
                Code.FIELD_INVALID,
                "A commercial payment's reference has at most 18 plain characters.",
                "Data.Instruction.RemittanceInformation",
            )


def check_funds(body: object) -> dict[str, Any]:
    """Check the body of a funds confirmation and return it.

    Raises:
        ObError: What is wrong first.
    """
    data = fields(
        {"ConsentId": text(1, 128), "InstructedAmount": _money}, {"Reference": text(1, 35)}
    )
    fields({_DATA: data})(body, "")
    return _an_object(body)


def check_poll(body: object) -> dict[str, Any]:
    """Check the body of `POST /events` and return it.

    Raises:
        ObError: What is wrong first.
    """
    error = fields({"err": text(1, 40), "description": text(1, 256)})
    fields(
        {},
        {
            "maxEvents": whole(0, 2**31 - 1),
            "returnImmediately": flag,
            "ack": items(text(1, 128), 0, EVENTS_PER_POLL_MAX),
            "setErrs": _entries(text(1, 128), error, EVENTS_PER_POLL_MAX),
        },
    )(body, "")
    return _an_object(body)


def check_subscription(body: object, subscription_id: str | None = None) -> dict[str, Any]:
    """Check the body of a new (or, with its id, a changed) event subscription and return it.

    Raises:
        ObError: What is wrong first.
    """
    required: dict[str, Check] = {"Version": text(1, 10)}
    optional: dict[str, Check] = {
        "CallbackUrl": text(1, 512, re.compile(r"https://[!-~]+")),
        "EventTypes": items(choice(EVENT_TYPES, Code.EVENT_TYPE_UNSUPPORTED), 0, LIST_LENGTH_MAX),
    }
    around: dict[str, Check] = {}
    if subscription_id is not None:
        required["EventSubscriptionId"] = choice((subscription_id,))
        around = {"Links": _anything, "Meta": _anything}
    fields({_DATA: fields(required, optional)}, around)(body, "")
    return _an_object(body)


def validity_of(consent: dict[str, Any]) -> Validity:
    """Return the days of a checked consent's body; the time of day is ignored, as written there."""
    parameters = consent[_DATA]["ControlParameters"]
    first, last = (
        read_date_time(parameters[name], f"{_PARAMETERS}.{name}").date()
        if name in parameters
        else None
        for name in ("ValidFromDateTime", "ValidToDateTime")
    )
    return Validity(first, last)


def limits_of(consent: dict[str, Any]) -> list[PeriodicLimit]:
    """Return the periodic limits of a checked consent's body."""
    return [
        PeriodicLimit(
            PeriodType(found["PeriodType"]),
            found["PeriodAlignment"] == "Calendar",
            read_amount(found["Amount"], _PARAMETERS),
        )
        for found in consent[_DATA]["ControlParameters"]["PeriodicLimits"]
    ]


def same(one: object, other: object) -> bool:
    """Say whether two JSON values are equal; true is not 1, and the order of names is nothing."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _checked(body: object, data: Check) -> dict[str, Any]:
    fields({_DATA: data, "Risk": _risk})(body, "")
    return _an_object(body)


def _an_object(body: object) -> dict[str, Any]:
    assert isinstance(body, dict), "it was checked"
    return body


def _anything(value: object, path: str) -> None:
    """Check nothing: the field is ours, sent back to us, and is not read."""


def _entries(names: Check, inner: Check, high: int) -> Check:
    """Return a check of an object with up to `high` names of one kind and values of another."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, dict):
            refuse(Code.FORMAT_INVALID, "An object is expected.", path)
        if len(value) > high:
            refuse(Code.FIELD_INVALID, f"At most {high} entries are taken.", path)
        for name, entry in value.items():
            names(name, path)
            inner(entry, path)

    return check
