"""What a session remembers, the phases it passes, and the time that each may take."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from kiosk.domain.consent import Basis, ConsentKind, SmileGauge, SmileRule
from kiosk.domain.headturn import ANSWER_MS
from kiosk.domain.identification import Identification
from kiosk.domain.ids import PersonId
from kiosk.domain.mandate import MandateFacts
from kiosk.domain.order import Order, Outcome
from kiosk.domain.pad import UNKNOWN_LIVENESS, Liveness
from kiosk.domain.stepup import Factor, Requirement, StepUpPolicy


class Phase(enum.Enum):
    """Where the customer is. Each has a time limit but the last."""

    OFFERED = "offered"
    """The order is on the screen, the camera is off."""
    PROBING = "probing"
    DIGITS = "digits"
    CLAIMING = "claiming"
    FACTS = "facts"
    PIN = "pin"
    PHONE = "phone"
    VERIFYING_PIN = "verifying_pin"
    VERIFYING_PHONE = "verifying_phone"
    PROVING = "proving"
    """All is known but whether the light comes back, which this amount needs; else a PIN is."""
    TURNING = "turning"
    """This amount asks for a turned head; whoever does not show one types the PIN."""
    CONFIRMING = "confirming"
    """Amount, payee and account are shown; the customer smiles, taps, or walks away."""
    AUTHORISING = "authorising"
    """Money has been asked: from here on only money's word ends it."""
    ENDED = "ended"
    """PAID, NOT PAID, CANCELLED or UNKNOWN is on the screen."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Times in milliseconds and counts; every phase is bounded by one of them."""

    offered_ms: int = 300_000
    """An order nobody turns to goes back to the till after five minutes."""
    probing_ms: int = 8_000
    """At most 8 s of looking (research/mission.md R18)."""
    unknown_ms: int = 4_000
    """A verdict of "unknown" is taken after this much looking."""
    typing_ms: int = 30_000
    money_ms: int = 10_000
    """How long faces wait for money to look something up or to check a PIN."""
    proving_ms: int = 4_000
    """A light plan lasts 2.2 s, and begins within 1.6 s of the first face: before it the camera's
    exposure is changed (docs/exposure.md)."""
    turning_ms: int = ANSWER_MS + 500
    """As long as an answer counts; the arrow is on the screen a frame or two after the question."""
    confirming_ms: int = 30_000
    authorising_ms: int = 60_000
    """Longer than money's own window for unclear answers (25 s), so that its word comes first."""
    session_ms: int = 150_000
    """From the press to the consent."""
    ended_ms: int = 30_000
    tries_max: int = 3
    """Sessions, wrong digits and wrong PINs, each (research/biometrics.md 4.2, 7)."""


@dataclass(frozen=True, slots=True)
class Session:
    """All that the rules know. Nothing biometric: the eyes' evidence stays with the shell."""

    order: Order
    limits: SessionLimits
    policy: StepUpPolicy
    smile_rule: SmileRule
    now_ms: int
    since_ms: int
    pressed_ms: int | None = None
    phase: Phase = Phase.OFFERED
    tries_used: int = 0

    camera_on: bool = False
    hint: str = ""
    bona_fide: bool = False
    liveness: Liveness = UNKNOWN_LIVENESS
    person: PersonId | None = None
    wanted: tuple[Requirement, ...] = ()
    asked: tuple[Factor, ...] = ()
    claimed: bool = False
    wrong_answers: int = 0
    refusal: str = ""
    """Why the last answer was not accepted; empty if none was refused."""
    pin_token: str | None = field(default=None, repr=False)
    facts: MandateFacts | None = None
    verdict: Identification | None = None
    """How the person was found, for the evidence of a payment; None without a face."""
    basis: Basis | None = None
    waited: bool = False
    """The light has been waited for, and is not again."""
    turned: bool | None = None
    """Whether a head was seen to turn when asked; None: it has not come to that."""

    trial_noted: bool = False
    """What a policy on trial would have asked is written down already."""
    amount_shown: bool = False
    shown_ms: int = 0
    """When it was."""
    moved: bool = False
    """The face has moved as no mask does."""
    unsure: bool = False
    """The newest frame may show another face; it is being compared."""
    tapped: bool = False
    """The button was pressed meanwhile, which counts once the face is known to be the same."""
    gauge: SmileGauge = field(default_factory=SmileGauge)
    consent: ConsentKind | None = None
    sent: bool = False

    must_be_seen: bool = False
    """The end stays on the screen until somebody acknowledges it, however long that takes."""
    outcome: Outcome | None = None
    reason: str = ""
