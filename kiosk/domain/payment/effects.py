"""What the machine asks the engine to do for an attempt to pay."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.domain.order import Outcome
from kiosk.domain.payment.state import Verdict


@dataclass(frozen=True, slots=True)
class StoreIntent:
    """Store key and request; answer `IntentStored` or `StoreFailed`."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send the stored request once; answer `Answered`."""


@dataclass(frozen=True, slots=True)
class StoreAccepted:
    """Store the bank's id of the payment it has; answer `AcceptedStored` or `StoreFailed`."""

    payment_ref: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait this long, then answer `Tick`; `WindowClosed` if there is no time left to wait."""

    duration_ms: int


@dataclass(frozen=True, slots=True)
class Find:
    """Look the payment up, by the bank's id if known, else by key; answer `Found`."""


@dataclass(frozen=True, slots=True)
class StoreResult:
    """Store the end; answer `ResultStored` or `StoreFailed`."""

    verdict: Verdict
    is_correction: bool = False


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell whoever waits."""

    outcome: Outcome
    reason: str


Effect = StoreIntent | Send | StoreAccepted | Wait | Find | StoreResult | Tell
