"""A scripted bank, a connector to it, and a consent whose payments may be sent."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

import pytest

from kiosk.domain.ids import IdempotencyKey, PayerAlias
from kiosk.domain.mandate import DEFAULT_LIMITS
from kiosk.money.banks.exchange import Timeouts
from kiosk.money.banks.vrp.connector import VrpBank
from kiosk.money.banks.vrp.options import read_options
from kiosk.money.banks.vrp.transport import BankClock
from tests.fakes.bank_port import context_of, intent_of
from tests.fakes.scripted_vrp_bank import ScriptedVrpBank, make_keys

QUICK = Timeouts(connect_s=2.0, read_s=1.0, answer_s=1.0)
KEY = IdempotencyKey("mandate-1")
ALIAS = PayerAlias("a0123456789abcdef")


@pytest.fixture(scope="session")
def keys():
    return make_keys()


@pytest.fixture
def world(keys, data_dir):
    """The bank as `peer`, the connector as `bank`, and what they need to be made again."""
    peer = ScriptedVrpBank(keys)
    file = data_dir / "sandbox" / "vrp" / "client.json"
    file.parent.mkdir(parents=True)

    def onboard(**changes):
        file.write_text(json.dumps(peer.onboarding(**changes)))

    onboard()
    context = context_of(data_dir)

    def connect(timeouts=QUICK, **options):
        return VrpBank(context, read_options(options), timeouts, BankClock())

    made = SimpleNamespace(
        peer=peer, file=file, context=context, onboard=onboard, connect=connect, bank=connect()
    )
    yield made
    peer.close()


@pytest.fixture
def mandate(world):
    return world.bank.begin_mandate(ALIAS, DEFAULT_LIMITS, KEY).ref


def prepare(bank, mandate, name="1", minor_units=1_250):
    return bank.prepare(intent_of(mandate, name, minor_units, at_s=int(time.time())))


def pay(bank, mandate, name="1", minor_units=1_250):
    return bank.submit(prepare(bank, mandate, name, minor_units), mandate)
