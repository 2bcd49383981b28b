"""What a clerk sees but cannot press, and why; and what takes the customer's own PIN.

Faces decides (kiosk/faces/desk/roles.py); this only keeps staff from pressing in vain, and a test
compares the two.
"""

from __future__ import annotations

import enum

from kiosk.link.staff_desk import StaffRole


class Act(enum.Enum):
    """What can be done at the desk."""

    ENROL = "enrol"
    SHOW = "show"
    LIMITS = "limits"
    PIN = "pin"
    AGAIN = "again"
    """Take new samples of somebody who is enrolled."""
    PAUSE = "pause"
    RESUME = "resume"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    EXPORT = "export"
    REPORT = "report"
    ERASE = "erase"
    AFFIRM_OTHER = "affirm_other"
    """Say that somebody who looks the same is another person."""
    OVERVIEW = "overview"
    STAFF = "staff"
    LOG = "log"


NEEDS_MANAGER = frozenset({
    Act.ERASE, Act.AFFIRM_OTHER, Act.EXPORT, Act.UNFREEZE, Act.OVERVIEW, Act.STAFF, Act.LOG,
})  # fmt: skip
NEEDS_MANAGER_OR_PIN = frozenset({Act.LIMITS, Act.PIN, Act.RESUME})
"""With the customer's own PIN a clerk may do these too."""


def why_not(role: StaffRole, act: Act) -> str:
    """Return why somebody of this role may not do this, as a reason code, or ""."""
    return "manager_needed" if role is StaffRole.CLERK and act in NEEDS_MANAGER else ""


def needs_pin(role: StaffRole, act: Act) -> bool:
    """Say whether the customer has to type their PIN for this."""
    return role is StaffRole.CLERK and act in NEEDS_MANAGER_OR_PIN
