"""Compares a pack's detector with a reference (YuNet) on real frames, through the kiosk's code.

Both see the same frames, shrunk as the kiosk shrinks them: NUAA's webcam frames and LFW's pictures.
A face of the reference is found when a box of ours overlaps it by IoU 0.5; small ones do not count.
A false face is one of ours that overlaps no face of the reference, not even one the reference only
suspects: nobody has marked these frames by hand, so the reference's own doubt must not count
against either.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from kiosk.faces.camera.pictures import read_picture
from kiosk.faces.vision.detector import Detector

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from kiosk.faces.vision.detector import Face
    from models.manifest import Stage

FACE_SIDE_MIN = 60.0
"""Pixels of the frame: width of the reference's faces that must be found."""

IOU_MIN = 0.5
FALSE_IOU_MAX = 0.3
SUSPECT_SCORE = 0.3
"""Score from which the reference suspects a face."""

REFERENCE_SCORE = 0.8


@dataclass(slots=True)
class Agreement:
    """Counts over frames.

    Args:
        frames: Frames looked at.
        faces: Faces of the reference that count.
        found: Those that ours found too.
        false_frames: Frames in which ours shows a face that the reference does not even suspect.
        false_faces: Such faces.
        errors: Mean distance of the five landmarks, in eye distances, of each face found.
    """

    frames: int
    faces: int
    found: int
    false_frames: int
    false_faces: int
    errors: list[float]

    @classmethod
    def empty(cls) -> Agreement:
        """Return one that has seen nothing."""
        return cls(0, 0, 0, 0, 0, [])

    def add(
        self, sure: Sequence[Face], suspected: Sequence[Face], ours: Sequence[Face], side_min: float
    ) -> None:
        """Count one frame."""
        self.frames += 1
        for face in sure:
            if face.width < side_min:
                continue
            self.faces += 1
            best = max(ours, key=lambda mine: iou(face, mine), default=None)
            if best is not None and iou(face, best) >= IOU_MIN:
                self.found += 1
                self.errors.append(landmark_error(face, best))
        false = [
            mine for mine in ours if all(iou(face, mine) < FALSE_IOU_MAX for face in suspected)
        ]
        self.false_faces += len(false)
        self.false_frames += bool(false)

    def as_keys(self) -> dict[str, Any]:
        """Return the keys of the report; without a face to find, recall and error are null."""
        known = bool(self.errors)
        return {
            "n_frames": self.frames,
            "n_faces": self.faces,
            "recall_vs_reference": round(self.found / self.faces, 4) if self.faces else None,
            "landmark_error": round(float(np.median(self.errors)), 4) if known else None,
            "landmark_error_p95": round(float(np.quantile(self.errors, 0.95)), 4)
            if known
            else None,
            "false_per_frame": round(self.false_frames / max(1, self.frames), 5),
            "false_faces": self.false_faces,
        }


def iou(a: Face, b: Face) -> float:
    """Return intersection over union of two boxes."""
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    both = max(0.0, width) * max(0.0, height)
    return both / (a.width * a.height + b.width * b.height - both)


def landmark_error(reference: Face, ours: Face) -> float:
    """Return the mean distance of the landmarks, in eye distances of the reference."""
    gaps = np.linalg.norm(reference.landmarks - ours.landmarks, axis=1)
    return float(gaps.mean() / max(reference.eye_distance, 1e-6))


@dataclass(frozen=True, slots=True)
class Detection:
    """What was found, in all and a set; the plot draws the counts."""

    report: dict[str, Any]
    sets: dict[str, Agreement]


def measure(
    ours: Stage,
    reference: Stage,
    sets: dict[str, list[Path]],
    *,
    score_min: float,
    side_min: float = FACE_SIDE_MIN,
) -> Detection:
    """Run both detectors over the frames of each set.

    Args:
        ours: The detector that is measured.
        reference: The one it is compared with.
        sets: Frames by name of the set; those that cannot be read are left out.
        score_min: Our detector's threshold.
        side_min: Narrower faces of the reference need not be found.
    """
    mine = Detector(ours, score_min=score_min)
    doubtful = Detector(reference, score_min=SUSPECT_SCORE)
    found: dict[str, Agreement] = {}
    for name, files in sets.items():
        found[name] = Agreement.empty()
        for file in tqdm(files, desc=f"detect {name}", file=sys.stderr):
            image: NDArray[np.uint8] | None = read_picture(file)
            if image is None:
                continue
            suspected = doubtful.detect(image)
            sure = [face for face in suspected if face.score >= REFERENCE_SCORE]
            found[name].add(sure, suspected, mine.detect(image), side_min)
    report = {
        **_together(found.values()).as_keys(),
        "score_min": score_min,
        "face_side_min_px": side_min,
        "sets": {name: one.as_keys() for name, one in found.items()},
    }
    return Detection(report, found)


def _together(parts: Any) -> Agreement:
    whole = Agreement.empty()
    for part in parts:
        whole.frames += part.frames
        whole.faces += part.faces
        whole.found += part.found
        whole.false_frames += part.false_frames
        whole.false_faces += part.false_faces
        whole.errors += part.errors
    return whole
