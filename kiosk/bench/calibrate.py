"""Measures a pack's impostor tails on sets of real people and prints the manifest's tables.

    python -m kiosk.bench.calibrate mobileface --data DIR --faces DIR --pad DIR

Everything goes through the kiosk's own pipeline, with its gates, spacings and fusion:

- `lfw`: one probe and one reference a person (the mean of up to eight pictures), all pairs; the
  gates on place are open, because the pictures are cut close to the face;
- `nuaa`: every live sequence is a reference, as at enrolment, and gives probes of three frames;
  only different people are compared.

Sets are split nowhere here: give it development data only. It writes nothing; the printed TOML
goes into `pack.toml` by hand, so that a new calibration is a reviewed change.
"""

from __future__ import annotations

import csv
import math
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from tqdm import tqdm

from kiosk.faces.camera.folder import FolderCamera
from kiosk.faces.camera.pictures import read_picture
from kiosk.faces.camera.port import Frame
from kiosk.faces.vision.encoder import pooled
from kiosk.faces.vision.pipeline import Pipeline, PipelineLimits
from kiosk.faces.vision.prober import FusionRule
from kiosk.faces.vision.quality import QualityLimits
from kiosk.faces.vision.tails import RATES, Scores, TailFit, extended, fit_tail
from models.manifest import Pack, find_pack

if TYPE_CHECKING:
    from numpy.typing import NDArray

PICTURES_PER_PERSON = 8
LFW_TAIL_SHARE = 1e-3
NUAA_TAIL_SHARE = 0.1
"""A tenth: eight people give 28 pairs, and a smaller share would hang on one of them."""
REFERENCE_FRAMES = 16
SEED = 20261123


def lfw_scores(pack: Pack, faces: Path) -> tuple[Scores, int]:
    """Compare everybody with everybody on LFW; also return pictures that passed no gate."""
    with (faces / "labels.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    people: dict[str, list[NDArray[np.float32]]] = defaultdict(list)
    refused = 0
    limits = PipelineLimits(
        quality=QualityLimits(face_width_share_max=math.inf, outside_share_max=math.inf)
    )
    with Pipeline(pack, limits=limits) as pipeline:
        for number, row in enumerate(tqdm(rows, desc="lfw", file=sys.stderr)):
            if len(people[row["identity"]]) >= PICTURES_PER_PERSON:
                continue
            image = read_picture(faces / row["file"])
            pipeline.wipe()
            judgement = image is not None and pipeline.judge(Frame(image, number, 0))
            if not judgement or judgement.embedding is None:
                refused += 1
                continue
            people[row["identity"]].append(judgement.embedding)
    known = [vectors for vectors in people.values() if vectors]
    # Probe and reference of one person may be the same picture: only strangers are compared.
    references = np.stack([pooled(vectors) for vectors in known])
    matrix = references @ references.T
    probe, reference = np.triu_indices(len(known), 1)
    score = matrix[probe, reference].astype(np.float64)
    return Scores(score, probe, reference, len(known)), refused


def nuaa_vectors(
    pack: Pack, pad: Path, rows: list[dict[str, str]]
) -> list[tuple[int, list[NDArray[np.float32]]]]:
    """Return for every live sequence the number of its subject and its embeddings."""
    subjects = sorted({row["subject"] for row in rows})
    sequences: list[tuple[int, list[NDArray[np.float32]]]] = []
    with Pipeline(pack) as pipeline:
        for row in tqdm(rows, desc="nuaa", file=sys.stderr):
            pipeline.wipe()
            vectors = []
            with FolderCamera(pad / "client" / row["sequence"]) as camera:
                for frame in camera.frames():
                    judgement = pipeline.judge(frame)
                    if judgement.embedding is not None:
                        vectors.append(judgement.embedding)
            sequences.append((subjects.index(row["subject"]), vectors))
    return sequences


def nuaa_scores(pack: Pack, pad: Path) -> Scores:
    """Compare probes of three frames with other people's references on NUAA's live sequences."""
    with (pad / "sequences.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["kind"] == "client"]
    sequences = nuaa_vectors(pack, pad, rows)
    subjects = {subject for subject, _ in sequences}
    frames = FusionRule().frames_min
    score, probe, reference = [], [], []
    for subject, vectors in sequences:
        probes = [pooled(vectors[i : i + frames]) for i in range(len(vectors) - frames + 1)]
        for other, theirs in sequences:
            if other == subject:
                continue
            template = pooled(theirs[:REFERENCE_FRAMES])
            score += [float(vector @ template) for vector in probes]
            probe += [subject] * len(probes)
            reference += [other] * len(probes)
    return Scores(np.array(score), np.array(probe), np.array(reference), len(subjects))


def as_toml(source: str, note: str, subjects: int, fit: TailFit, *, mixed: bool) -> str:
    """Return one `[[calibration.impostor_tail]]` table; `mixed`: of all kinds of people."""
    rates = ", ".join(f"{rate:.4g}" for rate, _ in fit.upper95)
    bounds = ", ".join(f"{score:.4f}" for _, score in fit.upper95)
    return (
        "[[calibration.impostor_tail]]\n"
        f'source = "{source}"\n'
        f'note = "{note}"\n'
        f"subjects = {subjects}\n"
        f"mixed = {str(mixed).lower()}\n"
        f"quantile_score = {fit.quantile_score:.5f}\n"
        f"shape = {fit.shape:.5f}\n"
        f"scale = {fit.scale:.5f}\n"
        f"comparisons = {fit.comparisons}\n"
        f"exceedances = {fit.exceedances}\n"
        f"rate_min = {fit.rate_min:.4g}\n"
        f"upper95_rates = [{rates}]\n"
        f"upper95_scores = [{bounds}]\n"
    )


@click.command()
@click.argument("pack_name")
@click.option("--data", "data_dir", type=click.Path(path_type=Path), required=True)
@click.option("--faces", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--pad", type=click.Path(exists=True, path_type=Path), required=True)
def main(pack_name: str, data_dir: Path, faces: Path, pad: Path) -> None:
    """Print the calibration tables of PACK_NAME."""
    pack = find_pack(pack_name, data_dir)
    nuaa = nuaa_scores(pack, pad)
    lfw, refused = lfw_scores(pack, faces)
    rates = (*RATES, nuaa.rate_min)
    large = fit_tail(lfw, tail_share=LFW_TAIL_SHARE, seed=SEED, rates=rates)
    small = fit_tail(nuaa, tail_share=NUAA_TAIL_SHARE, seed=SEED, rates=(*rates, lfw.rate_min))
    click.echo(f'[calibration]\nencoder_sha256 = "{pack.encoder.sha256}"\n')
    click.echo(
        as_toml(
            "lfw-dev",
            f"one mean of up to {PICTURES_PER_PERSON} pictures a person, all pairs; "
            f"{refused} pictures passed no gate; highest {LFW_TAIL_SHARE:g} fitted",
            lfw.subjects,
            large,
            mixed=True,
        )
    )
    click.echo(
        as_toml(
            "nuaa-dev",
            "live sequences, probes of three frames against enrolment means of other people; "
            f"highest {NUAA_TAIL_SHARE:g} fitted; below rate_min the bound grows as lfw-dev's",
            nuaa.subjects,
            extended(small, large),
            mixed=False,
        )
    )


if __name__ == "__main__":
    main()
