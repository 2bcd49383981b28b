"""What a test of a connector hands to it: a context, intents, and questions about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from kiosk.domain.ids import IdempotencyKey, MandateRef, OrderId, PaymentRef, reference_of
from kiosk.domain.money import Money
from kiosk.money.banks.port import BankContext, Intent, Sought

AT_S = 1_795_435_200
"""2026-11-23, noon in UTC, as the fake clock starts."""


@dataclass
class MemorySecrets:
    """`BankSecrets` in memory."""

    kept: dict[str, bytes] = field(default_factory=dict)

    def get(self, name: str) -> bytes | None:
        return self.kept.get(name)

    def put(self, name: str, value: bytes) -> None:
        self.kept[name] = value

    def delete(self, name: str) -> None:
        self.kept.pop(name, None)


def context_of(
    data_dir: Path, url: str | None = None, options: dict[str, str] | None = None
) -> BankContext:
    return BankContext(data_dir, url, MemorySecrets(), "GBP", options or {})


def intent_of(
    mandate_ref: MandateRef, name: str = "1", minor_units: int = 1_250, at_s: int = AT_S
) -> Intent:
    """An attempt with key `key-NAME` for `order-NAME`."""
    key = IdempotencyKey(f"key-{name}")
    return Intent(
        key=key,
        order_id=OrderId(f"order-{name}"),
        amount=Money(minor_units),
        payee="Trattoria",
        mandate_ref=mandate_ref,
        reference=reference_of(key),
        at_s=at_s,
    )


def sought_of(
    name: str = "1", minor_units: int = 1_250, payment_ref: PaymentRef | None = None
) -> Sought:
    """The question what became of the attempt that `intent_of` makes."""
    key = IdempotencyKey(f"key-{name}")
    return Sought(key, OrderId(f"order-{name}"), Money(minor_units), reference_of(key), payment_ref)
