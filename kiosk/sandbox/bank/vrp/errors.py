"""Refusals of the open-banking door, as HTTP status and the four-character codes of v4.0.

The codes are those of `OBExternalStatusReason1Code` of UK Open Banking v4.0 (U001 and so on);
reasons of a payment (`StatusReason`, such as AM04) are no refusals and live with the books.
Invariant: an error body holds nothing that came from a person's account; `message` is ours.
"""

from __future__ import annotations

import enum
from typing import Any

TEXT_LENGTH_MAX = 500
"""Characters of `Message` and `Path` in OBErrorResponse1."""


class Code(enum.StrEnum):
    """What is wrong, in the codes of the standard."""

    UNEXPECTED = "U000"
    FIELD_EXPECTED = "U001"
    FIELD_INVALID = "U002"
    FIELD_INVALID_DATE = "U003"
    FIELD_MISSING = "U004"
    FIELD_UNEXPECTED = "U005"
    HEADER_INVALID = "U006"
    HEADER_MISSING = "U007"
    CONSENT_MISMATCH = "U008"
    CONSENT_STATUS_INVALID = "U009"
    FORMAT_INVALID = "U010"
    NOT_FOUND = "U011"
    AFTER_CUT_OFF = "U012"
    DUPLICATE_REFERENCE = "U013"
    FAILS_CONTROL_PARAMETERS = "U014"
    SIGNATURE_INVALID = "U015"
    SIGNATURE_INVALID_CLAIM = "U016"
    SIGNATURE_MISSING_CLAIM = "U017"
    SIGNATURE_MALFORMED = "U018"
    SIGNATURE_MISSING = "U019"
    SIGNATURE_UNEXPECTED = "U020"
    ACCOUNT_UNSUPPORTED = "U021"
    ACCOUNT_SECONDARY_UNSUPPORTED = "U022"
    CURRENCY_UNSUPPORTED = "U023"
    EVENT_TYPE_UNSUPPORTED = "U024"
    FREQUENCY_UNSUPPORTED = "U025"
    LOCAL_INSTRUMENT_UNSUPPORTED = "U026"
    SCHEME_UNSUPPORTED = "U027"
    REAUTHENTICATE = "U028"
    RESOURCE_EXISTS = "U029"
    TOKEN_SUSPENDED = "TKSP"  # noqa: S105 - a code, no secret
    TOKEN_EXPIRED = "TKXP"  # noqa: S105 - a code, no secret


class ObError(Exception):
    """A request that is refused.

    Args:
        status: The HTTP status.
        code: The four-character code; empty for an answer without a body (401, 404, 405 …).
        message: One sentence for a developer, without values of the request.
        path: The field, header or control parameter that it is about.
        also: Further codes for the same refusal.
    """

    def __init__(
        self,
        status: int,
        code: str = "",
        message: str = "",
        path: str = "",
        also: tuple[str, ...] = (),
    ) -> None:
        """Keep what the answer needs."""
        super().__init__(f"{status} {code}".strip())
        self.status = status
        self.code = str(code)
        self.message = message[:TEXT_LENGTH_MAX]
        self.path = path[:TEXT_LENGTH_MAX]
        self.also = also

    def body(self) -> dict[str, Any] | None:
        """Return the OBErrorResponse1, or None where the standard wants no body."""
        if not self.code:
            return None
        error = {"ErrorCode": self.code}
        if self.message:
            error["Message"] = self.message
        if self.path:
            error["Path"] = self.path
        return {"Errors": [error, *({"ErrorCode": str(code)} for code in self.also)]}
