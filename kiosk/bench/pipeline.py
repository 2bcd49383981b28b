"""`smiletill bench pipeline`: what the kiosk adds to its networks, and how soon it knows somebody.

Live webcam sequences, decoded in memory beforehand, go through three things in turn, frame by frame
where it can be, so that a busy machine spoils all alike. Seconds are those of the one thread that
works (nothing here waits), so that other programs' turns are not counted:

- ours: the kiosk's own pipeline, gates and spacings;
- the floor: the same networks called bare, on inputs prepared beforehand, at the same sizes, with
  the same threads, and exactly as often as ours called them;
- the plain loop of a tutorial: on every frame, detect on the full frame, align with insightface,
  run PAD and encoder.

The time to identity plays every sequence on a clock of 30 frames a second: while a frame is judged
the next ones pass, and only the newest is taken, as the kiosk's mailbox does. It runs from the
first frame that counts to the verdict, whatever that verdict then asks for. References come from
another sequence of the same person where there is one, else from the sequence's own second half.
It writes nothing but the plot.
"""

from __future__ import annotations

import csv
import resource
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from insightface.utils import face_align
from tqdm import tqdm

from kiosk.domain.errors import SetupError
from kiosk.domain.evidence import CameraKind
from kiosk.domain.identification import Candidate, SearchPolicy, decide
from kiosk.domain.ids import PersonId
from kiosk.faces.camera.folder import FolderCamera
from kiosk.faces.camera.port import Frame
from kiosk.faces.vision.calibration import tails_without_owner
from kiosk.faces.vision.detector import CANDIDATES_MAX, DETECTION_SIDE_MAX, NMS_IOU, Face
from kiosk.faces.vision.encoder import Encoder, pooled
from kiosk.faces.vision.pad.panel import Panel
from kiosk.faces.vision.pad.passive import PassivePad
from kiosk.faces.vision.pad.sight import CameraFacts, sight_of
from kiosk.faces.vision.pipeline import Pipeline, pack_threshold
from kiosk.faces.vision.prober import Prober, ProbeState, pad_rule
from kiosk.faces.vision.runtime import VISION_THREADS, open_session, quiet_upstream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.manifest import Pack

FRAME_MS = 1000 / 30
SEQUENCES_MAX = 40
REFERENCE_FRAMES = 16
TURNS = 3
"""How often everything is measured; medians are told."""


