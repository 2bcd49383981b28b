"""Renew the templates: every vector under a new rotation, while customers pay.

After it, vectors that were copied before compare with nobody (kiosk/faces/vault/transform.py).
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from kiosk.faces.vault.store import Vault
from kiosk.link.protocol import Progress
from kiosk.link.vault_care import TemplatesRenewed


def renew(vault: Vault) -> Generator[Progress, None, TemplatesRenewed]:
    """Renew all templates, or end a renewal that was cut off.

    Yields:
        Progress: `renewing` with people.

    Raises:
        VaultUnusableError: The disk refuses; the next start goes on.
    """
    people = 0
    for done, people in vault.renew():
        yield Progress("renewing", done, people)
    return TemplatesRenewed(people)


def renew_on(vault: Vault, stopping: Callable[[], bool]) -> bool:
    """End a renewal that was cut off, if there is one; return whether it ended."""
    if not vault.renewal_waits:
        return False
    return not any(stopping() for _ in vault.renew())
