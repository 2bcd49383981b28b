"""The bank port: what the engine asks of any bank, and what it may be answered.

`prepare` is pure and `submit` does the sending, so that the journal can hold the exact bytes before
the first of them leaves the machine.
A connector never decides what an unclear answer means: it says `UNKNOWN`, and the engine resolves.
No method retries by itself, and each is bounded by the connector's own time-outs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from kiosk.domain.ids import IdempotencyKey, MandateRef, OrderId, PayerAlias, PaymentRef
from kiosk.domain.mandate import MandateLimits, MandateState
from kiosk.domain.money import Money
from kiosk.domain.payment import OutcomeKind

__all__ = ["Bank", "BankAnswer", "BankMandate", "Capabilities", "Intent", "OutcomeKind", "Prepared"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a bank can do; the engine asks these flags and never the connector's name."""

    is_sandbox: bool
    idempotency_life_s: int
    """Seconds after the first send for which the same key cannot pay twice."""
    min_resend_s: float
    """Seconds between two sends of the same key."""
    lookup_by_key: bool
    """`find` can tell what became of a key whose answer was lost."""
    arrival_s_max: float
    """Seconds after which a request that was sent can no longer reach the bank's books."""
    headless_approval: bool
    """A mandate can be approved without its payer (simulated customers only)."""


@dataclass(frozen=True, slots=True)
class BankAnswer:
    """One answer, with the reason in our words."""

    kind: OutcomeKind
    reason: str = ""
    payment_ref: PaymentRef | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """One attempt to charge one payer for one order."""

    key: IdempotencyKey
    order_id: OrderId
    amount: Money
    payee: str
    mandate_ref: MandateRef


@dataclass(frozen=True, slots=True)
class Prepared:
    """The exact request, to be journalled and, if need be, resent byte by byte."""

    key: IdempotencyKey
    order_id: OrderId
    amount: Money
    body: bytes = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class BankMandate:
    """A mandate as the bank tells it."""

    ref: MandateRef
    state: MandateState
    account_hint: str


class Bank(Protocol):
    """A family of banks. Errors that escape: only `BankUnreachableError` from mandate calls."""

    @property
    def capabilities(self) -> Capabilities:
        """What this bank can do."""
        ...

    def begin_mandate(
        self, alias: PayerAlias, limits: MandateLimits, key: IdempotencyKey
    ) -> BankMandate:
        """Ask for a mandate; in the sandbox the simulated customer approves it."""
        ...

    def mandate(self, ref: MandateRef) -> BankMandate:
        """Read a mandate."""
        ...

    def revoke(self, ref: MandateRef) -> None:
        """Revoke a mandate; revoking twice is no error."""
        ...

    def prepare(self, intent: Intent) -> Prepared:
        """Make the request, without any I/O; the same intent gives the same bytes."""
        ...

    def submit(self, prepared: Prepared) -> BankAnswer:
        """Send it once and say what came of it; never raises for anything the network does."""
        ...

    def find(self, key: IdempotencyKey) -> BankAnswer:
        """Ask what became of a key; `UNKNOWN` if the bank cannot be asked now."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...