@dataclass(frozen=True, slots=True)
class Played:
    """One live sequence: decoded frames of one person."""

    name: str
    subject: str
    frames: tuple[Frame, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Turn:
    """One sequence in one turn, in seconds of the one thread that works.

    Args:
        ours_s: The pipeline on all frames.
        floor_s: The bare networks on all frames.
        layers_s: The layers of presentation attack detection that are no networks, on all frames.
        identify_s: Pipeline, search and decision up to the verdict.
        plain_s: The plain loop on the same frames.
    """

    ours_s: float
    floor_s: float
    layers_s: float
    identify_s: float
    plain_s: float


@dataclass(slots=True)
class Found:
    """Everything that was measured."""

    pack: str
    turns: list[list[Turn]] = field(default_factory=list)
    frames: int = 0
    stages_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    identify_ms: list[float] = field(default_factory=list)
    undecided: int = 0


def measure(pack: Pack, pad: Path, *, sequences: int = SEQUENCES_MAX, turns: int = TURNS) -> Found:
    """Measure one pack on the live sequences of a folder like NUAA's."""
    quiet_upstream()
    played = _load(pad, sequences)
    found = Found(pack.id)
    bare = _Bare(pack)
    with Pipeline(pack) as pipeline:
        references = _references(pipeline, played)
        with tqdm(total=turns * len(played), desc="pipeline", file=sys.stderr) as bar:
            for _ in range(turns):
                turn = []
                for sequence in played:
                    turn.append(_turn(pack, pipeline, bare, sequence, references, found))
                    bar.update()
                found.turns.append(turn)
        for sequence in tqdm(played, desc="time to identity", file=sys.stderr):
            spent = _time_to_identity(pack, pipeline, sequence, references)
            if spent is None:
                found.undecided += 1
            else:
                found.identify_ms.append(spent)
    found.frames = sum(len(sequence.frames) for sequence in played)
    return found


def report(found: Found) -> dict[str, Any]:
    """Return the contract's keys, and what they were made of."""
    rows = [turn for row in found.turns for turn in row]
    per_frame = 1e3 / found.frames
    ours = [sum(turn.ours_s for turn in row) * per_frame for row in found.turns]
    floor = [sum(turn.floor_s for turn in row) * per_frame for row in found.turns]
    cpu = [statistics.mean(turn.identify_s for turn in row) for row in found.turns]
    plain = [statistics.mean(turn.plain_s for turn in row) for row in found.turns]
    times = sorted(found.identify_ms)
    return {
        "pack": found.pack,
        "ratio_to_floor": round(statistics.median(t.ours_s / t.floor_s for t in rows), 3),
        "ratio_with_pad_layers": round(
            statistics.median((t.ours_s + t.layers_s) / t.floor_s for t in rows), 3
        ),
        "cpu_ratio_to_plain_loop": round(
            statistics.median(t.identify_s / t.plain_s for t in rows), 3
        ),
        "frame_ms": {
            "ours": round(statistics.median(ours), 3),
            "floor": round(statistics.median(floor), 3),
            "pad_layers": round(
                statistics.median(sum(t.layers_s for t in row) * per_frame for row in found.turns),
                3,
            ),
        },
        "cpu_s_per_identification": {
            "ours": round(statistics.median(cpu), 4),
            "plain_loop": round(statistics.median(plain), 4),
        },
        "stages_ms": {
            name: round(statistics.median(spent), 3) for name, spent in found.stages_ms.items()
        },
        "identify_ms": {
            "p50": round(float(np.quantile(times, 0.5)), 1) if times else None,
            "p95": round(float(np.quantile(times, 0.95)), 1) if times else None,
        },
        "identified": len(times),
        "undecided": found.undecided,
        "sequences": len(found.turns[0]),
        "frames": found.frames,
        "turns": len(found.turns),
        "threads": VISION_THREADS,
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def in_words(told: dict[str, Any]) -> str:
    """Say it to a person."""
    frame, cpu = told["frame_ms"], told["cpu_s_per_identification"]
    return (
        f"{told['pack']}: a frame takes {frame['ours']} ms, its networks alone {frame['floor']} ms"
        f" ({told['ratio_to_floor']} of the floor). The layers of attack detection that are no"
        f" networks add {frame['pad_layers']} ms ({told['ratio_with_pad_layers']} of the floor).\n"
        f"An identification takes {cpu['ours']} s of the processor, the plain loop"
        f" {cpu['plain_loop']} s ({told['cpu_ratio_to_plain_loop']}).\n"
        f"From the first frame that counts to the verdict: {told['identify_ms']['p50']} ms at p50,"
        f" {told['identify_ms']['p95']} ms at p95, {told['undecided']} of {told['sequences']}"
        " sequences undecided."
    )


def plot(found: Found, path: Path) -> None:
    """Draw the time of the stages, and the times to identity."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to load, seldom wanted

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    names = list(found.stages_ms)
    left.bar(names, [statistics.median(found.stages_ms[name]) for name in names])
    left.set_ylabel("milliseconds a call, median")
    left.set_title(f"Stages of {found.pack}")
    right.hist(found.identify_ms, bins=20)
    right.set_xlabel("milliseconds from the first frame that counts to the verdict")
    right.set_ylabel("sequences")
    right.set_title("Time to identity at 30 frames a second")
    figure.savefig(path, dpi=120)


def _load(pad: Path, most: int) -> list[Played]:
    try:
        with (pad / "sequences.csv").open(encoding="utf-8", newline="") as stream:
            rows = [row for row in csv.DictReader(stream) if row["kind"] == "client"][:most]
    except (OSError, KeyError) as error:
        raise SetupError(
            f"{pad} is no set like NUAA's.",
            code="bench_set_missing",
            mend="Name a folder with sequences.csv and client/ by --pad.",
        ) from error
    loaded = []
    for row in tqdm(rows, desc="decoding", file=sys.stderr):
        with FolderCamera(pad / "client" / row["sequence"]) as camera:
            frames = tuple(camera.frames())
        loaded.append(Played(row["sequence"], row["subject"], frames))
    return loaded


def _references(pipeline: Pipeline, played: Sequence[Played]) -> dict[str, NDArray[np.float32]]:
    """Return for every sequence the reference of its person, from other frames where possible."""
    own: dict[str, list[NDArray[np.float32]]] = {}
    for sequence in tqdm(played, desc="references", file=sys.stderr):
        pipeline.wipe()
        judged = [pipeline.judge(frame).embedding for frame in sequence.frames]
        own[sequence.name] = [vector for vector in judged if vector is not None]
    chosen = {}
    for sequence in played:
        other = next(
            (s for s in played if s.subject == sequence.subject and s.name != sequence.name), None
        )
        vectors = own[sequence.name][-REFERENCE_FRAMES:]
        if other is not None and own[other.name]:
            vectors = own[other.name][:REFERENCE_FRAMES]
        if vectors:
            chosen[sequence.name] = pooled(vectors)
    return chosen


def _prober(pack: Pack, sequence: Played, references: dict[str, NDArray[np.float32]]) -> Prober:
    """A prober whose gallery holds the person's reference and one of everybody else."""
    people = {sequence.subject: references.get(sequence.name)}
    for name, vector in references.items():
        people.setdefault(name.split("_", 1)[0], vector)
    known = {name: vector for name, vector in people.items() if vector is not None}
    names, matrix = [PersonId(name) for name in known], np.stack(list(known.values()))
    tails, policy = tails_without_owner(pack), SearchPolicy()

    def search(probe: NDArray[np.float32]) -> list[Candidate]:
        scores = (matrix @ probe).tolist()
        return [Candidate(name, float(score)) for name, score in zip(names, scores, strict=True)]

    return Prober(
        search=search,
        decide=lambda fused: decide(
            fused.candidates,
            gallery_size=len(names),
            policy=policy,
            tails=tails,
            frames_agree=fused.frames_agree,
        ),
        pad=pad_rule(pack),
    )


def _turn(
    pack: Pack,
    pipeline: Pipeline,
    bare: _Bare,
    sequence: Played,
    references: dict[str, NDArray[np.float32]],
    found: Found,
) -> Turn:
    """Play one sequence through all three; the floor repeats ours call by call."""
    prober = _prober(pack, sequence, references)
    pipeline.wipe()
    panel = Panel(pad_rule(pack), CameraFacts.of(CameraKind.FRAME_FOLDER))
    ours_s = floor_s = layers_s = cpu_s = 0.0
    decided_at = None
    for number, frame in enumerate(sequence.frames):
        undecided = decided_at is None
        begun = time.thread_time()
        judgement = pipeline.judge(frame)
        judged = time.thread_time()
        if undecided and prober.add(judgement).state is not ProbeState.GATHERING:
            decided_at = number
        probed = time.thread_time()
        panel.add(sight_of(frame, judgement))
        layered = time.thread_time()
        ours_s += judged - begun
        layers_s += layered - probed
        cpu_s += layered - begun if undecided else 0.0
        for stage, spent_ms in judgement.stages_ms.items():
            found.stages_ms[stage].append(spent_ms)
        floor_s += bare.floor(frame, pipeline.searched, frozenset(judgement.stages_ms))
    pipeline.wipe()
    prober.wipe()
    upto = len(sequence.frames) if decided_at is None else decided_at + 1
    return Turn(ours_s, floor_s, layers_s, cpu_s, bare.plain(sequence.frames[:upto]))


def _time_to_identity(
    pack: Pack,
    pipeline: Pipeline,
    sequence: Played,
    references: dict[str, NDArray[np.float32]],
) -> float | None:
    """Play one sequence against the clock; None: it never came to a verdict."""
    prober = _prober(pack, sequence, references)
    pipeline.wipe()
    now_ms, taken, sharp_ms = 0.0, -1, None
    while True:
        newest = int(now_ms / FRAME_MS + 1e-9)
        if newest == taken:
            newest, now_ms = taken + 1, (taken + 1) * FRAME_MS
        if newest >= len(sequence.frames):
            return None
        taken = newest
        frame = Frame(sequence.frames[taken].image, taken, round(taken * FRAME_MS))
        begun = time.perf_counter()
        judgement = pipeline.judge(frame)
        progress = prober.add(judgement)
        now_ms += (time.perf_counter() - begun) * 1e3
        if sharp_ms is None and judgement.reason is None:
            sharp_ms = taken * FRAME_MS
        if progress.state is ProbeState.DECIDED:
            return now_ms - (sharp_ms or 0.0)
        if progress.state is ProbeState.REFUSED:
            return None


class _Bare:
    """The pack's networks without anything around them."""

    def __init__(self, pack: Pack) -> None:
        self._score_min = pack_threshold(pack, "detector_score")
        self._file = pack.detector.file
        self._nets: dict[tuple[int, int], Any] = {}
        smile = [] if pack.expression is None else [pack.expression]
        quality = [] if pack.quality is None else [pack.quality]
        stages = {
            "pad": pack.pad,
            "smile": smile,
            "learned_quality": quality,
            "encode": [pack.encoder],
        }
        self._runners = {
            name: [_runner(open_session(stage.file)) for stage in files]
            for name, files in stages.items()
        }
        self._encoder = Encoder(pack.encoder)
        self._passive = PassivePad(pack.pad)

    def floor(self, frame: Frame, size: tuple[int, int], stages: frozenset[str]) -> float:
        """Return the seconds of the networks alone, called as ours called them on this frame."""
        calls = [_searcher(self._detector(size), _shrunk(frame.image, size))]
        for stage, runners in self._runners.items():
            calls += runners if stage in stages else []
        begun = time.thread_time()
        for call in calls:
            call()
        return time.thread_time() - begun

    def plain(self, frames: Sequence[Frame]) -> float:
        """Return the processor's seconds of the loop that a tutorial would write."""
        height, width = frames[0].image.shape[:2]
        detector = self._detector((width, height))
        begun = time.thread_time()
        for frame in frames:
            _, rows = detector.detect(frame.image)
            if rows is None:
                continue
            row = max(rows, key=lambda face: face[2] * face[3])
            crop = face_align.norm_crop(frame.image, row[4:14].reshape(5, 2), 112)
            self._passive.score(frame.image, _plain_face(row))
            self._encoder.encode(crop)
        return time.thread_time() - begun

    def _detector(self, size: tuple[int, int]) -> Any:
        if size not in self._nets:
            self._nets[size] = cv2.FaceDetectorYN.create(
                model=str(self._file),
                config="",
                input_size=size,
                score_threshold=self._score_min,
                nms_threshold=NMS_IOU,
                top_k=CANDIDATES_MAX,
            )
        return self._nets[size]


def _blob(session: Any) -> NDArray[np.float32]:
    """Return an input of the size that a network takes; its content does not change its time."""
    shape = [side if isinstance(side, int) else 1 for side in session.get_inputs()[0].shape]
    return np.random.default_rng(1).uniform(0, 255, shape).astype(np.float32)


def _runner(session: Any) -> Callable[[], Any]:
    name, blob = session.get_inputs()[0].name, _blob(session)
    return lambda: session.run(None, {name: blob})


def _searcher(net: Any, picture: NDArray[np.uint8]) -> Callable[[], Any]:
    return lambda: net.detect(picture)


def _shrunk(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a picture of this size: the whole frame, or the middle where ours cut one out."""
    height, width = image.shape[:2]
    shrink = min(1.0, DETECTION_SIDE_MAX / max(height, width))
    whole = (round(width * shrink), round(height * shrink))
    seen = np.asarray(cv2.resize(image, whole, interpolation=cv2.INTER_AREA), np.uint8)
    if size == whole:
        return seen
    left, top = (whole[0] - size[0]) // 2, (whole[1] - size[1]) // 2
    return np.ascontiguousarray(seen[top : top + size[1], left : left + size[0]])


def _plain_face(row: NDArray[np.float32]) -> Face:
    x, y, width, height = (float(value) for value in row[:4])
    return Face(x, y, width, height, float(row[14]), row[4:14].reshape(5, 2))
