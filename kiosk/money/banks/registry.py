"""Every bank connector by its name: one line a connector.

Constructing happens only here, called by money's composition root.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiosk.domain.errors import SetupError
from kiosk.money.banks.sandbox.connector import open_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from kiosk.money.banks.port import Bank

CONNECTORS: Mapping[str, Callable[[Path, str | None], Bank]] = {
    "sandbox": open_sandbox,
}


def open_bank(name: str, *, data_dir: Path, url: str | None = None) -> Bank:
    """Construct a connector; no byte is sent and nothing is read until it is used.

    Args:
        name: A key of `CONNECTORS`.
        data_dir: The installation, where a connector finds its secrets.
        url: The bank's address, or None to let the connector find it.

    Raises:
        SetupError: There is no connector of that name.
    """
    if name not in CONNECTORS:
        raise SetupError(
            "There is no bank connector of the name in the settings.",
            code="connector_unknown",
            mend=f"Use one of: {', '.join(sorted(CONNECTORS))}.",
        )
    return CONNECTORS[name](data_dir, url)
