"""A short `./run crash` of each kind: what the long one shows holds, and the word itself works."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.harness.mutants import MUTANTS

REPOSITORY = Path(__file__).resolve().parents[2]
RIGHT = ("double_debits", "paid_without_debit", "refused_with_debit", "broken", "records_lost")

# The others need the real processes, and a minute: `./run crash --mutants` tries them all.
SIMULATED_MISTAKES = [number for number, it in enumerate(MUTANTS) if not it.is_real]


def crash(*arguments: str) -> tuple[int, dict, str]:
    # A process of its own: the parent of these runs forks, so it must have no threads.
    words = [sys.executable, "-m", "tests.crash", "--json", *arguments]
    done = subprocess.run(
        words, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False
    )
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


@pytest.mark.slow
def test_killed_at_any_step_nobody_pays_twice_and_nobody_is_lied_to():
    """Real processes, both connectors: 24 plans of one seed."""
    code, report, said = crash("--runs", "24", "--seed", "7")

    assert {name: report[name] for name in RIGHT} == dict.fromkeys(RIGHT, 0), said[-4_000:]
    assert (code, report["runs"], report["seed"]) == (0, 24, 7)
    assert report["kills"] >= 12, "most runs are killed at least once"
    assert report["paid"] >= 3, "the kills must leave payments to be judged"


def test_simulated_world_finds_nothing_either():
    """One process, simulated disk, clock and banks: 2,500 plans of one seed."""
    code, report, said = crash("--simulated", "--runs", "2500", "--seed", "7")

    assert {name: report[name] for name in RIGHT} == dict.fromkeys(RIGHT, 0), said[-4_000:]
    assert (code, report["runs"]) == (0, 2_500)
    assert report["kills"] >= 1_250
    assert report["debits"] >= 600


@pytest.mark.parametrize("mistake", SIMULATED_MISTAKES)
def test_mistake_on_purpose_is_caught(mistake):
    """A green run means something: with a mistake in the code the same runs turn red."""
    code, report, said = crash("--mutants", "--only", str(mistake), "--seed", "7")

    assert (code, report["mutants"], report["caught"]) == (0, 1, 1), said[-4_000:]
    assert report["list"][0]["caught_by"]
