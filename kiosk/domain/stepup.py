"""The written step-up policy: when more than a face is asked for, and why, one row a reason.

A row can only ask for more, never for less.
What money can check for itself it checks again (`mandate.needs_pin`); nothing here is trusted.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from kiosk.domain.identification import Decision
from kiosk.domain.mandate import MandateFacts, PinRules, needs_pin
from kiosk.domain.money import Money
from kiosk.domain.pad import Liveness


class Factor(enum.Enum):
    """What a customer can be asked for besides the face."""

    DIGITS = "phone_digits"
    PIN = "pin"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing asked for, and the row that asks, as a reason code for the screen's one line."""

    factor: Factor
    reason: str


@dataclass(frozen=True, slots=True)
class StepUpPolicy:
    """The table's numbers, each with its unit and where it comes from."""

    claim_first: bool = False
    """Ask for digits before every search (`claim = first`)."""
    first_visit_max: Money = Money(2_500)
    """25.00: up to here a first payment needs no digits.

    Half of the no-PIN ceiling: our own choice, so that a first wrong match stays small."""
    absence_days_max: int = 180
    """Days unused after which digits are asked.

    Templates age slowly (Best-Rowden & Jain: years), so half a year is cautious."""
    unproven_max: Money = Money(2_500)
    """25.00: up to here a payment needs no PIN though a PAD layer could not run.

    Half of the no-PIN ceiling, as for a first visit: what cannot be checked lowers the sum."""
    pin_rules: PinRules = PinRules()


def rows_for_face(decision: Decision) -> tuple[Requirement, ...]:
    """List what the face alone makes us ask, before money is asked anything."""
    match decision:
        case Decision.NEEDS_DIGITS:
            return (Requirement(Factor.DIGITS, "face_in_doubt"),)
        case Decision.AMBIGUOUS:
            return (Requirement(Factor.DIGITS, "look_alike"),)
        case Decision.NEEDS_DIGITS_AND_PIN:
            return (
                Requirement(Factor.DIGITS, "face_in_doubt"),
                Requirement(Factor.PIN, "face_in_doubt"),
            )
        case Decision.IDENTIFIED | Decision.UNKNOWN:
            return ()


def rows_for_person(pin_always: str) -> tuple[Requirement, ...]:
    """List what is always asked of this person, whatever the face and the amount.

    Args:
        pin_always: Why their PIN is, such as `look_alike`; empty: it is not.
    """
    return (Requirement(Factor.PIN, pin_always),) if pin_always else ()


def rows_for_liveness(
    liveness: Liveness, amount: Money, policy: StepUpPolicy
) -> tuple[Requirement, ...]:
    """List what is asked where stream, surroundings or the screen's light prove nothing."""
    if liveness.is_strong or not amount.exceeds(policy.unproven_max):
        return ()
    return (Requirement(Factor.PIN, "liveness_unproven"),)


def rows_for_payment(
    facts: MandateFacts, amount: Money, policy: StepUpPolicy
) -> tuple[Requirement, ...]:
    """List what this payer and this amount make us ask."""
    rows: list[Requirement] = []
    if facts.payments_ever == 0 and amount.exceeds(policy.first_visit_max):
        rows.append(Requirement(Factor.DIGITS, "first_visit"))
    if (facts.days_since_last_use or 0) > policy.absence_days_max:
        rows.append(Requirement(Factor.DIGITS, "long_absence"))
    pin_reason = needs_pin(facts, amount, policy.pin_rules)
    if pin_reason is not None:
        rows.append(Requirement(Factor.PIN, pin_reason))
    return tuple(rows)
