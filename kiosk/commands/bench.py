"""`smiletill bench …`: measurements, each beside its own floor in the same run."""

from __future__ import annotations

from pathlib import Path

import click

from kiosk.commands.bench_faces import detect, identify, smile
from kiosk.commands.bench_liveness import liveness
from kiosk.commands.common import NewFile, data_option, emit, json_option
from models.manifest import find_pack
from models.store import current_pack

GALLERY_MAX = 4_000_000
"""People of a measurement: 4 GiB of floats a million at 512 dimensions, twice."""


@click.group()
def bench() -> None:
    """Measure this machine, each time beside what could not be beaten."""


@bench.command()
@click.option("--count", type=click.IntRange(2, 5_000), default=200, show_default=True)
@json_option
def payments(*, count: int, as_json: bool) -> int:
    """Measure the engine's time for a payment; exit 1 above a one-request floor + 5 ms."""
    # Imported here: listing the words must not load the bank and the crypto.
    from kiosk.bench.payments import measure, report  # noqa: PLC0415

    found = report(measure(count))
    emit(
        found,
        as_json,
        f"{found['payments']} payments of {found['requests_per_payment']} requests: the engine"
        f" takes {found['engine_p95_ms']} ms at p95, its floor {found['floor_p95_ms']} ms\n"
        f"(bank {found['bank_p95_ms']}, one bare request {found['request_floor_p95_ms']},"
        f" one fsync {found['fsync_p95_ms']} ms at p95).",
    )
    return 0 if found["ok"] else 1


def _sizes(_context: click.Context, _option: click.Parameter, value: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(part) for part in value.split(","))
    except ValueError as error:
        message = "give whole numbers with commas between them"
        raise click.BadParameter(message) from error
    if not sizes or not all(1 <= size <= GALLERY_MAX for size in sizes):
        message = f"each from 1 to {GALLERY_MAX}"
        raise click.BadParameter(message)
    return sizes


@bench.command()
@click.option("--n", "sizes", default="10000,100000,1000000", show_default=True, callback=_sizes)
@click.option("--dimension", type=click.IntRange(8, 4_096), default=512, show_default=True)
@click.option(
    "--effective", type=click.IntRange(0), default=0, help="Dimensions that are filled; 0: all."
)
@click.option("--rounds", type=click.IntRange(1, 1_000), default=15, show_default=True)
@click.option("--threads", type=click.IntRange(1, 256), default=1, help="1: as the kiosk runs.")
@click.option("--seed", type=click.IntRange(0), default=20_261_128, show_default=True)
@click.option("--plot", type=NewFile(), help="Draw a PNG.")
@json_option
def search(
    *,
    sizes: tuple[int, ...],
    dimension: int,
    effective: int,
    rounds: int,
    threads: int,
    seed: int,
    plot: Path | None,
    as_json: bool,
) -> int:
    """Measure the gallery's search beside numpy, faiss, usearch and bare reading.

    Exit 1 if it misses anybody or another engine is faster.
    """
    from kiosk.bench import search as bench_search  # noqa: PLC0415

    plan = bench_search.Plan(
        sizes, dimension, rounds, threads, seed, effective, str(plot.resolve()) if plot else ""
    )
    report = bench_search.run(plan)
    emit(report, as_json, bench_search.in_words(report))
    return 0 if report["ok"] else 1


bench.add_command(detect)
bench.add_command(identify)
bench.add_command(liveness)
bench.add_command(smile)


@bench.command()
@click.option("--pack", help="Model pack; else the one in use.")
@click.option(
    "--pad",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A set like NUAA: sequences.csv, client/; else the shared one.",
)
@click.option("--sequences", type=click.IntRange(1, 1_000), default=40, show_default=True)
@click.option("--turns", type=click.IntRange(1, 20), default=3, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=20_261_128, help="Nothing is drawn by lot.")
@click.option("--plot", type=NewFile(), help="Draw a PNG.")
@data_option
@json_option
def pipeline(
    *,
    pack: str | None,
    pad: Path | None,
    sequences: int,
    turns: int,
    seed: int,
    plot: Path | None,
    data_dir: Path,
    as_json: bool,
) -> int:
    """Measure what the kiosk adds to its networks, and the time to identity at 30 frames/s."""
    # Imported here: listing the words must not load the networks.
    from kiosk.bench import pipeline as bench_pipeline  # noqa: PLC0415
    from kiosk.bench.sets import set_folder  # noqa: PLC0415

    found = bench_pipeline.measure(
        find_pack(pack or current_pack(data_dir), data_dir),
        set_folder(pad, "pad"),
        sequences=sequences,
        turns=turns,
    )
    told = bench_pipeline.report(found) | {"seed": seed}
    if plot is not None:
        bench_pipeline.plot(found, plot)
    emit(told, as_json, bench_pipeline.in_words(told))
    return 0


@bench.command()
@click.option(
    "--n", "count", type=click.IntRange(100, 1_000_000), default=10_000, show_default=True
)
@click.option("--dimension", type=click.IntRange(8, 1024), default=128, show_default=True)
@json_option
def vault(*, count: int, dimension: int, as_json: bool) -> int:
    """Measure the vault beside bare sqlite and bare decryption; exit 1 beyond bounds."""
    from kiosk.bench.vault import measure  # noqa: PLC0415 - it loads the vault

    found = measure(count, dimension)
    emit(
        found,
        as_json,
        f"{found['n']} people: opens in {found['open_s']} s, {found['open_ratio']} times reading"
        f" and bare decryption; an enrolment takes {found['enrol_ms']['p50']} ms,"
        f" {found['enrol_ratio']} times a raw durable insert;\nthe file is"
        f" {found['file_ratio']} times what is sealed in it; keys and rows of one person are gone"
        f" within {found['shred_ms']['max']} ms, and proved so in {found['proof_s']} s.",
    )
    return 0 if found["ok"] else 1
