"""The desk: answers the staff tool's messages, one change at a time.

It owns the order of things and nothing else; whatever sees, stores or pays is handed to it.
Invariants: only staff are answered, and nobody beyond their role; what changes something is written
into the audit log before the answer goes out; at most one enrolment or erasure runs at any time,
and beside it one of a customer's rights; a client that goes away in the middle of an enrolment
leaves nothing behind.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from datetime import UTC

from kiosk.domain.ids import PersonId
from kiosk.faces.desk import figures
from kiosk.faces.desk.audit import CUSTOMER, PROGRAM
from kiosk.faces.desk.consent import OWN_FOLDER, shown
from kiosk.faces.desk.enrol import enrol, recover
from kiosk.faces.desk.erase import Proofs, deliver_outbox, shred
from kiosk.faces.desk.errors import DeskBusyError, StaffUnknownError
from kiosk.faces.desk.importing import bring_in
from kiosk.faces.desk.people import summary
from kiosk.faces.desk.ports import DeskTools
from kiosk.faces.desk.reenrol import reenrol
from kiosk.faces.desk.renewing import renew
from kiosk.faces.desk.report import lift_report, report_wrong
from kiosk.faces.desk.retention import Retention
from kiosk.faces.desk.rights import change, kept, payments, staff_word
from kiosk.faces.desk.staff import StaffSession
from kiosk.faces.desk.visits import queue
from kiosk.faces.desk.witness import witnessed
from kiosk.faces.vault.accounts import Account
from kiosk.faces.vault.errors import PersonUnknownError
from kiosk.faces.vault.records import PersonState
from kiosk.faces.vault.retention import RetentionRules
from kiosk.link.audit import AuditEntries, ListAudit, VerifyAudit
from kiosk.link.desk_rights import (
    DeskRightsAsk,
    ExportPerson,
    LiftReport,
    ListPersonPayments,
    ReportWrong,
    ShowRights,
)
from kiosk.link.figures import ShowActivity, ShowQuality, ShowScores
from kiosk.link.importing import ImportPerson
from kiosk.link.peer import Peer
from kiosk.link.protocol import (
    AnyMessage,
    Done,
    EnrolPerson,
    ErasePerson,
    Hello,
    ListPeople,
    People,
    PersonSummary,
    Progress,
    ShowPerson,
)
from kiosk.link.staff_desk import (
    AddStaff,
    GetConsent,
    ListStaff,
    ReenrolPerson,
    RemoveStaff,
    SignIn,
    SignOut,
    StaffAccount,
    StaffAccounts,
)
from kiosk.link.vault_care import ListUnused, RenewTemplates
from kiosk.link.visits import ShowQueue

StaffMessage = AddStaff | ListStaff | RemoveStaff
PeopleMessage = (
    EnrolPerson | ReenrolPerson | ImportPerson | ListPeople | ShowPerson | ErasePerson | GetConsent
    | RenewTemplates | ListUnused
)  # fmt: skip
AuditQuestion = ListAudit | VerifyAudit
FigureQuestion = ShowScores | ShowQuality | ShowActivity | ShowQueue
DeskMessage = (
    PeopleMessage | StaffMessage | AuditQuestion | FigureQuestion | SignIn | SignOut
    | DeskRightsAsk
)  # fmt: skip

RIGHT_S_MAX = 10.0
"""Seconds that a right waits for the one before it."""

PAGE_PEOPLE = 200
"""People of one answer: with the longest names it stays below the link's longest line."""

logger = logging.getLogger(__name__)


