"""Who may ask what at the desk: one table, and what a message's fields add to it.

A message that stands in no row is a manager's. It knows no accounts and no connection.
"""

from __future__ import annotations

from collections.abc import Mapping

from kiosk.link.audit import ListAudit, VerifyAudit
from kiosk.link.desk_rights import (
    ChangePin,
    CorrectPerson,
    ExportPerson,
    FreezePerson,
    LiftReport,
    LimitPerson,
    ListPersonPayments,
    PausePerson,
    ReportWrong,
    ResumePerson,
    ShowRights,
    UnfreezePerson,
)
from kiosk.link.figures import ShowActivity, ShowQuality, ShowScores
from kiosk.link.importing import ImportPerson
from kiosk.link.protocol import (
    AnyMessage,
    EnrolPerson,
    ErasePerson,
    ListPeople,
    ShowPerson,
)
from kiosk.link.staff_desk import (
    AddStaff,
    GetConsent,
    ListStaff,
    ReenrolPerson,
    RemoveStaff,
    StaffRole,
)
from kiosk.link.vault_care import ListUnused, RenewTemplates
from kiosk.link.visits import ShowQueue

ROLE_OF: Mapping[type, StaffRole] = {
    EnrolPerson: StaffRole.CLERK,
    ReenrolPerson: StaffRole.CLERK,
    GetConsent: StaffRole.CLERK,
    ListPeople: StaffRole.CLERK,
    ShowPerson: StaffRole.CLERK,
    ShowRights: StaffRole.CLERK,
    ListPersonPayments: StaffRole.CLERK,
    FreezePerson: StaffRole.CLERK,
    PausePerson: StaffRole.CLERK,
    ReportWrong: StaffRole.CLERK,
    LiftReport: StaffRole.MANAGER,
    ExportPerson: StaffRole.MANAGER,
    UnfreezePerson: StaffRole.MANAGER,
    ResumePerson: StaffRole.MANAGER,
    LimitPerson: StaffRole.MANAGER,
    ChangePin: StaffRole.MANAGER,
    CorrectPerson: StaffRole.MANAGER,
    ErasePerson: StaffRole.MANAGER,
    ImportPerson: StaffRole.MANAGER,
    AddStaff: StaffRole.MANAGER,
    ListStaff: StaffRole.MANAGER,
    RemoveStaff: StaffRole.MANAGER,
    ShowQueue: StaffRole.CLERK,
    ShowScores: StaffRole.CLERK,
    ShowQuality: StaffRole.CLERK,
    ShowActivity: StaffRole.MANAGER,
    ListAudit: StaffRole.MANAGER,
    VerifyAudit: StaffRole.MANAGER,
    RenewTemplates: StaffRole.MANAGER,
    ListUnused: StaffRole.CLERK,
}
"""The least role for each message. Signing in and out is anybody's at the desk."""


def role_for(message: AnyMessage) -> StaffRole:
    """Return the least role that may send this message."""
    if isinstance(message, EnrolPerson) and message.look_alike_of is not None:
        return StaffRole.MANAGER  # it sets aside what the search has found
    if isinstance(message, ResumePerson | LimitPerson | ChangePin) and message.pin:
        return StaffRole.CLERK  # the customer's own PIN speaks for them
    return ROLE_OF.get(type(message), StaffRole.MANAGER)


def suffices(role: StaffRole, needed: StaffRole) -> bool:
    """Say whether somebody of this role may do what needs that one."""
    return role is StaffRole.MANAGER or needed is StaffRole.CLERK
