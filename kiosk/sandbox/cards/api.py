"""The service's interface below `/v1`: which request does what, once for each idempotency key.

Key, answer and money move are stored in one transaction, so that a service that dies between them
cannot exist. As the public documentation says: an answer is kept, declines included, unless the
request was refused before anything was tried (400, 401, 404); the same key with other parameters
is an `idempotency_error`; a key whose first request is still running is a conflict.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable
from typing import Any

from kiosk.sandbox.bank.wire import Answer
from kiosk.sandbox.cards import objects
from kiosk.sandbox.cards.books import Books
from kiosk.sandbox.cards.forms import CardsError, Form, integer, known, metadata, read_form, text

KEY_LIFE_S = 86_400
KEY_LENGTH_MAX = 255
LIMIT_MAX = 100
_SEARCH = re.compile(r"metadata\[['\"]([a-z_]+)['\"]\]:['\"]([A-Za-z0-9._:-]{1,100})['\"]")

Result = tuple[int, dict[str, Any]]


class Api:
    """Answers requests. Threads share it."""

    def __init__(self, books: Books) -> None:
        """Take the books."""
        self.base_url = ""
        self.search_lag_s = 1.0
        """How far the search lags behind; the real one does by up to a minute, or an hour."""
        self._books = books
        self._running: set[str] = set()
        self._guard = threading.Lock()

    def begin(self, key: str) -> None:
        """Note that a request under a key is running.

        Raises:
            CardsError: Another one is.
        """
        with self._guard:
            if key in self._running:
                raise CardsError(
                    409, "Another request with this key is in progress.",
                    kind="idempotency_error", code="idempotency_key_in_use",
                )  # fmt: skip
            self._running.add(key)

    def end(self, key: str) -> None:
        """Note that it runs no more."""
        with self._guard:
            self._running.discard(key)

    def post(self, path: str, body: bytes, key: str, in_time: Callable[[], bool]) -> Answer:
        """Do what a POST asks, or say again what it came to.

        Raises:
            CardsError: It was refused, and nothing was done or kept.
        """
        form = read_form(body)
        digest = hashlib.sha256(path.encode() + b"\n" + body).hexdigest()
        with self._books.transaction():
            if not in_time():
                raise CardsError(500, "The request came too late.", kind="api_error")
            kept = self._books.remembered(key, KEY_LIFE_S) if key else None
            if kept is not None:
                if kept["digest"] != digest:
                    raise CardsError(
                        400, "Keys can only be used with the parameters they were first used with.",
                        kind="idempotency_error",
                    )  # fmt: skip
                headers = (("Idempotent-Replayed", "true"),)
                return Answer(kept["status"], json.loads(kept["body"]), headers)
            status, found = self._post(path.strip("/").split("/"), form)
            if key:
                self._books.remember(key, digest, status, json.dumps(found))
        return Answer(status, found)

    def get(self, path: str, query: bytes) -> Answer:
        """Look something up. Raises CardsError."""
        form = read_form(query)
        with self._books.transaction():
            return Answer(200, self._get(path, form))

    def delete(self, path: str) -> Answer:
        """Delete a customer. Raises CardsError."""
        with self._books.transaction():
            match path.strip("/").split("/"):
                case ["v1", "customers", customer]:
                    return Answer(200, self._books.delete_customer(customer))
                case _:
                    raise _no_such_path()

    def _post(self, path: list[str], form: Form) -> Result:
        books = self._books
        match path:
            case ["v1", "customers"]:
                known(form, "metadata", "description")
                return 200, books.create_customer(metadata(form))
            case ["v1", "checkout", "sessions"]:
                known(form, "mode", "customer", "currency", "success_url", "payment_method_types")
                if text(form, "mode") != "setup":
                    raise CardsError(400, "Only mode=setup is known here.", param="mode")
                return 200, books.create_session(
                    text(form, "customer"), text(form, "success_url"), self.base_url
                )
            case ["v1", "payment_intents"]:
                return self._pay(form)
            case ["v1", "payment_intents", intent, "cancel"]:
                known(form, "cancellation_reason")
                return 200, books.describe(books.cancel(intent))
            case ["v1", "payment_methods", method, "detach"]:
                known(form)
                return 200, books.detach(method)
            case ["v1", "refunds"]:
                known(form, "payment_intent", "amount", "metadata", "reason")
                amount = integer(form, "amount")
                if amount == 0:
                    raise CardsError(400, "Invalid positive integer", param="amount")
                return 200, books.refund(text(form, "payment_intent"), amount, metadata(form))
            case _:
                raise _no_such_path()

    def _pay(self, form: Form) -> Result:
        known(
            form, "amount", "currency", "customer", "payment_method", "confirm", "off_session",
            "metadata", "description", "error_on_requires_action", "payment_method_types",
        )  # fmt: skip
        customer = text(form, "customer")
        self._books.active_customer(customer)
        if text(form, "confirm", "false") != "true" or text(form, "off_session", "false") != "true":
            raise CardsError(400, "Only confirmed payments off session are known here.")
        if "payment_method" not in form:
            raise CardsError(
                400, "You cannot confirm a payment that is missing a payment method.",
                code="payment_intent_unexpected_state",
            )  # fmt: skip
        row = self._books.pay(
            customer=customer,
            method=text(form, "payment_method"),
            amount=integer(form, "amount"),
            currency=text(form, "currency"),
            metadata=metadata(form),
            description=text(form, "description", ""),
        )
        described = self._books.describe(row)
        if row["status"] == "requires_payment_method":
            return 402, objects.declined(described)
        return 200, described

    # One case a path, all in one place.
    def _get(self, path: str, form: Form) -> dict[str, Any]:  # noqa: PLR0911
        books = self._books
        match path.strip("/").split("/"):
            case ["v1", "customers", customer]:
                return books.customer(customer)
            case ["v1", "customers", customer, "payment_methods"]:
                known(form, "type", "limit")
                return objects.page(books.methods(customer)[: _limit(form)], path, more=False)
            case ["v1", "payment_intents", "search"]:
                return self._search(path, form)
            case ["v1", "payment_intents"]:
                known(form, "customer", "created", "limit", "starting_after")
                created = form.get("created", {})
                rows, more = books.intents(
                    customer=form.get("customer"),
                    created_from=integer(created, "gte", 0),
                    before=form.get("starting_after"),
                    limit=_limit(form),
                )
                return objects.page([books.describe(row) for row in rows], path, more=more)
            case ["v1", "payment_intents", intent]:
                return books.describe(books.intent(intent))
            case ["v1", "refunds"]:
                known(form, "payment_intent", "limit", "starting_after")
                found, more = books.refunds(
                    intent=form.get("payment_intent"),
                    before=form.get("starting_after"),
                    limit=_limit(form),
                )
                return objects.page(found, path, more=more)
            case ["v1", "refunds", refund]:
                return books.refund_of(refund)
            case ["v1", "disputes"]:
                known(form, "payment_intent", "limit")
                found = books.disputes(text(form, "payment_intent"))
                return objects.page(found[: _limit(form)], path, more=False)
            case ["v1", "disputes", dispute]:
                return books.dispute_of(dispute)
            case ["v1", "events"]:
                known(form, "types", "limit", "ending_before")
                found, more = books.events(
                    after=form.get("ending_before"), types=form.get("types", []), limit=_limit(form)
                )
                return objects.page(found, path, more=more)
            case _:
                raise _no_such_path()

    def _search(self, path: str, form: Form) -> dict[str, Any]:
        known(form, "query", "limit")
        match = _SEARCH.fullmatch(text(form, "query"))
        if match is None:
            raise CardsError(400, "The query cannot be read.", param="query")
        rows, _ = self._books.intents(customer=None, created_from=0, before=None, limit=100_000)
        seen = self._books.now() - self.search_lag_s
        found = [
            self._books.describe(row)
            for row in rows
            if row["created"] <= seen and json.loads(row["metadata"]).get(match[1]) == match[2]
        ]
        page = objects.page(found[: _limit(form)], path, more=False)
        return page | {"object": "search_result", "next_page": None}


def _limit(form: Form) -> int:
    limit = integer(form, "limit", 10)
    if not 1 <= limit <= LIMIT_MAX:
        raise CardsError(400, "Limit must be between 1 and 100.", param="limit")
    return limit


def _no_such_path() -> CardsError:
    return CardsError(404, "Unrecognized request URL.")
