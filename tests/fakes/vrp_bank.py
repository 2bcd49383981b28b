"""The open-banking side of a sandbox bank in the test process, on a clock that the test moves."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from kiosk.sandbox.bank.ledger import Ledger
from kiosk.sandbox.bank.vrp.books import VrpBooks
from tests.fakes.vrp_bodies import a_consent, a_payment

URL = "https://127.0.0.1:8443/open-banking/v4.0/pisp"


class Bank:
    """The books, and the shortest way to ask them something as client `tpp`."""

    def __init__(self, path: Path, *, is_commercial=False, at="2026-11-23T12:00:00+00:00"):
        self.now_s = datetime.fromisoformat(at).timestamp()
        self.path = path
        self.is_commercial = is_commercial
        self._keys = 0
        self.open()

    def open(self):
        self.ledger = Ledger(self.path, lambda: self.now_s)
        self.books = VrpBooks(self.ledger, URL, is_commercial=self.is_commercial)

    def close(self):
        self.ledger.close()

    def set_day(self, day):
        self.now_s = datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()

    def new_key(self):
        self._keys += 1
        return f"key-{self._keys}"

    def consent(self, body=None, *, approve=True, account=None):
        """Make a consent and return its id."""
        answer = self.books.create_consent("tpp", self.new_key(), "digest", body or a_consent())
        consent_id = answer["Data"]["ConsentId"]
        if approve:
            self.books.decide_consent(consent_id, "approve", account)
        return consent_id

    def pay(self, consent_id, body=None, *, key=None, digest="digest", **more):
        """Make a payment and return its data."""
        body = body or a_payment(consent_id, **more)
        answer = self.books.create_payment(
            "tpp", consent_id, key or self.new_key(), digest, body, lambda: True
        )
        return answer["Data"]

    def status(self, payment_id):
        return self.books.payment("tpp", payment_id)["Data"]["Status"]

    def debits(self, order=None):
        found = self.ledger.debits(order)
        return found.count, found.sum_minor_units

    def events(self, **body):
        return self.books.poll_events("tpp", body)
