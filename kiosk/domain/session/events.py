"""What can happen to a session. Every event says when, in milliseconds of the session's clock."""

from __future__ import annotations

from dataclasses import dataclass, field

from kiosk.domain.evidence import PadVerdict
from kiosk.domain.identification import Identification
from kiosk.domain.ids import PersonId
from kiosk.domain.mandate import MandateFacts
from kiosk.domain.order import Outcome
from kiosk.domain.pad import UNKNOWN_LIVENESS, Liveness


@dataclass(frozen=True, slots=True)
class Event:
    """Base: something happened at `at_ms`."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Tick(Event):
    """Time has passed and nothing else has happened."""


@dataclass(frozen=True, slots=True)
class Pressed(Event):
    """The customer pressed "Pay with a smile"."""


@dataclass(frozen=True, slots=True)
class Probed(Event):
    """The eyes have looked further.

    `verdict` is None until there are enough good frames for it; doubt is put off by whoever fuses
    the frames, since more of them may mend it. `final` says that no more will come.
    `hint` is the reason why the newest frame did not count, empty if it did.
    `liveness` is what all PAD layers together say so far.
    """

    pad: PadVerdict
    verdict: Identification | None
    hint: str = ""
    final: bool = False
    liveness: Liveness = UNKNOWN_LIVENESS


@dataclass(frozen=True, slots=True)
class TrackChanged(Event):
    """The face before the camera is not the one that was identified."""


@dataclass(frozen=True, slots=True)
class CameraFailed(Event):
    """The camera was unplugged, stalled or never opened."""

    code: str


@dataclass(frozen=True, slots=True)
class DigitsTyped(Event):
    """The customer typed the last digits of the phone number."""

    digits: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Claimed(Event):
    """The search among the people with those digits ended; None if there is nobody."""

    verdict: Identification | None


@dataclass(frozen=True, slots=True)
class PinTyped(Event):
    """The customer typed a PIN."""

    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PinJudged(Event):
    """Money has checked the PIN."""

    verified: bool
    reason: str = ""
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class TurnSkipped(Event):
    """The customer cannot or will not turn their head, or nobody could ask them to."""


@dataclass(frozen=True, slots=True)
class PhoneChosen(Event):
    """The customer wants to pay without a face."""


@dataclass(frozen=True, slots=True)
class PhoneTyped(Event):
    """Full phone number and PIN, typed instead of showing a face."""

    phone: str = field(repr=False)
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PhoneJudged(Event):
    """Money has checked number and PIN together; `person` and `token` only if both are right."""

    person: PersonId | None
    reason: str = ""
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class FactsArrived(Event):
    """Money told the mandate facts; None if it knows no mandate.

    `pin_always` is what the vault adds: why this person never pays without the PIN, or empty.
    """

    facts: MandateFacts | None
    pin_always: str = ""


@dataclass(frozen=True, slots=True)
class AmountShown(Event):
    """Amount, payee and account hint are on the screen, where the customer can read them."""


@dataclass(frozen=True, slots=True)
class SmileSampled(Event):
    """The expression score of the newest frame, 0 to 1; None if it had no usable face.

    `moved` says that this face has been seen to move as no rigid one does (a blink); `unsure`, that
    it may be another face than the one that was identified, and is being compared.
    """

    score: float | None
    moved: bool = False
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Tapped(Event):
    """The customer pressed the button that is equal to the smile."""


@dataclass(frozen=True, slots=True)
class Declined(Event):
    """The customer has no answer to what is being asked."""


@dataclass(frozen=True, slots=True)
class Typing(Event):
    """The customer is still typing: the time to answer starts again, within the session's own."""


@dataclass(frozen=True, slots=True)
class Cancelled(Event):
    """The customer pressed cancel, or the till took the order back."""

    reason: str = "customer_cancelled"


@dataclass(frozen=True, slots=True)
class LinkLost(Event):
    """The money process cannot be reached."""


@dataclass(frozen=True, slots=True)
class Authorised(Event):
    """Money's word on the payment, after it is on the disk."""

    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Acknowledged(Event):
    """Somebody has seen the end."""
