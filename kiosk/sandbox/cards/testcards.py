"""Cards that do what their last four digits say, as the public test cards do.

The hosted page offers these and knows no others, so that no real number is ever typed into it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Fate(enum.Enum):
    """What becomes of a charge."""

    SUCCEED = "succeed"
    DECLINE = "decline"
    ACTION = "action"
    """Wait for the cardholder, which nobody off session can be."""
    PROCESS = "process"
    """Processing first; then it succeeds."""
    PROCESS_DECLINE = "process_decline"
    """Processing first; then it is declined."""


@dataclass(frozen=True, slots=True)
class Card:
    """One card."""

    fate: Fate
    code: str = ""
    decline_code: str = ""
    refund: str = "succeeded"
    """What a refund comes to: `succeeded` at once, `later`, `failed` later, or `returned`, which
    is succeeded at once and failed later."""


CARDS = {
    "4242": Card(Fate.SUCCEED),
    "0002": Card(Fate.DECLINE, "card_declined", "generic_decline"),
    "9995": Card(Fate.DECLINE, "card_declined", "insufficient_funds"),
    "9987": Card(Fate.DECLINE, "card_declined", "lost_card"),
    "6975": Card(Fate.DECLINE, "card_declined", "card_velocity_exceeded"),
    "0069": Card(Fate.DECLINE, "expired_card", "expired_card"),
    "3184": Card(Fate.DECLINE, "authentication_required", "authentication_required"),
    "3220": Card(Fate.ACTION),
    "1101": Card(Fate.PROCESS, refund="later"),
    "1119": Card(Fate.PROCESS_DECLINE, "card_declined", "generic_decline"),
    "1127": Card(Fate.SUCCEED, refund="failed"),
    "5126": Card(Fate.SUCCEED, refund="returned"),
}
"""By their last four digits; 1101, 1119 and 1127 are ours, the others follow the public list."""
