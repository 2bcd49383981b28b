"""What a session wants done. The shell does it and brings the answer back as an event."""

from __future__ import annotations

from dataclasses import dataclass, field

from kiosk.domain.consent import Basis, ConsentKind
from kiosk.domain.identification import Identification
from kiosk.domain.ids import PersonId
from kiosk.domain.stepup import Requirement


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
class AskTurn:
    """Ask for a turned head, to a side drawn by chance; what is seen comes with `Probed`."""


@dataclass(frozen=True, slots=True)
class ShowAmount:
    """Put amount, payee and account hint on the screen; answer: `AmountShown`."""


@dataclass(frozen=True, slots=True)
class NoteTrial:
    """Note what was asked, and what a policy on trial would have asked; it has no answer."""

    asked: tuple[Requirement, ...]
    would_ask: tuple[Requirement, ...]

    def line(self) -> str:
        """Say it in one line of reason codes; nothing of a person or a sum is in it."""

        def listed(rows: tuple[Requirement, ...]) -> str:
            return ",".join(f"{row.factor.value}:{row.reason}" for row in rows) or "nothing"

        same = {row.factor for row in self.asked} == {row.factor for row in self.would_ask}
        word = "same" if same else "differs"
        return f"{word} asked={listed(self.asked)} would_ask={listed(self.would_ask)}"


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
    | AskTurn
    | ShowAmount
    | NoteTrial
    | Authorise
    | AskOutcome
    | Wipe
)
