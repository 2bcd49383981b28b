"""The ladder of statuses that a payment climbs, and when: scripted, then fixed at its creation.

Pure. A plan is the list of steps still to come with the bank's time of each.
Invariants: a plan ends in a status that never changes again; the first answer to a payment is
RCVD, PDNG, ACTC or RJCT, as the standard wants it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import assert_never

DELAY_S_MAX = 10 * 366 * 86_400


class Status(enum.StrEnum):
    """`ExternalPaymentTransactionStatus1Code`, as far as this bank uses it."""

    RECEIVED = "RCVD"
    PENDING = "PDNG"
    TECHNICALLY_VALID = "ACTC"
    CUSTOMER_CHECKED = "ACCP"
    FUNDS_CHECKED = "ACFC"
    ACCEPTED = "ACSP"
    WITHOUT_POSTING = "ACWP"
    SETTLED = "ACSC"
    CREDITED = "ACCC"
    REJECTED = "RJCT"
    BLOCKED = "BLCK"
    CANCELLED = "CANC"


FIRST_ANSWERS = frozenset(
    {Status.RECEIVED, Status.PENDING, Status.TECHNICALLY_VALID, Status.REJECTED}
)
"""What the answer to a POST may say (domestic-vrps, "Status")."""

_OPTIONAL = (
    Status.PENDING,
    Status.TECHNICALLY_VALID,
    Status.CUSTOMER_CHECKED,
    Status.FUNDS_CHECKED,
)


class Final(enum.Enum):
    """How a payment ends."""

    SETTLE = "settle"
    REJECT = "reject"
    BLOCK = "block"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Step:
    """One status, the bank's time at which it is reached, and why."""

    status: Status
    due_s: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Ladder:
    """The script for payments to come.

    `delays_s` is the time in seconds from the step before. PDNG, ACTC, ACCP, ACFC and ACCC are
    climbed only if named; ACSP is left out of a rejection or cancellation that does not name it.
    """

    delays_s: Mapping[Status, float] = field(default_factory=lambda: MappingProxyType({}))
    final: Final = Final.SETTLE
    reason: str = "AM04"
    """`StatusReasonCode` of a rejection."""

    def steps(self) -> tuple[Status, ...]:
        """Return the statuses after RCVD, in order."""
        early = tuple(status for status in _OPTIONAL if status in self.delays_s)
        accepted = (Status.ACCEPTED,) if Status.ACCEPTED in self.delays_s else ()
        match self.final:
            case Final.SETTLE:
                credited = (Status.CREDITED,) if Status.CREDITED in self.delays_s else ()
                return (*early, Status.ACCEPTED, Status.SETTLED, *credited)
            case Final.BLOCK:
                return (*early, Status.ACCEPTED, Status.WITHOUT_POSTING, Status.BLOCKED)
            case Final.REJECT:
                return (*early, *accepted, Status.REJECTED)
            case Final.CANCEL:
                return (*early, *accepted, Status.CANCELLED)
            case _:
                assert_never(self.final)

    def plan(self, now_s: float) -> list[Step]:
        """Return the steps of a payment that is received now."""
        due_s, plan = now_s, []
        for status in self.steps():
            due_s += self.delays_s.get(status, 0.0)
            ends_badly = status in {Status.REJECTED, Status.CANCELLED}
            plan.append(Step(status, due_s, self.reason if ends_badly else ""))
        return plan


def read_ladder(
    delays_s: Mapping[str, float], final: str, reason: str = "AM04", *, may_cancel: bool
) -> Ladder:
    """Check a script.

    Args:
        delays_s: Seconds before each named status, from the step before.
        final: `settle`, `reject`, `block` or `cancel`.
        reason: Four-character code of a rejection.
        may_cancel: Whether payments know the status CANC, which commercial VRP does not.

    Raises:
        ValueError: A status, delay, end or reason that this bank does not know.
    """
    delays = {Status(name): delay for name, delay in delays_s.items()}
    for delay in delays.values():
        if type(delay) not in {int, float} or not 0 <= delay <= DELAY_S_MAX:
            raise ValueError("a delay is a number of seconds, not below zero")
    if not (len(reason) == 4 and reason.isascii() and reason.isalnum()):
        raise ValueError("a reason has four letters or digits")
    end = Final(final)
    if end is Final.CANCEL and not may_cancel:
        raise ValueError("payments of commercial VRP are never cancelled")
    ladder = Ladder(MappingProxyType(delays), end, reason)
    if not delays.keys() <= set(ladder.steps()):
        raise ValueError("a status is named that this ladder never reaches")
    return ladder
