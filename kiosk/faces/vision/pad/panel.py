"""All PAD layers of one session, side by side: shown every frame, asked for their word together.

It makes the layers and hands prompts on to them; what the words are worth is decided in
`kiosk.domain.pad`. One thread, one session; `wipe` begins anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiosk.domain.evidence import PadVerdict
from kiosk.domain.pad import ALWAYS, Layer, LayerReport, LayerVerdict, Liveness, combine
from kiosk.faces.vision.pad.context import ContextLayer
from kiosk.faces.vision.pad.light import LightLayer
from kiosk.faces.vision.pad.movement import MovementLayer
from kiosk.faces.vision.pad.passive import PadRule, PadSequence
from kiosk.faces.vision.pad.stream import StreamLayer
from kiosk.faces.vision.pad.turn import TurnLayer

if TYPE_CHECKING:
    from kiosk.faces.vision.pad.sight import CameraFacts, PadLayer, Sight

_AS_LAYER = {
    PadVerdict.UNDECIDED: LayerVerdict.UNDECIDED,
    PadVerdict.BONA_FIDE: LayerVerdict.BONA_FIDE,
    PadVerdict.ATTACK: LayerVerdict.ATTACK,
}


class TextureLayer:
    """The passive networks' running verdict as one layer among others."""

    def __init__(self, rule: PadRule) -> None:
        """Begin with nothing seen."""
        self._sequence = PadSequence(rule)

    def add(self, sight: Sight) -> None:
        """Take the frame's score, if there is one."""
        if sight.pad_score is not None:
            self._sequence.add(sight.pad_score)

    def change_face(self) -> None:
        """Begin anew for another face; an attack stays."""
        self._sequence.change_face()

    @property
    def has_spoken(self) -> bool:
        """Say whether it has seen enough for a word, were it only that it is in doubt."""
        return self._sequence.is_ripe

    def report(self) -> LayerReport:
        """Say what the networks see."""
        score = self._sequence.score
        return LayerReport(
            Layer.TEXTURE,
            _AS_LAYER[self._sequence.verdict],
            score=None if score is None else round(score, 3),
        )


class Panel:
    """The layers of one session.

    Args:
        rule: The pack's rule for the texture layer.
        facts: What the camera and the screen can be asked for.
    """

    def __init__(self, rule: PadRule, facts: CameraFacts) -> None:
        """Make the layers, with nothing seen."""
        self._rule = rule
        self._facts = facts
        self.wipe()

    def wipe(self) -> None:
        """Forget everything."""
        self.texture = TextureLayer(self._rule)
        self.stream = StreamLayer(self._facts)
        self.context = ContextLayer()
        self.light = LightLayer(self._facts)
        self.turn = TurnLayer(can_ask=self._facts.asked)
        self.movement = MovementLayer()
        self._track: int | None = None

    @property
    def layers(self) -> tuple[PadLayer, ...]:
        """All of them, in the order of `Layer`."""
        return self.texture, self.stream, self.context, self.light, self.turn, self.movement

    def add(self, sight: Sight) -> None:
        """Show one more frame to all layers."""
        if self._track is not None and sight.track != self._track:
            for layer in self.layers:
                layer.change_face()
        self._track = sight.track
        for layer in self.layers:
            layer.add(sight)

    def reports(self) -> tuple[LayerReport, ...]:
        """Return each layer's word."""
        return tuple(layer.report() for layer in self.layers)

    def liveness(self, *, needed: frozenset[Layer] = ALWAYS) -> Liveness:
        """Return what the words are worth together."""
        return combine(self.reports(), needed=needed)
