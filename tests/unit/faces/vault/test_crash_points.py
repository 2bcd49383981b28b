"""Killed at two hundred seeded points of every operation: before, or after, and never in between.

A forked child does one operation on a copy of a prepared vault and is ended by the kernel: after a
number of SQLite's own steps (between any two writes of a transaction), or by a timer (in the middle
of a commit or of emptying the log). What it had finished it had said before.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from kiosk.faces.vault.errors import WrongKeyError
from kiosk.faces.vault.records import PersonState
from kiosk.faces.vault.store import Vault
from tests.fakes.people import PACK, STORE_KEY, new_person

PEOPLE = 5
OTHER_KEY = bytes(reversed(STORE_KEY))
SEED = 20261128
POINTS = {"begin": 30, "activate": 25, "erase": 40, "renew": 45, "rotate": 35, "rename": 25}
assert 200 == sum(POINTS.values())


@dataclass
class Prepared:
    """A vault to copy, who is in it, and how long each operation takes."""

    folder: Path
    people: list[str] = field(default_factory=list)


def begin(vault: Vault, _people) -> None:
    vault.begin(new_person(50))


def activate(vault: Vault, people) -> None:
    vault.activate(people[-1])


def erase(vault: Vault, people) -> None:
    vault.proof_done(vault.erase(people[1]).ticket)


def renew(vault: Vault, _people) -> None:
    for _ in vault.renew():
        pass


def rotate(vault: Vault, _people) -> None:
    vault.rekey(OTHER_KEY)


def rename(vault: Vault, people) -> None:
    vault.change_identity(people[0], name="Somebody Else", phone="4917012345678")


OPERATIONS = {work.__name__: work for work in (begin, activate, erase, renew, rotate, rename)}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    made = Prepared(tmp_path_factory.mktemp("crash") / "vault")
    with Vault.open(made.folder, STORE_KEY) as vault:
        for number in range(PEOPLE):
            person = vault.begin(new_person(number))
            made.people.append(person)
            if number < PEOPLE - 1:
                vault.activate(person)
    return made


def state_of(folder: Path) -> tuple:
    """Open a vault under whichever key it has, prove all of it, and tell all that matters."""
    for key in (STORE_KEY, OTHER_KEY):
        try:
            vault = Vault.open(folder, key)
        except WrongKeyError:
            continue
        with vault:
            for known in vault.people():
                number = int(known.alias[1:], 16)
                rotation = vault.transform(PACK, len(known.template))
                plain = new_person(number).vectors()
                kept = np.vstack([known.template, known.samples])
                assert np.abs(rotation.apply(plain) - kept).max() < 1e-5
            people = tuple(
                (known.name, known.phone, known.alias, known.state.value)
                for known in vault.people()
            )
            outbox = tuple(entry.alias for entry in vault.outbox())
            return people, outbox, key == STORE_KEY
    pytest.fail("the vault opens under neither key")


def run(folder: Path, people, name: str, arm) -> bool:
    """Fork a child that does one operation; return whether it said that it had finished."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            vault = Vault.open(folder, STORE_KEY)
            arm(vault)
            OPERATIONS[name](vault, people)
            os.write(writing, b"done")
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        finished = told.read() == b"done"
    os.waitpid(child, 0)
    return finished


def after_steps(count: int):
    """Return what has SQLite kill the process after so many of its steps."""

    def arm(vault: Vault) -> None:
        left = iter(range(count))

        def tick() -> int:
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return 0

        vault._database.conn.set_progress_handler(tick, 3)

    return arm


def after_seconds(seconds: float):
    """Return what has the kernel end the process after a time, wherever it is."""

    def arm(_vault: Vault) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6))

    return arm


def measured(prepared: Prepared, name: str, tmp_path: Path) -> tuple[int, float, tuple]:
    """Return steps and seconds of one whole operation, and what the vault is afterwards."""
    folder = tmp_path / "whole"
    shutil.copytree(prepared.folder, folder)
    steps = 0

    def tick() -> int:
        nonlocal steps
        steps += 1
        return 0

    with Vault.open(folder, STORE_KEY) as vault:
        vault._database.conn.set_progress_handler(tick, 3)
        began = time.perf_counter()
        OPERATIONS[name](vault, prepared.people)
        spent = time.perf_counter() - began
        vault._database.conn.set_progress_handler(None, 0)
    return steps, spent, state_of(folder)


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_a_kill_leaves_before_or_after_and_never_half(prepared, name, tmp_path):
    """The vault opens whole; finished work is there, unfinished work is there whole or not."""
    before = state_of(prepared.folder)
    steps, spent, after = measured(prepared, name, tmp_path)
    seeded = random.Random(f"{SEED} {name}")
    folder = tmp_path / "vault"
    killed = 0
    for point in range(POINTS[name]):
        shutil.copytree(prepared.folder, folder)
        if point % 2:
            arm = after_steps(seeded.randrange(steps))
        else:
            arm = after_seconds(seeded.uniform(0.0, 1.2 * spent))
        finished = run(folder, prepared.people, name, arm)
        killed += not finished
        found = state_of(folder)
        assert found == after if finished else found in (before, after), point
        with Vault.open(folder, STORE_KEY if found[2] else OTHER_KEY) as vault:
            # It goes on working: what was cut off is done again, or gone on with.
            for _ in vault.renew() if vault.renewal_waits else ():
                pass
            assert not vault.renewal_waits
            vault.activate(vault.begin(new_person(99)))
            assert PEOPLE - 1 <= len(vault.ids(PersonState.ACTIVE)) + len(vault.proofs()) + 1
        shutil.rmtree(folder)
    assert killed > POINTS[name] // 3
