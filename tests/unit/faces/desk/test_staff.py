"""Staff: who may do what, until when, and how often somebody may guess."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest

from kiosk.domain.errors import SmileTillError
from kiosk.domain.evidence import CameraKind
from kiosk.faces.desk.desk import DeskMessage
from kiosk.faces.desk.roles import ROLE_OF, role_for
from kiosk.faces.desk.staff import (
    IDLE_S_MAX,
    PAUSE_S,
    PAUSE_SUM_S,
    WRONG_CODES_MAX,
    WRONG_CODES_SUM_MAX,
    StaffBook,
    StaffSession,
)
from kiosk.faces.vault.accounts import FILE_NAME, CodeCost, StaffAccounts
from kiosk.link.protocol import (
    CameraSpec,
    EnrolPerson,
    ErasePerson,
    Frame,
    ListPeople,
    Role,
    decode_frame,
    encode_frame,
)
from kiosk.link.staff_desk import AddStaff, ListStaff, SignIn, SignOut, StaffRole

KEY = b"k" * 32
CHEAP = CodeCost(time_cost=1, memory_kib=8)
ENROL = EnrolPerson("Ada", "07700900123", "135790", "v1", CameraSpec(CameraKind.DEVICE))


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def book(tmp_path, clock):
    made = StaffBook(StaffAccounts(tmp_path, KEY, CHEAP), clock)
    made.add("anna", "anna-code", StaffRole.CLERK, "now")
    made.add("max", "max-code!", StaffRole.MANAGER, "now")
    return made


def code_of(call) -> str:
    with pytest.raises(SmileTillError) as caught:
        call()
    return caught.value.code


def test_accounts_survive_a_restart_and_nothing_of_them_can_be_read(book, tmp_path):
    """The file opens with its key only, and holds neither name nor code in the clear."""
    raw = (tmp_path / FILE_NAME).read_bytes()
    assert b"anna" not in raw
    assert b"argon2" not in raw

    again = StaffAccounts(tmp_path, KEY, CHEAP)
    assert ["anna", "max"] == [account.name for account in again.all()]
    assert again.verify("anna", "anna-code") is not None
    assert again.verify("anna", "max-code!") is None
    assert again.verify("nobody", "anna-code") is None
    assert "staff_file_damaged" == code_of(StaffAccounts(tmp_path, b"x" * 32, CHEAP).all)


@pytest.mark.parametrize("at", [0, 5, 20, -1])
def test_a_damaged_file_is_no_empty_list(book, tmp_path, at):
    """Nobody becomes staff, or stops being staff, by a flipped bit."""
    raw = bytearray((tmp_path / FILE_NAME).read_bytes())
    raw[at] ^= 1
    (tmp_path / FILE_NAME).write_bytes(raw)

    assert "staff_file_damaged" == code_of(StaffAccounts(tmp_path, KEY, CHEAP).all)


def test_the_window_may_do_nothing_before_a_sign_in(book):
    """Neither list nor enrol, whatever it asks."""
    session = StaffSession(book, Role.DESK, 1000)

    for message in (ListPeople(), ENROL, ErasePerson("p1"), ListStaff()):
        assert "sign_in_needed" == code_of(lambda it=message: session.demand(it))


def test_a_clerk_enrols_and_a_manager_erases(book):
    """Each row of the table is enforced; the actor is the account."""
    clerk, manager = (StaffSession(book, Role.DESK, 1000) for _ in range(2))
    assert StaffRole.CLERK is clerk.sign_in("anna", "anna-code").role
    assert StaffRole.MANAGER is manager.sign_in("max", "max-code!").role

    clerk.demand(ENROL)
    assert "manager_needed" == code_of(lambda: clerk.demand(ErasePerson("p1")))
    assert "manager_needed" == code_of(lambda: clerk.demand(AddStaff("x", "y", StaffRole.CLERK)))
    manager.demand(ErasePerson("p1"))
    assert ("anna (clerk), uid 1000", "max (manager), uid 1000") == (clerk.actor, manager.actor)


def test_the_command_line_is_a_manager_of_its_user(book):
    """No account is needed there; signing in narrows it and signing out ends it."""
    session = StaffSession(book, Role.STAFF, 1000)
    session.demand(ErasePerson("p1"))
    assert "uid 1000" == session.actor

    session.sign_in("anna", "anna-code")
    assert "manager_needed" == code_of(lambda: session.demand(ErasePerson("p1")))
    session.sign_out()
    assert "sign_in_needed" == code_of(lambda: session.demand(ListPeople()))


def test_a_sign_in_ends_when_nobody_is_there(book, clock):
    """Each request starts the minutes anew; after them the next needs a sign-in."""
    session = StaffSession(book, Role.DESK, 1000)
    session.sign_in("anna", "anna-code")
    for _ in range(3):
        clock.now += IDLE_S_MAX - 1
        session.demand(ListPeople())
    clock.now += IDLE_S_MAX + 1

    assert "sign_in_needed" == code_of(lambda: session.demand(ListPeople()))


def test_a_removed_or_changed_account_is_out_at_once(book):
    """Who was sent away does not go on with an open window."""
    first, second = (StaffSession(book, Role.DESK, 1000) for _ in range(2))
    first.sign_in("anna", "anna-code")
    second.sign_in("max", "max-code!")

    assert book.accounts.remove("anna")
    assert not book.accounts.remove("anna")
    book.add("max", "another-code", StaffRole.MANAGER, "now")
    for session in (first, second):
        assert "sign_in_needed" == code_of(lambda it=session: it.demand(ListPeople()))


def test_a_right_code_of_another_account_does_not_reset_the_brake(book, clock):
    """Anna cannot guess at Max's code by giving her own in between."""
    session = StaffSession(book, Role.DESK, 1000)
    for _ in range(WRONG_CODES_MAX):
        assert "sign_in_wrong" == code_of(lambda: session.sign_in("max", "a-guess"))
        session.sign_in("anna", "anna-code")

    assert "sign_in_paused" == code_of(lambda: session.sign_in("max", "max-code!"))
    session.sign_in("anna", "anna-code")
    clock.now += PAUSE_S
    session.sign_in("max", "max-code!")


