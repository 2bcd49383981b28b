"""What the window asks faces, each a function of a connection that returns a frozen value.

They run on the window's worker thread. They know the messages and nothing of Qt; what the command
line asks too stands in `enrollment.flow`.
"""

from __future__ import annotations

from typing import cast

from enrollment import flow
from enrollment.flow import SILENCE_S_MAX, FacesClient, OnProgress
from enrollment.model.notice import Notice
from enrollment.model.people import Row
from enrollment.model.result import Result
from kiosk.domain.ids import PersonId
from kiosk.link.protocol import Done, Enrolled, EnrolPerson, EnrolRefused, Erased, ErasePerson
from kiosk.link.staff_desk import (
    AddStaff,
    ConsentShown,
    GetConsent,
    ListStaff,
    SignedIn,
    SignIn,
    SignOut,
    StaffAccount,
    StaffAccounts,
    StaffRole,
)


def sign_in(client: FacesClient, name: str, code: str) -> SignedIn:
    """Say who acts on this connection from now on."""
    return client.call(SignIn(name, code), SignedIn, timeout_s=SILENCE_S_MAX)


def sign_out(client: FacesClient) -> None:
    """Say that nobody does any more."""
    client.call(SignOut(), Done, timeout_s=SILENCE_S_MAX)


def has_staff(client: FacesClient) -> bool:
    """Say whether anybody could sign in at all."""
    return bool(client.call(ListStaff(), StaffAccounts, timeout_s=SILENCE_S_MAX).accounts)


def add_manager(client: FacesClient, name: str, code: str) -> StaffAccount:
    """Make the first account; the connection must be that of the machine's own user."""
    question = AddStaff(name, code, StaffRole.MANAGER)
    return client.call(question, StaffAccount, timeout_s=SILENCE_S_MAX)


def notice(client: FacesClient, language: str, version: str = "") -> Notice:
    """Return the text that a customer reads; the newest unless a version is named."""
    question = GetConsent(language, version)
    return Notice.of(client.call(question, ConsentShown, timeout_s=SILENCE_S_MAX))


def enrol(client: FacesClient, person: EnrolPerson, on_progress: OnProgress) -> Result:
    """Enrol one person, with progress; hanging up cancels and leaves nothing."""
    either = cast("type[Enrolled | EnrolRefused]", Enrolled | EnrolRefused)
    answer = client.call(person, either, timeout_s=SILENCE_S_MAX, on_progress=on_progress)
    return Result.of(answer)


def people(client: FacesClient) -> tuple[Row, ...]:
    """Return everybody, in order of enrolment."""
    return tuple(Row.of(known) for known in flow.everybody(client))


def person(client: FacesClient, one: str) -> Row:
    """Return one person."""
    return Row.of(flow.show(client, one))


def erase(client: FacesClient, one: str, on_progress: OnProgress) -> Erased:
    """Erase one person, with progress and proof."""
    question = ErasePerson(PersonId(one))
    return client.call(question, Erased, timeout_s=SILENCE_S_MAX, on_progress=on_progress)
