"""`smiletill bench liveness`: presentation attack detection on webcam people and printed photos.

Frames go through the kiosk's own pipeline with its spacings and gates; a sequence is judged by the
rule that a payment stands on. Both kinds are cut into windows of 16 frames, since prints are
shorter than live sequences and a longer look would flatter one kind.

- A frame counts as accepted when its score alone would do for a sequence.
- A window or sequence counts as accepted only when the verdict is bona fide: doubt is a refusal,
  for live people too. Where PAD never ran it is counted as `no_response` besides.
- All layers are shown the frames; texture, context and a look for repeated frames can say something
  on a recording, light, turn and a prompted movement cannot.
- `whole` judges every sequence from its first frame until the verdict, as a payment does.

The folder is one like NUAA's: `sequences.csv`, `client/`, `imposter/`. It writes nothing.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from kiosk.bench.rates import upper95
from kiosk.domain.errors import BadInputError
from kiosk.domain.evidence import CameraKind, PadVerdict
from kiosk.domain.pad import Layer, LayerVerdict
from kiosk.faces.camera.folder import FolderCamera
from kiosk.faces.camera.port import Frame
from kiosk.faces.vision.pad.panel import Panel
from kiosk.faces.vision.pad.passive import PadRule
from kiosk.faces.vision.pad.sight import CameraFacts, sight_of
from kiosk.faces.vision.pipeline import Pipeline
from kiosk.faces.vision.prober import pad_rule
from models.manifest import Pack

WINDOW_FRAMES = 16
"""Frames of a window: half a second at 30 a second, as published reports on NUAA use."""
SPECIES = {"client": "bona_fide", "imposter": "print"}
SEQUENCES_MAX = 20_000
NOTHING: frozenset[Layer] = frozenset()


@dataclass(frozen=True, slots=True)
class Recording:
    """One sequence of the set."""

    species: str
    folder: Path
    subject: str


@dataclass(slots=True)
class Judged:
    """What PAD said of one stretch of frames."""

    species: str
    subject: str
    verdict: PadVerdict
    scores: list[float] = field(default_factory=list)
    called_by: tuple[str, ...] = ()
    """Layers that called it an attack."""

    @property
    def accepted(self) -> bool:
        """Say whether it would have been let through."""
        return self.verdict is PadVerdict.BONA_FIDE


@dataclass(slots=True)
class Found:
    """Everything that was measured."""

    pack: str
    rule: PadRule
    windows: list[Judged] = field(default_factory=list)
    whole: list[Judged] = field(default_factory=list)


def recordings(pad: Path) -> list[Recording]:
    """List the sequences of a set.

    Raises:
        BadInputError: `pad_set_unreadable`: the folder is no such set.
    """
    try:
        with (pad / "sequences.csv").open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))[:SEQUENCES_MAX]
        found = [
            Recording(
                SPECIES[row["kind"]], pad / row["kind"] / Path(row["sequence"]).name, row["subject"]
            )
            for row in rows
        ]
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
        raise BadInputError(
            "The folder named by --pad is no set of live and printed sequences.",
            code="pad_set_unreadable",
            mend="Name one with sequences.csv, client/ and imposter/.",
        ) from error
    if not found:
        raise BadInputError(
            "The set named by --pad has no sequence.",
            code="pad_set_empty",
            mend="Check its sequences.csv.",
        )
    return found


def measure(pack: Pack, pad: Path, *, progress: bool = True) -> Found:
    """Judge every window and every whole sequence of a set.

    Raises:
        BadInputError: The set cannot be used.
        SetupError: The pack cannot be used.
    """
    found = Found(pack.id, pad_rule(pack))
    listed = recordings(pad)
    with Pipeline(pack) as pipeline:
        for recording in tqdm(listed, desc="liveness", file=sys.stderr, disable=not progress):
            with FolderCamera(recording.folder) as camera:
                frames = list(camera.frames())
            for window in windows_of(frames):
                found.windows.append(_judge(pipeline, found.rule, recording, window))
            found.whole.append(_judge(pipeline, found.rule, recording, frames, until_decided=True))
    return found


def windows_of(frames: Sequence[Frame]) -> Iterator[Sequence[Frame]]:
    """Cut a sequence into windows of 16 frames, the last one ending with it; one if it is short."""
    starts = list(range(0, max(1, len(frames) - WINDOW_FRAMES + 1), WINDOW_FRAMES))
    if len(frames) > starts[-1] + WINDOW_FRAMES:
        starts.append(len(frames) - WINDOW_FRAMES)
    for start in starts:
        yield frames[start : start + WINDOW_FRAMES]


def _judge(
    pipeline: Pipeline,
    rule: PadRule,
    recording: Recording,
    frames: Sequence[Frame],
    *,
    until_decided: bool = False,
) -> Judged:
    """Judge a stretch of frames of which nothing was seen before."""
    pipeline.wipe()
    panel = Panel(rule, CameraFacts.of(CameraKind.FRAME_FOLDER))
    judged = Judged(recording.species, recording.subject, PadVerdict.UNDECIDED)
    for frame in frames:
        judgement = pipeline.judge(frame)
        panel.add(sight_of(frame, judgement))
        if judgement.pad_score is not None:
            judged.scores.append(judgement.pad_score)
        # What a recording cannot prove is missing, not in doubt.
        if until_decided and panel.liveness(needed=NOTHING).verdict is not PadVerdict.UNDECIDED:
            break
    liveness = panel.liveness(needed=NOTHING)
    judged.verdict = liveness.verdict
    judged.called_by = tuple(
        report.layer.value for report in panel.reports() if report.verdict is LayerVerdict.ATTACK
    )
    return judged


def report(found: Found, seed: int) -> dict[str, Any]:
    """Return the contract's keys, and more."""
    windows = _group(found.windows)
    whole = _group(found.whole)
    live = windows.get("bona_fide", [])
    attacks = {species: judged for species, judged in windows.items() if species != "bona_fide"}
    everybody = [judged for group in attacks.values() for judged in group]
    return {
        "pack": found.pack,
        "seed": seed,
        "window_frames": WINDOW_FRAMES,
        "rule": {"bona_fide_min": found.rule.bona_fide_min, "attack_max": found.rule.attack_max},
        "frames": {
            "apcer": {s: _share(_passing(found.rule, g)) for s, g in sorted(attacks.items())},
            "bpcer": _share([not passed for passed in _passing(found.rule, live)]),
            "n": {s: sum(len(j.scores) for j in g) for s, g in sorted(windows.items())},
        },
        "sequences": {
            # ISO/IEC 30107-3: the worst species, never the mean of them.
            "apcer": max((_share([j.accepted for j in g]) for g in attacks.values()), default=0.0),
            "bpcer": _share([not judged.accepted for judged in live]),
            "n_attack": len(everybody),
            "n_bona_fide": len(live),
            "by_species": {s: _counts(g) for s, g in sorted(windows.items())},
        },
        "whole": {s: _counts(g) for s, g in sorted(whole.items())},
    }


