"""What a session wants done. The shell does it and brings the answer back as an event."""

from __future__ import annotations

from dataclasses import dataclass, field

from kiosk.domain.consent import Basis, ConsentKind
from kiosk.domain.identification import Identification
from kiosk.domain.ids import PersonId


@dataclass(frozen=True, slots=True)
class OpenCamera:
    """Open the camera and start to look; only ever after a press."""


@dataclass(frozen=True, slots=True)
class CloseCamera:
    """Stop looking and close the camera."""


@dataclass(frozen=True, slots=True)
class SearchClaimed:
    """Search again, among the people whose phone number ends in these digits; answer: `Claimed`."""

    digits: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AskFacts:
    """Ask money for the mandate facts; answer: `FactsArrived`."""

    person: PersonId


@dataclass(frozen=True, slots=True)
class VerifyPin:
    """Have money check this person's PIN; answer: `PinJudged`."""

    person: PersonId
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class VerifyPhone:
    """Have money check number and PIN; answer: `PhoneJudged`."""

    phone: str = field(repr=False)
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ShowAmount:
    """Put amount, payee and account hint on the screen; answer: `AmountShown`."""


@dataclass(frozen=True, slots=True)
class Authorise:
    """Have money charge this person; answer: `Authorised`, or `LinkLost`."""

    person: PersonId
    basis: Basis
    consent: ConsentKind
    pin_token: str | None = field(repr=False)
    verdict: Identification | None = field(default=None, compare=False)
    """How the face was found, to be kept as evidence; rounded, nothing biometric."""


@dataclass(frozen=True, slots=True)
class AskOutcome:
    """Reach money again and ask what became of the order; answer: `Authorised`, or `LinkLost`."""


@dataclass(frozen=True, slots=True)
class Wipe:
    """Overwrite and forget frames, embeddings, digits and PIN of this session."""


Effect = (
    OpenCamera
    | CloseCamera
    | SearchClaimed
    | AskFacts
    | VerifyPin
    | VerifyPhone
    | ShowAmount
    | Authorise
    | AskOutcome
    | Wipe
)
