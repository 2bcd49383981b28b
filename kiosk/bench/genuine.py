"""Measures how often a pack misses the right person, and prints the manifest's tables.

    python -m kiosk.bench.genuine mobileface --data DIR [--faces DIR] [--pad DIR]

- `lfw`: every picture of a person is a probe against the mean of their others (up to eight
  pictures a person); a photograph of years apart, one picture a probe: harder than a kiosk.
- `nuaa`: probes of three frames against the references of the same person's other sessions.

Intervals are by subject bootstrap. It writes nothing; the printed TOML goes into `pack.toml` by
hand, so that a new measurement is a reviewed change.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from kiosk.bench.calibrate import REFERENCE_FRAMES
from kiosk.bench.embeddings import embed, embed_live
from kiosk.bench.sets import face_pictures, set_folder
from kiosk.faces.vision.encoder import pooled
from kiosk.faces.vision.prober import FusionRule
from models.manifest import Pack, find_pack

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCORES = tuple(round(0.2 + 0.02 * step, 2) for step in range(41))
"""Thresholds of the curve, .20 to 1.00."""
ROUNDS = 400
SEED = 20261128


@dataclass(frozen=True, slots=True)
class Genuine:
    """Genuine scores of one set and whose each is."""

    score: NDArray[np.float64]
    subject: NDArray[np.int64]

    @property
    def subjects(self) -> int:
        """Different people."""
        return len(np.unique(self.subject))


def lfw_genuine(pack: Pack, faces: Path) -> Genuine:
    """Compare every picture with the mean of the same person's others."""
    people, _ = embed(pack, face_pictures(faces, held_out_only=False))
    score, subject = [], []
    for number, vectors in enumerate(people.values()):
        for left_out in range(len(vectors)):
            others = vectors[:left_out] + vectors[left_out + 1 :]
            if others:
                score.append(float(vectors[left_out] @ pooled(others)))
                subject.append(number)
    return Genuine(np.array(score), np.array(subject))


def nuaa_genuine(pack: Pack, pad: Path) -> Genuine:
    """Compare probes of three frames with references of other sessions."""
    sequences = embed_live(pack, pad)
    frames = FusionRule().frames_min
    score, subject = [], []
    for here, (person, vectors) in enumerate(sequences):
        probes = [pooled(vectors[i : i + frames]) for i in range(len(vectors) - frames + 1)]
        for there, (other, theirs) in enumerate(sequences):
            if here != there and other == person and theirs:
                template = pooled(theirs[:REFERENCE_FRAMES])
                score += [float(probe @ template) for probe in probes]
                subject += [person] * len(probes)
    return Genuine(np.array(score), np.array(subject))


def curve(found: Genuine, seed: int = SEED) -> tuple[list[float], list[float], list[float]]:
    """Return the shares missed at `SCORES`, and the ends of their 95 % intervals."""
    people = np.unique(found.subject)
    grid = np.array(SCORES)
    # One row a person: how many of their probes each threshold misses, and how many there are.
    missed = np.array([(found.score[found.subject == p, None] < grid).sum(0) for p in people])
    tried = np.array([(found.subject == p).sum() for p in people])
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(people), (ROUNDS, len(people)))
    again = missed[drawn].sum(1) / tried[drawn].sum(1)[:, None]
    rate = missed.sum(0) / tried.sum()
    low, high = np.quantile(again, (0.025, 0.975), axis=0)
    # A bootstrap of nobody who failed says zero; the rule of three does not (19795-1).
    high = np.where(rate == 0, min(1.0, 3.0 / len(people)), high)
    # Who is missed at one threshold is missed at every higher one, and so is the bound.
    high = np.minimum.accumulate(high[::-1])[::-1]
    return rate.tolist(), np.minimum(low, rate).tolist(), np.maximum(high, rate).tolist()


def as_toml(source: str, note: str, found: Genuine) -> str:
    """Return one `[[calibration.genuine]]` table."""
    missed, low, high = curve(found)

    def listed(values: list[float]) -> str:
        return "[" + ", ".join(f"{value:.4f}" for value in values) + "]"

    return (
        "[[calibration.genuine]]\n"
        f'source = "{source}"\nnote = "{note}"\n'
        f"subjects = {found.subjects}\nattempts = {len(found.score)}\n"
        f"scores = {listed(list(SCORES))}\nmissed = {listed(missed)}\n"
        f"low = {listed(low)}\nhigh = {listed(high)}\n"
    )


@click.command()
@click.argument("pack_name")
@click.option("--data", "data_dir", type=click.Path(path_type=Path), required=True)
@click.option("--faces", type=click.Path(exists=True, path_type=Path))
@click.option("--pad", type=click.Path(exists=True, path_type=Path))
def main(pack_name: str, data_dir: Path, faces: Path | None, pad: Path | None) -> None:
    """Print the genuine tables of PACK_NAME."""
    pack = find_pack(pack_name, data_dir)
    lfw = lfw_genuine(pack, set_folder(faces, "faces"))
    nuaa = nuaa_genuine(pack, set_folder(pad, "pad"))
    click.echo(as_toml("lfw-dev", "single pictures against the mean of the others", lfw))
    click.echo(as_toml("nuaa-dev", "three frames against other sessions", nuaa))


if __name__ == "__main__":
    main()
