"""What a session about one's own data wants done. The answers come back as events."""

from __future__ import annotations

from dataclasses import dataclass, field

from kiosk.domain.ids import PersonId
from kiosk.domain.mandate import MandateLimits


@dataclass(frozen=True, slots=True)
class OpenCamera:
    """Open the camera and start to look; only ever after a press."""


@dataclass(frozen=True, slots=True)
class CloseCamera:
    """Stop looking and close the camera."""


@dataclass(frozen=True, slots=True)
class Wipe:
    """Overwrite and forget frames, embeddings and digits of this session."""


@dataclass(frozen=True, slots=True)
class ProvePin:
    """Have money compare this person's PIN; answer: `PinJudged`."""

    person: PersonId
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AskData:
    """Ask for what is kept; answer: `DataArrived`."""

    person: PersonId


@dataclass(frozen=True, slots=True)
class Lower:
    """Set lower limits; answer: `Answered`."""

    person: PersonId
    limits: MandateLimits


@dataclass(frozen=True, slots=True)
class Pause:
    """Pause; answer: `Answered`."""

    person: PersonId


@dataclass(frozen=True, slots=True)
class Resume:
    """End the pause, by the proven PIN; answer: `Answered`."""

    person: PersonId
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ResumeByNumber:
    """End the pause of whoever has this number and PIN; answer: `PinJudged`, then nothing more."""

    phone: str = field(repr=False)
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Erase:
    """Erase the person; answer: `Erased`."""

    person: PersonId


Question = ProvePin | AskData | Lower | Pause | Resume | ResumeByNumber | Erase
Effect = OpenCamera | CloseCamera | Wipe | Question
