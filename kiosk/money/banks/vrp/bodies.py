"""The bodies that we send: consents, payments, questions for cover, polls for events.

Pure. The same input gives the same bytes. Amounts are whole minor units inside and decimal text at
this edge only (`OBActiveCurrencyAndAmount_SimpleType`).
A face is no strong customer authentication, so a payment says `UK.OBIE.SCANotRequired`: the payer
authenticated when approving the consent, within whose limits the payments stay.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from kiosk.domain.mandate import MandateLimits
from kiosk.domain.money import Money
from kiosk.money.banks.port import Intent
from kiosk.money.banks.vrp.onboarding import Creditor, Onboarding
from kiosk.money.banks.vrp.options import VrpOptions

NO_SCA = "UK.OBIE.SCANotRequired"

_AMOUNT = re.compile(r"(\d{1,13})(?:\.(\d{1,5}))?", re.ASCII)
"""`OBActiveCurrencyAndAmount_SimpleType`, v4.0."""


class Terms(msgspec.Struct, frozen=True):
    """What a consent fixes for each of its payments, because both must say the same (U008).

    Kept with the consent: the settings may change while a consent lives.
    """

    creditor: Creditor
    vrp_type: str
    interaction: str
    alignment: str
    merchant_category: str

    def initiation(self) -> dict[str, Any]:
        """Return `Initiation`; without remittance, so that each payment may have its own."""
        return {"CreditorAccount": msgspec.to_builtins(self.creditor)}

    def risk(self) -> dict[str, Any]:
        """Return `Risk`."""
        return {
            "PaymentContextCode": "FaceToFacePointOfSale",
            "MerchantCategoryCode": self.merchant_category,
        }


def terms_of(onboarding: Onboarding, options: VrpOptions) -> Terms:
    """Return the terms of consents that are asked for now."""
    return Terms(
        creditor=onboarding.creditor,
        vrp_type=options.vrp_type,
        interaction=options.interaction,
        alignment=options.alignment,
        merchant_category=options.merchant_category,
    )


def consent_body(terms: Terms, limits: MandateLimits) -> bytes:
    """Return an `OBDomesticVRPConsentRequest`.

    The debtor's account is not asked for (`ReadRefundAccount`): nobody here would use it.
    """
    return encode(
        {
            "Data": {
                "ReadRefundAccount": "No",
                "ControlParameters": {
                    "VRPType": [terms.vrp_type],
                    "PSUAuthenticationMethods": [NO_SCA],
                    "PSUInteractionTypes": [terms.interaction],
                    "MaximumIndividualAmount": wire_sum(limits.per_payment),
                    "PeriodicLimits": [
                        {
                            "PeriodType": "Day",
                            "PeriodAlignment": terms.alignment,
                            **wire_sum(limits.per_day),
                        }
                    ],
                },
                "Initiation": terms.initiation(),
            },
            "Risk": terms.risk(),
        }
    )


def payment_body(intent: Intent, terms: Terms) -> bytes:
    """Return an `OBDomesticVRPRequest`; one reference serves as all three identifications."""
    reference = intent.reference
    return encode(
        {
            "Data": {
                "ConsentId": intent.mandate_ref,
                "PSUAuthenticationMethod": NO_SCA,
                "PSUInteractionType": terms.interaction,
                "VRPType": terms.vrp_type,
                "Initiation": terms.initiation(),
                "Instruction": {
                    "InstructionIdentification": reference,
                    "EndToEndIdentification": reference,
                    "InstructedAmount": wire_sum(intent.amount),
                    "CreditorAccount": msgspec.to_builtins(terms.creditor),
                    "RemittanceInformation": {
                        "Structured": [{"CreditorReferenceInformation": {"Reference": reference}}]
                    },
                },
            },
            "Risk": terms.risk(),
        }
    )


def funds_body(consent_id: str, amount: Money) -> bytes:
    """Return an `OBVRPFundsConfirmationRequest`."""
    return encode({"Data": {"ConsentId": consent_id, "InstructedAmount": wire_sum(amount)}})


def poll_body(events_max: int, acknowledged: tuple[str, ...], faults: Mapping[str, str]) -> bytes:
    """Return an `OBEventPolling1` that waits for nothing.

    Args:
        events_max: 0 acknowledges only.
        acknowledged: Ids of events that are stored here.
        faults: Ids of events that could not be believed, with the code of why (RFC 8935, 2.4).
    """
    body: dict[str, Any] = {"maxEvents": events_max, "returnImmediately": True}
    if acknowledged:
        body["ack"] = list(acknowledged)
    if faults:
        body["setErrs"] = {
            name: {"err": code, "description": "The event could not be verified."}
            for name, code in faults.items()
        }
    return encode(body)


def wire_sum(amount: Money) -> dict[str, str]:
    """Return a sum as the standard writes it."""
    units, rest = divmod(amount.minor_units, 100)
    return {"Amount": f"{units}.{rest:02d}", "Currency": amount.currency}


def read_sum(value: object) -> Money | None:
    """Read a sum, or return None if it is none or finer than a minor unit."""
    if not isinstance(value, dict):
        return None
    text, currency = value.get("Amount"), value.get("Currency")
    if not isinstance(text, str) or not isinstance(currency, str):
        return None
    match = _AMOUNT.fullmatch(text)
    if match is None:
        return None
    decimals = (match[2] or "").ljust(2, "0")
    if decimals[2:].strip("0"):
        return None
    try:
        return Money(int(match[1]) * 100 + int(decimals[:2]), currency)
    except ValueError:
        return None


def encode(value: Mapping[str, Any]) -> bytes:
    """Return the one way in which this connector writes a value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
