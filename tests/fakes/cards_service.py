"""The sandbox for cards on a thread of the test: its real books, its real server, no process."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import requests

from kiosk.sandbox.cards.books import Books
from kiosk.sandbox.cards.server import CardsServer, Keys

KEYS = Keys(api="sk_test_0123456789", control="control", webhook="whsec_0123456789")


class CardsService:
    """Listens on construction; `account` is what the connector's secret would hold."""

    def __init__(self, folder: Path) -> None:
        self.books = Books(folder / "cards.db")
        self.server = CardsServer(self.books, KEYS)
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = self.server.url
        file = folder / "sandbox" / "cards" / "account.json"
        file.parent.mkdir(parents=True)
        account = {
            "version": 1, "api_base": self.url, "api_key": KEYS.api,
            "webhook_secret": KEYS.webhook, "headless_approve_url": f"{self.url}/hosted/",
        }  # fmt: skip
        file.write_text(json.dumps(account))

    def close(self) -> None:
        self.server.stop()
        self._thread.join()
        self.books.close()

    def control(self, method: str, word: str, /, **body: object) -> dict[str, object]:
        headers = {"Authorization": f"Bearer {KEYS.control}"}
        answer = requests.request(
            method, f"{self.url}/control/{word}", json=body, headers=headers, timeout=10
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found

    def fault(self, kind: str, **fields: object) -> None:
        self.control("POST", "faults", kind=kind, **fields)

    def card(self, customer: str, last4: str) -> None:
        self.control("POST", "card", customer=customer, card=last4)

    def captures(self, order: str = "order-1") -> int:
        with self.books.transaction():
            return self.books.sums(order).captures

    def refunded(self, order: str = "order-1") -> int:
        with self.books.transaction():
            return self.books.sums(order).refunded
