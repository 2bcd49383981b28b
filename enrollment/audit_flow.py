"""The staff tool's questions about the audit log, for the command line and the window."""

from __future__ import annotations

from typing import Any

from enrollment.flow import SILENCE_S_MAX, FacesClient
from kiosk.link.audit import AuditEntries, AuditVerdict, ListAudit, VerifyAudit

ENTRIES_MAX = 1_000_000
"""Entries of one export; a restaurant makes a few thousand a year."""


def verify(client: FacesClient) -> dict[str, Any]:
    """Return `whole`, `entries`, `files`, `first_at`, `last_at`, `problems`."""
    verdict = client.call(VerifyAudit(), AuditVerdict, timeout_s=SILENCE_S_MAX)
    return {
        "whole": verdict.whole,
        "entries": verdict.entries,
        "files": verdict.files,
        "first_at": verdict.first_at,
        "last_at": verdict.last_at,
        "problems": list(verdict.problems),
    }


def everything(client: FacesClient) -> list[dict[str, Any]]:
    """Return all entries, oldest first: `n`, `at`, `who`, `what`, `person`, `detail`."""
    found: list[dict[str, Any]] = []
    while len(found) < ENTRIES_MAX:
        after = int(found[-1]["n"]) if found else 0
        answer = client.call(ListAudit(after), AuditEntries, timeout_s=SILENCE_S_MAX)
        if not answer.entries:
            break
        found += [
            {
                "n": entry.n,
                "at": entry.at,
                "who": entry.who,
                "what": entry.what,
                "person": entry.person,
                "detail": entry.detail,
            }
            for entry in answer.entries
        ]
    return found
