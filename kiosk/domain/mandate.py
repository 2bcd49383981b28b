"""A payer's standing authority to be charged, its limits, and what money tells faces about it."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from kiosk.domain.ids import PayerAlias
from kiosk.domain.money import Money


class MandateState(enum.Enum):
    """Where a mandate stands at the bank."""

    PENDING = "pending"
    ACTIVE = "active"
    REJECTED = "rejected"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class MandateLimits:
    """What the payer allowed, per payment and per calendar day of the terminal."""

    per_payment: Money
    per_day: Money


DEFAULT_LIMITS = MandateLimits(per_payment=Money(10_000), per_day=Money(20_000))
"""100.00 a payment and 200.00 a day.

100.00 is the UK's single contactless limit since October 2021 (FCA PS21/2); two of them make a day.
"""


@dataclass(frozen=True, slots=True)
class MandateFacts:
    """What the step-up policy and the screen need to know of a payer; no name, no account."""

    alias: PayerAlias
    state: MandateState
    limits: MandateLimits
    spent_today: Money
    payments_ever: int
    days_since_last_use: int | None
    account_hint: str
    """Masked, such as `••42`."""


def limit_refusal(facts: MandateFacts, amount: Money) -> str | None:
    """Say why this mandate does not cover an amount, as a reason code, or None if it does."""
    if facts.state is not MandateState.ACTIVE:
        return f"mandate_{facts.state.value}"
    if amount.exceeds(facts.limits.per_payment):
        return "limit_per_payment"
    if (facts.spent_today + amount).exceeds(facts.limits.per_day):
        return "limit_per_day"
    return None
