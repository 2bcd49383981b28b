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
class Wait:
    """Wait this long, then answer `Tick`; `WindowClosed` if there is no time left to wait."""

    duration_ms: int


@dataclass(frozen=True, slots=True)
class Find:
    """Look the key up; answer `Found`."""


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


Effect = StoreIntent | Send | Wait | Find | StoreResult | Tell
