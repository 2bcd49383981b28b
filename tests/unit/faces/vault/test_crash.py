"""The vault after kill -9: what was finished is there, what was not is whole or gone.

A child process enrols and erases and is killed at seeded moments: inside SQLite after a number of
virtual machine steps (between any two writes of a transaction), or after some milliseconds.
"""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from kiosk.faces.vault.records import PersonState
from kiosk.faces.vault.store import Vault
from tests.fakes.people import STORE_KEY, new_person

POINTS = 24
SEED = 20261123

CHILD = """
import os, signal, sys, threading
from pathlib import Path
from kiosk.faces.vault.store import Vault
from tests.fakes.people import STORE_KEY, new_person

folder, kind, moment = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
vault = Vault.open(folder, STORE_KEY)

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def die():
    os.kill(os.getpid(), signal.SIGKILL)

if kind == "steps":
    left = moment
    def count():
        global left
        left -= 1
        if left <= 0:
            die()
    vault._database.conn.set_progress_handler(count, 7)
else:
    threading.Timer(moment / 10_000, die).start()

kept = []
for number in range(1000):
    say("begin", number)
    person = vault.begin(new_person(number))
    say("begun", number, person)
    vault.activate(person)
    say("active", number, person)
    kept.append(person)
    if number % 3 == 2:
        victim = kept.pop(0)
        say("erasing", victim)
        entry = vault.erase(victim).outbox_entry
        say("erased", victim, entry)
        if number % 2:
            vault.compact()
            vault.outbox_done(entry)
            say("delivered", entry)
"""


def moments():
    seeded = random.Random(SEED)
    for number in range(POINTS):
        kind = "steps" if number % 2 else "time"
        yield kind, seeded.randrange(1, 900) if kind == "steps" else seeded.randrange(1, 600)


@pytest.mark.parametrize(("kind", "moment"), list(moments()))
def test_after_a_kill_every_finished_operation_is_there(tmp_path, repository, kind, moment):
    """The vault opens, finished work is in it, unfinished work is pending, whole or gone."""
    folder = tmp_path / "vault"
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), kind, str(moment)],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert -9 == child.returncode, child.stderr
    said = [line.split() for line in child.stdout.splitlines()]
    number_of = {words[2]: int(words[1]) for words in said if words[0] == "begun"}
    active = {words[2] for words in said if words[0] == "active"}
    erasing = {words[1] for words in said if words[0] == "erasing"}
    erased = {words[1]: int(words[2]) for words in said if words[0] == "erased"}
    delivered = {int(words[1]) for words in said if words[0] == "delivered"}

    with Vault.open(folder, STORE_KEY) as vault:
        people = {person.person: person for person in vault.people()}
        assert active - erasing <= {p for p, x in people.items() if x.state is PersonState.ACTIVE}
        assert not set(erased) & set(people)
        strangers = set(people) - set(number_of)
        assert 1 >= len(strangers), "only the enrolment that was under way is not known"
        assert all(people[p].state is PersonState.PENDING for p in strangers)
        for person, known in people.items():
            if person in number_of:
                new = new_person(number_of[person])
                assert (new.name, new.phone, new.alias) == (known.name, known.phone, known.alias)
        waiting = {entry.entry for entry in vault.outbox()}
        assert set(erased.values()) - delivered <= waiting | _just_delivered(erased, delivered)
        # It goes on working.
        vault.activate(vault.begin(new_person(5000)))


def _just_delivered(erased, delivered) -> set[int]:
    """Return the delivery that may have ended without being told."""
    last = max(erased.values(), default=0)
    return {last} if last not in delivered else set()
