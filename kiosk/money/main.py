"""The money process: makes its parts once, settles what was left open, serves its socket."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from kiosk.domain.mandate import PinRules
from kiosk.domain.money import Money
from kiosk.link.process import read_key, run_process
from kiosk.link.server import Service
from kiosk.link.sockets import run_dir_of
from kiosk.money.config import MoneyConfig, TillConfig
from kiosk.money.service import MoneyService, build
from kiosk.settings import Settings, load_settings


def config_of(settings: Settings) -> MoneyConfig:
    """Return the money process's numbers for an installation's settings."""
    currency = settings.currency
    return MoneyConfig(
        payee=settings.payee,
        currency=currency,
        connector=settings.bank.connector,
        bank_url=settings.bank.url,
        bank_options=dict(settings.bank.options),
        till=TillConfig(
            enabled=settings.till.enabled,
            host=settings.till.host,
            port=settings.till.port,
            amount_max_minor_units=settings.till.amount_max_minor_units,
            menu=settings.till.menu,
        ),
        staff_codes=dict(settings.screen.staff_codes),
        resolve_window_s=settings.money.resolve_window_s,
        no_pin=PinRules(
            payment_max=Money(settings.money.no_pin_ceiling_minor_units, currency),
            day_max=Money(settings.money.no_pin_day_minor_units, currency),
        ),
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the money process until it is told to stop."""
    parser = argparse.ArgumentParser(prog="smiletill-money")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--key-fd", type=int, required=True)
    parser.add_argument("--ready-fd", type=int)
    options = parser.parse_args(arguments)
    os.umask(0o077)
    made: list[MoneyService] = []

    def start() -> Service:
        key = read_key(options.key_fd)
        try:
            made.append(build(options.data, bytes(key), config_of(load_settings(options.data))))
        finally:
            key[:] = bytes(len(key))
        made[0].start()
        return made[0]

    def close(_: Service) -> None:
        made[0].stop()

    return run_process("money", run_dir_of(options.data), options.ready_fd, start, close)


if __name__ == "__main__":
    sys.exit(main())
