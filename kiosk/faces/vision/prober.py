"""Gathers the judgements of one payer into a probe, and says when it can be decided.

A probe is the normalised mean of at least three embeddings, at least 100 ms apart, of one track.
A new track starts it anew; an attack seen once stays an attack for the whole probe.
The gallery is asked through a callable for every frame's rank 1, and once for the mean.

It does not know thresholds: what the scores are worth is decided in `kiosk.domain.identification`.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from kiosk.domain.evidence import PadVerdict, Reason
from kiosk.domain.identification import Candidate, Identification, may_improve
from kiosk.faces.vision.encoder import pooled
from kiosk.faces.vision.lesson import Sample
from kiosk.faces.vision.pad.passive import PadRule, PadSequence
from kiosk.faces.vision.pipeline import pack_threshold

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kiosk.domain.ids import PersonId
    from kiosk.faces.vision.judgement import FrameJudgement
    from kiosk.faces.vision.quality import Quality
    from models.manifest import Pack

Search = Callable[["NDArray[np.float32]"], Sequence[Candidate]]
"""Best score of every person of the gallery (or of its top ranks) for an embedding."""

Decide = Callable[["FusedProbe"], Identification]
"""What a probe is worth; the caller binds gallery size, policy, tails and claimed digits."""


@dataclass(frozen=True, slots=True)
class FusionRule:
    """How many frames make a probe."""

    frames_min: int = 3
    """Frames before any decision (research/biometrics.md, 4.2)."""
    frames_enough: int = 6
    """Frames after which doubt is no longer put off: half a second after the first."""
    reach: float = 0.04
    """How much a score may still rise with more frames; who is further from a better verdict does
    not wait for it. NUAA live, from three frames to five: .032 in nine of ten (mobileface), .040
    (starter)."""
    frames_max: int = 16
    """Embeddings that are kept; older ones are dropped."""
    agreement_min: float = 0.75
    """Least share of the frames that agree on rank 1."""


@dataclass(frozen=True, slots=True)
class FusedProbe:
    """Several frames of one track as one probe.

    Args:
        embedding: Normalised mean, float32.
        n_frames: Frames in it.
        span_ms: From the first to the last of them.
        frames_agree: Whether enough of them agreed on rank 1.
        candidates: The gallery's answer to the mean.
    """

    embedding: NDArray[np.float32] = field(repr=False, compare=False)
    n_frames: int
    span_ms: int
    frames_agree: bool
    candidates: tuple[Candidate, ...] = field(repr=False)


class ProbeState(enum.Enum):
    """Where a probe stands."""

    GATHERING = "gathering"
    DECIDED = "decided"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ProbeProgress:
    """What is known so far.

    Args:
        state: DECIDED has an identification and is bona fide; REFUSED has a reason.
        reason: Why it was refused, or why the newest frame did not count.
        identification: The verdict, when DECIDED.
        n_frames: Frames of the current track that count.
        pad: PAD verdict so far.
        pad_score: PAD score so far.
        frames_seen: Frames judged in all.
        reasons: How often each reason came up.
    """

    state: ProbeState
    reason: Reason | None
    identification: Identification | None
    n_frames: int
    pad: PadVerdict
    pad_score: float | None
    frames_seen: int
    reasons: Mapping[Reason, int]


def pad_rule(pack: Pack) -> PadRule:
    """Return the PAD rule of a pack.

    Raises:
        SetupError: `pack_threshold_missing`.
    """
    return PadRule(
        bona_fide_min=pack_threshold(pack, "pad_bona_fide_min"),
        attack_max=pack_threshold(pack, "pad_attack_max"),
    )


class Prober:
    """One attempt of one payer to be recognised.

    Args:
        search: Asks the gallery.
        decide: Says what a probe is worth.
        pad: The pack's PAD rule.
        fusion: How many frames make a probe.
    """

    def __init__(
        self, *, search: Search, decide: Decide, pad: PadRule, fusion: FusionRule | None = None
    ) -> None:
        """Start with nothing seen."""
        self._search = search
        self._decide = decide
        self._pad = PadSequence(pad)
        self._fusion = fusion or FusionRule()
        self._track = 0
        self._embeddings: list[NDArray[np.float32]] = []
        self._at_ms: list[int] = []
        self._qualities: list[Quality | None] = []
        self._tops: list[PersonId | None] = []
        self._reasons: Counter[Reason] = Counter()
        self._seen = 0
        self._fused: FusedProbe | None = None

    @property
    def fused(self) -> FusedProbe | None:
        """The probe, once it has enough frames; asked again after digits were given."""
        return self._fused

    @property
    def track(self) -> int:
        """The track that is being gathered."""
        return self._track

    def samples(self) -> tuple[Sample, ...]:
        """Return the frames of the current track that count, if they are bona fide, or nothing.

        The vectors are the prober's own and are overwritten with it.
        """
        if self._pad.verdict is not PadVerdict.BONA_FIDE:
            return ()
        gathered = zip(self._at_ms, self._embeddings, self._qualities, strict=True)
        return tuple(
            Sample(at_ms, vector, quality)
            for at_ms, vector, quality in gathered
            if quality is not None
        )

    def add(self, judgement: FrameJudgement) -> ProbeProgress:
        """Take one more frame."""
        self._seen += 1
        if judgement.track != self._track:
            self._restart(judgement.track)
        if judgement.reason is not None:
            self._reasons[judgement.reason] += 1
        if judgement.pad_score is not None:
            self._pad.add(judgement.pad_score)
        if judgement.embedding is not None:
            self._take(judgement.embedding, judgement.at_ms, judgement.quality)
        if self._pad.verdict is PadVerdict.ATTACK:
            return self._progress(ProbeState.REFUSED, Reason.PAD_TEXTURE)
        return self._assess(judgement.reason, last=False)

    def finish(self) -> ProbeProgress:
        """Say what it came to when no frame will follow; never GATHERING."""
        if self._pad.verdict is PadVerdict.ATTACK:
            return self._progress(ProbeState.REFUSED, Reason.PAD_TEXTURE)
        progress = self._assess(None, last=True)
        if progress.state is not ProbeState.GATHERING:
            return progress
        return self._progress(ProbeState.REFUSED, self._why_not())

    def wipe(self) -> None:
        """Forget everything, and overwrite the embeddings."""
        for vector in self._embeddings:
            vector.fill(0.0)
        if self._fused is not None:
            self._fused.embedding.fill(0.0)
        self._restart(0)
        self._reasons.clear()

    def _take(self, embedding: NDArray[np.float32], at_ms: int, quality: Quality | None) -> None:
        candidates = self._search(embedding)
        best = max(candidates, key=lambda c: (c.score, c.person), default=None)
        self._embeddings.append(embedding)
        self._at_ms.append(at_ms)
        self._qualities.append(quality)
        self._tops.append(None if best is None else best.person)
        if len(self._embeddings) > self._fusion.frames_max:
            self._embeddings.pop(0).fill(0.0)
            del self._at_ms[0], self._tops[0], self._qualities[0]
        if len(self._embeddings) >= self._fusion.frames_min:
            self._fuse()

    def _fuse(self) -> None:
        mean = pooled(self._embeddings)
        votes = max(Counter(self._tops).values())
        self._fused = FusedProbe(
            embedding=mean,
            n_frames=len(self._embeddings),
            span_ms=self._at_ms[-1] - self._at_ms[0],
            frames_agree=votes >= self._fusion.agreement_min * len(self._tops),
            candidates=tuple(self._search(mean)),
        )

    def _assess(self, frame_reason: Reason | None, *, last: bool) -> ProbeProgress:
        """Decide if it can be decided: clear at once, doubtful only with enough frames."""
        if self._fused is None or self._pad.verdict is not PadVerdict.BONA_FIDE:
            return self._progress(ProbeState.GATHERING, frame_reason)
        verdict = self._decide(self._fused)
        enough = last or self._fused.n_frames >= self._fusion.frames_enough
        if enough or not may_improve(verdict, self._fusion.reach):
            return self._progress(ProbeState.DECIDED, None, verdict)
        return self._progress(ProbeState.GATHERING, frame_reason)

    def _why_not(self) -> Reason:
        """Say why a probe that ended undecided came to nothing; PAD first, if it had doubts."""
        if self._fused is not None or self._pad.is_doubtful:
            return Reason.PAD_UNDECIDED
        if self._reasons:
            return max(self._reasons, key=lambda reason: (self._reasons[reason], reason.value))
        return Reason.TOO_FEW_FRAMES

    def _progress(
        self,
        state: ProbeState,
        reason: Reason | None,
        identification: Identification | None = None,
    ) -> ProbeProgress:
        return ProbeProgress(
            state=state,
            reason=reason,
            identification=identification,
            n_frames=len(self._embeddings),
            pad=self._pad.verdict,
            pad_score=self._pad.score,
            frames_seen=self._seen,
            reasons=MappingProxyType(dict(self._reasons)),
        )

    def _restart(self, track: int) -> None:
        for vector in self._embeddings:
            vector.fill(0.0)
        self._track = track
        self._embeddings = []
        self._at_ms = []
        self._qualities = []
        self._tops = []
        self._fused = None
        self._pad.change_face()
