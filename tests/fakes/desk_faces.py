"""A faces process as the staff tool's window sees it: connections, accounts, people, an enrolment.

An enrolment goes line by line, and waits at the line that the test names until the test lets it go
on or somebody hangs up; so every moment can be looked at without a sleep.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from kiosk.domain.errors import BadInputError, SetupError, SmileTillError
from kiosk.domain.mandate import MandateState
from kiosk.link.protocol import (
    Done,
    Enrolled,
    EnrolPerson,
    Erased,
    ErasePerson,
    ListPeople,
    People,
    PersonSummary,
    Progress,
    ShowPerson,
)
from kiosk.link.sockets import LinkDownError
from kiosk.link.staff_desk import (
    AddStaff,
    ConsentShown,
    GetConsent,
    ListStaff,
    Rehearsal,
    SignedIn,
    SignIn,
    SignOut,
    StaffAccount,
    StaffAccounts,
    StaffRole,
)

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

    def _answer(self, message, on_progress):  # noqa: PLR0911
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
        raise AssertionError(message)

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
