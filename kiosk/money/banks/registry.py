"""Every bank connector by its name: one line a connector.

Constructing happens only here, called by money's composition root.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiosk.domain.errors import SetupError
from kiosk.money.banks.cards.connector import open_cards
from kiosk.money.banks.sandbox.connector import open_sandbox
from kiosk.money.banks.vrp.connector import open_vrp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kiosk.money.banks.port import Bank, BankContext

CONNECTORS: Mapping[str, Callable[[BankContext], Bank]] = {
    "cards": open_cards,
    "sandbox": open_sandbox,
    "vrp": open_vrp,
}


def open_bank(name: str, context: BankContext) -> Bank:
    """Construct a connector; no byte is sent and nothing is read until it is used.

    Args:
        name: A key of `CONNECTORS`.
        context: What it is made with.

    Raises:
        SetupError: There is no connector of that name, or its options cannot be used.
    """
    if name not in CONNECTORS:
        raise SetupError(
            "There is no bank connector of the name in the settings.",
            code="connector_unknown",
            mend=f"Use one of: {', '.join(sorted(CONNECTORS))}.",
        )
    return CONNECTORS[name](context)
