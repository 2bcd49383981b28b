"""Measures the smile network on LFW's expression labels: happiness against neutral.

Through the pack's own detector and alignment. A few labels are known to be wrong, so no network
can be right everywhere. Other labels are left out; pictures without a face are counted.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from kiosk.bench.verification import auc
from kiosk.domain.errors import BadInputError
from kiosk.faces.camera.pictures import read_picture
from kiosk.faces.vision.detector import Detector
from kiosk.faces.vision.encoder import align
from kiosk.faces.vision.expression import SmileScorer
from kiosk.faces.vision.payer import choose_payer
from kiosk.faces.vision.pipeline import pack_threshold

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.bench.sets import FacePicture
    from models.manifest import Pack

SMILING, NOT_SMILING = "happiness", "neutral"
BOOTSTRAP_ROUNDS = 400


@dataclass(frozen=True, slots=True)
class Smiles:
    """What was found; the plot draws the scores."""

    report: dict[str, Any]
    smiling: NDArray[np.float64]
    neutral: NDArray[np.float64]


def measure(pack: Pack, pictures: list[FacePicture], *, seed: int) -> Smiles:
    """Score every picture labelled as smiling or neutral.

    Raises:
        BadInputError: `no_smile_stage` or `no_labelled_faces`.
    """
    if pack.expression is None:
        raise BadInputError(
            f"The pack {pack.name!r} has no smile network.",
            code="no_smile_stage",
            mend="Measure another pack.",
        )
    labelled = [p for p in pictures if p.expression in (SMILING, NOT_SMILING)]
    detector = Detector(pack.detector, score_min=pack_threshold(pack, "detector_score"))
    scorer = SmileScorer(pack.expression)
    scores, truth, people = [], [], []
    for picture in tqdm(labelled, desc="smile", file=sys.stderr):
        image = read_picture(picture.file)
        face = None if image is None else choose_payer(detector.detect(image), image.shape[1]).face
        if image is None or face is None:
            continue
        scores.append(scorer.score(align(image, face)))
        truth.append(picture.expression == SMILING)
        people.append(picture.identity)
    report = rates(
        np.array(scores), np.array(truth, bool), people, pack_threshold(pack, "smile_score"), seed
    )
    report |= {"pack": pack.id, "without_face": len(labelled) - len(scores), "seed": seed}
    score, smiles = np.array(scores), np.array(truth, bool)
    return Smiles(report, score[smiles], score[~smiles])


def rates(
    score: NDArray[np.float64],
    smiling: NDArray[np.bool_],
    people: list[str],
    threshold: float,
    seed: int,
) -> dict[str, Any]:
    """Return AUC with its interval by subject bootstrap, and both error rates at the threshold.

    Raises:
        BadInputError: `no_labelled_faces`.
    """
    if not smiling.any() or smiling.all():
        raise BadInputError(
            "There are no labelled faces to measure smiles on.",
            code="no_labelled_faces",
            mend="Give a folder whose labels.csv has happiness and neutral.",
        )
    _, person = np.unique(np.array(people), return_inverse=True)
    order = np.argsort(person, kind="stable")
    starts = np.searchsorted(person[order], np.arange(person.max() + 2))
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(BOOTSTRAP_ROUNDS):
        drawn = rng.integers(0, person.max() + 1, person.max() + 1)
        rows = np.concatenate([order[starts[p] : starts[p + 1]] for p in drawn])
        if smiling[rows].any() and not smiling[rows].all():
            found.append(auc(score[rows][smiling[rows]], score[rows][~smiling[rows]]))
    said = score >= threshold
    return {
        "auc": round(auc(score[smiling], score[~smiling]), 5),
        "auc_interval95": [round(float(v), 5) for v in np.quantile(found, (0.025, 0.975))],
        "threshold": threshold,
        "fpr": round(float(said[~smiling].mean()), 4),
        "fnr": round(float((~said[smiling]).mean()), 4),
        "n_smiling": int(smiling.sum()),
        "n_neutral": int((~smiling).sum()),
    }
