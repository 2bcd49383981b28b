"""`smiletill money …`: orders and the journal, refunds, statements, open items, totals.

What only looks reads the journal, so it works while the till is selling and needs no key; what
changes something speaks to the running money process as a till does.
"""

from __future__ import annotations

import click

from kiosk.commands.money.decide import close_conflict, decide
from kiosk.commands.money.journal import journal
from kiosk.commands.money.look import find, open_, totals
from kiosk.commands.money.orders import abort, order, orders
from kiosk.commands.money.refund import refund, refund_close, refunds
from kiosk.commands.money.statement import statement
from kiosk.commands.money.till import till
from kiosk.commands.money_bank import bank_access
from kiosk.commands.money_receipt import receipt


@click.group()
def money() -> None:
    """Look at orders and payments, refund, import statements, check the journal."""


for _command in (
    *(order, orders, abort, find, totals, open_, journal),
    *(refund, refunds, refund_close, statement, decide, close_conflict),
    *(till, receipt, bank_access),
):
    money.add_command(_command)
