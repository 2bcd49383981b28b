"""What a clerk sees but cannot press, and why.

Faces decides (kiosk/faces/desk/roles.py); this only keeps staff from pressing in vain, and a test
compares the two.
"""

from __future__ import annotations

import enum

from kiosk.link.staff_desk import StaffRole


class Act(enum.Enum):
    """What can be done to a record at the desk."""

    ENROL = "enrol"
    SHOW = "show"
    ERASE = "erase"
    AFFIRM_OTHER = "affirm_other"
    """Say that somebody who looks the same is another person."""


NEEDS_MANAGER = frozenset({Act.ERASE, Act.AFFIRM_OTHER})


def why_not(role: StaffRole, act: Act) -> str:
    """Return why somebody of this role may not do this, as a reason code, or ""."""
    return "manager_needed" if role is StaffRole.CLERK and act in NEEDS_MANAGER else ""
