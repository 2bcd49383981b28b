"""Movement layer: does a smile come when it is asked for, and not before? Or has the face blinked?

It reads the expression scores that the consent reads, and asks for the same change from not
smiling to smiling, no sooner after the prompt than a person can react.
Who agrees with the button instead need not smile: a blink (`blink.py`), which nobody is asked for,
shows as well that a face is no rigid thing. Without either the layer could not run.
It sees prints, masks without eyes and mouth of their own, and recordings whose smile comes at
another time. It does not see a replay that blinks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kiosk.domain.consent import SmileRule
from kiosk.domain.pad import Layer, LayerReport, LayerVerdict
from kiosk.faces.vision.pad.blink import BlinkWatch

if TYPE_CHECKING:
    from kiosk.faces.vision.pad.sight import Sight


_CONSENT = SmileRule()


@dataclass(frozen=True, slots=True)
class MovementRule:
    """A smile that answers a prompt."""

    smiling_min: float = _CONSENT.alive_min
    neutral_max: float = _CONSENT.neutral_max
    reaction_ms_min: int = _CONSENT.reaction_ms_min
    """As the consent has them, which says where they come from."""
    hold_ms: int = 450
    answer_ms_max: int = 8_000
    """Longest wait that still counts as an answer."""


class MovementLayer:
    """Gathers the answer to one prompt."""

    def __init__(self, rule: MovementRule | None = None) -> None:
        """Begin without a prompt."""
        self._rule = rule or MovementRule()
        self._asked_ms: int | None = None
        self._cannot = ""
        self._blink = BlinkWatch()
        self.change_face()

    def ask(self, at_ms: int) -> None:
        """Take note that a smile was asked for."""
        self._asked_ms = at_ms
        self._begin()

    def tapped(self) -> None:
        """Take note that the customer used the button."""
        self._cannot = "" if self._done else "button_used"

    def change_face(self) -> None:
        """Forget the answer so far, and the blink."""
        self._blink.change_face()
        self._begin()

    def _begin(self) -> None:
        self._neutral = False
        self._since_ms: int | None = None
        self._done = False
        self._delay_ms: int | None = None

    def add(self, sight: Sight) -> None:
        """Take one more frame."""
        self._blink.add(sight)
        asked, rule = self._asked_ms, self._rule
        if asked is None or self._done:
            return
        if sight.smile_score is None:
            # No face to read, or one that turned away: what is held is held on every frame.
            self._since_ms = None
            return
        after_ms = sight.at_ms - asked
        if sight.smile_score <= rule.neutral_max:
            self._neutral, self._since_ms = True, None
        elif sight.smile_score >= rule.smiling_min and self._neutral:
            if self._since_ms is None:
                self._since_ms = sight.at_ms
                self._delay_ms = after_ms
                if not rule.reaction_ms_min <= after_ms <= rule.answer_ms_max:
                    # It began on its own: another one is needed.
                    self._neutral, self._since_ms = False, None
            elif sight.at_ms - self._since_ms >= rule.hold_ms:
                self._done = True
        else:
            # A mask that is turned wavers around a smile, and keeps none.
            self._since_ms = None

    def report(self) -> LayerReport:
        """Say what the face did."""
        delay = None if self._delay_ms is None else float(self._delay_ms)
        if self._done:
            return LayerReport(Layer.MOVEMENT, LayerVerdict.BONA_FIDE, "", delay)
        if self._blink.seen:
            return LayerReport(Layer.MOVEMENT, LayerVerdict.BONA_FIDE, "blinked", delay)
        if self._cannot or self._asked_ms is None:
            why = self._cannot or "not_asked"
            return LayerReport(Layer.MOVEMENT, LayerVerdict.COULD_NOT_RUN, why)
        return LayerReport(Layer.MOVEMENT, LayerVerdict.UNDECIDED, "no_smile_yet", delay)
