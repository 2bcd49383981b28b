"""One exchange with the sandbox bank: the shared wire, and a JSON object in every answer.

It does not judge what an answer means.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kiosk.money.banks.exchange import Failure, Timeouts, Wire

__all__ = ["Exchange", "Failure", "Reply", "Timeouts"]

_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete HTTP answer with a JSON object in it."""

    status: int
    body: dict[str, Any]

    @property
    def error(self) -> str:
        """The bank's error code, or an empty text if there is no well-formed one."""
        code = self.body.get("error")
        return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


class Exchange:
    """Sends requests over plain http; threads may share it."""

    def __init__(self, timeouts: Timeouts) -> None:
        """Set the bounds; nothing is sent yet."""
        self._wire = Wire(timeouts)

    def send(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> Reply | Failure:
        """Send one request and read one JSON object, or say how far it came.

        Args:
            method: HTTP method.
            url: Whole address; only plain http is sent.
            body: The exact bytes of the body.
            headers: The caller's headers; those of the transport are added.

        Returns:
            A `Reply`, or a `Failure`; never raises for anything the network does.
        """
        answer = self._wire.send(method, url, body, headers)
        if isinstance(answer, Failure):
            return answer
        if answer.status == 204:
            return Reply(204, {})
        try:
            body_read = json.loads(answer.content, object_pairs_hook=_no_duplicates)
        except (ValueError, RecursionError):
            body_read = None
        if not isinstance(body_read, dict):
            # The status alone still tells staff more than "unreadable" does.
            reason = "bank_error" if answer.status >= 500 else "answer_unreadable"
            return Failure(is_sent=True, reason=reason)
        return Reply(answer.status, body_read)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a name appears twice"
        raise ValueError(message)
    return found
