"""`smiletill bench liveness`: presentation attack detection, on recordings and on simulations."""

from __future__ import annotations

from pathlib import Path

import click

from kiosk.commands.common import NewFile, data_option, emit, json_option
from models.manifest import find_pack
from models.store import current_pack


@click.command()
@click.option("--pack", help="Model pack; else the one in use.")
@click.option(
    "--pad",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A set like NUAA: sequences.csv, client/, imposter/.",
)
@click.option("--seed", type=click.IntRange(0), default=20_261_128, show_default=True)
@click.option("--plot", type=NewFile(), help="Draw a PNG.")
@click.option("--simulated", is_flag=True, help="Play simulated attacks on all layers instead.")
@click.option("--per-species", type=click.IntRange(1, 1_000), default=30, show_default=True)
@click.option("--bona-fide", type=click.IntRange(1, 10_000), default=200, show_default=True)
@click.option("--processes", type=click.IntRange(1, 8), default=2, show_default=True)
@data_option
@json_option
def liveness(
    *,
    pack: str | None,
    pad: Path | None,
    simulated: bool,
    per_species: int,
    bona_fide: int,
    processes: int,
    seed: int,
    plot: Path | None,
    data_dir: Path,
    as_json: bool,
) -> int:
    """Measure presentation attack detection; exit 1 when an attack was accepted."""
    # Imported here: listing the words must not load the networks.
    from kiosk.bench import liveness as bench_liveness  # noqa: PLC0415
    from kiosk.bench.sets import set_folder  # noqa: PLC0415

    if simulated:
        return _simulated(seed, per_species, bona_fide, processes, plot, as_json)
    found = bench_liveness.measure(
        find_pack(pack or current_pack(data_dir), data_dir), set_folder(pad, "pad")
    )
    told = bench_liveness.report(found, seed)
    if plot is not None:
        bench_liveness.plot(found, plot)
    emit(told, as_json, bench_liveness.in_words(told))
    return 0 if told["sequences"]["apcer"] == 0 else 1


def _simulated(
    seed: int, per_species: int, bona_fide: int, processes: int, plot: Path | None, as_json: bool
) -> int:
    from kiosk.bench import attacks  # noqa: PLC0415

    played = attacks.measure(
        seed, per_species=per_species, bona_fide=bona_fide, processes=processes
    )
    told = attacks.report(played, seed)
    if plot is not None:
        attacks.plot(told, plot)
    emit(told, as_json, attacks.in_words(told))
    return 0 if told["accepted_attacks"] == 0 else 1
