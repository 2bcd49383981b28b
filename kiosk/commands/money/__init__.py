"""`smiletill money …`: orders and the journal, refunds, statements, open items, totals.

What only looks reads the journal, so it works while the till is selling and needs no key; what
changes something speaks to the running money process as a till does.
"""

from __future__ import annotations

import click

from kiosk.commands.money.journal import journal
from kiosk.commands.money.orders import abort, order, orders


@click.group()
def money() -> None:
    """Look at orders and payments, refund, import statements, check the journal."""


for _command in (order, orders, abort, journal):
    money.add_command(_command)
