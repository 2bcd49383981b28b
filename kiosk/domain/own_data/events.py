"""What can happen in a session about one's own data; every event says when, in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, field

from kiosk.domain.evidence import PadVerdict
from kiosk.domain.identification import Identification
from kiosk.domain.mandate import MandateLimits
from kiosk.domain.own_data.state import OwnData


@dataclass(frozen=True, slots=True)
class Event:
    """Base: something happened at `at_ms`."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Tick(Event):
    """Time has passed and nothing else has happened."""


@dataclass(frozen=True, slots=True)
class Touched(Event):
    """The customer is there: the time to be idle starts again, within the session's own."""


@dataclass(frozen=True, slots=True)
class Pressed(Event):
    """The customer wants to be recognised."""


@dataclass(frozen=True, slots=True)
class Probed(Event):
    """The eyes have looked further; `final` says that no more will come."""

    pad: PadVerdict
    verdict: Identification | None
    hint: str = ""
    final: bool = False


@dataclass(frozen=True, slots=True)
class CameraFailed(Event):
    """The camera was unplugged, stalled or never opened."""

    code: str


@dataclass(frozen=True, slots=True)
class NumberOpened(Event):
    """The customer has paused and wants to go on, by number and PIN."""


@dataclass(frozen=True, slots=True)
class NumberTyped(Event):
    """They typed both."""

    phone: str = field(repr=False)
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PinTyped(Event):
    """The customer typed a PIN."""

    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PinJudged(Event):
    """Money has compared the PIN; `token` proves it, for what is shown after a face."""

    verified: bool
    reason: str = ""
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class DataArrived(Event):
    """What is kept of the customer."""

    data: OwnData


@dataclass(frozen=True, slots=True)
class LimitsOpened(Event):
    """The customer wants to lower a limit."""


@dataclass(frozen=True, slots=True)
class LimitsChosen(Event):
    """The customer has chosen limits; higher ones are not taken here."""

    limits: MandateLimits


@dataclass(frozen=True, slots=True)
class PauseChosen(Event):
    """The customer wants to pause, or to end their pause."""


@dataclass(frozen=True, slots=True)
class EraseOpened(Event):
    """The customer wants to withdraw; they are asked whether they mean it."""


@dataclass(frozen=True, slots=True)
class EraseConfirmed(Event):
    """They mean it."""


@dataclass(frozen=True, slots=True)
class Back(Event):
    """Go back to what is kept."""


@dataclass(frozen=True, slots=True)
class Answered(Event):
    """A wish was carried out, or `reason` says why not."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Erased(Event):
    """The customer is erased; `whole` says that nothing was found and the bank has confirmed."""

    certificate: str
    whole: bool


@dataclass(frozen=True, slots=True)
class Failed(Event):
    """Something could not be done, by its reason code."""

    code: str


@dataclass(frozen=True, slots=True)
class Left(Event):
    """The customer leaves, or has read the end."""
