"""Checks the policy's thresholds on people they were not read from: one subject left out at a time.

    python -m kiosk.bench.leave_out mobileface --data DIR [--pad DIR]

The tail of the webcam set is fitted again without one of its people, put beside the pack's set with
the most comparisons, and the policy's thresholds are computed from the two. Then all comparisons of
that person with others, as probe and as reference, are held against them. It says whether the rule
would have kept out somebody it had never met; with eight people it can say so for 28 pairs.
It writes nothing.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from kiosk.bench.calibrate import NUAA_TAIL_SHARE, SEED, nuaa_scores
from kiosk.bench.sets import set_folder
from kiosk.domain.identification import ImpostorTail, SearchPolicy, Thresholds, thresholds
from kiosk.faces.vision.calibration import tails_without_owner
from kiosk.faces.vision.tails import Scores, fit_beside, largest
from models.manifest import find_pack


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One subject, and thresholds that know nothing of them.

    Args:
        subject: Their number in the set.
        limits: Thresholds from the others and the large set.
        comparisons: Theirs with everybody else.
        highest: Score of the highest.
        passing_digits: How many would be enough with digits.
        passing_open: How many would be enough alone.
    """

    subject: int
    limits: Thresholds
    comparisons: int
    highest: float
    passing_digits: int
    passing_open: int


def leave_out(scores: Scores, large: ImpostorTail, *, seed: int = SEED) -> list[LeftOut]:
    """Leave out one subject after the other.

    Args:
        scores: Impostor comparisons of at least four people.
        large: The set that says how a tail goes on.
        seed: Of the bootstrap.
    """
    found = []
    for subject in tqdm(range(scores.subjects), desc="left out", file=sys.stderr):
        theirs = (scores.probe == subject) | (scores.reference == subject)
        number = np.arange(scores.subjects) - (np.arange(scores.subjects) > subject)
        others = Scores(
            scores.score[~theirs],
            number[scores.probe[~theirs]],
            number[scores.reference[~theirs]],
            scores.subjects - 1,
        )
        limits = thresholds(1, SearchPolicy(), [large, tail_beside(others, large, seed)])
        own = scores.score[theirs]
        found.append(
            LeftOut(
                subject=subject,
                limits=limits,
                comparisons=len(own),
                highest=float(own.max()),
                passing_digits=int((own >= limits.digits).sum()),
                passing_open=int((own >= limits.open).sum()),
            )
        )
    return found


def tail_beside(scores: Scores, large: ImpostorTail, seed: int) -> ImpostorTail:
    """Fit a small set's tail, which goes on below its people as `large` does."""
    return fit_beside(scores, large, seed, tail_share=NUAA_TAIL_SHARE).as_tail("left-out")


@click.command()
@click.argument("pack_name")
@click.option("--data", "data_dir", type=click.Path(path_type=Path), required=True)
@click.option("--pad", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(pack_name: str, data_dir: Path, pad: Path | None) -> int:
    """Leave out one webcam person after the other; exit 1 if a stranger passes with digits."""
    pack = find_pack(pack_name, data_dir)
    large = largest(tails_without_owner(pack))
    found = leave_out(nuaa_scores(pack, set_folder(pad, "pad")), large)
    for one in found:
        click.echo(
            f"person {one.subject}: of {one.comparisons} comparisons {one.passing_digits} would"
            f" pass with digits (from {one.limits.digits:.4f}) and {one.passing_open} alone;"
            f" the highest scores {one.highest:.4f}"
        )
    return 0 if not any(one.passing_digits for one in found) else 1


if __name__ == "__main__":
    sys.exit(main(standalone_mode=False))
