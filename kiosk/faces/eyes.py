"""The eyes of one session: frames in, what the session machine may know out.

Embeddings stay in here and are overwritten at the end; what goes out is a verdict, a reason, a
smile score. It runs on one thread, the one that owns the networks.
"""

from __future__ import annotations

import time
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from kiosk.domain.evidence import CameraKind, PadVerdict
from kiosk.domain.headturn import TurnPlan
from kiosk.domain.identification import (
    Candidate,
    Identification,
    ImpostorTail,
    SearchPolicy,
    decide,
)
from kiosk.domain.ids import PackId, PersonId
from kiosk.domain.lightcode import LightPlan
from kiosk.domain.pad import LayerVerdict
from kiosk.domain.session.look import Look
from kiosk.faces.vision.lesson import Lesson, lesson_of, overlap
from kiosk.faces.vision.pad.panel import Panel
from kiosk.faces.vision.pad.sight import CameraFacts, sight_of
from kiosk.faces.vision.prober import FusedProbe, Prober, ProbeState, pad_rule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kiosk.faces.camera.port import Frame
    from kiosk.faces.vision.detector import Face
    from kiosk.faces.vision.judgement import FrameJudgement
    from kiosk.faces.vision.pad.stream import StreamLayer
    from kiosk.faces.vision.pipeline import Pipeline
    from kiosk.faces.vision.prober import ProbeProgress
    from models.manifest import Pack


RECORDED = CameraFacts.of(CameraKind.FRAME_FOLDER)
"""What a recording can be asked for: nothing."""
PLACES_MAX = 2_048
"""Frames whose face's place is remembered: a minute of them."""
SAME_PLACE = 0.4
"""Overlap (intersection over union) from which two detectors mean one face: their boxes differ in
size, and two people's boxes hardly overlap at all."""
CANDIDATES = 8
"""People on the candidate list: the margin needs two, and look-alikes come in families."""


class Searched(Protocol):
    """What the eyes ask of a gallery."""

    def search(
        self, pack: PackId, probe: NDArray[np.float32], *, digits: str | None = None, k: int = 2
    ) -> list[Candidate]:
        """As `Gallery.search`."""
        ...

    def with_digits(self, pack: PackId, digits: str) -> frozenset[PersonId]:
        """As `Gallery.with_digits`."""
        ...

    def size(self, pack: PackId) -> int:
        """As `Gallery.size`."""
        ...


