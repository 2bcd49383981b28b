"""The wrong-person report: one action that protects both, gives the money back and keeps evidence.

The pair is bound to PIN before anything else is done, so that it cannot happen again meanwhile.
Money finds out whom the order charged; staff cannot have somebody else's money given back. What is
kept of the recognition is told from `evidence`: codes and rounded numbers, nothing biometric.
Lifting it is a manager's, and only when nobody waits for the refund any more.
Invariant: reported again, nothing more is done and the same is told.
"""

from __future__ import annotations

from kiosk.domain.errors import BadInputError
from kiosk.domain.ids import PayerAlias, PersonId
from kiosk.faces.desk import look_alikes
from kiosk.faces.desk.importing import IMPORTED
from kiosk.faces.desk.ports import DeskTools
from kiosk.faces.desk.rights import known, let_search
from kiosk.faces.vault.records import LOOK_ALIKES_MAX, PersonState
from kiosk.link.desk_rights import ReportLifted, ReportWrong, WrongReported
from kiosk.link.rights import CountWrongReports, ReportWrongPerson, WrongPersonTaken, WrongReports

REFUND_S_MAX = 60.0
"""Seconds that money and the bank get to take a refund; it is journalled before it is sent."""
WRONG_PERSON = "wrong_person"
"""Why a person never pays without PIN, in the vault, in the policy and on the screen."""


def report_wrong(tools: DeskTools, message: ReportWrong, staff: str) -> WrongReported:
    """Carry out a wrong-person report.

    Reasons why nothing was done: `order_unknown`, `nobody_charged`, `not_the_payer`. A refund that
    money refuses (`nothing_left`, …) is told as the reason too; the pair is bound all the same.

    Args:
        tools: What the desk works with.
        message: Which order, who was charged and who should have been.
        staff: The word of who reports.

    Raises:
        PersonUnknownError: One of the two is not enrolled.
        BadInputError: The two are one.
        SmileTillError: Money cannot be asked, or the disk refuses; report again.
    """
    if message.really is not None and message.really == message.person:
        raise BadInputError(
            "The one who was charged and the one who bought are the same person.",
            code="same_person",
            mend="Leave --really out if it is not known who bought.",
        )
    named = None if message.person is None else known(tools, message.person).alias
    if message.really is not None:
        known(tools, message.really)
    with tools.money(None) as money:
        question = ReportWrongPerson(message.order_id, staff)
        charged = money.ask(question, WrongPersonTaken, REFUND_S_MAX)
        if charged.payer is None:
            return WrongReported(message.order_id, charged.refusal)
        if named not in {None, charged.payer}:
            return WrongReported(message.order_id, "not_the_payer")
        person = message.person or _owner(tools, charged.payer)
        frozen = _bind(tools, person, message.really)
        question = ReportWrongPerson(message.order_id, staff, charged.payer)
        taken = money.ask(question, WrongPersonTaken, REFUND_S_MAX)
    return WrongReported(
        message.order_id,
        taken.refusal,
        person,
        frozen,
        taken.refund,
        taken.amount,
        taken.at,
        tools.evidence(message.order_id),
    )


def lift_report(tools: DeskTools, person: PersonId) -> ReportLifted:
    """End the PIN at every payment that a report brought, once the report is closed.

    Who looks like somebody else stays bound: the two are compared anew, because a report may stand
    in the place of what was found at enrolment.

    Raises:
        PersonUnknownError: Nobody has this id.
        SmileTillError: Money cannot be asked, or the disk refuses.
    """
    reported = known(tools, person)
    if reported.pin_always != WRONG_PERSON:
        return ReportLifted(person, "not_reported", reported.pin_always)
    linked = [other for other in tools.vault.people() if other.person in reported.look_alikes]
    aliases = (reported.alias, *(other.alias for other in linked))
    with tools.money(None) as money:
        if money.ask(CountWrongReports(aliases), WrongReports, REFUND_S_MAX).open:
            return ReportLifted(person, "report_open", WRONG_PERSON)
    alike = [it.person for it in linked if look_alikes.are_alike(tools, reported, it)]
    reason = look_alikes.REASON if alike else ""
    tools.vault.amend(person, pin_always=reason, look_alikes=tuple(alike))
    gone = [other for other in reported.look_alikes if other not in alike]
    look_alikes.unlink(tools.vault, person, gone)
    if reported.state is PersonState.ACTIVE:
        let_search(tools, person)
    return ReportLifted(person, pin_always=reason)


def _owner(tools: DeskTools, alias: PayerAlias) -> PersonId | None:
    """Find whose alias it is; None if they were erased since."""
    for person in tools.vault.people():
        if person.alias == alias:
            return person.person
    return None


def _bind(tools: DeskTools, *pair: PersonId | None) -> tuple[PersonId, ...]:
    """Have the pair pay with PIN only, each linked to the other."""
    people = tuple(person for person in pair if person is not None)
    for person in people:
        before = tools.vault.get(person)
        others = [it for it in people if it != person and it not in before.look_alikes]
        linked = (*others, *before.look_alikes)[:LOOK_ALIKES_MAX]
        # Who was imported keeps that mark, which the end of the report must not take away before
        # they were seen live; from then on it is the link that binds them.
        keeps = before.pin_always == IMPORTED and bool(linked)
        tools.vault.amend(
            person, pin_always=IMPORTED if keeps else WRONG_PERSON, look_alikes=linked
        )
        if before.state is PersonState.ACTIVE:
            let_search(tools, person)  # anew, so that it tells from now on that a PIN is needed
    return people
