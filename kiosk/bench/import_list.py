"""Writes a list of made-up people around a set of faces, to measure an import with.

    python -m kiosk.bench.import_list FACES LIST.csv --people 500

FACES holds pictures and `labels.csv` (`file,identity`). Names, numbers and PINs are made up;
nothing of the set goes into the list but the names of its files. With `--pictures 1` everybody has
one picture, as a membership file would have.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import click
import numpy as np

FIRST_NUMBER = 7_700_100_000


@click.command()
@click.argument("faces", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--people", type=click.IntRange(1), default=500, show_default=True)
@click.option("--pictures", type=click.IntRange(1, 64), default=4, show_default=True)
@click.option("--seed", type=int, default=20_261_128, show_default=True)
def main(faces: Path, target: Path, people: int, pictures: int, seed: int) -> None:
    """Write TARGET: a list of people whose pictures lie in FACES."""
    files: dict[str, list[str]] = defaultdict(list)
    with (faces / "labels.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            files[row["identity"]].append(row["file"])
    random = np.random.default_rng(seed)
    chosen = random.permutation(sorted(files))[:people]
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["name", "phone", "pin", "pictures", "consent_given_at"])
        for number, identity in enumerate(chosen):
            shown = ";".join(sorted(files[identity])[:pictures])
            phone = f"0{FIRST_NUMBER + number}"
            writer.writerow([f"Person {number}", phone, "135790", shown, "2026-11-01"])


if __name__ == "__main__":
    main()