class Desk:
    """The desk of one faces process. Safe to use from many threads.

    Args:
        tools: What it works with; the vault's active people must be in the gallery already.
        rules: How long unused people are kept; None: the default ones.
    """

    def __init__(self, tools: DeskTools, rules: RetentionRules | None = None) -> None:
        """Keep the tools; `start()` does the first work."""
        self._tools = tools
        self._proofs = Proofs(tools)
        self.retention = Retention(tools, rules or RetentionRules(), self._erase_unused)
        # Not re-entrant and not owned by a thread: a generator may be closed by another one.
        self._change = threading.Lock()
        # One right after another, but beside an enrolment: that may last five minutes, and a
        # person must be frozen at once.
        self._rights = threading.Lock()

    def start(self) -> None:
        """Clear away what a crash left: half enrolments. Deliver nothing yet, money may be away."""
        rolled_back = recover(self._tools)
        if rolled_back:
            logger.warning("rolled back %d enrolments that were cut off", rolled_back)
            self._tools.audit.append(PROGRAM, "recover", detail={"people": str(rolled_back)})

    def session(self, hello: Hello) -> StaffSession:
        """Return who acts on a new connection."""
        uid = hello.uid if isinstance(hello, Peer) else os.getuid()
        return StaffSession(self._tools.staff, hello.role, uid)

    def handle(
        self, hello: Hello, message: DeskMessage, staff: StaffSession | None = None
    ) -> Iterator[AnyMessage]:
        """Answer one message of the staff tool: any number of `Progress`, then one answer.

        Close the iterator when the client has gone away: an enrolment is then rolled back at once.

        Args:
            hello: What the peer said it is.
            message: The question.
            staff: Who acts on this connection; None: a new one of this process's own user.

        Raises:
            RoleRefusedError: The peer is not staff.
            SignInNeededError: Nobody is signed in.
            ManagerNeededError: A clerk may not ask for this.
            DeskBusyError: Another change is under way.
            SmileTillError: Whatever else kept it from being done.
        """
        who = staff or self.session(hello)
        answers = self._admitted(who, message)
        yield from witnessed(self._tools.audit, lambda: who.actor, message, answers)

    def _admitted(self, who: StaffSession, message: DeskMessage) -> Iterator[AnyMessage]:
        if isinstance(message, SignIn):
            yield who.sign_in(message.name, message.code)
        elif isinstance(message, SignOut):
            who.sign_out()
            yield Done()
        else:
            who.demand(message)
            try:
                if isinstance(message, DeskRightsAsk):
                    yield from self._right(message, staff_word(who.actor))
                else:
                    yield from self._answer(message)
            finally:
                who.touch()

    def for_customer(self, message: DeskRightsAsk | ErasePerson) -> AnyMessage:
        """Do one thing for a customer at the screen, whose face and PIN were asked for.

        Raises:
            DeskBusyError: Another change is under way.
            SmileTillError: See kiosk/faces/desk/rights.py and erase.py.
        """
        work: Iterator[AnyMessage]
        if isinstance(message, ErasePerson):
            work = self._answer(message)
        else:
            work = self._right(message, "")
        *_, answer = witnessed(self._tools.audit, lambda: CUSTOMER, message, work)
        return answer

    def _right(self, message: DeskRightsAsk, staff: str) -> Iterator[AnyMessage]:
        """Answer one of a customer's rights; `staff` is empty where the customer acts."""
        match message:
            case ShowRights(person) | ExportPerson(person):
                yield kept(self._tools, person, full=isinstance(message, ExportPerson))
            case ListPersonPayments(person, skip):
                yield payments(self._tools, person, skip)
            case ReportWrong():
                with self._next_right():
                    answer = report_wrong(self._tools, message, staff)
                yield answer
            case LiftReport(person):
                with self._next_right():
                    lifted = lift_report(self._tools, person)
                yield lifted
            case _:
                with self._next_right():
                    taken = change(self._tools, message, staff)
                yield taken

    @contextmanager
    def _next_right(self) -> Iterator[None]:
        if not self._rights.acquire(timeout=RIGHT_S_MAX):
            raise DeskBusyError
        try:
            yield
        finally:
            self._rights.release()

    def _answer(
        self, message: PeopleMessage | StaffMessage | AuditQuestion | FigureQuestion
    ) -> Iterator[AnyMessage]:
        match message:
            case AddStaff() | ListStaff() | RemoveStaff():
                yield self._answer_about_staff(message)
            case GetConsent(language, version):
                yield shown(version, language, self._tools.data_dir / OWN_FOLDER)
            case ListPeople(skip):
                yield self._page(skip)
            case ShowPerson(person):
                yield self._show(person)
            case EnrolPerson():
                yield from self._alone(enrol(self._tools, message))
            case ImportPerson():
                yield from self._alone(bring_in(self._tools, message))
            case ReenrolPerson(person):
                self._show(person)
                yield from self._alone(reenrol(self._tools, message))
            case ErasePerson(person):
                self._show(person)  # a pending record is not staff's to erase
                yield Progress("erasing")
                with self._next_change():
                    work = shred(self._tools, person)
                # Others may be enrolled or erased while this one is proved.
                yield (yield from self._proofs.prove(work))
            case ListUnused():
                yield self.retention.unused()
            case RenewTemplates():
                yield from self._alone(renew(self._tools.vault))
            case ListAudit(after):
                yield AuditEntries(self._tools.audit.entries(after))
            case VerifyAudit():
                yield self._tools.audit.verify()
            case ShowScores() | ShowQuality() | ShowActivity() | ShowQueue():
                yield self._figure(message)

    def _figure(self, message: FigureQuestion) -> AnyMessage:
        match message:
            case ShowScores(person):
                return figures.scores(self._tools, person)
            case ShowQuality(person):
                return figures.quality(self._tools, person)
            case ShowActivity(days):
                return figures.activity(self._tools, days)
            case ShowQueue():
                return queue(self._tools)

    def _answer_about_staff(self, message: StaffMessage) -> AnyMessage:
        book = self._tools.staff
        if book is None:
            raise StaffUnknownError
        match message:
            case AddStaff(name, code, role):
                now = self._tools.now().astimezone(UTC).isoformat(timespec="seconds")
                return _account(book.add(name, code, role, now))
            case RemoveStaff(name):
                if not book.accounts.remove(name):
                    raise StaffUnknownError
                return Done()
            case ListStaff():
                return StaffAccounts(tuple(_account(one) for one in book.accounts.all()))

    def deliver_outbox(self) -> int:
        """Try once more to hand waiting messages to money; return how many still wait.

        Call it at the start, after every change, and now and then. It never raises because money
        or the bank is away.
        """
        return deliver_outbox(self._tools)

    def resume_proofs(self, stopping: Callable[[], bool]) -> int:
        """Make the proofs of erasures that a crash, or whoever left, has left over.

        Args:
            stopping: Whether the process is to end; the rest then waits for the next start.
        """
        return self._proofs.resume(stopping)

    def _erase_unused(self, person: PersonId) -> None:
        with self._next_change():
            work = shred(self._tools, person)
        for _ in self._proofs.prove(work):
            pass

    def _alone(
        self, work: Generator[Progress, None, AnyMessage]
    ) -> Generator[AnyMessage, None, None]:
        with closing(work), self._next_change():
            answer = yield from work
        yield answer

    @contextmanager
    def _next_change(self) -> Iterator[None]:
        if not self._change.acquire(blocking=False):
            raise DeskBusyError
        try:
            yield
        finally:
            self._change.release()

    def _page(self, skip: int) -> People:
        """Return some people; whoever is erased between two pages may hide another for a moment."""
        everybody = self._tools.vault.ids()
        found = []
        begin = max(0, skip)
        for person in everybody[begin : begin + PAGE_PEOPLE]:
            try:
                known = self._tools.vault.get(person)
            except PersonUnknownError:
                continue  # erased since we began
            if known.state is not PersonState.PENDING:
                found.append(summary(known))
        behind = begin + PAGE_PEOPLE
        return People(tuple(found), behind if behind < len(everybody) else 0)

    def _show(self, person: PersonId) -> PersonSummary:
        known = self._tools.vault.get(person)
        if known.state is PersonState.PENDING:
            raise PersonUnknownError
        return summary(known)


def _account(account: Account) -> StaffAccount:
    return StaffAccount(account.name, account.role, account.added_at)
