"""Banks whose open-banking side is asked directly, without its door."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.sandbox.bank.vrp.errors import ObError
from tests.fakes.vrp_bank import Bank


@pytest.fixture
def bank(tmp_path):
    bank = Bank(tmp_path / "bank.db")
    yield bank
    bank.close()


@pytest.fixture
def commercial(tmp_path):
    bank = Bank(tmp_path / "commercial.db", is_commercial=True)
    yield bank
    bank.close()


@pytest.fixture
def new_bank():
    """Make banks in memory, for tests that need many."""
    made = []

    def make(**more):
        made.append(Bank(Path(":memory:"), **more))
        return made[-1]

    yield make
    for bank in made:
        bank.close()


@pytest.fixture
def refused():
    """Run something that must be refused, and return status, code and path."""

    def run(action):
        with pytest.raises(ObError) as caught:
            action()
        return caught.value.status, caught.value.code, caught.value.path

    return run
