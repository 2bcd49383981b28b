"""The bank port: what the engine asks of any bank, and what it may be answered.

`prepare` does no I/O and `submit` does the sending, so that the journal can hold the exact bytes
before the first of them leaves the machine.
A connector never decides what an unclear answer means: it says `UNKNOWN`, and the engine resolves.
No method retries by itself, and each is bounded by the connector's own time-outs.
A connector is one folder under `kiosk/money/banks` and one line in `registry.py`; the suite
`tests/contract/test_bank_port.py` runs on every one of them.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from kiosk.domain.ids import IdempotencyKey, MandateRef, OrderId, PayerAlias, PaymentRef
from kiosk.domain.mandate import MandateLimits, MandateState
from kiosk.domain.money import Money
from kiosk.domain.payment import OutcomeKind

__all__ = [
    "Bank", "BankAnswer", "BankContext", "BankEvent", "BankHealth", "BankMandate", "BankSecrets",
    "Capabilities", "EventBatch", "Funds", "Intent", "OutcomeKind", "Prepared", "RefundIntent",
    "RefundMode", "Sought",
]  # fmt: skip


class RefundMode(enum.Enum):
    """How money goes back to a payer."""

    API = "api"
    """The bank takes a refund request."""
    MANUAL = "manual"
    """Somebody makes an outgoing payment; here it is a task until a statement or staff close it."""
    NONE = "none"


class Funds(enum.Enum):
    """What the bank says of cover; advice, never a promise."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a bank can do; the engine asks these flags and never the connector's name."""

    is_sandbox: bool
    idempotency_life_s: int
    """Seconds after the first send for which the same key cannot pay twice; 0: no idempotency."""
    min_resend_s: float
    """Seconds between two sends of the same key."""
    lookup_by_key: bool
    """`find` can tell what became of a key whose answer was lost."""
    arrival_s_max: float
    """Seconds after which a request that was sent can no longer reach the bank's books."""
    headless_approval: bool
    """A mandate is approved without its payer (simulated customers only)."""
    lookup_by_ref: bool = True
    """`find` can tell how a payment stands whose `payment_ref` is known."""
    funds_check: bool = False
    events: bool = False
    """`events` can be polled for news of payments and mandates."""
    refund: RefundMode = RefundMode.MANUAL
    sca_per_payment: bool = False
    """Each payment needs the payer at the bank: then a face only identifies."""
    limits_at_bank: bool = True
    """The bank itself refuses what exceeds a mandate's limits; else only the engine does."""
    min_lead_time_s: int = 0
    """Seconds before a payment can execute; above 0 is of no use at a counter."""


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
    reference: str
    """18 characters `[A-Z2-7]`, derived from the key: what a statement shows (`reference_of`)."""
    at_s: int
    """The terminal's wall clock, whole seconds since the epoch; `prepare` reads no clock."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The exact request, to be journalled and, if need be, resent byte by byte."""

    key: IdempotencyKey
    order_id: OrderId
    amount: Money
    body: bytes = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    """With the signature where the bank wants one; never a token: they are added while sending."""


@dataclass(frozen=True, slots=True)
class Sought:
    """Which payment (or refund) is asked about; an answer about another one is `UNKNOWN`."""

    key: IdempotencyKey
    order_id: OrderId
    amount: Money
    reference: str
    payment_ref: PaymentRef | None = None
    """The bank's id, if it ever told it."""


@dataclass(frozen=True, slots=True)
class RefundIntent:
    """Money to go back to the payer of a settled payment."""

    key: IdempotencyKey
    order_id: OrderId
    amount: Money
    payment_ref: PaymentRef
    reference: str
    at_s: int


@dataclass(frozen=True, slots=True)
class BankMandate:
    """A mandate as the bank tells it."""

    ref: MandateRef
    state: MandateState
    account_hint: str
    approval_url: str = field(default="", repr=False)
    """Where the payer approves a pending mandate (a link or the content of a QR code)."""


