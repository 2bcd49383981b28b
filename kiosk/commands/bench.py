"""`smiletill bench …`: measurements, each beside its own floor in the same run."""

from __future__ import annotations

from pathlib import Path

import click

from kiosk.commands.common import data_option, emit, json_option
from models.manifest import find_pack
from models.store import current_pack


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


@bench.command()
@click.option("--pack", help="Model pack; else the one in use.")
@click.option(
    "--pad",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A set like NUAA: sequences.csv, client/, imposter/.",
)
@click.option("--seed", type=click.IntRange(0), default=20_261_128, show_default=True)
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw a PNG.")
@data_option
@json_option
def liveness(
    *,
    pack: str | None,
    pad: Path | None,
    seed: int,
    plot: Path | None,
    data_dir: Path,
    as_json: bool,
) -> int:
    """Measure presentation attack detection; exit 1 when an attack was accepted."""
    # Imported here: listing the words must not load the networks.
    from kiosk.bench import liveness as bench_liveness  # noqa: PLC0415

    if pad is None:
        raise click.UsageError("Name a set with --pad DIR.")
    found = bench_liveness.measure(find_pack(pack or current_pack(data_dir), data_dir), pad)
    told = bench_liveness.report(found, seed)
    if plot is not None:
        bench_liveness.plot(found, plot)
    emit(told, as_json, bench_liveness.in_words(told))
    return 0 if told["sequences"]["apcer"] == 0 else 1
