"""What one more frame has told, and what that means to a session, with a screen or without."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.domain.evidence import PadVerdict
from kiosk.domain.headturn import TurnPlan
from kiosk.domain.identification import Identification
from kiosk.domain.lightcode import LightPlan
from kiosk.domain.pad import UNKNOWN_LIVENESS, Layer, Liveness
from kiosk.domain.session import events as ev
from kiosk.domain.session.state import Phase


@dataclass(frozen=True, slots=True)
class Look:
    """What one more frame, or the end of them, has told. Nothing biometric is in it."""

    pad: PadVerdict
    identification: Identification | None
    hint: str
    """Why the newest frame did not count, as a reason code; empty if it did."""
    smile: float | None = None
    """Expression score, 0 to 1; None without a usable face of the payer."""
    track_changed: bool = False
    """The face is not the one that was identified."""
    unsure: bool = False
    """It may not be: it is being compared, and until then nobody agrees with it."""
    liveness: Liveness = UNKNOWN_LIVENESS
    """What all PAD layers together say so far."""
    light: LightPlan | None = None
    """The colours that the screen is to show, while there are any."""
    turn: TurnPlan | None = None
    """To which side the head is to be turned, once that is asked."""


def meaning(look: Look, phase: Phase, at_ms: int) -> ev.Event | None:
    """Return the event that a look is in a phase, or None where it says nothing new."""
    proving = phase in {Phase.PROVING, Phase.TURNING} and not look.track_changed
    if phase is Phase.PROBING or proving:
        return ev.Probed(at_ms, look.pad, look.identification, look.hint, liveness=look.liveness)
    if look.pad is PadVerdict.ATTACK:
        return ev.Probed(at_ms, look.pad, None, look.hint)
    if look.track_changed:
        return ev.TrackChanged(at_ms)
    if phase is Phase.CONFIRMING:
        moved = Layer.MOVEMENT in look.liveness.proven
        return ev.SmileSampled(at_ms, look.smile, moved=moved, unsure=look.unsure)
    return None
