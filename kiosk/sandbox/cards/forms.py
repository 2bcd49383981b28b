"""Strict reading of form-encoded requests, and the service's errors.

Nested names (`metadata[order]`) become nested values, one level deep, which is all that is needed.
A refusal of this module depends on the bytes of the request alone.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn
from urllib.parse import parse_qsl

FIELDS_MAX = 60
_NAME = re.compile(r"([a-z_]{1,40})(?:\[([A-Za-z0-9_]{0,40})\])?")
_INTEGER = re.compile(r"[0-9]{1,12}", re.ASCII)
METADATA_VALUE_LENGTH_MAX = 500
"""As the public documentation says of metadata."""

Form = dict[str, Any]


class CardsError(Exception):
    """A request that is refused, with the fields of the service's error object."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        """Keep the fields for the answer."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        fields = {"type": self.kind, "code": self.code, "param": self.param}
        found = {name: value for name, value in fields.items() if value is not None}
        return {"error": {**found, "message": self.message}}


def read_form(text: bytes) -> Form:
    """Read a body or a query.

    Raises:
        CardsError: It is no form, too long, or names something twice.
    """
    try:
        pairs = parse_qsl(
            text.decode("ascii"), keep_blank_values=True, strict_parsing=bool(text),
            encoding="utf-8", errors="strict", max_num_fields=FIELDS_MAX,
        )  # fmt: skip
    except ValueError as error:
        raise CardsError(400, "The request cannot be read as a form.") from error
    form: Form = {}
    for name, value in pairs:
        match = _NAME.fullmatch(name)
        if match is None:
            raise CardsError(400, "A parameter's name cannot be read.", code="parameter_unknown")
        outer, inner = match[1], match[2]
        if inner is None:
            _put(form, outer, value)
        elif inner:
            _put(_nested(form, outer, dict), inner, value)
        else:
            _nested(form, outer, list).append(value)
    return form


def _put(form: Form, name: str, value: str) -> None:
    if name in form:
        raise CardsError(400, "A parameter is given twice.", param=name)
    form[name] = value


def _nested(form: Form, name: str, kind: type) -> Any:
    found = form.setdefault(name, kind())
    if not isinstance(found, kind):
        raise CardsError(400, "A parameter is given in two ways.", param=name)
    return found


def known(form: Form, *names: str) -> None:
    """Refuse parameters that are not among these.

    Raises:
        CardsError: There is one.
    """
    for name in form:
        if name not in names:
            raise CardsError(
                400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name
            )


def text(form: Form, name: str, default: str | None = None) -> str:
    """Return a plain parameter.

    Raises:
        CardsError: It is missing or nested.
    """
    found = form.get(name, default)
    if found is None:
        _missing(name)
    if not isinstance(found, str):
        raise CardsError(400, f"Invalid string: {name}", param=name)
    return found


def integer(form: Form, name: str, default: int | None = None) -> int:
    """Return a parameter that is a whole number.

    Raises:
        CardsError: It is missing or no whole number.
    """
    found = text(form, name, None if default is None else str(default))
    if not _INTEGER.fullmatch(found):
        raise CardsError(
            400, f"Invalid integer: {name}", code="parameter_invalid_integer", param=name
        )
    return int(found)


def metadata(form: Form) -> dict[str, str]:
    """Return the metadata.

    Raises:
        CardsError: They are no metadata.
    """
    found = form.get("metadata", {})
    if not isinstance(found, dict) or any(
        len(value) > METADATA_VALUE_LENGTH_MAX for value in found.values()
    ):
        raise CardsError(400, "Invalid metadata", param="metadata")
    return dict(found)


def _missing(name: str) -> NoReturn:
    raise CardsError(400, f"Missing required param: {name}.", code="parameter_missing", param=name)
