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

from pathlib import Path

import click
import numpy as np

from kiosk.bench.embeddings import PICTURES_PER_PERSON, embed, embed_live, references
from kiosk.bench.sets import face_pictures
from kiosk.faces.vision.encoder import pooled
from kiosk.faces.vision.prober import FusionRule
from kiosk.faces.vision.tails import RATES, Scores, TailFit, extended, fit_tail
from models.manifest import Pack, find_pack

LFW_TAIL_SHARE = 1e-3
NUAA_TAIL_SHARE = 0.1
"""A tenth: eight people give 28 pairs, and a smaller share would hang on one of them."""
REFERENCE_FRAMES = 16
SEED = 20261123


def nuaa_scores(pack: Pack, pad: Path) -> Scores:
    """Compare probes of three frames with other people's references on NUAA's live sequences."""
    sequences = embed_live(pack, pad)
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
    people, refused = embed(pack, face_pictures(faces, held_out_only=False))
    lfw = references(people.values())
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
