"""Polls the service's events and keeps the place up to which they were taken.

The place is the id of an event, kept as the bank secret `cards-events`, so that a restart goes on
where it stood; the service keeps events for 30 days. Without a place the newest page is read: what
happened before anybody looked is found by looking payments up.

An event only says that something happened; what it means is asked for afresh, so that late, double
and reordered events cannot mislead.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from kiosk.domain.errors import SetupError
from kiosk.domain.ids import MandateRef
from kiosk.money.banks.cards.client import API_VERSION, CardsClient, Reply
from kiosk.money.banks.cards.lookup import items_of
from kiosk.money.banks.errors import BankUnreachableError
from kiosk.money.banks.port import BankEvent, BankSecrets, EventBatch

PLACE_NAME = "cards-events"
PAGE = 20
"""Each event may cost one look-up; a poll stays below a minute even at a slow service."""
TYPES = (
    "payment_intent.succeeded", "payment_intent.payment_failed", "payment_intent.canceled",
    "checkout.session.completed", "customer.deleted", "payment_method.detached",
    "refund.updated", "refund.failed", "charge.refund.updated",
    "charge.dispute.created", "charge.dispute.funds_withdrawn",
)  # fmt: skip
_EVENT = re.compile(r"evt_[A-Za-z0-9_]{1,100}", re.ASCII)

Reader = Callable[[str], BankEvent | None]


@dataclass(frozen=True, slots=True)
class Readers:
    """What an event's object is read with; each asks the service afresh."""

    payment: Callable[[str, str], BankEvent | None]
    """Event id and payment id; None: not one of ours."""
    refund: Callable[[str, str], BankEvent | None]
    """Event id and refund id."""
    dispute: Callable[[str, str], BankEvent | None]
    """Event id and dispute id."""
    mandate: Callable[[str, MandateRef], BankEvent]
    """Event id and customer."""


class News:
    """The events of one account. Threads may share it."""

    def __init__(self, client: CardsClient, secrets: BankSecrets, readers: Readers) -> None:
        """Take what it works with."""
        self._client = client
        self._secrets = secrets
        self._readers = readers
        self._batch: list[str] = []
        """Ids of the last poll, oldest first, that are not passed yet."""
        self._waiting: set[str] = set()
        """Those of them that somebody has to acknowledge."""
        self._guard = threading.Lock()

    def poll(self) -> EventBatch:
        """Return what is new.

        Raises:
            BankUnreachableError: The service did not answer.
        """
        with self._guard:
            place = self._place()
            query = [("limit", str(PAGE)), *(("types[]", kind) for kind in TYPES)]
            if place is not None:
                query.append(("ending_before", place.decode("ascii")))
            headers = {"Stripe-Version": API_VERSION}
            reply = self._client.send("GET", f"/v1/events?{urlencode(query)}", b"", headers)
            if not isinstance(reply, Reply) or reply.status != 200:
                raise BankUnreachableError("it told no news")
            found: list[BankEvent] = []
            self._batch, self._waiting = [], set()
            for item in reversed(list(items_of(reply))):
                event_id = item.get("id")
                if not isinstance(event_id, str) or not _EVENT.fullmatch(event_id):
                    raise BankUnreachableError("its news make no sense")
                self._batch.append(event_id)
                event = self._read(event_id, item)
                if event is not None:
                    self._waiting.add(event_id)
                    found.append(event)
            self._pass()
            more = place is not None and reply.body.get("has_more") is True
            return EventBatch(tuple(found), more)

    def acknowledge(self, event_ids: tuple[str, ...]) -> None:
        """Move the place past what was taken, as far as nothing before it is left."""
        with self._guard:
            self._waiting.difference_update(event_ids)
            self._pass()

    def _pass(self) -> None:
        passed = 0
        while passed < len(self._batch) and self._batch[passed] not in self._waiting:
            passed += 1
        if passed:
            try:
                self._secrets.put(PLACE_NAME, self._batch[passed - 1].encode("ascii"))
            except SetupError as error:
                raise BankUnreachableError("the place in its news cannot be kept") from error
            del self._batch[:passed]

    def _place(self) -> bytes | None:
        try:
            return self._secrets.get(PLACE_NAME)
        except SetupError as error:
            raise BankUnreachableError("the place in its news cannot be read") from error

    def _read(self, event_id: str, item: dict[str, Any]) -> BankEvent | None:
        data, kind = item.get("data"), item.get("type")
        found = data.get("object") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(found, dict) or not isinstance(kind, str):
            return None
        for family, reader in (
            ("payment_intent.", self._readers.payment),
            ("refund.", self._readers.refund),
            ("charge.refund.", self._readers.refund),
            ("charge.dispute.", self._readers.dispute),
        ):
            if kind.startswith(family):
                name = found.get("id")
                return reader(event_id, name) if isinstance(name, str) else None
        previous = data.get("previous_attributes")
        before = previous.get("customer") if isinstance(previous, dict) else None
        deleted = found.get("id") if kind == "customer.deleted" else None
        customer = deleted or found.get("customer") or before
        if not isinstance(customer, str):
            return None
        return self._readers.mandate(event_id, MandateRef(customer))
