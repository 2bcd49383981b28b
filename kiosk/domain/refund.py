"""How money goes back, how far that has come, and whose word it is."""

from __future__ import annotations

import enum


class RefundWay(enum.Enum):
    """Who moves the money back."""

    API = "api"
    """The bank, asked by the money process."""
    MANUAL = "manual"
    """Somebody at the restaurant's own bank; here it is a task until it is closed."""


class RefundState(enum.Enum):
    """How far a refund has come."""

    PENDING = "pending"
    """Journalled: the bank is being asked, or somebody has a transfer to make."""
    UNKNOWN = "unknown"
    """The bank's word is missing; it is looked up, and never sent again."""
    DONE = "done"
    NOT_DONE = "not_done"
    """Nothing went back and nothing will under this refund."""

    @property
    def is_open(self) -> bool:
        """Say whether somebody still has to say how it ended."""
        return self in {RefundState.PENDING, RefundState.UNKNOWN}

    @property
    def holds_money(self) -> bool:
        """Say whether its sum went back, or may still go: only the rest can be refunded."""
        return self is not RefundState.NOT_DONE


class Witness(enum.Enum):
    """Whose word something is."""

    BANK = "bank"
    EVENT = "event"
    """The bank too, unasked."""
    STAFF = "staff"
    STATEMENT = "statement"


class LineFate(enum.Enum):
    """What became of one line of a bank statement."""

    SETTLED = "settled"
    """A payment whose end was unknown is paid: corrected."""
    AGREES = "agrees"
    """What the journal says already."""
    REFUND_DONE = "refund_done"
    """The outgoing transfer of an open refund: closed."""
    AMOUNT_DIFFERS = "amount_differs"
    """Our reference, another sum or currency: nothing was changed."""
    NOT_PAID_HERE = "not_paid_here"
    """The journal says that this payment was not made: the money is now due back, or kept."""
    TWICE = "twice"
    """A second line about what one line has settled already: nothing was changed."""
    UNEXPECTED = "unexpected"
    """Money that went out, or was taken back, under a reference that does not call for it."""
    AMBIGUOUS = "ambiguous"
    """Several of our references in one line: nothing was changed."""
    IN_FLIGHT = "in_flight"
    """The payment is on its way this moment: import the statement again later."""
    UNKNOWN_REFERENCE = "unknown_reference"
    """None of our payments: ignored."""
    KNOWN_LINE = "known_line"
    """Taken in by an earlier import of the same line."""

    @property
    def is_conflict(self) -> bool:
        """Say whether the line itself waits for a person to look.

        `NOT_PAID_HERE` does not: what follows from it is listed with its payment.
        """
        return self in _CONFLICTS


_CONFLICTS = {
    LineFate.AMOUNT_DIFFERS, LineFate.TWICE, LineFate.UNEXPECTED, LineFate.AMBIGUOUS,
}  # fmt: skip
