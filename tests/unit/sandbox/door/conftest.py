"""An open-banking door inside the test process, with two third parties that it knows."""

from __future__ import annotations

import pytest

from kiosk.sandbox.bank.faults import FaultScript
from kiosk.sandbox.bank.vrp.door import Door
from kiosk.sandbox.bank.vrp.pki import make_pki, write_files
from tests.fakes.third_party import ThirdParty


@pytest.fixture(scope="session")
def pki():
    """Keys are made once: none of the tests changes them."""
    return make_pki(clients=2)


@pytest.fixture
def faults():
    return FaultScript()


@pytest.fixture
def door(tmp_path, ledger, faults, pki):
    folder = tmp_path / "vrp"
    folder.mkdir()
    write_files(folder, pki)
    made = Door(folder, ledger, faults, pki)
    with made.open(0.01):
        yield made


@pytest.fixture
def tpp(door, ledger):
    return ThirdParty(door.onboarding(), ledger.now_s)


@pytest.fixture
def stranger(door, ledger):
    """Another client of the same bank."""
    return ThirdParty(door.onboarding(1), ledger.now_s)


@pytest.fixture
def debits(ledger, door):
    """Ask the books what was executed, after all that is due."""

    def count(order_id=None):
        door.books.advance()
        return ledger.debits(order_id).count

    return count
