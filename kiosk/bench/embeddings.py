"""Embeddings of whole sets of real people, through the kiosk's own pipeline, for calibrations.

Photographs are cut close to the face, so the gates on place are open for them.
Nothing of a picture or embedding is kept.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from kiosk.bench.sets import live_sequences
from kiosk.faces.camera.folder import FolderCamera
from kiosk.faces.camera.pictures import read_picture
from kiosk.faces.camera.port import Frame
from kiosk.faces.gallery_tail import compare
from kiosk.faces.vision.encoder import pooled
from kiosk.faces.vision.pipeline import Pipeline, PipelineLimits
from kiosk.faces.vision.quality import QualityLimits

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from kiosk.bench.sets import FacePicture
    from kiosk.faces.vision.tails import Scores
    from models.manifest import Pack

PICTURES_PER_PERSON = 8
"""Pictures of one person that count; more would weigh the few who have hundreds."""


def embed(
    pack: Pack, pictures: list[FacePicture]
) -> tuple[dict[str, list[NDArray[np.float32]]], int]:
    """Return up to `PICTURES_PER_PERSON` embeddings a person, and how many passed no gate."""
    people: defaultdict[str, list[NDArray[np.float32]]] = defaultdict(list)
    refused = 0
    limits = PipelineLimits(
        quality=QualityLimits(face_width_share_max=math.inf, outside_share_max=math.inf)
    )
    with Pipeline(pack, limits=limits) as pipeline:
        for number, picture in enumerate(tqdm(pictures, desc="pictures", file=sys.stderr)):
            if len(people.get(picture.identity, ())) >= PICTURES_PER_PERSON:
                continue
            image = read_picture(picture.file)
            pipeline.wipe()
            judgement = image is not None and pipeline.judge(Frame(image, number, 0))
            if judgement and judgement.embedding is not None:
                people[picture.identity].append(judgement.embedding)
            else:
                refused += 1
    return dict(people), refused


def references(people: Iterable[list[NDArray[np.float32]]]) -> Scores:
    """Compare everybody with everybody else: one reference a person, the mean of theirs.

    Probe and reference of one person would be the same pictures, so only strangers are compared.
    """
    scores = compare(np.stack([pooled(own) for own in people]))
    assert scores is not None, "nobody stops it"
    return scores


def embed_live(pack: Pack, pad: Path) -> list[tuple[int, list[NDArray[np.float32]]]]:
    """Return for every live webcam sequence the number of its subject and its embeddings."""
    rows = live_sequences(pad)
    subjects = sorted({row["subject"] for row in rows})
    sequences: list[tuple[int, list[NDArray[np.float32]]]] = []
    with Pipeline(pack) as pipeline:
        for row in tqdm(rows, desc="nuaa", file=sys.stderr):
            pipeline.wipe()
            with FolderCamera(pad / "client" / row["sequence"]) as camera:
                judged = [pipeline.judge(frame).embedding for frame in camera.frames()]
            vectors = [vector for vector in judged if vector is not None]
            sequences.append((subjects.index(row["subject"]), vectors))
    return sequences
