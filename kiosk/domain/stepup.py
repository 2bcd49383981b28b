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
from kiosk.domain.pad import ALWAYS, Liveness

TRIAL_LOGGER = "smiletill.policy_trial"
"""Name of the logger that is told what a policy on trial would have asked."""


class Factor(enum.Enum):
    """What a customer can be asked for besides the face."""

    DIGITS = "phone_digits"
    PIN = "pin"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing asked for, and the row that asks, as a reason code for the screen's one line."""

    factor: Factor
    reason: str


class Ask(enum.Enum):
    """What a row of the policy may ask, as it is written in policy.toml."""

    NONE = "none"
    DIGITS = "digits"
    PIN = "pin"


@dataclass(frozen=True, slots=True)
class StepUpPolicy:
    """The table's numbers, each with its unit and where it comes from.

    What the face's doubt, a person's own rule (twins, a wrong match) and money's ceilings ask is
    not the owner's to switch off, and stands outside of this.
    """

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
    turn_above: Money = Money(7_500)
    """75.00: above it everybody is asked to turn their head, besides the PIN.

    Our own choice: the upper half of what lies between the no-PIN ceiling and a customer's limit of
    100.00 as shipped; it costs up to five seconds, so it is asked where most is at stake. Who turns
    is let off nothing (docs/decisions/0030-head-turn.md)."""
    tries_max: int = 1
    """Failed sessions of one bill before the row `failed_tries` asks.

    One may be bad light; the second is somebody trying (research/biometrics.md 4.2, 7)."""
    pin_rules: PinRules = PinRules()
    first_visit: Ask = Ask.DIGITS
    long_absence: Ask = Ask.DIGITS
    failed_tries: Ask = Ask.PIN
    liveness_unproven: Ask = Ask.PIN
    sensor_degraded: Ask = Ask.PIN
    trial: StepUpPolicy | None = None
    """Another policy whose answer is only noted beside the one in force (dry run)."""


OWNERS_ROWS = frozenset(
    {"always_asked", "first_visit", "long_absence", "failed_tries"}
    | {"liveness_unproven", "sensor_degraded", "turn_not_shown"}
)
"""Reasons that the owner's policy decides about."""


def _asking(ask: Ask, reason: str) -> tuple[Requirement, ...]:
    match ask:
        case Ask.NONE:
            return ()
        case Ask.DIGITS:
            return (Requirement(Factor.DIGITS, reason),)
        case Ask.PIN:
            return (Requirement(Factor.PIN, reason),)


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
    """List what is asked where stream, surroundings or the screen's light prove nothing.

    A camera that cannot show what the layers for every frame need is a degraded sensor; otherwise
    it is the screen's light that did not come back.
    """
    if liveness.is_strong or not amount.exceeds(policy.unproven_max):
        return ()
    if liveness.missing & ALWAYS:
        return _asking(policy.sensor_degraded, "sensor_degraded")
    return _asking(policy.liveness_unproven, "liveness_unproven")


def rows_for_stillness(amount: Money, policy: StepUpPolicy) -> tuple[Requirement, ...]:
    """List what is asked when a face agrees that was not seen to move as no mask does.

    A mask is lit like a face, so that the light does not stand in for it.
    """
    if not amount.exceeds(policy.unproven_max):
        return ()
    return _asking(policy.liveness_unproven, "liveness_unproven")


def wants_turn(amount: Money, policy: StepUpPolicy) -> bool:
    """Say whether this sum asks for a turned head."""
    return amount.exceeds(policy.turn_above)


def rows_for_turn(
    amount: Money, policy: StepUpPolicy, *, shown: bool | None
) -> tuple[Requirement, ...]:
    """List what is asked because a head was not seen to turn: the PIN, whatever the owner's rows.

    Args:
        amount: Of the bill.
        policy: Says from which sum on.
        shown: Whether it was; None: it has not come to that.
    """
    if shown is not False or not wants_turn(amount, policy):
        return ()
    return (Requirement(Factor.PIN, "turn_not_shown"),)


def rows_for_tries(tries_used: int, policy: StepUpPolicy) -> tuple[Requirement, ...]:
    """List what is asked when earlier sessions of the same bill came to nothing."""
    return _asking(policy.failed_tries, "failed_tries") if tries_used > policy.tries_max else ()


def rows_for_payment(
    facts: MandateFacts, amount: Money, policy: StepUpPolicy
) -> tuple[Requirement, ...]:
    """List what this payer and this amount make us ask."""
    rows: list[Requirement] = []
    if facts.payments_ever == 0 and amount.exceeds(policy.first_visit_max):
        rows += _asking(policy.first_visit, "first_visit")
    if (facts.days_since_last_use or 0) > policy.absence_days_max:
        rows += _asking(policy.long_absence, "long_absence")
    pin_reason = needs_pin(facts, amount, policy.pin_rules)
    if pin_reason is not None:
        rows.append(Requirement(Factor.PIN, pin_reason))
    return tuple(rows)


def rows_in_trial(
    asked: tuple[Requirement, ...],
    *,
    facts: MandateFacts,
    amount: Money,
    liveness: Liveness | None,
    tries_used: int,
    trial: StepUpPolicy,
    turned: bool | None = None,
) -> tuple[Requirement, ...]:
    """List what another policy would have asked in the same case.

    Args:
        asked: What the policy in force asked; what is not the owner's to decide stays.
        facts: Of the payer.
        amount: Of the bill.
        liveness: None where nobody was looked at.
        tries_used: Earlier sessions of the bill.
        trial: The other policy.
        turned: Whether a head was seen to turn; None where none was asked to, so that nobody knows.
    """
    rows = [row for row in asked if row.reason not in OWNERS_ROWS]
    if trial.claim_first:
        rows.insert(0, Requirement(Factor.DIGITS, "always_asked"))
    rows += rows_for_payment(facts, amount, trial)
    rows += rows_for_tries(tries_used, trial)
    rows += rows_for_turn(amount, trial, shown=turned)
    if liveness is not None:
        rows += rows_for_liveness(liveness, amount, trial)
    return tuple(dict.fromkeys(rows))
