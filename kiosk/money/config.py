"""Every number that the money process goes by, with its unit and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field

from kiosk.domain.mandate import PinRules as NoPinRules
from kiosk.domain.money import DEFAULT_CURRENCY
from kiosk.domain.order import PAYEE_LENGTH_MAX
from kiosk.money.pin_counter import PinRules


@dataclass(frozen=True, slots=True)
class HashCost:
    """What one Argon2id verification of a PIN costs."""

    time_cost: int = 4
    memory_kib: int = 65_536
    parallelism: int = 1
    """RFC 9106's second recommended option is 64 MiB and three passes over four lanes.

    Here one lane, so that one core is busy and the screen keeps another, and a pass more: a little
    above 0.2 s on the two-core machine this was written on."""


@dataclass(frozen=True, slots=True)
class TillConfig:
    """The interface for tills and the staff's tablet, as the owner set it (kiosk/settings.py)."""

    enabled: bool = False
    host: str = "127.0.0.1"
    port: int = 8443
    amount_max_minor_units: int = 100_000
    menu: str = ""


@dataclass(frozen=True, slots=True)
class MoneyConfig:
    """Settings of one money process; the defaults are a sandbox installation."""

    payee: str = "SmileTill Sandbox Bistro"
    currency: str = DEFAULT_CURRENCY
    connector: str = "sandbox"
    bank_url: str = ""
    """Empty: the connector knows where its bank is."""
    bank_options: dict[str, str] = field(default_factory=dict)
    """The connector's own words, checked by it."""
    till: TillConfig = field(default_factory=TillConfig)
    staff_codes: dict[str, str] = field(default_factory=dict, repr=False)
    """Name and code of everybody who may do what only staff may."""

    resolve_window_s: float = 25.0
    """Seconds that a customer waits while an unclear answer is resolved (payments.md, 5.3)."""
    resend_at_s: tuple[float, ...] = (0, 1.2, 3, 6, 12, 20)
    """Seconds after the first send at which the same request is sent (payments.md, 5.3)."""

    no_pin: NoPinRules = field(default_factory=NoPinRules)
    pin: PinRules = field(default_factory=PinRules)
    hash_cost: HashCost = field(default_factory=HashCost)
    pin_token_life_s: float = 120.0
    """Seconds between the right PIN and the authorisation: reading the screen and a smile."""

    reconcile_first_s: float = 2.0
    """Seconds at most that a start waits for the bank's word on open payments."""
    reconcile_every_s: float = 5.0
    reconcile_every_s_max: float = 60.0
    """Seconds between two looks at an open payment: doubling from the first to the second."""

    open_orders_max: int = 1_000
    """Orders waiting to be paid at one terminal; a till that opens more has lost its way."""

    def __post_init__(self) -> None:
        """Refuse settings that could not work."""
        if not 0 < len(self.payee) <= PAYEE_LENGTH_MAX:
            message = f"payee must have 1 to {PAYEE_LENGTH_MAX} characters"
            raise ValueError(message)
        if self.no_pin.payment_max.currency != self.currency:
            message = "the no-PIN ceilings must be in the terminal's currency"
            raise ValueError(message)
