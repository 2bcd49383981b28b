"""Presentation attack detection as a set of layers, and what their words together are worth.

Each layer gives one report: bona fide, attack, not yet decided, or that it could not run and why.
They are combined with AND and fail closed: one attack is an attack, and without the texture layer
nobody is bona fide. Each layer has a share of the error budget, which together is at most 2 % of
genuine customers refused (BPCER).
What could not run is never a pass: it is kept as missing, and `StepUpPolicy` answers it with a
lower sum, above which a PIN is asked.

No picture, no clock and no threshold of a measure is in here.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kiosk.domain.evidence import PadVerdict, Reason

BUDGET_BPCER = 0.02
"""Share of genuine sessions that all layers together may refuse (issue "Eyes", 3)."""


class Layer(enum.Enum):
    """The kinds of evidence; the order is the one in which a reason is told."""

    TEXTURE = "texture"
    """Networks on single frames, over the sequence."""
    STREAM = "stream"
    """The frames come from a sensor, now: noise, timing, no repeats, exposure follows."""
    CONTEXT = "context"
    """The surroundings do not move with the face, and no edges of a picture lie around it."""
    LIGHT = "light"
    """The colours of the kiosk's own screen come back from the face in order and in time."""
    TURN = "turn"
    """A turned head shows its depth; a flat or bent picture does not."""
    MOVEMENT = "movement"
    """A prompted smile comes after the prompt, as fast as muscles are."""


ALWAYS = frozenset({Layer.TEXTURE, Layer.STREAM, Layer.CONTEXT})
"""Layers that ask nothing of the customer; they run on every frame that lets them."""
ACTIVE = frozenset({Layer.LIGHT, Layer.TURN, Layer.MOVEMENT})
"""Layers that need the screen or the customer to do something."""

ERROR_BUDGET: Mapping[Layer, float] = MappingProxyType(
    {
        Layer.TEXTURE: 0.006,
        Layer.STREAM: 0.002,
        Layer.CONTEXT: 0.003,
        Layer.LIGHT: 0.004,
        Layer.TURN: 0.003,
        Layer.MOVEMENT: 0.002,
    }
)
"""Each layer's share of `BUDGET_BPCER`: most to the one that stops most, least to the plain ones.

The shares are targets by which thresholds are set; what was measured is in docs/liveness.md."""

_REASONS: Mapping[Layer, Reason] = MappingProxyType(
    {
        Layer.TEXTURE: Reason.PAD_TEXTURE,
        Layer.STREAM: Reason.PAD_STREAM,
        Layer.CONTEXT: Reason.PAD_CONTEXT,
        Layer.LIGHT: Reason.PAD_LIGHT,
        Layer.TURN: Reason.PAD_TURN,
        Layer.MOVEMENT: Reason.PAD_MOVEMENT,
    }
)


class LayerVerdict(enum.Enum):
    """What one layer says."""

    UNDECIDED = "undecided"
    """Not enough seen yet, or in doubt."""
    BONA_FIDE = "bona_fide"
    ATTACK = "attack"
    COULD_NOT_RUN = "could_not_run"
    """Camera, screen or customer do not give what the layer needs; `why` says what."""


@dataclass(frozen=True, slots=True)
class LayerReport:
    """One layer's word.

    Args:
        layer: Which.
        verdict: What it says.
        why: A code for staff and reports: what was found, what is missing, what stands in the way.
        score: The measure behind it, in the layer's own unit; None when nothing was measured.
    """

    layer: Layer
    verdict: LayerVerdict
    why: str = ""
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Liveness:
    """All layers together.

    Args:
        verdict: BONA_FIDE, ATTACK or UNDECIDED.
        reason: Why it is not bona fide; None when it is.
        proven: Layers that said bona fide.
        waiting: Layers that can still come to say something.
        missing: Layers that could not run.
    """

    verdict: PadVerdict
    reason: Reason | None
    proven: frozenset[Layer] = frozenset()
    waiting: frozenset[Layer] = frozenset()
    missing: frozenset[Layer] = frozenset()

    @property
    def is_strong(self) -> bool:
        """Say whether nothing that always runs is missing and the light came back.

        A turn or a smile does not stand in for the light: a recording has them too.
        """
        return self.verdict is PadVerdict.BONA_FIDE and self.proven >= ALWAYS | {Layer.LIGHT}

    @property
    def may_become_strong(self) -> bool:
        """Say whether it is worth while to look on: what is missing is not lost already."""
        return (
            self.verdict is not PadVerdict.ATTACK
            and not self.missing & ALWAYS
            and Layer.LIGHT in self.waiting | self.proven
        )


UNKNOWN_LIVENESS = Liveness(PadVerdict.UNDECIDED, Reason.PAD_UNDECIDED)
"""Before anything was seen."""


def combine(reports: Iterable[LayerReport], *, needed: frozenset[Layer] = ALWAYS) -> Liveness:
    """Combine the layers' reports.

    Args:
        reports: At most one a layer; a layer that is not among them is missing.
        needed: Layers that must have decided if they can run at all; texture is always among them.
    """
    listed = list(reports)
    said = {report.layer: report.verdict for report in listed}
    assert len(said) == len(listed), "one report a layer"

    def who(verdict: LayerVerdict) -> frozenset[Layer]:
        return frozenset(layer for layer, word in said.items() if word is verdict)

    proven, waiting = who(LayerVerdict.BONA_FIDE), who(LayerVerdict.UNDECIDED)
    missing = who(LayerVerdict.COULD_NOT_RUN) | (frozenset(Layer) - said.keys())

    def told(verdict: PadVerdict, reason: Reason | None) -> Liveness:
        return Liveness(verdict, reason, proven, waiting, missing)

    attacks = [layer for layer in Layer if said.get(layer) is LayerVerdict.ATTACK]
    if attacks:
        return told(PadVerdict.ATTACK, _REASONS[attacks[0]])
    if Layer.TEXTURE not in proven or waiting & needed:
        return told(PadVerdict.UNDECIDED, Reason.PAD_UNDECIDED)
    return told(PadVerdict.BONA_FIDE, None)
