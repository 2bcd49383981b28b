"""Questions about the vault's care to faces: renewed templates, and who is unused.

As `enrollment.flow`: it knows the messages, and answers are plain dictionaries.
"""

from __future__ import annotations

from typing import Any

from enrollment.flow import SILENCE_S_MAX, FacesClient, OnProgress
from kiosk.link.vault_care import RenewTemplates, TemplatesRenewed


def renew(client: FacesClient, on_progress: OnProgress) -> dict[str, Any]:
    """Keep all templates under a new secret; return `renewed`, how many people."""
    answer = client.call(
        RenewTemplates(), TemplatesRenewed, timeout_s=SILENCE_S_MAX, on_progress=on_progress
    )
    return {"renewed": answer.people}
