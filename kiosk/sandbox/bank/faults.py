"""Faults on order: what the bank does wrong, one scripted entry for each request that matches.

The script lives in memory: a restarted bank behaves.
A fault never changes the books by itself; it decides whether the request is executed before the
connection or the answer is spoiled, so that the oracle stays the truth.
"""

from __future__ import annotations

import enum
import threading
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, assert_never

from kiosk.sandbox.bank.wire import Answer, RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SCRIPT_LENGTH_MAX = 1000
TIMES_MAX = 1_000_000
DELAY_S_MAX = 30.0
HANG_S_MAX = 60.0
RETRY_AFTER_S = 1
METHODS = ("DELETE", "GET", "POST")
STATUSES = (429, 500, 502, 503, 504)


class FaultKind(enum.Enum):
    """What goes wrong."""

    DROP_BEFORE = "drop_before"
    """The connection closes; nothing was executed."""
    DROP_AFTER_COMMIT = "drop_after_commit"
    """Executed, then the connection closes without an answer."""
    SLOW = "slow"
    """The right answer, late."""
    HANG = "hang"
    """No answer until the client gives up."""
    STATUS = "status"
    """A 429 or 5xx instead of the answer."""
    GARBAGE = "garbage"
    """Executed; the answer is not JSON."""
    TRUNCATED = "truncated"
    """Executed; the connection closes in the middle of the answer."""
    OTHER_ORDER = "other_order"
    """Executed; the answer belongs to another order."""
    WRONG_AMOUNT = "wrong_amount"
    """Executed; the answer names another amount."""
    WRONG_SIGNATURE = "wrong_signature"
    """Executed; the answer's signature does not fit it. Open banking only."""
    STALE_SIGNATURE = "stale_signature"
    """Executed; the signature is that of an old answer. Open banking only."""
    REPLAYED_REFUSAL = "replayed_refusal"
    """Executed; the answer is the well-signed refusal of an earlier request. Open banking only."""


SIGNED_PATHS = "/open-banking"
SIGNATURE_KINDS = (
    FaultKind.WRONG_SIGNATURE.value,
    FaultKind.STALE_SIGNATURE.value,
    FaultKind.REPLAYED_REFUSAL.value,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of the script.

    `after_commit` says whether `SLOW`, `HANG` and `STATUS` execute the request first.
    """

    kind: FaultKind
    path: str = "/payments"
    method: str = "POST"
    times: int = 1
    after_commit: bool = False
    seconds: float = 0.0
    status: int = 500

    def matches(self, method: str, path: str) -> bool:
        """Say whether this entry is meant for a request; a path covers what lies below it."""
        top = self.path.rstrip("/")
        return method == self.method and (path == top or path.startswith(f"{top}/"))


def read_fault(found: Mapping[str, Any]) -> Fault:
    """Read one entry from JSON.

    Raises:
        RequestError: A field is unknown, missing or out of bounds.
    """
    known: dict[str, Any] = {"kind": None} | {
        field.name: field.default for field in fields(Fault) if field.name != "kind"
    }
    values = known | dict(found)
    path, times, seconds = values["path"], values["times"], values["seconds"]
    good = (
        values.keys() == known.keys()
        and values["kind"] in [kind.value for kind in FaultKind]
        and isinstance(path, str)
        and path.startswith("/")
        and (values["kind"] not in SIGNATURE_KINDS or path.startswith(SIGNED_PATHS))
        and values["method"] in METHODS
        and type(times) is int
        and 0 < times <= TIMES_MAX
        and type(values["after_commit"]) is bool
        and type(seconds) in {int, float}
        and 0 <= seconds <= DELAY_S_MAX
        and values["status"] in STATUSES
    )
    if not good:
        raise RequestError(400, "fault_bad")
    values["kind"] = FaultKind(values["kind"])
    return Fault(**values)


class FaultScript:
    """The entries that are still to come; safe to use from many threads."""

    def __init__(self) -> None:
        """Start with a bank that behaves."""
        self._lock = threading.Lock()
        self._entries: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Append an entry.

        Raises:
            RequestError: The script is full.
        """
        with self._lock:
            if len(self._entries) >= SCRIPT_LENGTH_MAX:
                raise RequestError(400, "fault_script_full")
            self._entries.append(fault)

    def clear(self) -> None:
        """Forget all entries."""
        with self._lock:
            self._entries.clear()

    def pending(self) -> int:
        """Count the requests that will still be spoiled."""
        with self._lock:
            return sum(fault.times for fault in self._entries)

    def take(self, method: str, path: str) -> Fault | None:
        """Use up one turn of the first entry that matches, if there is one."""
        with self._lock:
            for index, fault in enumerate(self._entries):
                if fault.matches(method, path):
                    if fault.times == 1:
                        del self._entries[index]
                    else:
                        self._entries[index] = replace(fault, times=fault.times - 1)
                    return fault
        return None


def apply_fault(
    fault: Fault,
    execute: Callable[[], Answer],
    pause: Callable[[float], object],
    swap: Callable[[Fault, Answer], Answer] | None = None,
) -> Answer | None:
    """Carry out one fault.

    Args:
        fault: What is to go wrong.
        execute: Does what was asked and returns the right answer; never raises a refusal.
        pause: Waits for so many seconds, or less if the bank is stopping.
        swap: Makes a well-formed answer say or sign something else; by default in the form of
            the bank's own interface.

    Returns:
        The answer to send, or None to close the connection without one.
    """
    match fault.kind:
        case FaultKind.DROP_BEFORE:
            return None
        case FaultKind.DROP_AFTER_COMMIT:
            execute()
            return None
        case FaultKind.SLOW | FaultKind.HANG | FaultKind.STATUS:
            return _around_commit(fault, execute, pause)
        case FaultKind.GARBAGE | FaultKind.TRUNCATED:
            return _spoilt(fault, execute())
        case (
            FaultKind.OTHER_ORDER
            | FaultKind.WRONG_AMOUNT
            | FaultKind.WRONG_SIGNATURE
            | FaultKind.STALE_SIGNATURE
            | FaultKind.REPLAYED_REFUSAL
        ):
            return (swap or _swapped)(fault, execute())
        case _:
            assert_never(fault.kind)


def _around_commit(
    fault: Fault, execute: Callable[[], Answer], pause: Callable[[float], object]
) -> Answer | None:
    """Carry out the kinds that may strike before or after the request is executed."""
    executed = execute() if fault.after_commit else None
    if fault.kind is FaultKind.HANG:
        pause(HANG_S_MAX)
        return None
    if fault.kind is FaultKind.SLOW:
        pause(fault.seconds)
        return executed if executed is not None else execute()
    headers = (("Retry-After", str(RETRY_AFTER_S)),) if fault.status == 429 else ()
    return Answer(fault.status, {"error": "scripted_fault"}, headers)


def _spoilt(fault: Fault, answer: Answer) -> Answer:
    """Make the answer unreadable."""
    if fault.kind is FaultKind.GARBAGE:
        return replace(answer, raw=b'<html>\x00\xff{"status": "settled"')
    return replace(answer, cut=True)


def _swapped(fault: Fault, answer: Answer) -> Answer:
    """Make a well-formed answer to something that was not asked."""
    body = dict(answer.body or {})
    if fault.kind is FaultKind.OTHER_ORDER:
        body |= {"order_id": "another-order", "key": "another-key", "payment_ref": "p0"}
    elif fault.kind is FaultKind.WRONG_AMOUNT and "amount" in body:
        amount = dict(body["amount"])
        body["amount"] = amount | {"minor_units": amount["minor_units"] + 1}
    return replace(answer, body=body)