class Eyes:
    """Looks for one session; `wipe` ends it.

    Args:
        pack: The verified pack that the gallery's templates were made with.
        pipeline: Its networks.
        gallery: The people who can be meant.
        policy: Target rates of the search.
        tails: The impostor tails of the pack and of the gallery.
        facts: What camera and screen can be asked for; by default those of a recording.
    """

    def __init__(
        self,
        pack: Pack,
        pipeline: Pipeline,
        gallery: Searched,
        *,
        policy: SearchPolicy,
        tails: Sequence[ImpostorTail],
        facts: CameraFacts = RECORDED,
    ) -> None:
        """Start with nothing seen."""
        self._pack_id = PackId(pack.id)
        self._pipeline = pipeline
        self._gallery = gallery
        self._policy = policy
        self._tails = tails
        self._prober = Prober(search=self._search, decide=self._decide, pad=pad_rule(pack))
        self._panel = Panel(pad_rule(pack), facts)
        self._light: LightPlan | None = None
        self._turn: TurnPlan | None = None
        self._identified_track: int | None = None
        self._identified: PersonId | None = None
        self._digits: str | None = None
        self._rejoining = False
        self._unsure = False
        self._places: OrderedDict[int, tuple[int, Face]] = OrderedDict()
        self._own_tracks: set[int] = set()
        self._stages: defaultdict[str, list[float]] = defaultdict(list)
        self.frames_seen = 0
        self.newest: FrameJudgement | None = None
        """What the newest frame said, for whoever sets the camera's exposure."""

    def look(self, frame: Frame) -> Look:
        """Look at one more frame."""
        self.frames_seen += 1
        judgement = self.newest = self._pipeline.judge(frame)
        for stage, spent_ms in judgement.stages_ms.items():
            self._stages[stage].append(spent_ms)
        if judgement.face is not None:
            self._places[frame.at_ms] = judgement.track, judgement.face
            if len(self._places) > PLACES_MAX:
                self._places.popitem(last=False)
        progress = self._prober.add(judgement)
        started_ns = time.perf_counter_ns()
        self._panel.add(sight_of(frame, judgement))
        self._stages["pad_layers"].append((time.perf_counter_ns() - started_ns) / 1e6)
        if self._called_an_attack():
            return self._attack()
        changed = self._identified_track not in {None, judgement.track}
        self._unsure = judgement.unsure or changed
        if changed and self._rejoining:
            return self._rejoin(progress, judgement.track)
        if progress.state is ProbeState.DECIDED and self._identified_track is None:
            self._identified_track = judgement.track
            self._own_tracks.add(judgement.track)
            if progress.identification is not None:
                self._identified = progress.identification.person
        smile = judgement.smile_score if judgement.face_seen else None
        return self._look(progress, smile=smile, track_changed=changed)

    def finish(self) -> Look:
        """Say what it came to, when no frame will follow."""
        progress = self._prober.finish()
        if self._called_an_attack():
            return self._attack()
        return self._look(progress, smile=None, track_changed=False)

    def shine(self, plan: LightPlan) -> None:
        """Watch for the colours that the screen is going to show."""
        self._light = plan
        self._panel.light.begin(plan)

    @property
    def streams(self) -> tuple[StreamLayer, ...]:
        """The layers that must see it when the camera is commanded."""
        return (self._panel.stream,)

    @property
    def wants_light(self) -> bool:
        """Say whether no light has been judged yet, and none is being shown."""
        return self._panel.light.is_idle

    def ask_turn(self, plan: TurnPlan) -> None:
        """Watch for the head to turn, which the screen is going to ask for.

        From here on another track is another face: what turns must be what was identified.
        """
        assert self.can_turn(plan.start_ms), "whoever is asked is whoever was identified"
        self._turn = plan
        self._rejoining = False
        self._panel.turn.ask(plan.start_ms, plan.side.in_picture)

    def can_turn(self, at_ms: int) -> bool:
        """Say whether the face that was identified is there, and the screen's colours are over."""
        is_known = self._identified_track is not None
        is_lit = self._light is not None and at_ms < self._light.end_ms
        return is_known and self._identified_track == self._prober.track and not is_lit

    def _called_an_attack(self) -> bool:
        """Say whether another layer than texture calls it an attack, after texture had its say."""
        texture = self._panel.texture
        return (
            texture.has_spoken
            and texture.report().verdict is not LayerVerdict.ATTACK
            and self._panel.liveness().verdict is PadVerdict.ATTACK
        )

    def _attack(self) -> Look:
        liveness = self._panel.liveness()
        assert liveness.reason is not None, "an attack has a reason"
        return Look(PadVerdict.ATTACK, None, liveness.reason.value, liveness=liveness)

    def _look(self, progress: ProbeProgress, *, smile: float | None, track_changed: bool) -> Look:
        hint = "" if progress.reason is None else progress.reason.value
        return Look(
            progress.pad,
            progress.identification,
            hint,
            smile,
            track_changed,
            self._unsure,
            self._panel.liveness(),
            self._light,
            self._turn,
        )

    def claim(self, digits: str) -> Identification | None:
        """Decide again among the people whose phone number ends in these digits."""
        fused = self._prober.fused
        if fused is None:
            return None
        verdict = self._judge_claimed(fused, digits)
        if verdict.person is not None:
            self._digits, self._identified = digits, verdict.person
        return verdict

    def look_again(self) -> None:
        """Go on after a while without looking, in which the customer typed and looked elsewhere.

        A new track is then the same face once it has been identified anew, bona fide and as the
        same person; until then it can neither smile nor tap, and if it is somebody else the
        track has changed.
        """
        self._rejoining = self._identified_track is not None

    def _rejoin(self, progress: ProbeProgress, track: int) -> Look:
        verdict = progress.identification
        if progress.state is not ProbeState.DECIDED or verdict is None:
            return self._look(progress, smile=None, track_changed=False)
        if self._digits is not None and self._prober.fused is not None:
            verdict = self._judge_claimed(self._prober.fused, self._digits)
        same = verdict.person is not None and verdict.person == self._identified
        if same:
            self._identified_track = track
            self._own_tracks.add(track)
            self._rejoining = self._unsure = False
        return self._look(progress, smile=None, track_changed=not same)

    def _judge_claimed(self, fused: FusedProbe, digits: str) -> Identification:
        return self._judge(
            self._gallery.search(self._pack_id, fused.embedding, digits=digits, k=CANDIDATES),
            fused,
            self._gallery.with_digits(self._pack_id, digits),
        )

    def stages_ms(self) -> dict[str, float]:
        """Return the mean time of every stage over the frames on which it ran."""
        return {name: round(sum(ran) / len(ran), 2) for name, ran in self._stages.items()}

    def lessons(self, person: PersonId) -> tuple[Lesson, ...]:
        """Return what this visit could teach of somebody, their own pack's first; copies.

        Nothing, unless they are who was identified, no PAD layer calls them an attack, and their
        last track has as many bona fide samples as an enrolment needs.
        """
        pad = self._panel.liveness().verdict
        if (
            self._identified != person
            or self._identified_track != self._prober.track
            or pad is PadVerdict.ATTACK
        ):
            return ()
        proven = pad is PadVerdict.BONA_FIDE
        lesson = lesson_of(self._pack_id, self._prober.samples(), proven=proven)
        return () if lesson is None else (lesson,)

    def places(self) -> dict[int, Face]:
        """Return where the identified face was, by the time of the frame."""
        return {at: face for at, (track, face) in self._places.items() if track in self._own_tracks}

    def lesson_at(self, places: Mapping[int, Face]) -> Lesson | None:
        """Return what these eyes could teach of a face that others have identified.

        Args:
            places: Where it was; frames on which these eyes looked at another place do not count.
        """
        if self._panel.liveness().verdict is PadVerdict.ATTACK:
            return None
        own = {at: face for at, (_, face) in self._places.items()}
        samples = [
            sample
            for sample in self._prober.samples()
            if sample.at_ms in own
            and sample.at_ms in places
            and overlap(own[sample.at_ms], places[sample.at_ms]) >= SAME_PLACE
        ]
        return lesson_of(self._pack_id, samples)

    def wipe(self) -> None:
        """Overwrite and forget what was seen."""
        self._prober.wipe()
        self._pipeline.wipe()
        self._panel.wipe()
        self._light = self._turn = self.newest = None
        self._unsure = False
        self._digits = self._identified = None
        self._places.clear()
        self._own_tracks.clear()

    def _search(self, probe: NDArray[np.float32]) -> Sequence[Candidate]:
        return self._gallery.search(self._pack_id, probe, k=CANDIDATES)

    def _decide(self, fused: FusedProbe) -> Identification:
        return self._judge(fused.candidates, fused, None)

    def _judge(
        self,
        candidates: Sequence[Candidate],
        fused: FusedProbe,
        claimed: Collection[PersonId] | None,
    ) -> Identification:
        return decide(
            candidates,
            gallery_size=self._gallery.size(self._pack_id),
            policy=self._policy,
            tails=self._tails,
            claimed=claimed,
            frames_agree=fused.frames_agree,
        )
