"""Measures how well faces are told apart, beside the same encoder called bare, on LFW's pictures.

Every picture goes through the kiosk's own pipeline and gates. Those on place are open, because the
pictures are cut close to the face. "Bare" is the pack's encoder called through insightface with
its standard alignment on the same detector's landmarks, without a gate.

Pictures without an embedding are failures to acquire. As in ISO/IEC 19795-1, FMR, FNMR and EER are
over the pictures that were acquired; `tar_with_failures` also counts every genuine pair with a
failed picture as missed. In the open set a failed picture is a probe that identifies nobody.

The open set is one search a probe by the policy's own rule and threshold: single pictures of
other days, where the kiosk fuses three frames of one moment, so FNIR is on the cautious side.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from insightface.model_zoo.arcface_onnx import ArcFaceONNX
from insightface.utils import face_align
from tqdm import tqdm

from kiosk.bench.openset import search_all
from kiosk.bench.verification import Comparisons, Verification, compare_all, verify
from kiosk.faces.camera.pictures import read_picture
from kiosk.faces.camera.port import Frame
from kiosk.faces.vision.calibration import tails_without_owner
from kiosk.faces.vision.detector import Detector
from kiosk.faces.vision.encoder import normalised
from kiosk.faces.vision.payer import choose_payer
from kiosk.faces.vision.pipeline import Pipeline, PipelineLimits, pack_threshold
from kiosk.faces.vision.quality import QualityLimits
from kiosk.faces.vision.runtime import open_session

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.bench.sets import FacePicture
    from models.manifest import Pack

    Vectors = list[NDArray[np.float32] | None]

GALLERY_SIZES = (100, 500)
"""People of the open set; fewer where the set has fewer with two pictures."""


@dataclass(frozen=True, slots=True)
class Identification:
    """What was found; `ours` and `bare` are the comparisons that a plot draws."""

    report: dict[str, Any]
    ours: Comparisons
    bare: Comparisons


def measure(pack: Pack, pictures: list[FacePicture], *, seed: int) -> Identification:
    """Embed every picture both ways, then compare all with all.

    Args:
        pack: A pack whose files have been verified.
        pictures: At least two of one person, and of two people.
        seed: Of the capped pairs, the bootstrap and the open set.
    """
    ours, bare = _embed(pack, pictures)
    names = sorted({picture.identity for picture in pictures})
    number = {name: i for i, name in enumerate(names)}
    person = np.array([number[picture.identity] for picture in pictures], np.int64)
    compared = compare_all(ours, person, seed=seed)
    plain = compare_all(bare, person, seed=seed)
    mine, theirs = verify(compared, seed=seed), verify(plain, seed=seed)
    tails = tails_without_owner(pack)
    report = {
        "pack": pack.id,
        "n_images": len(pictures),
        "n_identities": len(names),
        "failures_to_acquire": sum(vector is None for vector in ours),
        "genuine_pairs": len(compared.genuine),
        "impostor_pairs": compared.impostors,
        **_as_keys(mine),
        "tar_with_failures": {
            name: round(
                value * len(compared.genuine) / (len(compared.genuine) + compared.failed), 4
            )
            for name, value in mine.tar.items()
        },
        "bare": {
            "failures_to_acquire": sum(vector is None for vector in bare),
            **_as_keys(theirs),
        },
        "open_set": [
            search_all(ours, person, gallery, tails, seed=seed).as_keys()
            for gallery in GALLERY_SIZES
        ],
        "thresholds_from": [tail.source for tail in tails],
        "seed": seed,
    }
    return Identification(report, compared, plain)


def _embed(pack: Pack, pictures: list[FacePicture]) -> tuple[Vectors, Vectors]:
    """Return each picture's embedding from the pipeline, and from the bare encoder."""
    limits = PipelineLimits(
        quality=QualityLimits(face_width_share_max=math.inf, outside_share_max=math.inf)
    )
    detector = Detector(pack.detector, score_min=pack_threshold(pack, "detector_score"))
    encoder = ArcFaceONNX(
        model_file=str(pack.encoder.file), session=open_session(pack.encoder.file)
    )
    ours: Vectors = []
    bare: Vectors = []
    with Pipeline(pack, limits=limits) as pipeline:
        for index, picture in enumerate(tqdm(pictures, desc="identify", file=sys.stderr)):
            image = read_picture(picture.file)
            if image is None:
                ours.append(None)
                bare.append(None)
                continue
            pipeline.wipe()
            ours.append(pipeline.judge(Frame(image, index, 0)).embedding)
            face = choose_payer(detector.detect(image), image.shape[1]).face
            if face is None:
                bare.append(None)
                continue
            crop = face_align.norm_crop(image, face.landmarks)
            bare.append(normalised(encoder.get_feat(crop).reshape(-1)))
    return ours, bare


def _as_keys(found: Verification) -> dict[str, Any]:
    return {
        "tar": {name: round(value, 4) for name, value in found.tar.items()},
        "tar_interval95": {
            name: [round(low, 4), round(high, 4)]
            for name, (low, high) in found.tar_interval.items()
        },
        "eer": round(found.eer, 4),
        "eer_interval95": [round(value, 4) for value in found.eer_interval],
    }
