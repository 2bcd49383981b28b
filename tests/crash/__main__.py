"""`./run crash`: kill the payment processes at every step, and let the bank's books be the judge.

    ./run crash [--runs N] [--seed N] [--only K]     real processes, SIGKILL, the sandbox bank
    ./run crash --simulated [--runs N] [--seed N]    one process, simulated disk, clock and bank
    ./run crash --mutants                            seeded mistakes: each must be caught

stdout carries one JSON object, stderr the progress and what reproduces a violation. Exit code 1:
something that must not be was found. docs/crash-tests.md says what is covered, and what is not.
"""

from __future__ import annotations

import argparse
import json
import os
import sys

from tests.crash.harness.connectors import CONNECTORS
from tests.crash.harness.report import mutant_hunt, real_runs, simulated_runs

RUNS = {"real": 300, "simulated": 10_000}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./run crash", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, help="how many (300; simulated: 10000)")
    parser.add_argument("--seed", type=int, default=20_261_123)
    parser.add_argument("--only", type=int, metavar="K", help="repeat one run and tell its plan")
    parser.add_argument("--connector", choices=CONNECTORS, help="default: in turn")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--simulated", action="store_true")
    parser.add_argument(
        "--clock-stands-still",
        action="store_true",
        help="simulated: the time of day does not pass while the terminal is off",
    )
    parser.add_argument("--mutants", action="store_true")
    parser.add_argument("--json", action="store_true", help="on one line")
    options = parser.parse_args(arguments)
    connectors = (options.connector,) if options.connector else CONNECTORS
    if options.mutants:
        report, is_right = mutant_hunt(options.seed, connectors, options.workers, options.only)
    elif options.simulated:
        runs = options.runs or RUNS["simulated"]
        report, is_right = simulated_runs(
            options.seed,
            runs,
            options.workers,
            options.only,
            clock_stands_still=options.clock_stands_still,
        )
    else:
        runs = options.runs or RUNS["real"]
        report, is_right = real_runs(options.seed, runs, connectors, options.workers, options.only)
    sys.stdout.write(json.dumps(report, indent=None if options.json else 2) + "\n")
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
