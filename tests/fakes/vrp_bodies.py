"""Requests of a third party to the open-banking side of the sandbox bank, as plain JSON values."""

from __future__ import annotations

import copy

from kiosk.sandbox.bank.vrp.payments import MERCHANT_IDENTIFICATION

CREDITOR = {
    "SchemeName": "UK.OBIE.SortCodeAccountNumber",
    "Identification": MERCHANT_IDENTIFICATION,
    "Name": "Trattoria",
}
RISK = {"PaymentContextCode": "FaceToFacePointOfSale", "MerchantCategoryCode": "5812"}
OTHER = "UK.OBIE.VRPType.Other"


def pounds(amount: str) -> dict[str, str]:
    return {"Amount": amount, "Currency": "GBP"}


def a_limit(amount="200.00", period="Day", alignment="Calendar"):
    return {"PeriodType": period, "PeriodAlignment": alignment} | pounds(amount)


def a_consent(*, most="100.00", limits=None, parameters=None, initiation=None, data=None):
    """The body of POST /domestic-vrp-consents."""
    return copy.deepcopy(
        {
            "Data": {
                "ControlParameters": {
                    "VRPType": [OTHER],
                    "PSUAuthenticationMethods": ["UK.OBIE.SCANotRequired"],
                    "PSUInteractionTypes": ["InSession"],
                    "MaximumIndividualAmount": pounds(most),
                    "PeriodicLimits": limits or [a_limit()],
                }
                | (parameters or {}),
                "Initiation": {"CreditorAccount": CREDITOR} | (initiation or {}),
            }
            | (data or {}),
            "Risk": RISK,
        }
    )


def a_payment(consent_id, *, amount="12.50", reference="ORDER2345672345677", like=None):
    """The body of POST /domestic-vrps, under a consent made from `like`."""
    consent = like or a_consent()
    instruction = {
        "InstructionIdentification": reference,
        "EndToEndIdentification": reference,
        "InstructedAmount": pounds(amount),
        "CreditorAccount": CREDITOR,
    }
    initiation = consent["Data"]["Initiation"]
    if "RemittanceInformation" in initiation:
        instruction["RemittanceInformation"] = initiation["RemittanceInformation"]
    return copy.deepcopy(
        {
            "Data": {
                "ConsentId": consent_id,
                "PSUAuthenticationMethod": "UK.OBIE.SCANotRequired",
                "PSUInteractionType": "InSession",
                "VRPType": OTHER,
                "Initiation": initiation,
                "Instruction": instruction,
            },
            "Risk": consent["Risk"],
        }
    )


def put(body, path, value):
    """Return the body with another value at a dotted path; `...` takes the field away."""
    changed = copy.deepcopy(body)
    *above, last = path.split(".")
    place = changed
    for name in above:
        place = place[int(name)] if name.isdigit() else place[name]
    if value is ...:
        del place[last]
    else:
        place[int(last) if last.isdigit() else last] = value
    return changed
