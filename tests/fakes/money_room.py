"""A whole money process in memory: real journal and engine, fake disk, clock and bank."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from kiosk.domain.consent import Basis, ConsentKind
from kiosk.domain.evidence import CameraKind
from kiosk.domain.ids import OrderId, PayerAlias
from kiosk.domain.mandate import DEFAULT_LIMITS, MandateLimits
from kiosk.domain.money import Money
from kiosk.domain.order import OrderState
from kiosk.link.protocol import (
    PROTOCOL_VERSION,
    Authorise,
    Authorised,
    GetOrder,
    GetOrderStatus,
    Hello,
    MandateOpened,
    OpenMandate,
    OpenOrder,
    OrderOffer,
    OrderStatus,
    PinVerdict,
    Role,
    VerifyPin,
)
from kiosk.money.book import Book
from kiosk.money.config import HashCost, MoneyConfig
from kiosk.money.keys import MandateKeys
from kiosk.money.service import MoneyService
from tests.fakes.bank import FakeBank
from tests.fakes.clock import FakeClock
from tests.fakes.storage import FakeDisk

KEY = bytes(range(32))
PIN = "482913"
ALICE = PayerAlias("a00000000000a11ce")
BOB = PayerAlias("a0000000000000b0b")
CHEAP = MoneyConfig(hash_cost=HashCost(time_cost=1, memory_kib=8, parallelism=1))
FACES = Hello(PROTOCOL_VERSION, Role.FACES, CameraKind.DEVICE)
TILL = Hello(PROTOCOL_VERSION, Role.TILL)


@dataclass
class MoneyRoom:
    """`service` may be replaced by `restart`; clock and bank go on."""

    folder: Path
    config: MoneyConfig = CHEAP
    clock: FakeClock = field(default_factory=FakeClock)
    disk: FakeDisk = field(default_factory=FakeDisk)

    def __post_init__(self) -> None:
        self.bank = FakeBank(self.clock.steady_ms)
        self.service = self._build()

    @property
    def book(self) -> Book:
        return self.service._ledger.book

    def restart(self, keep_unsynced: int = 0, *, recover: bool = True) -> None:
        """The process is gone; the next one finds the disk with some of the unsynced bytes."""
        self.disk = self.disk.restart(keep_unsynced)
        self.clock.stopped = False
        self.service = self._build()
        if recover:
            self.service._reconciler.recover()

    def reconcile(self) -> int:
        return self.service._reconciler.look()

    def ask(self, message, hello=FACES):
        (answer,) = self.service.handle(hello, message)
        return answer

    def enrol(
        self,
        alias: PayerAlias = ALICE,
        limits: MandateLimits = DEFAULT_LIMITS,
        pin: str = PIN,
    ) -> MandateOpened:
        return self.ask(OpenMandate(alias, limits, pin))

    def order(self, order_id: str = "o1", minor_units: int = 1_250) -> OrderId:
        self.ask(OpenOrder(OrderId(order_id), Money(minor_units)), TILL)
        return OrderId(order_id)

    def offer(self, order_id: OrderId) -> OrderOffer:
        return self.ask(GetOrder(order_id))

    def request(self, order: OrderId, **changes) -> Authorise:
        """A right request for an order, with a nonce of its own and then changed as asked."""
        offer = self.offer(order)
        assert offer.nonce is not None
        plain = Authorise(
            order, offer.order.amount, offer.nonce, ALICE, Basis.FACE, ConsentKind.SMILE
        )
        return msgspec.structs.replace(plain, **changes)

    def pay(self, order: OrderId, **changes) -> Authorised:
        return self.ask(self.request(order, **changes))

    def verify(self, order_id: OrderId, pin: str = PIN, alias: PayerAlias = ALICE) -> PinVerdict:
        offer = self.offer(order_id)
        assert offer.nonce is not None
        return self.ask(VerifyPin(alias, order_id, offer.nonce, pin))

    def status(self, order_id: OrderId) -> OrderStatus:
        return self.ask(GetOrderStatus(order_id), TILL)

    def state(self, order_id: OrderId) -> OrderState:
        return self.status(order_id).state

    def with_capabilities(self, **changes) -> None:
        """Change what the bank can do, and start anew."""
        self.bank.capabilities = replace(self.bank.capabilities, **changes)
        self.restart()

    def _build(self) -> MoneyService:
        keys = MandateKeys(self.folder / "keys", KEY)
        return MoneyService(self.disk, keys, self.bank, self.clock, self.config)
