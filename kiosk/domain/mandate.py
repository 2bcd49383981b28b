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
class PinRules:
    """Up to what sum a payment needs no PIN.

    Both numbers follow Article 11 of the EU's technical standards on strong customer authentication
    (Delegated Regulation 2018/389: 50 a contactless payment, 150 in sum since the last strong
    authentication). The day stands in for "since the last", which is stricter for who pays daily
    and has no counter that somebody could reset.
    """

    payment_max: Money = Money(5_000)
    """50.00: the largest payment without a PIN."""
    day_max: Money = Money(15_000)
    """150.00: the largest sum of one day, this payment included, without a PIN for this one."""


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
    paused: bool = False
    """The payer wants no payment until they say so."""
    granted: MandateLimits | None = None
    """What the bank was told: the payer's own limits never go above it."""


def limit_refusal(facts: MandateFacts, amount: Money) -> str | None:
    """Say why this mandate does not cover an amount, as a reason code, or None if it does."""
    if facts.state is not MandateState.ACTIVE:
        return f"mandate_{facts.state.value}"
    if facts.paused:
        return "paused_by_payer"
    if amount.exceeds(facts.limits.per_payment):
        return "limit_per_payment"
    if (facts.spent_today + amount).exceeds(facts.limits.per_day):
        return "limit_per_day"
    return None


def is_raise(now: MandateLimits, wanted: MandateLimits) -> bool:
    """Say whether one of the limits would be higher than it is."""
    higher = wanted.per_payment.exceeds(now.per_payment)
    return higher or wanted.per_day.exceeds(now.per_day)


def needs_pin(facts: MandateFacts, amount: Money, rules: PinRules) -> str | None:
    """Say why a payment needs a verified PIN, as a reason code, or None if it does not.

    Faces asks this to know what to ask the customer; money asks it again and enforces it.
    """
    if amount.exceeds(rules.payment_max):
        return "amount_above_no_pin_ceiling"
    if (facts.spent_today + amount).exceeds(rules.day_max):
        return "day_above_no_pin_ceiling"
    return None