def in_words(told: dict[str, Any]) -> str:
    """Return the report for a person."""
    lines = [f"Pack {told['pack']}, windows of {told['window_frames']} frames:"]
    for part, name in ((told["sequences"]["by_species"], "windows"), (told["whole"], "sequences")):
        lines += [
            f"  {species}: {c['accepted']} of {c['n']} {name} accepted"
            f" (error at most {c['error_upper95']:.1%} with 95 % confidence, if independent)"
            for species, c in part.items()
        ]
    return "\n".join(lines)


def _group(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    groups: dict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        groups[one.species].append(one)
    return dict(groups)


def _passing(rule: PadRule, judged: Sequence[Judged]) -> list[bool]:
    return [score >= rule.bona_fide_min for one in judged for score in one.scores]


def _share(answers: Sequence[bool]) -> float:
    return round(sum(answers) / len(answers), 5) if answers else 0.0


def _counts(judged: Sequence[Judged]) -> dict[str, Any]:
    accepted = sum(one.accepted for one in judged)
    wrong = len(judged) - accepted if judged[0].species == "bona_fide" else accepted
    return {
        "n": len(judged),
        "subjects": len({one.subject for one in judged}),
        "accepted": accepted,
        "called_attack": sum(one.verdict is PadVerdict.ATTACK for one in judged),
        "undecided": sum(one.verdict is PadVerdict.UNDECIDED for one in judged),
        "no_response": sum(not one.scores for one in judged),
        "called_by": dict(Counter(layer for one in judged for layer in one.called_by)),
        "error_upper95": round(upper95(wrong, len(judged)), 4),
    }


def plot(found: Found, path: Path) -> None:
    """Draw how the scores of windows lie, as PNG.

    Raises:
        BadInputError: `plot_unwritable`.
    """
    from kiosk.bench.drawing import save, subplots  # noqa: PLC0415 - it takes a second to load

    figure, axes = subplots()
    for species, judged in sorted(_group(found.windows).items()):
        means = [sum(one.scores) / len(one.scores) for one in judged if one.scores]
        axes.hist(means, bins=40, range=(0, 1), alpha=0.6, label=f"{species} ({len(means)})")
    axes.axvline(found.rule.bona_fide_min, color="black", label="bona fide from here")
    axes.axvline(found.rule.attack_max, color="black", linestyle="--", label="attack up to here")
    axes.set(
        xlabel="mean score of a window of 16 frames", ylabel="windows", title=f"PAD, {found.pack}"
    )
    axes.legend()
    save(figure, path)
