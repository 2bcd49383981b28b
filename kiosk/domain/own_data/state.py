"""What a session about one's own data remembers, the phases it passes, and their times."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from kiosk.domain.ids import PersonId
from kiosk.domain.mandate import MandateLimits
from kiosk.domain.money import Money


class Phase(enum.Enum):
    """Where the customer is. Each has a time limit but the last."""

    INTRO = "intro"
    """What comes is told; the camera is off."""
    PROBING = "probing"
    NUMBER = "number"
    """Number and PIN are typed, to end a pause: who has paused is recognised by no camera."""
    PIN = "pin"
    VERIFYING = "verifying"
    LOADING = "loading"
    SHOWN = "shown"
    """What is kept, and what can be done about it."""
    LIMITS = "limits"
    """Lower limits to choose from."""
    ERASING = "erasing"
    """Asked whether they mean it; nothing is done yet."""
    WORKING = "working"
    ENDED = "ended"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class OwnLimits:
    """Times in milliseconds and counts; every phase is bounded by one of them."""

    intro_ms: int = 30_000
    probing_ms: int = 8_000
    unknown_ms: int = 4_000
    idle_ms: int = 30_000
    """Between two touches; then nobody stands there and the next one must not see it."""
    work_ms: int = 10_000
    """How long is waited for money and the desk."""
    erase_ms: int = 120_000
    """How long an erasure is waited for: all files are searched for leftovers."""
    session_ms: int = 150_000
    """From the press to the end; the proof of the PIN lives longer than that."""
    ended_ms: int = 30_000
    tries_max: int = 3
    """Wrong PINs of one session; money counts them too, over all sessions."""


@dataclass(frozen=True, slots=True)
class OwnData:
    """What is kept of the customer, as far as the screen shows it: no name, no number, no face."""

    state: str
    enrolled_at: str
    last_used: str
    samples: int
    consent_version: str
    consent_given_at: str
    pin_always: str
    payments_total: int
    account_hint: str = ""
    limits: MandateLimits | None = None
    spent_today: Money | None = None
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """All that the rules know. Nothing biometric."""

    limits: OwnLimits
    now_ms: int
    since_ms: int
    begun_ms: int
    phase: Phase = Phase.INTRO
    camera_on: bool = False
    hint: str = ""
    person: PersonId | None = None
    wrong_answers: int = 0
    refusal: str = ""
    """Why the last answer was not accepted or the last wish not carried out; empty if it was."""
    token: str = field(default="", repr=False)
    data: OwnData | None = None
    erasing: bool = False
    """The work under way is an erasure."""
    done: str = ""
    """What was done last, as a code: `lowered`, `paused`, `resumed`; empty if nothing was."""
    reason: str = ""
    """Why it ended."""
    certificate: str = ""


_STEPS = (500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
"""Round sums, in minor units, to choose a lower limit from."""
CHOICES_MAX = 4


def lower_choices(limit: Money) -> tuple[Money, ...]:
    """Return round sums below a limit, the highest first, at most four."""
    below = [Money(units, limit.currency) for units in _STEPS if units < limit.minor_units]
    return tuple(reversed(below[-CHOICES_MAX:]))
