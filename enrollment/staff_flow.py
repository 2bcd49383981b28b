"""Questions about staff and texts to faces: accounts, and what customers agree to.

As `enrollment.flow`: it knows the messages, and answers are plain dictionaries.
"""

from __future__ import annotations

from typing import Any

from enrollment.flow import SILENCE_S_MAX, FacesClient
from kiosk.link.protocol import Done
from kiosk.link.staff_desk import (
    AddStaff,
    ConsentShown,
    GetConsent,
    ListStaff,
    RemoveStaff,
    StaffAccount,
    StaffAccounts,
    StaffRole,
)


def add(client: FacesClient, name: str, code: str, role: StaffRole) -> dict[str, Any]:
    """Make an account, or give the one of this name another code and role."""
    question = AddStaff(name, code, role)
    return _visible(client.call(question, StaffAccount, timeout_s=SILENCE_S_MAX))


def everybody(client: FacesClient) -> list[dict[str, Any]]:
    """Return all accounts, by name, without their codes."""
    answer = client.call(ListStaff(), StaffAccounts, timeout_s=SILENCE_S_MAX)
    return [_visible(account) for account in answer.accounts]


def remove(client: FacesClient, name: str) -> dict[str, Any]:
    """Remove an account; whoever is signed in with it is out at once."""
    client.call(RemoveStaff(name), Done, timeout_s=SILENCE_S_MAX)
    return {"removed": name}


def consent(client: FacesClient, language: str, version: str = "") -> ConsentShown:
    """Return the text that a customer reads; the newest unless a version is named."""
    return client.call(GetConsent(language, version), ConsentShown, timeout_s=SILENCE_S_MAX)


def _visible(account: StaffAccount) -> dict[str, Any]:
    return {"name": account.name, "role": account.role.value, "added_at": account.added_at}