@dataclass(frozen=True, slots=True)
class BankEvent:
    """News from the bank: of a payment or of a mandate, already looked up by the connector.

    Events come twice, late and out of order: whoever takes them must not mind.
    """

    event_id: str
    reference: str = ""
    """The payment's, or the refund's; empty if the news is of a mandate."""
    amount: Money | None = None
    answer: BankAnswer | None = None
    mandate_ref: MandateRef | None = None
    mandate_state: MandateState | None = None
    is_refund: bool = False
    """The news is of a refund: reference, amount and answer are its own."""
    takes_back: bool = False
    """A settled payment was taken back (a chargeback) although a look-up still says settled."""


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Some news; `more` says that asking again at once gives others."""

    events: tuple[BankEvent, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True)
class BankHealth:
    """What the last exchanges taught; no request is made to tell it."""

    clock_skew_s: float | None = None
    """The bank's clock minus ours, by its `Date` header, corrected for the way; None: unknown."""
    detail: str = ""


class BankSecrets(Protocol):
    """Named secrets of a connector, encrypted at rest under money's own key."""

    def get(self, name: str) -> bytes | None:
        """Return a secret, or None. Raises KeyFileError if it was changed."""
        ...

    def put(self, name: str, value: bytes) -> None:
        """Store a secret durably. Raises KeyFileError if the disk refuses."""
        ...

    def delete(self, name: str) -> None:
        """Remove a secret; one that is not there is no error."""
        ...


@dataclass(frozen=True, slots=True)
class BankContext:
    """What a connector is made with."""

    data_dir: Path
    url: str | None
    """The bank's address from the settings; None lets the connector find it."""
    secrets: BankSecrets
    currency: str
    options: dict[str, str] = field(default_factory=dict)
    """`[bank.options]` of the settings: the connector's own words, checked by it."""


class Bank(Protocol):
    """A family of banks.

    Errors that escape: only `BankUnreachableError`, from mandate calls and `events`.
    Threads share one object.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this bank can do."""
        ...

    def begin_mandate(
        self, alias: PayerAlias, limits: MandateLimits, key: IdempotencyKey
    ) -> BankMandate:
        """Ask for a mandate; where approval is headless, the simulated customer approves it."""
        ...

    def mandate(self, ref: MandateRef) -> BankMandate:
        """Read a mandate; also takes the steps that follow its approval (tokens)."""
        ...

    def revoke(self, ref: MandateRef) -> None:
        """Revoke a mandate and forget its secrets; revoking twice is no error."""
        ...

    def check_funds(self, ref: MandateRef, amount: Money) -> Funds:
        """Ask for cover; `UNKNOWN` where it cannot be asked. Never raises."""
        ...

    def prepare(self, intent: Intent) -> Prepared:
        """Make the request, without any I/O."""
        ...

    def submit(self, prepared: Prepared, mandate_ref: MandateRef) -> BankAnswer:
        """Send it once and say what came of it; never raises for anything the network does."""
        ...

    def find(self, sought: Sought) -> BankAnswer:
        """Ask what became of a payment, by the bank's id if known, else by key.

        `UNKNOWN` if the bank cannot be asked now, or never by what is known. `NOT_FOUND` is final
        once `arrival_s_max` has passed since the last send. Never raises.
        """
        ...

    def prepare_refund(self, intent: RefundIntent) -> Prepared:
        """Make a refund request, without any I/O. Only where `refund` is `API`."""
        ...

    def submit_refund(self, prepared: Prepared) -> BankAnswer:
        """Send a refund once; never raises for anything the network does."""
        ...

    def find_refund(self, sought: Sought) -> BankAnswer:
        """Ask what became of a refund, as `find`."""
        ...

    def events(self) -> EventBatch:
        """Poll for news; empty where there is none or it cannot be polled."""
        ...

    def acknowledge(self, event_ids: tuple[str, ...]) -> None:
        """Tell the bank that these events are stored; they do not come again."""
        ...

    def health(self) -> BankHealth:
        """Say what the last exchanges taught."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...
