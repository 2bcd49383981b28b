"""`smiletill bench …`: measurements, each beside its own floor in the same run."""

from __future__ import annotations

import click

from kiosk.commands.common import emit, json_option


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
