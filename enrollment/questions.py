"""What the window asks faces, each a function of a connection that returns a frozen value.

They run on the window's worker thread. They know the messages and nothing of Qt; what the command
line asks too stands in `enrollment.flow`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from enrollment import flow, rights_flow
from enrollment.export_words import document
from enrollment.flow import SILENCE_S_MAX, FacesClient, OnProgress
from enrollment.model.acts import Again, Reported, Taken, Typed
from enrollment.model.people import Listed, Row, with_visits
from enrollment.model.result import Result
from enrollment.model.roles import Act
from enrollment.pdf import write_pdf
from kiosk.domain.errors import SetupError
from kiosk.domain.ids import PersonId
from kiosk.link.audit import AuditEntries, AuditEntry, AuditVerdict, ListAudit, VerifyAudit
from kiosk.link.desk_rights import PersonKept, ShowRights
from kiosk.link.figures import (
    ActivityFigure,
    QualityFigure,
    ScoresFigure,
    ShowActivity,
    ShowQuality,
    ShowScores,
)
from kiosk.link.protocol import Done, Enrolled, EnrolPerson, EnrolRefused, Erased, ErasePerson
from kiosk.link.staff_desk import (
    AddStaff,
    ListStaff,
    ReenrolPerson,
    RemoveStaff,
    SignedIn,
    SignIn,
    SignOut,
    StaffAccount,
    StaffAccounts,
    StaffRole,
)
from kiosk.link.visits import ShowQueue, VisitQueue

ENTRIES_SHOWN = 500
"""Entries of the log on its page; the whole of it is exported by the command line."""


def sign_in(client: FacesClient, name: str, code: str) -> SignedIn:
    """Say who acts on this connection from now on."""
    return client.call(SignIn(name, code), SignedIn, timeout_s=SILENCE_S_MAX)


def sign_out(client: FacesClient) -> None:
    """Say that nobody does any more."""
    client.call(SignOut(), Done, timeout_s=SILENCE_S_MAX)


def has_staff(client: FacesClient) -> bool:
    """Say whether anybody could sign in at all."""
    return bool(staff(client))


def add_manager(client: FacesClient, name: str, code: str) -> StaffAccount:
    """Make the first account; the connection must be that of the machine's own user."""
    return add_staff(client, name, code, StaffRole.MANAGER)


def enrol(client: FacesClient, person: EnrolPerson, on_progress: OnProgress) -> Result:
    """Enrol one person, with progress; hanging up cancels and leaves nothing."""
    either = cast("type[Enrolled | EnrolRefused]", Enrolled | EnrolRefused)
    answer = client.call(person, either, timeout_s=SILENCE_S_MAX, on_progress=on_progress)
    return Result.of(answer)


def again(client: FacesClient, question: ReenrolPerson, on_progress: OnProgress) -> Again:
    """Take new samples of somebody who is enrolled; hanging up leaves the old ones."""
    told = flow.again(client, question, on_progress)
    if told["person"] is None:
        return Again(reason=str(told["reason"]))
    return Again(samples=int(told["samples"]), quality=int(told["quality"]))


def people(client: FacesClient) -> Listed:
    """Return everybody, in order of enrolment, and who has to come by."""
    rows = [Row.of(known) for known in flow.everybody(client)]
    queue = client.call(ShowQueue(), VisitQueue, timeout_s=SILENCE_S_MAX)
    visits: dict[str, str] = {entry.person: entry.why for entry in queue.entries}
    return Listed(with_visits(rows, visits), queue.waiting, queue.grace_until)


def person(client: FacesClient, one: str) -> Row:
    """Return one person."""
    return Row.of(flow.show(client, one))


def erase(client: FacesClient, one: str, on_progress: OnProgress) -> Erased:
    """Erase one person, with progress and proof."""
    question = ErasePerson(PersonId(one))
    return client.call(question, Erased, timeout_s=SILENCE_S_MAX, on_progress=on_progress)


# A customer's rights --------------------------------------------------------------------------


def kept(client: FacesClient, one: str) -> PersonKept:
    """Return all that is kept of a person but the template; of the number only its end."""
    return client.call(ShowRights(PersonId(one)), PersonKept, timeout_s=SILENCE_S_MAX)


