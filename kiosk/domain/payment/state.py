"""The state of one attempt to pay: its phase, its times, and the rules for sending.

Times are whole milliseconds of one monotonic clock.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from kiosk.domain.order import Outcome


class OutcomeKind(enum.Enum):
    """What a bank's answer means for the money."""

    SETTLED = "settled"
    DECLINED = "declined"
    """The bank says, verifiably, that it did not and will not execute this key."""
    ACCEPTED = "accepted"
    """The bank has the payment and says its id (`payment_ref`); its end is not known yet."""
    NOT_SENT = "not_sent"
    """Not one byte of the request left the machine."""
    NOT_FOUND = "not_found"
    """`find` only: the bank knows no such key."""
    UNKNOWN = "unknown"
    """Anything else: time-out, 5xx, 409, nonsense, another order's answer."""


class AttemptEnd(enum.Enum):
    """How an attempt ended, as the journal holds it."""

    SETTLED = "settled"
    DECLINED = "declined"
    NOT_SENT = "not_sent"
    """No send left the machine in the whole window."""
    NEVER_ARRIVED = "never_arrived"
    """The bank knows no such key, and the request can no longer reach it."""
    UNKNOWN = "unknown"
    """The bank's word is missing: the key is burnt, and reconciliation goes on asking."""

    @property
    def is_final(self) -> bool:
        """Say whether nothing about the money is open any more."""
        return self is not AttemptEnd.UNKNOWN

    @property
    def outcome(self) -> Outcome:
        """What the customer is told."""
        match self:
            case AttemptEnd.SETTLED:
                return Outcome.PAID
            case AttemptEnd.DECLINED | AttemptEnd.NOT_SENT | AttemptEnd.NEVER_ARRIVED:
                return Outcome.NOT_PAID
            case AttemptEnd.UNKNOWN:
                return Outcome.UNKNOWN


@dataclass(frozen=True, slots=True)
class SendRules:
    """When the same request may be sent again, and what the bank can tell afterwards."""

    resend_at_ms: tuple[int, ...] = (0, 1_200, 3_000, 6_000, 12_000, 20_000)
    """After the first send, the times of all sends (payments.md, 5.3)."""
    window_ms: int = 25_000
    """How long the customer waits while an unclear answer is resolved (payments.md, 5.3)."""
    apart_ms_min: int = 1_000
    """From one answer to the next send of the same key.

    The UK Open Banking profile asks for at least 1 s; the bank's own minimum may be longer."""
    key_life_ms: int = 23 * 3_600_000
    """After the first send that may have arrived, how long the key still protects from a second
    debit. 0: the bank has no idempotency, so such a request is never repeated."""
    arrival_ms_max: int = 60_000
    """After the last send, how long the request may still reach the bank's books."""
    can_find: bool = True
    """The bank can be asked what became of a key."""
    can_find_ref: bool = True
    """The bank can be asked about a payment whose id it has told."""
    poll_after_ms: tuple[int, ...] = (0, 200, 400, 800, 1_600, 3_200)
    """How long to wait before each look at a payment that the bank has accepted; the last one
    repeats. Most instant payments settle within a second or two, so the first looks come soon."""

    def __post_init__(self) -> None:
        """Refuse rules that could flood the bank or never end."""
        rising = all(a < b for a, b in zip(self.resend_at_ms, self.resend_at_ms[1:], strict=False))
        if (
            not self.resend_at_ms
            or self.resend_at_ms[0] != 0
            or not rising
            or not self.poll_after_ms
            or self.poll_after_ms[-1] <= 0
            or min(self.poll_after_ms) < 0
            or self.apart_ms_min <= 0
            or min(self.window_ms, self.key_life_ms, self.arrival_ms_max) < 0
        ):
            message = "sends must start at 0, rise, keep a distance, and end; so must looks"
            raise ValueError(message)


class Phase(enum.Enum):
    """Where an attempt stands."""

    NEW = "new"
    STORING_INTENT = "storing_intent"
    SENDING = "sending"
    WAITING = "waiting"
    """Between two sends or two looks, or for the end of the window."""
    STORING_ACCEPTED = "storing_accepted"
    """The bank has told its id of the payment: from here on nothing is sent."""
    FINDING = "finding"
    """Looking the payment up while the window is open."""
    FINDING_LAST = "finding_last"
    """Looking it up at the end of the window or after a restart: no send follows."""
    STORING_RESULT = "storing_result"
    UNRESOLVED = "unresolved"
    """"Unknown" is stored and the key is burnt; looked up from time to time."""
    FINDING_LATER = "finding_later"
    STORING_CORRECTION = "storing_correction"
    ENDED = "ended"
    STRANDED = "stranded"
    """The result could not be stored: this process says "unknown", the next one looks it up."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of an attempt: what is stored, and what is told once it is."""

    end: AttemptEnd
    reason: str
    payment_ref: str | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """The state of one attempt."""

    rules: SendRules
    phase: Phase = Phase.NEW
    sends: int = 0
    first_send_at_ms: int = 0
    exposed_at_ms: int | None = None
    """When the first request went out that may have reached the bank; None: none did."""
    quiet_since_ms: int = 0
    """When the last request was over: from here on nothing new is on its way."""
    due_at_ms: int | None = None
    """When the next send is due, or the next look once `payment_ref` is known."""
    looks: int = 0
    """How often the accepted payment was looked up."""
    payment_ref: str | None = None
    """The bank's id, once it has told one: it has the payment, and nothing is sent any more."""
    asked_at_ms: int = 0
    """When the key was last looked up: the bank's "no such key" is no younger than this."""
    verdict: Verdict | None = None

    @property
    def can_ask(self) -> bool:
        """Say whether the bank can be asked by what is known."""
        by_ref = self.rules.can_find_ref and self.payment_ref is not None
        return self.rules.can_find or by_ref

    @property
    def closes_at_ms(self) -> int:
        """The end of the window."""
        return self.first_send_at_ms + self.rules.window_ms
