"""The desks of the back office as one: refunds, decisions and statements, for the link.

It decides nothing. `look` is called from time to time by whoever looks after open payments.
"""

from __future__ import annotations

from kiosk.link.back_office import (
    CloseRefund,
    Decided,
    DecideUnknown,
    ListRefunds,
    RefundAnswer,
    RefundOrder,
    Refunds,
    StatementTaken,
    TakeStatement,
)
from kiosk.money.banks.port import Bank
from kiosk.money.clock import Clock
from kiosk.money.decisions import DecisionDesk, Resolve
from kiosk.money.keys import MandateKeys
from kiosk.money.ledger import Ledger
from kiosk.money.refunds import RefundDesk
from kiosk.money.statements.desk import StatementDesk

BackOfficeAsks = RefundOrder | CloseRefund | ListRefunds | DecideUnknown | TakeStatement
BackOfficeAnswers = RefundAnswer | Refunds | Decided | StatementTaken


class BackOffice:
    """Refunds, decisions and statements. Safe to use from several threads."""

    def __init__(
        self, ledger: Ledger, keys: MandateKeys, bank: Bank, clock: Clock, resolve: Resolve
    ) -> None:
        """Make the desks; nothing is asked yet."""
        self.refunds = RefundDesk(ledger, keys, bank, clock)
        self.decisions = DecisionDesk(ledger, bank, clock, resolve)
        self.statements = StatementDesk(ledger, self.decisions, resolve)

    def look(self) -> None:
        """Ask the bank about refunds without an end and payments that staff denied."""
        self.refunds.look()
        self.decisions.look()

    def answer(self, ask: BackOfficeAsks) -> BackOfficeAnswers:
        """Answer one message.

        Raises:
            SmileTillError: See the desks.
        """
        match ask:
            case RefundOrder():
                return self.refunds.refund(ask)
            case CloseRefund():
                return self.refunds.close(ask)
            case ListRefunds():
                return self.refunds.listed(ask)
            case DecideUnknown():
                return self.decisions.decide(ask)
            case TakeStatement():
                return self.statements.take(ask)
