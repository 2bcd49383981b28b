"""The header rules of UK Open Banking v4.0: what a request may, must and must not carry.

It reads names and shapes only; whether a token or a signature is good is decided elsewhere.
Invariant: the interaction id of an answer is the one that came, if it is a UUID, else a new one;
nothing else that a client sent is ever written into an answer's head.
"""

from __future__ import annotations

import ipaddress
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kiosk.sandbox.bank.vrp.errors import Code, ObError

if TYPE_CHECKING:
    from email.message import Message

KEY_LENGTH_MAX = 40
_KEY = re.compile(r"(?!\s)(.*)(\S)")
_AUTH_DATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} "
    r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d{2}:\d{2}:\d{2} (GMT|UTC)",
    re.ASCII,
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_QUALITY = re.compile(r"q=0(\.0{0,3})?", re.ASCII)
_PLAIN_PARAMETERS = re.compile(r'(charset="?utf-8"?|q=[0-9.]+|)', re.ASCII | re.IGNORECASE)
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Rules:
    """What one call wants of its head."""

    has_body: bool = False
    is_keyed: bool = False
    """`x-idempotency-key` is required; elsewhere it is ignored."""
    is_signed: bool = False
    """`x-jws-signature` is required; elsewhere it must not be there."""


def interaction_id(headers: Message) -> str:
    """Return the correlation id for the answer."""
    given = headers.get("x-fapi-interaction-id", "")
    return given if _UUID.fullmatch(given) else str(uuid.uuid4())


def bearer(headers: Message) -> str | None:
    """Return the access token, or None if there is none or more than one."""
    given = headers.get_all("Authorization", [])
    if len(given) != 1:
        return None
    scheme, _, token = given[0].partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip().isascii() else None


def check_types(headers: Message, rules: Rules) -> None:
    """Check what the client sends and wants.

    Raises:
        ObError: 406 or 415.
    """
    wanted = headers.get_all("Accept", [])
    if wanted and not any(_accepts_json(part) for part in ",".join(wanted).split(",")):
        raise ObError(406)
    if rules.has_body and not _is_json(headers.get_all("Content-Type", [])):
        raise ObError(415)


def check_values(headers: Message, rules: Rules) -> None:
    """Check the values of the headers that the standard names.

    Raises:
        ObError: 400 with U006, U007 or U020.
    """
    given = headers.get_all("x-fapi-interaction-id", [])
    if given and not (len(given) == 1 and _UUID.fullmatch(given[0])):
        raise _invalid("x-fapi-interaction-id")
    for value in headers.get_all("x-fapi-auth-date", []):
        if not _AUTH_DATE.fullmatch(value):
            raise _invalid("x-fapi-auth-date")
    for value in headers.get_all("x-fapi-customer-ip-address", []):
        try:
            ipaddress.ip_address(value)
        except ValueError as error:
            raise _invalid("x-fapi-customer-ip-address") from error
    if rules.is_keyed:
        _check_key(headers)
    signatures = headers.get_all("x-jws-signature", [])
    if signatures and not rules.is_signed:
        raise ObError(
            400, Code.SIGNATURE_UNEXPECTED, "This request is not signed.", "x-jws-signature"
        )
    if len(signatures) > 1:
        raise _invalid("x-jws-signature")


def _check_key(headers: Message) -> None:
    keys = headers.get_all("x-idempotency-key", [])
    if not keys:
        raise ObError(400, Code.HEADER_MISSING, "This request needs a key.", "x-idempotency-key")
    if len(keys) > 1 or len(keys[0]) > KEY_LENGTH_MAX or not _KEY.fullmatch(keys[0]):
        raise _invalid("x-idempotency-key")


def _invalid(name: str) -> ObError:
    return ObError(400, Code.HEADER_INVALID, "A header has a wrong value.", name)


def _accepts_json(part: str) -> bool:
    media, *parameters = (piece.strip() for piece in part.split(";"))
    if any(_QUALITY.fullmatch(parameter) for parameter in parameters):
        return False
    return media.lower() in {JSON, "application/*", "*/*"}


def _is_json(given: list[str]) -> bool:
    if len(given) != 1:
        return False
    media, *parameters = (piece.strip() for piece in given[0].split(";"))
    return media.lower() == JSON and all(
        _PLAIN_PARAMETERS.fullmatch(parameter) for parameter in parameters
    )
