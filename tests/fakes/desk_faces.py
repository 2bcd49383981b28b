"""A faces process as the staff tool's window sees it: connections, accounts, people, an enrolment.

An enrolment goes line by line, and waits at the line that the test names until the test lets it go
on or somebody hangs up; so every moment can be looked at without a sleep.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import date, timedelta

from msgspec.structs import replace

from kiosk.domain.errors import BadInputError, SetupError, SmileTillError
from kiosk.domain.mandate import DEFAULT_LIMITS, MandateState
from kiosk.domain.money import Money
from kiosk.domain.refund import RefundState, RefundWay
from kiosk.link.audit import AuditEntries, AuditEntry, AuditVerdict, ListAudit, VerifyAudit
from kiosk.link.back_office import Refund
from kiosk.link.desk_rights import (
    ChangePin,
    ExportPerson,
    FreezePerson,
    LimitPerson,
    PausePerson,
    PersonKept,
    ReportWrong,
    ResumePerson,
    RightTaken,
    ShowRights,
    UnfreezePerson,
    WrongReported,
)
from kiosk.link.figures import (
    ActivityFigure,
    QualityFigure,
    ScoresFigure,
    ShowActivity,
    ShowQuality,
    ShowScores,
)
from kiosk.link.protocol import (
    Done,
    Enrolled,
    EnrolPerson,
    EnrolRefused,
    Erased,
    ErasePerson,
    ListPeople,
    People,
    PersonSummary,
    Progress,
    ShowPerson,
)
from kiosk.link.rights import PayerPayment
from kiosk.link.sockets import LinkDownError
from kiosk.link.staff_desk import (
    AddStaff,
    ConsentShown,
    GetConsent,
    ListStaff,
    Reenrolled,
    ReenrolPerson,
    Rehearsal,
    RemoveStaff,
    SignedIn,
    SignIn,
    SignOut,
    StaffAccount,
    StaffAccounts,
    StaffRole,
)
from kiosk.link.visits import QueueEntry, ShowQueue, VisitQueue

WAIT_S_MAX = 10.0
NOTICE = {
    "en": "# Paying with your smile\n\n## What this is\nYou can pay here by looking at the till.",
    "de": "# Mit Lächeln bezahlen\n\n## Was das ist\nHier bezahlt man, indem man schaut.",
}
LINK = "https://bank.example/approve/8f2c1e"
GOOD = [
    Progress("checking", 1, 5),
    Progress("pose_plain", 0, 9),
    Progress("looking", 2, 9),
    Progress("too_dark", 2, 9),
    Progress("pose_turn", 3, 9),
    Progress("pose_glasses", 6, 9),
    Progress("comparing", 2, 5),
    Progress("keeping", 3, 5),
    Progress("mandate", 4, 5),
    Progress("approve_mandate", 12, 300, LINK),
    Progress("rehearsing", 0, 0),
    Progress("too_far", 0, 0),
]
ENROLLED = Enrolled(
    "p-41c7a09e",
    9,
    86,
    MandateState.ACTIVE,
    "••42",
    rehearsal=Rehearsal(recognised=True, asked=("pin",), why=("first_visit",), seconds=0.8),
)


def person(number: int, name: str, state: str = "active", **more: object) -> PersonSummary:
    """Return somebody made up."""
    hint, day = f"••{number * 17 % 100:02d}", f"2026-{number % 9 + 1:02d}-1{number % 9}"
    stamp = f"{day}T09:00:00+00:00"
    known = (f"p-{number:08x}", name, hint, "starter@1", 9, "v2", stamp, state)
    return PersonSummary(*known, **more)


def scores(person_id: str) -> ScoresFigure:
    """Return a made-up gallery of 240 people, none near this one."""
    edges = tuple(round(-1 + 0.025 * step, 4) for step in range(81))
    counts = [0] * 80
    for place, count in enumerate((1, 3, 8, 19, 34, 45, 48, 39, 23, 12, 6, 2)):
        counts[36 + place] = count
    highest = (0.19, 0.17, 0.16, 0.15, 0.15)
    own = (0.78, 0.81, 0.86, 0.88, 0.9)
    return ScoresFigure(person_id, "starter@1", 240, 0.43, 0.5, edges, tuple(counts), highest, own)


QUALITY = QualityFigure(
    241, tuple(range(0, 105, 5)), (0,) * 9 + (1, 2, 4, 9, 21, 39, 58, 61, 34, 10, 2)
)


def activity(days: int) -> ActivityFigure:
    """Return made-up days: a busy start, a few who went."""
    first = date(2026, 11, 28) - timedelta(days=days - 1)
    names = tuple((first + timedelta(days=number)).isoformat() for number in range(days))
    busy = (3, 0, 1, 4, 7, 9, 2)
    enrolled = tuple(busy[n % 7] * (n * n % 5) // 4 + n % 3 for n in range(days))
    erased = tuple(int(n % 13 == 4) + int(n % 29 == 17) * 2 for n in range(days))
    refused = tuple(int(n % 17 == 6) + int(n % 23 == 9) for n in range(days))
    return ActivityFigure(names, enrolled, erased, refused)


LOG = tuple(
    AuditEntry(number, f"2026-11-28T{8 + number // 4:02d}:{7 * number % 60:02d}:00+00:00", *rest)
    for number, rest in enumerate(
        (
            ("faces", "sign_in", "", {"outcome": "done"}),
            ("mia (manager), uid 1000", "enrol_person", "p-41c7a09e", {"outcome": "enrolled"}),
            ("tom (clerk), uid 1000", "freeze_person", "p-00000004", {"outcome": "frozen"}),
            ("customer", "pause_person", "p-00000003", {"outcome": "done"}),
            ("mia (manager), uid 1000", "limit_person", "p-00000001", {"outcome": "done"}),
            ("uid 1000", "erase_person", "p-0000000c", {"outcome": "erased"}),
        ),
        1,
    )
)


REPORTED = WrongReported(
    "o-17",
    "",
    "p-00000001",
    ("p-00000001", "p-00000002"),
    Refund(
        3, "r", "o-17", Money(2_480), RefundWay.MANUAL, RefundState.PENDING, "wrong_person",
        "R3", "", "mia", "2026-11-28T10:30:00+00:00",
    ),
    Money(2_480),
)  # fmt: skip


@dataclass
class FakeFaces:
    """What all connections share."""

    staff: dict[str, tuple[str, StaffRole]] = field(
        default_factory=lambda: {
            "mia": ("green-apple", StaffRole.MANAGER),
            "tom": ("blue-pear", StaffRole.CLERK),
        }
    )
    people: list[PersonSummary] = field(default_factory=list)
    lines: list[Progress] = field(default_factory=lambda: list(GOOD))
    answer: object = ENROLLED
    """What an enrolment comes to; an error is raised. A list: one after another."""
    stop_at: str = ""
    """The code of the line after which an enrolment waits."""
    away: bool = False
    broken: dict[type, SmileTillError] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    """What is wrong with the log."""
    money_away: bool = False
    visits: list[QueueEntry] = field(default_factory=list)
    grace_until: str = ""
    report: WrongReported = field(default_factory=lambda: REPORTED)
    asked: list[object] = field(default_factory=list)
    connections: list[FakeConnection] = field(default_factory=list)
    cancelled: int = 0
    go_on: threading.Event = field(default_factory=threading.Event)

    def connect(self) -> FakeConnection:
        return self._connect(by_uid=False)

    def connect_as_user(self) -> FakeConnection:
        return self._connect(by_uid=True)

    def _connect(self, *, by_uid: bool) -> FakeConnection:
        if self.away:
            raise LinkDownError("faces", "is not there")
        made = FakeConnection(self, by_uid=by_uid)
        self.connections.append(made)
        return made

    def forget_sign_ins(self) -> None:
        """Nobody is signed in any more, as after idle minutes."""
        for connection in self.connections:
            connection._role = None

    def kept(self, found: PersonSummary, phone: str) -> PersonKept:
        """Return all that is kept of somebody."""
        known = PersonKept(
            person=found.person, name=found.name, phone=phone, state=found.state,
            pack=found.pack, enrolled_at=found.enrolled_at, samples=9, quality=86,
            consent_version="v2", consent_language="en", consent_sha256="5a" * 32,
            consent_given_at=found.enrolled_at, signature_kind="drawn", age_confirmed="asked",
            pin_always=found.pin_always, look_alikes=0, last_used="2026-11-26",
            warned_at=found.warned_at,
        )  # fmt: skip
        if self.money_away:
            return known
        paid = tuple(
            PayerPayment(
                f"o-{17 - number}",
                Money(1_250 + 430 * number),
                f"2026-11-{26 - number}T12:3{number}",
                "paid",
                "settled",
                Money(430 if number == 2 else 0),
            )
            for number in range(4)
        )  # fmt: skip
        return replace(
            known, money_asked=True, mandate=MandateState.ACTIVE, account_hint="••42",
            limits=DEFAULT_LIMITS, granted=DEFAULT_LIMITS, spent_today=Money(1_250),
            payments=paid, payments_total=4,
        )  # fmt: skip

    def of(self, kind: type) -> list[object]:
        """Return what was asked of one kind."""
        return [message for message in self.asked if isinstance(message, kind)]


class FakeConnection:
    """One connection, used on the worker's thread only, but for `hang_up`."""

    def __init__(self, faces: FakeFaces, *, by_uid: bool) -> None:
        self._faces = faces
        self._role = StaffRole.MANAGER if by_uid else None
        self._hung_up = threading.Event()
        self.closed = False
        self.thread = threading.get_ident()

    def hang_up(self) -> None:
        self._hung_up.set()
        self._faces.go_on.set()

    def close(self) -> None:
        assert self.thread == threading.get_ident(), "closed on its own thread"
        self.closed = True

    def call(self, message, expect, *, timeout_s=1.0, on_progress=None):
        assert self.thread == threading.get_ident(), "used on its own thread"
        faces = self._faces
        faces.asked.append(message)
        if self._hung_up.is_set() or faces.away:
            raise LinkDownError("faces", "went away")
        error = faces.broken.get(type(message))
        if error is not None:
            raise error
        if self._role is None and not isinstance(message, SignIn):
            raise BadInputError("nobody", code="sign_in_needed", mend="sign in")
        answer = self._answer(message, on_progress)
        assert isinstance(answer, expect)
        return answer

    def _answer(self, message, on_progress):  # noqa: PLR0911, PLR0912
        faces = self._faces
        match message:
            case SignIn(name, code):
                if faces.staff.get(name, ("",))[0] != code:
                    raise BadInputError("wrong", code="sign_in_wrong", mend="again")
                self._role = faces.staff[name][1]
                return SignedIn(name, self._role, 300)
            case SignOut():
                self._role = None
                return Done()
            case ListStaff():
                made = [StaffAccount(it, role, "") for it, (_, role) in faces.staff.items()]
                return StaffAccounts(tuple(made))
            case AddStaff(name, code, role):
                faces.staff[name] = (code, role)
                return StaffAccount(name, role, "")
            case GetConsent(language):
                return ConsentShown("v2", language, NOTICE[language], "5a" * 32, ("en", "de"))
            case ListPeople():
                return People(tuple(faces.people))
            case ShowPerson(person_id):
                return self._find(person_id)
            case ErasePerson(person_id):
                found = self._find(person_id)
                for line in (Progress("erasing"), Progress("searching", 40, 100)):
                    self._say(line, on_progress)
                faces.people.remove(found)
                return Erased(
                    erased=True, bytes_found=0, mandate_revoked=True, certificate="c-77f0a1"
                )
            case EnrolPerson():
                return self._enrol(on_progress)
            case ReenrolPerson(person_id):
                for line in faces.lines[:7]:
                    self._say(line, on_progress)
                if isinstance(faces.answer, EnrolRefused):
                    return faces.answer
                return Reenrolled(person_id, 9, 91, 0.8)
            case RemoveStaff(name):
                del faces.staff[name]
                return Done()
            case _:
                return self._answer_about(message)

    def _answer_about(self, message):  # noqa: PLR0911
        faces = self._faces
        match message:
            case ShowRights(person_id) | ExportPerson(person_id):
                found = self._find(person_id)
                whole = isinstance(message, ExportPerson)
                phone = "447700900123" if whole else found.phone_hint
                return faces.kept(found, phone)
            case ShowQueue():
                waiting = tuple(faces.visits)
                return VisitQueue("starter@1", faces.grace_until, len(waiting), waiting)
            case ShowScores(person_id):
                return scores(self._find(person_id).person)
            case ShowQuality(person_id):
                return QUALITY if person_id is None else replace(QUALITY, own=86)
            case ShowActivity(days):
                return activity(days)
            case VerifyAudit():
                return AuditVerdict(not faces.problems, len(LOG), 1, problems=faces.problems)
            case ListAudit():
                return AuditEntries(LOG)
            case ReportWrong():
                return faces.report
            case _:
                return self._change(message)

    def _change(self, message):
        faces = self._faces
        found = self._find(message.person)
        if getattr(message, "pin", "") not in {"", "194638"}:
            return RightTaken(found.person, found.state, "pin_wrong", attempts_left=2)
        states = {
            FreezePerson: "frozen", UnfreezePerson: "active", PausePerson: "paused",
            ResumePerson: "active", LimitPerson: found.state, ChangePin: found.state,
        }  # fmt: skip
        changed = replace(found, state=states[type(message)])
        faces.people[faces.people.index(found)] = changed
        return RightTaken(changed.person, changed.state)

    def _find(self, person_id):
        for known in self._faces.people:
            if known.person == person_id:
                return known
        raise BadInputError("nobody", code="person_unknown", mend="back")

    def _say(self, line: Progress, on_progress) -> None:
        faces = self._faces
        on_progress(line)
        if line.code == faces.stop_at:
            assert faces.go_on.wait(WAIT_S_MAX), "the test lets it go on"
            faces.go_on.clear()
        if self._hung_up.is_set():
            faces.cancelled += 1
            raise LinkDownError("faces", "went away")
        if faces.away:
            raise LinkDownError("faces", "went away")

    def _enrol(self, on_progress):
        faces = self._faces
        answer = faces.answer
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        for line in faces.lines:
            self._say(line, on_progress)
            if isinstance(answer, tuple) and answer[0] == line.code:
                answer = answer[1]
                break
        if isinstance(answer, Exception):
            raise answer
        return answer


def camera_gone() -> SetupError:
    """Return what an unplugged camera comes to."""
    return SetupError("The camera is gone.", code="camera_gone", mend="Plug it in.")
