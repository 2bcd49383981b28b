"""A connector with the sandbox for cards behind it, and a customer with a saved card."""

from __future__ import annotations

import pytest

from kiosk.domain.ids import IdempotencyKey, PayerAlias
from kiosk.domain.mandate import DEFAULT_LIMITS
from kiosk.money.banks.cards.connector import open_cards
from tests.fakes.bank_port import context_of
from tests.fakes.cards_service import CardsService


@pytest.fixture
def service(tmp_path):
    found = CardsService(tmp_path)
    yield found
    found.close()


@pytest.fixture
def context(service, tmp_path):
    return context_of(tmp_path)


@pytest.fixture
def bank(context):
    return open_cards(context)


@pytest.fixture
def mandate(bank):
    alias = PayerAlias("a0123456789abcdef")
    return bank.begin_mandate(alias, DEFAULT_LIMITS, IdempotencyKey("mandate-1")).ref
