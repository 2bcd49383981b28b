"""Finds a payment or a refund by our own key, at a service whose search lags behind.

The search finds by metadata, but data reach it only after up to a minute, in a disturbance after
an hour (docs.stripe.com/search, "Data freshness"): what it finds is there, what it does not find
may be there all the same. The lists have no such delay. So: search to find, list to be sure.

Invariant: `NOT_FOUND` is said only after a list was read to its end, or back to a time before the
key was first sent by this very process; else, after `PAGES_MAX` pages, the answer is `UNKNOWN`.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from kiosk.domain.ids import IdempotencyKey
from kiosk.money.banks.cards.client import CardsClient, Reply
from kiosk.money.banks.cards.meaning import key_of
from kiosk.money.banks.exchange import Failure
from kiosk.money.banks.port import BankAnswer, OutcomeKind

PAGE = 100
PAGES_MAX = 5
REMEMBERED_MAX = 1_000
MARGIN_S = 600
"""Seconds that the two clocks may differ, beyond what was measured, before a list is cut wrong."""

Meaning = Callable[[dict[str, Any]], BankAnswer]


@dataclass(frozen=True, slots=True)
class Sent:
    """Where and since when something that was sent must be looked for."""

    field: str
    """`customer` or `payment_intent`."""
    value: str
    since_s: int
    """By the service's clock, with a margin."""


class Lookup:
    """Remembers what this process sent, and looks for it. Threads may share it."""

    def __init__(self, client: CardsClient) -> None:
        """Take what it asks with."""
        self._client = client
        self._sent: OrderedDict[IdempotencyKey, Sent] = OrderedDict()
        self._guard = threading.Lock()

    def remember(self, key: IdempotencyKey, field: str, value: str) -> None:
        """Note that a key is about to be sent; the first time counts."""
        skew_s = self._client.clock_skew_s or 0.0
        since_s = int(time.time() + skew_s) - MARGIN_S
        with self._guard:
            self._sent.setdefault(key, Sent(field, value, since_s))
            if len(self._sent) > REMEMBERED_MAX:
                self._sent.popitem(last=False)

    def payment(self, key: IdempotencyKey, meaning: Meaning) -> BankAnswer:
        """Look a payment up."""
        with self._guard:
            sent = self._sent.get(key)
        if sent is None:
            found = self._search(key)
            if found is not None:
                return meaning(found)
            return self._list("/v1/payment_intents", {}, key, meaning)
        query = {sent.field: sent.value, "created[gte]": str(sent.since_s)}
        return self._list("/v1/payment_intents", query, key, meaning)

    def refund(self, key: IdempotencyKey, meaning: Meaning) -> BankAnswer:
        """Look a refund up."""
        with self._guard:
            sent = self._sent.get(key)
        query = {} if sent is None else {sent.field: sent.value}
        return self._list("/v1/refunds", query, key, meaning)

    def _search(self, key: IdempotencyKey) -> dict[str, Any] | None:
        query = {"query": f"metadata['key']:'{key}'", "limit": "1"}
        reply = self._client.get("/v1/payment_intents/search", query)
        for item in _items(reply) or ():
            if key_of(item) == key and isinstance(item.get("id"), str):
                # The search may know it as it was; ask for it as it is.
                fresh = self._client.get(f"/v1/payment_intents/{item['id']}")
                if isinstance(fresh, Reply) and fresh.status == 200:
                    return fresh.body
        return None

    def _list(
        self, path: str, query: dict[str, str], key: IdempotencyKey, meaning: Meaning
    ) -> BankAnswer:
        asked = {**query, "limit": str(PAGE)}
        for _ in range(PAGES_MAX):
            reply = self._client.get(path, asked)
            items = _items(reply)
            if items is None:
                if isinstance(reply, Failure):
                    return BankAnswer(OutcomeKind.UNKNOWN, reply.reason)
                return BankAnswer(OutcomeKind.UNKNOWN, f"bank_status_{reply.status}")
            for item in items:
                if key_of(item) == key:
                    return meaning(item)
            assert isinstance(reply, Reply)
            if reply.body.get("has_more") is not True:
                return BankAnswer(OutcomeKind.NOT_FOUND)
            last = items[-1].get("id") if items else None
            if not isinstance(last, str):
                return BankAnswer(OutcomeKind.UNKNOWN, "answer_mismatch")
            asked["starting_after"] = last
        return BankAnswer(OutcomeKind.UNKNOWN, "lookup_too_long")


def _items(reply: Reply | Failure) -> list[dict[str, Any]] | None:
    """Return the objects of a page, or None if it is no page."""
    if isinstance(reply, Failure) or reply.status != 200:
        return None
    data = reply.body.get("data")
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        return None
    if type(reply.body.get("has_more")) is not bool:
        return None
    return data


def items_of(reply: Reply | Failure) -> Iterator[dict[str, Any]]:
    """Yield the objects of a page; none if it is no page."""
    yield from _items(reply) or ()
