"""What can happen to an attempt to pay."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.domain.payment.state import OutcomeKind


@dataclass(frozen=True, slots=True)
class Begin:
    """The attempt may start."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """The process found this attempt in its journal, with an intent and no result.

    `age_ms` is how long ago the intent was stored, by the wall clock. It is None where nothing may
    be sent again whatever the bank can do: the clock ran backwards, the request cannot be read, or
    somebody was told already that the outcome is unknown.
    """

    at_ms: int
    age_ms: int | None = None
    payment_ref: str | None = None
    """The bank's id, if the journal holds it."""


@dataclass(frozen=True, slots=True)
class IntentStored:
    """The intent is on the disk."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class AcceptedStored:
    """That the bank has the payment is on the disk."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one send."""

    kind: OutcomeKind
    at_ms: int
    reason: str = ""
    payment_ref: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What came of looking the key up."""

    kind: OutcomeKind
    at_ms: int
    reason: str = ""
    payment_ref: str | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class WindowClosed:
    """The engine must come to an end before the window does (the process is asked to stop)."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class ResultStored:
    """The result or correction is on the disk."""


@dataclass(frozen=True, slots=True)
class StoreFailed:
    """The record could not be stored."""


Event = (
    Begin | Recovered | IntentStored | AcceptedStored | Answered | Found | Tick | WindowClosed
    | ResultStored | StoreFailed
)  # fmt: skip
