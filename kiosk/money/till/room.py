"""What the money process lends to the till interface; apart, so that nobody loads a web server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kiosk.domain.ids import OrderId
from kiosk.link.back_office import RefundAnswer, RefundOrder
from kiosk.money.banks.port import Bank
from kiosk.money.clock import Clock
from kiosk.money.config import MoneyConfig
from kiosk.money.ledger import Ledger
from kiosk.money.till.intake import OrderIntake

Refund = Callable[[RefundOrder], RefundAnswer]


@dataclass(frozen=True, slots=True)
class TillRoom:
    """What the money process lends to the till interface."""

    ledger: Ledger
    intake: OrderIntake
    bank: Bank
    clock: Clock
    config: MoneyConfig
    refund: Refund
    look_soon: Callable[[OrderId], None]
    data_dir: Path