def change(client: FacesClient, one: str, act: Act, typed: Typed) -> Taken:
    """Carry out one right, as a manager or with the PIN that the customer has typed."""
    match act:
        case Act.LIMITS:
            done = rights_flow.set_limits(client, one, typed.per_payment, typed.per_day, typed.pin)
        case Act.PIN:
            done = rights_flow.change_pin(client, one, typed.new_pin, typed.pin)
        case Act.RESUME:
            done = rights_flow.resume(client, one, typed.pin)
        case _:
            done = rights_flow.move(client, one, act.value)
    return Taken(str(done["reason"]), str(done["state"]), done["attempts_left"])


def report(client: FacesClient, one: str, typed: Typed) -> Reported:
    """Report that an order charged this person, who did not buy."""
    told = rights_flow.report_wrong(client, typed.order, one, typed.really or None)
    refund = told["refund"] or {}
    return Reported(
        reported=bool(told["reported"]),
        reason=str(told["reason"]),
        bound=len(told["pin_always"]),
        refund=str(refund.get("state", "")),
        number=int(refund.get("number", 0)),
        amount=str(told["amount"] or ""),
        charged_at=str(told["charged_at"]),
    )


def export(client: FacesClient, one: str, path: Path, language: str) -> Path:
    """Write all that is kept of a person to a file for them: PDF, or JSON by its name.

    Raises:
        SmileTillError: Money cannot be asked, or the file cannot be written.
    """
    told = rights_flow.export(client, one)
    if path.suffix == ".json":
        write_private(path, json.dumps(told, ensure_ascii=False, indent=2).encode())
    else:
        write_pdf(path, document(told, language), language=language)
    return path


def write_private(path: Path, content: bytes) -> None:
    """Write a file that nobody else may read.

    Raises:
        SetupError: It cannot be written.
    """
    try:
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_bytes(content)
    except OSError as error:
        raise SetupError(
            f"The file cannot be written ({error.strerror}).",
            code="file_unwritable",
            mend="Name another file.",
        ) from error


# What one would rather look at, and who did what --------------------------------------------------


def figures(client: FacesClient, one: str) -> tuple[ScoresFigure, QualityFigure]:
    """Return the numbers of the two pictures of one person."""
    scores = client.call(ShowScores(PersonId(one)), ScoresFigure, timeout_s=SILENCE_S_MAX)
    asked = ShowQuality(PersonId(one))
    return scores, client.call(asked, QualityFigure, timeout_s=SILENCE_S_MAX)


def overview(client: FacesClient, days: int) -> tuple[ActivityFigure, QualityFigure]:
    """Return the numbers of the two pictures of everybody."""
    activity = client.call(ShowActivity(days), ActivityFigure, timeout_s=SILENCE_S_MAX)
    return activity, client.call(ShowQuality(), QualityFigure, timeout_s=SILENCE_S_MAX)


def staff(client: FacesClient) -> tuple[StaffAccount, ...]:
    """Return who can sign in."""
    return client.call(ListStaff(), StaffAccounts, timeout_s=SILENCE_S_MAX).accounts


def add_staff(client: FacesClient, name: str, code: str, role: StaffRole) -> StaffAccount:
    """Make an account, or give the one of this name another code and role."""
    return client.call(AddStaff(name, code, role), StaffAccount, timeout_s=SILENCE_S_MAX)


def remove_staff(client: FacesClient, name: str) -> None:
    """Remove an account; whoever is signed in with it is out at once."""
    client.call(RemoveStaff(name), Done, timeout_s=SILENCE_S_MAX)


def newest_entries(client: FacesClient) -> tuple[AuditVerdict, tuple[AuditEntry, ...]]:
    """Return whether the log is whole, and its newest entries, newest first."""
    verdict = client.call(VerifyAudit(), AuditVerdict, timeout_s=SILENCE_S_MAX)
    after = max(0, verdict.entries - ENTRIES_SHOWN)
    answer = client.call(ListAudit(after), AuditEntries, timeout_s=SILENCE_S_MAX)
    return verdict, tuple(reversed(answer.entries))