def test_guessing_over_many_names_is_braked_too(book, clock):
    """The sum over all names stops everybody, and only time clears it."""
    session = StaffSession(book, Role.DESK, 1000)
    for number in range(WRONG_CODES_SUM_MAX):
        assert "sign_in_wrong" == code_of(lambda n=number: session.sign_in(f"no{n}", "a-guess"))

    assert "sign_in_paused" == code_of(lambda: session.sign_in("anna", "anna-code"))
    clock.now += PAUSE_SUM_S
    session.sign_in("anna", "anna-code")


@pytest.mark.parametrize("code", ["12345", "123456", "111111", "aaaaaa", "ababababab", "x" * 65])
def test_codes_that_are_guessed_first_are_refused(book, code):
    """Short ones, repeats, runs, and overlong ones."""
    with pytest.raises(SmileTillError):
        book.add("eva", code, StaffRole.CLERK, "now")
    assert book.accounts.find("eva") is None


@pytest.mark.parametrize("name", ["", " ", "two words", "new\nline", "x" * 33])
def test_staff_names_are_one_word(book, name):
    """They stand in the audit log as the actor."""
    assert "staff_name_bad" == code_of(
        lambda: book.add(name, "a-good-code", StaffRole.CLERK, "now")
    )


def test_every_message_of_the_desk_stands_in_the_table():
    """What is forgotten there would be a manager's, and nobody would have decided it."""
    kinds = set(itertools.chain(get_args(DeskMessage))) - {SignIn, SignOut}

    assert kinds == set(ROLE_OF)


def test_setting_a_look_alike_aside_is_a_managers_act():
    """The same message, but for one field."""
    aside = EnrolPerson("Ada", "1", "2", "v1", CameraSpec(CameraKind.DEVICE), look_alike_of="p1")

    assert StaffRole.CLERK is role_for(ENROL)
    assert StaffRole.MANAGER is role_for(aside)


def test_codes_are_in_no_repr():
    """A sign-in cannot be logged by accident."""
    message = SignIn("anna", "anna-code")

    assert "anna" not in repr(message)
    assert message == decode_frame(encode_frame(Frame(1, message))).msg
