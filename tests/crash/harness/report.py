"""Spreads runs over workers, shows the progress, and adds up what they found.

The parent imports everything once and stays single-threaded, so that it may fork: a worker, a bank
or a life of the money process starts in milliseconds.
"""

from __future__ import annotations

import dataclasses
import json
import os
import select
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from tqdm import tqdm

from tests.crash.harness.drive import Driver, Outcomes, add_up
from tests.crash.harness.mutants import MUTANTS, hunt
from tests.crash.harness.plan import make_plan
from tests.crash.harness.shared import fork_child
from tests.crash.harness.simulated import SimulatedOutcome, simulate
from tests.crash.harness.verdict import Kind

SHOWN_MAX = 10
"""Violations that are told in full."""


def real_runs(
    seed: int, runs: int, connectors: tuple[str, ...], workers: int, only: int | None
) -> tuple[dict, bool]:
    """Carry out runs on real processes; returns the report and whether all is right."""
    numbers = range(runs) if only is None else [only]

    def carry_out(mine: Iterable[int], folder: Path) -> Iterable[dict]:
        driver = Driver(folder)
        try:
            for number in mine:
                yield dataclasses.asdict(driver.run(make_plan(seed, number, connectors)))
        finally:
            driver.close()

    started_s = time.monotonic()
    found = [Outcomes(**it) for it in spread(numbers, workers, carry_out, "kills")]
    aim = f" --connector {connectors[0]}" if len(connectors) == 1 else ""
    for it in [it for it in found if it.violations][:SHOWN_MAX]:
        sys.stderr.write(
            f"\nVIOLATION {it.violations}\n  {it.plan}\n"
            f"  again: ./run crash --seed {seed} --only {it.number}{aim}\n"
        )
    counts = add_up(found)
    report = {
        "runs": len(found),
        "kills": sum(it.kills for it in found),
        **{kind.value: counts[kind.value] for kind in list(Kind)[:3]},
        "seed": seed,
        **{kind.value: counts[kind.value] for kind in list(Kind)[3:]},
        "unresolved": sum(it.state in {"unknown", "in_flight"} for it in found),
        "paid": sum(it.state == "paid" for it in found),
        "by_fault": dict(sorted(Counter(tag for it in found for tag in it.tags).items())),
        "kill_steps": dict(sorted(Counter(s for it in found for s in it.kill_steps).items())),
        "ready_s_max": round(max((it.ready_s for it in found), default=0.0), 3),
        "took_s": round(time.monotonic() - started_s, 1),
    }
    if only is not None:
        report["plan"] = [it.plan for it in found]
        report["took_each_s"] = [it.took_s for it in found]
    return report, len(found) == len(numbers) and not counts


def simulated_runs(
    seed: int, runs: int, workers: int, only: int | None, *, clock_stands_still: bool
) -> tuple[dict, bool]:
    """Carry out runs in the simulated world; returns the report and whether all is right."""
    numbers = range(runs) if only is None else [only]
    started_s = time.monotonic()
    carry_out = partial(simulate, seed, clock_stands_still=clock_stands_still)
    aim = " --clock-stands-still" if clock_stands_still else ""
    found = [SimulatedOutcome(**it) for it in spread(numbers, workers, carry_out, "power cuts")]
    for it in [it for it in found if it.violations][:SHOWN_MAX]:
        sys.stderr.write(
            f"\nVIOLATION {it.violations}\n  {it.plan}\n"
            f"  again: ./run crash --simulated --seed {seed} --only {it.number}{aim}\n"
        )
    counts = add_up(found)
    report = {
        "runs": len(found),
        "kills": sum(it.kills for it in found),
        **{kind.value: counts[kind.value] for kind in list(Kind)[:3]},
        "seed": seed,
        **{kind.value: counts[kind.value] for kind in list(Kind)[3:]},
        "debits": sum(it.debits for it in found),
        "states": dict(sorted(Counter(it.state for it in found).items())),
        "by_bank": dict(sorted(Counter(it.profile for it in found).items())),
        "kill_steps": dict(sorted(Counter(s for it in found for s in it.cut_where).items())),
        "took_s": round(time.monotonic() - started_s, 1),
    }
    return report, len(found) == len(numbers) and not counts


def mutant_hunt(
    seed: int, connectors: tuple[str, ...], workers: int, only: int | None
) -> tuple[dict, bool]:
    """Try every mutant; returns the report and whether none survived."""
    numbers = range(len(MUTANTS)) if only is None else [only]
    found = spread(numbers, workers, partial(hunt, seed, connectors), "mutants")
    caught = [it for it in found if it["caught_by"]]
    report = {"mutants": len(numbers), "caught": len(caught), "seed": seed, "list": found}
    return report, len(caught) == len(numbers)


def spread(
    numbers: Iterable[int],
    workers: int,
    carry_out: Callable[[Iterable[int], Path], Iterable[dict]],
    unit: str,
) -> list[dict]:
    """Let workers carry runs out, each in a process and a folder of its own.

    A worker that dies leaves its runs out of the answer; the caller counts.
    """
    numbers = list(numbers)
    pipes: list[int] = []
    pids: list[int] = []
    tqdm.monitor_interval = 0  # it would be a thread, and who forks must have none
    folder = Path(tempfile.mkdtemp(prefix="smiletill-crash-"))
    for worker in range(min(workers, len(numbers))):
        reading, writing = os.pipe()
        own = folder / f"worker-{worker}"
        own.mkdir(mode=0o700)

        def work(mine=numbers[worker::workers], own=own, out=writing) -> int:
            for result in carry_out(mine, own):
                os.write(out, json.dumps(result).encode() + b"\n")
            return 0

        pids.append(fork_child(work))
        os.close(writing)
        pipes.append(reading)
    found = _collect(pipes, len(numbers), unit)
    for pid in pids:
        os.waitpid(pid, 0)
    if not any(it.get("violations") for it in found):
        shutil.rmtree(folder, ignore_errors=True)
    else:
        sys.stderr.write(f"\nWhat the runs in question left behind: {folder}\n")
    return sorted(found, key=lambda it: it["number"])


def _collect(pipes: list[int], total: int, unit: str) -> list[dict]:
    found: list[dict] = []
    rest = dict.fromkeys(pipes, b"")
    with tqdm(total=total, unit="run", desc=unit, file=sys.stderr, mininterval=0.5) as bar:
        while rest:
            for pipe in select.select(list(rest), [], [])[0]:
                data = os.read(pipe, 65_536)
                if not data:
                    os.close(pipe)
                    del rest[pipe]
                    continue
                *lines, rest[pipe] = (rest[pipe] + data).split(b"\n")
                found += [json.loads(line) for line in lines]
                bar.update(len(lines))
                wrong = sum(bool(it.get("violations")) for it in found)
                bar.set_postfix(violations=wrong, refresh=False)
    return found
