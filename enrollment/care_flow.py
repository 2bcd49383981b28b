"""Questions about the vault's care to faces: renewed templates, and who is unused.

As `enrollment.flow`: it knows the messages, and answers are plain dictionaries.
"""

from __future__ import annotations

from typing import Any

from enrollment.flow import SILENCE_S_MAX, FacesClient, OnProgress
from kiosk.link.vault_care import ListUnused, RenewTemplates, TemplatesRenewed, Unused


def renew(client: FacesClient, on_progress: OnProgress) -> dict[str, Any]:
    """Keep all templates under a new secret; return `renewed`, how many people."""
    answer = client.call(
        RenewTemplates(), TemplatesRenewed, timeout_s=SILENCE_S_MAX, on_progress=on_progress
    )
    return {"renewed": answer.people}


def unused(client: FacesClient) -> dict[str, Any]:
    """Return who was warned, and the rules by which they will be erased."""
    answer = client.call(ListUnused(), Unused, timeout_s=SILENCE_S_MAX)
    people = [
        {
            "person": one.person,
            "name": one.name,
            "last_active": one.last_active,
            "warned_at": one.warned_at,
            "erased_from": one.erased_from,
        }
        for one in answer.people
    ]
    return {
        "people": people,
        "unused_months": answer.unused_months,
        "notice_days": answer.notice_days,
    }
